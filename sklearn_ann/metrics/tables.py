"""Tables that are compared: columns matched by name, one set of categories, numbers of one precision."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sklearn_ann._sklearn import safe_indexing
from sklearn_ann._warnings import warn
from sklearn_ann.reading.columns import (
    as_table,
    categorical_positions,
    column,
    encode,
    find_categories,
    is_frame,
    is_missing,
    names_of,
    numbers,
    phrase,
)
from sklearn_ann.reading.scaling import mean_and_scale

_FEW = 10  # values, of which all may be new by chance
_TAIL = 0.01  # share of the numbers at each end that do not determine the scale of a column


class Rows(NamedTuple):
    """The rows of a table, and of any other read with it."""

    codes: np.ndarray  # (n_samples, n_categorical); a missing category has the largest code of its column
    numbers: np.ndarray  # (n_samples, n_numeric), float64; NaN if missing


class Layout(NamedTuple):
    """The columns of tables that are read together."""

    categorical: list[int]
    numeric: list[int]
    n_codes: list[int]  # of each categorical column, that of a missing category included
    names: list[Any]  # of all columns; empty for arrays
    phrases: list[str]  # of the numeric columns, for messages


def read_together(
    tables: dict[str, Any], reference: str, categorical_features: Any = "auto"
) -> tuple[Layout, dict[str, Rows]]:
    """Read tables with the same columns.

    Parameters
    ----------
    tables : dict
        The tables by the names of their parameters. Arrays of more than two dimensions are rows of numbers.
    reference : str
        Which table says what the columns are: their order, and which are categorical.
    categorical_features : "auto", or list of int, str or bool
        See `reading.columns.categorical_positions`.

    Returns
    -------
    layout : Layout
    rows : dict of Rows

    Raises
    ------
    ValueError
        If columns differ, or if a value is no number where the reference has numbers. The message names the table.

    Warns
    -----
    UserWarning
        If two tables have no category of a column in common.
    """
    read = {reference: _table(tables[reference], reference, None)}
    names = names_of(read[reference])
    for name, X in tables.items():
        if name != reference:
            read[name] = matched(_table(X, name, names or None), read[reference], name, reference)
    like = read[reference]
    categorical = categorical_positions(like, categorical_features)
    numeric = [position for position in range(like.shape[1]) if position not in categorical]
    codes, n_codes = _codes(read, reference, categorical)
    values = _values(read, numeric)
    layout = Layout(categorical, numeric, n_codes, names, [phrase(like, position) for position in numeric])
    return layout, {name: Rows(codes[name], values[name]) for name in tables}


def _table(X: Any, name: str, names: list[Any] | None) -> Any:
    if isinstance(X, np.ndarray) and X.ndim > 2:
        X = X.reshape(len(X), -1)
    try:
        return as_table(X, names)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name} is no table: {error}") from error


def matched(table: Any, like: Any, name: str, reference: str) -> Any:
    """Return a table with its columns in the order of `like`, by name if both are frames.

    Raises
    ------
    ValueError
        If it has other columns.
    """
    if is_frame(table) and is_frame(like):
        own, wanted = list(table.columns), list(like.columns)
        if set(own) != set(wanted):
            missing = [column for column in wanted if column not in own]
            others = [column for column in own if column not in wanted]
            raise ValueError(f"{name} and {reference} have different columns: {name} lacks {missing} and has {others}")
        return table if own == wanted else safe_indexing(table, [own.index(column) for column in wanted], axis=1)
    if table.shape[1] != like.shape[1]:
        raise ValueError(f"{name} has {table.shape[1]} columns, but {reference} has {like.shape[1]}")
    return table


def _codes(tables: dict[str, Any], reference: str, positions: list[int]) -> tuple[dict[str, np.ndarray], list[int]]:
    codes = {name: np.empty((len(table), len(positions)), dtype=np.int64) for name, table in tables.items()}
    n_codes = []
    for place, position in enumerate(positions):
        what = phrase(tables[reference], position)
        values = {name: column(table, position) for name, table in tables.items()}
        known = find_categories(np.concatenate(list(values.values())), what)
        for name in tables:
            codes[name][:, place] = encode(values[name], known, what)
        n_codes.append(len(known) + 1)
        there = set(codes[reference][:, place]) - {len(known)}
        for name in tables:
            own = codes[name][:, place]
            own = own[own < len(known)]
            if len(own) >= _FEW and there and there.isdisjoint(own):
                one, other = (
                    next(value for value in values[key] if not is_missing(value)) for key in (name, reference)
                )
                warn(
                    f"No value of {what} of {name} is in {reference}: {one!r} ({type(one).__name__}) where the other "
                    f"has {other!r} ({type(other).__name__})"
                )
    return codes, n_codes


def _values(tables: dict[str, Any], positions: list[int]) -> dict[str, np.ndarray]:
    """Return the numbers, those of a column in the coarsest precision of all tables.

    Samplers often draw float32. Without this a classifier would tell them from float64 by their last digits.
    """
    found = {name: np.empty((len(table), len(positions))) for name, table in tables.items()}
    for place, position in enumerate(positions):
        parts = {}
        for name, table in tables.items():
            try:
                parts[name] = numbers(table, [position], missing=True)[:, 0]
            except ValueError as error:
                raise ValueError(f"{name} cannot be read: {error}") from error
        floats = [part.dtype for part in parts.values() if part.dtype.kind == "f"]
        coarsest = min(floats, key=lambda dtype: dtype.itemsize, default=np.dtype(np.float64))
        for name, part in parts.items():
            with np.errstate(over="ignore"):
                rounded = part.astype(coarsest).astype(np.float64)
            found[name][:, place] = np.where(np.isinf(rounded), part, rounded)
    return found


def standardisation(values: np.ndarray, names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the standard deviation of each column, in which its extreme numbers count as less extreme.

    The numbers are clipped to their 1 % and 99 % quantiles, so that one outlier does not make all others equal. A
    column that is constant but for these is not clipped; a constant one has a deviation of 1.

    Parameters
    ----------
    values : array of shape (n_samples, n_columns)
        NaN is left out.
    names : list of str
        What messages call the columns.
    """
    mean, scale = np.zeros(values.shape[1]), np.ones(values.shape[1])
    for place, name in enumerate(names):
        there = values[~np.isnan(values[:, place]), place]
        if len(there):
            clipped = there.clip(*np.quantile(there, [_TAIL, 1 - _TAIL]))
            part = clipped if np.ptp(clipped) > 0 else there
            (mean[place],), (scale[place],) = mean_and_scale(part[:, None], None, name)
    return mean, scale
