"""Scaling of columns."""

import numpy as np
import pytest
from scipy.stats import norm

from sklearn_ann.reading.scaling import Scale, mean_and_scale

RNG = np.random.default_rng(0)
X = RNG.lognormal(size=(40, 2))
both = pytest.mark.parametrize("kind", ["standard", "quantile"])


def test_moments_are_those_of_numpy_and_constant_columns_get_one():
    values = np.c_[X, np.full(40, 1e9 / 3)]
    mean, scale = mean_and_scale(values, None, "X")
    np.testing.assert_allclose(mean, values.mean(axis=0))
    np.testing.assert_allclose(scale[:2], X.std(axis=0))
    assert scale[2] == 1.0
    mean, scale = mean_and_scale(np.array([[0.0], [4.0]]), np.array([3.0, 1.0]), "X")
    assert (mean.item(), scale.item()) == (1.0, pytest.approx(3**0.5))


@both
def test_a_weight_is_a_repetition(kind):
    weight = RNG.integers(0, 4, size=40)
    weighted = Scale(kind, X, weight / weight.mean())
    np.testing.assert_allclose(weighted(X), Scale(kind, np.repeat(X, weight, axis=0), None)(X))


@both
def test_missing_numbers_stay_missing_and_move_no_other(kind):
    holes = np.r_[X, [[np.nan, np.nan]]]
    scaled = Scale(kind, holes, None)(holes)
    assert np.isnan(scaled[-1]).all()
    np.testing.assert_array_equal(scaled[:-1], Scale(kind, X, None)(X))


@both
def test_a_column_without_numbers_is_left_as_it_is(kind):
    scale = Scale(kind, np.full((3, 1), np.nan), None)
    np.testing.assert_array_equal(scale(np.array([[2.0], [np.nan]])), [[2.0], [np.nan]])


def test_quantiles_depend_on_the_order_alone_and_are_cut():
    np.testing.assert_allclose(Scale("quantile", X, None)(X), Scale("quantile", np.log(X), None)(np.log(X)))
    scale = Scale("quantile", np.arange(1001.0)[:, None], None)
    found = scale(np.array([[500.0], [norm.cdf(1) * 1000], [-1e6], [1e6]])).ravel()
    np.testing.assert_allclose(found, [0, 1, norm.ppf(1e-3), norm.ppf(1 - 1e-3)], atol=0.02)


def test_tied_numbers_lie_midway():
    ties = np.array([[0.0], [0.0], [1.0], [1.0]])
    low, high = Scale("quantile", ties, None)(ties)[[0, 2], 0]
    assert (low, high) == (pytest.approx(norm.ppf(0.25), abs=0.02), pytest.approx(norm.ppf(0.75), abs=0.02))


def test_numbers_too_large_for_their_squares_are_refused():
    with pytest.raises(ValueError, match="X has values too large to standardise"):
        Scale("standard", np.array([[1e300], [-1e300]]), None)
    with pytest.raises(ValueError, match="column 'b' has values too large to standardise"):
        Scale("standard", np.array([[1, 1e300], [2, -1e300]]), None, ["column 'a'", "column 'b'"])
