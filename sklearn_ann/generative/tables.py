"""Which samples are tables of numbers and categories, rather than rows of numbers."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import scipy.sparse as sp

from sklearn_ann.reading.annotated import is_annotated
from sklearn_ann.reading.columns import (
    as_table,
    categorical_positions,
    numbers,
    other_positions,
    phrase,
    readable,
)
from sklearn_ann.reading.numbers import NumberScaling

TableScaling = Literal["auto", "standard", "quantile", "modes"]


def table_scaling(
    X: Any, *, categorical_features: Any, scaling: TableScaling, conditions: Any, shaped: bool
) -> NumberScaling | None:
    """Return how to scale the numbers of a table; None if `X` is to be read as rows of numbers.

    Parameters
    ----------
    X : array-like
    categorical_features : "auto", None, or list of int, str or bool
    scaling : {"auto", "standard", "quantile", "modes"}
    conditions : None, or column name, position, or list of these
        Columns that are not modelled.
    shaped : bool
        Whether codes get a distribution of their own, which pays if the numbers are normal scores.
    """
    X = readable(X)
    if is_annotated(X) or sp.issparse(X) or np.ndim(X) != 2:
        if scaling not in ("auto", "standard"):
            raise ValueError(
                f"scaling={scaling!r} is for frames and dense arrays of shape (n_samples, n_features); sparse X, "
                "images and AnnData are read as rows of numbers, with scaling='standard'"
            )
        return None
    if scaling in ("quantile", "modes"):
        return scaling
    if scaling == "auto" and shaped:
        return "quantile"
    if not is_mixed(X, categorical_features, conditions):
        return None
    return "quantile" if scaling == "auto" else "standard"


def categories_of(table: Any, categorical_features: Any, conditions: Any) -> list[int]:
    """Return the positions of the categorical columns that are no conditions."""
    chosen = [] if categorical_features is None else categorical_features
    rest = other_positions(table, conditions)
    return [position for position in categorical_positions(table, chosen) if position in rest]


def is_mixed(X: Any, categorical_features: Any, conditions: Any) -> bool:
    """Whether a table has categorical columns, or misses numbers in a frame."""
    table = as_table(X)
    if categories := categories_of(table, categorical_features, conditions):
        return bool(categories)
    if isinstance(table, np.ndarray):
        return False
    values = numbers(table, other_positions(table, conditions), missing=True)
    return bool(np.isnan(values).any())


def refuse_categories(X: Any, categorical_features: Any, conditions: Any, why: str) -> None:
    """Refuse columns that cannot be read as numbers, under settings that model numbers alone.

    Raises
    ------
    ValueError
        If there is such a column, naming it; `why` are the settings.
    """
    X = readable(X)
    if is_annotated(X) or sp.issparse(X) or np.ndim(X) != 2:
        return
    auto = isinstance(categorical_features, str) and categorical_features == "auto"
    if auto and not hasattr(X, "columns") and str(getattr(X, "dtype", "list")) != "object":
        return  # an array of numbers, or what the check of numbers refuses
    table = as_table(X)
    for position in categories_of(table, categorical_features, conditions):
        values = table[:, position] if isinstance(table, np.ndarray) else table[table.columns[position]]
        if auto and str(values.dtype).lower() in ("bool", "boolean"):
            continue  # zeros and ones
        raise ValueError(
            f"{phrase(table, position)} of X holds categories, which {why} does not model: likelihood='gaussian' with "
            "architecture='dense' does, or give numbers"
        )
