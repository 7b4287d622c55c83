"""Chains of fully connected layers, computed for all members of a stack at once, with gradients written out.

Autograd would record each layer and each bias by itself, and multiply by thin matrices in the slow direction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from sklearn_ann.layers.dense import TiedLinear
from sklearn_ann.layers.members import on_members
from sklearn_ann.layers.steady import Linear
from sklearn_ann.layers.stochastic import Dropout, kept

_THIN = 8  # BLAS writes matrices of fewer columns slowly, and their transposes fast
_ATEN = torch.ops.aten


class _Derivative(NamedTuple):
    """How to go back through an activation: ``function(gradient, kept)``, with its output or its input kept."""

    function: Callable[[Tensor, Tensor], Tensor]
    of_output: bool = True


_DERIVATIVES: dict[type[nn.Module], _Derivative] = {
    nn.ReLU: _Derivative(lambda gradient, y: _ATEN.threshold_backward(gradient, y, 0)),
    nn.Sigmoid: _Derivative(_ATEN.sigmoid_backward),
    nn.Tanh: _Derivative(_ATEN.tanh_backward),
    nn.ELU: _Derivative(lambda gradient, y: _ATEN.elu_backward(gradient, 1.0, 1.0, 1.0, True, y)),
    nn.GELU: _Derivative(_ATEN.gelu_backward, of_output=False),
    nn.SiLU: _Derivative(_ATEN.silu_backward, of_output=False),
}


@dataclass(frozen=True)
class Dense:
    """A linear map; `transposed` for one that shares the matrix of another, the transpose of its own."""

    weight: Tensor
    bias: Tensor | None
    transposed: bool


Link = Dense | Dropout | nn.Module


def links_of(module: nn.Module) -> list[Link] | None:
    """Return what a module does, one step after the other; None if it is no chain of fully connected layers."""
    kind = type(module)
    if kind is nn.Sequential:
        parts = [links_of(child) for child in cast(nn.Sequential, module)]
        return None if any(part is None for part in parts) else [link for part in parts for link in part or []]
    if kind in (nn.Linear, Linear):
        linear = cast(nn.Linear, module)
        return [Dense(linear.weight, linear.bias, transposed=False)]
    if kind is TiedLinear:
        tied = cast(TiedLinear, module)
        return [Dense(tied.source.weight, tied.bias, transposed=True)]
    if kind is nn.Identity:
        return []
    return [module] if kind in _DERIVATIVES or kind is Dropout else None


def chain_of(links: Sequence[Link], weights_of: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Return the forward of a chain for one member of a stack, under ``torch.vmap``.

    Parameters
    ----------
    links : sequence
        See `links_of`; parameters and layers are those of the network that the stack goes by.
    weights_of : callable
        Maps a parameter to its weights of all members, a tensor with a leading axis of members.
    """

    def forward(x: Tensor) -> Tensor:
        return on_members(whole, x)

    def whole(x: Tensor) -> Tensor:
        rows = x.flatten(1, -2)  # (members, rows, features)
        y: Tensor = cast(Any, _Chain).apply(links, x.shape[1:-1], rows, *(weights_of(one) for one in parameters))
        return y.view(*x.shape[:-1], y.shape[-1])

    parameters = [
        one for link in links if isinstance(link, Dense) for one in (link.weight, link.bias) if one is not None
    ]
    return forward


class _Chain(torch.autograd.Function):
    """The links of a chain one after the other; see `links_of`."""

    @staticmethod
    def forward(ctx: Any, links: Sequence[Link], shape: torch.Size, x: Tensor, *weights: Tensor) -> Tensor:
        """Map (members, rows, features) to (members, rows, features of the last layer)."""
        following = iter(weights)
        saved = []
        for link in links:
            if isinstance(link, Dense):
                weight = next(following)
                saved += [x, weight]
                matrix = weight if link.transposed else weight.transpose(1, 2)
                x = torch.bmm(x, matrix) if link.bias is None else torch.baddbmm(next(following)[:, None], x, matrix)
            elif isinstance(link, Dropout):
                if link.training and link.p != 0.0:
                    drawn = x.new_empty(len(x), *shape, x.shape[-1])
                    keep = link.generator.filled(drawn, kept, link.p).view_as(x)
                    saved.append(keep)
                    x = x * keep
            else:
                y = link(x)
                saved.append(y if _DERIVATIVES[type(link)].of_output else x)
                x = y
        ctx.links, ctx.dropped = (
            links,
            [isinstance(link, Dropout) and link.training and link.p != 0.0 for link in links],
        )
        ctx.save_for_backward(*saved)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Go back link by link."""
        saved = list(ctx.saved_tensors)
        gradients: list[Tensor | None] = []  # of the weights, the last first
        n_left = sum(isinstance(link, Dense) for link in ctx.links)
        of_input = ctx.needs_input_grad[2]
        for link, dropped in zip(reversed(ctx.links), reversed(ctx.dropped), strict=True):
            if isinstance(link, Dense):
                weight, x = saved.pop(), saved.pop()
                if link.bias is not None:
                    gradients.append(gradient.sum(dim=1))
                gradients.append(_product(x, gradient) if link.transposed else _product(gradient, x))
                n_left -= 1
                if not (n_left or of_input):
                    break
                gradient = _through(gradient, weight.transpose(1, 2) if link.transposed else weight)
            elif isinstance(link, Dropout):
                gradient = gradient * saved.pop() if dropped else gradient
            else:
                gradient = _DERIVATIVES[type(link)].function(gradient, saved.pop())
        return None, None, gradient if of_input else None, *reversed(gradients)


def _product(a: Tensor, b: Tensor) -> Tensor:
    """Return ``a^T b`` of each member, contiguous."""
    if b.shape[2] < _THIN:
        return torch.bmm(b.transpose(1, 2), a).transpose(1, 2).contiguous()
    return torch.bmm(a.transpose(1, 2), b)


def _through(gradient: Tensor, matrix: Tensor) -> Tensor:
    """Return the gradient by matrix product of each member."""
    if matrix.shape[2] < _THIN:
        matrix = matrix.transpose(1, 2).contiguous().transpose(1, 2)
    return torch.bmm(gradient, matrix)


def chains_in(module: nn.Module) -> Iterator[tuple[nn.Module, list[Link]]]:
    """Yield the largest submodules that are chains of fully connected layers, with their links."""
    links = links_of(module)
    if links is not None:
        if any(isinstance(link, Dense) for link in links):
            yield module, links
        return
    for child in module.children():
        yield from chains_in(child)
