"""Layers that draw random numbers from a generator that they are handed, never from torch's global one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Stochastic(nn.Module):
    """A layer that draws random numbers.

    Attributes
    ----------
    generator : torch.Generator or None
        What it draws from. Training sets it for as long as it lasts; with None the layer draws from torch's global
        generator, as torch's own layers do. Copies and pickles do not carry it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.generator: torch.Generator | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "generator": None}


class Dropout(Stochastic):
    """Zero an input with probability `p` while training and scale the others by ``1 / (1 - p)`` (Srivastava 2014).

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
