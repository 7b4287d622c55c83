"""The network of the recurrent estimators: recurrent layers, and pooling over the steps or none."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn

from sklearn_ann.layers import Dropout, Recurrent, inside
from sklearn_ann.reading import GridBatch

StatePooling = Literal["last", "mean", "max", "attention"]


def lengths_of(batch: GridBatch) -> Tensor | None:
    """Return the numbers of steps, (batch,); None if all series fill the batch."""
    return None if batch.sizes is None else batch.sizes[:, 0]


def steps_of(batch: GridBatch) -> list[int]:
    """Return the number of steps of each series."""
    return [batch.x.shape[2]] * len(batch.x) if batch.sizes is None else batch.sizes[:, 0].tolist()


class RecurrentBody(nn.Module):
    """Map series to one row of features each, or one for each step.

    Parameters
    ----------
    recurrent : Recurrent
    pooling : {"last", "mean", "max", "attention"}, sequence of these, or None
        How the states at the steps become features; several are concatenated. None keeps the states of all steps of all
        series, one after the other.
    dropout : float
        Probability to drop a feature in training.
    """

    def __init__(self, recurrent: Recurrent, pooling: tuple[StatePooling, ...] | None, dropout: float) -> None:
        super().__init__()
        self.recurrent, self.pooling = recurrent, pooling
        self.score = nn.Linear(recurrent.n_features, 1) if pooling is not None and "attention" in pooling else None
        self.dropout = Dropout(dropout)
        self.n_features = recurrent.n_features * (1 if pooling is None else len(pooling))

    def forward(self, batch: GridBatch) -> Tensor:
        """Return features of shape (batch, n_features), or (n_steps of all series, n_features)."""
        states, lengths = self.states(batch), lengths_of(batch)
        if self.pooling is None:
            flat = states.flatten(0, 1)
            if lengths is not None:
                flat = flat.index_select(0, inside(lengths, states.shape[1]).flatten().nonzero()[:, 0])
            features: Tensor = self.dropout(flat)
            return features
        pooled: Tensor = self.dropout(torch.cat([self._pooled(states, lengths, how) for how in self.pooling], dim=1))
        return pooled

    def states(self, batch: GridBatch) -> Tensor:
        """Return the states at all steps, (batch, length, n_features); zero where there is padding."""
        states: Tensor = self.recurrent(batch.x.transpose(1, 2), lengths_of(batch))
        return states

    def _pooled(self, states: Tensor, lengths: Tensor | None, how: StatePooling) -> Tensor:
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
