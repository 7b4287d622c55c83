"""Columns of a table: what a column is, which are categorical, the codes of categories, and numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from numbers import Complex, Real
from textwrap import shorten
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.utils import check_array

from sklearn_ann._sklearn import safe_indexing
from sklearn_ann.reading.annotated import as_frame, in_memory, is_annotated
from sklearn_ann.training import as_array

# Lower-case names of the dtypes of NumPy, pandas, pyarrow and polars. Anything else holds categories, and columns of
# objects are what most of their values are.
_NUMBERS = re.compile(r"(u?int|float|decimal)\d*\b|double\b|halffloat\b|longdouble\b|sparse\[(u?int|float)")
_TIMES = re.compile(r"(date|time|duration|period|month)")
_OBJECTS = re.compile(r"(object|null)\b")
_WHOLE, _BOOLS = re.compile(r"\bu?int(8|16|32|64)\b"), re.compile(r"\bbool(ean)?\b")
_NARROW = re.compile(r"float(16|32)")
_LONG, _SOME = 20, 8  # letters that are a sequence rather than a category; of nucleotides alone
_BULK = 0.9  # of the values of a column of objects; the others are then errors and do not make it categorical


def is_frame(X: Any) -> bool:
    """Return whether `X` is a frame of pandas or polars."""
    return hasattr(X, "columns") and hasattr(X, "shape") and not sp.issparse(X)


def readable(X: Any) -> Any:
    """Return `X`, or refuse what NumPy would misread, read without its names, or take minutes to look at.

    Raises
    ------
    TypeError
        If `X` is no array, matrix, frame or list.
    ValueError
        If lists in `X` have different lengths, if a frame has a name twice, or if an array holds masked or complex
        values or times.
    """
    if isinstance(X, torch.Tensor):
        return as_array(X)
    if is_annotated(X) or sp.issparse(X):
        return X
    X = in_pandas(X)
    kind = type(X)  # a frame may have columns of any of these names
    if hasattr(kind, "collect"):
        raise TypeError(f"X is a {kind.__name__}, which is not computed yet: give X.collect()")
    refuse_dask(X)
    if hasattr(kind, "to_memory"):
        return in_memory(X)
    _refuse_unequal_rows(X)
    if not (isinstance(X, list | tuple) or hasattr(kind, "__array__") or hasattr(kind, "__array_interface__")):
        hint = ": pandas.DataFrame(X) keeps its names" if hasattr(kind, "keys") else ""
        hint = ": give one of its parts, such as X[name]" if hasattr(kind, "mod") else hint  # MuData
        raise TypeError(f"X is a {kind.__name__}, expected an array, a sparse matrix, a frame or a list{hint}")
    if hasattr(X, "columns"):
        _refuse_columns(list(X.columns))
    elif hasattr(X, "dtype"):
        _refuse_array(X)
    return X


def in_pandas(X: Any) -> Any:
    """Return a table of pyarrow as a frame and an array of pyarrow as a series of pandas, anything else unchanged."""
    kind = type(X)
    return X.to_pandas() if kind.__module__.startswith("pyarrow.") and hasattr(kind, "to_pandas") else X


def refuse_dask(X: Any) -> None:
    """Raise a TypeError for an array or a frame of dask, which NumPy would compute anew at each look."""
    graph = getattr(type(X), "__dask_graph__", None)
    if graph is not None and graph(X) is not None:  # None of what only may be of dask, such as an array of xarray
        way = "map_partitions" if hasattr(X, "columns") else "map_blocks"
        raise TypeError(
            f"X is a dask {type(X).__name__}, which is not computed yet: give X.compute(), or predict its parts by "
            f"X.{way}"
        )


def _refuse_columns(names: list[Any]) -> None:
    if not names:
        raise ValueError("Found a frame with 0 feature(s) (no columns): expected 1 or more")
    if len(set(names)) < len(names):
        twice = next(name for place, name in enumerate(names) if name in names[:place])
        raise ValueError(f"X has more than one column {twice!r}: columns are matched by name, so rename them")


def _refuse_array(X: Any) -> None:
    refuse_mask(X, "X")
    if getattr(X.dtype, "names", None):
        raise ValueError("X is a structured array, whose names would be lost: give pandas.DataFrame(X)")
    if _kind(X.dtype, "X") == "time":
        raise ValueError(f"X is of {X.dtype}: expected numbers or categories")


def refuse_mask(values: Any, name: str) -> None:
    """Raise a ValueError for masked values, whose mask NumPy would drop."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(f"{name} is a masked array, whose mask would be lost: .filled(np.nan) makes it missing values")


