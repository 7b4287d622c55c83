"""Convolution blocks of all members of a stack, one after the other, with gradients written out.

One member's feature maps fit into the cache and those of all do not, and a convolution in groups is slower than its
parts. What a stack gains is the layout: with the channels last, torch normalises and pools several times as fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from sklearn_ann.layers.convolution import ConvolutionBlock, PositionBias
from sklearn_ann.layers.members import on_members
from sklearn_ann.layers.normalization import Affine, BatchNorm, NoNorm

_ATEN = torch.ops.aten


def blocks_in(module: nn.Module) -> Iterator[ConvolutionBlock]:
    """Yield the convolution blocks that `block_of` can compute."""
    for part in module.modules():
        if type(part) is ConvolutionBlock and part.shortcut is None and type(part.norm) in (BatchNorm, NoNorm):
            yield part


def block_of(block: ConvolutionBlock, weights_of: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    """Return the forward of a convolution block for one member of a stack, under ``torch.vmap``.

    Parameters
    ----------
    block : ConvolutionBlock
        Of the network that the stack goes by.
    weights_of : callable
        Maps a parameter or a buffer to those of all members, a tensor with a leading axis of members.
    """
    norm = block.norm if isinstance(block.norm, BatchNorm) else None
    flat = block.n_dimensions == 1
    # While a stack computes, the tensors of one member take the places of these.
    own = [block.weight, block.bias] if norm is None else [block.weight, norm.bias, norm.weight]
    statistics = [] if norm is None else [norm.running_mean, norm.running_var, norm.num_batches_tracked]
    places = None if block.position is None else _places_of(block.position, len(block.weight), weights_of)

    def forward(x: Tensor, sizes: Tensor | None) -> tuple[Tensor, Tensor | None]:
        if sizes is not None:
            raise ValueError("the samples of a stack are of one size")
        weight = None if norm is None else norm.sample_weight
        return on_members(whole, x) if weight is None else on_members(whole, x, weight), None

    def whole(x: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        x = x.movedim(2, -1).contiguous()  # (members, batch, *size, channels)
        weight, *others = (None if one is None else weights_of(one) for one in own)
        bias, scale = (*others, None)[:2]
        shift = None if places is None else places()  # (members, *size, filters)
        if flat:  # as an image of one row
            x, weight = x.unsqueeze(2), cast(Tensor, weight).unsqueeze(3)
            shift = None if shift is None else shift.unsqueeze(1)
        running = [weights_of(cast(Tensor, one)) for one in statistics]
        how = _How(block, norm, running, sample_weight)
        y: Tensor = cast(Any, _Block).apply(how, x, weight, bias, scale, shift)
        return (y.squeeze(2) if flat else y).movedim(-1, 2)

    return forward


def norms_in(module: nn.Module) -> Iterator[BatchNorm]:
    """Yield the batch normalisations outside of the blocks that `block_of` can compute."""
    inside = {id(block.norm) for block in blocks_in(module)}
    for part in module.modules():
        if type(part) is BatchNorm and id(part) not in inside:
            yield part


def norm_of(norm: BatchNorm, weights_of: Callable[[Tensor], Tensor]) -> Callable[..., Tensor]:
    """Return the forward of a batch normalisation for one member of a stack; see `block_of`."""
    own = Affine(norm.weight, norm.bias, norm.running_mean, norm.running_var, norm.num_batches_tracked)

    def forward(x: Tensor, mask: Tensor | None = None, owners: Tensor | None = None) -> Tensor:
        if mask is not None or owners is not None:
            raise ValueError("the samples of a stack are of one size")
        weight = norm.sample_weight if norm.of_samples else None
        return on_members(whole, x) if weight is None else on_members(whole, x, weight)

    def whole(x: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        tensors = [None if one is None else weights_of(one) for one in own]
        outputs = []
        for member, values in enumerate(x):
            of_member = Affine(*(None if one is None else one[member] for one in tensors))
            share = None if sample_weight is None else sample_weight[member]
            outputs.append(norm.by(of_member, values, None, share))
        return torch.stack(outputs)

    return forward


def _places_of(position: PositionBias, n_filters: int, weights_of: Callable[[Tensor], Tensor]) -> Callable[[], Tensor]:
    """Return a function that computes the biases of all members at each place, (members, *size, filters)."""
    weight = position.weight
    waves = [position.get_buffer(f"waves_{dimension}") for dimension in range(len(position.size))]

    def places() -> Tensor:
        bias = weights_of(weight)  # (members, biased filters, waves, ...)
        for along in waves:
            bias = torch.einsum("mfk...,mkl->mf...l", bias, weights_of(along))
        bias = F.pad(bias, [0, 0] * len(waves) + [0, n_filters - bias.shape[1]])
        return bias.movedim(1, -1).contiguous()

    return places


class _How(NamedTuple):
    """What a block does besides its weights."""

    block: ConvolutionBlock
    norm: BatchNorm | None
    running: list[Tensor]  # means, variances and numbers of batches of all members
    sample_weight: Tensor | None  # (members, batch)


class _Normalized(NamedTuple):
    """What to keep of a normalisation: the moments, or what weights make of them."""

    mean: Tensor | None
    inverse: Tensor | None  # of the standard deviation
    share: Tensor | None = None  # of each value in the statistics, (values, 1)


class _Block(torch.autograd.Function):
    """Convolution, normalisation, bias of the place, ReLU and pooling, with the channels last."""

    @staticmethod
    def forward(
        ctx: Any,
        how: _How,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        scale: Tensor | None,
        shift: Tensor | None,
    ) -> Tensor:
        """Map (members, batch, height, width, channels) to the same with other sizes and channels."""
        output, kept = None, []
        for member, own in enumerate(x.movedim(-1, 2)):
            inputs = _padded(own, weight.shape[3:])
            raw = torch.conv2d(inputs, weight[member], bias[member] if how.norm is None and bias is not None else None,
                               padding=_margins(weight))  # fmt: skip
            moments = _Normalized(None, None)
            y = raw
            if how.norm is not None:
                y, moments = _normalized(how, member, raw, cast(Tensor, scale)[member], cast(Tensor, bias)[member])
            if shift is not None:
                y = y.add_(shift[member].movedim(-1, 0)) if how.norm is not None else y + shift[member].movedim(-1, 0)
            y = y.relu_()
            pooled, where = _pooled(how.block, y)
            if output is None:
                output = x.new_empty(len(x), len(pooled), *pooled.shape[2:], pooled.shape[1])
            output[member] = pooled.movedim(1, -1)
            kept.append((inputs, raw if how.norm is not None else None, moments, y, where))
        if any(ctx.needs_input_grad):
            ctx.kept, ctx.how, ctx.shapes = kept, how, (weight, scale, bias is not None, shift is not None)
        return cast(Tensor, output)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """Go back member by member."""
        weight, scale, has_bias, has_shift = ctx.shapes
        how, of_input = ctx.how, ctx.needs_input_grad[1]
        found: list[list[Tensor]] = [[] for _ in range(5)]
        gradient = gradient.contiguous()
        for member, (inputs, raw, moments, y, where) in enumerate(ctx.kept):
            own = _unpooled(how.block, gradient[member].movedim(-1, 1), y, where)
            own = _ATEN.threshold_backward(own, y, 0)
            if has_shift:
                found[4].append(own.movedim(1, -1).flatten(1).sum(dim=0))
            if how.norm is not None:
                own, *of_norm = _back(how, member, own, raw, scale[member], moments)
                found[3].append(of_norm[0])
                found[2].append(of_norm[1])
            elif has_bias:
                found[2].append(own.sum(dim=(0, 2, 3)))
            back, of_weight, _ = _ATEN.convolution_backward(
                own, inputs, weight[member], None, [1, 1], _margins(weight), [1, 1], False, [0, 0], 1,
                [of_input, True, False],
            )  # fmt: skip
            found[1].append(of_weight)
            if of_input:
                found[0].append(_cut(back, weight.shape[3:]).movedim(1, -1))
        ctx.kept = None  # the feature maps of all members are large
        joined = [torch.stack(each) if each else None for each in found]
        if joined[4] is not None:
            joined[4] = joined[4].view(len(weight), *own.shape[2:], -1)
        return None, *joined


def _margins(weight: Tensor) -> list[int]:
    return [(width - 1) // 2 for width in weight.shape[3:]]


def _padded(x: Tensor, widths: torch.Size) -> Tensor:
    """Add a column after samples for filters of even width; see `convolve`."""
    more = [int(width % 2 == 0) for width in widths]
    return F.pad(x, (0, more[1], 0, more[0])) if any(more) else x


def _cut(gradient: Tensor, widths: torch.Size) -> Tensor:
    """Leave out the columns that `_padded` has added."""
    height, width = (length - int(own % 2 == 0) for length, own in zip(gradient.shape[2:], widths, strict=True))
    return gradient[:, :, :height, :width]


def _normalized(how: _How, member: int, x: Tensor, scale: Tensor, bias: Tensor) -> tuple[Tensor, _Normalized]:
    """Normalise the feature maps of a member as `BatchNorm` does, and let its running statistics follow."""
    norm = cast(BatchNorm, how.norm)
    mean, variance, n_batches = (each[member] for each in how.running)
    n = x.numel() // x.shape[1]
    if not norm.training or n <= 1:
        return F.batch_norm(x, mean, variance, scale, bias, eps=norm.eps), _Normalized(None, None)
    n_batches += 1
    momentum = 1.0 / int(n_batches) if norm.momentum is None else norm.momentum
    if how.sample_weight is None:
        average = variance.clone()
        y, *moments = torch.native_batch_norm(x, scale, bias, mean, average, True, momentum, norm.eps)
        variance.mul_((1 - momentum) / n).add_(average, alpha=1 - 1 / n)
        return y, _Normalized(*moments)
    values = x.movedim(1, -1).flatten(0, 2)  # (n, channels)
    share = how.sample_weight[member].repeat_interleave(n // len(x))
    share = share / share.sum()
    own = share @ values
    spread = share @ (values - own).square()
    inverse = (spread + norm.eps).rsqrt()
    mean.lerp_(own, momentum)
    variance.lerp_(spread, momentum)
    y = torch.addcmul(bias, values - own, inverse * scale).view(len(x), *x.shape[2:], -1).movedim(-1, 1)
    return y, _Normalized(own, inverse, share[:, None])


def _back(
    how: _How, member: int, gradient: Tensor, x: Tensor, scale: Tensor, moments: _Normalized
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients by the input of a normalisation, by its factors and by its biases."""
    norm = cast(BatchNorm, how.norm)
    if moments.share is None:
        training = moments.mean is not None
        running: tuple[Any, Any] = (None, None)
        own: tuple[Any, Any] = (moments.mean, moments.inverse)
        if not training:
            mean, variance = running = (how.running[0][member], how.running[1][member])
            own = (mean, (variance + norm.eps).rsqrt())  # on CUDA the kernel asks for them
        of_all = _ATEN.native_batch_norm_backward(gradient, x, scale, *running, *own, training, norm.eps, [True] * 3)
        return cast(tuple[Tensor, Tensor, Tensor], of_all)
    g = gradient.movedim(1, -1).flatten(0, 2)
    mean, inverse = cast(Tensor, moments.mean), cast(Tensor, moments.inverse)
    normalized = (x.movedim(1, -1).flatten(0, 2) - mean) * inverse
    of_scale, of_bias = (g * normalized).sum(dim=0), g.sum(dim=0)
    back = (g - moments.share * (of_bias + normalized * of_scale)) * (inverse * scale)
    return back.view(len(x), *x.shape[2:], -1).movedim(-1, 1), of_scale, of_bias


def _pooled(block: ConvolutionBlock, y: Tensor) -> tuple[Tensor, Tensor | None]:
    """Pool, and return where the maxima were."""
    if block.pool_size == 1:
        return y, None
    size = [1, block.pool_size] if block.n_dimensions == 1 else [block.pool_size] * 2
    if block.pooling == "max":
        pooled, where = _ATEN.max_pool2d_with_indices(y, size, size, [0, 0], [1, 1], True)
        return pooled, where
    return _ATEN.avg_pool2d(y, size, size, [0, 0], True, False), None


def _unpooled(block: ConvolutionBlock, gradient: Tensor, y: Tensor, where: Tensor | None) -> Tensor:
    if block.pool_size == 1:
        return gradient
    size = [1, block.pool_size] if block.n_dimensions == 1 else [block.pool_size] * 2
    if block.pooling == "max":
        return cast(
            Tensor,
            _ATEN.max_pool2d_with_indices_backward(gradient, y, size, size, [0, 0], [1, 1], True, where),
        )
    return cast(Tensor, _ATEN.avg_pool2d_backward(gradient, y, size, size, [0, 0], True, False, None))
