"""Data sets of pyarrow, such as a folder of parquet files, read piece by piece."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sklearn_ann.training import Stream

_ROWS = 2**16  # of a piece at most


def is_dataset(X: Any) -> bool:
    """Return whether `X` is a data set of pyarrow, judged by its class: pyarrow need not be there."""
    kind = type(X)
    return kind.__module__.startswith("pyarrow") and hasattr(kind, "get_fragments")


def opened(path: str | os.PathLike[str]) -> Any:
    """Return the data set of a parquet file, or of a folder of them, whose subfolders may be named ``column=value``.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    FileNotFoundError
        If there is no such file or folder.
    ValueError
        If it holds no parquet.
    """
    try:
        from pyarrow import ArrowInvalid
        from pyarrow import dataset as datasets
    except ImportError as error:
        raise ImportError("Chunks(path) reads parquet by pyarrow: pip install pyarrow pandas") from error
    # Without it, a file is read from its beginning to its end before the first of its rows is there.
    options = datasets.ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True)
    form = datasets.ParquetFileFormat(default_fragment_scan_options=options)
    try:
        return datasets.dataset(os.fspath(path), format=form, partitioning="hive")
    except ArrowInvalid as error:
        raise ValueError(f"{os.fspath(path)!r} holds no parquet that can be read: {error}") from error


class TableStream(Stream):
    """Rows of a data set of pyarrow as frames of pandas.

    A run is a row group of a parquet file, or a file of another format.

    Parameters
    ----------
    dataset : pyarrow.dataset.Dataset
    columns : list of str
        The columns to read, in their order.
    window : int or None
        Bytes of samples that are in memory together; None for the usual number.
    """

    def __init__(self, dataset: Any, columns: Sequence[str], window: int | None = None) -> None:
        self.dataset, self.columns = dataset, list(columns)
        self.window = self.window if window is None else window
        self._parts = [part for fragment in dataset.get_fragments() for part in _parts(fragment)]
        sizes = [_rows(part) for part in self._parts]
        self._parts = [part for part, size in zip(self._parts, sizes, strict=True) if size]
        self.bytes_of_sample = 16 * len(self.columns)  # numbers and pointers, read and encoded
        self.step = max(1, min(_ROWS, self.window // 8 // self.bytes_of_sample))
        pieces = [(run, min(self.step, size - start)) for run, size in enumerate(filter(None, sizes))
                  for start in range(0, size, self.step)]  # fmt: skip
        if not pieces:
            raise ValueError("X has 0 samples: its files have no rows")
        self.starts = np.cumsum([0, *(size for _, size in pieces)])
        self.runs = np.array([run for run, _ in pieces])

    def open(self, run: int) -> Iterator[Any]:
        """Yield the rows of a row group, as many in each piece as were foreseen."""
        yield from self._batches(self._parts[run], self.columns)

    def _batches(self, part: Any, columns: list[str]) -> Iterator[Any]:
        import pyarrow as pa

        try:
            waiting: list[Any] = []
            missing = self.step
            batches = part.to_batches(
                schema=self.dataset.schema, columns=columns, batch_size=self.step, batch_readahead=1, use_threads=False
            )
            for batch in batches:
                while batch.num_rows >= missing:  # pyarrow may return fewer rows than it is asked for
                    yield pa.Table.from_batches([*waiting, batch.slice(0, missing)])
                    batch, waiting, missing = batch.slice(missing), [], self.step
                if batch.num_rows:
                    waiting.append(batch)
                    missing -= batch.num_rows
            if waiting:
                yield pa.Table.from_batches(waiting)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(f"{getattr(part, 'path', 'a part')} of X cannot be read: {error}") from error

    def joined(self, pieces: list[Any]) -> Any:
        """Return pieces as a frame of pandas."""
        import pyarrow as pa

        return pa.concat_tables(pieces).to_pandas()

    def column(self, name: str) -> np.ndarray:
        """Return one column of the data set in memory, also one that is not among `columns`."""
        import pyarrow as pa

        parts = (table for part in self._parts for table in self._batches(part, [name]))
        values: np.ndarray = pa.concat_tables(parts).column(name).to_pandas().to_numpy()
        return values


def _parts(fragment: Any) -> list[Any]:
    """Return the row groups of a parquet file; a file of another format as a whole."""
    split = getattr(fragment, "split_by_row_group", None)
    return [fragment] if split is None else list(split())


def _rows(part: Any) -> int:
    groups = getattr(part, "row_groups", None)
    return int(part.count_rows() if groups is None else sum(group.num_rows for group in groups))
