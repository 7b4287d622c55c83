"""Targets from zero: outputs of a network pass through a softplus before they are compared or returned."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from sklearn_ann.base.losses import error_of, masked, plain
from sklearn_ann.base.targets import NumberTargets
from sklearn_ann.layers import Average
from sklearn_ann.training import Error

_LEAST = 1e-3  # mean of a target in its standard deviations, so that its inverse softplus is finite
_TINY = 1e-30  # smallest number whose inverse softplus is taken


class NonNegativeTargets(NumberTargets):
    r"""Numbers from zero: an output o stands for :math:`\sigma \log(1 + e^{o + c})`.

    Here :math:`\sigma` is the standard deviation of the target and c such that an output of zero stands for its mean.
    Targets are standardised as others are.

    Parameters
    ----------
    loss : {"squared_error", "absolute_error", "huber", "quantile", "poisson"}
        ``"poisson"`` has no negative predictions anyway and stays as it is.
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

    @property
    def _link(self) -> Softplus:
        return Softplus(self._mean / self._scale)

    @property
    def error(self) -> Error:
        """The error that `loss` names, of what outputs stand for."""
        if self.loss == "poisson":
            return super().error
        single = partial(_error, error_of(self.loss, self.quantile), self._link)
        return partial(plain if self.n_outputs == 1 else masked, single, self.n_outputs)

    @property
    def average(self) -> Average:
        """Of the numbers that outputs stand for."""
        return super().average if self.loss == "poisson" else partial(_average, self._link)

    def constant(self, target: Tensor) -> Tensor:
        """Return the outputs that stand for the best constant prediction."""
        best = super().constant(target)
        return best if self.loss == "poisson" else self._link.inverse(best)

    def predictions(self, outputs: np.ndarray) -> np.ndarray:
        """Turn outputs into numbers from zero."""
        if self.loss == "poisson":
            return super().predictions(outputs)
        standardised = self._link(torch.from_numpy(outputs.astype(np.float64))).numpy()
        numbers: np.ndarray = np.maximum(super().predictions(standardised), 0.0)  # rounding may leave some below zero
        return numbers


class Softplus:
    r"""Maps an output o to a standardised number that is never below :math:`-m`, which stands for zero.

    .. math:: t(o) = \log(1 + e^{o + c}) - m, \quad t(0) = 0,

    computed as :math:`o + \log(1 + e^{-o - c}) + (c - m)`, which keeps its digits where m is large.

    Parameters
    ----------
    mean : array of shape (n_outputs,)
        m, the mean of each target in its standard deviations.
    """

    def __init__(self, mean: np.ndarray) -> None:
        positive = np.maximum(mean, _LEAST)
        rest = np.log(-np.expm1(-positive))
        self._mean, self._shift = mean.tolist(), (positive + rest).tolist()
        self._difference = (positive - mean + rest).tolist()  # c - m

    def __call__(self, output: Tensor) -> Tensor:
        """Return the standardised numbers that outputs, (..., n_outputs), stand for."""
        shift, difference = output.new_tensor(self._shift), output.new_tensor(self._difference)
        return output + F.softplus(-output - shift) + difference

    def inverse(self, number: Tensor) -> Tensor:
        """Return the outputs that stand for standardised numbers."""
        above_zero = (number + number.new_tensor(self._mean)).clamp_min(_TINY)
        return number + (-torch.expm1(-above_zero)).log() - number.new_tensor(self._difference)


def _error(error: Callable[[Tensor, Tensor], Tensor], link: Softplus, output: Tensor, target: Tensor) -> Tensor:
    return error(link(output), target)


def _average(link: Softplus, outputs: Tensor) -> Tensor:
    return link.inverse(link(outputs).mean(dim=0))
