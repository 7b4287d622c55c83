"""Fitting and scoring of many candidates on many folds, with their networks trained together."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from math import ceil
from typing import Any

import numpy as np
import torch
from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from sklearn_ann._sklearn import fit_and_score
from sklearn_ann.model_selection.shared import Key, StepMemory
from sklearn_ann.training import Task, meet
from sklearn_ann.training.alike import LEAST


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
    states : list of dict, or bytes
        Where the trainings begin, and afterwards where they paused; `packed` if they have come from another process.
    steps : list
        Keys of the steps that it shared with others in its last fit.
    carried : dict
        Of these, what travels between processes.
    epochs : int
        Number of epochs of its networks; the largest, if there are several.
    rung : int
        How often its candidate has been scored before.
    result : dict
        Scores and times.
    """

    candidate: int
    fold: int
    options: dict[str, Any]
    share: Fraction = Fraction(1)
    least: int = 1
    states: list[dict[str, Any]] | bytes = field(default_factory=list)
    steps: list[Key] = field(default_factory=list)
    carried: dict[Key, bytes] = field(default_factory=dict)
    epochs: int = 0
    rung: int = 0
    result: dict[str, Any] = field(default_factory=dict)

    def forget(self) -> None:
        """Drop where its trainings paused, once they have gone on or will not."""
        self.states, self.steps, self.carried = [], [], {}


def evaluate(
    fits: Sequence[Fit],
    estimator: Any,
    X: Any,
    y: Any,
    *,
    stack_size: int,
    parallel: Parallel,
    memory: StepMemory | None = None,
    **common: Any,
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
    memory : StepMemory or None
        What steps of pipelines made in earlier rounds; None lets each stack begin with nothing.
    **common
        Arguments of scikit-learn's function that fits and scores.
    """
    n_jobs = effective_n_jobs(parallel.n_jobs)
    n_stacks = n_jobs * ceil(len(fits) / (n_jobs * stack_size))
    # Candidates that are next to each other are often alike: every stack gets some of all kinds.
    stacks = [fits[number::n_stacks] for number in range(min(n_stacks, len(fits)))]
    work = delayed(fitted)
    done = parallel(work(stack, estimator, X, y, common, os.getpid(), memory) for stack in stacks)
    return sorted((fit for stack in done for fit in stack), key=lambda fit: (fit.candidate, fit.fold))


def fitted(
    fits: Sequence[Fit],
    estimator: Any,
    X: Any,
    y: Any,
    common: dict[str, Any],
    home: int,
    memory: StepMemory | None,
) -> Sequence[Fit]:
    """Fit and score a stack; `home` is the number of the process that asked for it."""
    away = os.getpid() != home
    steps = StepMemory() if memory is None else memory.here
    tasks = []
    for fit in fits:
        steps.receive(fit.carried)
        fit.steps = []
        in_parts = fit.share < 1 or bool(fit.states)
        model = steps.shared_by(clone(estimator), fit.fold, in_parts=in_parts, used=fit.steps)
        call = partial(fit_and_score, model, X, y, **fit.options, **common)
        states = pickle.loads(fit.states) if isinstance(fit.states, bytes) else fit.states
        tasks.append(Task(call, fit.share, fit.least, states))
    # Too few to be trained as one wait for nobody, and cost what they cost alone.
    alone = memory is None and len(fits) < LEAST
    results = [task.function() for task in tasks] if alone else meet(tasks)
    for fit, task, result in zip(fits, tasks, results, strict=True):
        fit.options = {}  # contexts of callbacks, which need not travel back
        idle = min(task.idle, result["fit_time"])  # the rest, if a scorer trains
        result["fit_time"] -= idle
        result["score_time"] = max(0.0, result["score_time"] - max(0.0, task.idle - idle))
        fit.result, fit.epochs = result, max(task.epochs, default=0)
        fit.states = packed(task.left) if away and task.left else task.left
        # What may go on takes its steps with it, unless it finds them where they are.
        fit.carried = steps.carry(fit.steps) if task.left and (away or steps is not memory) else {}
    return fits


def mean_scores(fits: Sequence[Fit], metric: str, n_folds: int) -> np.ndarray:
    """Return the mean score of each candidate over the folds."""
    scores = [fit.result["test_scores"] for fit in fits]
    values = [score[metric] if isinstance(score, dict) and isinstance(metric, str) else score for score in scores]
    if values and isinstance(values[0], dict):  # of several metrics, of which none decides
        return np.full(len(values) // n_folds, np.nan)
    means: np.ndarray = np.mean(np.reshape(values, (-1, n_folds)), axis=1)
    return means


class _Packer(pickle.Pickler):
    """Pickles tensors as arrays, which takes a tenth of the time: a state holds some dozens of small ones."""

    def reducer_override(self, value: Any) -> Any:
        if type(value) is torch.Tensor and value.device.type == "cpu" and value.dtype != torch.bfloat16:
            return torch.from_numpy, (value.numpy(),)
        return NotImplemented


def packed(states: list[dict[str, Any]]) -> bytes:
    """Return states of trainings as bytes, which processes hand on without looking at them."""
    buffer = io.BytesIO()
    _Packer(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(states)
    return buffer.getvalue()
