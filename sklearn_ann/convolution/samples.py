"""Sequences, signals and images as the engine reads them: values on a grid of one dimension or two."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from sklearn_ann import training


def _rounded(length: int) -> int:
    """A length rounded up to one of sixteen in each octave: kernels are made anew for each shape that they meet."""
    step = 1 << max(0, length.bit_length() - 5)
    return -(-length // step) * step


class GridBatch(NamedTuple):
    """Samples as one tensor, the smaller ones filled up with zeros at their ends."""

    x: Tensor  # (batch, channels, *size)
    sizes: Tensor | None  # (batch, n_dimensions); None where all samples fill the tensor


class GridSamples(training.Samples):
    """Values on grids of equal or of different sizes.

    Parameters
    ----------
    values : Tensor of shape (n_samples, *size, ...) or (n_places, ...)
        Codes, without further dimensions, or numbers, with one for the channels. Samples of different sizes lie one
        after the other in one dimension.
    sizes : int64 Tensor of shape (n_samples, n_dimensions)
    uniform : bool
        Whether all sizes are equal and `values` has them as dimensions.
    table : Tensor of shape (n_codes, n_channels) or None
        What the codes stand for.
    """

    least_batch = training.Rows.least_batch

    def __init__(self, values: Tensor, sizes: Tensor, uniform: bool, table: Tensor | None) -> None:
        self.values, self.sizes, self.uniform, self.table = values, sizes, uniform, table
        self.n_channels = values.shape[-1] if table is None else table.shape[1]
        self.n_dimensions = sizes.shape[1]
        self.starts = torch.cat([sizes.new_zeros(1), sizes.prod(dim=1).cumsum(0)])
        self.extents = None if uniform else self.starts.diff()
        self.device = values.device
        self.nbytes = values.nbytes + sizes.nbytes

    def __len__(self) -> int:
        return len(self.sizes)

    def to(self, device: torch.device) -> GridSamples:
        """The same samples on `device`."""
        table = None if self.table is None else self.table.to(device)
        return GridSamples(self.values.to(device), self.sizes.to(device), self.uniform, table)

    def first(self) -> GridSamples:
        """The first sample alone."""
        values = self.values[:1] if self.uniform else self.values[: int(self.starts[1])]
        return GridSamples(values, self.sizes[:1], self.uniform, self.table)

    def __getitem__(self, index: Tensor) -> GridBatch:
        if self.uniform:
            return GridBatch(self._numbers(self.values.index_select(0, index)).movedim(-1, 1), None)
        sizes = self.sizes.index_select(0, index)  # (batch, n_dimensions)
        groups, positions = training.ragged_positions(self.starts, index)
        size = [_rounded(length) for length in sizes.amax(dim=0).tolist()]
        # From the place within a sample, row by row, to that in the filled-up tensor.
        place = torch.arange(len(positions), device=self.device) - groups.pointers.index_select(0, groups.members)
        target = groups.members
        if self.n_dimensions == 2:
            width = sizes[:, 1].index_select(0, groups.members)
            target = target * size[0] + place // width
            place = place % width
        target = target * size[-1] + place
        numbers = self._numbers(self.values.index_select(0, positions))  # (n_places, channels)
        x = numbers.new_zeros(len(index) * math.prod(size), self.n_channels)
        x = x.index_copy(0, target, numbers).view(len(index), *size, self.n_channels)
        return GridBatch(x.movedim(-1, 1), sizes)

    def _numbers(self, values: Tensor) -> Tensor:
        if self.table is None:
            return values
        return self.table.index_select(0, values.flatten().long()).view(*values.shape, self.n_channels)
