"""Entries of a tensor: a sample names one level of each mode, and is read as the codes of these levels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sklearn_ann._sklearn import safe_indexing
from sklearn_ann.reading.columns import as_table, encode, find_categories, is_missing
from sklearn_ann.reading.level_features import LevelFeatures, check_side_information
from sklearn_ann.reading.marginals import Marginals, concealed, subsets
from sklearn_ann.reading.reader import Reader
from sklearn_ann.training import Examples, Rows, Samples

_DECLARED = ("categor", "enum", "dictionary")  # dtypes of frames whose values are levels, whatever they are
_GREATEST = np.iinfo(np.int64).max


class LevelBatch(NamedTuple):
    """A batch of entries of a tensor."""

    codes: Tensor  # (batch, n_modes); the number of levels for an unknown level, larger for those with features alone
    means: Tensor  # (batch, n_means), mean targets of other entries with some of the same levels
    masses: Tensor  # (batch, n_means): how many entries there are
    held_out: Tensor  # (batch,), bool, whether an entry is one of a fibre that the fit has nothing of


class LevelSamples(Samples):
    """Entries of a tensor; a batch is a `LevelBatch`."""

    multiple = Rows.multiple

    def __init__(self, codes: Tensor, means: Tensor, masses: Tensor, held_out: Tensor) -> None:
        self.parts = LevelBatch(codes, means, masses, held_out)
        self.device = codes.device
        self.nbytes = sum(part.nbytes for part in self.parts)

    def __len__(self) -> int:
        return len(self.parts.codes)

    def __getitem__(self, index: Tensor) -> LevelBatch:
        return LevelBatch(*(part.index_select(0, index) for part in self.parts))

    def to(self, device: torch.device) -> LevelSamples:
        """Return the same entries on `device`."""
        return LevelSamples(*(part.to(device) for part in self.parts))


class LevelReader(Reader[LevelSamples]):
    """Reads entries of a tensor, one column for each mode.

    Levels are integers from 0, text, or any value of a column whose type declares it categorical in ``fit``. Numbers
    that are whole, such as 2.0, are integers.

    Parameters
    ----------
    unknown : {"error", "mean"}
        Whether levels that were not seen in ``fit`` are refused later, or get the code after the last level.
    means : bool
        Whether to read the mean targets of other entries too; see `Marginals`.
    side_information : dict or None
        Frames of features by the name of a mode; see `LevelFeatures`.

    Attributes
    ----------
    levels : list of arrays
        The levels of each mode, sorted, or in the order of an ordered categorical: int64 if all are integers, else
        objects.
    features : list of LevelFeatures or None
        For each mode.
    marginals : Marginals or None
        None where no fibre can be told to be held out; see `concealed`.
    lacking : int64 array of shape (n_cases, n_means)
        What the means of an entry of a held-out fibre lack; see `concealed`.
    """

    levels: list[np.ndarray]
    features: list[LevelFeatures | None]
    marginals: Marginals | None
    lacking: np.ndarray

    def __init__(
        self,
        *,
        owner: str,
        dtype: torch.dtype,
        unknown: str = "error",
        means: bool = True,
        side_information: Any = None,
    ) -> None:
        super().__init__(owner=owner, dtype=dtype)
        self.unknown, self.means = unknown, means
        self.side_information = {} if side_information is None else side_information
        self.features = []
        self.marginals = None
        self._cases, self.lacking = concealed(None, np.empty((0, 0)))

    @property
    def n_levels(self) -> list[int]:
        """Number of levels of each mode."""
        return [len(known) for known in self.levels]

    @property
    def n_means(self) -> int:
        """Number of marginal means of an entry, for each target."""
        return 0 if self.marginals is None else len(subsets(len(self.levels)))

    @property
    def names(self) -> list[Any]:
        """Names of the modes; their positions if X had none."""
        return list(range(self.columns.number)) if self.columns.names is None else list(self.columns.names)

    def learn(self, X: Any, y: Any = None) -> LevelSamples:
        """Learn the levels; `finish` learns which of them have a weight, and the means."""
        table = self.columns.learn(as_table(X), skip_check_array=True)
        if table.shape[1] < 2:
            raise ValueError(
                "X has 1 column, but each entry of a tensor is named by 2 levels or more, one column for each mode"
            )
        check_side_information(self.side_information, self.names)
        modes = range(table.shape[1])
        self._declared = [_is_declared(self._column(table, mode)) for mode in modes]
        columns = self._columns(table)
        self.levels = [
            _in_order(
                np.unique(values) if values.dtype != object else find_categories(values, phrase),
                self._column(table, mode),
            )
            for mode, (values, phrase) in enumerate(columns)
        ]
        self.features = [None for _ in modes]
        return self._samples(self._codes(columns))

    def read(self, X: Any, y: Any = None) -> LevelSamples:
        """Return the codes of entries, and their means, by what was learned."""
        table = self.columns.read(as_table(X, self.columns.names), skip_check_array=True)
        columns = self._columns(table)
        codes = self._codes(columns)
        for mode, (values, phrase) in enumerate(columns):
            self._check_known(codes[:, mode], values, mode, f"{phrase} of X has")
        return self.of_codes(codes)

    def codes_of_mode(self, mode: int, values: Any) -> np.ndarray:
        """Return the codes of levels of one mode."""
        name = f"levels of mode {self.names[mode]!r}"
        array = np.asarray(values, dtype=getattr(values, "dtype", object))
        levels = levels_of(array, f"mode {self.names[mode]!r} of levels", self._declared[mode])
        codes = self._codes_of_mode(mode, levels, name)
        self._check_known(codes, levels, mode, f"{name} have")
        return codes

    def _check_known(self, codes: np.ndarray, values: np.ndarray, mode: int, subject: str) -> None:
        known = self.levels[mode]
        new = np.flatnonzero(codes == len(known))
        if len(new) and self.unknown == "error":
            raise ValueError(
                f"{subject} the level {values.tolist()[new[0]]!r} in sample {new[0]}, which was not among the "
                f"{len(known)} levels in fit, such as {known.tolist()[0]!r}. With unknown='mean' in fit, a new level "
                "is predicted from the other levels, or from its features if side_information has a row for it"
            )

    def of_codes(self, codes: np.ndarray) -> LevelSamples:
        """Return entries whose codes are known."""
        return self._samples(codes, *(() if self.marginals is None else self.marginals.read(codes)))

    def finish(self, examples: Examples[LevelSamples]) -> Examples[LevelSamples]:
        """Forget levels of samples without a weight, and learn mean targets of the others."""
        codes = examples.samples.parts.codes.numpy()
        rows = np.arange(len(codes)) if examples.rows is None else examples.rows.numpy()
        if examples.rows is not None:
            codes = self._without_absent(codes, codes[rows])
        self.features = [
            LevelFeatures(self.side_information[name], known, name, self.dtype)
            if name in self.side_information
            else None
            for name, known in zip(self.names, self.levels, strict=True)
        ]
        if self.means and examples.target is not None:
            weight = np.ones(len(codes)) if examples.weight is None else examples.weight.numpy().astype(np.float64)
            values, mass = (part[rows] for part in _numbers(examples.target))
            self.marginals = Marginals(codes[rows], values, mass * weight[rows, None], self.n_levels)
            means, least = self.marginals.read(codes), 1 if self.unknown == "mean" else 2
            self._cases, self.lacking = concealed(self.marginals, means[1][rows], least)
            if len(self.lacking):
                return dataclasses.replace(examples, samples=self._samples(codes, *means))
            self.marginals = None  # no fibre of this tensor can be told to be held out
        return dataclasses.replace(examples, samples=self.of_codes(codes))

    def _without_absent(self, codes: np.ndarray, present: np.ndarray) -> np.ndarray:
        """Forget the levels that no code in `present` stands for; return the new codes."""
        new: np.ndarray = np.empty_like(codes)
        for mode, known in enumerate(self.levels):
            met = np.isin(np.arange(len(known)), present[:, mode])
            new[:, mode] = np.where(met, np.cumsum(met) - 1, met.sum())[codes[:, mode]]
            self.levels[mode] = known[met]
        return new

    def _samples(self, codes: np.ndarray, means: Any = None, masses: Any = None) -> LevelSamples:
        empty = np.empty((len(codes), 0))
        means, masses = (empty if part is None else part for part in (means, masses))
        n_outputs = max(1, masses.shape[1] // max(1, self.n_means))
        places = (self._cases[:, None] * n_outputs + np.arange(n_outputs)).ravel()
        known = masses[:, places].reshape(len(codes), -1, n_outputs).any(axis=2) if len(places) else empty
        of_means, of_masses = (torch.as_tensor(part, dtype=self.dtype) for part in (means, masses))
        # A level that only has features is no reason to leave the vectors for the means, which know nothing of it.
        by_features = (codes > np.array(self.n_levels)).any(axis=1)
        held_out = torch.from_numpy(~known.all(axis=1) & ~by_features)
        return LevelSamples(torch.from_numpy(np.ascontiguousarray(codes)), of_means, of_masses, held_out)

    @staticmethod
    def _column(table: Any, mode: int) -> Any:
        return table[:, mode] if isinstance(table, np.ndarray) else safe_indexing(table, mode, axis=1)

    def _columns(self, table: Any) -> list[tuple[np.ndarray, str]]:
        modes = range(table.shape[1])
        return [
            (levels_of(self._column(table, mode), f"{phrase} of X", self._declared[mode]), phrase)
            for mode, phrase in zip(modes, map(self.columns.phrase, modes), strict=True)
        ]

    def _codes(self, columns: Sequence[tuple[np.ndarray, str]]) -> np.ndarray:
        codes = np.empty((len(columns[0][0]), len(columns)), dtype=np.int64)
        for mode, (values, phrase) in enumerate(columns):
            codes[:, mode] = self._codes_of_mode(mode, values, phrase)
        return codes

    def _codes_of_mode(self, mode: int, values: np.ndarray, phrase: str) -> np.ndarray:
        codes, features = _codes_of(values, self.levels[mode], phrase), self.features[mode]
        return codes if features is None else features.codes_of(values, codes)

    @property
    def attributes(self) -> dict[str, Any]:
        """Names of the columns, and the levels of each mode by its name."""
        levels = {name: known.copy() for name, known in zip(self.names, self.levels, strict=True)}
        return super().attributes | {"levels_": levels}


def _codes_of(values: np.ndarray, known: np.ndarray, phrase: str) -> np.ndarray:
    """Return the places of values among the sorted levels `known`; their number for others."""
    if values.dtype == object or known.dtype == object:
        codes: np.ndarray = np.minimum(encode(values.astype(object), known, phrase), len(known))
        return codes
    place = np.searchsorted(known, values)
    found = known[np.minimum(place, len(known) - 1)] == values
    places: np.ndarray = np.where(found, place, len(known))
    return places


def _numbers(target: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return targets as numbers, and the weights of single ones, both of shape (n_samples, n_outputs)."""
    values = target.values.numpy().astype(np.float64)
    values = values.reshape(len(values), -1)
    known = ~np.isnan(values)
    single = getattr(target, "weight", None)
    return np.where(known, values, 0.0), known * (1.0 if single is None else single.numpy().astype(np.float64))


