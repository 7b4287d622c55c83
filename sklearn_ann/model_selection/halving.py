"""Successive halving: the shares of the epochs, and who goes on (Jamieson and Talwalkar 2016, algorithm 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from sklearn.exceptions import FitFailedWarning

from sklearn_ann._warnings import warn
from sklearn_ann.model_selection.evaluation import Fit


def rungs(n_candidates: int, factor: int) -> list[Fraction]:
    """Return the share of its epochs that a candidate has had after each round; the last is one.

    There are as many rounds as leave between one and `factor` candidates to the last.
    """
    shares = [Fraction(1)]
    while n_candidates >= factor:
        n_candidates //= factor
        shares.insert(0, shares[0] / factor)
    return shares


def n_evaluations(n_candidates: int, factor: int, n_rounds: int) -> int:
    """Return how many candidates are evaluated in all rounds together."""
    total = 0
    for _ in range(n_rounds):
        total += n_candidates
        n_candidates = -(-n_candidates // factor)
    return total


def survivors(candidates: Sequence[int], scores: np.ndarray, factor: int) -> list[int]:
    """Return the one in `factor` candidates with the highest scores, in their order; NaN is below all scores."""
    kept = -(-len(candidates) // factor)
    ranks = np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")
    return sorted(candidates[position] for position in ranks[:kept])


def have_failed(fits: Sequence[Fit]) -> bool:
    """Return whether no fit has succeeded."""
    return all(fit.result["fit_error"] for fit in fits)


def worked(fits: Sequence[Fit]) -> list[Fit]:
    """Return the fits up to the last round in which one has succeeded, with a warning if others are left out."""
    last = max((fit.rung for fit in fits if not fit.result["fit_error"]), default=0)
    failed = [fit for fit in fits if fit.rung > last]
    if failed:
        why = failed[0].result["fit_error"]
        warn(
            f"All {len(failed)} fits of round {last + 1} failed, so that the best candidate is that of round {last}, "
            f"the last one in cv_results_. The first of the fits failed with:\n{why}",
            FitFailedWarning,
        )
    return [fit for fit in fits if fit.rung <= last]


def best_of_last(results: Mapping[str, Any], metric: str) -> int:
    """Return the row of the best candidate of the last round that has a score."""
    scores = results[f"mean_test_{metric}"]
    scored = results["iter"][~np.isnan(scores)]
    last = np.flatnonzero(results["iter"] == np.max(scored if len(scored) else results["iter"]))
    return int(last[np.nan_to_num(scores[last], nan=-np.inf).argmax()])
