"""Convolutional encoder and decoder of images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann.layers.convolution import ConvolutionBlock, ConvolutionLayer
from sklearn_ann.layers.dense import Activation, dense_stack, linear_layers


class ConvolutionalEncoder(nn.Module):
    """Convolutions, each followed by ReLU and pooling, then dense layers.

    Parameters
    ----------
    layers : sequence of ConvolutionLayer
    grid : tuple of int
        Height, width and channels of the images, which come flattened.
    widths : sequence of int
        Widths of the dense layers; the last is q.
    activation : str
        Activation between the dense layers.
    dropout : float
        Probability to drop an output of an activation in training.

    Attributes
    ----------
    sizes : list of (height, width)
        Sizes of the images and of the feature maps after each convolution.
    n_places : int
        Number of values in the last feature maps.
    """

    def __init__(
        self,
        layers: Sequence[ConvolutionLayer],
        grid: tuple[int, int, int],
        widths: Sequence[int],
        activation: Activation,
        dropout: float,
    ) -> None:
        super().__init__()
        self.grid = grid
        self.sizes = [grid[:2]]
        for layer in layers:
            height, width = self.sizes[-1]
            self.sizes.append((-(-height // layer.pool_size), -(-width // layer.pool_size)))
        n_inputs = [grid[2], *(layer.n_filters for layer in layers)]
        self.blocks = _blocks(n_inputs, layers)
        self.n_places = n_inputs[-1] * math.prod(self.sizes[-1])
        self.dense = dense_stack(linear_layers([self.n_places, *widths]), activation, dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map images of shape (batch, height * width * channels) to codes of shape (batch, q)."""
        y = x.unflatten(1, self.grid).movedim(-1, 1)  # (batch, channels, height, width)
        for block in self.blocks:
            y, _ = block(y, None)
        code: Tensor = self.dense(y.flatten(1))
        return code


class ConvolutionalDecoder(nn.Module):
    """The layers of an encoder in reverse order: dense layers, then convolutions.

    Each pooling of the encoder becomes nearest-neighbour upsampling before a convolution. Transposed convolutions would
    leave a checkerboard pattern (Odena, Dumoulin and Olah 2016).

    Parameters
    ----------
    encoder : ConvolutionalEncoder
    layers, widths, activation, dropout
        The arguments of `encoder`.
    """

    def __init__(
        self,
        encoder: ConvolutionalEncoder,
        layers: Sequence[ConvolutionLayer],
        widths: Sequence[int],
        activation: Activation,
        dropout: float,
    ) -> None:
        super().__init__()
        self.sizes = encoder.sizes[::-1]
        linears = linear_layers([*widths[::-1], encoder.n_places])
        self.dense = dense_stack(linears, activation, dropout, activate_last=True)
        n_outputs = [encoder.grid[2], *(layer.n_filters for layer in layers)]
        mirrored = [layer._replace(n_filters=n, pool_size=1) for n, layer in zip(n_outputs, layers, strict=False)]
        self.blocks = _blocks(n_outputs[::-1], mirrored[::-1])

    def forward(self, z: Tensor) -> Tensor:
        """Map codes of shape (batch, q) to images of shape (batch, height * width * channels)."""
        y = self.dense(z).unflatten(1, (-1, *self.sizes[0]))
        *hidden, last = cast(Iterable[ConvolutionBlock], self.blocks)
        for block, size in zip(hidden, self.sizes[1:], strict=False):
            y, _ = block(_repeated(y, size), None)
        images: Tensor = last.responses(_repeated(y, self.sizes[-1]))  # (batch, channels, height, width)
        return images.movedim(1, -1).flatten(1)


def _blocks(n_inputs: Sequence[int], layers: Sequence[ConvolutionLayer]) -> nn.ModuleList:
    # No batch normalisation: a reconstruction must depend on its own sample only, as the contractive penalty needs.
    return nn.ModuleList(
        ConvolutionBlock(n, layer, 2, pooling="max", normalization=None, residual=False)
        for n, layer in zip(n_inputs, layers, strict=False)
    )


def _repeated(y: Tensor, size: tuple[int, int]) -> Tensor:
    return y if y.shape[2:] == size else F.interpolate(y, size=size, mode="nearest")
