"""Batch and layer normalisation that leave padding out and count weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.compiler import is_exporting
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from sklearn_ann.layers.stochastic import Division


class _WeightedNormalization(torch.autograd.Function):
    """Normalise with weighted statistics over the positions in a mask, per channel or per sample.

    torch's kernels compute the moments, and the sums of the gradient, of each channel of each sample over all M
    positions, with zeros outside the mask. Their sums, in which each sample has its weight, give the statistics over
    the positions in the mask, N with weights, so that a few passes over the feature maps suffice.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        mask: Tensor | None,
        share: Tensor | None,
        weight: Tensor,
        bias: Tensor,
        eps: float,
        over: int,
        division: Division | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Normalise `x` with statistics summed over dimension `over`: 0, the samples, or 1, the channels.

        With a `division` they are those of the samples of all processes.
        """
        batch, channels = x.shape[:2]
        inside = None if mask is None else mask[:, None].to(x.dtype)  # (batch, 1, *size)
        x = x if inside is None else x * inside
        rows = _rows(x)
        n_all = rows.shape[2]  # M
        counts = x.new_full((batch, 1), n_all) if inside is None else inside.flatten(1).sum(dim=1, keepdim=True)
        counts = counts.double()
        share = torch.ones_like(counts) if share is None else share[:, None].double()  # (batch, 1)
        n = (share * counts).expand(batch, channels).sum(dim=over, keepdim=True)  # N
        of_rows, variances = (
            moment.double().view(batch, channels) for moment in torch.batch_norm_update_stats(rows, None, None, 0.0)
        )
        own = of_rows * n_all / counts.clamp(min=1)  # the mean over a row's positions in the mask
        mean = (share * counts * own).sum(dim=over, keepdim=True) / n
        if division is not None:
            mean = mean.nan_to_num()  # of a part of the batch in which no sample counts
        # Squares around a row's own mean, of which a row without a mask has no second term to lose digits to.
        within = n_all * (variances + of_rows.square() * (1 - n_all / counts.clamp(min=1)))
        variance = (share * (within + counts * (own - mean).square())).sum(dim=over, keepdim=True)
        if division is None:
            variance = variance / n
        else:
            n, mean, variance = _combined(n, mean, variance, division)
        mean, variance = mean.to(x.dtype), variance.clamp(min=0).to(x.dtype)
        # As vectors, with one entry per channel of each sample.
        m, v, w, b = (value.expand(batch, channels).reshape(-1) for value in (mean, variance, weight, bias))
        y = F.batch_norm(rows, m, v, w, b, eps=eps)
        y = torch.ops.aten._unsafe_view(y, x.shape)  # no view for autograd, so that the caller may change it in place
        y = y if inside is None else y.mul_(inside)
        ctx.save_for_backward(x, inside, share, weight, m, v, n)
        ctx.eps, ctx.over, ctx.division = eps, over, division
        ctx.mark_non_differentiable(mean, variance)
        return y, mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient: the one for fixed statistics, corrected for their own dependence on x."""
        x, inside, share, weight, mean, variance, n = ctx.saved_tensors
        batch, channels = x.shape[:2]
        gradient = gradient.contiguous() if inside is None else gradient * inside
        inverse = (variance + ctx.eps).rsqrt()
        # On CUDA the kernel asks for the moments of the batch, also where it goes by the statistics that are given.
        of_x, slope, shift = torch.ops.aten.native_batch_norm_backward(
            _rows(gradient), _rows(x), weight.expand(batch, channels).reshape(-1), mean, variance, mean, inverse,
            False, ctx.eps, [True, True, True],
        )  # fmt: skip
        mean, inverse, slope, shift = (value.view(batch, channels) for value in (mean, inverse, slope, shift))
        part = inverse * (share / n).to(x.dtype)
        a, b = ((weight * value).sum(dim=ctx.over, keepdim=True) for value in (slope, shift))
        if ctx.division is not None:
            a, b = ctx.division.gather(torch.stack([a, b])).sum(dim=0)
        a, b = part * inverse * a, part * b
        shape = [batch, channels] + [1] * (x.ndim - 2)
        of_x = of_x.view_as(x).addcmul_(x, -a.view(shape)).add_((a * mean - b).view(shape))
        of_x = of_x if inside is None else of_x.mul_(inside)
        return of_x, None, None, slope.sum(dim=0), shift.sum(dim=0), None, None, None


