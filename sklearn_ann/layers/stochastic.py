"""Layers that draw random numbers from a generator of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Any, ClassVar

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


class Stochastic(nn.Module):
    """A layer that draws random numbers.

    Attributes
    ----------
    generator : torch.Generator, Generators or None
        The source of random numbers, set for the duration of a training. With None the layer draws from torch's
        global generator, as torch's own layers do. Copies and pickles do not keep it.
    """

    generator: Any = None

    def __init__(self) -> None:
        super().__init__()
        self.generator = None

    def drawn(self, like: Tensor, fill: Fill, number: Any = 0.0) -> Tensor:
        """Return random numbers in the shape and the type of `like`, (batch, ...), as `fill` draws them.

        Parameters
        ----------
        like : Tensor
        fill : callable
            ``fill(empty, generator, number)``.
        number : float
            What `fill` draws by; in a stack, there is one for each network.
        """
        source = self.generator
        if isinstance(source, Generators):
            return on_members(lambda x: source.filled(x.new_empty(x.shape), fill, number), like.detach())
        empty = torch.empty_like(like)
        fill(empty, source, number)
        return empty

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "generator": None}


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
    """

    stacked_numbers: ClassVar[tuple[str, ...]] = ("p",)

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return x
        return x * self.drawn(x, kept, self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"
