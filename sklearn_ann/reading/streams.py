"""Samples outside memory: arrays in files, AnnData in a file, and whatever yields the same chunks again and again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from sklearn_ann.reading.columns import is_frame
from sklearn_ann.training import Stream

PIECE = 2**20
"""Bytes that are read at once, about: much less, and a disk spends its time on seeking."""
_GREATEST_DENSE = 4  # bytes of a number in float32, in which integers of one byte take four times their memory


def is_file(X: Any) -> bool:
    """Return whether `X` is an array that lies in a file: a memory map, of zarr or of HDF5.

    joblib shares arrays with its workers by memory maps too; these were in memory before.
    """
    if isinstance(X, np.memmap):
        return not (X.filename and "joblib_memmapping_folder" in str(X.filename))
    package = type(X).__module__.partition(".")[0]
    return package in ("zarr", "h5py") and hasattr(X, "shape") and hasattr(X, "dtype")


def is_array(X: Any) -> bool:
    """Return whether rows can be cut out of `X` by their numbers."""
    return hasattr(X, "shape") and len(X.shape) > 0 and (hasattr(X, "dtype") or is_frame(X) or sp.issparse(X))


def rows_of(X: Any, start: int, stop: int) -> Any:
    """Return consecutive rows of an array, a sparse matrix or a frame."""
    if hasattr(X, "iloc"):
        return X.iloc[start:stop]
    return X[start:stop]


def joined(pieces: list[Any]) -> Any:
    """Return consecutive rows as one array, sparse matrix or frame; rows of a memory map are read.

    Raises
    ------
    TypeError
        If dense and sparse rows are mixed.
    """
    first = pieces[0]
    if any(sp.issparse(piece) for piece in pieces):
        if not all(sp.issparse(piece) for piece in pieces):
            raise TypeError("some chunks of X are sparse and others are not: expected one kind")
        return first if len(pieces) == 1 else sp.vstack(pieces, format="csr")
    if is_frame(first):
        return first if len(pieces) == 1 else _stacked(pieces)
    if len(pieces) == 1 and not isinstance(first, np.memmap):
        return first
    values: np.ndarray = np.concatenate(pieces)
    return values.view(np.ndarray)


def _stacked(frames: list[Any]) -> Any:
    if hasattr(frames[0], "iloc"):
        import pandas as pd

        return pd.concat(frames, ignore_index=True)
    return frames[0].vstack(frames[1]) if len(frames) == 2 else _stacked([frames[0].vstack(frames[1]), *frames[2:]])


class ArrayStream(Stream):
    """Arrays, sparse matrices or frames one below the other, each of which may lie in a file.

    Parameters
    ----------
    arrays : list
    window : int or None
        Bytes of samples that are in memory together; None for the usual number.
    """

    def __init__(self, arrays: list[Any], window: int | None = None) -> None:
        self.arrays = [array.tocsr() if sp.issparse(array) else array for array in arrays]
        self.window = self.window if window is None else window
        for number, array in enumerate(self.arrays):
            compare(array, self.arrays[0], f"chunk {number}", "chunk 0")
        self.bytes_of_sample = max(map(_bytes_of_row, self.arrays))
        self._sizes = [file_size(array) for array in self.arrays]
        self._cuts = [
            (number, start, min(start + step, array.shape[0]))
            for number, array in enumerate(self.arrays)
            for step in [self._step(array)]
            for start in range(0, array.shape[0], step)
        ]
        self.starts = np.cumsum([0, *(stop - start for _, start, stop in self._cuts)])
        self.runs = np.arange(len(self._cuts))
        if not self._cuts:
            raise ValueError("X has 0 samples: expected 1 or more")

    def _step(self, array: Any) -> int:
        """Return the rows of a piece, in zarr and HDF5 a multiple of those that are stored together."""
        least = max(1, min(PIECE, self.window // 64) // max(1, self.bytes_of_sample))
        chunks = getattr(array, "shards", None) or getattr(array, "chunks", None)
        stored = int(chunks[0]) if chunks else 1
        return stored * max(1, least // stored)

    def open(self, run: int) -> Iterator[Any]:
        """Yield the one piece of a run."""
        number, start, stop = self._cuts[run]
        array = self.arrays[number]
        if self._sizes[number] != (size := file_size(array)):
            raise ValueError(
                f"the file of X had {self._sizes[number]} bytes and has {size} now: it must not change while it is read"
            )
        yield rows_of(array, start, stop)

    def joined(self, pieces: list[Any]) -> Any:
        """Return pieces as one array, sparse matrix or frame."""
        return joined(pieces)


def compare(chunk: Any, first: Any, name: str, name_of_first: str) -> None:
    """Refuse a chunk of another kind, shape or names than the first.

    Raises
    ------
    TypeError, ValueError
        Naming both.
    """
    kinds = ["sparse" if sp.issparse(X) else "a frame" if is_frame(X) else "an array" for X in (chunk, first)]
    if kinds[0] != kinds[1]:
        raise TypeError(f"{name} of X is {kinds[0]}, but {name_of_first} is {kinds[1]}: expected one kind")
    if chunk.shape[1:] != first.shape[1:]:
        raise ValueError(
            f"{name} of X has {_phrase(chunk.shape[1:])}, but {name_of_first} has {_phrase(first.shape[1:])}"
        )
    if is_frame(chunk) and list(chunk.columns) != list(first.columns):
        raise ValueError(
            f"{name} of X has the columns {list(chunk.columns)}, but {name_of_first} has {list(first.columns)}"
        )


def _phrase(shape: tuple[int, ...]) -> str:
    return f"{shape[0]} columns" if len(shape) == 1 else f"samples of shape {shape}"


def file_size(X: Any) -> int:
    """Return the size of the file of a memory map; 0 for other arrays. Reading beyond its end would end the process."""
    return Path(X.filename).stat().st_size if isinstance(X, np.memmap) and X.filename else 0


def _bytes_of_row(X: Any) -> int:
    """Return what a sample takes in memory, in its own type or as numbers of a network."""
    if isinstance(X, CompressedRows):
        taken: int = X.bytes_of_row
    elif sp.issparse(X):
        taken = (X.data.nbytes + X.indices.nbytes) // max(1, X.shape[0]) + 8
    elif is_frame(X):
        taken = 16 * X.shape[1]  # numbers and pointers, read and encoded
    else:
        taken = int(np.prod(X.shape[1:], dtype=np.int64)) * max(X.dtype.itemsize, _GREATEST_DENSE)
    return taken


class ChunkStream(Stream):
    """Chunks that somebody yields again for each pass; empty ones are passed over.

    Parameters
    ----------
    chunks : callable
        Returns a new iterator of arrays, sparse matrices or frames.
    window : int or None
        Bytes of samples that are in memory together; None for the usual number.
    """

    def __init__(self, chunks: Callable[[], Iterable[Any]], window: int | None = None) -> None:
        self.chunks = chunks
        self.window = self.window if window is None else window
        self._starts: np.ndarray | None = None

    @property
    def starts(self) -> np.ndarray:  # type: ignore[override]
        """The first sample of each chunk; they are counted when somebody asks, unless a pass has counted them."""
        if self._starts is None:
            for _ in self.each():
                pass
        assert self._starts is not None
        return self._starts

    @property
    def runs(self) -> np.ndarray:  # type: ignore[override]
        """All chunks are one run."""
        return np.zeros(len(self.starts) - 1, dtype=np.int64)

    def each(self) -> Iterator[tuple[int, Any]]:
        """Yield the number of the first sample, and the samples, of each chunk; the first whole pass counts them."""
        if self._starts is not None:
            yield from super().each()
            return
        starts, greatest = [0], 1
        for chunk in self.open(0):
            greatest = max(greatest, _bytes_of_row(chunk))
            yield starts[-1], chunk
            starts.append(starts[-1] + chunk.shape[0])
        if len(starts) == 1:
            raise ValueError("X has 0 samples: it yields no chunk that is not empty")
        self._starts, self.bytes_of_sample = np.array(starts), greatest

    @property
    def fits(self) -> bool:
        """Whether all chunks fit in one window; if not, no more is read than tells it."""
        if self._starts is None:
            taken = 0
            for _, chunk in self.each():
                taken += _bytes_of_row(chunk) * chunk.shape[0]
                if taken > self.window:
                    return False
        return super().fits

    def open(self, run: int) -> Iterator[Any]:
        """Yield all chunks."""
        first = None
        for number, given in enumerate(self.chunks()):
            chunk = _checked(given, number)
            first = chunk if first is None else first
            compare(chunk, first, f"chunk {number}", "chunk 0")
            if chunk.shape[0]:
                yield chunk

    def joined(self, pieces: list[Any]) -> Any:
        """Return chunks as one array, sparse matrix or frame."""
        return joined(pieces)


def _checked(chunk: Any, number: int) -> Any:
    """Return a chunk as an array, a CSR matrix or a frame."""
    if hasattr(chunk, "to_pandas") and hasattr(chunk, "column_names"):
        return chunk.to_pandas()  # of pyarrow
    if sp.issparse(chunk):
        return chunk.tocsr()
    if is_frame(chunk):
        return chunk
    if isinstance(chunk, list) or hasattr(type(chunk), "__array__"):
        chunk = np.asarray(chunk)
        if chunk.ndim > 1:
            return chunk
        raise ValueError(f"chunk {number} of X has the shape {chunk.shape}: expected rows, or samples, in it")
    raise TypeError(
        f"chunk {number} of X is a {type(chunk).__name__}: expected an array, a sparse matrix or a frame, without "
        "targets, which are given as y"
    )


class NamedRows:
    """Rows of an AnnData object that lies in a file: what readers ask of AnnData, for some of its samples."""

    def __init__(self, values: Any, var: Any) -> None:
        self._values, self._var = values, var

    @property
    def X(self) -> Any:  # noqa: N802
        """The values."""
        return self._values

    @property
    def var(self) -> Any:
        """The frame of the features."""
        return self._var

    @property
    def var_names(self) -> Any:
        """Names of the features."""
        return self._var.index

    @property
    def obs_names(self) -> Any:
        """Numbers stand for the names of the samples."""
        return range(self._values.shape[0])

    @property
    def shape(self) -> tuple[int, int]:
        """Number of samples and of features."""
        rows, columns = self._values.shape
        return rows, columns


class AnnotatedStream(ArrayStream):
    """The ``X`` of an AnnData object that lies in a file, dense or CSR.

    Parameters
    ----------
    adata : AnnData
    window : int or None
        Bytes of samples that are in memory together; None for the usual number.
    """

    def __init__(self, adata: Any, window: int | None = None) -> None:
        values = adata.X
        if getattr(values, "format", None) == "csc":
            raise ValueError(
                "X is stored by columns, as CSC, from which rows cannot be read: "
                "use adata.to_memory(), or write adata.X.tocsr() to a new file"
            )
        self.annotated = adata
        super().__init__([CompressedRows(values.group) if hasattr(values, "group") else values], window)

    def whole(self) -> Any:
        """Return the object itself, whose samples have names and further columns."""
        return self.annotated

    def joined(self, pieces: list[Any]) -> Any:
        """Return pieces with the names of the features."""
        return NamedRows(joined(pieces), self.annotated.var)


class CompressedRows:
    """A CSR matrix in HDF5, of which slices of rows can be read.

    Parameters
    ----------
    group : h5py.Group
        With ``data``, ``indices`` and ``indptr``.
    """

    def __init__(self, group: Any) -> None:
        self.group, self.indptr = group, group["indptr"][:]
        self.shape = tuple(int(size) for size in group.attrs["shape"])
        self.dtype = group["data"].dtype
        self.bytes_of_row = int(self.indptr[-1]) * (self.dtype.itemsize + 4) // max(1, self.shape[0]) + 8

    def __getitem__(self, rows: slice) -> sp.csr_matrix:
        start, stop = int(self.indptr[rows.start]), int(self.indptr[rows.stop])
        indptr = self.indptr[rows.start : rows.stop + 1] - start
        data, indices = self.group["data"][start:stop], self.group["indices"][start:stop]
        return sp.csr_matrix((data, indices, indptr), shape=(len(indptr) - 1, self.shape[1]))
