"""Losses and gradients of all networks of a stack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from sklearn_ann.layers import (
    Chain,
    Stochastic,
    block_of,
    blocks_in,
    chain_of,
    chains_in,
    links_of,
    norm_of,
    norms_in,
    over_members,
    weighing,
)
from sklearn_ann.training.alike import numbers_of
from sklearn_ann.training.joined import tensors_of, with_tensors
from sklearn_ann.training.step import Error


class Slot(NamedTuple):
    """A parameter or a buffer of a network: where it is kept, and under which name."""

    path: str
    name: str
    buffer: bool

    def place(self, module: nn.Module) -> dict[str, Any]:
        """Return where `module` keeps it."""
        owner = module.get_submodule(self.path)
        return owner._buffers if self.buffer else owner._parameters


def slots_of(module: nn.Module) -> list[Slot]:
    """Return all parameters and buffers of a module."""
    return [
        Slot(path, name, buffer)
        for path, part in module.named_modules()
        for buffer, held in ((False, part._parameters), (True, part._buffers))
        for name, tensor in held.items()
        if tensor is not None
    ]


class StackedNetwork(Protocol):
    """Computes all networks of a stack.

    Attributes
    ----------
    whole : sequence of Tensor
        The parameters and buffers of all networks, in the order of `slots_of`, each with a leading axis of members.
    """

    whole: Sequence[Tensor]

    def set_numbers(self, modules: Sequence[nn.Module]) -> None:
        """Take over the numbers in which the networks differ; see `numbers_of`."""

    def losses(self, samples: Any, target: Any, weight: Tensor | None) -> Tensor:
        """Return the losses of all members, (members, batch)."""

    def gradients(self, losses: Tensor, share: Tensor, into: Sequence[Tensor]) -> Sequence[Tensor | None]:
        """Return the gradients of the sums of losses times `share`, by the parameters; perhaps those in `into`."""


def stacked_network(template: nn.Module, error: Error, slots: Sequence[Slot]) -> StackedNetwork:
    """Return what computes networks that are as `template`."""
    links = links_of(template)
    chain = None if links is None else Chain(links)
    if chain is None or len(chain.parameters) != len(slots):  # a matrix may occur twice
        return _Recorded(template, error, slots)
    places = {id(slot.place(template)[slot.name]): number for number, slot in enumerate(slots)}
    return _WrittenOut(template, error, chain, [places[id(one)] for one in chain.parameters])


class _Common:
    """What both ways have in common."""

    def __init__(self, template: nn.Module, error: Error) -> None:
        self.template, self.error = template, error
        self.whole: Sequence[Tensor] = []
        self._numbers = [(path, name) for path, part in template.named_modules() for name in numbers_of(part)]
        self._of_members: list[tuple[nn.Module, str, Tensor]] = []

    def set_numbers(self, modules: Sequence[nn.Module]) -> None:
        """Take over the numbers in which the networks differ; see `numbers_of`."""
        self._of_members = []
        for path, name in self._numbers:
            part = self.template.get_submodule(path)
            values = [getattr(module.get_submodule(path), name) for module in modules]
            if len(set(values)) == 1:
                setattr(part, name, values[0])
            elif isinstance(part, Stochastic):
                setattr(part, name, values)
            else:
                like = self.whole[0]
                self._of_members.append((part, name, torch.tensor(values, dtype=like.dtype, device=like.device)))


class _Recorded(_Common):
    """Networks of any kind: autograd goes back through what ``torch.vmap`` has computed."""

    def __init__(self, template: nn.Module, error: Error, slots: Sequence[Slot]) -> None:
        super().__init__(template, error)
        self._held = [(slot.place(template), slot.name) for slot in slots]
        self._learned = [number for number, slot in enumerate(slots) if not slot.buffer]
        numbers = {id(held[name]): number for number, (held, name) in enumerate(self._held)}

        def weights_of(tensor: Tensor) -> Tensor:
            return self.whole[numbers[id(tensor)]]

        hand_written = [(chain, chain_of(links, weights_of)) for chain, links in chains_in(template)]
        hand_written += [(block, block_of(block, weights_of)) for block in blocks_in(template)]
        hand_written += [(norm, norm_of(norm, weights_of)) for norm in norms_in(template)]
        for part, forward in hand_written:
            part.forward = forward

    def losses(self, samples: Any, target: Any, weight: Tensor | None) -> Tensor:
        """Return the losses of all members, (members, batch)."""
        given = tensors_of(samples)
        aims = [] if target is samples else tensors_of(target)
        numbers = [values for _, _, values in self._of_members]

        def of_one(*tensors: Tensor) -> Any:
            following = iter(tensors)
            for held, name in self._held:
                held[name] = next(following)
            for part, name, _ in self._of_members:
                setattr(part, name, next(following))
            own = with_tensors(samples, following)
            aim = own if target is samples else with_tensors(target, following)
            with weighing(self.template, next(following, None)):
                return self.error(self.template(own), aim)

        inputs = [*self.whole, *numbers, *given, *aims, *([] if weight is None else [weight])]
        return over_members(of_one, inputs)

    def gradients(self, losses: Tensor, share: Tensor, into: Sequence[Tensor]) -> Sequence[Tensor | None]:
        """Return the gradients of the sums of losses times `share`, by the parameters."""
        parameters = [self.whole[number] for number in self._learned]
        return torch.autograd.grad(losses, parameters, share, allow_unused=True)


class _WrittenOut(_Common):
    """Networks that are one chain each, whose gradients are written out.

    An error of one number per sample may say its derivative by an attribute, a function ``derivative(output, target)``;
    then both take outputs and targets with any leading axes. Otherwise autograd finds it.
    """

    def __init__(self, template: nn.Module, error: Error, chain: Chain, order: Sequence[int]) -> None:
        super().__init__(template, error)
        self._chain, self._order = chain, order  # numbers of the chain's parameters
        self._derivative = getattr(error, "derivative", None)
        self._kept: list[Any] = []  # of a batch, until its gradients are known

    def losses(self, samples: Any, target: Any, weight: Tensor | None) -> Tensor:
        """Return the losses of all members, (members, batch)."""
        learns = torch.is_grad_enabled()
        with torch.no_grad():
            output, saved = self._chain.forward(samples, [self.whole[number] for number in self._order])
            losses = self.error(output, target) if self._derivative is not None else None
        if losses is None:
            output.requires_grad_(learns)

            def of_one(own: Tensor, *aims: Tensor) -> Any:
                return self.error(own, with_tensors(target, iter(aims)))

            losses = over_members(of_one, [output, *tensors_of(target)])
        self._kept = [output, target, saved] if learns else []
        return losses

    def gradients(self, losses: Tensor, share: Tensor, into: Sequence[Tensor]) -> Sequence[Tensor | None]:
        """Return the gradients of the sums of losses times `share`, by the parameters: those in `into`."""
        (output, target, saved), self._kept = self._kept, []
        if self._derivative is not None:
            gradient = self._derivative(output, target).mul_(share[..., None])
        else:
            (gradient,) = torch.autograd.grad(losses, output, share)
        del output  # memory that is free at once is still in the cache when it is used again
        with torch.no_grad():
            self._chain.backward(gradient, saved, of_input=False, into=[into[number] for number in self._order])
        return into
