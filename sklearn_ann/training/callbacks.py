"""Those who are told of every epoch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.callback import CallbackContext
from tqdm import tqdm

from sklearn_ann.training.loop import Training


class ProgressLine:
    """One line on standard error that counts the epochs and shows the latest loss.

    Parameters
    ----------
    name : str
        What stands before the bar.
    max_epochs : int
    """

    def __init__(self, name: str, max_epochs: int) -> None:
        self.bar = tqdm(total=max_epochs, desc=name, unit="epoch")

    def epoch_begins(self, training: Training) -> None:
        pass

    def epoch_ends(self, training: Training) -> bool:
        record = training.network.history[-1]
        losses = {name: f"{record[name]:.4g}" for name in ("loss", "validation_loss") if name in record}
        self.bar.set_postfix(losses, refresh=False)
        self.bar.update()
        return False

    def close(self) -> None:
        self.bar.close()


class EpochTasks:
    """Makes each epoch a task of scikit-learn's callbacks.

    Parameters
    ----------
    estimator : estimator
        The one that is being fitted; only scikit-learn's hooks look at it.
    context : CallbackContext
        The task of its fit.
    attributes : callable
        ``training -> dict`` of the fitted attributes that make a copy of the estimator ready to predict. They must
        share no weights with the network in training: a callback may do with them what it likes.
    X, y, metadata
        What was given to ``fit``.
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
        self.task = self.context.subcontext(task_name="epoch")
        self._call(self.task.call_on_fit_task_begin, training)

    def epoch_ends(self, training: Training) -> bool:
        return bool(self._call(self.task.call_on_fit_task_end, training))

    def _call(self, hook: Callable[..., Any], training: Training) -> Any:
        return hook(estimator=self.estimator, reconstruction_attributes=lambda: self.attributes(training), **self.data)
