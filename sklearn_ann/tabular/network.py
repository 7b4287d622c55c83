"""Dense networks side by side that share their weight matrices."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from sklearn_ann.layers import Activation, ColumnVectors, Dropout, activation_layer
from sklearn_ann.reading import TableBatch


class MembersBody(nn.Module):
    r"""Dense layers on the vectors of the columns, for several members at once (Gorishniy et al. 2024).

    Member m sees the vectors multiplied by weights r_m of its own, which begin as one random sign for each column, and
    adds biases of its own. The matrices of the layers are shared:

        h_1 = f(W_1 (r_m * x) + b_{1,m}),   h_2 = f(W_2 h_1 + b_{2,m}),   ...

    Parameters
    ----------
    vectors : ColumnVectors
    width : int
        Width of the vectors.
    hidden : tuple of int
        Widths of the layers.
    n_members : int
    activation : str
        The function f.
    dropout : float in [0, 1)
        Probability to drop a hidden unit, of all members together, in training.
    """

    stacked_numbers: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        vectors: ColumnVectors,
        width: int,
        hidden: tuple[int, ...],
        *,
        n_members: int,
        activation: Activation,
        dropout: float,
    ) -> None:
        super().__init__()
        self.vectors = vectors
        signs = torch.randint(0, 2, (n_members, vectors.n_columns)) * 2.0 - 1.0
        self.scale = nn.Parameter(signs.repeat_interleave(width, dim=1)[:, None])  # (n_members, 1, n_inputs)
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for fan_in, fan_out in pairwise((vectors.n_columns * width, *hidden)):
            bound = 1 / math.sqrt(fan_in)
            self.weights.append(nn.Parameter(torch.empty(fan_in, fan_out).uniform_(-bound, bound)))
            self.biases.append(nn.Parameter(torch.empty(n_members, 1, fan_out).uniform_(-bound, bound)))
        self.activation = activation_layer(activation)
        self.dropout = Dropout(dropout)

    def depths(self) -> dict[str, list[nn.Module | nn.Parameter]]:
        """Return the layers by name, from the input on."""
        dense = zip(self.weights, self.biases, strict=True)
        return {"vectors": [self.vectors, self.scale]} | {f"dense.{i}": [*both] for i, both in enumerate(dense)}

    def forward(self, batch: TableBatch) -> Tensor:
        """Return features of shape (n_members, batch, n_features)."""
        x: Tensor = self.vectors(batch.codes, batch.numbers).flatten(1) * self.scale  # (n_members, batch, n_inputs)
        for weight, bias in zip(self.weights, self.biases, strict=True):
            x = self.activation((x.flatten(0, 1) @ weight).unflatten(0, x.shape[:2]) + bias)
            if self.training and self.dropout.p:
                # One mask for all members: drawing it takes as long as a matrix product.
                x = x * self.dropout(x.new_ones(x.shape[1:]))
        return x
