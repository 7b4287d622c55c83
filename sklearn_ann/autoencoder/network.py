"""The networks: an encoder and a decoder, dense or convolutional, and what corrupts their input."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann.autoencoder.losses import Penalized, squared_jacobian_norm
from sklearn_ann.layers import (
    Activation,
    ConvolutionBlock,
    ConvolutionLayer,
    Stochastic,
    TiedLinear,
    dense_stack,
    linear_layers,
)

NoiseType = Literal["gaussian", "masking", "salt_and_pepper"]


class Corruption(Stochastic):
    """What is done to a sample before it is encoded, while training (Vincent et al. 2010, section 3.3).

    Parameters
    ----------
    kind : {"gaussian", "masking", "salt_and_pepper"}
    level : float
        Standard deviation, or share of the features.
    lowest, highest : Tensor of shape (p,)
        The values of salt and pepper.
    """

    lowest: Tensor
    highest: Tensor

    def __init__(self, kind: NoiseType, level: float, lowest: Tensor, highest: Tensor) -> None:
        super().__init__()
        self.kind, self.level = kind, level
        self.register_buffer("lowest", lowest, persistent=False)  # they are of the data, not weights to go on from
        self.register_buffer("highest", highest, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Corrupt samples of shape (batch, p)."""
        if not self.training:
            return x
        if self.kind == "gaussian":
            return torch.empty_like(x).normal_(std=self.level, generator=self.generator).add_(x)
        hit = torch.empty_like(x).bernoulli_(self.level, generator=self.generator).bool()
        if self.kind == "masking":
            return x.masked_fill(hit, 0.0)
        salt = torch.empty_like(x).bernoulli_(0.5, generator=self.generator).bool()
        return torch.where(hit, torch.where(salt, self.highest, self.lowest), x)


def dense_pair(
    widths: Sequence[int], activation: Activation, dropout: float, tied_weights: bool
) -> tuple[nn.Sequential, nn.Sequential]:
    """An encoder of these widths, from p to q, and a decoder with them in reverse order.

    With `tied_weights` the decoder's matrices are those of the encoder, transposed.
    """
    down = linear_layers(widths)
    up = [TiedLinear(linear) for linear in reversed(down)] if tied_weights else linear_layers(widths[::-1])
    return dense_stack(down, activation, dropout), dense_stack(up, activation, dropout)


class ConvolutionalEncoder(nn.Module):
    """Convolutions, each followed by ReLU and pooling, and then dense layers.

    Parameters
    ----------
    layers : sequence of ConvolutionLayer
    grid : tuple of int
        Height, width and channels of the images, whose values come as rows.
    widths : sequence of int
        Those of the dense layers; the last is q.
    activation : str
        The function between the dense layers.
    dropout : float

    Attributes
    ----------
    sizes : list of (height, width)
        Those of the images and of the maps after each convolution.
    n_places : int
        Number of values that the last convolution leaves.
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
        y = x.view(len(x), *self.grid).movedim(-1, 1)  # (batch, channels, height, width)
        for block in self.blocks:
            y, _ = block(y, None)
        code: Tensor = self.dense(y.flatten(1))
        return code


class ConvolutionalDecoder(nn.Module):
    """Mirror image of an encoder: where that one pools, the nearest value is repeated before a convolution.

    That leaves no checkerboard, as transposed convolutions do (Odena, Dumoulin and Olah 2016).

    Parameters
    ----------
    encoder : ConvolutionalEncoder
    layers, widths, activation, dropout
        What `encoder` was made of.
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
        y = self.dense(z).view(len(z), -1, *self.sizes[0])
        *hidden, last = cast(Iterable[ConvolutionBlock], self.blocks)
        for block, size in zip(hidden, self.sizes[1:], strict=False):
            y, _ = block(_repeated(y, size), None)
        images: Tensor = last.responses(_repeated(y, self.sizes[-1]))  # (batch, channels, height, width)
        return images.movedim(1, -1).flatten(1)


def _blocks(n_inputs: Sequence[int], layers: Sequence[ConvolutionLayer]) -> nn.ModuleList:
    # Without batch normalisation a reconstruction depends on its own sample alone, as the contractive penalty needs.
    return nn.ModuleList(
        ConvolutionBlock(n, layer, 2, pooling="max", normalization=None, residual=False)
        for n, layer in zip(n_inputs, layers, strict=False)
    )


def _repeated(y: Tensor, size: tuple[int, int]) -> Tensor:
    return y if y.shape[2:] == size else F.interpolate(y, size=size, mode="nearest")


class AutoEncoder(nn.Module):
    """An encoder ``f_W`` and a decoder ``g_V``.

    ``forward`` leaves out the decoder's link function: the error of probabilities is computed from logits.

    Parameters
    ----------
    encoder, decoder : nn.Module
    link : nn.Module
        Turns the decoder's last linear map into a reconstruction.
    corruption : nn.Module
        What is done to samples while training, before they are encoded.
    sparsity, contraction : float
        Weights of the penalties; with either ``forward`` returns `Penalized`.
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        link: nn.Module,
        corruption: nn.Module,
        sparsity: float = 0.0,
        contraction: float = 0.0,
    ) -> None:
        super().__init__()
        # A code that is not negative has zeros that are exact.
        self.encoder = nn.Sequential(encoder, nn.ReLU()) if sparsity else encoder
        self.decoder = decoder
        self.link = link
        self.corruption = corruption
        self.sparsity, self.contraction = sparsity, contraction

    def forward(self, x: Tensor) -> Tensor | Penalized:
        """Map a batch of shape (batch, p) to what the error is computed from."""
        x = self.corruption(x)
        if not (self.sparsity or self.contraction):
            return self.output(x)
        if self.contraction:
            with torch.enable_grad():  # the loss on validation data has a Jacobian too
                x = x.detach().requires_grad_()
                z = self.encode(x)  # (batch, q)
                penalty = self.contraction * squared_jacobian_norm(z, x)
        else:
            z = self.encode(x)
            penalty = z.new_zeros(len(z))
        if self.sparsity:
            penalty = penalty + self.sparsity * (z @ self._lengths())
        return Penalized(self.decoder(z), penalty)

    def _lengths(self) -> Tensor:
        """The lengths of the q vectors that the decoder's first linear map multiplies with the code."""
        first = next(module for module in self.decoder.modules() if isinstance(module, nn.Linear | TiedLinear))
        lengths: Tensor = torch.linalg.vector_norm(first.weight, dim=0)
        return lengths

    def output(self, x: Tensor) -> Tensor:
        """Map samples of shape (batch, p) to reconstructions before the link function, of the same shape."""
        output: Tensor = self.decoder(self.encode(x))
        return output

    def encode(self, x: Tensor) -> Tensor:
        """Map samples of shape (batch, p) to codes of shape (batch, q)."""
        code: Tensor = self.encoder(x)
        return code

    def decode(self, z: Tensor) -> Tensor:
        """Map codes of shape (batch, q) to reconstructions of shape (batch, p)."""
        reconstruction: Tensor = self.link(self.decoder(z))
        return reconstruction

    def reconstruct(self, x: Tensor) -> Tensor:
        """Map samples of shape (batch, p) to their reconstructions."""
        return self.decode(self.encode(x))
