"""What the engine trains on: encoded samples that are asked for their number and for a batch of indices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor


class Samples(ABC):
    """Samples of any kind, encoded as tensors and indexed by an integer tensor.

    A subclass answers what a sample is: a row, a sequence, an image, a graph. What ``samples[index]`` returns is what
    the network's ``forward`` receives: a tensor, or tuples and dicts of tensors.
    """

    device = torch.device("cpu")
    nbytes = 0
    """Memory that the samples take on a device, where they can move."""
    least_batch = 1
    """Smaller batches are filled up for prediction."""
    extents: Tensor | None = None
    """How much each sample fills, shape (n_samples,); None where all fill as much."""

    @abstractmethod
    def __len__(self) -> int:
        """The number of samples."""

    @abstractmethod
    def __getitem__(self, index: Tensor) -> Any:
        """The batch of the samples in `index`, an int64 tensor of shape (batch,) on `device`."""

    def cut(self, indices: Sequence[Tensor]) -> Iterator[Any]:
        """Yield the batch of each of `indices`; for kinds that can cut many batches in less time than one by one."""
        return (self[index] for index in indices)

    def arranged(self, order: Tensor, n_batches: int) -> Sequence[Tensor]:
        """Divide samples, in a random `order`, into batches; those of different extents with their like."""
        return order.tensor_split(n_batches) if self.extents is None else _alike(order, self.extents, n_batches)

    def sorted(self, index: Tensor) -> Tensor:
        """Put the samples of `index` in an order to predict them in; those of different extents by these."""
        return index if self.extents is None else _by_extent(index, self.extents)

    def to(self, device: torch.device) -> Samples:
        """The same samples on `device`; a kind that cannot move stays, and its batches are moved one by one."""
        return self


def as_tensor(array: np.ndarray) -> Tensor:
    """A tensor on the array's own memory, or on a copy where torch could not promise to leave it alone."""
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        array = array.copy()
    return torch.from_numpy(array)


# For a handful of rows BLAS has kernels of their own, which round differently from those for many: a prediction would
# depend, in its last digits, on how many are asked for.
_LEAST_ROWS = 16


class Rows(Samples):
    """Rows of a dense array.

    Parameters
    ----------
    values : Tensor of shape (n_samples, ...)
    """

    least_batch = _LEAST_ROWS

    def __init__(self, values: Tensor) -> None:
        self.values = values
        self.device = values.device
        self.nbytes = values.nbytes

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: Tensor) -> Tensor:
        return self.values.index_select(0, index)

    def to(self, device: torch.device) -> Rows:
        return Rows(self.values.to(device))


class SparseRows(Samples):
    """Rows of a sparse matrix; only the rows of a batch are made dense.

    Parameters
    ----------
    starts, columns, values : Tensor
        The three arrays of the CSR format.
    n_columns : int
    """

    least_batch = _LEAST_ROWS

    def __init__(self, starts: Tensor, columns: Tensor, values: Tensor, n_columns: int) -> None:
        self.starts, self.columns, self.values, self.n_columns = starts, columns, values, n_columns
        self.device = values.device
        self.nbytes = starts.nbytes + columns.nbytes + values.nbytes

    @classmethod
    def from_scipy(cls, matrix: sp.csr_array | sp.csr_matrix) -> SparseRows:
        """Wrap a CSR matrix without copying its values."""
        starts = torch.from_numpy(matrix.indptr.astype(np.int64))
        return cls(starts, as_tensor(matrix.indices), as_tensor(matrix.data), matrix.shape[1])

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, index: Tensor) -> Tensor:
        groups, positions = ragged_positions(self.starts, index)
        batch = self.values.new_zeros(len(index), self.n_columns)
        columns = self.columns.index_select(0, positions).long()
        # Duplicate entries of a cell add up, as they do in SciPy.
        return batch.index_put_((groups.members, columns), self.values.index_select(0, positions), accumulate=True)

    def to(self, device: torch.device) -> SparseRows:
        return SparseRows(self.starts.to(device), self.columns.to(device), self.values.to(device), self.n_columns)


class Groups(NamedTuple):
    """Which items belong together: those of a group follow each other."""

    members: Tensor  # (n_items,), the group of each item, ascending
    pointers: Tensor  # (n_groups + 1,), where each group begins

    @classmethod
    def of(cls, lengths: Tensor) -> Groups:
        """Groups of so many items each."""
        return cls(torch.repeat_interleave(lengths), torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]))

    @property
    def n_groups(self) -> int:
        """Number of groups, the empty ones counted."""
        return len(self.pointers) - 1

    @property
    def lengths(self) -> Tensor:
        """Number of items of each group."""
        return self.pointers.diff()


