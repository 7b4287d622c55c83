"""Convolution blocks for sequences, signals and images."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.compiler import is_exporting
from torch.nn import functional as F

from sklearn_ann.layers.normalization import NORMALIZATIONS
from sklearn_ann.layers.ragged import inside
from sklearn_ann.layers.steady import Linear

Pooling = Literal["max", "mean"]

_CONVOLUTIONS: dict[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d}
_MAXIMA = {1: F.max_pool1d, 2: F.max_pool2d}
_LEAST, _LEAST_POINTWISE = 4, 16  # samples of a convolution, and of one of width 1
_AVERAGES = {1: F.avg_pool1d, 2: F.avg_pool2d}


class ConvolutionLayer(NamedTuple):
    """One convolution: number of filters, filter width in each dimension, and width of the pooling after it."""

    n_filters: int
    kernel_size: int
    pool_size: int = 1


def image_layers(side: int) -> list[ConvolutionLayer]:
    """Return the layers for images whose smaller side has this length.

    There are two layers, one more for each halving of the side that leaves 16 or more, and at most five.
    """
    n_layers = min(max(2, 1 + int(math.log2(max(side, 16) / 8))), 5)
    return [ConvolutionLayer(width, 3, 2) for width in (32, 64, 128, 128, 128)[:n_layers]]


def convolution_layers(value: Any, automatic: list[ConvolutionLayer], least: int = 1) -> list[ConvolutionLayer]:
    """Check the value of a ``conv_layers`` parameter of `least` layers or more; ``"auto"`` gives `automatic`.

    Raises
    ------
    ValueError
        If `value` is neither ``"auto"`` nor tuples of positive integers.
    """
    if isinstance(value, str) and value == "auto":
        return automatic
    try:
        layers = [ConvolutionLayer(*map(operator.index, layer)) for layer in value]
    except (TypeError, ValueError):
        layers = [ConvolutionLayer(0, 0)]
    if len(layers) < least or any(min(layer) < 1 for layer in layers):
        raise ValueError(
            f"conv_layers={value!r}: expected 'auto' or a sequence of (n_filters, kernel_size) or (n_filters, "
            "kernel_size, pool_size), all of them positive integers"
        )
    return layers


def image_grid(image_shape: tuple[int, ...], n_features: int) -> tuple[int, int, int]:
    """Return height, width and channels of flattened images.

    Raises
    ------
    ValueError
        If `image_shape` is not (height, width) or (height, width, channels) with the product `n_features`.
    """
    is_shape = len(image_shape) in (2, 3) and all(hasattr(n, "__index__") and n > 0 for n in image_shape)
    if not is_shape or math.prod(image_shape) != n_features:
        raise ValueError(
            f"image_shape={image_shape} does not fit X of {n_features} features: expected (height, width) or "
            f"(height, width, channels), positive integers with the product {n_features}"
        )
    height, width, *channels = image_shape
    return height, width, channels[0] if channels else 1


def places(sizes: Tensor | None, x: Tensor) -> Tensor | None:
    """Mark the positions inside each sample: bool Tensor of shape (batch, *size); None if samples have no padding."""
    if sizes is None:
        return None
    mask: Tensor | None = None
    for dimension, length in enumerate(x.shape[2:]):
        along = inside(sizes[:, dimension], length)  # (batch, length)
        shape = [sizes.shape[0]] + [1] * (x.ndim - 2)
        shape[1 + dimension] = length
        along = along.view(shape)
        mask = along if mask is None else mask & along
    return mask


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Apply filters at every position, with zero padding that keeps the size.

    If a filter's width is even, the padding after the sample is longer by one.

    Parameters
    ----------
    x : Tensor of shape (batch, n_inputs, *size)
    weight : Tensor of shape (n_filters, n_inputs, *width), one width per dimension
    bias : Tensor of shape (n_filters,) or None

    Returns
    -------
    Tensor of shape (batch, n_filters, *size)
    """
    widths = weight.shape[2:]
    even = [width % 2 == 0 for width in widths]
    n = x.shape[0]
    # torch has other kernels for very few samples, which round differently; an exported graph holds for any number.
    missing = 0 if is_exporting() else max(0, (_LEAST if max(widths) > 1 else _LEAST_POINTWISE) - n)
    if any(even) or missing:
        x = F.pad(x, [*(side for extra in reversed(even) for side in (0, int(extra))), 0, 0, 0, missing])
    return _CONVOLUTIONS[len(widths)](x, weight, bias, padding=tuple((width - 1) // 2 for width in widths))[:n]


class PositionBias(nn.Module):
    r"""Add a bias for each filter at each position, so that a response may depend on the position.

    Along a dimension of n positions the bias is a sum of the first waves of the discrete cosine transform (Ahmed,
    Natarajan and Rao 1974), ``b_i = sum_k w_k cos(pi k (i + 1/2) / n)``. Neighbouring positions have similar biases,
    so a few samples per position suffice to learn them. The initial weights are random, so that positions differ from
    the first step on. In a sample of another size, n is its own length.

    Parameters
    ----------
    n_filters : int
    size : tuple of int
        The size of all samples in training.
    share : float in (0, 1]
        Share of the filters that have a bias, one at least. The others respond alike wherever their pattern is.
    """

    stacked_numbers: ClassVar[tuple[str, ...]] = ()

    n_waves = 16
    spread = 0.3  # initial standard deviation of the bias; that of normalised responses is 1

    def __init__(self, n_filters: int, size: Sequence[int], share: float = 1.0) -> None:
        super().__init__()
        self.size = tuple(size)
        n_biased = math.ceil(share * n_filters)
        self.padding = [0, 0] * len(size) + [0, n_filters - n_biased]
        spread = self.spread
        for dimension, length in enumerate(size):
            waves = cosine_waves(min(self.n_waves, length), torch.tensor([length]), length)[0]  # (n_waves, length)
            self.register_buffer(f"waves_{dimension}", waves, persistent=False)
            spread /= float(waves.square().sum(dim=0).mean().sqrt())
        self.weight = nn.Parameter(spread * torch.randn(n_biased, *(min(self.n_waves, length) for length in size)))

    def forward(self, y: Tensor, sizes: Tensor | None = None) -> Tensor:
        """Map (batch, n_filters, *size) to the same shape; the bias is arbitrary beyond the end of a sample."""
        bias: Tensor = self.weight
        if sizes is None and y.shape[2:] == self.size:
            for dimension in range(len(self.size)):  # (n_filters, waves, ...) to (n_filters, ..., length)
                bias = torch.tensordot(bias, self.get_buffer(f"waves_{dimension}"), dims=([1], [0]))
            return y + F.pad(bias, self.padding)
        if sizes is None:
            sizes = torch.tensor([y.shape[2:]], device=y.device)  # one row for all samples
        bias = bias[None].expand(len(sizes), *bias.shape)
        for dimension, length in enumerate(y.shape[2:]):  # (samples, n_filters, waves, ...) as above
            waves = cosine_waves(self.weight.shape[1 + dimension], sizes[:, dimension], length).to(bias)
            bias = torch.einsum("bfk...,bkl->bf...l", bias, waves)
        return y + F.pad(bias, self.padding)


def cosine_waves(n_waves: int, lengths: Tensor, longest: int) -> Tensor:
    """Return the first waves of the discrete cosine transform of each length, (n_lengths, n_waves, longest)."""
    wave, position = (torch.arange(n, dtype=torch.float32, device=lengths.device) for n in (n_waves, longest))
    return torch.cos(math.pi / lengths.to(wave)[:, None, None] * wave[:, None] * (position + 0.5))


class ConvolutionBlock(nn.Module):
    """Convolution, normalisation, ReLU and pooling; with a residual ``relu(x + f(x))`` (He et al. 2016, equation 1).

    The convolution is the lecture's ``Y = X̃ W`` at every position, with zero padding that keeps the size. Input and
    output are zero beyond a sample's end, so that padding never reaches a sample. The output is never negative.

    Parameters
    ----------
    n_inputs : int
    layer : ConvolutionLayer
    n_dimensions : {1, 2}
    pooling : {"max", "mean"}
    normalization : {"batch", "layer"} or None
    residual : bool
        Whether to add the input before the ReLU, through a linear map if the numbers of channels differ.
    size : tuple of int or None
        The size of all samples, for a `PositionBias`; None for no such bias.
    position_bias : float in (0, 1]
        Share of the filters that have such a bias.
    """

    stacked_numbers: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        n_inputs: int,
        layer: ConvolutionLayer,
        n_dimensions: int,
        *,
        pooling: Pooling,
        normalization: str | None,
        residual: bool,
        size: Sequence[int] | None = None,
        position_bias: float = 1.0,
    ) -> None:
        super().__init__()
        self.n_dimensions, self.pooling, self.pool_size = n_dimensions, pooling, layer.pool_size
        self.weight = nn.Parameter(torch.empty(layer.n_filters, n_inputs, *[layer.kernel_size] * n_dimensions))
        nn.init.kaiming_uniform_(self.weight, nonlinearity="relu")
        self.bias = None if normalization else nn.Parameter(torch.zeros(layer.n_filters))
        self.norm = NORMALIZATIONS[normalization](layer.n_filters)
        self.position = None if size is None else PositionBias(layer.n_filters, size, position_bias)
        self.shortcut: nn.Module | None = None
        if residual:
            self.shortcut = (
                nn.Identity() if n_inputs == layer.n_filters else Linear(n_inputs, layer.n_filters, bias=False)
            )

    def responses(self, x: Tensor) -> Tensor:
        """Convolve only: (batch, n_inputs, *size) to (batch, n_filters, *size)."""
        return convolve(x, self.weight, self.bias)

    def forward(self, x: Tensor, sizes: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Return feature maps of shape (batch, n_filters, *size) and the sizes that the samples have there."""
        mask = places(sizes, x)
        y = self.norm(self.responses(x), mask)
        if self.position is not None:
            y = self.position(y, sizes)
            y = y if mask is None else y * mask[:, None]
        if self.shortcut is not None:
            y = y + self.shortcut(x.movedim(1, -1)).movedim(-1, 1)
        y = y.relu_()
        if self.pool_size == 1:
            return y, sizes
        return self._pool(y, mask), None if sizes is None else -(-sizes // self.pool_size)

    def _pool(self, y: Tensor, mask: Tensor | None) -> Tensor:
        """Pool; windows at a sample's end use the values inside the sample only."""
        if is_exporting() and self.n_dimensions == 1:  # other formats get kernels of one dimension for one length only
            return self._pooled(y[:, :, None], None if mask is None else mask[:, None], 2, (1, self.pool_size))[:, :, 0]
        return self._pooled(y, mask, self.n_dimensions, self.pool_size)

    def _pooled(self, y: Tensor, mask: Tensor | None, dimensions: int, size: int | tuple[int, int]) -> Tensor:
        if self.pooling == "max":  # the values are not negative, so zeros beyond the end change no maximum
            return _MAXIMA[dimensions](y, size, ceil_mode=True)
        mean = _AVERAGES[dimensions](y, size, ceil_mode=True, count_include_pad=False)
        if mask is None:
            return mean
        share = _AVERAGES[dimensions](mask[:, None].to(y.dtype), size, ceil_mode=True, count_include_pad=False)
        return mean / share.clamp(min=torch.finfo(y.dtype).tiny)
