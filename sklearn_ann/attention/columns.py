"""Attention among the columns of a table: the FT-Transformer."""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann.attention.body import RATE, AttentionBody
from sklearn_ann.base import Plan
from sklearn_ann.base.budget import reduced_rate
from sklearn_ann.layers import ColumnVectors, EncoderBlock
from sklearn_ann.reading import TableBatch, TableReader


class ColumnBody(AttentionBody):
    """Attention among the columns and a CLS token, which gives the features (Gorishniy et al. 2021, section 3.3).

    Parameters
    ----------
    vectors : ColumnVectors
    width, n_layers, n_heads, dropout
        As in `AttentionClassifier`.
    """

    steady = True

    def __init__(self, vectors: ColumnVectors, width: int, *, n_layers: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.vectors = vectors
        self.cls = nn.Parameter(torch.zeros(width))
        self.blocks = nn.ModuleList(
            EncoderBlock(width, n_heads, 4 * width // 3, dropout=dropout, activation="reglu") for _ in range(n_layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, batch: TableBatch, maps: list[Tensor] | None = None) -> Tensor:
        """Return features of shape (batch, width)."""
        x = self.vectors(batch.codes, batch.numbers)
        x = torch.cat([self.cls.expand(x.shape[0], 1, -1), x], dim=1)  # (batch, 1 + n_columns, width)
        for number, block in enumerate(self.blocks, start=1):
            all_queries = maps is not None or number < len(self.blocks)  # else the CLS token alone
            x = block(x, None, maps, None if all_queries else 1)
        features: Tensor = self.norm(x[:, 0]).relu()
        return features

    def attention(self, batch: TableBatch) -> list[Tensor]:
        """Return the attention weights of each layer, shape (batch, head, query, key)."""
        maps: list[Tensor] = []
        self(batch, maps)
        return maps

    def set_noise(self, dropout: float, mutation: float) -> None:
        """Set what training alone uses; attention weights are not dropped."""
        super().set_noise(dropout, mutation)
        for block in self.blocks:
            assert isinstance(block, EncoderBlock)
            block.attention.dropout.p = 0.0

    @staticmethod
    def defaults(plan: Plan) -> dict[str, Any]:
        """Return the values that ``"auto"`` stands for."""
        # In one batch, a sample of weight two and two samples get the same fit.
        rate = RATE if plan.one_batch else reduced_rate(RATE, len(plan.examples))
        return {"n_layers": 3, "dropout": 0.1, "max_epochs": 20, "learning_rate": rate}

    @classmethod
    def build(cls, plan: Plan) -> Self:
        """Build the network."""
        p, reader = plan.parameters, plan.reader
        vectors = ColumnVectors(reader.n_categories, len(reader.numeric), p.n_components, p.numeric)
        return cls(vectors, p.n_components, n_layers=p.n_layers, n_heads=p.n_heads, dropout=p.dropout)

    def key_names(self, reader: TableReader, samples: training.Samples) -> list[list[str]]:
        """Return ``"CLS"`` and the names of the columns for each sample."""
        return [["CLS", *reader.names]] * len(samples)
