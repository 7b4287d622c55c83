"""Plots of the states of recurrent networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage

from sklearn_ann.inspection.figures import axes_for, sample_of

_MOST_NAMES = 80  # more names are illegible


class HiddenStateDisplay:
    """States of a recurrent network over the steps of a sample: a row for each unit, a column for each step.

    Units of similar course are neighbours. Create it with `from_estimator`, or from any states.

    Parameters
    ----------
    states : array-like of shape (length, n_units)
        The states of a sample, as ``hidden_states`` returns them.

    step_names : sequence of str or None
        Names of the steps, such as letters; None shows numbers.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The plot.

    figure_ : matplotlib Figure
        The figure of the plot.

    im_ : matplotlib AxesImage
        The image.

    units_ : int array of shape (n_units,)
        The unit in each row, from the top.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn_ann import RNNClassifier
    >>> from sklearn_ann.inspection import HiddenStateDisplay
    >>> X = ["ACGTACGTAA", "TTTTCCCCAA"] * 10
    >>> model = RNNClassifier(hidden_size=8, max_epochs=5, random_state=0).fit(X, [0, 1] * 10)
    >>> HiddenStateDisplay.from_estimator(model, X, sample=1).units_.shape
    (16,)
    """

    def __init__(self, states: Any, *, step_names: Sequence[str] | None = None) -> None:
        self.states, self.step_names = states, step_names

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, sample: int = 0, ax: Any = None, cmap: str = "RdBu_r", colorbar: bool = True
    ) -> Self:
        """Plot the states of one sample.

        Parameters
        ----------
        estimator : RNNClassifier or RNNRegressor
            A fitted estimator.
        X : samples as in ``fit``
            The samples.
        sample : int
            Index of the sample to plot.
        ax, cmap, colorbar
            As in `plot`.

        Returns
        -------
        HiddenStateDisplay

        Raises
        ------
        ValueError
            If there is no such sample.
        """
        one = sample_of(X, sample)
        (states,) = estimator.hidden_states(one)
        (names,) = estimator.step_names(one)
        return cls(states, step_names=names).plot(ax, cmap=cmap, colorbar=colorbar)

    def plot(self, ax: Any = None, *, cmap: str = "RdBu_r", colorbar: bool = True) -> Self:
        """Draw the plot.

        Parameters
        ----------
        ax : matplotlib Axes or None
            Where to draw; None makes a new figure.
        cmap : str
            Colour map; its middle is a state of zero.
        colorbar : bool
            Whether to draw a colour bar.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the states are not finite or not of shape (length, n_units), or if there is not one name for each step.
        """
        states = np.asarray(self.states, dtype=float)
        if states.ndim != 2 or not states.size:
            raise ValueError(f"states must have the shape (length, n_units), got {states.shape}")
        if not np.isfinite(states).all():
            raise ValueError("states must be finite, got NaN or infinity")
        if self.step_names is not None and len(self.step_names) != len(states):
            raise ValueError(f"step_names has {len(self.step_names)} names, but there are {len(states)} steps")
        self.units_ = leaves_list(linkage(states.T, "average")) if states.shape[1] > 1 else np.zeros(1, dtype=int)
        ax = axes_for(type(self).__name__, ax, figsize=(max(5.0, min(0.12 * len(states), 12.0)), 4.0))
        greatest = np.abs(states).max() or 1.0
        self.im_ = ax.imshow(
            states[:, self.units_].T, cmap=cmap, vmin=-greatest, vmax=greatest, aspect="auto", interpolation="nearest"
        )
        if self.step_names is not None and len(self.step_names) <= _MOST_NAMES:
            ax.set_xticks(range(len(states)), self.step_names)
        ax.set_yticks([])
        ax.set(xlabel="step", ylabel="unit")
        if colorbar:
            ax.figure.colorbar(self.im_, ax=ax, label="state")
        self.ax_, self.figure_ = ax, ax.figure
        return self
