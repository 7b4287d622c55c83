"""Rounds of successive halving."""

from fractions import Fraction

import numpy as np
import pytest
from sklearn.exceptions import FitFailedWarning

from sklearn_ann.model_selection.evaluation import Fit
from sklearn_ann.model_selection.halving import best_of_last, have_failed, n_evaluations, rungs, survivors, worked


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


def test_a_last_round_without_any_score_does_not_decide():
    results = {"iter": np.array([0, 0, 1, 1]), "mean_test_score": np.array([8.0, 9.0, np.nan, np.nan])}
    assert best_of_last(results, "score") == 1
    nothing = {"iter": np.array([0, 1]), "mean_test_score": np.array([np.nan, np.nan])}
    assert best_of_last(nothing, "score") == 1


def test_rounds_without_success_are_left_out():
    fits = [Fit(0, fold, {}, rung=rung, result={"fit_error": None}) for rung in (0, 1) for fold in (0, 1)]
    assert not have_failed(fits)
    assert worked(fits) == fits
    fits[1].result["fit_error"] = fits[2].result["fit_error"] = fits[3].result["fit_error"] = "no luck"
    assert have_failed(fits[2:])
    with pytest.warns(FitFailedWarning, match=r"All 2 fits of round 1 failed(.|\n)*no luck"):
        assert worked(fits) == fits[:2]
