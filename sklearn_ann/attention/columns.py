"""Attention among the columns of a table: the FT-Transformer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann.attention.mind import AttentionBody
from sklearn_ann.attention.tables import ColumnVectors, Numeric, TableBatch, TableMind
from sklearn_ann.layers import EncoderBlock


class ColumnBody(AttentionBody):
    """Vectors of the columns and a token that is read out attend to each other (Gorishniy et al. 2021, section 3.3).

    Parameters
    ----------
    vectors : ColumnVectors
    width, n_layers, n_heads, dropout
        As in `AttentionClassifier`.
    """

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
        x = self.vectors(batch)
        x = torch.cat([self.cls.expand(len(x), 1, -1), x], dim=1)  # (batch, 1 + n_columns, width)
        for number, block in enumerate(self.blocks, start=1):
            all_ask = maps is not None or number < len(self.blocks)
            x = block(x, None, maps, None if all_ask else 1)
        features: Tensor = self.norm(x[:, 0]).relu()
        return features

    def attention(self, batch: TableBatch) -> list[Tensor]:
        """Return the weights of each layer, shape (batch, head, query, key)."""
        maps: list[Tensor] = []
        self(batch, maps)
        return maps


class Columns(TableMind):
    """Attention among the columns of a row; the parameters are those of `AttentionClassifier`."""

    @property
    def auto(self) -> dict[str, Any]:
        """What ``"auto"`` stands for."""
        return super().auto | {"n_layers": 3, "dropout": 0.1}

    def build(  # type: ignore[override]
        self,
        examples: training.Examples,
        *,
        n_components: int,
        n_layers: int,
        n_heads: int,
        numeric: Numeric,
        dropout: float,
    ) -> tuple[ColumnBody, int]:
        """Return a new encoder and its width."""
        vectors = ColumnVectors(self.n_categories, len(self.numeric), n_components, numeric)
        body = ColumnBody(vectors, n_components, n_layers=n_layers, n_heads=n_heads, dropout=dropout)
        return body, n_components

    def token_names(self, samples: Any) -> list[list[str]]:
        """The columns, after ``"CLS"``, which is what is read out."""
        return [["CLS", *self.column_names]] * len(samples)
