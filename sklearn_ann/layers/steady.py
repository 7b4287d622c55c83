"""Matrix products whose result for a row does not depend on the number of rows."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn
from torch.compiler import is_exporting
from torch.nn import functional as F

_MULTIPLE = 16


def filled(x: Tensor) -> Tensor:
    """Append rows of zeros until their number, ``x.shape[-2]``, is a multiple of 16.

    BLAS computes blocks of rows, and has other kernels for the last few and for very few rows, which round differently:
    the last digits of a prediction would depend on how many rows are predicted together. In an exported graph nothing
    is appended, because it must hold for any number of rows.
    """
    missing = 0 if is_exporting() else -x.shape[-2] % _MULTIPLE
    return F.pad(x, (0, 0, 0, missing)) if missing else x


class Linear(nn.Linear):
    """A linear layer that in evaluation maps a row to the same digits, however many rows there are."""

    stacked_numbers: ClassVar[tuple[str, ...]] = ()

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            return F.linear(x, self.weight, self.bias)
        rows = x.reshape(-1, self.in_features)
        y = F.linear(filled(rows), self.weight, self.bias)
        return y[: rows.shape[0]].view(*x.shape[:-1], self.out_features)