def _refuse_unequal_rows(X: Any) -> None:
    if not (isinstance(X, list | tuple) and X):
        return
    if is_annotated(X[0]):
        raise TypeError("X is a list of AnnData objects: join them by anndata.concat, which matches genes by name")
    if isinstance(X[0], dict):
        raise TypeError("X is a list of dicts: pandas.DataFrame(X) matches their values by name")
    if isinstance(X[0], list | tuple):
        sizes = [len(row) if isinstance(row, list | tuple) else None for row in X]
        for sample, size in enumerate(sizes):
            if size is not None and size != sizes[0]:
                raise ValueError(f"sample {sample} of X has {size} values, but sample 0 has {sizes[0]}")


def as_table(X: Any, names: list[str] | None = None) -> Any:
    """Check that `X` is a table. Return a frame unchanged, anything else as a two-dimensional array.

    An AnnData object becomes a frame whose columns are in the order of `names`.
    """
    X = readable(X)
    if is_annotated(X):
        X = as_frame(X, names)
    if is_frame(X):
        if len(X) == 0 or X.shape[1] == 0:
            raise ValueError(f"Found array with 0 sample(s) or 0 feature(s), of shape {X.shape}: expected 1 or more")
        return X
    if isinstance(X, list | tuple):
        mixed = any(
            isinstance(value, str | bytes | None) for row in X if isinstance(row, list | tuple) for value in row
        )
        X = np.array(X, dtype=object) if mixed else X  # otherwise NumPy turns the numbers into strings
    if type(X) is np.ndarray and X.ndim == 2 and X.size and X.dtype.kind in "buif":
        return X  # what the check would return, in a tenth of its time
    return check_array(X, dtype=None, ensure_all_finite=False)


def names_of(table: Any) -> list[Any]:
    """Return the names of the columns of a frame; an empty list for an array."""
    return [] if isinstance(table, np.ndarray) else list(table.columns)


def phrase(table: Any, position: int) -> str:
    """Name of a column in a message."""
    return f"column {position}" if isinstance(table, np.ndarray) else f"column {list(table.columns)[position]!r}"


def _values(table: Any, position: int) -> Any:
    return table[:, position] if isinstance(table, np.ndarray) else safe_indexing(table, position, axis=1)


def column(table: Any, position: int) -> np.ndarray:
    """Return one column as an array of objects."""
    return np.asarray(_values(table, position), dtype=object)


def _kind(dtype: Any, name: str) -> Literal["number", "category", "time", "object"]:
    text = (dtype.name if isinstance(dtype, np.dtype) else str(dtype)).lower()
    if text.startswith("complex"):
        raise ValueError(f"{name} is of {dtype}: Complex data not supported. Give real and imaginary part as columns")
    if _NUMBERS.match(text):
        return "number"
    if _TIMES.match(text):
        return "time"
    return "object" if _OBJECTS.match(text) else "category"


def _is_categorical(values: Any, name: str) -> bool:
    """Return what a column is by its dtype, or by the bulk of its values if they are objects."""
    kind = _kind(values.dtype, name)
    if kind != "object":
        return kind == "category"
    there = [value for value in np.asarray(values, dtype=object).tolist() if not is_missing(value)]
    if there and sum(map(_is_time, there)) >= _BULK * len(there):
        _refuse_times(type(there[0]).__name__, name)
    return not there or sum(map(_is_number, there)) < _BULK * len(there)


def _is_number(value: Any) -> bool:
    return isinstance(value, Complex | Decimal) and not isinstance(value, bool | np.bool)


def _is_time(value: Any) -> bool:
    return _TIMES.match(type(value).__name__.lower()) is not None  # of Python, NumPy and pandas


def chosen_positions(table: Any, columns: Any, parameter: str) -> list[int]:
    """Return the positions of columns, in their order, that are chosen by name, by position or by a bool for each.

    Parameters
    ----------
    table : frame or array of shape (n_samples, n_columns)
    columns : int, str, or list of int, str or bool
    parameter : str
        Name of `columns` in error messages.

    Raises
    ------
    ValueError
        If `table` has no such column.
    """
    n_columns, names = table.shape[1], names_of(table)
    if hasattr(columns, "iloc") or getattr(columns, "ndim", 1) > 1:
        raise ValueError(f"{parameter} is a {type(columns).__name__}: expected a list of names or positions of columns")
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
                f"{parameter}={shorten(repr(columns), 80)}: {item!r} is not a column of X; expected a list of "
                f"positions from 0 to {n_columns - 1}, of column names of a frame, or of one bool per column"
            )
    return list(dict.fromkeys(positions))


