"""Codes and embeddings lie on a plane, with the labels and names of their samples."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from sklearn_ann import EntityEmbeddingTransformer, TensorFactorizationRegressor
from sklearn_ann.inspection import EmbeddingMapDisplay, LatentSpaceDisplay
from sklearn_ann.inspection.latent import on_a_plane

QUICK = {"max_epochs": 2, "learning_rate_schedule": "cosine", "random_state": 0}


@pytest.fixture(autouse=True)
def pyplot():
    mpl.use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


@pytest.fixture
def ax(pyplot):
    return pyplot.subplots()[1]


@pytest.mark.parametrize("width", [1, 2, 5])
def test_latent_space_is_a_plane_with_pandas_labels(width):
    codes = np.random.default_rng(0).normal(size=(30, width))
    y = pd.Series(["a", "b", "c"] * 10, name="kind", index=range(5, 35))
    display = LatentSpaceDisplay(codes, y=y).plot()
    legend = display.ax_.get_legend()
    assert legend.get_title().get_text() == "kind"
    assert [len(points.get_offsets()) for points in display.ax_.collections] == [10, 10, 10]
    if width == 2:
        np.testing.assert_allclose(display.ax_.collections[1].get_offsets(), codes[y == "b"])


def test_latent_space_colours_numbers_by_a_scale(ax):
    y = np.linspace(0, 1, 30)
    display = LatentSpaceDisplay(np.c_[y, y], y=y).plot(ax)
    np.testing.assert_allclose(display.ax_.collections[0].get_array(), y)
    assert len(display.figure_.axes) == 2  # the scale


def test_latent_space_refuses_other_numbers_of_labels():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        LatentSpaceDisplay(np.zeros((3, 2)), y=[0, 1]).plot()


def test_embedding_map_names_categories():
    table = pd.DataFrame({"city": ["Bonn", "Oslo", "Rome"] * 20, "size": np.arange(60.0)})
    model = EntityEmbeddingTransformer(**QUICK).fit(table, np.arange(60) % 3)
    display = EmbeddingMapDisplay.from_estimator(model)
    assert [text.get_text() for text in display.ax_.texts] == ["Bonn", "Oslo", "Rome"]
    with pytest.raises(ValueError, match="column=1, but there are 1"):
        EmbeddingMapDisplay.from_estimator(model, column=1)


def test_a_plane_keeps_two_columns_pads_one_and_projects_more():
    X = np.random.default_rng(0).normal(size=(20, 2))
    np.testing.assert_array_equal(on_a_plane(X), X)
    np.testing.assert_array_equal(on_a_plane(X[:, :1]), np.c_[X[:, 0], np.zeros(20)])
    turned = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0][:2]  # the plane lies in five dimensions
    found = on_a_plane(X @ turned)
    distances = [np.linalg.norm(points[:, None] - points, axis=-1) for points in (found, X)]
    np.testing.assert_allclose(distances[0], distances[1])
    assert on_a_plane(np.ones((1, 5))).shape == (1, 2)  # a single sample has no principal components


def test_many_labels_share_a_scale_of_colours():
    labels = np.array([f"kind {i:02d}" for i in range(21)])
    display = LatentSpaceDisplay(np.zeros((21, 2)), y=labels).plot()
    assert display.ax_.get_legend() is None
    np.testing.assert_array_equal(display.ax_.collections[0].get_array(), np.arange(21))
    assert display.figure_.axes[1].get_ylabel() == "labels: 21 in one scale"
    ticks = display.figure_.axes[1].get_yticks()
    names = [text.get_text() for text in display.figure_.axes[1].get_yticklabels()]
    assert names == [f"kind {int(tick):02d}" for tick in ticks] == [f"kind {i:02d}" for i in range(0, 21, 2)]


@pytest.mark.parametrize("n_labels", [8, 10, 20])
def test_no_two_labels_have_one_colour(n_labels):
    display = LatentSpaceDisplay(np.zeros((40, 2)), y=np.arange(40) % n_labels).plot()
    colours = {tuple(points.get_facecolor()[0]) for points in display.ax_.collections}
    assert len(colours) == len(display.ax_.get_legend().get_texts()) == n_labels


def test_few_samples_have_large_markers_and_many_still_visible_ones():
    few, many = (LatentSpaceDisplay(np.zeros((n, 2))).plot().ax_.collections[0].get_sizes()[0] for n in (50, 20000))
    assert few**0.5 > 6  # points
    assert many**0.5 > 3


def test_axes_say_what_the_components_are():
    assert LatentSpaceDisplay(np.zeros((3, 2))).plot().ax_.get_xlabel() == "first component"
    vectors = np.random.default_rng(0).normal(size=(4, 3))
    display = EmbeddingMapDisplay(vectors, "ACGT").plot()
    assert display.ax_.get_ylabel().startswith("second principal component (")
    shares = [int(label().split("(")[1][:-2]) for label in (display.ax_.get_xlabel, display.ax_.get_ylabel)]
    assert 50 < sum(shares) <= 100
    assert shares[0] >= shares[1]
    np.testing.assert_allclose([text.xy for text in display.ax_.texts], on_a_plane(vectors))


def test_names_do_not_cover_the_nearest_point():
    vectors = [[0.0, 0.0], [0.1, 0.01], [1.0, 1.0], [1.0, 1.0]]
    display = EmbeddingMapDisplay(vectors, ["left", "right", "twin", "other twin"]).plot()
    left, right, twin, _ = display.ax_.texts
    assert left.get_ha() == "right"
    assert left.xyann[0] < 0 < right.xyann[0]
    assert right.get_ha() == "left"
    assert min(twin.xyann) > 0  # a point on another has its name where a single one has it
    [alone] = EmbeddingMapDisplay([[1.0, 2.0]], ["A"]).plot().ax_.texts
    assert min(alone.xyann) > 0


def test_an_embedding_without_a_name_is_refused():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        EmbeddingMapDisplay(np.zeros((3, 2)), ["A", "B"]).plot()


def factorization():
    frame = pd.DataFrame(np.argwhere(np.ones((6, 5, 4))), columns=["drug", "cell", "dose"])
    y = np.cos(frame.to_numpy() @ [0.3, 0.7, 1.1])
    doses = pd.Categorical.from_codes(frame["dose"], categories=[0.1, 1.0, 10.0, 100.0])
    ranks = pd.Categorical.from_codes(frame["cell"], categories=list("edcba"), ordered=True)
    frame = frame.assign(drug="drug " + frame["drug"].astype(str), dose=doses, cell=ranks)
    return TensorFactorizationRegressor(max_epochs=2, random_state=0).fit(frame, y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_levels_of_a_mode_have_names_and_numbers_an_order():
    model = factorization()
    display = EmbeddingMapDisplay.from_estimator(model)
    assert [text.get_text() for text in display.ax_.texts] == [f"drug {i}" for i in range(6)]
    assert display.ax_.get_title() == "drug"
    assert not display.ax_.lines
    doses = EmbeddingMapDisplay.from_estimator(model, mode="dose")
    np.testing.assert_array_equal(doses.ax_.collections[0].get_array(), range(4))
    assert [text.get_text() for text in doses.figure_.axes[1].get_yticklabels()] == ["0.1", "1", "10", "100"]
    np.testing.assert_allclose(doses.ax_.lines[0].get_xydata(), on_a_plane(model.embeddings_["dose"]))
    assert not EmbeddingMapDisplay.from_estimator(model, mode="dose", ordered=False).ax_.lines
    ranks = EmbeddingMapDisplay.from_estimator(model, mode="cell", ordered=True)
    assert [text.get_text() for text in ranks.figure_.axes[1].get_yticklabels()] == list("edcba")
    with pytest.raises(ValueError, match=r"mode='time', but the modes are \['drug', 'cell', 'dose'\]"):
        EmbeddingMapDisplay.from_estimator(model, mode="time")


def test_of_many_names_some_are_written():
    display = EmbeddingMapDisplay(np.random.default_rng(0).normal(size=(150, 3)), range(150), ordered=True).plot()
    assert [text.get_text() for text in display.ax_.texts] == [str(name) for name in range(0, 150, 3)]
    assert EmbeddingMapDisplay(np.zeros((4, 3)), "abcd").plot().ax_.get_xlabel() == "first principal component"
