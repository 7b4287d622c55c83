"""Targets from zero: predictions below zero are zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_ann.base.targets import NumberTargets


class NonNegativeTargets(NumberTargets):
    r"""Numbers from zero: an output o stands for :math:`\max(0, \mu + \sigma o)`.

    Here :math:`\mu` and :math:`\sigma` are the mean and standard deviation of the target. The network learns as it
    would without a bound. A softplus or a bound on the output in training was tried: where many targets are zero it
    leaves open how far below zero an output is, and the unknown entries were predicted less well.

    Parameters
    ----------
    loss : {"squared_error", "absolute_error", "huber", "quantile", "poisson"}
        ``"poisson"`` has no negative predictions anyway.
    quantile : float in (0, 1)
    """

    def _numbers(self, y: Any, members: np.ndarray | None) -> tuple[np.ndarray, tuple[int, ...]]:
        values, shape = super()._numbers(y, members)
        wrong = (values < 0).any(axis=1)
        if wrong.any():
            row = int(wrong.argmax())
            sample = row if members is None else members[row]
            value = values[row][values[row] < 0][0]
            raise ValueError(f"non_negative=True is for targets from 0, but the target of sample {sample} is {value}")
        return values, shape

    def predictions(self, outputs: np.ndarray) -> np.ndarray:
        """Turn outputs into numbers from zero."""
        numbers: np.ndarray = np.maximum(super().predictions(outputs), 0.0)
        return numbers
