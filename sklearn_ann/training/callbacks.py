"""Observers of a training: a progress line and scikit-learn's callbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackContext
from tqdm import tqdm

from sklearn_ann.training.loop import Training
from sklearn_ann.training.ranks import active


class ProgressLine:
    """A line on standard error that counts the epochs and shows the latest losses.

    Parameters
    ----------
    bar : tqdm
    """

    def __init__(self, bar: tqdm) -> None:
        self.bar = bar

    def epoch_begins(self, training: Training) -> None:
        """Do nothing."""

    def epoch_ends(self, training: Training) -> bool:
        """Show the losses; never stop the training."""
        record = training.history[-1]
        losses = {name: f"{np.mean(record[name]):.4g}" for name in ("loss", "validation_loss") if name in record}
        self.bar.set_postfix(losses, refresh=False)
        self.bar.update()
        return False


@contextmanager
def progress(name: str, max_epochs: int, verbose: int, n_done: int = 0) -> Iterator[list[ProgressLine]]:
    """Show a progress line inside the context if `verbose` is not 0, and yield the observers."""
    if not verbose or ((ranks := active()) is not None and ranks.rank):  # of several processes, one is enough
        yield []
        return
    with tqdm(total=max_epochs, initial=n_done, desc=name, unit="epoch") as bar:
        yield [ProgressLine(bar)]


class EpochTasks:
    """Reports each epoch to scikit-learn's callbacks as a task.

    The context of an epoch has an attribute ``record``, the latest entry of the history. Who needs only a loss need not
    ask for a fitted estimator, for which the network is copied in each epoch.

    Parameters
    ----------
    estimator : estimator
        The estimator that is being fitted; only scikit-learn's hooks read it.
    context : CallbackContext
        The context of its ``fit``.
    attributes : callable
        ``training -> dict`` of the fitted attributes that a copy of the estimator needs to predict. They must share no
        weights with the network in training, because a callback may change them.
    X, y, metadata
        The arguments of ``fit``.
    """

    def __init__(
        self,
        estimator: BaseEstimator,
        context: CallbackContext,
        attributes: Callable[[Training], dict[str, Any]],
        **data: Any,
    ) -> None:
        self.estimator, self.context, self.attributes, self.data = estimator, context, attributes, data

    def epoch_begins(self, training: Training) -> None:
        """Begin the task of the epoch."""
        self.task = self.context.subcontext(task_name="epoch")
        self._call(self.task.call_on_fit_task_begin, training)

    def epoch_ends(self, training: Training) -> bool:
        """End the task; return True if a callback asks to stop the training."""
        self.task.record = training.history[-1]
        return bool(self._call(self.task.call_on_fit_task_end, training))

    def _call(self, hook: Callable[..., Any], training: Training) -> Any:
        return hook(estimator=self.estimator, reconstruction_attributes=lambda: self.attributes(training), **self.data)
