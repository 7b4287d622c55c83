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
            Which places count; what comes out at the others means nothing.
        """
        if self.training and (x.numel() == x.shape[1] if mask is None else int(mask.sum()) == 1):
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        if mask is None or not self.training:
            return super().forward(x)
        return self._of_places(x.float() if x.dtype == torch.bfloat16 else x, mask).to(x.dtype)

    def _of_places(self, x: Tensor, mask: Tensor) -> Tensor:
        """Normalise with the statistics of the places in `mask`; sums, as picking these places takes longer."""
        dimensions = [0, *range(2, x.ndim)]
        inside = mask[:, None].to(x.dtype)  # (batch, 1, *size)
        n_places = inside.sum()
        mean = (x * inside).sum(dimensions, keepdim=True) / n_places
        centred = (x - mean) * inside
        variance = centred.square().sum(dimensions, keepdim=True) / n_places
        self._remember(mean.detach().flatten(), variance.detach().flatten() * n_places / (n_places - 1))
        scale = (variance + self.eps).rsqrt()
        if not self.affine:
            return centred * scale
        shape = [1, -1] + [1] * (x.ndim - 2)
        return centred * (scale * self.weight.view(shape)) + self.bias.view(shape)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Let the running statistics follow, as torch does; without a momentum they are plain averages."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        share = 1.0 / self.num_batches_tracked if self.momentum is None else self.momentum
        self.running_mean += share * (mean - self.running_mean)
        self.running_var += share * (variance - self.running_var)
