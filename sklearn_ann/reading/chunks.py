"""What is read in chunks, and the name by which a user says so."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

import numpy as np
import scipy.sparse as sp

from sklearn_ann.reading.annotated import is_annotated
from sklearn_ann.reading.columns import column, is_frame
from sklearn_ann.reading.parquet import TableStream, is_dataset, opened
from sklearn_ann.reading.streams import AnnotatedStream, ArrayStream, ChunkStream, is_array, is_file
from sklearn_ann.training import Stream

_LARGE = 2**28  # bytes of a memory map that is not read as a whole
_MIB = 2**20


class Chunks:
    """Samples that are read in chunks, because they do not fit in memory.

    Estimators of rows, of tables of numbers and categories, and of images of one size take a `Chunks` object as X, in
    ``fit`` and in all methods that predict. The results, y and sample weights are in memory.

    Memory maps of 256 MiB or more, arrays of zarr and h5py, ``backed`` AnnData and data sets of pyarrow are read in
    chunks without this class.

    Parameters
    ----------
    source : str, path, list, iterable, callable, or array
        A parquet file or a folder of parquet files; a list of arrays, memory maps, sparse matrices or frames with the
        same columns; an object that yields such chunks each time it is iterated over; a function that returns a new
        iterator of chunks, such as ``lambda: pandas.read_csv(path, chunksize=10_000)``; or one array, AnnData object or
        data set of pyarrow. A generator is refused, because it can be read only once.
    columns : list of str or None, default=None
        Columns of frames or parquet files to read, in this order. None means all columns.
    window : float, default=64
        Size of a window in megabytes (MiB): the samples that are in memory and shuffled together. Training needs the
        memory of about three windows.

    Notes
    -----
    Each epoch fills a window with blocks in random order and shuffles the samples in the window. A block is a 64th of a
    window, or a row group of parquet. Chunks of an iterable come in their own order. If row groups or chunks are sorted
    by class or by date, a larger window shuffles them better. Data that fit in one window are read at once and give the
    result of the same data in memory.

    Chunks of an iterable may have any number of samples; empty chunks are ignored. Numbers are converted to the type of
    `precision`. Before the first epoch, a fit reads all samples once or twice, to check them and to learn moments and
    categories.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ann import AutoEncoderTransformer, Chunks
    >>> files = [np.random.default_rng(i).normal(size=(300, 8)) for i in range(4)]
    >>> X = Chunks(files)
    >>> X.shape
    (1200, 8)
    >>> AutoEncoderTransformer(max_epochs=5, random_state=0).fit(X).transform(X).shape
    (1200, 2)
    """

    def __init__(self, source: Any, *, columns: Sequence[str] | None = None, window: float = 64) -> None:
        if not window > 0:
            raise ValueError(f"window={window!r}: expected a number of MiB above 0")
        self.source = opened(source) if isinstance(source, str | os.PathLike) else source
        self.columns = None if columns is None else list(columns)
        self.window = window
        self._stream = _stream_of_chunks(self.source, self.columns, int(window * _MIB))
        self._stream.explicit = True

    def __len__(self) -> int:
        return len(self._stream)

    def __iter__(self) -> Iterator[Any]:
        return (chunk for _, chunk in self._stream.each())

    def __getitem__(self, key: Any) -> NoReturn:
        raise TypeError(
            "Chunks cannot be indexed, as searches and splitters of scikit-learn do: split the data by files, or give "
            "X_val to fit"
        )

    def __repr__(self) -> str:
        return f"Chunks({type(self.source).__name__}, window={self.window})"

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of samples, and the shape of each."""
        first = next(iter(self))
        return len(self), *first.shape[1:]

    def column(self, name: str | int) -> np.ndarray:
        """Return one column in memory, for instance the targets; `columns` need not have it.

        Parameters
        ----------
        name : str or int
            Name of a column of frames or parquet; position of a column of arrays.

        Returns
        -------
        array of shape (n_samples,)
        """
        if isinstance(self._stream, TableStream):
            return self._stream.column(str(name))
        whole = _stream_of_chunks(self.source, None, self._stream.window)
        parts = [_column(chunk, name) for _, chunk in whole.each()]
        values: np.ndarray = np.concatenate(parts)
        return values

    def drop(self, columns: str | Sequence[str]) -> Chunks:
        """Return the same chunks without some columns, for instance without the targets.

        Parameters
        ----------
        columns : str or list of str
            Names of columns of frames or parquet.

        Returns
        -------
        Chunks
        """
        names = _names(self._stream)
        left_out = [columns] if isinstance(columns, str) else list(columns)
        if strange := [name for name in left_out if name not in names]:
            raise ValueError(f"columns={columns!r}: X has no column {strange[0]!r}; it has {names}")
        return Chunks(self.source, columns=[name for name in names if name not in left_out], window=self.window)


