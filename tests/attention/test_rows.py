"""Attention of a row to the rows of the training set."""

import pickle

import numpy as np
import pytest
import torch

from sklearn_ann import AttentionClassifier, AttentionRegressor
from sklearn_ann.attention.rows import similarities

QUICK = {"attend": "rows", "max_epochs": 15, "random_state": 0}


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(500, 2))
    y = np.sin(4 * X[:, 0]) * np.cos(4 * X[:, 1])
    return X, y, AttentionRegressor(**QUICK | {"max_epochs": 40}).fit(X[:400], y[:400])


def test_a_surface_is_learned(fitted):
    X, y, model = fitted
    assert model.score(X[400:], y[400:]) > 0.9


def test_neighbors_are_training_rows_the_nearest_by_the_keys_first(fitted):
    X, _, model = fitted
    indices, weights = model.neighbors(X[400:410])
    assert indices.shape == weights.shape == (10, 32)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    assert (np.diff(weights, axis=1) <= 0).all()
    assert indices.min() >= 0
    assert indices.max() < 400
    np.testing.assert_allclose(model.attention_maps(X[400:410])[:, 0, 0, 0], weights, rtol=1e-5)
    of_training, _ = model.neighbors(X[:20])
    assert (of_training[:, 0] == np.arange(20)).all()  # asked for as any other row, it finds itself


def test_training_leaves_the_row_itself_out():
    """Labels by chance: a row that saw its own would be right on all of them."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 3)), rng.integers(2, size=200)
    model = AttentionClassifier(n_neighbors=1, **QUICK).fit(X, y)
    assert model.loss_ > 0.4


def test_rows_held_out_for_early_stopping_are_no_neighbours():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 2))
    model = AttentionRegressor(early_stopping=True, validation_fraction=0.3, **QUICK).fit(X, X[:, 0])
    assert len(np.unique(model.neighbors(X)[0])) <= 70


def test_prediction_does_not_depend_on_the_batch_and_survives_a_pickle(fitted):
    X, _, model = fitted
    together = model.predict(X)
    np.testing.assert_allclose([model.predict(X[i : i + 1])[0] for i in range(5)], together[:5], rtol=1e-5)
    assert (pickle.loads(pickle.dumps(model)).predict(X) == together).all()


@pytest.mark.parametrize("similarity", ["l2", "dot"])
def test_similarities_are_what_they_are_called(similarity):
    query, key = torch.randn(3, 4, dtype=torch.float64), torch.randn(5, 4, dtype=torch.float64)
    expected = -torch.cdist(query, key).square() if similarity == "l2" else query @ key.T / 2
    found = similarities(query, key, similarity)  # up to a number of each query
    torch.testing.assert_close(found - found[:, :1], expected - expected[:, :1])
    bias = torch.arange(5.0, dtype=torch.float64)
    torch.testing.assert_close(similarities(query, key, similarity, bias), found + bias)


def test_chunks_of_keys_give_the_same_neighbours(fitted, monkeypatch):
    X, _, model = fitted
    before = model.neighbors(X[400:])
    monkeypatch.setattr("sklearn_ann.attention.rows._CHUNK", 37)
    after = model.neighbors(X[400:])
    np.testing.assert_allclose(after[1], before[1], rtol=1e-4, atol=1e-6)


def test_duplicates_and_a_training_set_smaller_than_k():
    X, y = np.repeat([[0.0, 1.0], [1.0, 0.0]], 3, axis=0), [0, 0, 0, 1, 1, 1]
    model = AttentionClassifier(similarity="dot", **QUICK | {"max_epochs": 3}).fit(X, y)
    indices, weights = model.neighbors(X)
    assert indices.shape == (6, 6)
    assert sorted(indices[0]) == list(range(6))
    assert np.isfinite(weights).all()


def test_a_second_partial_fit_leaves_equal_rows_out():
    """Labels by chance, as above."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 3)), rng.integers(2, size=200)
    X[0, 0] = np.nan
    model = AttentionClassifier(n_neighbors=1, **QUICK)
    for _ in range(30):
        model.partial_fit(X, y, classes=[0, 1])
    assert model.loss_ > 0.4
    body, rows = model.module_.body, model.reader_.read(X)[torch.arange(200)]
    with torch.no_grad():
        query = body._encoded(rows)[1]
        _, number = body._best(query, rows.own, body._all_keys(), slice(None), rows)
    assert (rows.own == -1).all()
    assert not (number[:, 0] == torch.arange(200)).any()


def test_a_warm_start_leaves_the_row_itself_out_and_keeps_its_neighbours():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 3)), np.arange(100) % 3
    model = AttentionClassifier(n_neighbors=5, warm_start=True, **QUICK | {"max_epochs": 2}).fit(X, y)
    model.fit(X[:50], y[:50] // 2)  # without the last class
    indices, weights = model.neighbors(X[:50])
    np.testing.assert_array_equal(indices[:, 0], np.arange(50))
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    assert indices.max() < 50
    body, rows = model.module_.body, model.reader_.read(X[:50])[torch.arange(50)]
    with torch.no_grad():
        itself, _ = body.neighbors(rows._replace(own=torch.arange(50)))
    assert not (itself == torch.arange(50)[:, None]).any()
