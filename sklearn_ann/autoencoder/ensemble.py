"""Small auto-encoders that read a sample in several ways and are trained side by side, as one network."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from sklearn_ann.layers import Activation, dense_stack

View = Literal["quantiles", "values", "compressed"]

_KNOTS = 256
_EDGE = 1e-3  # quantiles are clipped to those of the probabilities 0.001 and 0.999
_SKETCH = 64  # columns that are left of longer residuals


class StackedLinear(nn.Module):
    """Linear maps of the same widths, one for each of several networks.

    They are computed as one batched product, so that small networks cost about as much as one.

    Parameters
    ----------
    n_members : int
        Number of networks, M.
    fan_in, fan_out : int
        Numbers of inputs and outputs of each. Weights and biases are drawn like those of ``nn.Linear``.
    """

    def __init__(self, n_members: int, fan_in: int, fan_out: int) -> None:
        super().__init__()
        bound = fan_in**-0.5
        self.weight = nn.Parameter(torch.empty(n_members, fan_in, fan_out).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(n_members, 1, fan_out).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs of shape (M, batch, fan_in) to outputs of shape (M, batch, fan_out)."""
        return torch.baddbmm(self.bias, x, self.weight)


def stacked_layers(n_members: int, widths: Sequence[int]) -> list[StackedLinear]:
    """Return stacks of linear maps from ``widths[0]`` to ``widths[1]`` to ... ``widths[-1]``."""
    return [StackedLinear(n_members, fan_in, fan_out) for fan_in, fan_out in pairwise(widths)]


def compressed(x: Tensor) -> Tensor:
    """Return ``sign(x) log(1 + |x|)``: far values come nearer, small values stay."""
    return x.sign() * x.abs().log1p()


def quantile_knots(X: Tensor) -> Tensor:
    """Return values of each column at evenly spaced probabilities, in ascending order, shape (p, n_knots)."""
    n = len(X)
    n_knots = min(_KNOTS, n)
    places = torch.linspace(0, n - 1, n_knots, dtype=torch.float64).round().long()
    return X.sort(dim=0).values.index_select(0, places).t().contiguous()


def normal_quantiles(x: Tensor, knots: Tensor) -> Tensor:
    """Replace each value by the normal quantile of its empirical probability.

    The probability runs linearly between the knots; that of a tied value lies midway between the share below it and
    the share up to it.

    Parameters
    ----------
    x : Tensor of shape (batch, p)
    knots : Tensor of shape (p, n_knots)
    """
    values = x.t().contiguous()
    below, up_to = (torch.searchsorted(knots, values, right=right) for right in (False, True))
    last = knots.shape[1] - 1
    left, right = (knots.gather(1, place.clamp(0, last)) for place in (below - 1, below))
    between = below - 1 + (values - left) / torch.where(right > left, right - left, 1)
    place = torch.where(up_to > below, (below + up_to - 1).to(x.dtype) / 2, between.clamp(0, last))
    return torch.special.ndtri((place / max(last, 1)).clamp(_EDGE, 1 - _EDGE)).t()


class AutoEncoderEnsemble(nn.Module):
    """Auto-encoders of the same widths, with weights of their own.

    Parameters
    ----------
    views : sequence of {"quantiles", "values", "compressed"}
        What the members read: normal quantiles, the values as they are, or compressed values.
    n_members : int
        Number of auto-encoders for each view; together there are M.
    widths : sequence of int
        Widths of the encoders, from the p features to the q components; the decoders mirror them.
    activation : str
    dropout : float
        Probability, in [0, 1), to drop a hidden unit in training.
    knots : Tensor of shape (p, n_knots)
        See `quantile_knots`.
    """

    knots: Tensor
    bucket: Tensor
    sign: Tensor

    def __init__(
        self,
        views: Sequence[View],
        n_members: int,
        widths: Sequence[int],
        activation: Activation,
        dropout: float,
        knots: Tensor,
    ) -> None:
        super().__init__()
        self.views, self.n_members = tuple(views), n_members
        total = len(views) * n_members
        self.encoder = dense_stack(stacked_layers(total, widths), activation, dropout)
        self.decoder = dense_stack(stacked_layers(total, widths[::-1]), activation, dropout)
        self.register_buffer("knots", knots)
        self.register_buffer("bucket", torch.randint(_SKETCH, (total, 1, widths[0])))
        self.register_buffer("sign", 2.0 * torch.randint(2, (total, 1, widths[0])) - 1.0)

    @property
    def described_widths(self) -> list[int]:
        """Numbers of columns that the members have in what `describe` returns."""
        n_components, n_features = self.encoder[-1].weight.shape[2], self.knots.shape[0]
        residual = min(n_features, _SKETCH)
        widths = [n_components if view == "quantiles" else residual for view in self.views]
        return [width for width in widths for _ in range(self.n_members)]

    def read(self, x: Tensor) -> Tensor:
        """Return what the members read of samples of shape (batch, p), shape (M, batch, p)."""
        seen = {
            "quantiles": lambda: normal_quantiles(x, self.knots),
            "values": lambda: x,
            "compressed": lambda: compressed(x),
        }
        return torch.cat([seen[view]().expand(self.n_members, *x.shape) for view in self.views])

    def forward(self, x: Tensor) -> Tensor:
        """Return the residuals of samples of shape (batch, p), shape (M, batch, p)."""
        inputs = self.read(x)
        residual: Tensor = inputs - self.decoder(self.encoder(inputs))
        return residual

    def encode(self, x: Tensor) -> Tensor:
        """Return the codes of the first member, shape (batch, q)."""
        code: Tensor = self.encoder(self.read(x))[0]
        return code

    def describe(self, x: Tensor) -> Tensor:
        """Describe samples of shape (batch, p) by codes or residuals, one behind the other, shape (batch, columns).

        Members that read quantiles give their code. The others give their residual, shortened by `sketch`.
        """
        inputs = self.read(x)
        codes = self.encoder(inputs)
        residuals = self.sketch(inputs - self.decoder(codes))
        parts = zip(self.views, codes.split(self.n_members), residuals.split(self.n_members), strict=True)
        chosen = [code if view == "quantiles" else residual for view, code, residual in parts]
        return torch.cat([part.transpose(0, 1).flatten(1) for part in chosen], dim=1)

    def sketch(self, residual: Tensor) -> Tensor:
        """Shorten residuals of shape (M, batch, p) to 64 columns, if they have more.

        Each column is added to a column of the sketch or subtracted from it, both drawn for each member. On average
        this keeps lengths and inner products (Weinberger et al. 2009), and distances cost no more than linear time.
        """
        if residual.shape[2] <= _SKETCH:
            return residual
        sketched = residual.new_zeros(*residual.shape[:2], _SKETCH)
        return sketched.scatter_add_(2, self.bucket.expand(residual.shape), residual * self.sign)