def condition_positions(table: Any, columns: Any) -> list[int]:
    """Return the positions of the conditions among the columns of a table.

    Raises
    ------
    ValueError
        If the table has no such column.
    """
    positions = chosen_positions(table, columns, "conditions")
    if not positions:
        raise ValueError(f"conditions={columns!r} are no columns of X: expected one column or more")
    return positions


def other_positions(table: Any, conditions: Any) -> list[int]:
    """Return the positions of the columns that are no conditions, all columns if `conditions` is None.

    Raises
    ------
    ValueError
        If nothing is left.
    """
    apart = [] if conditions is None else condition_positions(table, conditions)
    rest = [position for position in range(table.shape[1]) if position not in apart]
    if not rest:
        raise ValueError(f"conditions={conditions!r} are all columns of X: expected one further column or more")
    return rest


def categorical_positions(table: Any, columns: Any, parameter: str = "categorical_features") -> list[int]:
    """Return the positions of the categorical columns.

    Parameters
    ----------
    table : frame or array of shape (n_samples, n_columns)
    columns : "auto", int, str, or list of int, str or bool
        See `chosen_positions`. ``"auto"`` goes by the dtype: text, category, dictionary and bool are categories. A
        column of objects is numeric if nine tenths of its values are numbers, whatever is missing.
    parameter : str, default="categorical_features"
        Name of `columns` in error messages.

    Raises
    ------
    ValueError
        If `table` has no such column, or if a column holds complex numbers.
    """
    if not (isinstance(columns, str) and columns == "auto"):
        return sorted(chosen_positions(table, columns, parameter))
    if isinstance(table, np.ndarray) and table.dtype != object:  # one decision for all
        return list(range(table.shape[1])) if _is_categorical(table, "X") else []
    return [i for i in range(table.shape[1]) if _is_categorical(_values(table, i), phrase(table, i))]


def numbers(table: Any, positions: list[int], *, missing: bool = False) -> np.ndarray:
    """Return the columns at `positions` as numbers, shape (n_samples, n_positions); NaN only if `missing` is True.

    Raises
    ------
    ValueError
        If a value is no number, or infinite, or missing where none may be. The message says which.
    """
    if not positions:
        return np.empty((len(table), 0), dtype=np.float16)
    if isinstance(table, np.ndarray) and table.dtype.kind in "iuf":
        values = table[:, positions]
    else:
        values = np.column_stack([_numbers(_values(table, i), phrase(table, i)) for i in positions])
    wrong = np.isinf(values) if missing else ~np.isfinite(values)
    if wrong.any():
        sample, place = np.argwhere(wrong)[0]
        value = "NaN, a missing number" if np.isnan(values[sample, place]) else "infinity"
        hint = ": SimpleImputer fills them in" if np.isnan(values[sample, place]) else ""
        raise ValueError(f"{phrase(table, positions[place])} of X has {value}, in sample {sample}{hint}")
    return values


def as_kind(values: np.ndarray, dtype: Any) -> np.ndarray:
    """Return numbers that a column of this type can hold: within its limits, of whole numbers and bools rounded."""
    name = str(dtype).lower()
    if found := _WHOLE.search(name):
        limits = np.iinfo(found[0])
        low, high = float(limits.min), float(limits.max)
        high = high if int(high) <= limits.max else np.nextafter(high, 0)  # 2**63 - 1 is no float, and 2**63 no int64
    elif _BOOLS.search(name):
        low, high = 0.0, 1.0
    elif found := _NARROW.fullmatch(name):
        most = float(np.finfo(found[0]).max)
        narrow: np.ndarray = values.astype(np.float64).clip(-most, most)
        return narrow
    else:
        return values
    whole: np.ndarray = values.astype(np.float64).round().clip(low, high)
    return whole


def _refuse_times(dtype: Any, name: str) -> None:
    if _kind(dtype, name) == "time":  # NumPy would make numbers of them
        raise ValueError(
            f"{name} is of {dtype}: expected numbers or categories. Give numbers, such as the days since a "
            "date, or the parts of the date"
        )


def check_rows(X: Any) -> None:
    """Raise a ValueError for what is no table of numbers and is not refused, or not with its name, by scikit-learn."""
    if is_frame(X):
        for name, dtype in zip(X.columns, X.dtypes, strict=True):
            if not isinstance(dtype, np.dtype) or dtype.kind in "mMc":
                _refuse_times(dtype, f"column {name!r}")
    elif isinstance(_first(X), str | bytes):
        raise ValueError(
            f"X holds strings such as {X[0]!r}, but numbers were expected: SequenceEncoder turns sequences into rows"
        )
    elif isinstance(getattr(X, "dtype", None), np.dtypes.ObjectDType) and len(X.shape) == 1:
        raise ValueError(f"Expected 2D array, got {len(X)} objects, the first a {type(next(iter(X))).__name__}")
    elif isinstance(getattr(_first(X), "dtype", None), np.dtype):  # NumPy joins no times with numbers
        _refuse_times(_first(X).dtype, "sample 0 of X")


