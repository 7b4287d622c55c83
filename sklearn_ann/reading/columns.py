"""Columns of a table: find the categorical ones, encode categories, check numbers."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_array

from sklearn_ann._sklearn import safe_indexing

# Prefixes of the lower-case names of categorical dtypes, in pandas and polars.
_CATEGORICAL = ("object", "str", "cat", "enum", "bool")


def as_table(X: Any) -> Any:
    """Check that `X` is a table. Return a frame unchanged, anything else as a two-dimensional array."""
    if hasattr(X, "columns") and not sp.issparse(X):
        if len(X) == 0 or X.shape[1] == 0:
            raise ValueError(f"Found array with 0 sample(s) or 0 feature(s), of shape {X.shape}: expected 1 or more")
        return X
    if isinstance(X, list | tuple):
        mixed = any(
            isinstance(value, str | bytes | None) for row in X if isinstance(row, list | tuple) for value in row
        )
        X = np.array(X, dtype=object) if mixed else X  # otherwise NumPy turns the numbers into strings
    return check_array(X, dtype=None, ensure_all_finite=False)


def column(table: Any, position: int) -> np.ndarray:
    """Return one column as an array of objects."""
    values = table[:, position] if isinstance(table, np.ndarray) else safe_indexing(table, position, axis=1)
    return np.asarray(values, dtype=object)


def _is_categorical(table: Any, position: int) -> bool:
    if not isinstance(table, np.ndarray):
        return str(list(table.dtypes)[position]).lower().startswith(_CATEGORICAL)
    if table.dtype != object:
        return table.dtype.kind in "bUST"
    return not all(isinstance(value, Real) and not isinstance(value, bool | np.bool) for value in table[:, position])


def categorical_positions(table: Any, columns: Any, parameter: str = "categorical_features") -> list[int]:
    """Return the positions of the categorical columns.

    Parameters
    ----------
    table : frame or array of shape (n_samples, n_columns)
    columns : "auto", int, str, or list of int, str or bool
        Positions or names of the columns, or one bool per column. ``"auto"`` chooses columns by their type.
    parameter : str, default="categorical_features"
        Name of `columns` in error messages.

    Raises
    ------
    ValueError
        If `X` has no such column.
    """
    n_columns = table.shape[1]
    if isinstance(columns, str) and columns == "auto":
        return [position for position in range(n_columns) if _is_categorical(table, position)]
    names = [] if isinstance(table, np.ndarray) else list(table.columns)
    given = list(columns) if isinstance(columns, Sequence | np.ndarray) and not isinstance(columns, str) else [columns]
    if given and all(isinstance(item, bool | np.bool) for item in given):
        if len(given) != n_columns:
            raise ValueError(f"{parameter} has {len(given)} bools, but X has {n_columns} columns")
        return np.flatnonzero(given).tolist()
    positions = []
    for item in given:
        if isinstance(item, str) and item in names:
            positions.append(names.index(item))
        elif isinstance(item, int | np.integer) and not isinstance(item, bool) and -n_columns <= item < n_columns:
            positions.append(int(item) % n_columns)
        else:
            raise ValueError(
                f"{parameter}={columns!r}: {item!r} is not a column of X; expected 'auto', or a list of "
                f"positions from 0 to {n_columns - 1}, of column names of a frame, or of one bool per column"
            )
    return sorted(set(positions))


def numbers(table: Any, positions: list[int], *, missing: bool = False) -> np.ndarray:
    """Return the columns at `positions` as numbers, shape (n_samples, n_positions); NaN only if `missing` is True."""
    if not positions:
        return np.empty((len(table), 0), dtype=np.float16)
    part = table[:, positions] if isinstance(table, np.ndarray) else safe_indexing(table, positions, axis=1)
    if not isinstance(part, np.ndarray):
        for name, kind in zip(part.columns, part.dtypes, strict=True):
            if str(kind).lower().startswith(("date", "time", "duration", "period")):
                raise ValueError(f"column {name!r} is of {kind}: expected numbers or categories")
    values: np.ndarray = check_array(part, dtype="numeric", ensure_all_finite="allow-nan" if missing else True)
    return values


def is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN, NaT or pandas' NA.

    NaN and NaT differ from themselves; NA raises a TypeError.
    """
    if value is None:
        return True
    try:
        return bool(value != value)
    except TypeError:
        return True


def _distinct(values: list[Any], name: str) -> set[Any]:
    try:
        return set(values)
    except TypeError as error:
        raise TypeError(f"{name} has a value that cannot be a category: {error}") from error


def find_categories(values: np.ndarray, name: str) -> np.ndarray:
    """Return the distinct values that are not missing, sorted; values without an order sort by type and text."""
    found = [value for value in _distinct(values.tolist(), name) if not is_missing(value)]
    try:
        found.sort()
    except TypeError:
        found.sort(key=lambda value: (type(value).__name__, str(value)))
    categories = np.empty(len(found), dtype=object)
    categories[:] = found
    return categories


def encode(values: np.ndarray, categories: np.ndarray, name: str) -> np.ndarray:
    """Return codes: the index in `categories`, ``len(categories)`` if missing, ``len(categories) + 1`` if unknown."""
    place = {category: code for code, category in enumerate(categories.tolist())}
    n = len(place)
    items = values.tolist()
    code = {value: n if is_missing(value) else place.get(value, n + 1) for value in _distinct(items, name)}
    return np.array([code[item] for item in items], dtype=np.int64)
