"""The network that reads a table: vectors of categories and numbers side by side, and dense layers on them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann import training
from sklearn_ann.layers import dense_stack, linear_layers


class TableBatch(NamedTuple):
    """Rows of a table."""

    codes: Tensor  # (batch, n_categorical)
    numbers: Tensor  # (batch, n_numeric)


class TableRows(training.Samples):
    """The rows of a table of categories and numbers."""

    least_batch = training.Rows.least_batch

    def __init__(self, codes: Tensor, numbers: Tensor) -> None:
        self.codes, self.numbers = codes, numbers
        self.device = codes.device
        self.nbytes = codes.nbytes + numbers.nbytes

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, index: Tensor) -> TableBatch:
        return TableBatch(self.codes.index_select(0, index), self.numbers.index_select(0, index))

    def to(self, device: torch.device) -> TableRows:
        """The same rows on `device`."""
        return TableRows(self.codes.to(device), self.numbers.to(device))


class Table(nn.Module):
    """Vectors of the categories of a column, of its missing values and of unknown categories.

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
            return self.rows().index_select(0, codes)
        last = len(self.weight) - 1
        known = codes.clamp(max=last)
        self.seen.index_fill_(0, known[codes <= last], True)
        return F.embedding(known, self.weight) * (codes <= last)[:, None]

    def rows(self) -> Tensor:
        """Vectors of all codes: what has not been seen in training has the mean of the categories that have been."""
        seen = self.seen[:, None]
        mean = (self.weight * seen)[:-1].sum(0) / seen[:-1].sum().clamp(min=1)
        return torch.cat([torch.where(seen, self.weight, mean), mean[None]])


class TableBody(nn.Module):
    """The vectors of all columns and the numbers, side by side, and dense layers on them.

    Parameters
    ----------
    n_categories, widths : sequence of int
        Of each categorical column.
    n_numbers : int
    hidden : sequence of int
    dropout : float
    """

    def __init__(
        self, n_categories: list[int], widths: list[int], n_numbers: int, hidden: tuple[int, ...], dropout: float
    ) -> None:
        super().__init__()
        self.tables = nn.ModuleList(Table(n, width) for n, width in zip(n_categories, widths, strict=True))
        linears = linear_layers([sum(widths) + n_numbers, *hidden])
        self.dense = dense_stack(linears, "relu", dropout, activate_last=True)

    def forward(self, batch: TableBatch) -> Tensor:
        """Return features of shape (batch, n_features)."""
        vectors = [table(codes) for table, codes in zip(self.tables, batch.codes.unbind(1), strict=True)]
        features: Tensor = self.dense(torch.cat([*vectors, batch.numbers], dim=1))
        return features
