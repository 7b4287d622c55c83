"""The energy distance between two samples of rows."""

from __future__ import annotations

import torch
from torch import Tensor

_CHUNK = 1000  # rows whose distances are in memory at a time


def mean_distance(x: Tensor, y: Tensor, x_weight: Tensor, y_weight: Tensor) -> Tensor:
    """Return the weighted mean of the Euclidean distances between the rows of `x` and those of `y`.

    Parameters
    ----------
    x, y : Tensor of shape (n, p) and (m, p)
    x_weight, y_weight : Tensor of shape (n,) and (m,)
        Weights with a sum of one.
    """
    parts = zip(x.split(_CHUNK), x_weight.split(_CHUNK), strict=True)
    # Without products of matrices, whose differences lose the digits of small distances.
    exact = "donot_use_mm_for_euclid_dist"
    return torch.stack([weight @ (torch.cdist(rows, y, compute_mode=exact) @ y_weight) for rows, weight in parts]).sum()


def energy_distance(x: Tensor, y: Tensor, x_weight: Tensor | None = None, y_weight: Tensor | None = None) -> Tensor:
    r"""Return the energy distance between the distributions that put their weight on the rows of `x` and of `y`.

    It is :math:`2 E|X - Y| - E|X - X'| - E|Y - Y'|`, which is never negative, and zero only for equal distributions
    (Székely and Rizzo 2013, equation 2.5).

    Parameters
    ----------
    x, y : Tensor of shape (n, p) and (m, p)
    x_weight, y_weight : Tensor of shape (n,) and (m,), or None
        Weights of the rows; None for equal weights.
    """
    a, b = (
        rows.new_full((len(rows),), 1 / len(rows)) if weight is None else weight.to(rows) / weight.sum()
        for rows, weight in ((x, x_weight), (y, y_weight))
    )
    return 2 * mean_distance(x, y, a, b) - mean_distance(x, x, a, a) - mean_distance(y, y, b, b)
