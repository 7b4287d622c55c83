"""Layers that draw random numbers from a generator of their own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Stochastic(nn.Module):
    """A layer that draws random numbers.

    Attributes
    ----------
    generator : torch.Generator or None
        The source of random numbers, set for the duration of a training. With None the layer draws from torch's
        global generator, as torch's own layers do. Copies and pickles do not keep it.
    """

    generator: torch.Generator | None = None

    def __init__(self) -> None:
        super().__init__()
        self.generator = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "generator": None}


class Dropout(Stochastic):
    """Set inputs to zero with probability `p` in training; scale the others by ``1 / (1 - p)`` (Srivastava 2014).

    Parameters
    ----------
    p : float in [0, 1)
        Probability to drop an input.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0.0:
            return x
        keep = torch.empty_like(x).bernoulli_(1.0 - self.p, generator=self.generator)
        return x * keep.div_(1.0 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"
