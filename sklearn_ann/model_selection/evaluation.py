"""Fitting and scoring of many candidates on many folds, with their networks trained together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from math import ceil
from typing import Any

from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from sklearn_ann._sklearn import fit_and_score
from sklearn_ann.model_selection.shared import StepMemory
from sklearn_ann.training import Task, meet


@dataclass
class Fit:
    """A candidate on a fold, before and after it is fitted and scored.

    Attributes
    ----------
    candidate, fold : int
        Their numbers.
    options : dict
        Arguments of scikit-learn's function that fits and scores.
    share : Fraction
        The share of its epochs that its networks have when it is scored.
    least : int
        The epochs that they have at least.
    states : list of dict
        Where the trainings begin, and afterwards where they paused.
    epochs : int
        Number of epochs of its networks; the largest, if there are several.
    result : dict
        Scores and times.
    """

    candidate: int
    fold: int
    options: dict[str, Any]
    share: Fraction = Fraction(1)
    least: int = 1
    states: list[dict[str, Any]] = field(default_factory=list)
    epochs: int = 0
    result: dict[str, Any] = field(default_factory=dict)


def evaluate(
    fits: Sequence[Fit], estimator: Any, X: Any, y: Any, *, stack_size: int, parallel: Parallel, **common: Any
) -> list[Fit]:
    """Fit and score; return the fits with their results, in the same order.

    Parameters
    ----------
    fits : sequence of Fit
    estimator : estimator
        Cloned for each fit.
    X, y
        Samples and targets.
    stack_size : int
        Largest number of fits that are under way at the same time in a process.
    parallel : Parallel
        Runs stacks in several processes, or one after the other.
    **common
        Arguments of scikit-learn's function that fits and scores.
    """
    n_jobs = effective_n_jobs(parallel.n_jobs)
    n_stacks = n_jobs * ceil(len(fits) / (n_jobs * stack_size))
    # Candidates that are next to each other are often alike: every stack gets some of all kinds.
    stacks = [fits[number::n_stacks] for number in range(min(n_stacks, len(fits)))]
    done = parallel(delayed(_evaluate_stack)(stack, estimator, X, y, common) for stack in stacks)
    return sorted((fit for stack in done for fit in stack), key=lambda fit: (fit.candidate, fit.fold))


def _evaluate_stack(fits: Sequence[Fit], estimator: Any, X: Any, y: Any, common: dict[str, Any]) -> Sequence[Fit]:
    memory = StepMemory()
    tasks = []
    for fit in fits:
        model = clone(estimator)
        if fit.share == 1 and not fit.states:  # a fit in parts has to find the states of all its trainings again
            model = memory.shared_by(model, fit.fold)
        call = partial(fit_and_score, model, X, y, **fit.options, **common)
        tasks.append(Task(call, fit.share, fit.least, fit.states))
    for fit, task, result in zip(fits, tasks, meet(tasks), strict=True):
        fit.options = {}  # contexts of callbacks, which need not travel back
        idle = min(task.idle, result["fit_time"])  # the rest, if a scorer trains
        result["fit_time"] -= idle
        result["score_time"] = max(0.0, result["score_time"] - max(0.0, task.idle - idle))
        fit.result, fit.states, fit.epochs = result, task.left, max(task.epochs, default=0)
    return fits
