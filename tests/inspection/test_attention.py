"""Pictures of attention maps show the weights under the names of the tokens."""

import itertools

import matplotlib
import numpy as np
import pytest
import torch

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from sklearn_ann import AttentionClassifier, AttentionTransformer, CNNClassifier, SequenceTranslator
from sklearn_ann.inspection import AttentionMapDisplay

X = ["ACGTACG", "TTCA", "ACGG", "CCGTTA"]


@pytest.fixture(scope="module")
def model():
    settings = {"max_epochs": 2, "n_layers": 2, "n_heads": 3, "learning_rate_schedule": "cosine", "random_state": 0}
    return AttentionClassifier(**settings).fit(X, [0, 1, 0, 1])


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_all_layers_and_heads_have_a_picture(model):
    display = AttentionMapDisplay.from_estimator(model, X, sample=1)
    assert display.ax_.shape == (2, 3)
    maps = model.attention_maps(X[1:2])[0]
    for place, ax in np.ndenumerate(display.ax_):
        np.testing.assert_array_equal(ax.images[0].get_array(), maps[place])
        assert [label.get_text() for label in ax.get_xticklabels()] == ["CLS", *X[1]]
        assert ax.get_title() == f"layer {place[0]}, head {place[1]}"
    assert display.ax_[0, 0].figure is display.figure_
    assert len(display.figure_.axes) == 7  # one scale of colours for all
    assert {image.get_clim() for image in display.im_} == {(0.0, maps.max())}


def test_one_picture_may_be_put_anywhere(model):
    _, (left, right) = plt.subplots(1, 2)
    one = AttentionMapDisplay.from_estimator(model, X, layer=-1, head=2, ax=left, colorbar=False)
    assert one.ax_ is left
    assert left.get_title() == "layer 1, head 2"
    flow = AttentionMapDisplay.from_estimator(model, X, kind="rollout", ax=right, colorbar=False)
    assert flow.ax_ is right
    np.testing.assert_array_equal(right.images[0].get_array(), model.attention_maps(X[:1], kind="rollout")[0])


def test_several_pictures_share_one_place(model):
    _, ax = plt.subplots()
    display = AttentionMapDisplay.from_estimator(model, X, layer=0, ax=ax)
    assert display.ax_.shape == (1, 3)
    assert display.figure_ is ax.figure
    assert not ax.axison


def test_a_translation_has_the_output_beside_the_source():
    settings = {"n_components": 24, "n_heads": 2, "max_epochs": 40, "learning_rate": 0.01, "random_state": 0}
    model = SequenceTranslator(**settings).fit(["abc", "ab"] * 20, [["X", "Y", "Z"], ["Z"]] * 20)
    display = AttentionMapDisplay.from_estimator(model, ["ab", "abc"], sample=1, layer=-1, head=1)
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["a", "b", "c"]
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == ["X", "Y", "Z"]
    np.testing.assert_array_equal(display.ax_.images[0].get_array(), model.attention_maps(["abc"])[0][-1, 1])
    with pytest.raises(ValueError, match="kind='rollout': expected 'raw'"):
        AttentionMapDisplay.from_estimator(model, ["ab"], kind="rollout")


def test_an_output_is_searched_once_and_has_a_token():
    model = SequenceTranslator(n_components=24, max_epochs=30, random_state=0, max_length=4)
    model.fit(["ab", "b"] * 20, ["x" * 30, "x" * 31] * 20)
    with pytest.warns(UserWarning, match="1 of 1 outputs were cut") as caught:
        AttentionMapDisplay.from_estimator(model, ["ab"])
    assert len(caught) == 1
    with torch.no_grad():
        model.module_.output.bias[0] = 1e3  # the end
    with pytest.raises(ValueError, match="the output for sample -1 has no token"):
        AttentionMapDisplay.from_estimator(model, ["b", "ab"], sample=-1)


def test_weights_of_any_origin():
    display = AttentionMapDisplay(np.eye(3), key_names=["a", "b", "c"]).plot()
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == ["a", "b", "c"]
    with pytest.raises(ValueError, match=r"weights must have 2 to 4 dimensions, got the shape \(3,\)"):
        AttentionMapDisplay(np.ones(3)).plot()


@pytest.mark.parametrize(("name", "value"), [("sample", 4), ("layer", 2), ("head", -4), ("head", "first")])
def test_what_there_is_not(model, name, value):
    with pytest.raises(ValueError, match=f"{name}={value!r}: expected"):
        AttentionMapDisplay.from_estimator(model, X, **{name: value})


@pytest.mark.parametrize("n", [5, 20, 41, 79, 150])
@pytest.mark.parametrize("shape", [(), (2, 3)], ids=["one", "several"])
def test_names_never_cover_each_other(n, shape):
    names = ["CLS", *("ACGT" * 40)[: n - 1]]
    display = AttentionMapDisplay(np.ones((*shape, n, n)), query_names=names, key_names=names).plot()
    display.figure_.canvas.draw()
    ax = display.figure_.axes[0]
    for labels, side in ((ax.get_xticklabels(), "x"), (ax.get_yticklabels(), "y")):
        assert min(label.get_fontsize() for label in labels) >= 6
        boxes = sorted(getattr(label.get_window_extent(), f"interval{side}").tolist() for label in labels)
        assert all(first[1] <= second[0] for first, second in itertools.pairwise(boxes))
        assert len(boxes) == n or len(boxes) > 8
    texts = [label.get_text() for label in ax.get_xticklabels()]
    places = ax.get_xticks().astype(int)
    assert texts == (names if len(places) == n else [f"{place} {names[place]}" for place in places])


def test_the_bare_formula_has_one_map():
    table = np.random.default_rng(0).normal(size=(6, 2))
    model = AttentionTransformer(scale=2.0).fit(table)
    display = AttentionMapDisplay.from_estimator(model, table[:4])
    np.testing.assert_array_equal(display.ax_.images[0].get_array(), model.attention_maps(table[:4]))
    sets = [table[:2], table[2:]]
    display = AttentionMapDisplay.from_estimator(AttentionTransformer().fit(sets), sets, sample=-1, layer=0, head=0)
    np.testing.assert_allclose(display.weights, AttentionTransformer().fit(sets).attention_maps(sets)[1])
    for settings, message in (
        ({"sample": 1}, "sample=1: expected 0, as the rows of a table"),
        ({"kind": "rollout"}, "kind='rollout': expected 'raw'"),
        ({"head": 1}, "head=1: expected None or an integer from -1 to 0"),
    ):
        with pytest.raises(ValueError, match=message):
            AttentionMapDisplay.from_estimator(model, table, **settings)


def test_an_estimator_without_attention_is_refused():
    with pytest.raises(TypeError, match="or AttentionTransformer, got CNNClassifier"):
        AttentionMapDisplay.from_estimator(CNNClassifier(), X)
