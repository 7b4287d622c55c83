"""What the attention estimators add to their networks: the kind of attention, its maps, and their rollout."""

import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_ann import AttentionClassifier
from sklearn_ann.attention import estimators
from sklearn_ann.attention.estimators import chunks_of_maps, rollout, what_to_attend

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
QUICK = {"max_epochs": 1, "n_components": 16, "random_state": 0}


def strings(n=20, seed=0):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGT"), size=k)) for k in rng.integers(1, 12, size=n)], np.arange(n) % 2


@pytest.mark.parametrize(
    ("X", "expected"),
    [
        (["AC", "G"], "tokens"),
        (("AC", "G"), "tokens"),
        (np.array(["AC", "G"]), "tokens"),
        (pd.Series(["AC", "G"]), "tokens"),
        ([3, "AC"], "tokens"),  # its reader names the sample that is no string
        ("ACG", "tokens"),
        ([["AC", 1.0], ["G", 2.0]], "columns"),
        (np.eye(2), "columns"),
        (pd.DataFrame({"dna": ["AC", "G"]}), "tokens"),
        (pd.DataFrame({"dna": pd.Categorical(["AC", "G"])}), "tokens"),
        (np.array([["AC"], ["G"]]), "tokens"),
        ([["A", "C"], ["G"]], "tokens"),
        (pd.DataFrame({"dna": ["AC", "G"], "x": [1.0, 2.0]}), "columns"),
        (pd.DataFrame({"x": [1.0, 2.0]}), "columns"),
        ([[1.0, None], [2.0, 3.0]], "columns"),
    ],
)
def test_strings_have_tokens_and_tables_columns(X, expected):
    assert what_to_attend(X) == (expected, None)


def test_a_column_of_strings_is_read_as_a_list_of_them_is():
    X, y = strings()
    frame = pd.DataFrame({"dna": X})
    model = AttentionClassifier(**QUICK).fit(frame, y)
    assert (model.n_features_in_, model.alphabet_, model.letters_) == (1, "dna", "ACGT")
    assert model.feature_names_in_.tolist() == ["dna"]
    expected = AttentionClassifier(**QUICK).fit(X, y).predict_proba(X)
    for same in (frame, frame["dna"], frame.to_numpy(), X, [list(x) for x in X], [x.lower() for x in X]):
        np.testing.assert_array_equal(model.predict_proba(same), expected)
    frame = pd.DataFrame({"dna": ["AC", "G"] * 10})
    table = AttentionClassifier(attend="columns", **QUICK).fit(frame, y)
    assert (table.alphabet_, table.letters_) == (None, None)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.array([["red"], ["blue"]] * 10), "The column of 20 strings, 2 of them different, is read as sequences"),
        (np.array([["A", "C"], ["G", "T"]]), "Rows of single letters are read as a table of categories"),
    ],
)
def test_two_readings_that_fit_warn(X, message):
    with pytest.warns(UserWarning, match=f"{message}; attend='tokens' or attend='columns'"):
        AttentionClassifier(**QUICK, alphabet="protein").fit(X, np.arange(len(X)) % 2)
    for attend in ("tokens", "columns"):
        model = AttentionClassifier(attend=attend, alphabet="protein", unknown="ambiguous", **QUICK)
        model.fit(X, np.arange(len(X)) % 2)


@pytest.mark.parametrize(
    "X",
    [
        np.ones((4, 6, 2)),
        [np.ones((3, 2)), np.ones((4, 2))] * 2,
        [np.ones(3), np.ones(4)] * 2,
        pd.DataFrame({"a": [np.ones(3)] * 4}),
        pd.Series([np.ones(3)] * 4),
    ],
)
def test_series_and_images_are_referred_to_convolutions(X):
    with pytest.raises(ValueError, match=r"attention reads strings and tables.*CNNClassifier"):
        AttentionClassifier(**QUICK).fit(X, [0, 1, 0, 1])


