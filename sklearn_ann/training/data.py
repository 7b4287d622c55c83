"""The data that the engine trains on: encoded samples that know their number and return a batch for an index."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from sklearn_ann.layers import ragged_positions


class Samples(ABC):
    """Samples of one kind, encoded as tensors and indexed by an integer tensor.

    A subclass decides what a sample is: a row, a sequence, an image, a graph. The network's ``forward`` receives what
    ``samples[index]`` returns: a tensor, or tuples and dicts of tensors.
    """

    device = torch.device("cpu")
    nbytes = 0
    """Memory that the samples take on a device, for kinds that can move."""
    multiple = 1
    """Prediction pads batches to a multiple of this size."""
    streamed = False
    """Whether samples are read from outside memory, so that those of many batches are best asked for together."""
    cut_at_once = False
    """Whether `cut` makes batches in another way than one by one."""
    together = False
    """Whether a batch costs as much as all samples, such as some nodes of one graph: prediction takes all at once."""
    valid: Tensor | None = None
    """Which samples have anything to predict from, bool of shape (n_samples,); None if all have."""
    one_shape = False
    """Whether all samples have one shape, so that a part of a batch tells the shape of the whole."""
    extents: Tensor | None = None
    """Size of each sample, shape (n_samples,); None if all sizes are equal."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of samples."""

    @abstractmethod
    def __getitem__(self, index: Tensor) -> Any:
        """Return the batch of the samples in `index`, an int64 tensor of shape (batch,) on `device`."""

    def cut(self, indices: Sequence[Tensor]) -> Iterator[Any]:
        """Yield one batch per index; a kind may override this to cut many batches at once."""
        return (self[index] for index in indices)

    def windows(self) -> Iterator[tuple[slice, Samples]]:
        """Yield samples in memory, and where they stand; all at once unless they are streamed."""
        yield slice(0, len(self)), self

    def arranged(self, order: Tensor, n_batches: int) -> Sequence[Tensor]:
        """Divide samples, given in random `order`, into batches; samples of similar extent share a batch."""
        return order.tensor_split(n_batches) if self.extents is None else _alike(order, self.extents, n_batches)

    def sorted(self, index: Tensor) -> Tensor:
        """Put the samples of `index` in the order in which to predict them: by extent, if extents differ."""
        return index if self.extents is None else _by_extent(index, self.extents)

    def to(self, device: torch.device) -> Samples:
        """Return the same samples on `device`; a kind that cannot move stays, and its batches move one by one."""
        return self


def as_tensor(array: np.ndarray) -> Tensor:
    """Return a tensor that shares the array's memory; only an array with negative strides is copied.

    The engine never writes into samples, so a read-only array, such as a memory map, is shared too.
    """
    if any(stride < 0 for stride in array.strides):
        array = array.copy()
    elif not array.flags.writeable:
        array = np.asarray(_Writeable(array))  # torch has no read-only tensors and warns about such arrays
    return torch.from_numpy(array)


def as_array(tensor: Tensor) -> np.ndarray:
    """Return the numbers of a tensor wherever it is, with gradients or without; NumPy has no bfloat16."""
    array: np.ndarray = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy(force=True)
    return array


class _Writeable:
    """Present a read-only array as a writeable one over the same memory."""

    def __init__(self, array: np.ndarray) -> None:
        interface = array.__array_interface__
        self.array = array  # keeps the memory alive
        self.__array_interface__ = interface | {"data": (interface["data"][0], False)}


# BLAS has other kernels for the last few of many rows, and for very few rows, which round differently: the last digits
# of a prediction would depend on how many rows are predicted together.
_ROWS = 16


class Rows(Samples):
    """Rows of a dense array.

    Parameters
    ----------
    values : Tensor of shape (n_samples, ...)
    """

    multiple = _ROWS
    one_shape = True

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
    """Rows of a sparse matrix; only the rows of a batch become dense.

    Parameters
    ----------
    starts, columns, values : Tensor
        The three arrays of the CSR format.
    n_columns : int
    """

    multiple = _ROWS
    one_shape = True

    def __init__(self, starts: Tensor, columns: Tensor, values: Tensor, n_columns: int) -> None:
        self.starts, self.columns, self.values, self.n_columns = starts, columns, values, n_columns
        self.device = values.device
        self.nbytes = starts.nbytes + columns.nbytes + values.nbytes

    @classmethod
    def from_scipy(cls, matrix: sp.csr_array | sp.csr_matrix) -> SparseRows:
        """Wrap a CSR matrix without copying its values."""
        starts = torch.from_numpy(matrix.indptr.astype(np.int64))
        return cls(starts, as_tensor(matrix.indices), as_tensor(matrix.data), matrix.shape[1])

    def to_scipy(self) -> sp.csr_matrix:
        """Return the same rows as a matrix, without copying their values."""
        shape = (len(self), self.n_columns)
        return sp.csr_matrix((self.values.numpy(), self.columns.numpy(), self.starts.numpy()), shape=shape, copy=False)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, index: Tensor) -> Tensor:
        groups, positions = ragged_positions(self.starts, index)
        batch = self.values.new_zeros(len(index), self.n_columns)
        columns = self.columns.index_select(0, positions).long()
        # Duplicate entries add up, as in SciPy.
        return batch.index_put_((groups.members, columns), self.values.index_select(0, positions), accumulate=True)

    def to(self, device: torch.device) -> SparseRows:
        return SparseRows(self.starts.to(device), self.columns.to(device), self.values.to(device), self.n_columns)


_POOL = 32  # batches among which samples are grouped by size


