"""Reductions over groups, with two back ends that give the same results.

``"torch"`` is complete and needs no extra; ``"torch-scatter"`` needs the extra ``scatter``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sklearn_ann.layers.ragged import Groups

Backend = Literal["auto", "torch", "torch-scatter"]
Reduction = Literal["sum", "mean", "max", "min", "std"]


def resolve_backend(backend: Backend) -> Backend:
    """Replace ``"auto"`` by the faster back end in the benchmark, and refuse a missing back end."""
    if backend == "torch-scatter":
        try:
            import torch_scatter  # noqa: F401
        except ImportError as error:
            raise ImportError(
                "reduction='torch-scatter' needs the package torch-scatter, the extra "
                "sklearn-ann-architectures[scatter]; the README says how to install it"
            ) from error
        return backend
    return "torch"


def reduce(x: Tensor, groups: Groups, how: Reduction, backend: Backend = "torch") -> Tensor:
    """Reduce the rows of each group to one row.

    Parameters
    ----------
    x : Tensor of shape (n, width)
    groups : Groups
    how : {"sum", "mean", "max", "min", "std"}
        ``"std"`` is the population standard deviation.
    backend : {"torch", "torch-scatter"}
        Back end of ``"max"`` and ``"min"``; torch computes the others.

    Returns
    -------
    Tensor of shape (n_groups, width)
        Zero for an empty group.
    """
    return statistics(x, groups, [how], backend)


def statistics(x: Tensor, groups: Groups, hows: Sequence[Reduction], backend: Backend = "torch") -> Tensor:
    """Return several reductions side by side: Tensor of shape (n_groups, len(hows) * width)."""
    reduced: dict[Reduction, Tensor] = {}
    if not {"sum", "mean", "std"}.isdisjoint(hows):
        size = groups.lengths.clamp(min=1)[:, None]
        reduced["sum"] = _sum(x, groups)
        reduced["mean"] = reduced["sum"] / size
    if "std" in hows:
        variance = _sum((x - reduced["mean"].index_select(0, groups.members)).square(), groups) / size
        positive = variance > 0  # the square root has no finite gradient at zero
        reduced["std"] = torch.where(positive, torch.where(positive, variance, 1.0).sqrt(), 0.0)
    for how in ("max", "min"):
        if how in hows:
            learning = torch.is_grad_enabled()
            reduced[how] = (cast(Any, _Extreme).apply if learning else _extreme)(x, groups, how, backend)
    return reduced[hows[0]] if len(hows) == 1 else torch.cat([reduced[how] for how in hows], dim=1)


def _sum(x: Tensor, groups: Groups) -> Tensor:
    return x.new_zeros(groups.n_groups, x.shape[1]).index_add(0, groups.members, x)


def _extreme(x: Tensor, groups: Groups, how: str, backend: Backend) -> Tensor:
    if backend == "torch-scatter":
        from torch_scatter import scatter_max, scatter_min

        reduce_, worst = (scatter_max, -torch.inf) if how == "max" else (scatter_min, torch.inf)
        extreme, position = reduce_(x, groups.members, dim=0, dim_size=groups.n_groups)
        # torch-scatter treats a group of nothing but the worst infinity as an empty group.
        return torch.where((position == len(x)) & (groups.lengths > 0)[:, None], worst, extreme)
    index = groups.members[:, None].expand_as(x)
    kind = "amax" if how == "max" else "amin"
    return x.new_zeros(groups.n_groups, x.shape[1]).scatter_reduce(0, index, x, kind, include_self=False)


class _Extreme(torch.autograd.Function):
    """The maximum or minimum of each group; ties share the gradient evenly."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, groups: Groups, how: str, backend: Backend) -> Tensor:
        extreme = _extreme(x, groups, how, backend)
        ctx.groups = groups
        ctx.save_for_backward(x, extreme)
        return extreme

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, extreme = ctx.saved_tensors
        # Numbers from the start, because comparing to booleans and multiplying with them takes ten times as long.
        hit = torch.eq(x, extreme.index_select(0, ctx.groups.members), out=torch.empty_like(x))
        share = grad / _sum(hit, ctx.groups).clamp(min=1)
        return hit.mul_(share.index_select(0, ctx.groups.members)), None, None, None


def softmax(x: Tensor, groups: Groups, backend: Backend = "torch") -> Tensor:
    """Return the softmax within each group.

    Parameters
    ----------
    x : Tensor of shape (n,)
    groups : Groups
    backend : {"torch", "torch-scatter"}

    Returns
    -------
    Tensor of shape (n,)
        Non-negative numbers that add up to one in each group.
    """
    if backend == "torch-scatter":
        from torch_scatter import segment_csr

        greatest = segment_csr(x.detach(), groups.pointers, reduce="max")
    else:
        greatest = torch.segment_reduce(x.detach(), "max", offsets=groups.pointers)
    exponential = (x - greatest.index_select(0, groups.members)).exp()
    total = x.new_zeros(groups.n_groups).index_add(0, groups.members, exponential)
    shares: Tensor = exponential / total.index_select(0, groups.members)
    return shares
