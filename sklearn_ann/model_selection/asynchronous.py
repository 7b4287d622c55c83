"""Halving in which nobody waits for the others of a rung (Li et al. 2020, algorithm 2)."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from math import ceil
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.utils.parallel import Parallel, delayed

from sklearn_ann.model_selection.evaluation import Fit, fitted
from sklearn_ann.model_selection.shared import StepMemory


class Ladder:
    """Who trains next, and how far, by the scores so far.

    Parameters
    ----------
    n_candidates, n_rungs : int
    factor : int
        A candidate goes on if it is among the best of ``1 / factor`` of those that have reached its rung.
    """

    def __init__(self, n_candidates: int, n_rungs: int, factor: int) -> None:
        self.factor = factor
        # Candidates of a grid come in an order, such as that of their learning rates. The best of some that are next to
        # each other say little of all.
        self._new = deque(np.random.RandomState(0).permutation(n_candidates).tolist())
        self._scores: list[dict[int, float]] = [{} for _ in range(n_rungs)]
        self._promoted: list[set[int]] = [set() for _ in range(n_rungs)]

    def report(self, candidate: int, rung: int, score: float) -> None:
        """Take note of the score of a candidate; one whose score is NaN never goes on."""
        self._scores[rung][candidate] = score

    @property
    def n_ready(self) -> int:
        """How many candidates could train now."""
        return len(self._new) + sum(len(self._promotable(rung)) for rung in range(len(self._scores) - 1))

    def next(self) -> tuple[int, int] | None:
        """Return a candidate and its rung: from the highest rung that has one to promote, or a new candidate."""
        for rung in reversed(range(len(self._scores) - 1)):
            for candidate in self._promotable(rung):
                self._promoted[rung].add(candidate)
                return candidate, rung + 1
        return (self._new.popleft(), 0) if self._new else None

    def _promotable(self, rung: int) -> list[int]:
        scores = self._scores[rung]
        finite = [candidate for candidate, score in scores.items() if score > float("-inf")]
        best = sorted(finite, key=lambda candidate: (-scores[candidate], candidate))[: len(scores) // self.factor]
        return [candidate for candidate in best if candidate not in self._promoted[rung]]


class Packets:
    """Fits that are to be computed next, in packets, as workers ask for them.

    Workers ask from threads of joblib. One that finds nothing to do, while others compute what decides who goes on,
    gets an empty packet.

    Parameters
    ----------
    ladder : Ladder
    fit_of : callable
        ``(candidate, fold, rung, earlier)``, a new fit; `earlier` is that of the rung before, or None.
    n_folds : int
    n_jobs : int or None
    stack_size : int
        A packet has at most `stack_size` fits, and fewer if that gives each worker some.
    is_over : callable
        Whether to begin with no further candidate.
    """

    def __init__(
        self,
        ladder: Ladder,
        fit_of: Callable[[int, int, int, Fit | None], Fit],
        *,
        n_folds: int,
        n_jobs: int | None,
        stack_size: int,
        is_over: Callable[[], bool],
    ) -> None:
        self.ladder, self.fit_of, self.is_over = ladder, fit_of, is_over
        self.n_folds, self.n_jobs, self.stack_size = n_folds, n_jobs, stack_size
        self.n_workers = int(effective_n_jobs(n_jobs))
        self._lock = threading.Lock()
        self._begun: deque[tuple[int, int, int]] = deque()  # folds of candidates of which others are away
        self._n_away = 0  # packets
        self._last: dict[tuple[int, int], Fit] = {}
        self._of_rung: dict[tuple[int, int], list[Fit]] = {}
        self.done: list[Fit] = []  # in the order in which they came back

    def __iter__(self) -> Iterator[list[Fit]]:
        while True:
            with self._lock:
                packet = self._next()
                if not (packet or self._n_away):
                    return
                self._n_away += bool(packet)
            yield packet

    def _next(self) -> list[Fit]:
        over = bool(self._last or self._n_away) and self.is_over()
        ready = len(self._begun) + (0 if over else self.ladder.n_ready * self.n_folds)
        idle = self.n_workers - self._n_away  # none, if joblib asks ahead
        size = min(self.stack_size, ceil(ready / (idle if idle > 0 else self.n_workers)))
        if size > self.n_folds:
            size -= size % self.n_folds  # whole candidates, whose scores come together
        while len(self._begun) < size and not over:
            chosen = self.ladder.next()
            if chosen is None:
                break
            self._begun.extend((*chosen, fold) for fold in range(self.n_folds))
        packet = [self._begun.popleft() for _ in range(min(size, len(self._begun)))]
        return [
            self.fit_of(candidate, fold, rung, self._last.get((candidate, fold))) for candidate, rung, fold in packet
        ]

    def take(self, fits: Sequence[Fit], mean: Callable[[Sequence[Fit]], float]) -> None:
        """Take a packet that has been computed; `mean` is the score of a candidate by its fits on all folds."""
        with self._lock:
            self._n_away -= 1
            for fit in fits:
                earlier = self._last.get((fit.candidate, fit.fold))
                if earlier is not None:
                    earlier.forget()
                self._last[fit.candidate, fit.fold] = fit
                self.done.append(fit)
                together = self._of_rung.setdefault((fit.candidate, fit.rung), [])
                together.append(fit)
                if len(together) == self.n_folds:
                    self.ladder.report(fit.candidate, fit.rung, mean(together))


def climb(
    packets: Packets,
    estimator: Any,
    X: Any,
    y: Any,
    *,
    mean: Callable[[Sequence[Fit]], float],
    **common: Any,
) -> list[Fit]:
    """Fit and score until nobody goes on; return the fits, ordered by rung, candidate and fold.

    Parameters
    ----------
    packets : Packets
    estimator : estimator
        Cloned for each fit.
    X, y
        Samples and targets.
    mean : callable
        The score of a candidate by its fits on all folds.
    **common
        Arguments of scikit-learn's function that fits and scores.

    Raises
    ------
    ValueError
        If joblib's backend returns results only when all have come.
    """
    memory, work = StepMemory(), delayed(_computed)
    tasks = (work(packet, estimator, X, y, common, os.getpid(), memory) for packet in packets)
    how: dict[str, Any] = {"pre_dispatch": "n_jobs", "batch_size": 1, "return_as": "generator_unordered"}
    try:
        parallel = Parallel(n_jobs=packets.n_jobs, **how)
    except ValueError as error:  # such as "multiprocessing"
        raise ValueError(
            "asynchronous=True needs results as they come, which the backend of joblib that is set does not return: "
            "use 'loky' or 'threading', or asynchronous=False"
        ) from error
    with closing(parallel(tasks)) as results:
        for fits in results:
            if fits:
                packets.take(fits, mean)
    return sorted(packets.done, key=lambda fit: (fit.rung, fit.candidate, fit.fold))


_REST = 0.02  # seconds for which a worker that has nothing to do is away


def _computed(packet: list[Fit], *how: Any) -> Sequence[Fit]:
    if not packet:
        time.sleep(_REST)
        return packet
    return fitted(packet, *how)