def _by_extent(index: Tensor, extents: Tensor) -> Tensor:
    return index[extents.index_select(0, index).argsort(stable=True)]


def _alike(order: Tensor, extents: Tensor, n_batches: int) -> Sequence[Tensor]:
    """Divide samples, given in random `order`, into batches of similar extent, which need little padding."""
    batches: list[Tensor] = []
    for pool in order.tensor_split(-(-n_batches // _POOL)):
        batches.extend(_by_extent(pool, extents).tensor_split(-(-len(pool) * n_batches // len(order))))
    # An epoch must not run from short to long samples. The order of the samples is random, so it can seed the shuffle.
    shuffled = torch.randperm(len(batches), generator=torch.Generator().manual_seed(int(order[0])))
    return [batches[i] for i in shuffled.tolist()]


S = TypeVar("S", bound=Samples, covariant=True)


@dataclass(frozen=True)
class Examples(Generic[S]):
    """Samples with their targets and weights: what an epoch runs over.

    Attributes
    ----------
    samples : Samples
    rows : int64 Tensor or None
        The samples that take part, on the CPU; None for all.
    target : Samples or None
        The targets, one per sample, usually `Rows`; None if the samples are their own targets.
    weight : Tensor of shape (n_samples,) or None
        Weights with a mean of one over `rows`; None for equal weights.
    """

    samples: S
    rows: Tensor | None = None
    target: Samples | None = None
    weight: Tensor | None = None

    def __len__(self) -> int:
        return len(self.samples) if self.rows is None else len(self.rows)

    def to(self, device: torch.device) -> Examples[Samples]:
        """Return the examples on `device`; samples that would fill half of a GPU's free memory stay where they are."""
        if device.type == "cpu":  # where they are made
            return self
        samples: Samples = self.samples
        if device.type != "cuda" or samples.nbytes <= torch.cuda.mem_get_info(device)[0] // 2:
            samples = samples.to(device)
        target = None if self.target is None else self.target.to(device)
        return Examples(samples, self.rows, target, None if self.weight is None else self.weight.to(device))


class Part(NamedTuple):
    """Which part of a batch a process computes, where several share it.

    A process for which no sample is left computes the first one again, with a weight of zero.
    """

    size: int  # samples in the batch
    start: int  # the first sample of this process
    stop: int
    heft: int | Tensor  # sum of the weights in the batch

    @property
    def idle(self) -> bool:
        """Whether no sample was left."""
        return self.start == self.stop

    @classmethod
    def of(cls, rank: int, n_ranks: int, size: int, heft: int | Tensor) -> Part:
        """Return the part of a process."""
        share, rest = divmod(size, n_ranks)  # the first processes have one sample more
        start = rank * share + min(rank, rest)
        return cls(size, start, start + share + (rank < rest), heft)


class Place(NamedTuple):
    """The number of this process, the number of processes that share each batch, and the type of the losses."""

    rank: int
    n_ranks: int
    dtype: torch.dtype


class Batch(NamedTuple):
    """The network's input for samples, their targets (the input itself if there are none) and weights.

    There are `size` samples, of which several processes may have a `part` each.
    """

    samples: Any
    target: Any
    weight: Tensor | None
    size: int
    part: Part | None = None


def batches(
    examples: Examples[Samples],
    batch_size: int | None,
    device: torch.device,
    order: Tensor | None,
    place: Place | None = None,
) -> Iterator[Batch]:
    """Cut `examples` into batches whose sizes differ by at most one, so that no batch is left with a single sample.

    Parameters
    ----------
    examples : Examples
    batch_size : int or None
        The largest size of a batch; None for one batch of all samples.
    device : torch.device
        Where the network is.
    order : int64 Tensor of shape (n,) or None
        A permutation of 0 to n - 1; None for an order that suits the samples.
    place : Place or None
        Which part of every batch to cut; None for all of it.
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
    own, parts = _divided(indices, weight, place)
    for whole, index, part, cut in zip(indices, own, parts, samples.cut(own), strict=True):
        inputs = on_device(cut, device)
        there = index.to(device)
        weights = None if weight is None else weight.index_select(0, there)
        if part is not None and part.idle:
            weights = torch.zeros(1, device=device, dtype=None if place is None else place.dtype)
        yield Batch(
            inputs,
            inputs if target is None else on_device(target[there.to(target.device)], device),
            weights,
            len(whole),
            part,
        )


def _divided(
    indices: Sequence[Tensor], weight: Tensor | None, place: Place | None
) -> tuple[Sequence[Tensor], Sequence[Part | None]]:
    """Return the samples of this process in each batch, and the part that they are."""
    if place is None:
        return indices, [None] * len(indices)
    hefts = [len(i) if weight is None else weight.index_select(0, i.to(weight.device)).sum() for i in indices]
    parts = [Part.of(place.rank, place.n_ranks, len(index), heft) for index, heft in zip(indices, hefts, strict=True)]
    own = [
        index[:1] if part.idle else index[part.start : part.stop] for index, part in zip(indices, parts, strict=True)
    ]
    return own, parts


def on_device(batch: Any, device: torch.device) -> Any:
    """Move the tensors in `batch` to `device`; tensors that are already there cost next to nothing."""
    if isinstance(batch, Tensor):
        return batch.to(device)
    if isinstance(batch, tuple):
        moved = (on_device(part, device) for part in batch)
        return type(batch)(*moved) if hasattr(batch, "_fields") else tuple(moved)
    if isinstance(batch, dict):
        return {name: on_device(part, device) for name, part in batch.items()}
    return batch
