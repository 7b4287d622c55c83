"""Batch and layer normalisation that leave padding out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm


class _MaskedNormalization(torch.autograd.Function):
    """Normalise with statistics over the positions in a mask, per channel or per sample.

    torch's kernels compute the moments, and the sums of the gradient, of each channel of each sample over all M
    positions, with zeros outside the mask. Their sums give the statistics over the N positions in the mask, so that a
    few passes over the feature maps suffice.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, mask: Tensor, weight: Tensor, bias: Tensor, eps: float, over: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Normalise `x` with statistics summed over dimension `over`: 0, the samples, or 1, the channels."""
        inside = mask[:, None].to(x.dtype)  # (batch, 1, *size)
        x = x * inside
        batch, channels = x.shape[:2]
        rows = _rows(x)
        n_all = rows.shape[2]  # M
        counts = inside.flatten(1).sum(dim=1, keepdim=True).double().expand(batch, channels)
        n = counts.sum(dim=over, keepdim=True)  # N
        mean, variance = (
            moment.double().view(batch, channels) for moment in torch.batch_norm_update_stats(rows, None, None, 0.0)
        )
        square = ((variance + mean.square()) * n_all).sum(dim=over, keepdim=True) / n
        mean = (mean * n_all).sum(dim=over, keepdim=True) / n
        variance = (square - mean.square()).clamp(min=0)
        mean, variance = mean.to(x.dtype), variance.to(x.dtype)
        # As vectors, with one entry per channel of each sample.
        m, v, w, b = (value.expand(batch, channels).reshape(-1) for value in (mean, variance, weight, bias))
        y = F.batch_norm(rows, m, v, w, b, eps=eps).view_as(x) * inside
        ctx.save_for_backward(x, inside, weight, m, v, n)
        ctx.eps, ctx.over = eps, over
        ctx.mark_non_differentiable(mean, variance, n)
        return y, mean, variance, n

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient: the one for fixed statistics, corrected for their own dependence on x."""
        x, inside, weight, mean, variance, n = ctx.saved_tensors
        batch, channels = x.shape[:2]
        of_x, slope, shift = torch.ops.aten.native_batch_norm_backward(
            _rows(gradient * inside), _rows(x), weight.expand(batch, channels).reshape(-1), mean, variance, None, None,
            False, ctx.eps, [True, True, True],
        )  # fmt: skip
        mean, inverse, slope, shift = (
            value.view(batch, channels) for value in (mean, (variance + ctx.eps).rsqrt(), slope, shift)
        )
        share = inverse / n.to(x.dtype)
        a = share * inverse * (weight * slope).sum(dim=ctx.over, keepdim=True)
        b = share * (weight * shift).sum(dim=ctx.over, keepdim=True)
        shape = [batch, channels] + [1] * (x.ndim - 2)
        of_x = of_x.view_as(x).addcmul_(x, -a.view(shape)).add_((a * mean - b).view(shape)).mul_(inside)
        return of_x, None, slope.sum(dim=0), shift.sum(dim=0), None, None


def _rows(x: Tensor) -> Tensor:
    """View each channel of each sample as a channel of one sample: (1, batch * channels, positions)."""
    return x.reshape(1, x.shape[0] * x.shape[1], -1)


def _normalized(
    x: Tensor, mask: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, over: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Normalise the positions in `mask`, in float32 at least; also return means, variances and counts."""
    channels = x.shape[1]
    kept = x.float() if x.dtype == torch.bfloat16 else x
    weight = kept.new_ones(channels) if weight is None else weight
    bias = kept.new_zeros(channels) if bias is None else bias
    y, mean, variance, n = cast(Any, _MaskedNormalization).apply(kept, mask, weight, bias, eps, over)
    return y.to(x.dtype), mean, variance, n


class LayerNorm(nn.GroupNorm):
    """Layer normalisation of feature maps (Ba, Kiros and Hinton 2016).

    The values of a sample, over all channels and positions, get mean 0 and variance 1. Then each channel has a factor
    and a bias of its own. A sample's output does not depend on the other samples in the batch.

    Parameters
    ----------
    channels : int
    """

    def __init__(self, channels: int) -> None:
        super().__init__(1, channels)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalise each sample.

        Parameters
        ----------
        x : Tensor of shape (batch, channels, *size)
        mask : bool Tensor of shape (batch, *size) or None
            The positions that count; the output is zero at all others.
        """
        if mask is None:
            return super().forward(x)
        return _normalized(x, mask, self.weight, self.bias, self.eps, over=1)[0]


class BatchNorm(_BatchNorm):
    """Batch normalisation of channels (Ioffe and Szegedy 2015), for rows, signals and images.

    A batch with a single value per channel has no variance. Even in training it is normalised with the running
    statistics and does not change them.
    """

    def _check_input_dim(self, input: Tensor) -> None:  # noqa: A002
        """Accept any number of dimensions."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalise each channel.

        Parameters
        ----------
        x : Tensor of shape (batch, channels, *size)
        mask : bool Tensor of shape (batch, *size) or None
            The positions that count; the output is zero at all others.
        """
        if self.training:
            n_values = x.numel() // x.shape[1] if mask is None else int(mask.sum())
            if n_values == 1:
                y = F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
                return y if mask is None else y * mask[:, None]
            if mask is not None:
                y, mean, variance, n = _normalized(x, mask, self.weight, self.bias, self.eps, over=0)
                self._remember(mean[0], (variance * n / (n - 1))[0])
                return y
        y = super().forward(x)
        return y if mask is None else y * mask[:, None]

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Update the running statistics as torch does; without a momentum they are plain averages."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        share = 1.0 / self.num_batches_tracked if self.momentum is None else self.momentum
        self.running_mean += share * (mean - self.running_mean)
        self.running_var += share * (variance - self.running_var)


NORMALIZATIONS: dict[str | None, Callable[[int], nn.Module]] = {
    "batch": BatchNorm,
    "layer": LayerNorm,
    None: lambda _: nn.Identity(),
}
"""Layers by the values of ``normalization`` parameters; each is called with the number of channels."""
