"""The bare attention layer is the lecture's formula, for tables and for sets."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.utils.estimator_checks import estimator_checks_generator

from sklearn_ann import AttentionTransformer
from sklearn_ann.attention import transformer


def table(n, p=4, seed=0):
    return np.random.default_rng(seed).normal(size=(n, p))


@pytest.mark.parametrize(
    ("estimator", "check"),
    [pair for scale in (1.0, "sqrt") for pair in estimator_checks_generator(AttentionTransformer(scale=scale))],
)
def test_check_estimator(estimator, check):
    check(estimator)


def test_self_attention_is_the_lectures_formula():
    X = table(50)
    expected = softmax(X @ X.T, axis=1) @ X
    np.testing.assert_allclose(AttentionTransformer().fit_transform(X), expected, rtol=1e-12)
    in_float32 = AttentionTransformer().fit_transform(X.astype(np.float32))
    assert in_float32.dtype == np.float32
    np.testing.assert_allclose(in_float32, expected, atol=1e-5)
    np.testing.assert_allclose(AttentionTransformer().fit(X).attention_maps(X), softmax(X @ X.T, axis=1), rtol=1e-12)


@pytest.mark.parametrize("scale", [0.3, "sqrt"])
def test_attention_is_the_lectures_formula(scale):
    X, K, V = table(20), table(30, seed=1), table(30, 2, seed=2)
    factor = 0.5 if scale == "sqrt" else scale
    found = AttentionTransformer(keys=K, values=V, scale=scale).fit_transform(X)
    np.testing.assert_allclose(found, softmax(factor * X @ K.T, axis=1) @ V, rtol=1e-12)


def test_chunks_give_the_same(monkeypatch):
    X = table(200)
    whole = AttentionTransformer().fit_transform(X)
    monkeypatch.setattr(transformer, "_MOST_WEIGHTS", 700)  # three rows at a time, and two that are left
    np.testing.assert_allclose(AttentionTransformer().fit_transform(X), whole, rtol=1e-12)


def test_a_steep_softmax_retrieves():
    keys = table(100)
    values = np.arange(100.0)[:, None]
    near = keys[[3, 70]] * 1.01
    closest = (near @ keys.T).argmax(axis=1)
    found = AttentionTransformer(keys=keys, values=values, scale=1e4).fit_transform(near)
    np.testing.assert_allclose(found[:, 0], closest)


def test_rows_of_a_set_attend_to_each_other_only():
    sets = [table(n, seed=n) for n in (3, 1, 5)]
    found = AttentionTransformer().fit_transform(sets)
    for one, answer in zip(sets, found, strict=True):
        np.testing.assert_allclose(answer, softmax(one @ one.T, axis=1) @ one, rtol=1e-12)
    X = np.full((4, 5, 4), 7.0)  # the last set is all masked
    mask = np.zeros((4, 5), dtype=bool)
    for i, one in enumerate(sets):
        X[i, : len(one)], mask[i, : len(one)] = one, True
    padded = AttentionTransformer().fit_transform(X, mask=mask)
    assert (padded[~mask] == 0).all()
    np.testing.assert_allclose(padded[mask], np.concatenate(found), rtol=1e-12)


def test_sets_may_ask_a_database():
    keys, values = table(6), table(6, 3)
    sets = [table(n, seed=n) for n in (3, 2)]
    model = AttentionTransformer(keys=keys, values=values).fit(sets)
    assert [found.shape for found in model.transform(sets)] == [(3, 3), (2, 3)]
    np.testing.assert_allclose(model.transform(sets)[1], model.transform(sets[1]), rtol=1e-12)
    assert [weights.shape for weights in model.attention_maps(sets)] == [(3, 6), (2, 6)]


def test_a_fitted_transformer_does_not_read_its_parameters():
    X = table(6)
    model = AttentionTransformer(scale="sqrt").fit(X)
    before = model.transform(X), model.attention_maps(X)
    model.set_params(scale=9.0, keys=X[:2], values=X[:2], device="abacus")
    np.testing.assert_array_equal(model.transform(X), before[0])
    np.testing.assert_array_equal(model.attention_maps(X), before[1])


X = table(5)


@pytest.mark.parametrize(
    ("parameters", "X", "message"),
    [
        ({"keys": table(3, 2)}, X, "keys has 2 features, but X has 4"),
        ({"keys": table(3), "values": table(2)}, X, "values has 2 rows, but there are 3 keys"),
        ({"values": table(2)}, X, "values has 2 rows, but there are 5 keys"),
        ({"values": table(2)}, [X], "values was given without keys: for sets, expected both"),
        ({"scale": 0.0}, X, "'scale' parameter"),
        ({"keys": np.full((2, 4), np.nan)}, X, "keys contains NaN"),
        ({}, [X, X[:, :2]], "set 1 has 2 features, but 4"),
        ({}, [X, X[:0]], "set 1: Found array with 0 sample"),
        ({}, [X, np.full((2, 4), np.inf)], "set 1: Input contains infinity"),
        ({}, X * 1e200, "too large to be finite"),
        ({"device": "abacus"}, X, "device must be"),
    ],
)
def test_bad_input(parameters, X, message):
    with pytest.raises(ValueError, match=message):
        AttentionTransformer(**parameters).fit_transform(X)


def test_bad_masks():
    sets = np.stack([X, X])
    model = AttentionTransformer().fit(sets)
    with pytest.raises(ValueError, match=r"mask is of type bool and of shape \(2, 4\): expected bool and \(2, 5\)"):
        model.transform(sets, mask=np.ones((2, 4), dtype=bool))
    with pytest.raises(ValueError, match="but X is a list of sets"):
        model.transform([X, X], mask=np.ones((2, 5), dtype=bool))
    with pytest.raises(ValueError, match="but X is a single table"):
        AttentionTransformer().fit(X).transform(X, mask=np.ones(5, dtype=bool))
    with pytest.raises(ValueError, match="but fit got sets"):
        model.transform(X)
