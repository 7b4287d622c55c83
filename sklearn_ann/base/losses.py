"""Errors of supervised networks: one loss per sample, of outputs and targets of which some may be missing."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from sklearn_ann.training import Samples

Loss = Literal["squared_error", "absolute_error", "huber", "quantile", "poisson"]


class WeightedTarget(NamedTuple):
    """Targets with a weight of their own for each output."""

    values: Tensor  # (batch, n_outputs), NaN where a target is missing
    weight: Tensor  # (batch, n_outputs)


class WeightedRows(Samples):
    """Rows of targets with a weight for each output; a batch is a `WeightedTarget`."""

    def __init__(self, values: Tensor, weight: Tensor) -> None:
        self.values, self.weight = values, weight
        self.device = values.device

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: Tensor) -> WeightedTarget:
        return WeightedTarget(self.values.index_select(0, index), self.weight.index_select(0, index))

    def to(self, device: torch.device) -> WeightedRows:
        """Return the same targets on `device`."""
        return WeightedRows(self.values.to(device), self.weight.to(device))


def with_weight(values: Tensor, weight: Tensor | None) -> Tensor | Samples:
    """Join targets with weights of the outputs, if there are any."""
    return values if weight is None else WeightedRows(values, weight)


def already_an_error(output: Any, _batch: Any) -> Tensor:
    """Return what the network returns, an error already."""
    error: Tensor = output
    return error


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """-log softmax(logits)[target] of each sample; `logits` may have an axis of members before that of samples."""
    if logits.ndim == 2:
        return F.cross_entropy(logits, target, reduction="none")
    of_each = target.expand(logits.shape[:-1])
    return F.cross_entropy(logits.flatten(0, -2), of_each.flatten(), reduction="none").view_as(of_each)


def independent_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy of each output, (batch, n_outputs)."""
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none")


def squared_error(output: Tensor, target: Tensor) -> Tensor:
    """``(o - t)^2``."""
    return (output - target).square()


def absolute_error(output: Tensor, target: Tensor) -> Tensor:
    """``|o - t|``, which is smallest at the median."""
    return (output - target).abs()


def huber_error(output: Tensor, target: Tensor) -> Tensor:
    """Squared up to an error of 1.35 and linear beyond it (Huber 1964), in standard deviations of y."""
    return F.huber_loss(output, target, reduction="none", delta=1.35)


def quantile_error(quantile: float, output: Tensor, target: Tensor) -> Tensor:
    """``max(q (t - o), (q - 1) (t - o))``, which is smallest at the quantile q (Koenker and Bassett 1978)."""
    below = target - output
    return torch.maximum(quantile * below, (quantile - 1) * below)


def poisson_error(output: Tensor, target: Tensor) -> Tensor:
    """Half of the Poisson deviance, for an output that is the logarithm of the mean."""
    return output.exp() - target * output + torch.xlogy(target, target) - target


def masked(error: Callable[[Tensor, Tensor], Tensor], divisor: int, output: Tensor, target: Any) -> Tensor:
    """Sum an error of single outputs over the outputs of each sample whose target is there, and divide it.

    Parameters
    ----------
    error : callable
        ``(output, target) -> Tensor of shape (batch, n_outputs)``.
    divisor : int
    output : Tensor of shape (batch, n_outputs), or (n_members, batch, n_outputs)
    target : Tensor of shape (batch, n_outputs), NaN where a target is missing, or WeightedTarget
    """
    values = target.values if isinstance(target, WeightedTarget) else target
    there = ~values.isnan()
    # The missing ones must not reach the error: the gradient of NaN times zero is NaN.
    losses = error(output, torch.where(there, values, 0.0).expand_as(output)) * there
    if isinstance(target, WeightedTarget):
        losses = losses * target.weight
    total = losses.sum(dim=-1)
    return total if divisor == 1 else total / divisor


def plain(error: Callable[[Tensor, Tensor], Tensor], divisor: int, output: Tensor, target: Tensor) -> Tensor:
    """Sum an error of single outputs over the outputs of each sample, and divide it; no target is missing."""
    total = error(output, target.expand_as(output)).sum(dim=-1)
    return total if divisor == 1 else total / divisor


def over_members(error: Callable[[Tensor, Any], Tensor], output: Tensor, target: Any) -> Tensor:
    """Return one loss per sample, the mean over the members if there is an axis of members before the samples."""
    losses = error(output, target)
    return losses if losses.ndim == 1 else losses.mean(dim=0)


ERRORS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "squared_error": squared_error,
    "absolute_error": absolute_error,
    "huber": huber_error,
    "poisson": poisson_error,
}


def error_of(loss: Loss, quantile: float) -> Callable[[Tensor, Tensor], Tensor]:
    """Return the error of single outputs that a regressor's `loss` names."""
    return partial(quantile_error, quantile) if loss == "quantile" else ERRORS[loss]


def mean_squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Squared error of each sample, averaged over its outputs."""
    return squared_error(output, target).mean(dim=1)