def ragged_positions(starts: Tensor, index: Tensor) -> tuple[Groups, Tensor]:
    """Find the items of ragged samples that lie one after the other in memory.

    Parameters
    ----------
    starts : int64 Tensor of shape (n_samples + 1,)
        Sample ``i`` owns the items ``starts[i]`` to ``starts[i + 1] - 1``.
    index : int64 Tensor of shape (batch,)
        The samples asked for.

    Returns
    -------
    groups : Groups
        The items of the batch, a group for each sample in it.
    positions : Tensor of shape (n_items,)
        Where each item lies.
    """
    begin = starts.index_select(0, index)  # (batch,)
    groups = Groups.of(starts.index_select(0, index + 1) - begin)
    shift = (begin - groups.pointers[:-1]).index_select(
        0, groups.members
    )  # from the place in the batch to that in memory
    return groups, torch.arange(len(groups.members), device=starts.device) + shift


_POOL = 32  # batches among which samples are put together by size


def _by_extent(index: Tensor, extents: Tensor) -> Tensor:
    return index[extents.index_select(0, index).argsort(stable=True)]


def _alike(order: Tensor, extents: Tensor, n_batches: int) -> Sequence[Tensor]:
    """Divide samples, in a random `order`, into batches of like extent, which leaves little to fill up."""
    batches: list[Tensor] = []
    for pool in order.tensor_split(-(-n_batches // _POOL)):
        batches.extend(_by_extent(pool, extents).tensor_split(-(-len(pool) * n_batches // len(order))))
    # So that an epoch does not go from short to long; the order of the samples is random and decides.
    shuffled = torch.randperm(len(batches), generator=torch.Generator().manual_seed(int(order[0])))
    return [batches[i] for i in shuffled.tolist()]


@dataclass(frozen=True)
class Examples:
    """What an epoch runs over.

    Attributes
    ----------
    samples : Samples
    rows : int64 Tensor or None
        The samples that take part, on the CPU; None for all.
    target : Tensor of shape (n_samples, ...) or None
        None where the samples are their own target.
    weight : Tensor of shape (n_samples,) or None
        Weights with a mean of one over `rows`; None for equal ones.
    """

    samples: Samples
    rows: Tensor | None = None
    target: Tensor | None = None
    weight: Tensor | None = None

    def __len__(self) -> int:
        return len(self.samples) if self.rows is None else len(self.rows)

    def to(self, device: torch.device) -> Examples:
        """The same examples on `device`; they stay where they are if they would fill half of a GPU's free memory."""
        samples = self.samples
        if device.type != "cuda" or samples.nbytes <= torch.cuda.mem_get_info(device)[0] // 2:
            samples = samples.to(device)
        target, weight = (None if part is None else part.to(device) for part in (self.target, self.weight))
        return Examples(samples, self.rows, target, weight)


class Batch(NamedTuple):
    """`size` samples as the network's input, with their targets (the input itself if they have none) and weights."""

    samples: Any
    target: Any
    weight: Tensor | None
    size: int


def batches(examples: Examples, batch_size: int | None, device: torch.device, order: Tensor | None) -> Iterator[Batch]:
    """Cut `examples` into batches whose sizes differ by one at most, so that none is left with a single sample.

    Parameters
    ----------
    examples : Examples
    batch_size : int or None
        The largest size of a batch; None for one batch of all.
    device : torch.device
        Where the network is.
    order : int64 Tensor of shape (n,) or None
        A permutation of 0 to n - 1; None for an order that suits the samples.
    """
    samples, rows, target, weight = examples.samples, examples.rows, examples.target, examples.weight
    n = len(examples)
    n_batches = 1 if batch_size is None else -(-n // batch_size)
    chosen = torch.arange(n) if order is None else order
    if rows is not None:
        chosen = rows.index_select(0, chosen)
    chosen = chosen.to(samples.device)
    shuffled = order is not None
    indices = samples.arranged(chosen, n_batches) if shuffled else samples.sorted(chosen).tensor_split(n_batches)
    for index, cut in zip(indices, samples.cut(indices), strict=True):
        inputs = on_device(cut, device)
        there = index.to(device)
        yield Batch(
            inputs,
            inputs if target is None else target.index_select(0, there),
            None if weight is None else weight.index_select(0, there),
            len(index),
        )


def on_device(batch: Any, device: torch.device) -> Any:
    """Move the tensors in `batch` to `device`; where they are there already this costs next to nothing."""
    if isinstance(batch, Tensor):
        return batch.to(device)
    if isinstance(batch, tuple):
        moved = (on_device(part, device) for part in batch)
        return type(batch)(*moved) if hasattr(batch, "_fields") else tuple(moved)
    if isinstance(batch, dict):
        return {name: on_device(part, device) for name, part in batch.items()}
    return batch
