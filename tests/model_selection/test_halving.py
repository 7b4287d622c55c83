"""Rounds of successive halving."""

from fractions import Fraction

import numpy as np

from sklearn_ann.model_selection.halving import best_of_last, n_evaluations, rungs, survivors


def test_the_last_round_is_whole_and_has_at_most_factor_candidates():
    assert rungs(60, 3) == [Fraction(1, 27), Fraction(1, 9), Fraction(1, 3), Fraction(1)]
    assert rungs(8, 2) == [Fraction(1, 8), Fraction(1, 4), Fraction(1, 2), Fraction(1)]
    assert rungs(2, 3) == rungs(1, 2) == rungs(0, 2) == [1]


def test_all_rounds_together_evaluate_as_many_candidates():
    assert n_evaluations(60, 3, 4) == 60 + 20 + 7 + 3
    assert n_evaluations(1, 3, 1) == 1


def test_the_best_go_on_in_their_order():
    assert survivors([4, 5, 6, 7], np.array([0.1, 0.9, 0.3, 0.8]), 2) == [5, 7]
    assert survivors([4, 5, 6, 7], np.array([np.nan, -np.inf, np.nan, 0.8]), 2) == [5, 7]
    assert survivors([4, 5, 6, 7], np.array([1.0, 1.0, 1.0, 1.0]), 3) == [4, 5]


def test_the_best_is_of_the_last_round():
    results = {"iter": np.array([0, 0, 1, 1]), "mean_test_score": np.array([9.0, 8.0, np.nan, 3.0])}
    assert best_of_last(results, "score") == 3
