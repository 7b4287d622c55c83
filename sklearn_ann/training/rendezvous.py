"""Fits that meet where they begin to train, so that their networks are trained together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from time import perf_counter
from typing import Any, Generic, TypeVar

from joblib import parallel_config
from joblib.parallel import get_active_backend
from sklearn import config_context, get_config

from sklearn_ann.training.device import isolated, limited_threads
from sklearn_ann.training.leases import one_lease
from sklearn_ann.training.loop import CONDUCTOR, Observer, Training
from sklearn_ann.training.together import train_together

R = TypeVar("R")


@dataclass
class Task(Generic[R]):
    """A call of a function that fits, and how far its networks are trained.

    Attributes
    ----------
    function : callable
        Called without arguments, in a thread of its own.
    share : Fraction
        The share of its epochs after which a training pauses: the fit goes on with the network as it is then.
    least : int
        A training does not pause before this epoch.
    states : list of dict
        Where its trainings begin, in the order of their coming: what an earlier task left.
    left : list of dict
        What its trainings were when they paused.
    epochs : list of int
        How many epochs each of its trainings has had.
    idle : float
        Seconds in which others ran or were trained.
    """

    function: Callable[[], R]
    share: Fraction = Fraction(1)
    least: int = 1
    states: list[dict[str, Any]] = field(default_factory=list)
    left: list[dict[str, Any]] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)
    idle: float = 0.0


class _Abandoned(BaseException):
    """Ends the thread of a task whose result nobody waits for."""


class _Worker(Generic[R]):
    """A task in a thread of a pool. Between its steps it waits, so that one thread of a rendezvous runs at a time."""

    def __init__(self, task: Task[R], pool: ThreadPoolExecutor) -> None:
        self.task, self.pool = task, pool
        self.turn, self.paused = threading.Event(), threading.Event()
        self.training: Training | None = None
        self.observers: Sequence[Observer] = ()
        self.failure: BaseException | None = None
        self.future: Future[R] | None = None
        self.config, self.backend = get_config(), get_active_backend()  # threads have settings of their own

    @property
    def done(self) -> bool:
        return self.future is not None and self.future.done()

    def go_on(self) -> None:
        """Let the task run until it trains or ends.

        Raises
        ------
        BaseException
            What the function of the task raises.
        """
        self.paused.clear()
        self.turn.set()
        if self.future is None:
            self.future = self.pool.submit(copy_context().run, self._run)
            self.future.add_done_callback(lambda _: self.paused.set())
        self.paused.wait()
        if self.done:
            self.future.result()

    def conduct(self, training: Training, observers: Sequence[Observer]) -> None:
        """Wait until the training has been run; called from the thread of the task."""
        task, number = self.task, len(self.task.epochs)
        if number < len(task.states):
            training.resume(task.states[number])
        self.training, self.observers = training, observers
        try:
            self.yield_turn()
        finally:
            self.training = None
        task.epochs.append(training.epoch)
        if task.share < 1:
            task.left.append(training.state())
            training.stopped = True  # as if an observer had ended it: it need not have converged

    def yield_turn(self) -> None:
        """Let all others go on first; called from the thread of the task."""
        begin = perf_counter()
        self.turn.clear()
        self.paused.set()
        self.turn.wait()
        self.task.idle += perf_counter() - begin
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure

    @property
    def goal(self) -> int:
        """The epoch at which the training that waits ends or pauses."""
        assert self.training is not None
        first, last = self.training.first, self.training.last
        return min(last, first + max(self.task.least, ceil(self.task.share * (last - first))))

    @property
    def behind(self) -> bool:
        """Whether the training that waits has to go on."""
        run = self.training
        return run is not None and self.failure is None and not run.over and run.epoch < self.goal

    def _run(self) -> R:
        backend, n_jobs = self.backend
        CONDUCTOR.set(self)  # in the context of this thread: threads that the fit starts itself find none
        with config_context(**self.config), parallel_config(backend=backend, n_jobs=n_jobs):
            return self.task.function()


def meet(tasks: Sequence[Task[R]]) -> list[R]:
    """Call the functions of all tasks; the networks that they train at the same time are trained together.

    A function runs until it trains a network or ends, then the next one does. When all wait, the networks are trained,
    and the functions go on. Whatever surrounds the network in a fit, such as the steps of a pipeline, is as it would be
    without the others.

    Raises
    ------
    Exception
        The first that a function raises; no other function goes on then.
    KeyboardInterrupt
        As it came.
    """
    with ThreadPoolExecutor(max(1, len(tasks))) as pool:
        workers = [_Worker(task, pool) for task in tasks]
        try:
            with isolated(), limited_threads(), one_lease():  # fits that wait for each other cannot wait for a GPU
                going = workers
                while going:
                    for worker in going:
                        worker.go_on()
                    going = [worker for worker in going if not worker.done]
                    _train(going)
        finally:
            for worker in workers:
                if worker.future is not None and not worker.done:
                    worker.failure = _Abandoned()
                    with suppress(_Abandoned):
                        worker.go_on()
        return [worker.future.result() for worker in workers if worker.future is not None]


def _train(workers: Sequence[_Worker[Any]]) -> None:
    """Train all networks that wait, up to where each of them pauses."""
    while behind := [worker for worker in workers if worker.behind]:
        watched = any(worker.observers for worker in behind)  # observers are told of every epoch
        stages: dict[int, list[_Worker[Any]]] = {}
        for worker in behind:
            assert worker.training is not None
            stages.setdefault(worker.training.epoch + 1 if watched else worker.goal, []).append(worker)
        for until, stage in stages.items():
            _advance(stage, until)


def _advance(workers: Sequence[_Worker[Any]], until: int) -> None:
    begin = perf_counter()
    runs = [worker.training for worker in workers if worker.training is not None]
    for worker, run in zip(workers, runs, strict=True):
        for observer in worker.observers:
            observer.epoch_begins(run)
    failures = train_together(runs, until=until)
    for worker, run, failure in zip(workers, runs, failures, strict=True):
        worker.failure = failure
        if failure is None:
            ends = [observer.epoch_ends(run) for observer in worker.observers]
            run.stopped = any(ends)
        worker.task.idle -= (perf_counter() - begin) / len(workers)  # its own part of the time


def yield_turn() -> None:
    """In a function that `meet` runs, let all others go on first; elsewhere do nothing."""
    worker = CONDUCTOR.get()
    if isinstance(worker, _Worker):
        worker.yield_turn()
