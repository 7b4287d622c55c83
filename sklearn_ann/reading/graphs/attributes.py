"""Features with names: attributes of networkx nodes and edges, and columns of tables, read by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from sklearn_ann._warnings import warn

MISSING: Any = object()
"""Stands for an attribute that a node or an edge does not have."""

_MANY = 20  # categories of one attribute, above which it may be an identifier


class Named(NamedTuple):
    """Values with names, of all nodes or all edges of one graph."""

    values: dict[Any, Any]  # a list or an array of numbers with one value for each owner, by name
    owners: Sequence[str]  # how a message calls a node or an edge


@dataclass(frozen=True)
class Attributes:
    """Which attributes are features, and how.

    Parameters
    ----------
    what : {"node", "edge"}
    columns : dict
        By name: the number of values of a numeric attribute, or the categories of a text attribute, which becomes one
        column of zeros and ones per category.
    exact : bool
        Whether other attributes are refused; otherwise they are left alone.
    """

    what: str
    columns: dict[Any, int | tuple[str, ...]]
    exact: bool

    @property
    def names(self) -> list[str] | None:
        """Names of the feature columns; None without attributes and for the vector ``x``."""
        if not self.columns or list(self.columns) == ["x"]:
            return None
        found: list[str] = []
        for name, kind in self.columns.items():
            if isinstance(kind, tuple):
                found += [f"{name}_{category}" for category in kind]
            else:
                found += [str(name)] if kind == 1 else [f"{name}_{i}" for i in range(kind)]
        return found

    @property
    def n_columns(self) -> int:
        """Number of feature columns."""
        return sum(len(kind) if isinstance(kind, tuple) else kind for kind in self.columns.values())

    def check_names(self, names: Iterable[Any]) -> None:
        """Refuse attributes that are missing, and others if `exact`."""
        known = list(names)
        missing = [name for name in self.columns if name not in known]
        other = [name for name in known if name not in self.columns] if self.exact else []
        if missing:
            raise ValueError(
                f"the {self.what} attribute {missing[0]!r} is missing: expected {list(self.columns)}, got {known}"
            )
        if other:
            raise ValueError(
                f"the {self.what} attribute {other[0]!r} is there, but not in the other graphs or in fit, which have "
                f"{list(self.columns)}; {self.what}_attributes= says which to read"
            )

    def encode(self, named: Named, unknown: set[str]) -> np.ndarray | None:
        """Return the features of one graph's nodes or edges; add categories that were not learned to `unknown`.

        Returns
        -------
        float32 array of shape (n, n_columns), or None without features
        """
        n = len(named.owners)
        if not self.columns:
            if n:
                self.check_names(named.values)
            return None
        if n == 0:
            return np.zeros((0, self.n_columns), dtype=np.float32)
        self.check_names(named.values)
        parts = []
        for name, kind in self.columns.items():
            values = named.values[name]
            absent = [] if _are_numbers(values) else [i for i, value in enumerate(values) if value is MISSING]
            if absent:
                raise ValueError(
                    f"{named.owners[absent[0]]} lacks the attribute {name!r} that others have; "
                    f"{self.what}_attributes= says which attributes to read"
                )
            if isinstance(kind, int):
                parts.append(_numbers(name, values, named.owners, kind))
                continue
            texts = _texts(name, values, named.owners)
            codes = {category: position for position, category in enumerate(kind)}
            unknown.update(f"{name}={text!r}" for text in set(texts).difference(codes))
            where = np.array([codes.get(text, -1) for text in texts])
            parts.append((where[:, None] == np.arange(len(kind))).astype(np.float32))
        return np.concatenate(parts, axis=1)

    def aligned(self, X: np.ndarray, other: Attributes) -> np.ndarray:
        """Put columns that were encoded by `other` in the order of this; a category of one side only is zero."""
        if self.columns.keys() != other.columns.keys():
            apart = sorted(map(str, self.columns.keys() ^ other.columns.keys()))
            raise ValueError(
                f"the {self.what} features come from the attributes {list(other.columns)}, but those of fit from "
                f"{list(self.columns)}: {', '.join(apart)} on one side only"
            )
        for name, kind in self.columns.items():
            now = other.columns[name]
            if isinstance(kind, tuple) != isinstance(now, tuple) or (isinstance(kind, int) and kind != now):
                raise ValueError(
                    f"the {self.what} attribute {name!r} has {_phrase(now)}, but in fit it had {_phrase(kind)}"
                )
        own, theirs = self.names, other.names
        if own is None or theirs is None or own == theirs:
            return X
        positions = {name: position for position, name in enumerate(theirs)}
        warn_of_unknown(set(theirs).difference(own))
        wider = np.concatenate([X, np.zeros((len(X), 1), dtype=X.dtype)], axis=1)
        return wider[:, [positions.get(name, -1) for name in own]]


def _phrase(kind: int | tuple[str, ...]) -> str:
    return f"the categories {list(kind)}" if isinstance(kind, tuple) else f"{kind} numbers"


def learn_attributes(what: str, tables: Sequence[Named], chosen: Sequence[Any] | None, *, prefer_x: bool) -> Attributes:
    """Decide which attributes are features, and learn the categories of texts.

    Parameters
    ----------
    what : {"node", "edge"}
    tables : sequence of Named
    chosen : sequence or None
        The names to read. None reads ``"x"`` alone if `prefer_x` and it is there, else all.
    prefer_x : bool
    """
    names: list[Any] = list(dict.fromkeys(name for table in tables if len(table.owners) for name in table.values))
    exact = False
    if chosen is not None:
        absent = [name for name in chosen if name not in names]
        if absent and any(len(table.owners) for table in tables):
            raise ValueError(f"{what}_attributes has {absent[0]!r}, but the attributes of {what}s are {names}")
        names = list(chosen)
    elif prefer_x and "x" in names:
        names = ["x"]
    else:
        exact = True
    columns: dict[Any, int | tuple[str, ...]] = {}
    for name in names:
        lists = [table.values[name] for table in tables if name in table.values]
        if lists and all(map(_are_numbers, lists)):
            columns[name] = 1
            continue
        values = [value for one in lists for value in one if value is not MISSING]
        if any(isinstance(value, str) for value in values):
            columns[name] = categories = tuple(sorted({value for value in values if isinstance(value, str)}))
            if len(categories) > max(_MANY, len(values) / 2):
                warn(
                    f"the {what} attribute {name!r} has {len(categories)} categories among {len(values)} values: "
                    f"is it an identifier? {what}_attributes= says which attributes are features"
                )
        elif values:
            columns[name] = int(np.size(values[0]))
    return Attributes(what, columns, exact)


def warn_of_unknown(unknown: Iterable[str]) -> None:
    """Warn once of categories that fit has not seen."""
    some = sorted(unknown)
    if some:
        more = f" and {len(some) - 5} more" if len(some) > 5 else ""
        warn(f"categories that fit has not seen count as zeros: {', '.join(some[:5])}{more}")


def some_names(names: Sequence[Any]) -> str:
    """Return the first names, for a message."""
    return ", ".join(map(repr, names[:5])) + (", ..." if len(names) > 5 else "")


def _are_numbers(values: Any) -> bool:
    return isinstance(values, np.ndarray) and values.dtype.kind in "biuf"


def _texts(name: Any, values: Any, owners: Sequence[str]) -> Sequence[str]:
    for owner, value in zip(owners, values, strict=True):
        if not isinstance(value, str):
            raise ValueError(f"{owner} has {value!r} as {name!r}, which is a text elsewhere")
    return list(values)


def _numbers(name: Any, values: Any, owners: Sequence[str], width: int) -> np.ndarray:
    try:
        array = np.asarray(values)
    except ValueError:  # of different shapes
        array = np.empty(0)
    if array.dtype.kind in "biuf" and array.size == width * len(values):
        with np.errstate(over="ignore"):  # the set refuses infinity
            return array.reshape(len(values), width).astype(np.float32)
    rows = []
    for owner, value in zip(owners, values, strict=True):
        try:
            one = np.asarray(value)
            if one.dtype.kind not in "biufO" or isinstance(value, str):
                raise TypeError
            with np.errstate(over="ignore"):
                row = one.astype(np.float32).ravel()
        except (ValueError, TypeError) as error:
            raise ValueError(f"{owner} has {value!r} as {name!r}: neither a number nor an array of numbers") from error
        if len(row) != width:
            raise ValueError(f"{owner} has {len(row)} numbers as {name!r}, but {owners[0]} or fit has {width}")
        rows.append(row)
    return np.stack(rows)


def as_named(table: Any, what: str) -> Named:
    """Read the columns of a data frame."""
    names = [str(name) for name in table.columns]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the column {twice!r} of the {what} features occurs twice")
    if len(names) == 0:
        raise ValueError(f"the frame of {what} features has no columns")
    values: dict[Any, Any] = {}
    for name, key in zip(names, table.columns, strict=True):
        column = table[key]
        values[name] = column.to_numpy()
        if not _are_numbers(values[name]):
            values[name] = column.to_list()
        if str(column.dtype).lower().startswith("categor"):  # even if the names are numbers
            values[name] = [str(text) for text in column.to_list()]
    index = table.index if hasattr(table, "index") else range(len(table))
    return Named(values, [f"{what} {label!r}" for label in index])
