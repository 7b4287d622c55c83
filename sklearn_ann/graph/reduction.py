"""Reductions over groups that are not a matrix product, with two back ends of the same results.

``"torch"`` is the complete reference and needs nothing; ``"torch-scatter"`` needs the extra ``scatter``.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Backend = Literal["auto", "torch", "torch-scatter"]
Reduction = Literal["sum", "mean", "max", "min", "std"]


def resolve_backend(backend: Backend) -> Backend:
    """Turn ``"auto"`` into what the benchmark showed to be faster, and refuse a back end that is missing."""
    if backend == "torch-scatter":
        try:
            import torch_scatter  # noqa: F401
        except ImportError as error:
            raise ImportError(
                "backend='torch-scatter' needs the package torch-scatter: the extra "
                "sklearn-ann-architectures[scatter]; the README says how to install it"
            ) from error
        return backend
    return "torch"


def reduce(x: Tensor, groups: Tensor, n_groups: int, how: Reduction, backend: Backend = "torch") -> Tensor:
    """Reduce the rows of each group to one.

    Parameters
    ----------
    x : Tensor of shape (n, width)
    groups : int64 Tensor of shape (n,)
        The group of each row, in ascending order.
    n_groups : int
    how : {"sum", "mean", "max", "min", "std"}
        The standard deviation is that of the population.
    backend : {"torch", "torch-scatter"}

    Returns
    -------
    Tensor of shape (n_groups, width)
        Zero for an empty group, whatever `how` says.
    """
    if how == "std":
        mean = reduce(x, groups, n_groups, "mean", backend)
        variance = reduce((x - mean.index_select(0, groups)).square(), groups, n_groups, "mean", backend)
        positive = variance > 0  # the root has no gradient at zero
        return torch.where(positive, torch.where(positive, variance, 1.0).sqrt(), 0.0)
    if how in ("max", "min"):
        extreme: Tensor = _Extreme.apply(x, groups, n_groups, how, backend)  # type: ignore[no-untyped-call]
        return extreme
    if backend == "torch-scatter":
        from torch_scatter import scatter

        reduced: Tensor = scatter(x, groups, dim=0, dim_size=n_groups, reduce=how)
        return reduced
    total = x.new_zeros(n_groups, x.shape[1]).index_add(0, groups, x)
    return total if how == "sum" else total / torch.bincount(groups, minlength=n_groups).clamp(min=1)[:, None]


class _Extreme(torch.autograd.Function):
    """The greatest or least of each group; where several are, they share the gradient evenly."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, groups: Tensor, n_groups: int, how: str, backend: Backend) -> Tensor:
        if backend == "torch-scatter":
            from torch_scatter import scatter_max, scatter_min

            reduce_, worst = (scatter_max, -torch.inf) if how == "max" else (scatter_min, torch.inf)
            extreme, place = reduce_(x, groups, dim=0, dim_size=n_groups)
            # It takes a group whose members are all infinitely bad for an empty one.
            filled = torch.bincount(groups, minlength=n_groups) > 0
            extreme = torch.where((place == len(x)) & filled[:, None], worst, extreme)
        else:
            index = groups[:, None].expand_as(x)
            kind = "amax" if how == "max" else "amin"
            extreme = x.new_zeros(n_groups, x.shape[1]).scatter_reduce(0, index, x, kind, include_self=False)
        ctx.save_for_backward(x, groups, extreme)
        return extreme

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, groups, extreme = ctx.saved_tensors
        hit = x == extreme.index_select(0, groups)
        ties = torch.zeros_like(extreme).index_add(0, groups, hit.to(grad.dtype))
        share = (grad / ties.clamp(min=1)).index_select(0, groups)
        return share.masked_fill_(hit.logical_not_(), 0.0), None, None, None, None


def softmax(x: Tensor, groups: Tensor, n_groups: int, backend: Backend = "torch") -> Tensor:
    """The softmax of the rows within each group, column by column: Tensor of the shape of `x`."""
    greatest = reduce(x.detach(), groups, n_groups, "max", backend)
    exponential = (x - greatest.index_select(0, groups)).exp()
    total = reduce(exponential, groups, n_groups, "sum", backend)
    return exponential / total.index_select(0, groups)
