"""Tables: categorical columns are read as codes, numeric columns as scaled numbers."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sklearn_ann.reading.columns import as_table, categorical_positions, column, encode, find_categories, numbers
from sklearn_ann.reading.reader import Reader
from sklearn_ann.reading.scaling import Scale, Scaling
from sklearn_ann.training import Examples, Rows, Samples


class TableBatch(NamedTuple):
    """A batch of rows of a table."""

    codes: Tensor  # (batch, n_categorical)
    numbers: Tensor  # (batch, n_numeric), scaled; NaN if missing
    own: Tensor  # (batch,), index among the samples of the fit; -1 for other samples


class TableRows(Samples):
    """Rows of a table; a batch is a `TableBatch`."""

    least_batch = Rows.least_batch

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


class TableReader(Reader[TableRows]):
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
    ) -> None:
        super().__init__(owner=owner, dtype=dtype)
        self.categorical_features, self.scaling, self.missing = categorical_features, scaling, missing
        self.categories: list[np.ndarray] = [] if categories is None else categories
        self._known = categories is not None
        self._scale: Scale | None = None

    def learn(self, X: Any, y: Any = None) -> TableRows:
        """Learn the columns and their categories; `finish` scales the numbers."""
        table = self.columns.learn(as_table(X), skip_check_array=True)
        self.categorical = categorical_positions(table, self.categorical_features)
        self.numeric = [position for position in range(table.shape[1]) if position not in self.categorical]
        if not self._known:
            self.categories = [
                find_categories(column(table, position), self.columns.phrase(position)) for position in self.categorical
            ]
        self.n_samples = len(table)
        codes, values = self._parts(table)
        return TableRows(torch.from_numpy(codes), torch.from_numpy(values.astype(np.float64)), torch.arange(len(codes)))

    def read(self, X: Any, y: Any = None) -> TableRows:
        """Return rows with the same columns, scaled as in the fit."""
        codes, values = self.parts(X)
        return TableRows(torch.from_numpy(codes), self._scaled(values), torch.full((len(codes),), -1))

    def parts(self, X: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the codes of the categorical columns and the unscaled numbers."""
        return self._parts(self.columns.read(as_table(X), skip_check_array=True))

    def _parts(self, table: Any) -> tuple[np.ndarray, np.ndarray]:
        codes = np.empty((len(table), len(self.categorical)), dtype=np.int64)
        for place, (position, known) in enumerate(zip(self.categorical, self.categories, strict=True)):
            codes[:, place] = encode(column(table, position), known, self.columns.phrase(position))
        return codes, numbers(table, self.numeric, missing=self.missing)

    def _scaled(self, values: np.ndarray) -> Tensor:
        assert self._scale is not None
        return torch.as_tensor(self._scale(values.astype(np.float64)), dtype=self.dtype)

    def finish(self, examples: Examples[TableRows]) -> Examples[TableRows]:
        """Learn how to scale the numbers, and scale them."""
        samples = examples.samples
        values = samples.numbers.numpy()
        rows = slice(None) if examples.rows is None else examples.rows.numpy()
        weight = None if examples.weight is None else examples.weight.numpy()[rows]
        self._scale = Scale(self.scaling, values[rows], weight)
        scaled = TableRows(samples.codes, self._scaled(values), samples.own)
        return dataclasses.replace(examples, samples=scaled)

    @property
    def n_categories(self) -> list[int]:
        """Number of categories of each categorical column."""
        return [len(known) for known in self.categories]

    @property
    def names(self) -> list[str]:
        """Names of the columns, numeric ones first, as a network orders its vectors."""
        return [self.columns.name(position) for position in (*self.numeric, *self.categorical)]
