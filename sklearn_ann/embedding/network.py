"""A network for tables: dense layers on embedded categories and numbers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann.layers import dense_stack, linear_layers
from sklearn_ann.reading import TableBatch


class CategoryEmbedding(nn.Module):
    """Embedding matrix of a column: vectors of its categories, of missing values and of unknown categories.

    Parameters
    ----------
    n_categories, width : int
    """

    seen: Tensor

    def __init__(self, n_categories: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_categories + 1, width).normal_(std=0.05))
        self.register_buffer("seen", torch.zeros(n_categories + 1, dtype=torch.bool))

    def forward(self, codes: Tensor) -> Tensor:
        """Return the vectors of codes, shape (batch, width)."""
        if not self.training:
            return self.matrix().index_select(0, codes)
        last = len(self.weight) - 1
        known = codes.clamp(max=last)
        self.seen.index_fill_(0, known[codes <= last], True)
        return F.embedding(known, self.weight) * (codes <= last)[:, None]

    def matrix(self) -> Tensor:
        """Return the vectors of all codes; codes not seen in training get the mean of the categories seen."""
        seen = self.seen[:, None]
        mean = (self.weight * seen)[:-1].sum(0) / seen[:-1].sum().clamp(min=1)
        return torch.cat([torch.where(seen, self.weight, mean), mean[None]])


class EntityBody(nn.Module):
    """Dense layers on the concatenated vectors of all categorical columns and the numbers.

    Parameters
    ----------
    n_categories, widths : list of int
        Number of categories and width of the vectors of each categorical column.
    n_numbers : int
    hidden : tuple of int
    dropout : float
    """

    def __init__(
        self, n_categories: list[int], widths: list[int], n_numbers: int, hidden: tuple[int, ...], dropout: float
    ) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(
            CategoryEmbedding(n, width) for n, width in zip(n_categories, widths, strict=True)
        )
        linears = linear_layers([sum(widths) + n_numbers, *hidden])
        self.dense = dense_stack(linears, "relu", dropout, activate_last=True)

    def forward(self, batch: TableBatch) -> Tensor:
        """Return features of shape (batch, n_features)."""
        vectors = [embedding(codes) for embedding, codes in zip(self.embeddings, batch.codes.unbind(1), strict=True)]
        features: Tensor = self.dense(torch.cat([*vectors, batch.numbers], dim=1))
        return features