def column_of_sequences(X: Any) -> str:
    """Return the advice to pass the column of a frame whose first value is the longest string, and "" without one."""
    texts = [(len(value), -i) for i, value in enumerate(X.iloc[0]) if isinstance(value, str)] if _has_rows(X) else []
    return f"pass the column of sequences, X[{X.columns[-max(texts)[1]]!r}], or " if texts else ""


def _has_rows(X: Any) -> bool:
    return is_frame(X) and hasattr(X, "iloc") and len(X) > 0


def hint_for(X: Any, value: Any) -> str:
    """Return what to do about a string in X that is no number; the empty string for other values."""
    if not isinstance(value, str):
        return ""
    if isinstance(X, tuple) and all(isinstance(_first(part), str) for part in X):
        advice = "unpack the tuple, as in `names, sequences = read_fasta(path)`"
        return f". X is a tuple of {len(X)} lists of strings: {advice}"
    nucleotides = len(value) >= _SOME and set(value.upper()) <= set("ACGTUN")
    if nucleotides or (len(value) >= _LONG and value.isalpha() and value.isascii()):
        return f". Sequences are read from one column: {column_of_sequences(X)}join those of a sample"
    return ". TabularClassifier, TabularRegressor and EntityEmbeddingTransformer read categories"


def _first(X: Any) -> Any:
    """Return the first entry of a list or an array; None if it has none."""
    has_entries = isinstance(X, list | tuple) or (isinstance(X, np.ndarray) and X.ndim > 0)
    return X[0] if has_entries and len(X) else None


def _numbers(values: Any, name: str) -> np.ndarray:
    _refuse_times(values.dtype, name)
    array = np.asarray(values)
    if array.dtype.kind in "iufb":
        return array
    found = np.full(len(array), np.nan)
    for sample, value in enumerate(array.tolist()):
        try:
            if isinstance(value, Complex) and not isinstance(value, Real | np.bool):
                raise TypeError("complex")  # of NumPy's, float would drop the imaginary part
            found[sample] = np.nan if is_missing(value) else float(value)
        except OverflowError as error:
            raise ValueError(f"{name} of X has a number in sample {sample} that is too large for float64") from error
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{name} of X has the value {value!r} in sample {sample}, but its values are numbers: replace it, by "
                "NaN if it stands for a missing number, or name the column in categorical_features"
            ) from error
    return found


def first_unreadable(X: Any, most: float) -> tuple[Any, int, int] | None:
    """Return a value of a table of numbers that is none, not finite or above `most`, its sample and its column.

    None if all are numbers. It is asked when an error has occurred, and need not be fast.
    """
    if sp.issparse(X):
        X = X.tocoo()
        stored = zip(X.data.tolist(), X.row.tolist(), X.col.tolist(), strict=True)
        return next(((value, row, place) for value, row, place in stored if not _is_at_most(value, most)), None)
    if not hasattr(X, "columns"):
        X = np.asarray(X, dtype=object)
    if len(X.shape) != 2:
        return None
    for position in range(X.shape[1]):
        for sample, value in enumerate(column(X, position).tolist()):
            if not _is_at_most(value, most):
                return value, sample, position
    return None


def _is_at_most(value: Any, most: float) -> bool:
    try:
        return bool(abs(float(value)) <= most)
    except (TypeError, ValueError, OverflowError):
        return False


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


_FEW = 10  # rows, of which nothing can be said


def each_row_its_own(counts: np.ndarray) -> bool:
    """Return whether nearly each row with a value has a category of its own; `counts` are the rows of each category."""
    n_rows = int(counts.sum())
    return n_rows >= _FEW and int((counts > 0).sum()) >= _BULK * n_rows


def all_unknown(codes: np.ndarray, values: np.ndarray, categories: np.ndarray) -> str | None:
    """Say how the values of a column differ from the known categories if all are unknown, else return None.

    A single unknown value is a surprise only if it is of a type that no category has.
    """
    there = values[codes != len(categories)]
    if len(there) == 0 or len(categories) == 0 or (codes < len(categories)).any():
        return None
    types = {type(value) for value in categories}
    met = there[0]
    if len(there) == 1 and any(issubclass(type(met), known) or issubclass(known, type(met)) for known in types):
        return None
    known = categories[0]
    return f"{met!r} ({type(met).__name__}) where fit had {known!r} ({type(known).__name__})"
