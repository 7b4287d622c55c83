"""Layers that draw random numbers from a generator of their own."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn


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
    generator : torch.Generator or None
        The source of random numbers, set for the duration of a training. With None the layer draws from torch's
        global generator, as torch's own layers do. Copies and pickles do not keep it.
    division : Division or None
        Set for the duration of a training on several processes.
    """

    division: Division | None = None
    generator: torch.Generator | None = None

    def __init__(self) -> None:
        super().__init__()
        self.generator = None

    def __getstate__(self) -> dict[str, Any]:
        state = {**self.__dict__, "generator": None}
        state.pop("division", None)
        return state

    def draw(
        self, empty: Tensor, method: str, *args: float, axis: int = 0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Fill a tensor with random numbers for the samples of a batch.

        Where several processes share the batch, each draws the numbers of all samples and returns those of its own, so
        that their number does not matter.

        Parameters
        ----------
        empty : Tensor
            The rows along `axis` belong to the samples in their order.
        method : str
            A method of tensors that draws, such as ``"bernoulli_"``.
        *args : float
            Its arguments.
        axis : int
        generator : torch.Generator or None
            None for the layer's own.
        """
        generator = self.generator if generator is None else generator
        if self.division is None:
            drawn: Tensor = getattr(empty, method)(*args, generator=generator)
            return drawn
        whole, place = self.division.whole(empty, axis)
        part: Tensor = getattr(whole, method)(*args, generator=generator)[place]
        return part


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

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return x
        keep = self.draw(torch.empty_like(x), "bernoulli_", 1.0 - self.p, axis=self.axis)
        return x * keep.div_(1.0 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"
