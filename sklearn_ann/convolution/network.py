"""The network of all convolutional estimators: convolution blocks, global pooling, dense layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann.convolution.augmentation import reverse_complement
from sklearn_ann.layers import (
    BatchNorm,
    ConvolutionBlock,
    ConvolutionLayer,
    Dropout,
    Pooling,
    dense_stack,
    linear_layers,
    places,
)
from sklearn_ann.reading import GridBatch

GlobalPooling = Literal["mean", "max", "flatten"]


class ConvolutionalBody(nn.Module):
    """Map samples on a grid to one row of features each.

    Parameters
    ----------
    layers : sequence of ConvolutionLayer
    n_channels, n_dimensions : int
    size : tuple of int or None
        The size of all samples in training, which ``"flatten"`` and `position_bias` need. In later samples of another
        size, the bias depends on the position relative to their own length, and ``"flatten"`` averages the last feature
        maps to the size of those in training.
    position_bias : float in [0, 1]
        Share of the filters that have a bias of their own at each position.
    normalize_input : bool
        Whether to normalise the channels before the first convolution.
    pooling : {"max", "mean"}
        The pooling after each convolution.
    global_pooling : sequence of {"mean", "max", "flatten"}
        How to read out the last feature maps; the results are concatenated.
    normalization : {"batch", "layer"} or None
        The normalisation after each convolution.
    residual : bool
        Whether to add the input of each convolution to its output.
    hidden : sequence of int
        Widths of the dense layers.
    dropout : float
        Probability to drop a feature that is read out, or a unit of a dense layer, in training.
    augmentation : sequence of Module
        Random changes of the batch, made first and in training only.
    both_strands : bool
        Whether to average the features of both strands.
    """

    stacked_numbers: ClassVar[tuple[str, ...]] = ()

    steady = True

    def __init__(
        self,
        layers: Sequence[ConvolutionLayer],
        n_channels: int,
        n_dimensions: int,
        size: tuple[int, ...] | None,
        *,
        position_bias: float,
        normalize_input: bool,
        pooling: Pooling,
        global_pooling: Sequence[GlobalPooling],
        normalization: str | None,
        residual: bool,
        hidden: Sequence[int],
        dropout: float,
        augmentation: Sequence[nn.Module],
        both_strands: bool,
    ) -> None:
        super().__init__()
        self.norm = BatchNorm(n_channels, affine=False) if normalize_input else None
        widths = [n_channels, *(layer.n_filters for layer in layers)]
        sizes = [size]  # of the samples and of the feature maps after each convolution
        for layer in layers:
            sizes.append(None if size is None else tuple(-(-length // layer.pool_size) for length in sizes[-1] or ()))
        self.blocks = nn.ModuleList(
            ConvolutionBlock(
                width,
                layer,
                n_dimensions,
                pooling=pooling,
                normalization=normalization,
                residual=residual,
                size=sizes[i] if position_bias else None,
                position_bias=position_bias,
            )
            for i, (width, layer) in enumerate(zip(widths, layers, strict=False))
        )
        self.global_pooling = tuple(global_pooling)
        self.augmentation = nn.Sequential(*augmentation)
        self.both_strands = both_strands
        self.map_size = sizes[-1]
        n_positions = math.prod(self.map_size or ())
        n_read = sum(widths[-1] * (n_positions if how == "flatten" else 1) for how in self.global_pooling)
        self.dropout = Dropout(dropout)
        self.dense = dense_stack(linear_layers([n_read, *hidden]), "relu", dropout, activate_last=True)
        self.n_features = hidden[-1] if hidden else n_read

    def forward(self, batch: GridBatch) -> Tensor:
        """Return features of shape (batch, n_features)."""
        batch = self.augmentation(batch)
        features = self._features(batch)
        if self.both_strands:
            features = (features + self._features(reverse_complement(batch))) / 2
        return features

    def _features(self, batch: GridBatch) -> Tensor:
        x, sizes = self.maps(batch)[-1]
        read = torch.cat([self._read(x, sizes, how) for how in self.global_pooling], dim=1)
        features: Tensor = self.dense(self.dropout(read))
        return features

    def standardized(self, batch: GridBatch) -> Tensor:
        """Return the input of the first convolution."""
        if self.norm is None:
            return batch.x
        x: Tensor = self.norm(batch.x, places(batch.sizes, batch.x))
        return x

    def maps(self, batch: GridBatch) -> list[tuple[Tensor, Tensor | None]]:
        """Return for each block its feature maps, (batch, n_filters, *size), and the sizes of the samples in them."""
        x, sizes = self.standardized(batch), batch.sizes
        maps = []
        for block in self.blocks:
            x, sizes = block(x, sizes)
            maps.append((x, sizes))
        return maps

    def _read(self, x: Tensor, sizes: Tensor | None, how: GlobalPooling) -> Tensor:
        flat = x.flatten(2)  # (batch, n_filters, n_positions)
        if how == "flatten":
            return self._resized(x, sizes).flatten(1)
        if how == "max":
            return flat.amax(dim=2)
        return flat.mean(dim=2) if sizes is None else flat.sum(dim=2) / sizes.prod(dim=1)[:, None]

    def _resized(self, x: Tensor, sizes: Tensor | None) -> Tensor:
        """Average feature maps to the size of those in training."""
        if sizes is None and x.shape[2:] == self.map_size:
            return x
        average: Any = F.adaptive_avg_pool1d if x.ndim == 3 else F.adaptive_avg_pool2d
        whole = [x.shape[2:]] * len(x) if sizes is None else sizes.tolist()
        parts = (one[(slice(None), *map(slice, size))] for one, size in zip(x, whole, strict=True))
        return torch.stack([average(part, self.map_size) for part in parts])
