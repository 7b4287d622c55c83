"""Plots of the loss over the epochs."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_ann.inspection.figures import COLOURS, axes_for


def _check(losses: Any, name: str) -> None:
    if np.ndim(losses) != 1 or len(losses) == 0 or np.asarray(losses).dtype.kind not in "biuf":
        raise ValueError(f"{name} is {losses!r}: expected a list of numbers, one for each epoch")


class TrainingCurveDisplay:
    """The loss of each epoch on training data and validation data.

    Create it with `from_estimator`, or from any losses.

    Parameters
    ----------
    loss : array-like of shape (n_epochs,)
        Loss on the training data.

    validation_loss : array-like of shape (n_epochs,) or None
        Loss on the validation data.

    best_epoch : int or None
        The epoch, counted from 1, whose weights were kept.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The plot.

    figure_ : matplotlib Figure
        The figure of the plot.

    lines_ : list of matplotlib Line2D
        The curves.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ann import AutoEncoderTransformer
    >>> from sklearn_ann.inspection import TrainingCurveDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = AutoEncoderTransformer(
    ...     max_epochs=5, learning_rate_schedule="cosine", random_state=0
    ... ).fit(X)
    >>> TrainingCurveDisplay.from_estimator(model).ax_.get_xlabel()
    'epoch'
    """

    def __init__(self, loss: Any, *, validation_loss: Any = None, best_epoch: int | None = None) -> None:
        _check(loss, "loss")
        if validation_loss is not None:
            _check(validation_loss, "validation_loss")
        self.loss, self.validation_loss, self.best_epoch = loss, validation_loss, best_epoch

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> Self:
        """Plot the training of a fitted estimator.

        Parameters
        ----------
        estimator : estimator with ``history_``, or a pipeline or search with such an estimator
            A fitted estimator. Of a pipeline the last step counts, of a search the best estimator.
        ax : matplotlib Axes or None
            Where to draw; None makes a new figure.

        Returns
        -------
        TrainingCurveDisplay

        Raises
        ------
        TypeError
            If the estimator keeps no history.
        """
        check_is_fitted(estimator)
        while hasattr(estimator, "best_estimator_") or hasattr(estimator, "steps"):
            estimator = estimator.best_estimator_ if hasattr(estimator, "best_estimator_") else estimator.steps[-1][1]
            check_is_fitted(estimator)
        if not hasattr(estimator, "history_"):
            raise TypeError(f"{type(estimator).__name__} has no history_: give a fitted estimator of sklearn_ann")
        history = estimator.history_
        watched = history.get("validation_loss")
        best = None if watched is None else estimator.best_epoch_
        return cls(history["loss"], validation_loss=watched, best_epoch=best).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the plot.

        Parameters
        ----------
        ax : matplotlib Axes or None
            Where to draw; None makes a new figure.

        Returns
        -------
        self
        """
        self.ax_ = axes_for(type(self).__name__, ax, figsize=(5, 3.5))
        self.figure_, self.lines_ = self.ax_.figure, []
        curves = {"training": (self.loss, "-"), "validation": (self.validation_loss, "--")}
        for colour, (name, (values, line)) in zip(COLOURS, curves.items(), strict=False):
            if values is not None:
                epochs = np.arange(1, len(values) + 1)
                self.lines_ += self.ax_.plot(epochs, values, line, color=colour, label=name)
        if self.best_epoch is not None:
            self.ax_.axvline(self.best_epoch, color="0.6", linewidth=1, zorder=0, label="best epoch")
        self.ax_.set(xlabel="epoch", ylabel="loss")
        if len(self.ax_.get_legend_handles_labels()[0]) > 1:
            self.ax_.legend(frameon=False)
        return self