class _SharedNormalization(torch.autograd.Function):
    """Normalise a part of a batch, per channel, with the statistics of the batch; every sample counts once."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, division: Division
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Normalise `x`; also return means and variances."""
        own_mean, own_variance = (moment.double() for moment in torch.batch_norm_update_stats(x, None, None, 0.0))
        n = torch.full_like(own_mean, 0.0 if division.idle else x.numel() // x.shape[1])
        n, mean, variance = _combined(n, own_mean, n * own_variance, division)
        mean, variance = mean.to(x.dtype), variance.to(x.dtype)
        ctx.save_for_backward(x, weight, mean, variance, n)
        ctx.eps, ctx.division = eps, division
        ctx.mark_non_differentiable(mean, variance)
        return F.batch_norm(x, mean, variance, weight, bias, eps=eps), mean, variance

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient: the one for fixed statistics, corrected for their own dependence on x."""
        x, weight, mean, variance, n = ctx.saved_tensors
        inverse = (variance + ctx.eps).rsqrt()
        of_x, slope, shift = torch.ops.aten.native_batch_norm_backward(
            gradient.contiguous(), x, weight, mean, variance, mean, inverse, False, ctx.eps, [True, True, True]
        )
        sums = ctx.division.gather(torch.stack([slope, shift])).sum(dim=0)
        a, b = sums * inverse / n.to(x.dtype) * (1.0 if weight is None else weight)
        a, shape = a * inverse, [1, -1] + [1] * (x.ndim - 2)
        of_x.addcmul_(x, -a.view(shape)).add_((a * mean - b).view(shape))
        if ctx.division.idle:
            of_x.zero_()
        return of_x, None if weight is None else slope, None if weight is None else shift, None, None


def _combined(n: Tensor, mean: Tensor, squares: Tensor, division: Division) -> tuple[Tensor, Tensor, Tensor]:
    """Return number, mean and variance of all parts of a batch, given those of one and its squares around its mean."""
    everyone = division.gather(torch.stack([n, mean, squares]))
    numbers, means, sums = everyone.unbind(dim=1)
    n = numbers.sum(dim=0)
    mean = (numbers * means).sum(dim=0) / n
    return n, mean, (sums + numbers * (means - mean).square()).sum(dim=0) / n


def _rows(x: Tensor) -> Tensor:
    """View each channel of each sample as a channel of one sample: (1, batch * channels, positions)."""
    return x.reshape(1, x.shape[0] * x.shape[1], -1)


def _normalized(
    x: Tensor,
    mask: Tensor | None,
    share: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    over: int,
    division: Division | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalise the positions in `mask`, in float32 at least; also return means and variances.

    Each row of `x` counts with its entry in `share`.
    """
    channels = x.shape[1]
    kept = x.float() if x.dtype == torch.bfloat16 else x
    weight = kept.new_ones(channels) if weight is None else weight
    bias = kept.new_zeros(channels) if bias is None else bias
    y, mean, variance = cast(Any, _WeightedNormalization).apply(kept, mask, share, weight, bias, eps, over, division)
    return y.to(x.dtype), mean, variance


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

    def forward(self, x: Tensor, mask: Tensor | None = None, owners: Tensor | None = None) -> Tensor:
        """Normalise each row of `x`.

        Parameters
        ----------
        x : Tensor of shape (batch, channels, *size)
        mask : bool Tensor of shape (batch, *size) or None
            The positions that count; the output is zero at all others.
        owners : Tensor or None
            Ignored; see `BatchNorm`.
        """
        if mask is None:
            return super().forward(x)
        if is_exporting():  # other formats do not know the kernels of _normalized
            return self._normalized_plainly(x, mask)
        return _normalized(x, mask, None, self.weight, self.bias, self.eps, over=1)[0]

    def _normalized_plainly(self, x: Tensor, mask: Tensor) -> Tensor:
        inside, dimensions = mask[:, None].to(x.dtype), tuple(range(1, x.ndim))
        n = x.shape[1] * inside.sum(dim=dimensions, keepdim=True)
        centred = (x - (x * inside).sum(dim=dimensions, keepdim=True) / n) * inside
        variance = centred.square().sum(dim=dimensions, keepdim=True) / n
        weight, bias = (value.view(-1, *[1] * (x.ndim - 2)) for value in (self.weight, self.bias))
        return (centred * (variance + self.eps).rsqrt() * weight + bias) * inside


class NoNorm(nn.Identity):
    """No normalisation."""

    stacked_numbers: ClassVar[tuple[str, ...]] = ()

    def forward(self, x: Tensor, mask: Tensor | None = None, owners: Tensor | None = None) -> Tensor:
        """Return `x`, which is zero at the positions that do not count."""
        return x if mask is None else x * mask[:, None]


class Affine(NamedTuple):
    """The tensors of a batch normalisation."""

    weight: Tensor | None
    bias: Tensor | None
    mean: Tensor | None  # running statistics
    variance: Tensor | None
    n_batches: Tensor | None


class BatchNorm(_BatchNorm):
    """Batch normalisation of channels (Ioffe and Szegedy 2015), for rows, signals and images.

    In training a channel is normalised with the mean and the variance over the batch. In `sample_weight` the training
    says how often each sample of the batch counts: a sample of weight two is a sample that is there twice. The running
    statistics are averages of these means and variances; torch's own layer averages ``n / (n - 1)`` times the variance,
    which a network in training never sees.

    A batch with a single value per channel has no variance. Even in training it is normalised with the running
    statistics and does not change them.

    Attributes
    ----------
    sample_weight : Tensor of shape (n_samples,) or None
        Weights above zero, set for the duration of a batch by `weighing`. Copies and pickles do not keep them.
    of_samples : bool
        Whether what is normalised belongs to the samples of the batch. False for all nodes of a graph of which some are
        the samples; they count once whatever the weights.
    division : Division or None
        Set for the duration of a training on several processes: the batch is then that of all of them.
    """

    stacked_numbers: ClassVar[tuple[str, ...]] = ()

    of_samples: bool = True
    sample_weight: Tensor | None = None
    division: Division | None = None

    def __getstate__(self) -> dict[str, Any]:
        state = {**self.__dict__, "sample_weight": None}
        state.pop("division", None)
        return state

    def forward(self, x: Tensor, mask: Tensor | None = None, owners: Tensor | None = None) -> Tensor:
        """Normalise each channel.

        Parameters
        ----------
        x : Tensor of shape (batch, channels, *size)
        mask : bool Tensor of shape (batch, *size) or None
            The positions that count; the output is zero at all others.
        owners : int64 Tensor of shape (batch,) or None
            The sample that each row of `x` belongs to; by default row i is sample i.
        """
        share = self.sample_weight if self.of_samples else None
        if share is not None and owners is not None:
            share = share.index_select(0, owners)
        own = Affine(self.weight, self.bias, self.running_mean, self.running_var, self.num_batches_tracked)
        return self.by(own, x, mask, share)

    def by(self, own: Affine, x: Tensor, mask: Tensor | None, share: Tensor | None) -> Tensor:
        """Normalise with the tensors of this layer, or those that another network has in their places."""
        n_values = 0 if not self.training else x.numel() // x.shape[1] if mask is None else int(mask.sum())
        if n_values <= 1:
            y = F.batch_norm(x, own.mean, own.variance, own.weight, own.bias, eps=self.eps)
            return y if mask is None else y * mask[:, None]
        assert own.n_batches is not None
        assert own.mean is not None
        assert own.variance is not None
        own.n_batches.add_(1)
        # The share of this batch in the running statistics; without a momentum they are plain averages.
        momentum = 1.0 / int(own.n_batches) if self.momentum is None else self.momentum
        division = self.division
        if mask is None and share is None and division is None:
            average = own.variance.clone()
            y = F.batch_norm(x, own.mean, average, own.weight, own.bias, True, momentum, self.eps)
            # The new average has got momentum * variance * n / (n - 1).
            own.variance.mul_((1 - momentum) / n_values).add_(average, alpha=1 - 1 / n_values)
        elif mask is None and division is not None and not (self.of_samples and division.weighted):
            kept = x.float() if x.dtype == torch.bfloat16 else x
            shared = cast(Any, _SharedNormalization)
            y, mean, variance = shared.apply(kept, own.weight, own.bias, self.eps, division)
            y = y.to(x.dtype)
            own.mean.lerp_(mean, momentum)
            own.variance.lerp_(variance, momentum)
        else:
            y, mean, variance = _normalized(x, mask, share, own.weight, own.bias, self.eps, 0, division)
            own.mean.lerp_(mean[0], momentum)
            own.variance.lerp_(variance[0], momentum)
        return y


@contextmanager
def weighing(module: nn.Module, sample_weight: Tensor | None) -> Iterator[None]:
    """Let the batch normalisations in `module` count each sample of a batch with its weight."""
    layers = [] if sample_weight is None else [part for part in module.modules() if isinstance(part, BatchNorm)]
    for layer in layers:
        layer.sample_weight = sample_weight
    try:
        yield
    finally:
        for layer in layers:
            layer.sample_weight = None


NORMALIZATIONS: dict[str | None, Callable[[int], nn.Module]] = {
    "batch": BatchNorm,
    "layer": LayerNorm,
    None: lambda _: NoNorm(),
}
"""Layers by the values of ``normalization`` parameters; each is called with the number of channels."""
