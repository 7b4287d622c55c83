"""Tables: categorical columns are read as codes, numeric columns as scaled numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sklearn_ann._warnings import warn
from sklearn_ann.reading.columns import (
    all_unknown,
    as_table,
    categorical_positions,
    column,
    each_row_its_own,
    encode,
    find_categories,
    numbers,
    other_positions,
)
from sklearn_ann.reading.passes import Chosen, RunningMoments, numbered
from sklearn_ann.reading.reader import Reader
from sklearn_ann.reading.scaling import BLOCK, Scale, Scaling
from sklearn_ann.training import Examples, Rows, Samples, Stream, StreamedSamples, as_tensor


class TableBatch(NamedTuple):
    """A batch of rows of a table."""

    codes: Tensor  # (batch, n_categorical)
    numbers: Tensor  # (batch, n_numeric), scaled; NaN if missing
    own: Tensor  # (batch,), index among the samples of the fit; -1 for other samples


class TableRows(Samples):
    """Rows of a table; a batch is a `TableBatch`."""

    multiple = Rows.multiple
    one_shape = True

    def __init__(self, codes: Tensor, numbers: Tensor, own: Tensor) -> None:
        self.codes, self.numbers, self.own = codes, numbers, own
        self.device = codes.device
        self.nbytes = codes.nbytes + numbers.nbytes + own.nbytes

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, index: Tensor) -> TableBatch:
        return TableBatch(
            self.codes.index_select(0, index), self.numbers.index_select(0, index), self.own.index_select(0, index)
        )

    def to(self, device: torch.device) -> TableRows:
        """Return the same rows on `device`."""
        return TableRows(self.codes.to(device), self.numbers.to(device), self.own.to(device))


def _objects(values: Iterable[Any]) -> np.ndarray:
    found = list(values)
    array = np.empty(len(found), dtype=object)
    array[:] = found
    return array


class TableReader(Reader[Any]):
    """Reads tables.

    Parameters
    ----------
    categorical_features : "auto", or list of int, str or bool
        The categorical columns; see `columns.categorical_positions`.
    scaling : {"quantile", "standard"}
        How to scale the numbers; see `scaling.Scale`.
    missing : bool
        Whether numbers may be missing.
    categories : list of arrays or None
        Categories of each categorical column; None to learn them.
    conditions : None, or column name, position, or list of these
        Columns that are no part of a row.

    Attributes
    ----------
    categorical, numeric : list of int
        Positions of the categorical and the numeric columns.
    categories : list of arrays
        Categories of each categorical column, sorted.
    n_samples : int
        Number of samples in the fit.
    """

    categorical: list[int]
    numeric: list[int]
    n_samples: int

    def __init__(
        self,
        *,
        owner: str,
        dtype: torch.dtype,
        categorical_features: Any,
        scaling: Scaling = "standard",
        missing: bool = False,
        categories: list[np.ndarray] | None = None,
        conditions: Any = None,
    ) -> None:
        super().__init__(owner=owner, dtype=dtype)
        self.categorical_features, self.scaling, self.missing = categorical_features, scaling, missing
        self.conditions = conditions
        self.categories: list[np.ndarray] = [] if categories is None else categories
        self._known = categories is not None
        self._scale: Scale | None = None

    def learn(self, X: Any, y: Any = None) -> Any:
        """Learn the columns; `finish` learns which categories there are and scales the numbers."""
        if isinstance(X := self.opened(X), Stream):
            return self._learn_pieces(X)
        table = self._learn_columns(X)
        if not self._known:
            self.categories = [
                find_categories(column(table, position), self.columns.phrase(position)) for position in self.categorical
            ]
        self.n_samples = len(table)
        codes, values = self._parts(table)
        if values.dtype not in (np.float32, np.float64):
            values = values.astype(np.float64)
        return TableRows(torch.from_numpy(codes), as_tensor(values), torch.arange(len(codes)))

    def _learn_columns(self, X: Any) -> Any:
        table = self.columns.learn(as_table(X), skip_check_array=True)
        read = other_positions(table, self.conditions)
        categorical = categorical_positions(table, self.categorical_features)
        self.categorical = [position for position in read if position in categorical]
        self.numeric = [position for position in read if position not in categorical]
        return table

    def _learn_pieces(self, stream: Stream) -> StreamedSamples:
        """Learn the columns from the first piece, and categories from all; check the numbers of all."""
        found: list[set[Any]] = []
        for start, piece in stream.each():
            with numbered(start, piece.shape[0]):
                table = self.table_of(piece) if start else self._learn_columns(piece)
                found = found or [set() for _ in self.categorical]
                if not self._known:
                    for place, position in enumerate(self.categorical):
                        values = find_categories(column(table, position), self.columns.phrase(position))
                        found[place].update(values.tolist())
                numbers(table, self.numeric, missing=self.missing)
        if not self._known:
            self.categories = [find_categories(_objects(values), "X") for values in found]
        self.n_samples = len(stream)
        return StreamedSamples(stream, self.read)

    def read(self, X: Any, y: Any = None) -> Any:
        """Return rows with the same columns, scaled as in the fit."""
        if isinstance(X := self.opened(X), Stream):
            return StreamedSamples(X, self.read)
        codes, values = self.parts(X)
        return TableRows(torch.from_numpy(codes), self._scaled(values), torch.full((len(codes),), -1))

    def parts(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the codes of the categorical columns and the unscaled numbers.

        Warns
        -----
        UserWarning
            If no value of a column is known, as when categories were numbers in the fit and are text now.
        """
        if isinstance(X := self.opened(X), Stream):
            pieces = [self.parts(piece) for _, piece in X.each()]
            codes, values = (np.concatenate(of_pieces) for of_pieces in zip(*pieces, strict=True))
            return codes, values
        table = self.table_of(X)
        codes, values = self._parts(table)
        found = [
            f"{self.columns.phrase(position)} has {what}"
            for position, known, code in zip(self.categorical, self.categories, codes.T, strict=True)
            if (what := all_unknown(code, column(table, position), known)) is not None
        ]
        if found:
            warn(f"No value of a column occurred in the fit of this {self.owner}: {'; '.join(found)}")
        return codes, values

    def table_of(self, X: Any) -> Any:
        """Check that `X` has the columns of the fit; return it as a frame or an array."""
        return self.columns.read(as_table(X, self.columns.names), skip_check_array=True)

    def _parts(self, table: Any) -> tuple[np.ndarray, np.ndarray]:
        codes = np.empty((len(table), len(self.categorical)), dtype=np.int64)
        for place, (position, known) in enumerate(zip(self.categorical, self.categories, strict=True)):
            codes[:, place] = encode(column(table, position), known, self.columns.phrase(position))
        return codes, numbers(table, self.numeric, missing=self.missing)

    def _scaled(self, values: np.ndarray) -> Tensor:
        assert self._scale is not None
        scaled = np.empty(values.shape, dtype=self.numpy_dtype)
        for begin in range(0, len(values), BLOCK):
            rows = slice(begin, begin + BLOCK)
            with np.errstate(over="ignore"):  # a number that is too far for the type is infinite
                scaled[rows] = self._scale(values[rows].astype(np.float64, copy=False))
        return torch.from_numpy(scaled)

    @property
    def in_pieces(self) -> bool:
        """Categories, means and deviations are learned from all rows, quantiles from some."""
        return True

    def finish(self, examples: Examples[Any]) -> Examples[Any]:
        """Learn the categories and how to scale the numbers from samples with a weight, and scale the numbers."""
        samples = examples.samples
        if samples.streamed:
            self._finish_pieces(samples.stream, examples)
            return examples
        values, codes = samples.numbers.numpy(), samples.codes.numpy()
        rows = slice(None) if examples.rows is None else examples.rows.numpy()
        weight = None if examples.weight is None else examples.weight.numpy()[rows]
        if not self._known:
            codes = self._without_absent(codes, codes[rows])
        self._scale = Scale(self.scaling, values[rows], weight, self._phrases)
        scaled = TableRows(torch.from_numpy(codes), self._scaled(values), samples.own)
        return dataclasses.replace(examples, samples=scaled)

    @property
    def _phrases(self) -> list[str]:
        return [f"{self.columns.phrase(position)} of X" for position in self.numeric]

    def _finish_pieces(self, stream: Stream, examples: Examples[Any]) -> None:
        """Learn from the samples with a weight, in one pass over all."""
        weights = np.ones(len(stream)) if examples.weight is None else examples.weight.numpy()
        present = np.ones(len(stream), dtype=bool)
        if examples.rows is not None:
            present[:] = False
            present[examples.rows.numpy()] = True
        counts = [np.zeros(len(known) + 2, dtype=np.int64) for known in self.categories]
        moments, chosen, some, of_some = RunningMoments(len(self.numeric)), Chosen(len(stream)), [], []
        for start, piece in stream.each():
            codes, values = self._parts(self.table_of(piece))
            here, weight = (array[start : start + len(codes)] for array in (present, weights))
            for count, code in zip(counts, codes.T, strict=True):
                count += np.bincount(code[here], minlength=len(count))
            if self.scaling == "standard":
                moments.add(values[here], weight[here])
                continue
            kept = chosen.within(start, len(codes))
            kept = kept[here[kept]]
            some.append(values[kept].astype(np.float64))
            of_some.append(weight[kept])
        if not self._known:
            self._keep([count[:-2] > 0 for count in counts], [count[:-2] for count in counts])
        if self.scaling == "standard":
            self._scale = Scale.of_moments(moments, self._phrases)
        else:
            of_all = None if examples.weight is None else np.concatenate(of_some)
            self._scale = Scale(self.scaling, np.concatenate(some), of_all, self._phrases)

    def _without_absent(self, codes: np.ndarray, present: np.ndarray) -> np.ndarray:
        """Forget the categories that no code in `present` stands for; return the new codes."""
        new, kept, counts = np.empty_like(codes), [], []
        for place, known in enumerate(self.categories):
            met = np.isin(np.arange(len(known)), present[:, place])
            code = np.where(met, np.cumsum(met) - 1, met.sum() + 1)  # an absent category is unknown
            new[:, place] = np.append(code, [met.sum(), met.sum() + 1])[codes[:, place]]
            kept.append(met)
            counts.append(np.bincount(present[:, place], minlength=len(known) + 2)[: len(known)])
        self._keep(kept, counts)
        return new

    def _keep(self, kept: list[np.ndarray], counts: list[np.ndarray]) -> None:
        """Keep some of the categories, and warn of those that nearly name each row; `counts` are their rows."""
        doubtful = [
            self.columns.phrase(position)
            for position, count in zip(self.categorical, counts, strict=True)
            if each_row_its_own(count)
        ]
        self.categories = [known[met] for known, met in zip(self.categories, kept, strict=True)]
        if doubtful:
            warn(
                f"Nearly every row has its own category in {', '.join(doubtful)}, so that later rows will have unknown "
                "categories. Convert numbers that are text, for instance by pandas.to_numeric, and leave out names and "
                "identifiers."
            )

    @property
    def attributes(self) -> dict[str, Any]:
        """Names of all columns and of the categorical ones; positions if the columns have no names."""
        names = self.columns.names
        categorical = [position if names is None else names[position] for position in self.categorical]
        return super().attributes | {"categorical_features_": categorical}

    @property
    def n_categories(self) -> list[int]:
        """Number of categories of each categorical column."""
        return [len(known) for known in self.categories]

    @property
    def names(self) -> list[str]:
        """Names of the columns, numeric ones first, as a network orders its vectors."""
        return [self.columns.name(position) for position in (*self.numeric, *self.categorical)]
