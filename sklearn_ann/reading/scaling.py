"""Scaling of numeric columns by weighted means and standard deviations, or by weighted quantiles."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
import torch
from scipy.special import ndtri

from sklearn_ann.reading.passes import RunningMoments
from sklearn_ann.training import as_tensor

Scaling = Literal["quantile", "standard"]

_KNOTS = 256
_ROUNDING = 1e-9
BLOCK = 8192  # rows that are scaled at a time: finding their quantiles takes ten times their memory
EDGE = 1e-3  # quantiles are clipped to those of the probabilities 0.001 and 0.999


def mean_and_scale(values: np.ndarray, weight: np.ndarray | None, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the weighted mean and standard deviation of each column; a constant column gets a deviation of 1.

    Raises
    ------
    ValueError
        If the squares of `values` are not finite. The message calls them `name`.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # told below
        mean = np.average(values, axis=0, weights=weight)
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
    X : array of shape (n_samples, n_columns)
        Numbers of float32 or float64.
    weight : array of shape (n_samples,) or None
    names : list of str or None
        What messages call the columns.
    """

    def __init__(self, kind: Scaling, X: np.ndarray, weight: np.ndarray | None, names: list[str] | None = None) -> None:
        names = ["X"] * X.shape[1] if names is None else names
        n = X.shape[1]
        self.mean, self.scale, self.ranked = np.zeros(n), np.ones(n), np.zeros(n, dtype=bool)
        knots: list[np.ndarray] = []
        for place, (column, name) in enumerate(zip(X.T, names, strict=True)):
            there = ~np.isnan(column)
            values, own = column[there].astype(np.float64, copy=False), None if weight is None else weight[there]
            if len(values) == 0 or (own is not None and not own.any()):
                continue
            if kind == "standard":
                mean, scale = mean_and_scale(values[:, None], own, name)
                self.mean[place], self.scale[place] = mean[0], scale[0]
            else:
                self.ranked[place] = True
                knots.append(_knots(values, own))
        self.knots = np.reshape(knots, (-1, _KNOTS))  # (n_ranked, _KNOTS)

    @classmethod
    def of_moments(cls, moments: RunningMoments, names: list[str]) -> Self:
        """Return the scale ``"standard"`` for moments of columns.

        Raises
        ------
        ValueError
            If squares of values are not finite.
        """
        new = cls("standard", np.empty((0, len(names))), None, names)
        deviation = np.sqrt(moments.variance)
        if len(wrong := np.flatnonzero(~np.isfinite(deviation))):
            raise ValueError(f"{names[wrong[0]]} has values too large to standardise: their squares are not finite")
        new.mean = moments.mean
        new.scale = np.where(deviation > 10 * np.finfo(float).eps * np.abs(new.mean), deviation, 1.0)
        return new

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Scale `X`, float64 of shape (n_samples, n_columns)."""
        scaled = X - self.mean
        scaled /= self.scale
        for begin in range(0, len(X), BLOCK) if len(self.knots) else ():
            rows = slice(begin, begin + BLOCK)
            shares = _shares(X[rows].T[self.ranked], self.knots).T
            scaled[rows, self.ranked] = ndtri(shares.clip(EDGE, 1 - EDGE))
        return scaled


def _knots(values: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """Return the values of a column below which equal shares of its weight lie."""
    # A sample of weight 2 must give the same knots as two samples, also where sums of weights are rounded.
    order = np.argsort(values, kind="stable")
    below = np.cumsum(np.ones(len(values)) if weight is None else weight[order])
    place = np.searchsorted(below / below[-1], np.linspace(0, 1, _KNOTS) - _ROUNDING)
    knots: np.ndarray = values[order][place.clip(max=len(values) - 1)]
    return knots


def _shares(values: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Interpolate the empirical probability of `values`, (n_columns, n_samples); NaN stays NaN.

    The probability of a tied value lies midway between the share below it and the share up to it.
    """
    x, k = as_tensor(values / 2), as_tensor(knots / 2)  # halves, because their differences are finite
    total = torch.zeros_like(x)
    for right in (False, True):
        above = torch.searchsorted(k, x, right=right).clamp_(1, _KNOTS - 1)
        low, high = k.gather(1, above - 1), k.gather(1, above)
        beyond = x >= low if right else x > low  # what is left to say where both knots are equal
        part = torch.where(high > low, ((x - low) / (high - low)).clamp_(0, 1), beyond.to(x.dtype))
        total += above - 1 + part
    shares: np.ndarray = total.masked_fill_(x.isnan(), np.nan).numpy() / (2 * (_KNOTS - 1))
    return shares
