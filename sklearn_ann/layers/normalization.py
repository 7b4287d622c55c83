"""Normalisation."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm


class BatchNorm(_BatchNorm):
    """Batch normalisation of channels (Ioffe and Szegedy 2015), of rows as well as of signals and images.

    A batch of a single value for each channel has no variance: in training, too, it is normalised with the running
    statistics and leaves them as they are.
    """

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002
        """Take any number of dimensions."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalise each channel.

        Parameters
        ----------
        x : Tensor of shape (batch, channels, *size)
        mask : bool Tensor of shape (batch, *size) or None
            Which places count; the others are returned as zeros, in training.
        """
        if self.training and (x.numel() == x.shape[1] if mask is None else int(mask.sum()) == 1):
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        if mask is None or not self.training:
            return super().forward(x)
        rows = x.movedim(1, -1)  # (batch, *size, channels)
        normal = super().forward(rows[mask])
        return torch.zeros_like(rows, dtype=normal.dtype).masked_scatter(mask[..., None], normal).movedim(-1, 1)
