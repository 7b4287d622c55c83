"""Fits that meet where they begin to train, so that their networks are trained together."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil
from time import perf_counter
from typing import Any, Generic, TypeVar

from joblib import parallel_config
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


_SURROUNDINGS = [(warnings, "filters"), (warnings, "showwarning"), (warnings, "_showwarnmsg_impl")]
_SURROUNDINGS += [(sys, "stdout"), (sys, "stderr")]


def _exchange_surroundings(values: Sequence[Any] | None) -> list[Any]:
    """Set what a fit may replace in the process while it lasts, if `values` are given; return what was there before.

    Fits that take turns leave contexts such as ``warnings.catch_warnings`` in another order than they entered them, and
    would put back what another fit has set.
    """
    before = [getattr(owner, name) for owner, name in _SURROUNDINGS]
    if values is not None:
        for (owner, name), value in zip(_SURROUNDINGS, values, strict=True):
            setattr(owner, name, value)
        with warnings.catch_warnings():  # whose end tells the interpreter that the filters are others
            pass
    return before


class _Worker(Generic[R]):
    """A task in a thread of a pool. Between its steps it waits, so that one thread of a rendezvous runs at a time."""

    def __init__(self, task: Task[R], pool: ThreadPoolExecutor) -> None:
        self.task, self.pool = task, pool
        self.turn, self.paused, self.ended = threading.Event(), threading.Event(), threading.Event()
        self.training: Training | None = None
        self.observers: Sequence[Observer] = ()
        self.failure: BaseException | None = None
        self.future: Future[R] | None = None
        self.begun = self.abandoned = False
        self.surroundings: Sequence[Any] | None = None
        self.config = get_config()  # threads have settings of their own
        with parallel_config() as settings:
            self.parallel = dict(settings)

    @property
    def done(self) -> bool:
        return self.ended.is_set()

    def go_on(self) -> None:
        """Let the task run until it trains or ends.

        Raises
        ------
        BaseException
            What the function of the task raises.
        """
        outside = _exchange_surroundings(self.surroundings)
        try:
            self.paused.clear()
            self.turn.set()
            if self.future is None:
                self.future = self.pool.submit(copy_context().run, self._run)
            self.paused.wait()
        finally:
            self.surroundings = _exchange_surroundings(outside)
        if self.done:
            self.future.result()

    def abandon(self) -> None:
        """Wait until the task has ended: at once if it waits, and else at the end of what it is doing."""
        self.abandoned = True
        if not self.begun:
            return
        outside = _exchange_surroundings(self.surroundings)
        try:
            self.turn.set()
            self.ended.wait()
        finally:
            _exchange_surroundings(outside)

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
        if not self.abandoned:
            self.turn.wait()
        self.task.idle += perf_counter() - begin
        if self.abandoned:
            raise _Abandoned
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

    def tell(self, news: Callable[[Observer, Training], bool | None]) -> list[bool | None]:
        """Give all observers the news; what one of them raises is an error of the fit."""
        assert self.training is not None
        try:
            return [news(observer, self.training) for observer in self.observers]
        except Exception as failure:  # noqa: BLE001 (as in a fit alone, where a search may go on without it)
            self.failure = failure
            return []

    def _run(self) -> R:
        CONDUCTOR.set(self)  # in the context of this thread: threads that the fit starts itself find none
        self.begun = True
        try:
            if self.abandoned:  # Ctrl-C came while the thread was started
                raise _Abandoned
            with config_context(**self.config), parallel_config(**self.parallel):
                return self.task.function()
        finally:
            self.ended.set()
            self.paused.set()


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
    with ThreadPoolExecutor(max(1, len(tasks))) as pool, ExitStack() as ends:
        workers = [_Worker(task, pool) for task in tasks]
        for worker in workers:
            ends.callback(worker.abandon)  # also if Ctrl-C comes again while others are ended
        with isolated(), limited_threads(), one_lease():  # fits that wait for each other cannot wait for a GPU
            going = workers
            while going:
                for worker in going:
                    worker.go_on()
                going = [worker for worker in going if not worker.done]
                _train(going)
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
    for worker in workers:
        worker.tell(lambda observer, run: observer.epoch_begins(run))
    told = [worker for worker in workers if worker.failure is None]
    failures = train_together([worker.training for worker in told if worker.training is not None], until=until)
    for worker, failure in zip(told, failures, strict=True):
        worker.failure = failure
        if failure is None and worker.training is not None:
            worker.training.stopped = any(worker.tell(lambda observer, run: observer.epoch_ends(run)))
    for worker in workers:
        worker.task.idle -= (perf_counter() - begin) / len(workers)  # its own part of the time


def yield_turn() -> None:
    """In a function that `meet` runs, let all others go on first; elsewhere do nothing."""
    worker = CONDUCTOR.get()
    if isinstance(worker, _Worker):
        worker.yield_turn()


def n_trainings() -> int:
    """In a function that `meet` runs, return how many networks it has trained so far; elsewhere 0."""
    worker = CONDUCTOR.get()
    return len(worker.task.epochs) if isinstance(worker, _Worker) else 0
