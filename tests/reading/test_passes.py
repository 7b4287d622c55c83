"""What is learned piece by piece equals what is learned of all at once."""

import numpy as np
import pytest
import scipy.sparse as sp

from sklearn_ann.reading import passes
from sklearn_ann.reading.passes import Chosen, RunningMoments, numbered

rng = np.random.default_rng(0)
WEIGHT = rng.integers(0, 3, 500).astype(float)


def of_pieces(X, weight=WEIGHT):
    moments = RunningMoments(X.shape[1])
    for start in (0, 1, 8, 300):
        stop = {0: 1, 1: 8, 8: 300, 300: 500}[start]
        moments.add(X[start:stop], weight[start:stop])
    return moments


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_moments_are_those_of_all_rows(offset):
    X = rng.normal(offset, 3.0, size=(500, 4))
    moments = of_pieces(X)
    mean = np.average(X, axis=0, weights=WEIGHT)
    np.testing.assert_allclose(moments.mean, mean, rtol=1e-13)
    np.testing.assert_allclose(moments.variance, np.average((X - mean) ** 2, axis=0, weights=WEIGHT), rtol=1e-9)


def test_moments_of_sparse_rows_are_those_of_dense_ones():
    X = sp.random(500, 6, 0.2, format="csr", random_state=0, dtype=np.float32)
    sparse, dense = of_pieces(X), of_pieces(X.toarray())
    np.testing.assert_allclose(sparse.mean, dense.mean, rtol=1e-12)
    np.testing.assert_allclose(sparse.variance, dense.variance, rtol=1e-12)


def test_missing_values_take_no_part():
    X = np.where(rng.random((500, 3)) < 0.3, np.nan, rng.normal(size=(500, 3)))
    X[:, 2] = np.nan
    moments = of_pieces(X, np.ones(500))
    np.testing.assert_allclose(moments.mean[:2], np.nanmean(X[:, :2], axis=0), rtol=1e-12)
    np.testing.assert_allclose(moments.variance[:2], np.nanvar(X[:, :2], axis=0), rtol=1e-12)
    assert moments.mean[2] == moments.variance[2] == 0


def test_wide_rows_are_added_some_at_a_time(monkeypatch):
    X = rng.normal(size=(500, 4))
    at_once = of_pieces(X)
    monkeypatch.setattr(passes, "_VALUES", 40)
    np.testing.assert_allclose(of_pieces(X).variance, at_once.variance, rtol=1e-12)


def test_chosen_samples_are_spread_and_do_not_depend_on_the_pieces(monkeypatch):
    assert len(Chosen(7).within(2, 3)) == 3
    monkeypatch.setattr(passes, "_SOME", 100)
    chosen = Chosen(1000)
    found = np.concatenate([start + chosen.within(start, 50) for start in range(0, 1000, 50)])
    assert len(found) == len(set(found)) == 100
    assert 400 < found.mean() < 600
    np.testing.assert_array_equal(found, Chosen(1000).within(0, 1000))


def test_errors_are_numbered():
    with pytest.raises(ValueError, match="sample 103 is wrong"), numbered(100, 10):
        raise ValueError("sample 3 is wrong")
