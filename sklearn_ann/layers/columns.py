"""A vector for each column of a table."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann.layers.steady import filled

Numeric = Literal["piecewise", "periodic", "linear"]


class ColumnVectors(nn.Module):
    r"""A vector for each column of a row (Gorishniy et al. 2021, section 3.3).

    A category becomes a row of an embedding matrix. A number x becomes, with weights of its own for each column j,

    - linear: ``x w_j + b_j``;
    - periodic: ``ReLU(W_j [x, cos v, sin v] + b_j)`` with ``v = 2 pi c_j x`` and learned frequencies c_j (Gorishniy et
      al. 2022, section 3.3);
    - piecewise: ``W_j [x, e_1, ..., e_T] + b_j``, where e_t rises from 0 to 1 over the t-th of T intervals (section
      3.2). The intervals have equal probabilities if x has a normal distribution, as numbers scaled by quantiles have.
      At first the vector is linear in x.

    Parameters
    ----------
    n_categories : list of int
    n_numbers, width : int
    numeric : {"piecewise", "periodic", "linear"}
    n_pieces : int
        Number of intervals T.
    """

    stacked_numbers: ClassVar[tuple[str, ...]] = ()

    n_waves = 24
    spread = 0.05  # initial standard deviation of the frequencies
    knots: Tensor
    starts: Tensor

    def __init__(
        self, n_categories: list[int], n_numbers: int, width: int, numeric: Numeric, n_pieces: int = 32
    ) -> None:
        super().__init__()
        self.numeric = numeric
        self.n_columns = n_numbers + len(n_categories)
        n_inputs = {"linear": 1, "periodic": 2 * self.n_waves + 1, "piecewise": n_pieces + 1}[numeric]
        if numeric == "periodic":
            self.frequency = nn.Parameter(self.spread * torch.randn(n_numbers, self.n_waves))
        self.weight = nn.Parameter(torch.empty(n_numbers, n_inputs, width).uniform_(-1, 1) / math.sqrt(n_inputs))
        self.bias = nn.Parameter(torch.empty(n_numbers, width).uniform_(-1, 1) / math.sqrt(width))
        if numeric == "piecewise":
            shares = torch.linspace(1e-3, 1 - 1e-3, n_pieces + 1, dtype=torch.float64)
            self.register_buffer("knots", torch.special.ndtri(shares), persistent=False)
            with torch.no_grad():
                self.weight[:, 0].uniform_(-1, 1)
                self.weight[:, 1:] = 0
        self.missing = nn.Parameter(torch.zeros(n_numbers, width))
        # Each column has a row per category, one for missing values and one for unknown categories, which stays zero.
        sizes = [n + 2 for n in n_categories]
        starts = torch.tensor([0, *sizes]).cumsum(0)
        self.register_buffer("starts", starts[:-1], persistent=False)
        self.embedding = nn.Parameter(torch.randn(int(starts[-1]), width) / math.sqrt(width))
        with torch.no_grad():
            self.embedding[starts[1:] - 1] = 0

    def forward(self, codes: Tensor, numbers: Tensor) -> Tensor:
        """Return vectors of the columns, numeric columns first.

        Parameters
        ----------
        codes : int64 Tensor of shape (batch, n_categorical)
            From 0; the last two codes of a column are a missing value and an unknown category.
        numbers : Tensor of shape (batch, n_numbers)
            NaN if missing.

        Returns
        -------
        Tensor of shape (batch, n_columns, width)
        """
        absent = numbers.isnan()
        known = torch.where(absent, 0.0, numbers)
        x = self._inputs((known if self.training else filled(known)).T[:, :, None])  # (n_numbers, batch, n_inputs)
        vectors = torch.baddbmm(self.bias[:, None], x, self.weight)[:, : numbers.shape[0]]
        vectors = vectors.transpose(0, 1)  # (batch, n_numbers, width)
        if self.numeric == "periodic":
            vectors = vectors.relu()
        vectors = torch.where(absent[:, :, None], self.missing, vectors)
        if not len(self.starts):
            return vectors
        return torch.cat([vectors, F.embedding(codes + self.starts, self.embedding)], dim=1)

    def _inputs(self, x: Tensor) -> Tensor:
        if self.numeric == "periodic":
            waves = 2 * math.pi * self.frequency[:, None] * x  # (n_numbers, batch, n_waves)
            return torch.cat([x, waves.cos(), waves.sin()], dim=2)
        if self.numeric == "piecewise":
            risen = (x - self.knots[:-1]) / (self.knots[1:] - self.knots[:-1])  # (n_numbers, batch, n_pieces)
            return torch.cat([x, risen.clamp(0.0, 1.0)], dim=2)
        return x