def test_rollout_of_one_layer_is_half_identity():
    layer = torch.tensor([[[0.2, 0.8], [1.0, 0.0]], [[0.6, 0.4], [0.0, 1.0]]], dtype=torch.float64)  # of two heads
    found = rollout(layer[None, None])
    expected = torch.tensor([[0.7, 0.3], [0.25, 0.75]], dtype=torch.float64)
    torch.testing.assert_close(found[0], expected)


def test_rollout_is_the_product_of_the_layers():
    X, y = strings()
    model = AttentionClassifier(n_layers=3, **QUICK).fit(X, y)
    raw, rolled = model.attention_maps(X), model.attention_maps(X, kind="rollout")
    for layers, found in zip(raw, rolled, strict=True):
        first, second, third = (layers.mean(axis=1) + np.eye(layers.shape[-1])) / 2
        np.testing.assert_allclose(found, third @ second @ first, rtol=1e-4, atol=1e-6)


def test_chunks_hold_each_sample_once_and_one_number_of_keys(monkeypatch):
    monkeypatch.setattr(estimators, "_MOST_WEIGHTS", 100)
    n_keys = np.array([3, 5, 3, 3, 20, 5, 3])
    chunks = [chunk.tolist() for chunk in chunks_of_maps(n_keys, n_heads=4)]
    assert sorted(np.concatenate(chunks)) == list(range(7))
    for chunk in chunks:
        assert len(set(n_keys[chunk])) == 1
        assert len(chunk) == 1 or len(chunk) * 4 * n_keys[chunk[0]] ** 2 <= 100


def test_maps_come_in_chunks(monkeypatch):
    X, y = strings(40)
    X = [s[:4] for s in X if len(s) >= 4]
    model = AttentionClassifier(**QUICK).fit(X, y[: len(X)])
    whole = model.attention_maps(X)
    monkeypatch.setattr(estimators, "_MOST_WEIGHTS", 1000)
    np.testing.assert_allclose(model.attention_maps(X), whole, rtol=1e-4, atol=1e-6)


def test_maps_of_an_unknown_kind_or_without_a_rollout_are_refused():
    model = AttentionClassifier(attend="rows", n_neighbors=1, **QUICK).fit(np.eye(4), [0, 1, 0, 1])
    with pytest.raises(ValueError, match="kind='mean': expected 'raw' or 'rollout'"):
        model.attention_maps(np.eye(4), kind="mean")
    with pytest.raises(ValueError, match="kind='rollout' needs attention within samples, but attend='rows'"):
        model.attention_maps(np.eye(4), kind="rollout")


def test_only_rows_have_neighbors():
    model = AttentionClassifier(**QUICK).fit(np.eye(4), [0, 1, 0, 1])
    assert not hasattr(model, "neighbors")
    assert hasattr(model.set_params(attend="rows").fit(np.eye(4), [0, 1, 0, 1]), "neighbors")


def test_a_fitted_estimator_does_not_read_its_parameters():
    X, y = strings()
    model = AttentionClassifier(alphabet="dna", k=1, pooling="cls", **QUICK).fit(X, y)
    before = model.predict_proba(X), model.token_names(X), model.attention_maps(X[:1])
    model.set_params(attend="rows", alphabet="protein", k=3, n_heads=1, pooling="mean", position="learned")
    np.testing.assert_array_equal(model.predict_proba(X), before[0])
    assert model.token_names(X) == before[1]
    np.testing.assert_array_equal(model.attention_maps(X[:1]), before[2])
    assert not hasattr(model, "neighbors")


def test_a_tensor_is_a_table_as_its_array_is():
    X = np.arange(12.0).reshape(6, 2)
    for tensor in (torch.tensor(X), torch.tensor(X, requires_grad=True)):
        assert estimators.what_to_attend(tensor) == estimators.what_to_attend(X) == ("columns", None)
