"""The last layer of a supervised network."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class WithHead(nn.Module):
    """A body that maps a batch to features, followed by a linear head that maps the features to outputs.

    Parameters
    ----------
    body : nn.Module
        Maps a batch to features of shape (batch, n_features).
    n_features, n_outputs : int
    """

    def __init__(self, body: nn.Module, n_features: int, n_outputs: int) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Linear(n_features, n_outputs)

    def forward(self, batch: Any) -> Tensor:
        """Map a batch to outputs of shape (batch, n_outputs)."""
        outputs: Tensor = self.head(self.features(batch))
        return outputs

    def features(self, batch: Any) -> Tensor:
        """Map a batch to features of shape (batch, n_features)."""
        features: Tensor = self.body(batch)
        return features
