"""Counts and shares are told from measurements by their bulk, and rows get one length."""

import numpy as np
import pytest
import scipy.sparse as sp

from sklearn_ann.reading.graphs.lengths import automatic_lengths, scaled_rows

rng = np.random.default_rng(0)
WORDS = rng.poisson(0.1, size=(50, 40)).astype(np.float32)


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_bags_of_words_are_counts(kind):
    assert automatic_lengths(kind(WORDS)) == "l2"
    assert automatic_lengths(kind((WORDS > 0).astype(np.float32))) == "l2"
    assert automatic_lengths(sp.eye_array(5, format="csr")) == "l2"  # where it changes nothing
    shares = WORDS / np.maximum(WORDS.sum(axis=1, keepdims=True), 1)
    assert automatic_lengths(kind(shares)) == "l2"
    odd = WORDS.copy()
    odd[0, 0] = -0.5  # one entry does not decide
    assert automatic_lengths(kind(odd)) == "l2"


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_other_features_stay(kind):
    income = np.concatenate([WORDS > 0, rng.normal(3e4, 1e4, size=(50, 1))], axis=1)
    for X in (rng.normal(size=(50, 4)), income, -WORDS, WORDS + 1, np.zeros((3, 2)), np.zeros((0, 2))):
        assert automatic_lengths(kind(X.astype(np.float32))) is None


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_rows_get_one_length(kind):
    X = kind(np.array([[3, 4, 0], [0, 0, 0], [-1, 0, 1]], dtype=np.float32))
    for lengths in ("l1", "l2"):
        scaled = scaled_rows(X, lengths)
        assert scaled.dtype == np.float32
        assert sp.issparse(scaled) == sp.issparse(X)
        dense = scaled.toarray() if sp.issparse(scaled) else scaled
        norm = np.linalg.norm(dense, axis=1) if lengths == "l2" else np.abs(dense).sum(axis=1)
        np.testing.assert_allclose(norm, [1, 0, 1], rtol=1e-6)
