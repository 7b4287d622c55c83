"""The losses of an auto-encoder: the error of a reconstruction and the penalties of a code."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# All errors take samples of shape (..., p) and return losses of shape (...).


def squared_error(output: Tensor, x: Tensor) -> Tensor:
    """Return ``||x - x'||²`` for each sample."""
    return F.mse_loss(output, x, reduction="none").sum(dim=-1)


def absolute_error(output: Tensor, x: Tensor) -> Tensor:
    """Return ``sum_j |x_j - x'_j|`` for each sample."""
    return F.l1_loss(output, x, reduction="none").sum(dim=-1)


def binary_cross_entropy(logits: Tensor, x: Tensor) -> Tensor:
    """Return ``-sum_j (x_j log x'_j + (1 - x_j) log(1 - x'_j))`` for each sample, ``x' = 1 / (1 + exp(-logits))``."""
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=-1)


# The derivatives by the output, for networks that are trained together without autograd.
squared_error.derivative = lambda output, x: 2 * (output - x)  # type: ignore[attr-defined]
absolute_error.derivative = lambda output, x: (output - x).sign_()  # type: ignore[attr-defined]
binary_cross_entropy.derivative = lambda logits, x: logits.sigmoid().sub_(x)  # type: ignore[attr-defined]


class Loss(NamedTuple):
    """An error and its link function, which turns the decoder's output into a reconstruction."""

    error: Callable[[Tensor, Tensor], Tensor]
    link: Callable[[], nn.Module]


LOSSES = {
    "squared_error": Loss(squared_error, nn.Identity),
    "absolute_error": Loss(absolute_error, nn.Identity),
    "binary_cross_entropy": Loss(binary_cross_entropy, nn.Sigmoid),
}


class Penalized(NamedTuple):
    """The output of an auto-encoder and the penalty to add to its error."""

    output: Tensor  # (batch, p)
    penalty: Tensor  # (batch,)


def penalized_error(error: Callable[[Tensor, Tensor], Tensor], result: Penalized, x: Tensor) -> Tensor:
    """Return the error of each sample plus its penalty."""
    return error(result.output, x) + result.penalty


def squared_jacobian_norm(z: Tensor, x: Tensor) -> Tensor:
    """Return ``||∂z/∂x||²_F`` of each sample, from one backward pass for all components of z at once.

    Parameters
    ----------
    z : Tensor of shape (batch, q)
        Computed from `x`; each row depends on the same row of `x` alone.
    x : Tensor of shape (batch, p)

    Returns
    -------
    Tensor of shape (batch,)
        It can be differentiated again.
    """
    basis = torch.eye(z.shape[1], dtype=z.dtype, device=z.device)[:, None].expand(-1, *z.shape)  # (q, batch, q)
    (jacobian,) = torch.autograd.grad(z, x, basis, create_graph=True, is_grads_batched=True)  # (q, batch, p)
    return jacobian.square().sum(dim=(0, 2))
