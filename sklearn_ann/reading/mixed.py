"""Tables to be sampled: numbers and categories side by side in one row, and from such rows back to a table."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sklearn_ann.reading.columns import as_kind, column, is_frame, is_missing, numbers
from sklearn_ann.reading.numbers import NUMBERS, Numbers, NumberScaling, decimals
from sklearn_ann.reading.reader import Reader
from sklearn_ann.reading.tables import TableReader, TableRows
from sklearn_ann.training import Examples, Rows, Samples


class Block(NamedTuple):
    """A one-hot part of an encoded row."""

    start: int
    stop: int
    number: int | None  # the number whose modes and absence the block tells; None for a categorical column
    missing: int | None  # the place in the block that stands for a missing value; None if none was missing in the fit

    @property
    def size(self) -> int:
        """Number of places."""
        return self.stop - self.start


class Fields(NamedTuple):
    """What an encoded row consists of: the scores of the numbers, then the blocks."""

    n_numbers: int
    blocks: tuple[Block, ...]

    @property
    def width(self) -> int:
        """Length of an encoded row."""
        return self.blocks[-1].stop if self.blocks else self.n_numbers

    def present(self, x: Tensor) -> Tensor:
        """Return 1 where a number is there and 0 where it is missing, shape (batch, n_numbers)."""
        present = torch.ones_like(x[:, : self.n_numbers])
        for block in self.blocks:
            if block.number is not None and block.missing is not None:
                present[:, block.number] = 1 - x[:, block.start + block.missing]
        return present

    def codes(self, x: Tensor) -> Tensor:
        """Return the place of the greatest value in each block, shape (batch, n_blocks)."""
        places = [x[:, block.start : block.stop].argmax(dim=1) for block in self.blocks]
        return torch.stack(places, dim=1) if places else x.new_zeros((len(x), 0), dtype=torch.int64)


class MixedReader(Reader[Samples]):
    """Reads tables as rows of scores and one-hot blocks, and turns such rows back into a table.

    An encoded row has a score for each numeric column, then a block for each numeric column that has modes or missing
    values, then a block for each categorical column. A missing number has a score of 0; a missing category is one
    more category.

    Parameters
    ----------
    categorical_features : "auto", None, or list of int, str or bool
        The categorical columns; see `columns.categorical_positions`. None means none.
    scaling : {"auto", "quantile", "modes", "standard"}
        Scale of the numbers: normal scores by group, or of the whole column; relative to modes; or standardised. See
        `reading.numbers`.
    conditions : None, or column name, position, or list of these
        Columns that are no part of a row.

    Attributes
    ----------
    fields : Fields
    """

    fields: Fields

    def __init__(
        self,
        *,
        owner: str,
        dtype: torch.dtype,
        categorical_features: Any = "auto",
        scaling: NumberScaling = "quantile",
        conditions: Any = None,
    ) -> None:
        super().__init__(owner=owner, dtype=dtype)
        chosen = [] if categorical_features is None else categorical_features
        self.tables = TableReader(
            owner=owner, dtype=dtype, categorical_features=chosen, missing=True, conditions=conditions
        )
        self.columns = self.tables.columns
        self.scaling = scaling
        self._markers: list[Any] = []
        self._numbers: list[Numbers | None] = []
        self._decimals: list[int | None] = []
        self._template: Any = None

    def learn(self, X: Any, y: Any = None) -> TableRows:
        """Learn the columns; `finish` learns categories and scales and encodes the rows."""
        rows: TableRows = self.tables.learn(X)
        table = self.tables.table_of(X)
        self._refuse_missing(table, rows.numbers.numpy())
        self._template = table[:0]
        self._markers = [
            next((value for value in column(table, position).tolist() if is_missing(value)), None)
            for position in self.tables.categorical
        ]
        # Of the type they came in: 0.1 has one decimal in float32 too.
        self._decimals = [
            decimals(there[~np.isnan(there)])
            for position in self.tables.numeric
            for there in numbers(table, [position], missing=True).T
        ]
        return rows

    def read(self, X: Any, y: Any = None) -> Rows:
        """Return encoded rows; their categories must be known, and a column may miss values if it did in the fit."""
        table = self.tables.table_of(X)
        codes, values = self.tables.parts(table)
        self._refuse_missing(table, values)
        self._refuse_unknown(table, codes, values)
        return Rows(self._encoded(codes, values.astype(np.float64), np.full(values.shape, 0.5)))

    def finish(self, examples: Examples[Any]) -> Examples[Any]:
        """Learn categories, modes and scales from the samples with a weight, and encode the rows."""
        values = examples.samples.numbers.double().numpy()
        codes = self.tables.finish(examples).samples.codes.numpy()
        rows = np.arange(len(values)) if examples.rows is None else examples.rows.numpy()
        weight = np.ones(len(values)) if examples.weight is None else examples.weight.numpy().astype(np.float64)
        self._numbers = [_learned(self.scaling, column[rows], weight[rows]) for column in values.T]
        self.fields = self._layout(codes[rows], np.isnan(values[rows]).any(axis=0))
        chance = np.random.RandomState(0).uniform(size=values[rows].shape)  # the same spread of ties for all seeds
        encoded = torch.zeros((len(values), self.fields.width), dtype=self.dtype)
        encoded[torch.from_numpy(rows)] = self._encoded(codes[rows], values[rows], chance)
        return dataclasses.replace(examples, samples=Rows(encoded))

    @property
    def attributes(self) -> dict[str, Any]:
        """Names of all columns and of the categorical ones; positions if the columns have no names."""
        return self.tables.attributes

    def _layout(self, codes: np.ndarray, misses: np.ndarray) -> Fields:
        """Return the fields; `misses` tells which numbers are missing in a sample."""
        blocks: list[Block] = []
        place = n = len(self._numbers)
        for number, (learned, missed) in enumerate(zip(self._numbers, misses, strict=True)):
            modes = 0 if learned is None else learned.n_modes
            if modes > 1 or missed:
                blocks.append(Block(place, place + modes + missed, number, modes if missed else None))
                place = blocks[-1].stop
        for known, code in zip(self.tables.categories, codes.T, strict=True):
            missed = bool((code == len(known)).any())
            blocks.append(Block(place, place + len(known) + missed, None, len(known) if missed else None))
            place = blocks[-1].stop
        return Fields(n, tuple(blocks))

    def _encoded(self, codes: np.ndarray, values: np.ndarray, chance: np.ndarray) -> Tensor:
        scores = np.zeros(values.shape)
        modes = np.zeros(values.shape, dtype=np.int64)
        for number, learned in enumerate(self._numbers):
            there = ~np.isnan(values[:, number])
            if learned is not None:
                found = learned.encode(values[there, number], chance[there, number])
                scores[there, number], modes[there, number] = found
                modes[~there, number] = learned.n_modes
        encoded = torch.zeros((len(values), self.fields.width), dtype=self.dtype)
        encoded[:, : self.fields.n_numbers] = torch.from_numpy(scores)
        categorical, rows = iter(codes.T), torch.arange(len(values))
        for block in self.fields.blocks:
            places = next(categorical) if block.number is None else modes[:, block.number]
            encoded[rows, torch.from_numpy(block.start + places)] = 1
        return encoded

    def _refuse_missing(self, table: Any, values: np.ndarray) -> None:
        """Refuse NaN in arrays of numbers: there it is more often a mistake than an observation."""
        if np.isnan(values).any() and not (is_frame(table) or table.dtype == object):
            sample, place = np.argwhere(np.isnan(values))[0]
            raise ValueError(
                f"Input X contains NaN, in sample {sample}, {self.columns.phrase(self.tables.numeric[place])}. "
                "Missing values are modelled in a frame: give pandas.DataFrame(X)"
            )

    def _refuse_unknown(self, table: Any, codes: np.ndarray, values: np.ndarray) -> None:
        of_numbers = {block.number: block for block in self.fields.blocks if block.number is not None}
        for number, position in enumerate(self.tables.numeric):
            block = of_numbers.get(number)
            missing = np.isnan(values[:, number])
            strange = missing & (block is None or block.missing is None)
            if self._numbers[number] is None:
                strange |= ~missing
            if strange.any():
                sample = int(strange.argmax())
                what = "no value" if missing[sample] else f"the value {values[sample, number]:g}"
                usual = "no value was missing" if missing[sample] else "all values were missing"
                raise ValueError(
                    f"sample {sample} of X has {what} in {self.columns.phrase(position)}, in which {usual} in fit"
                )
        blocks = [block for block in self.fields.blocks if block.number is None]
        for position, block, code, known in zip(
            self.tables.categorical, blocks, codes.T, self.tables.categories, strict=True
        ):
            if (strange := code >= block.size).any():
                sample = int(strange.argmax())
                value = column(table, position)[sample]
                what = "no value" if is_missing(value) else f"the unknown category {value!r}"
                raise ValueError(
                    f"sample {sample} of X has {what} in {self.columns.phrase(position)}; known are {known.tolist()}"
                )

    # --- Back to a table -------------------------------------------------------------------------------------------

    def table(self, scores: np.ndarray, codes: np.ndarray) -> Any:
        """Return the table that encoded rows stand for, of the kind, the names and the types of X in the fit.

        Parameters
        ----------
        scores : array of shape (n_samples, n_numbers)
        codes : int array of shape (n_samples, n_blocks)
            The place in each block.

        Returns
        -------
        frame or array of shape (n_samples, n_columns)
            Numbers have as many decimals as in the fit, and stay in the range of their type.
        """
        columns: dict[int, np.ndarray] = {}
        template = self._template
        types = list(template.dtypes) if is_frame(template) else [template.dtype] * template.shape[1]
        of_block = {block.number: code for block, code in zip(self.fields.blocks, codes.T, strict=True)}
        for number, (position, learned) in enumerate(zip(self.tables.numeric, self._numbers, strict=True)):
            modes = of_block.get(number, np.zeros(len(scores), dtype=np.int64))
            values = self._values(number, learned, scores[:, number].astype(np.float64), modes)
            columns[position] = as_kind(values, types[position])
        categorical = [code for block, code in zip(self.fields.blocks, codes.T, strict=True) if block.number is None]
        for position, known, marker, code in zip(
            self.tables.categorical, self.tables.categories, self._markers, categorical, strict=True
        ):
            values = np.empty(len(known) + 1, dtype=object)
            values[: len(known)], values[len(known)] = known, marker
            columns[position] = values[code]
        return _as_template(self._template, columns)

    def decoded(self, rows: np.ndarray) -> Any:
        """Return the table that encoded rows stand for, in each block the place with the greatest value."""
        codes = self.fields.codes(torch.as_tensor(rows)).numpy()
        return self.table(rows[:, : self.fields.n_numbers], codes)

    def _values(self, number: int, learned: Numbers | None, scores: np.ndarray, modes: np.ndarray) -> np.ndarray:
        values = np.full(len(scores), np.nan)
        if learned is not None:
            there = modes < learned.n_modes
            values[there] = learned.decode(scores[there], modes[there])
        places = self._decimals[number]
        return values if places is None else np.round(values, places)


def _learned(scaling: NumberScaling, values: np.ndarray, weight: np.ndarray) -> Numbers | None:
    """Return the scale of the numbers that are not missing; None if all are."""
    there = ~np.isnan(values)
    return NUMBERS[scaling](values[there], weight[there]) if there.any() else None


def _as_template(template: Any, columns: dict[int, np.ndarray]) -> Any:
    """Return columns, by their position, as a table of the kind and the types of `template`."""
    positions = sorted(columns)
    if isinstance(template, np.ndarray):
        kind = template.dtype
        joined = np.empty((len(columns[positions[0]]), len(positions)), dtype=kind)
        for place, position in enumerate(positions):
            joined[:, place] = columns[position]
        return joined
    names = list(template.columns)
    if not hasattr(template, "iloc"):  # polars
        chosen = [names[position] for position in positions]
        data = {names[position]: columns[position].tolist() for position in positions}
        found = {name: [None if is_missing(value) else value for value in values] for name, values in data.items()}
        return type(template)(found, schema={name: template.schema[name] for name in chosen}, strict=False)
    part = template.iloc[:, positions]
    frame = type(template)({place: columns[position] for place, position in enumerate(positions)})
    frame.columns = part.columns
    return frame.astype({name: part.dtypes[name] for name in part.columns})
