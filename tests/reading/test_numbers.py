"""Scales of numbers that can be undone."""

import numpy as np
import pytest
from scipy.stats import kstest

from sklearn_ann.reading.numbers import NUMBERS, Modal, NormalScores, Standardized, decimals

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
