"""Normalisation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm


class _NormalizedPlaces(torch.autograd.Function):
    """Batch normalisation with the statistics of some of the places.

    torch's own kernels on values that are zero at the other places, in a few passes over them: the statistics of N
    places follow from those of all M, and so does the gradient.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, mask: Tensor, weight: Tensor, bias: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        inside = mask[:, None].to(x.dtype)  # (batch, 1, *size)
        x = x * inside
        ratio = inside.numel() / inside.sum()  # M / N
        mean_of_all, variance_of_all = torch.batch_norm_update_stats(x, None, None, 0.0)  # (channels,)
        mean = ratio * mean_of_all
        variance = (ratio * (variance_of_all - (ratio - 1) * mean_of_all.square())).clamp(min=0)
        y = F.batch_norm(x, mean, variance, weight, bias, eps=eps).mul_(inside)
        ctx.save_for_backward(x, inside, weight, mean, (variance + eps).rsqrt())
        ctx.eps = eps
        n_places = inside.sum()
        ctx.mark_non_differentiable(mean, variance, n_places)
        return y, mean, variance, n_places

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        """Subtract a share of the sums that N places have, where torch's kernel subtracts that of M."""
        x, inside, weight, mean, inverse = ctx.saved_tensors
        of_x, of_weight, of_bias = torch.ops.aten.native_batch_norm_backward(
            gradient * inside, x, weight, None, None, mean, inverse, True, ctx.eps, [True, True, True]
        )
        shape = [1, -1] + [1] * (x.ndim - 2)
        share = weight * inverse * (1 / inside.sum() - 1 / inside.numel())  # (channels,)
        slope = share * inverse * of_weight
        of_x = of_x.addcmul_(x, -slope.view(shape)).add_((slope * mean - share * of_bias).view(shape)).mul_(inside)
        return of_x, None, of_weight, of_bias, None


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
            Which places count; at the others zeros come out.
        """
        if self.training:
            n_values = x.numel() // x.shape[1] if mask is None else int(mask.sum())
            if n_values == 1:
                y = F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
                return y if mask is None else y * mask[:, None]
            if mask is not None:
                return self._of_places(x.float() if x.dtype == torch.bfloat16 else x, mask).to(x.dtype)
        y = super().forward(x)
        return y if mask is None else y * mask[:, None]

    def _of_places(self, x: Tensor, mask: Tensor) -> Tensor:
        """Normalise with the statistics of the places in `mask`."""
        channels = x.shape[1]
        weight = x.new_ones(channels) if self.weight is None else self.weight
        bias = x.new_zeros(channels) if self.bias is None else self.bias
        normalized: Tensor
        normalized, mean, variance, n = _NormalizedPlaces.apply(x, mask, weight, bias, self.eps)  # type: ignore[no-untyped-call]
        self._remember(mean, variance * n / (n - 1))
        return normalized

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
