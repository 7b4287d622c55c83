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


class _Activation(NamedTuple):
    """How to go back through an activation: ``derivative(gradient, kept)``, with its output or its input kept.

    With ``grad_input=gradient`` the result takes the place of the gradient. `in_place` does so with the output, which
    saves the memory of all members from being written twice.
    """

    derivative: Callable[..., Tensor]
    in_place: Callable[[Tensor], Tensor] | None = None
    of_output: bool = True


_ACTIVATIONS: dict[type[nn.Module], _Activation] = {
    nn.ReLU: _Activation(lambda gradient, y, **into: _ATEN.threshold_backward(gradient, y, 0, **into), torch.relu_),
    nn.Sigmoid: _Activation(_ATEN.sigmoid_backward, torch.sigmoid_),
    nn.Tanh: _Activation(_ATEN.tanh_backward, torch.tanh_),
    nn.ELU: _Activation(
        lambda gradient, y, **into: _ATEN.elu_backward(gradient, 1.0, 1.0, 1.0, True, y, **into), _ATEN.elu_
    ),
    nn.GELU: _Activation(_ATEN.gelu_backward, of_output=False),
    nn.SiLU: _Activation(_ATEN.silu_backward, of_output=False),
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
    if kind in _ACTIVATIONS or kind is Dropout:
        return [module]
    parts_in_turn = getattr(module, "parts_in_turn", None)
    return None if parts_in_turn is None else links_of(parts_in_turn)


class Chain:
    """A chain of fully connected layers of all members of a stack.

    Parameters
    ----------
    links : sequence
        See `links_of`; parameters and layers are those of the network that the stack goes by.

    Attributes
    ----------
    parameters : list of Tensor
        The parameters of the links in their order; a matrix that two links share occurs twice.
    """

    def __init__(self, links: Sequence[Link]) -> None:
        self.links = links
        dense = [link for link in links if isinstance(link, Dense)]
        self.parameters = [one for link in dense for one in (link.weight, link.bias) if one is not None]

    def forward(self, x: Tensor, weights: Sequence[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Return the output of shape (members, ..., features of the last layer), and what `backward` needs.

        Parameters
        ----------
        x : Tensor of shape (members, ..., features)
        weights : sequence of Tensor
            `parameters` of all members, each with a leading axis of members.
        """
        following, saved = iter(weights), []
        shape, x = x.shape, x.flatten(1, -2)  # (members, rows, features)
        fresh = False  # whether nothing else needs the values of x
        for link in self.links:
            if isinstance(link, Dense):
                weight = next(following)
                saved += [x, weight]
                matrix = weight if link.transposed else weight.transpose(1, 2)
                x = torch.bmm(x, matrix) if link.bias is None else torch.baddbmm(next(following)[:, None], x, matrix)
                fresh = True
            elif isinstance(link, Dropout):
                if _drops(link):
                    drawn = x.new_empty(*shape[:-1], x.shape[-1])
                    saved.append(link.generator.filled(drawn, kept, link.p).view_as(x))
                    x, fresh = x * saved[-1], True
            else:
                activation = _ACTIVATIONS[type(link)]
                y = activation.in_place(x) if fresh and activation.in_place is not None else link(x)
                saved.append(y if activation.of_output else x)
                x, fresh = y, False
        return x.view(*shape[:-1], x.shape[-1]), saved

    def backward(
        self, gradient: Tensor, saved: list[Tensor], *, of_input: bool, into: Sequence[Tensor] | None = None
    ) -> tuple[Tensor | None, list[Tensor]]:
        """Return the gradients by the input, if it is asked for, and by the weights.

        Parameters
        ----------
        gradient : Tensor
            By the output.
        saved : list of Tensor
            What `forward` returned. It is emptied: memory that is free at once is still in the cache when it is used
            again.
        of_input : bool
        into : sequence of Tensor or None
            Where to write the gradients by the weights; then no weight may occur twice.
        """
        places = [] if into is None else list(into)
        found: list[Tensor] = []  # the last first
        n_left = sum(isinstance(link, Dense) for link in self.links)
        shape, gradient = gradient.shape, gradient.flatten(1, -2)
        fresh = False
        for link in reversed(self.links):
            if isinstance(link, Dense):
                weight, x = saved.pop(), saved.pop()
                if link.bias is not None:
                    found.append(torch.sum(gradient, dim=1, out=places.pop() if places else None))
                place = places.pop() if places else None
                a, b = (x, gradient) if link.transposed else (gradient, x)
                found.append(_product(a, b, place))
                n_left -= 1
                if not (n_left or of_input):
                    return None, found[::-1]
                gradient = _through(gradient, weight.transpose(1, 2) if link.transposed else weight)
                fresh = True
            elif isinstance(link, Dropout):
                if _drops(link):
                    gradient, fresh = gradient * saved.pop(), True
            else:
                into_gradient = {"grad_input": gradient} if fresh else {}
                gradient = _ACTIVATIONS[type(link)].derivative(gradient, saved.pop(), **into_gradient)
                fresh = True
        return gradient.view(*shape[:-1], gradient.shape[-1]), found[::-1]


def _drops(link: Dropout) -> bool:
    return link.training and link.p != 0.0


def chain_of(links: Sequence[Link], weights_of: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Return the forward of a chain for one member of a stack, under ``torch.vmap``.

    Parameters
    ----------
    links : sequence
        See `Chain`.
    weights_of : callable
        Maps a parameter to its weights of all members, a tensor with a leading axis of members.
    """
    chain = Chain(links)

    def forward(x: Tensor) -> Tensor:
        return on_members(whole, x)

    def whole(x: Tensor) -> Tensor:
        y: Tensor = cast(Any, _Recorded).apply(chain, x, *(weights_of(one) for one in chain.parameters))
        return y

    return forward


class _Recorded(torch.autograd.Function):
    """A `Chain` whose gradients autograd asks for."""

    @staticmethod
    def forward(ctx: Any, chain: Chain, x: Tensor, *weights: Tensor) -> Tensor:
        """Map (members, ..., features) to (members, ..., features of the last layer)."""
        y, saved = chain.forward(x, weights)
        ctx.chain = chain
        ctx.save_for_backward(*saved)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Go back link by link."""
        of_input, found = ctx.chain.backward(gradient, list(ctx.saved_tensors), of_input=ctx.needs_input_grad[1])
        return None, of_input, *found


def _product(a: Tensor, b: Tensor, into: Tensor | None) -> Tensor:
    """Return ``a^T b`` of each member, contiguous or in a given place."""
    if b.shape[2] >= _THIN:
        return torch.bmm(a.transpose(1, 2), b, out=into)
    product = torch.bmm(b.transpose(1, 2), a).transpose(1, 2)
    return product.contiguous() if into is None else into.copy_(product)


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
