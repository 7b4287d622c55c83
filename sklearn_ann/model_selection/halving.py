"""Successive halving: the shares of the epochs, and who goes on (Jamieson and Talwalkar 2016, algorithm 1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np


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


def best_of_last(results: Mapping[str, Any], metric: str) -> int:
    """Return the row of the best candidate of the last round."""
    last = np.flatnonzero(results["iter"] == np.max(results["iter"]))
    scores = np.nan_to_num(results[f"mean_test_{metric}"][last], nan=-np.inf)
    return int(last[scores.argmax()])
