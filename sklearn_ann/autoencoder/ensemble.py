"""Small auto-encoders that read a sample in several ways and are trained side by side, as one network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_ann.layers import Activation, Dropout, MemberLinear, dense_stack

View = Literal["quantiles", "values", "compressed"]

_SKETCH = 64  # columns that are left of longer residuals


def stacked_layers(n_members: int, widths: Sequence[int]) -> list[MemberLinear]:
    """Return stacks of linear maps from ``widths[0]`` to ``widths[1]`` to ... ``widths[-1]``."""
    return [MemberLinear(n_members, fan_in, fan_out) for fan_in, fan_out in pairwise(widths)]


def compressed(x: Tensor) -> Tensor:
    """Return ``sign(x) log(1 + |x|)``: far values come nearer, small values stay."""
    return x.sign() * x.abs().log1p()


class AutoEncoderEnsemble(nn.Module):
    """Auto-encoders of the same widths, with weights of their own.

    Parameters
    ----------
    members : dict of {"quantiles", "values", "compressed"} to int
        How many members read what: normal quantiles, the values as they are, or compressed values. Together there are
        M.
    widths : sequence of int
        Widths of the encoders, from the p features to the q components; the decoders mirror them.
    activation : str
    dropout : float
        Probability, in [0, 1), to drop a hidden unit in training.
    """

    bucket: Tensor
    sign: Tensor

    def __init__(
        self, members: Mapping[View, int], widths: Sequence[int], activation: Activation, dropout: float
    ) -> None:
        super().__init__()
        self.members = dict(members)
        total, residual = sum(members.values()), min(widths[0], _SKETCH)
        self.columns = {view: widths[-1] if view == "quantiles" else residual for view in members}
        self.encoder = dense_stack(stacked_layers(total, widths), activation, dropout)
        self.decoder = dense_stack(stacked_layers(total, widths[::-1]), activation, dropout)
        for part in self.modules():
            if isinstance(part, Dropout):
                part.axis = 1  # (M, batch, units)
        self.register_buffer("bucket", torch.randint(_SKETCH, (total, 1, widths[0])))
        self.register_buffer("sign", 2.0 * torch.randint(2, (total, 1, widths[0])) - 1.0)

    def read(self, x: Tensor) -> Tensor:
        """Return what the members read of samples, shape (M, batch, p).

        Parameters
        ----------
        x : Tensor of shape (batch, 2 p)
            Standardised values and, behind them, normal quantiles.
        """
        values, quantiles = x.chunk(2, dim=1)
        seen = {"quantiles": quantiles, "values": values, "compressed": compressed(values)}
        return torch.cat([seen[view].expand(n, *values.shape) for view, n in self.members.items()])

    def forward(self, x: Tensor) -> Tensor:
        """Return the residuals of samples of shape (batch, 2 p), shape (M, batch, p)."""
        inputs = self.read(x)
        residual: Tensor = inputs - self.decoder(self.encoder(inputs))
        return residual

    def encode(self, x: Tensor) -> Tensor:
        """Return the codes of the first member for samples of shape (batch, 2 p), shape (batch, q)."""
        code: Tensor = self.encoder(self.read(x))[0]
        return code

    def describe(self, x: Tensor) -> Tensor:
        """Describe samples of shape (batch, 2 p) by codes or residuals, one behind the other, shape (batch, columns).

        Members that read quantiles give their code. The others give their residual, shortened by `sketch`.
        """
        inputs = self.read(x)
        codes = self.encoder(inputs)
        residuals = inputs - self.decoder(codes)
        described, begin = [], 0
        for view, n in self.members.items():
            own = slice(begin, begin + n)
            part = codes[own] if view == "quantiles" else self.sketch(residuals[own], own)
            described.append(part.transpose(0, 1).flatten(1))
            begin += n
        return torch.cat(described, dim=1)

    def by_view(self, described: np.ndarray) -> dict[View, list[np.ndarray]]:
        """Take apart what `describe` returned: one array of shape (n_samples, columns) for each member of each kind."""
        parts: dict[View, list[np.ndarray]] = {}
        begin = 0
        for view, n in self.members.items():
            end = begin + n * self.columns[view]
            parts[view] = np.split(described[:, begin:end].astype(np.float64), n, axis=1)
            begin = end
        return parts

    def sketch(self, residual: Tensor, members: slice = slice(None)) -> Tensor:
        """Shorten residuals of shape (M, batch, p), those of `members`, to 64 columns, if they have more.

        Each column is added to a column of the sketch or subtracted from it, both drawn for each member. On average
        this keeps lengths and inner products (Weinberger et al. 2009), and distances cost no more than linear time.
        """
        if residual.shape[2] <= _SKETCH:
            return residual
        bucket, sign = self.bucket[members].transpose(1, 2), self.sign[members].transpose(1, 2)
        signs = residual.new_zeros(*bucket.shape[:2], _SKETCH).scatter_(2, bucket, sign)  # (M, p, 64)
        with torch.autocast(residual.device.type, enabled=False):  # distances need all digits
            return residual @ signs  # adding up by scatter_add_ has no fixed order on CUDA
