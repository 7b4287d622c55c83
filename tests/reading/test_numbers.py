"""Scales of numbers that can be undone."""

import numpy as np
import pytest
from scipy.stats import kstest

from sklearn_ann.reading.numbers import NUMBERS, GroupedScores, Modal, NormalScores, Standardized, decimals, gaps

RNG = np.random.RandomState(0)
SKEWED = np.exp(RNG.standard_normal(500))
CHANCE = RNG.uniform(size=500)
ONES = np.ones(500)


@pytest.mark.parametrize("scaling", sorted(NUMBERS))
def test_values_come_back(scaling):
    numbers = NUMBERS[scaling](SKEWED, ONES)
    scores, modes = numbers.encode(SKEWED, np.full(500, 0.5))
    assert modes.min() >= 0
    assert modes.max() < numbers.n_modes
    inner = np.abs(scores) < 4  # beyond, modes are cut
    np.testing.assert_allclose(numbers.decode(scores, modes)[inner], SKEWED[inner], rtol=1e-9)


def test_normal_scores_are_normal_whatever_is_tied():
    values = np.where(CHANCE < 0.4, 0.0, np.round(SKEWED, 1))
    scores, _ = NormalScores(values, ONES).encode(values, RNG.uniform(size=500))
    assert kstest(scores, "norm").pvalue > 0.05


def test_a_tied_value_is_met_as_often_as_in_the_fit():
    values = np.where(np.arange(500) < 200, 0.0, SKEWED + 1)
    drawn = NormalScores(values, ONES).decode(RNG.standard_normal(20_000), np.zeros(20_000, dtype=int))
    assert (drawn == 0).mean() == pytest.approx(0.4, abs=0.01)
    assert drawn.min() == 0
    assert drawn.max() <= values.max()
    assert len(np.unique(drawn)) > 5000  # between values, scores are interpolated


def test_a_value_of_weight_two_is_a_value_met_twice():
    weight = np.where(np.arange(500) % 3 == 0, 2.0, 1.0)
    repeated = SKEWED.repeat(weight.astype(int))
    scores = np.linspace(-4, 4, 200)
    for one, other in [
        (NormalScores(SKEWED, weight), NormalScores(repeated, np.ones(len(repeated)))),
        (Standardized(SKEWED, weight), Standardized(repeated, np.ones(len(repeated)))),
        (GroupedScores(SKEWED, weight), GroupedScores(repeated, np.ones(len(repeated)))),
    ]:
        modes = np.zeros(200, dtype=int)
        np.testing.assert_allclose(one.decode(scores, modes), other.decode(scores, modes), rtol=1e-9)


def test_modes_are_found():
    values = np.concatenate([RNG.normal(-5, 0.1, 300), RNG.normal(5, 1, 200)])
    modal = Modal(values, ONES)
    scores, modes = modal.encode(values, CHANCE)
    of_first = set(modes[:300].tolist())
    assert of_first.isdisjoint(modes[300:].tolist())
    assert np.abs(scores).mean() < 1.2
    np.testing.assert_allclose(modal.means[sorted(of_first)], -5, atol=0.5)


@pytest.mark.parametrize(
    ("values", "n_gaps"),
    [
        (SKEWED, 0),
        (RNG.standard_normal(100), 0),
        (RNG.uniform(size=50), 0),
        (RNG.poisson(3, 500), 0),  # integers, the greatest of them rare
        (np.append(SKEWED, 1e9), 0),  # one sample is no group
        (RNG.standard_normal(2000) + 5 * (np.arange(2000) % 2), 0),  # two peaks, and samples between them
        (RNG.standard_normal(500) + 20 * (np.arange(500) % 3), 2),
        (np.where(CHANCE < 0.4, 0.0, 100 + SKEWED), 1),
        (CHANCE < 0.4, 1),
        (np.float64([0.0, 5e-324]).repeat(20), 1),
        (np.float64([-1e308, 1e308]).repeat(20), 1),
        (np.float64([1.0, np.nextafter(1.0, 2.0)]).repeat(20), 1),
    ],
)
def test_groups_are_what_wide_gaps_leave(values, n_gaps):
    values = np.asarray(values, dtype=float)
    edges = gaps(values, np.ones(len(values)))
    assert len(edges) == n_gaps
    grouped = GroupedScores(values, np.ones(len(values)))
    assert set(grouped.encode(values, np.full(len(values), 0.5))[1]) == set(range(n_gaps + 1))
    np.testing.assert_array_equal(gaps(values[::-1], 3 * np.ones(len(values))), edges)


def test_scores_of_each_group_are_normal():
    values = np.concatenate([RNG.normal(-5, 0.1, 300), RNG.normal(5, 1, 200)])
    scores, modes = GroupedScores(values, ONES).encode(values, CHANCE)
    np.testing.assert_array_equal(modes, np.arange(500) >= 300)
    assert min(kstest(scores[modes == mode], "norm").pvalue for mode in (0, 1)) > 0.5


@pytest.mark.parametrize("scaling", sorted(NUMBERS))
@pytest.mark.parametrize("values", [[3.0], [3.0, 3.0, 3.0], [1e100, -1e100], [1e-300, 2e-300, 0.0]])
def test_few_and_odd_values_have_finite_scores(scaling, values):
    values = np.array(values)
    numbers = NUMBERS[scaling](values, np.ones(len(values)))
    scores, modes = numbers.encode(values, np.full(len(values), 0.5))
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(numbers.decode(scores, modes), values, atol=abs(values).max() * 1e-3 + 1e-3)


def test_an_unseen_value_lies_between_those_of_the_fit():
    numbers = NormalScores(np.array([0.0, 1.0, 2.0, 4.0]), np.ones(4))
    scores, _ = numbers.encode(np.array([-5.0, 1.0, 1.5, 9.0]), np.full(4, 0.5))
    assert (np.diff(scores) > 0).all()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 2.0], 0),
        ([0.5, 1.25], 2),
        (np.float32([0.1, 0.2]), 1),
        ([np.pi], None),
        ([], 0),
    ],
)
def test_decimals(values, expected):
    assert decimals(np.asarray(values)) == expected
