"""Which samples are tables of numbers and categories, rather than rows of numbers."""

from __future__ import annotations

import copy
import math
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from sklearn.utils import Bunch

from sklearn_ann._warnings import warn
from sklearn_ann.generative.likelihoods import LIKELIHOODS
from sklearn_ann.reading import MixedReader, Reader, RowReader, columns_of
from sklearn_ann.reading.annotated import is_annotated, matrix
from sklearn_ann.reading.columns import (
    as_table,
    categorical_positions,
    is_frame,
    numbers,
    other_positions,
    phrase,
    readable,
)
from sklearn_ann.reading.numbers import NumberScaling

TableScaling = Literal["auto", "standard", "quantile", "modes"]
_NONE_NAMED: list[Any] = [None, "auto", [], ()]  # as categorical features
_LOOKED_AT = 1000  # samples, of which counts are known
_MANY, _ZEROS = 20, 0.3  # the greatest of counts, and their share of zeros, are above
_FOR_TABLES = "likelihood='gaussian' and architecture='dense'"


def models_categories(p: Any) -> bool:
    """Whether hyper-parameters `p` model categories beside numbers."""
    return bool(p.likelihood == "gaussian" and p.architecture == "dense" and p.image_shape is None)


def row_reader(X: Any, p: Bunch, **common: Any) -> Reader[Any]:
    """Return a reader of tables, or of rows of numbers, by hyper-parameters `p`.

    Raises
    ------
    ValueError
        If X has categories, or `p` a scale, that the likelihood or the architecture is not for.
    """
    apart = columns_of(p.conditions)
    if models_categories(p):
        kept = copy.copy(p.categorical_features)  # a list may change
        shaped = p.prior == "mixture"
        scaling = table_scaling(X, categorical_features=kept, scaling=p.scaling, conditions=apart, shaped=shaped)
        if scaling is not None:
            return MixedReader(categorical_features=kept, scaling=scaling, conditions=apart, **common)
    else:
        if p.scaling not in ("auto", "standard"):
            raise ValueError(f"scaling={p.scaling!r} is for tables, with {_FOR_TABLES} and without image_shape")
        refuse_categories(
            X, p.categorical_features, apart, f"likelihood={p.likelihood!r} with architecture={p.architecture!r}"
        )
    if p.likelihood == "gaussian" and holds_counts(X, p.layer):
        warn(
            "X is an AnnData object of counts, and likelihood='gaussian' models real numbers: "
            "likelihood='negative_binomial' models counts"
        )
    check = LIKELIHOODS[p.likelihood].check
    return RowReader(conditions=apart, layer=p.layer, image_shape=p.image_shape, check=check, **common)


def holds_counts(X: Any, layer: str | None) -> bool:
    """Whether X is an AnnData object in memory whose first values are counts: many zeros, and no fraction."""
    if not is_annotated(X) or getattr(X, "isbacked", False):
        return False
    values = matrix(X, layer)[:_LOOKED_AT]
    numbers = values.data if sp.issparse(values) else values
    share_of_zeros = 1 - np.count_nonzero(numbers) / max(1, math.prod(values.shape))
    whole = numbers.size > 0 and numbers.min() >= 0 and bool(np.all(numbers == np.floor(numbers)))
    return whole and numbers.max() > _MANY and share_of_zeros > _ZEROS


def _is_table(X: Any) -> bool:
    """Whether X, made readable, is a frame or a dense array of two dimensions."""
    if is_annotated(X) or sp.issparse(X):
        return False
    return is_frame(X) or (np.asarray(X, dtype=object) if not hasattr(X, "ndim") else X).ndim == 2


def _refuse_for_rows(name: str, value: Any, allowed: list[Any]) -> None:
    """Refuse a hyper-parameter that is for tables."""
    if not any(type(value) is type(other) and value == other for other in allowed):
        raise ValueError(
            f"{name}={value!r} is for frames and dense arrays of shape (n_samples, n_features); sparse X, images and "
            "AnnData are read as rows of numbers"
        )


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
    if not _is_table(X):
        _refuse_for_rows("scaling", scaling, ["auto", "standard"])
        _refuse_for_rows("categorical_features", categorical_features, _NONE_NAMED)
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
    """Whether a table has categorical columns, or misses numbers in a frame or an array of objects."""
    table = as_table(X)
    if categories_of(table, categorical_features, conditions):
        return True
    if isinstance(table, np.ndarray) and table.dtype != object:
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
    if not _is_table(X):
        _refuse_for_rows("categorical_features", categorical_features, _NONE_NAMED)
        return
    auto = isinstance(categorical_features, str) and categorical_features == "auto"
    if auto and not is_frame(X) and str(getattr(X, "dtype", "list")) != "object":
        return  # an array of numbers, or what the check of numbers refuses
    table = as_table(X)
    for position in categories_of(table, categorical_features, conditions):
        values = table[:, position] if isinstance(table, np.ndarray) else table[table.columns[position]]
        if auto and str(values.dtype).lower() in ("bool", "boolean"):
            continue  # zeros and ones
        raise ValueError(
            f"{phrase(table, position)} of X holds categories, which {why} does not model: expected "
            f"{_FOR_TABLES}, or numbers"
        )
