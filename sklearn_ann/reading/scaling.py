"""Scaling of numeric columns by weighted means and standard deviations, or by weighted quantiles."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from scipy.special import ndtri

Scaling = Literal["quantile", "standard"]

_KNOTS = 256
_ROUNDING = 1e-9
_EDGE = 1e-3  # quantiles are clipped to those of the probabilities 0.001 and 0.999


def mean_and_scale(values: np.ndarray, weight: np.ndarray | None, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted mean and standard deviation of each column; a constant column gets a deviation of 1.

    Raises
    ------
    ValueError
        If the squares of `values` are not finite. The message calls them `name`.
    """
    mean = np.average(values, axis=0, weights=weight)
    with np.errstate(over="ignore"):
        scale = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weight))
    if not np.isfinite(scale).all():
        raise ValueError(f"{name} has values too large to standardise: their squares are not finite")
    return mean, np.where(scale > 10 * np.finfo(float).eps * np.abs(mean), scale, 1.0)


class Scale:
    """Scales the numbers of each column; missing numbers stay NaN.

    ``"standard"`` gives each column a mean of 0 and a standard deviation of 1. ``"quantile"`` replaces a number by the
    normal quantile of its empirical probability, which keeps the order and shrinks outliers.

    Parameters
    ----------
    kind : {"quantile", "standard"}
    X : float64 array of shape (n_samples, n_columns)
    weight : array of shape (n_samples,) or None
    names : list of str or None
        What messages call the columns.
    """

    def __init__(self, kind: Scaling, X: np.ndarray, weight: np.ndarray | None, names: list[str] | None = None) -> None:
        names = ["X"] * X.shape[1] if names is None else names
        self.columns = [self._learn(kind, column, weight, name) for column, name in zip(X.T, names, strict=True)]

    @staticmethod
    def _learn(kind: Scaling, column: np.ndarray, weight: np.ndarray | None, name: str) -> tuple[Any, ...]:
        there = ~np.isnan(column)
        values, weight = column[there], None if weight is None else weight[there]
        if len(values) == 0 or (weight is not None and not weight.any()):
            return 0.0, 1.0
        if kind == "standard":
            mean, scale = mean_and_scale(values[:, None], weight, name)
            return float(mean[0]), float(scale[0])
        shares = np.linspace(0, 1, _KNOTS)
        # A sample of weight 2 must give the same knots as two samples, also where sums of weights are rounded.
        order = np.argsort(values, kind="stable")
        below = np.cumsum(np.ones(len(values)) if weight is None else weight[order])
        place = np.searchsorted(below / below[-1], shares - _ROUNDING)
        return values[order][place.clip(max=len(values) - 1)], shares

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Scale `X` of shape (n_samples, n_columns)."""
        scaled = np.empty(X.shape)
        for number, (column, (first, second)) in enumerate(zip(X.T, self.columns, strict=True)):
            if np.ndim(first) == 0:
                scaled[:, number] = (column - first) / second
                continue
            # The probability of a tied value lies midway between the share below it and the share up to it.
            share = (np.interp(column, first, second) - np.interp(-column, -first[::-1], -second[::-1])) / 2
            scaled[:, number] = share
        ranked = [np.ndim(first) > 0 for first, _ in self.columns]
        scaled[:, ranked] = ndtri(scaled[:, ranked].clip(_EDGE, 1 - _EDGE))
        return scaled
