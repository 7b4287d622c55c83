"""The network of the recurrent estimators: convolutions or none, recurrent layers, pooling over the steps or none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from sklearn_ann.layers import ConvolutionBlock, ConvolutionLayer, Dropout, Recurrent, inside
from sklearn_ann.reading import GridBatch

StatePooling = Literal["last", "mean", "max", "attention"]


def steps_of(batch: GridBatch) -> list[int]:
    """Return the number of steps of each series."""
    return [batch.x.shape[2]] * len(batch.x) if batch.sizes is None else batch.sizes[:, 0].tolist()


def convolution_blocks(
    layers: Sequence[ConvolutionLayer], n_channels: int, size: tuple[int, ...] | None, biased: bool
) -> list[ConvolutionBlock]:
    """Return the convolutions before recurrent layers.

    If the samples have one length, in `size`, channels are normalised over a batch, else each sample by itself. With
    `biased`, half of the filters then know their position.
    """
    blocks = []
    for layer in layers:
        blocks.append(
            ConvolutionBlock(
                n_channels,
                layer,
                1,
                pooling="max",
                normalization="layer" if size is None else "batch",
                residual=False,
                size=size if biased else None,
                position_bias=0.5,
            )
        )
        n_channels, size = layer.n_filters, None if size is None else (-(-size[0] // layer.pool_size),)
    return blocks


class RecurrentBody(nn.Module):
    """Map series to one row of features each, or one for each step.

    Parameters
    ----------
    blocks : sequence of ConvolutionBlock
        Read the series before the recurrent layers; pooling between them makes steps of several.
    recurrent : Recurrent
    pooling : sequence of {"last", "mean", "max", "attention"}, or None
        How the states at the steps become features; several are concatenated. None keeps the states of all steps of all
        series, one after the other.
    dropout : float
        Probability to drop a feature, or an output of the convolutions, in training.
    """

    def __init__(
        self,
        blocks: Sequence[ConvolutionBlock],
        recurrent: Recurrent,
        pooling: Sequence[str] | None,
        dropout: float,
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)
        self.recurrent, self.pooling = recurrent, pooling
        self.score = nn.Linear(recurrent.n_features, 1) if pooling is not None and "attention" in pooling else None
        self.dropout = Dropout(dropout)
        self.n_features = recurrent.n_features * (1 if pooling is None else len(pooling))

    def forward(self, batch: GridBatch) -> Tensor:
        """Return features of shape (batch, n_features), or (n_steps of all series, n_features)."""
        states, lengths = self.states(batch)
        if self.pooling is None:
            flat = states.flatten(0, 1)
            if lengths is not None:
                flat = flat.index_select(0, inside(lengths, states.shape[1]).flatten().nonzero()[:, 0])
            features: Tensor = self.dropout(flat)
            return features
        pooled: Tensor = self.dropout(torch.cat([self._pooled(states, lengths, how) for how in self.pooling], dim=1))
        return pooled

    def states(self, batch: GridBatch) -> tuple[Tensor, Tensor | None]:
        """Return the states at all steps, (batch, length, n_features), zero in padding, and the numbers of steps."""
        x, sizes = batch
        for block in self.blocks:
            x, sizes = block(x, sizes)
            x = self.dropout(x)
        lengths = None if sizes is None else sizes[:, 0]
        return self.recurrent(x.transpose(1, 2), lengths), lengths

    def _pooled(self, states: Tensor, lengths: Tensor | None, how: str) -> Tensor:
        if how == "last":
            last: Tensor = self.recurrent.last(states, lengths)
            return last
        if how == "mean":
            return states.mean(dim=1) if lengths is None else states.sum(dim=1) / lengths[:, None]
        mask = None if lengths is None else inside(lengths, states.shape[1])[:, :, None]  # (batch, length, 1)
        if how == "max":
            return (states if mask is None else states.masked_fill(~mask, -math.inf)).amax(dim=1)
        assert self.score is not None
        scores = self.score(states.tanh())  # (batch, length, 1)
        weights = (scores if mask is None else scores.masked_fill(~mask, -math.inf)).softmax(dim=1)
        mean: Tensor = (weights * states).sum(dim=1)
        return mean
