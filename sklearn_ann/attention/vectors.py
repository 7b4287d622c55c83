"""A vector for each column of a table."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann.reading import TableBatch

Numeric = Literal["periodic", "linear"]

_BATCH, _BATCHES = (32, 256), 50  # bounds of the batch size; batches per epoch between them


def table_batch_size(n_samples: int) -> int:
    """Return the batch size that ``"auto"`` stands for, for a table of `n_samples` rows."""
    least, most = _BATCH
    return min(max(least, n_samples // _BATCHES), most)


class ColumnVectors(nn.Module):
    r"""A vector for each column of a row (Gorishniy et al. 2021, section 3.3).

    A category becomes a row of an embedding matrix. A number x becomes ``x w_j + b_j`` or
    ``ReLU(W_j [x, cos v, sin v] + b_j)`` with ``v = 2 pi c_j x`` and learned frequencies c_j (Gorishniy et al. 2022,
    section 3.3).

    Parameters
    ----------
    n_categories : list of int
    n_numbers, width : int
    numeric : {"periodic", "linear"}
    """

    n_waves = 24
    spread = 0.05  # initial standard deviation of the frequencies

    def __init__(self, n_categories: list[int], n_numbers: int, width: int, numeric: Numeric) -> None:
        super().__init__()
        self.n_columns = n_numbers + len(n_categories)
        self.frequency = (
            nn.Parameter(self.spread * torch.randn(n_numbers, self.n_waves)) if numeric == "periodic" else None
        )
        n_inputs = 1 if self.frequency is None else 2 * self.n_waves + 1
        self.weight = nn.Parameter(torch.empty(n_numbers, n_inputs, width).uniform_(-1, 1) / math.sqrt(n_inputs))
        self.bias = nn.Parameter(torch.empty(n_numbers, width).uniform_(-1, 1) / math.sqrt(width))
        self.missing = nn.Parameter(torch.zeros(n_numbers, width))
        # Each column has a row per category, one for missing values and one for unknown categories, which stays zero.
        sizes = [n + 2 for n in n_categories]
        starts = torch.tensor([0, *sizes]).cumsum(0)
        self.register_buffer("starts", starts[:-1], persistent=False)
        self.embedding = nn.Parameter(torch.randn(int(starts[-1]), width) / math.sqrt(width))
        with torch.no_grad():
            self.embedding[starts[1:] - 1] = 0

    def forward(self, batch: TableBatch) -> Tensor:
        """Return vectors of shape (batch, n_columns, width), numeric columns first."""
        x = batch.numbers
        absent = x.isnan()
        x = x.nan_to_num(0.0).T[:, :, None]  # (n_numbers, batch, 1)
        if self.frequency is not None:
            waves = 2 * math.pi * self.frequency[:, None] * x  # (n_numbers, batch, n_waves)
            x = torch.cat([x, waves.cos(), waves.sin()], dim=2)
        vectors = torch.baddbmm(self.bias[:, None], x, self.weight).transpose(0, 1)  # (batch, n_numbers, width)
        if self.frequency is not None:
            vectors = vectors.relu()
        vectors = torch.where(absent[:, :, None], self.missing, vectors)
        if not len(self.get_buffer("starts")):
            return vectors
        return torch.cat([vectors, F.embedding(batch.codes + self.get_buffer("starts"), self.embedding)], dim=1)