def _names(stream: Stream) -> list[str]:
    if isinstance(stream, TableStream):
        return stream.columns
    first = next(iter(stream.each()))[1]
    if not is_frame(first):
        raise TypeError(f"X has chunks of type {type(first).__name__}: only columns of frames have names")
    return list(first.columns)


def _column(chunk: Any, name: str | int) -> np.ndarray:
    if is_frame(chunk):
        return np.asarray(chunk[name])
    values: np.ndarray = chunk[:, name].toarray().ravel() if sp.issparse(chunk) else np.asarray(chunk[:, name])
    return values


def _stream_of_chunks(source: Any, columns: list[str] | None, window: int | None) -> Stream:
    if is_dataset(source):
        names = list(source.schema.names)
        if strange := [name for name in columns or () if name not in names]:
            raise ValueError(f"columns={columns!r}: X has no column {strange[0]!r}; it has {names}")
        return TableStream(source, names if columns is None else columns, window)
    if is_annotated(source) or (is_array(source) and not is_frame(source)):
        if columns is not None:
            raise ValueError(f"columns={columns!r} are for frames and parquet, got {type(source).__name__}")
        return AnnotatedStream(source, window) if is_annotated(source) else ArrayStream([source], window)
    parts = [source] if is_frame(source) else source
    if isinstance(parts, list | tuple) and parts and all(is_array(part) for part in parts):
        chosen = [part if columns is None else _chosen(part, columns) for part in parts]
        return ArrayStream(chosen, window)
    return ChunkStream(_again(source, columns), window)


def _chosen(chunk: Any, columns: list[str]) -> Any:
    if hasattr(chunk, "column_names"):  # a batch of pyarrow
        return chunk.select(columns)
    if not is_frame(chunk):
        raise TypeError(f"columns={columns!r} are for frames and parquet, got chunks of type {type(chunk).__name__}")
    return chunk[columns]


def _again(source: Any, columns: list[str] | None) -> Callable[[], Iterable[Any]]:
    """Return a function that begins a new pass over `source`.

    Raises
    ------
    TypeError
        If `source` ends with its first pass, or is nothing to iterate over.
    """
    kind = type(source).__name__
    hint = "Give a list, an object whose __iter__ begins anew, or a callable that returns the iterator"
    if not (callable(source) or hasattr(type(source), "__iter__")) or isinstance(source, bytes | dict | set):
        raise TypeError(f"source is a {kind}: expected chunks. {hint}")
    if not callable(source) and iter(source) is source:
        raise TypeError(f"source is a {kind}, which ends after one pass, and a fit takes several. {hint}")

    def chunks() -> Iterator[Any]:
        passed = source() if callable(source) else iter(source)
        if not hasattr(type(passed), "__iter__"):
            raise TypeError(f"source returned a {type(passed).__name__}: expected an iterator of chunks")
        try:
            for chunk in passed:
                yield chunk if columns is None else _chosen(chunk, columns)
        finally:
            if callable(source) and hasattr(passed, "close"):  # a file that was opened for this pass
                passed.close()

    return chunks


def stream_of(X: Any) -> Stream | None:
    """Return how to read `X` piece by piece; None if it is in memory, or small enough to be."""
    if type(X) in (np.ndarray, list):  # the usual case, in which a prediction of one sample takes a millisecond
        return None
    if isinstance(X, Stream):
        return X
    if isinstance(X, Chunks):
        return X._stream
    if is_dataset(X):
        stream = _stream_of_chunks(X, None, None)
        stream.explicit = True
        return stream
    if is_annotated(X):
        in_file = getattr(X, "isbacked", False) and not getattr(X, "is_view", False)
        return AnnotatedStream(X) if in_file else None
    if is_file(X) and len(X.shape) > 1 and X.shape[0] and X.dtype.kind in "biuf":
        return ArrayStream([X]) if not isinstance(X, np.memmap) or X.nbytes >= _LARGE else None
    return None


def first_of(X: Any) -> Any:
    """Return the first piece of what is read piece by piece, from which its kind is judged; else `X` itself."""
    stream = stream_of(X)
    if stream is None:
        return X
    pieces = stream.each()
    try:
        return next(pieces)[1]
    finally:
        pieces.close()  # type: ignore[attr-defined]


def columns_in_memory(stream: Stream, positions: Callable[[Any], list[int]]) -> np.ndarray:
    """Return some columns of all rows as an array of objects, shape (n_samples, n_columns).

    Parameters
    ----------
    stream : Stream
    positions : callable
        Returns the positions of the columns in a table.
    """
    return np.concatenate(
        [np.column_stack([column(table, place) for place in positions(table)]) for _, table in stream.each()]
    )
