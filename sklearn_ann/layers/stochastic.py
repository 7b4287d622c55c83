"""Layers that draw random numbers from a generator of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from sklearn_ann.layers.members import on_members

Fill = Callable[[Tensor, torch.Generator | None, float], Any]
"""Fills a tensor in place: ``fill(empty, generator, number)``."""


class Generators:
    """The generators of the networks of a stack, of which each draws what it would draw alone.

    Parameters
    ----------
    each : sequence of torch.Generator
        One for each network.

    Attributes
    ----------
    sizes : sequence of int or None
        Number of samples of each network in the current batch, whose other rows only fill it up; None if they are as
        many for all.
    """

    def __init__(self, each: Sequence[torch.Generator]) -> None:
        self.each = list(each)
        self.sizes: Sequence[int] | None = None

    def filled(self, empty: Tensor, fill: Fill, numbers: float | Sequence[float]) -> Tensor:
        """Fill a tensor of shape (members, batch, ...) member by member; rows beyond a batch's end become zero."""
        numbers = numbers if isinstance(numbers, Sequence) else [numbers] * len(self.each)
        for own, size, generator, number in zip(empty, self.sizes or repeat(None), self.each, numbers, strict=False):
            fill(own if size is None else own[:size], generator, number)
            if size is not None:
                own[size:] = 0
        return empty


class Division(Protocol):
    """What layers must know of a batch of which this process computes a part and other processes the rest."""

    weighted: bool
    """Whether the samples have weights."""

    @property
    def idle(self) -> bool:
        """Whether this process has no sample of its own in the batch, and computes one that does not count."""

    def gather(self, values: Tensor) -> Tensor:
        """Return the values of each process, shape (n_processes, *values.shape)."""

    def whole(self, part: Tensor, axis: int) -> tuple[Tensor, tuple[slice, ...]]:
        """Return an empty tensor for the batch, laid out as `part`, and the place of the part in it.

        The rows along `axis` belong to the samples in their order, as many rows to each as it likes.
        """


class Stochastic(nn.Module):
    """A layer that draws random numbers.

    Attributes
    ----------
    generator : torch.Generator, Generators or None
        The source of random numbers, set for the duration of a training. With None the layer draws from torch's
        global generator, as torch's own layers do. Copies and pickles do not keep it.
    division : Division or None
        Set for the duration of a training on several processes.
    """

    division: Division | None = None
    generator: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.generator = None

    def drawn(
        self, like: Tensor, fill: Fill, number: Any = 0.0, *, axis: int = 0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return random numbers in the shape and the type of `like`, as `fill` draws them.

        Where several processes share the batch, each draws the numbers of all samples and returns those of its own, so
        that the number of processes does not matter. In a stack, each network draws from its own generator.

        Parameters
        ----------
        like : Tensor
            The rows along `axis` belong to the samples in their order.
        fill : callable
            ``fill(empty, generator, number)``.
        number : float
            What `fill` draws by; in a stack, there is one for each network.
        axis : int
        generator : torch.Generator or None
            None for the layer's own.
        """
        source = self.generator if generator is None else generator
        if isinstance(source, Generators):
            return on_members(lambda x: source.filled(x.new_empty(x.shape), fill, number), like.detach())
        empty = torch.empty_like(like)
        if self.division is None:
            fill(empty, source, number)
            return empty
        whole, place = self.division.whole(empty, axis)
        fill(whole, source, number)
        return whole[place]

    def __getstate__(self) -> dict[str, Any]:
        state = {**self.__dict__, "generator": None}
        state.pop("division", None)
        return state


def uniform(empty: Tensor, generator: torch.Generator | None, _: float) -> None:
    """Draw from [0, 1)."""
    empty.uniform_(generator=generator)


def standard_normal(empty: Tensor, generator: torch.Generator | None, _: float) -> None:
    """Draw from the standard normal distribution."""
    empty.normal_(generator=generator)


def normal(empty: Tensor, generator: torch.Generator | None, spread: float) -> None:
    """Draw from the normal distribution of mean 0 and standard deviation `spread`."""
    empty.normal_(std=spread, generator=generator)


def bernoulli(empty: Tensor, generator: torch.Generator | None, p: float) -> None:
    """Draw one with probability `p`, else zero."""
    empty.bernoulli_(p, generator=generator)


def kept(empty: Tensor, generator: torch.Generator | None, p: float) -> None:
    """Draw zero with probability `p`, else ``1 / (1 - p)``."""
    if p:
        empty.bernoulli_(1.0 - p, generator=generator).div_(1.0 - p)
    else:
        empty.fill_(1.0)


class Dropout(Stochastic):
    """Set inputs to zero with probability `p` in training; scale the others by ``1 / (1 - p)`` (Srivastava 2014).

    Parameters
    ----------
    p : float in [0, 1)
        Probability to drop an input.

    Attributes
    ----------
    axis : int
        The dimension of the input whose rows belong to the samples.
    """

    axis: int = 0
    stacked_numbers: ClassVar[tuple[str, ...]] = ("p",)

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return x
        return x * self.drawn(x, kept, self.p, axis=self.axis)

    def extra_repr(self) -> str:
        return f"p={self.p}"
