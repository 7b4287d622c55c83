"""Pooling of tokens by hand, with sequences that have none."""

import numpy as np
import pytest
import scipy.sparse as sp

from sklearn_ann.embedding import pooling
from sklearn_ann.embedding.pooling import pool, pool_greatest

VECTORS = np.array([[1.0, -2.0], [3.0, -4.0], [-5.0, 0.5]])
COUNTS = sp.csr_array(np.array([[2, 1, 0], [0, 0, 0], [0, 0, 3], [1, 0, 1]]))


def test_the_mean_counts_a_token_as_often_as_it_occurs():
    expected = [[5 / 3, -8 / 3], [0, 0], [-5, 0.5], [-2, -0.75]]
    np.testing.assert_allclose(pool(COUNTS, VECTORS, None), expected)


def test_the_weighted_mean_does_not_depend_on_the_unit_of_the_weights():
    weight = np.array([1.0, 4.0, 0.5])
    expected = [[(2 * 1 + 4 * 3) / 6, (2 * -2 + 4 * -4) / 6], [0, 0], [-5, 0.5], [(1 - 2.5) / 1.5, (-2 + 0.25) / 1.5]]
    np.testing.assert_allclose(pool(COUNTS, VECTORS, weight), expected)
    np.testing.assert_allclose(pool(COUNTS, VECTORS, 10 * weight), expected)


def test_the_maximum_is_taken_by_component_and_may_be_negative():
    expected = [[3, -2], [0, 0], [-5, 0.5], [1, 0.5]]
    np.testing.assert_array_equal(pool_greatest(COUNTS, VECTORS), expected)


def test_chunks_have_the_same_maximum(monkeypatch):
    rng = np.random.default_rng(0)
    counts, vectors = sp.csr_array(rng.poisson(0.3, size=(50, 6))), rng.normal(size=(6, 3))
    whole = pool_greatest(counts, vectors)
    monkeypatch.setattr(pooling, "_CHUNK", 7)
    np.testing.assert_array_equal(pool_greatest(counts, vectors), whole)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sequences_without_tokens_become_zeros_of_the_same_type(dtype):
    empty = sp.csr_array((2, 3), dtype=np.int64)
    for found in (
        pool(empty, VECTORS.astype(dtype), None),
        pool(empty, VECTORS.astype(dtype), np.ones(3)),
        pool_greatest(empty, VECTORS.astype(dtype)),
    ):
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, np.zeros((2, 2)))
