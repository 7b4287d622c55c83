"""Adam for all networks of a stack at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from sklearn_ann.training.optimizers import FusedAdam

_ALIGNED = 16  # weights begin at multiples of it, so that no load crosses a line of the cache
_HOW = ("lr", "betas", "weight_decay", "eps", "decoupled_weight_decay")


class _Part(NamedTuple):
    """Neighbours in a stack whose optimisers do the same."""

    members: slice
    how: dict[str, Any]  # hyper-parameters of the optimiser
    steps: float  # the number of steps so far


class StackedAdam:
    """Moves the parameters of all networks of a stack by Adam, each by the numbers of its own optimiser.

    All weights of a network are neighbours in memory, and so are their gradients and averages: one call of torch's
    kernel moves them, and with them those of other networks with the same learning rate. While a network is in the
    stack, its parameters and the state of its optimiser are views of this memory.

    Parameters
    ----------
    parameters : sequence of sequence of Parameter
        The parameters of each network, of the same shapes in all; of one type and on one device.
    optimizers : sequence of Optimizer
        The `FusedAdam` of each network.
    bounds : sequence of float or None
        For each network, the largest norm of its gradients, which are scaled down to it as by `Step.clip`.

    Attributes
    ----------
    whole : list of Tensor
        Each parameter of all networks, (members, *shape).
    gradients : list of Tensor
        Memory for their gradients.
    """

    def __init__(
        self,
        parameters: Sequence[Sequence[Tensor]],
        optimizers: Sequence[Optimizer],
        bounds: Sequence[float | None],
    ) -> None:
        self.own, self.optimizers = parameters, optimizers
        first = parameters[0]
        lengths = [-(-one.numel() // _ALIGNED) * _ALIGNED for one in first]
        self._ends = [sum(lengths[:number]) for number in range(len(lengths) + 1)]
        memory = first[0].new_zeros(4, len(parameters), self._ends[-1])
        self._kinds = memory.unbind()  # weights, gradients, averages, averages of squares
        self._steps = torch.zeros(len(parameters), device=memory.device)
        most = [float("inf") if bound is None else bound for bound in bounds]
        self._bounds = memory.new_tensor(most) if any(bounds) else None
        self._has_state: set[int] = set()  # numbers of the parameters that have ever moved
        whole, self.gradients, averages, squares = (
            [
                kind[:, begin : begin + one.numel()].unflatten(1, one.shape)
                for begin, one in zip(self._ends, first, strict=False)
            ]
            for kind in self._kinds
        )
        for member, (of_member, optimizer) in enumerate(zip(parameters, optimizers, strict=True)):
            for number, parameter in enumerate(of_member):
                view = whole[number][member]
                parameter.data, parameter.grad = view.copy_(parameter.detach()), None
                state = optimizer.state[parameter]
                if state:
                    self._has_state.add(number)
                    self._steps[member] = state["step"]
                views = {"exp_avg": averages[number][member], "exp_avg_sq": squares[number][member]}
                for name, place in views.items():
                    if name in state:
                        place.copy_(state[name])
                state.update(views, step=self._steps[member])
        self.whole = [one.requires_grad_() for one in whole]

    def leave(self) -> None:
        """Give each network memory of its own again."""
        for of_member, optimizer in zip(self.own, self.optimizers, strict=True):
            for number, parameter in enumerate(of_member):
                parameter.data = parameter.data.clone()
                state = optimizer.state.pop(parameter, {})
                if state and number in self._has_state:
                    optimizer.state[parameter] = {name: value.clone() for name, value in state.items()}

    def begin_epoch(self) -> None:
        """Divide the networks into neighbours that one call moves, until learning rates change."""
        self._parts: list[_Part] = []
        for member, (optimizer, steps) in enumerate(zip(self.optimizers, self._steps.tolist(), strict=True)):
            (group,) = optimizer.param_groups
            part = _Part(slice(member, member + 1), {name: group[name] for name in _HOW}, steps)
            if self._parts and self._parts[-1][1:] == part[1:]:
                part = part._replace(members=slice(self._parts.pop().members.start, member + 1))
            self._parts.append(part)
        self._calls: dict[tuple[int, ...], list[tuple[Any, ...]]] = {}

    def step(self, found: Sequence[Tensor | None]) -> None:
        """Move the parameters that have a gradient.

        Parameters
        ----------
        found : sequence of Tensor or None
            The gradients, in the shapes of `whole`; those that are in `gradients` already are not copied.
        """
        moved = tuple(number for number, one in enumerate(found) if one is not None)
        for place, one in zip(self.gradients, found, strict=True):
            if one is not None and one is not place:
                place.copy_(one)
        if self._bounds is not None:
            self._clip(moved, self._bounds)
        self._steps += 1
        self._has_state.update(moved)
        if moved not in self._calls:
            self._calls[moved] = self._calls_for(moved)
        for call in self._calls[moved]:
            FusedAdam.move(*call)

    def _clip(self, moved: Sequence[int], bounds: Tensor) -> None:
        for number in set(range(len(self.gradients))).difference(moved):
            self.gradients[number].zero_()
        gradients = self._kinds[1]
        norms = torch.linalg.vector_norm(gradients, dim=1)
        gradients *= (bounds / (norms + 1e-6)).clamp(max=1.0)[:, None]

    def _calls_for(self, moved: Sequence[int]) -> list[tuple[Any, ...]]:
        """Return the arguments of `FusedAdam.move` for each part."""
        spans: list[slice] = []  # of parameters that are neighbours
        for number in moved:
            begin, end = self._ends[number : number + 2]
            if spans and spans[-1].stop == begin:
                begin = spans.pop().start
            spans.append(slice(begin, end))
        calls: list[tuple[Any, ...]] = []
        for part in self._parts:
            members = range(part.members.start, part.members.stop)
            # The kernel takes tensors without gaps only.
            gapless = spans == [slice(0, self._ends[-1])]
            places = [part.members] if gapless else [(member, span) for member in members for span in spans]
            steps = [self._steps[members[0]]] * len(places)
            calls.append((*([kind[place] for place in places] for kind in self._kinds), steps, part.how))
        return calls
