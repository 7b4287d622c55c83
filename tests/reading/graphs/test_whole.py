"""Features of whole graphs are checked, matched by name and scaled by the graphs of the fit."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch

from sklearn_ann.reading.graphs.parts import GraphParts
from sklearn_ann.reading.graphs.whole import LearnedGraphFeatures, as_graph_features, joined_features

OPTIONS = {"owner": "Model", "dtype": torch.float32}


def learned(values, weight=None, names=None):
    features = as_graph_features(values, len(values), names)
    found = LearnedGraphFeatures(features, **OPTIONS)
    found.learn(features.values, weight)
    return found


def test_arrays_sparse_matrices_and_frames_are_read():
    values = np.array([[1.0, 0], [0, 2], [3, 0]])
    for given in (values, values.tolist(), sp.csr_array(values), pd.DataFrame(values), values.astype(object)):
        features = as_graph_features(given, 3)
        assert features.values.dtype == np.float32
        assert features.names is None
        np.testing.assert_array_equal(features.values, values)
    assert as_graph_features(pd.DataFrame(values, columns=["a", "b"]), 3).names == ("a", "b")
    np.testing.assert_array_equal(as_graph_features(values, 3).take(np.array([2, 0])).values, values[[2, 0]])


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (np.ones(3), ValueError, r"must have shape \(n_graphs, n_graph_features\) = \(3, ...\), got \(3,\)"),
        (np.ones((2, 1)), ValueError, r"= \(3, ...\), got \(2, 1\)"),
        (np.array([["a"]] * 3), TypeError, "must have real numbers, got the type <U1"),
        (np.array([["a"]] * 3, dtype=object), TypeError, "must have real numbers: could not convert"),
        (np.ones((3, 1)) * 1j, TypeError, "must have real numbers, got the type complex128"),
        ([[1, 1], [1, 1], [1, np.nan]], ValueError, "graph 2 contain NaN or infinity, in float32, in column 1"),
        (np.array([[10**400]] * 3, dtype=object), ValueError, "finite in float32: int too large"),
        (np.ma.masked_equal([[1.0], [2], [3]], 2), ValueError, "whose mask would be lost"),
        (pd.DataFrame(np.ones((3, 2)), columns=["a", "a"]), ValueError, "more than one column 'a'"),
        (pd.DataFrame({"mass": [1, 1e39, 1]}), ValueError, "graph 1 contain NaN or infinity, .* column 'mass'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(given, error, message):
    with pytest.raises(error, match=message):
        as_graph_features(given, 3)


def test_graphs_of_a_list_have_equally_many_features():
    def part(row):
        return GraphParts(None, np.array([], int), np.array([], int), None, None, 1, U=row)

    assert joined_features([part(None), part(None)], None) is None
    joined = joined_features([part([1.0, 2]), part([3.0, 4])], ("a", "b"))
    assert joined.values.tolist() == [[1, 2], [3, 4]]
    assert joined.names == ("a", "b")
    with pytest.raises(ValueError, match="graph 1 has no graph features, but graph 0 has 2"):
        joined_features([part([1.0, 2]), part(None)], None)


def test_usual_values_are_standardised_and_far_ones_are_bounded():
    rng = np.random.default_rng(0)
    values = rng.normal([5, -2], [0.1, 1000], size=(500, 2))
    scale = learned(values)
    scaled = scale.scaled(values.astype(np.float32))
    assert np.abs(scaled.mean(axis=0)).max() < 0.02
    np.testing.assert_allclose(scaled.std(axis=0), 0.88, atol=0.05)
    far = scale.scaled(np.array([[3e38, -3e38]], dtype=np.float32))
    np.testing.assert_allclose(far, [[3, -3]], rtol=1e-6)
    huge = learned(np.array([[1e38], [-3e38], [0.0]]))
    assert np.isfinite(huge.scaled(huge.scaled(np.array([[3e38]], dtype=np.float32)))).all()


def test_what_is_mostly_zero_stays_zero_and_rare_counts_stay_small():
    scale = learned(np.array([[0.0], [0], [0], [2]]))
    z = 0.5 / np.sqrt(1 + (0.5 / 3) ** 2)
    np.testing.assert_allclose(scale.scaled(np.array([[0.0], [1], [1e9]])), [[0], [z], [3]], rtol=1e-6)
    np.testing.assert_array_equal(learned(np.zeros((3, 1))).scaled(np.array([[5.0]])), 0)


def test_a_column_that_is_constant_in_the_fit_says_nothing():
    scale = learned(np.full((4, 1), 0.1))
    np.testing.assert_array_equal(scale.scaled(np.array([[0.1], [7.0], [-3e38]], dtype=np.float32)), 0)


def test_a_weight_of_two_is_a_graph_that_is_there_twice():
    values = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    twice = learned(np.concatenate([values, values[:2]]))
    weighted = learned(values, np.array([2.0, 2, 1, 1, 1]))
    np.testing.assert_allclose(weighted.scaled(values), twice.scaled(values), rtol=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_half_of_the_weight_is_half_of_the_graphs_whatever_is_rounded(seed):
    counts = np.random.default_rng(seed).integers(1, 7, size=20)
    counts = np.r_[counts, counts]
    values = np.r_[np.zeros((20, 1)), np.arange(1.0, 21)[:, None]]  # half of the weight is at zero
    weight = counts / counts.max()
    repeated, weighted = learned(np.repeat(values, counts, axis=0)), learned(values, weight / weight.mean())
    np.testing.assert_allclose(weighted.scaled(values), repeated.scaled(values), rtol=1e-12)


def test_names_come_before_positions():
    names = ("mass", "charge")
    scale = learned(np.array([[1.0, 2], [3, 5]]), names=names)
    swapped = as_graph_features([[20.0, 10]], 1, ("charge", "mass"))
    assert scale.held(swapped).values.tolist() == [[10, 20]]
    with pytest.warns(UserWarning, match="X has no graph feature names, but Model was fitted with graph feature names"):
        scale.held(as_graph_features([[1.0, 2]], 1))
    with pytest.raises(ValueError, match="do not fit those of Model: X lacks 'charge'"):
        scale.held(as_graph_features([[1.0, 2]], 1, ("mass", "size")))
    with pytest.raises(ValueError, match="X has 'size', which fit has not seen"):
        scale.held(as_graph_features([[1.0, 2, 3]], 1, ("mass", "charge", "size")))
    with pytest.raises(ValueError, match="X has 0 graph features, but Model is expecting 2 as input"):
        scale.held(None)
    with pytest.raises(ValueError, match="X has 1 graph features, but Model is expecting 0 as input"):
        LearnedGraphFeatures(None, **OPTIONS).held(as_graph_features([[1.0]], 1))
    assert LearnedGraphFeatures(None, **OPTIONS).held(None) is None
