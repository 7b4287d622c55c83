"""Conditions: categories that a sample is drawn under, such as its class or its batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing

from sklearn_ann.preprocessing.columns import categorical_positions, column, encode, find_categories, is_missing


def split_columns(table: Any, columns: Any) -> tuple[Any, np.ndarray]:
    """Take the columns of conditions out of a table; return what is left and them, shape (n_samples, n_conditions).

    Raises
    ------
    ValueError
        If there is no such column, or no other.
    """
    positions = categorical_positions(table, columns, "conditions")
    rest = [position for position in range(table.shape[1]) if position not in positions]
    if not rest:
        raise ValueError(f"conditions={columns!r} are all columns of X: there is nothing left to model")
    return _safe_indexing(table, rest, axis=1), np.column_stack([column(table, position) for position in positions])


def as_labels(y: Any) -> np.ndarray:
    """Labels as an array of objects of shape (n_samples, n_conditions).

    Raises
    ------
    ValueError
        If `y` has more than two dimensions.
    """
    values = np.asarray(y, dtype=object)
    if values.ndim not in (1, 2):
        raise ValueError(f"y must have the shape (n_samples,) or (n_samples, n_conditions), got {values.shape}")
    return values.reshape(len(values), -1)


class Conditions:
    """The categories of each condition and how often their combinations occur.

    Parameters
    ----------
    labels : array of objects of shape (n_samples, n_conditions)
    weight : array of shape (n_samples,) or None

    Attributes
    ----------
    categories : list of arrays
    combinations : array of objects of shape (n_combinations, n_conditions)
    shares : array of shape (n_combinations,)
        How often each occurs.
    """

    def __init__(self, labels: np.ndarray, weight: np.ndarray | None) -> None:
        columns = range(labels.shape[1])
        self.categories = [find_categories(labels[:, i], f"condition {i}") for i in columns]
        codes, inverse = np.unique(self._codes(labels), axis=0, return_inverse=True)
        self.combinations = np.column_stack([self.categories[i][codes[:, i]] for i in columns])
        counts = np.bincount(inverse.ravel(), weights=weight)
        self.shares = counts / counts.sum()

    @property
    def n_levels(self) -> int:
        """The number of categories of all conditions together."""
        return sum(map(len, self.categories))

    def one_hot(self, labels: np.ndarray) -> np.ndarray:
        """Rows of shape (n_samples, n_levels).

        Raises
        ------
        ValueError
            If a label is missing, or if it was not among those that the conditions are known from.
        """
        if labels.shape[1] != len(self.categories):
            raise ValueError(f"{labels.shape[1]} conditions were given, those of the fit were {len(self.categories)}")
        codes = self._codes(labels)
        return np.hstack([np.eye(len(known))[codes[:, i]] for i, known in enumerate(self.categories)])

    def _codes(self, labels: np.ndarray) -> np.ndarray:
        codes = [encode(labels[:, i], known, f"condition {i}") for i, known in enumerate(self.categories)]
        for i, (known, code) in enumerate(zip(self.categories, codes, strict=True)):
            if len(strange := np.flatnonzero(code >= len(known))):
                value = labels[strange[0], i]
                what = "a missing condition" if is_missing(value) else f"the unknown condition {value!r}"
                raise ValueError(f"sample {strange[0]} has {what}; known are {known.tolist()}")
        return np.column_stack(codes)

    def draw(self, n_samples: int, rng: np.random.RandomState) -> np.ndarray:
        """Draw labels, as often as they occur, shape (n_samples, n_conditions)."""
        drawn: np.ndarray = self.combinations[rng.choice(len(self.shares), size=n_samples, p=self.shares)]
        return drawn