def _is_declared(values: Any) -> bool:
    """Return whether the type of a column declares its values categories."""
    return str(getattr(values, "dtype", "")).lower().startswith(_DECLARED)


def _in_order(levels: np.ndarray, values: Any) -> np.ndarray:
    """Return levels in the order that an ordered categorical column declares; others as they are."""
    dtype: Any = getattr(values, "dtype", None)
    if not getattr(dtype, "ordered", False):
        return levels
    place = {category: number for number, category in enumerate(dtype.categories.tolist())}
    order = np.argsort([place[level] for level in levels.tolist()])
    ordered: np.ndarray = levels[order]
    return ordered


def levels_of(values: Any, phrase: str, declared: bool | None = None) -> np.ndarray:
    """Return one column as levels: int64, or objects.

    Parameters
    ----------
    values : array or column of a frame
    phrase : str
        What the values are, for error messages.
    declared : bool or None
        Whether any values are levels; None if the type of the column tells it.

    Raises
    ------
    ValueError
        If a value is missing, negative or a number that is not whole, naming column and sample.
    """
    declared = _is_declared(values) if declared is None else declared
    array = np.asarray(values, dtype=object) if declared else np.asarray(values)
    if array.dtype.kind in "mMc":
        raise ValueError(f"{phrase} is of {array.dtype}: expected integers from 0, text or categories as levels")
    if array.dtype.kind in "iu":
        _refuse_levels((array < 0) | (array > _GREATEST), array, phrase)
        return array.astype(np.int64)
    if array.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            wide = array.astype(np.float64)  # float16 has no 2**63
            _refuse_levels(~((wide == np.floor(wide)) & (wide >= 0) & (wide < 2**63)), array, phrase)
        return array.astype(np.int64)
    items = array.astype(object)
    listed = items.tolist()
    kinds = set(map(type, listed))
    if kinds <= {str}:
        return items
    wrong = [is_missing(value) or (not declared and _is_no_level(value)) for value in listed]
    _refuse_levels(np.array(wrong), items, phrase)
    whole = [int(value) if _is_whole(value) else value for value in listed]
    if not declared and all(isinstance(value, int | np.integer) and not isinstance(value, bool) for value in whole):
        return np.array(whole, dtype=np.int64)
    items = np.empty(len(whole), dtype=object)
    items[:] = whole
    return items


def _is_whole(value: Any) -> bool:
    return isinstance(value, float | np.floating) and float(value).is_integer()


def _is_no_level(value: Any) -> bool:
    if isinstance(value, float | np.floating):
        return not (_is_whole(value) and 0 <= value < 2**63)
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and not 0 <= value <= _GREATEST


def _refuse_levels(wrong: np.ndarray, values: np.ndarray, phrase: str) -> None:
    if wrong.any():
        sample = int(wrong.argmax())
        value = values[sample]
        what = "no level" if is_missing(value) else f"the value {values.tolist()[sample]!r}"
        raise ValueError(
            f"{phrase} has {what} in sample {sample}: a level is an integer from 0, text, or any value of a "
            "categorical column. Make other numbers text, or leave out samples whose level is missing (NaN, None, or "
            "-1 as a code)"
        )
