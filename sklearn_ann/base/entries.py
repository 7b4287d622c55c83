"""Targets as people bring them, turned into plain arrays: nullable types, objects, tensors, and what is missing."""

from __future__ import annotations

from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch

from sklearn_ann.reading.columns import is_missing
from sklearn_ann.training import as_array


def plain_targets(y: Any) -> Any:
    """Return targets as scikit-learn reads them: a tensor, nullable columns or objects of one kind as a plain array.

    Objects that are all bools, whole numbers or numbers get the type of these; so do nullable and categorical columns.
    Lists in which entries are missing, or are text beside numbers, become objects, as NumPy would make text of all.
    Anything else stays as it is.

    Raises
    ------
    ValueError
        If `y` is a list of lists of different lengths.
    """
    if isinstance(y, torch.Tensor):
        return as_array(y)
    if isinstance(y, list | tuple):
        entries = _entries(y)
        texts = sum(isinstance(entry, str) for entry in entries.flat)
        kept = missing_entries(entries).any() or 0 < texts < entries.size or _is_exact(entries)
        return plain(entries) if kept else list(y)  # SciPy reads a tuple as the parts of a sparse matrix
    if isinstance(getattr(y, "dtype", None), np.dtypes.ObjectDType):
        entries = np.asarray(y)
        found = plain(entries)
        return y if found is entries else found
    if hasattr(y, "dtypes") and not isinstance(y, np.ndarray):
        kinds = list(y.dtypes) if hasattr(y, "columns") else [y.dtype]
        if any(not isinstance(kind, np.dtype) or kind.kind == "O" for kind in kinds):
            return plain(np.asarray(y, dtype=object))
    return y


def _entries(y: list[Any] | tuple[Any, ...]) -> np.ndarray:
    sizes = [len(target) if _is_row(target) else 1 for target in y]
    for sample, size in enumerate(sizes):
        if size != sizes[0]:
            raise ValueError(
                f"y of sample {sample} has {size} targets, and that of sample 0 has {sizes[0]}: expected as many"
            )
    return np.array(y, dtype=object)


def _is_row(target: Any) -> bool:
    return isinstance(target, list | tuple) or (isinstance(target, np.ndarray) and target.ndim > 0)


def _is_exact(entries: np.ndarray) -> bool:
    """Return whether a list holds decimals or fractions, which NumPy would leave objects."""
    known = (int, float, np.generic)
    return any(isinstance(value, Decimal | Real) and not isinstance(value, known) for value in entries.flat)


def plain(entries: np.ndarray) -> np.ndarray:
    """Return objects as bools, as whole numbers or as floats, if they all are such.

    With several columns, what is missing is NaN among floats; a column of targets of which some are missing stays.
    """
    values = [value for value in entries.ravel().tolist() if not is_missing(value)]
    lacking = len(values) < entries.size
    if not values or (lacking and (entries.ndim != 2 or entries.shape[1] == 1)):
        return entries
    if all(isinstance(value, bool | np.bool) for value in values):
        return entries if lacking else entries.astype(bool)
    if any(isinstance(value, bool | np.bool) or not isinstance(value, Real | Decimal) for value in values):
        return entries
    whole = not lacking and all(isinstance(value, Integral) for value in values)
    try:
        return np.where(missing_entries(entries), np.nan, entries).astype(np.int64 if whole else np.float64)
    except OverflowError:  # read further on, or refused there with the sample's name
        return entries


def missing_entries(y: np.ndarray) -> np.ndarray:
    """Return which entries are missing: NaN, None, NA."""
    if y.dtype.kind == "f":
        return np.asarray(np.isnan(y))
    if y.dtype != object:
        return np.zeros(y.shape, dtype=bool)
    return np.reshape([is_missing(value) for value in y.ravel().tolist()], y.shape).astype(bool)
