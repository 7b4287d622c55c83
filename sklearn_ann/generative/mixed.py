"""The likelihood of rows of a table: numbers are normally distributed, one-hot blocks are categorical."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_ann.generative.likelihoods import Likelihood, Moments
from sklearn_ann.reading import Block, Fields

_LOG_2_PI = math.log(2 * math.pi)
_LEAST_SCALE = 1e-2
_FARTHEST = 1e6
_LEAST_SHARE = 1e-4
_PACE = 10.0


class Mixed(Likelihood):
    """A normal distribution for each number that is there, times a categorical distribution for each block.

    A number has a density on its encoded scale, ``N(m_j + s_j f_j(z), s_j² σ_j²)`` with a learned ``σ_j`` of at least
    0.01, and none where it is missing. A number that is constant takes no part in the density.

    Parameters
    ----------
    data : Moments
        Of encoded rows.
    fields : Fields
        What a row consists of.
    """

    location: Tensor
    scale: Tensor
    offset: Tensor

    def __init__(self, data: Moments, fields: Fields) -> None:
        super().__init__(data)
        n = fields.n_numbers
        self.fields = fields
        self.register_buffer("location", data.mean[:n])
        self.register_buffer("scale", data.scale[:n])
        self.register_buffer("offset", data.mean[n:].clamp(min=_LEAST_SHARE).log())
        # Noise falls by factors of a hundred, which the steps of an optimiser would take long for.
        self.log_variance = nn.Parameter(torch.zeros_like(self.location))

    def variance(self) -> Tensor:
        """Return σ², shape (n_numbers,)."""
        return _LEAST_SCALE**2 + (_PACE * self.log_variance).exp()

    def standardized(self, x: Tensor) -> Tensor:
        n = self.fields.n_numbers
        return torch.cat([self._scaled(x), x[:, n:]], dim=1)

    def _scaled(self, x: Tensor) -> Tensor:
        varies = self.scale > 0
        scaled = (x[:, : len(self.scale)] - self.location) * torch.where(varies, 1 / self.scale, varies.to(x))
        return scaled.clamp(-_FARTHEST, _FARTHEST)

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        variance, varies = self.variance(), self.scale > 0
        constant = variance.log() + 2 * torch.where(varies, self.scale, 1.0).log() + _LOG_2_PI
        error = self._scaled(x) - output[:, : len(self.scale)]
        of_numbers = -0.5 * (error.square() / variance + constant)  # (batch, n_numbers)
        result = (of_numbers * self.fields.present(x) * varies).sum(dim=1)
        for block, logits in self._logits(output):
            result = result + (x[:, block.start : block.stop] * logits.log_softmax(dim=1)).sum(dim=1)
        return result

    def _logits(self, output: Tensor) -> list[tuple[Block, Tensor]]:
        n = self.fields.n_numbers
        logits = output[:, n:] + self.offset
        return [(block, logits[:, block.start - n : block.stop - n]) for block in self.fields.blocks]

    def _row(self, numbers: Tensor, choices: list[Tensor]) -> Tensor:
        """Join numbers and the one-hot blocks of the greatest of each of `choices`, of shape (batch, block size)."""
        ones = [nn.functional.one_hot(choice.argmax(dim=1), choice.shape[1]).to(numbers) for choice in choices]
        return torch.cat([numbers, *ones], dim=1)

    def mean(self, output: Tensor) -> Tensor:
        """Return the means of the numbers and the most probable place of each block, shape (batch, p)."""
        numbers = self.location + self.scale * output[:, : len(self.scale)]
        return self._row(numbers, [logits for _, logits in self._logits(output)])

    def draw(self, output: Tensor, rng: np.random.RandomState) -> Tensor:
        n = len(self.scale)
        noise = torch.as_tensor(rng.standard_normal((len(output), n))).to(output)
        numbers = self.location + self.scale * (output[:, :n] + self.variance().sqrt() * noise)
        # The greatest of logits with Gumbel noise is a draw from their softmax.
        noisy = [logits + torch.as_tensor(rng.gumbel(size=logits.shape)).to(output) for _, logits in
                 self._logits(output)]  # fmt: skip
        return self._row(numbers, noisy)
