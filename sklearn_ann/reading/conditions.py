"""Conditions: categories that a sample depends on, such as its class or its batch."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.utils import check_array, check_consistent_length
from torch import Tensor

from sklearn_ann._sklearn import safe_indexing
from sklearn_ann.reading.columns import (
    as_table,
    categorical_positions,
    column,
    encode,
    find_categories,
    is_missing,
)
from sklearn_ann.reading.reader import Reader
from sklearn_ann.reading.rows import RowReader
from sklearn_ann.training import Examples, Rows, Samples, as_tensor


def is_annotated(X: Any) -> bool:
    """Return whether `X` is an AnnData object, judged by its attributes: anndata need not be installed."""
    return all(hasattr(X, part) for part in ("X", "layers", "obs"))


def condition_columns(table: Any, columns: Any) -> tuple[np.ndarray, list[int]]:
    """Split a table into its conditions and the rest.

    Returns
    -------
    labels : array of objects of shape (n_samples, n_conditions)
    rest : list of int
        Positions of the other columns.

    Raises
    ------
    ValueError
        If the table has no such column.
    """
    positions = categorical_positions(table, columns, "conditions")
    if not positions:
        raise ValueError(f"conditions={columns!r} are no columns of X: expected one column or more")
    labels = np.column_stack([column(table, position) for position in positions])
    return labels, [position for position in range(table.shape[1]) if position not in positions]


def as_labels(y: Any) -> np.ndarray:
    """Return labels as an array of objects of shape (n_samples, n_conditions).

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
        Weighted share of the samples that have each combination.
    """

    def __init__(self, labels: np.ndarray, weight: np.ndarray | None) -> None:
        columns = range(labels.shape[1])
        self.categories = [find_categories(labels[:, i], f"condition {i}") for i in columns]
        for i, known in enumerate(self.categories):
            if fractions := [value for value in known if isinstance(value, float) and not value.is_integer()]:
                raise ValueError(
                    f"condition {i} has the value {fractions[0]}: conditions are categories, not quantities"
                )
        codes, inverse = np.unique(self._codes(labels), axis=0, return_inverse=True)
        self.combinations = np.column_stack([self.categories[i][codes[:, i]] for i in columns])
        counts = np.bincount(inverse.ravel(), weights=weight)
        self.shares = counts / counts.sum()

    @property
    def n_levels(self) -> int:
        """Number of categories of all conditions together."""
        return sum(map(len, self.categories))

    def one_hot(self, labels: np.ndarray) -> np.ndarray:
        """Return one-hot rows of shape (n_samples, n_levels).

        Raises
        ------
        ValueError
            If a label is missing or did not occur in the fit.
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
        """Draw labels with the probabilities `shares`; return shape (n_samples, n_conditions)."""
        drawn: np.ndarray = self.combinations[rng.choice(len(self.shares), size=n_samples, p=self.shares)]
        return drawn


class ConditionedBatch(NamedTuple):
    """Samples, or their codes, with their conditions."""

    x: Tensor  # (batch, n_features), or codes of shape (batch, n_components)
    conditions: Tensor  # (batch, n_levels), one-hot; n_levels is 0 without conditions


class ConditionedSamples(Samples):
    """Samples with conditions.

    Parameters
    ----------
    samples : Samples
    conditions : Tensor of shape (n_samples, n_levels)
        One-hot rows.
    labels : array of objects of shape (n_samples, n_conditions) or None
        The conditions before they are encoded.
    """

    def __init__(self, samples: Samples, conditions: Tensor, labels: np.ndarray | None = None) -> None:
        self.samples, self.conditions, self.labels = samples, conditions, labels
        self.device, self.least_batch = samples.device, samples.least_batch
        self.nbytes = samples.nbytes + conditions.nbytes

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: Tensor) -> ConditionedBatch:
        return ConditionedBatch(self.samples[index], self.conditions.index_select(0, index))

    def to(self, device: torch.device) -> ConditionedSamples:
        """Return the same samples on `device`."""
        return ConditionedSamples(self.samples.to(device), self.conditions.to(device))


class ConditionedReader(Reader[ConditionedSamples]):
    """Reads rows and their conditions, which are columns of X, or y.

    Parameters
    ----------
    conditions : None, "y", or column name, position, or list of these
    layer : str or None
        Layer of an AnnData object to read; None reads its ``X``.
    image_shape, check
        See `RowReader`.

    Attributes
    ----------
    rows : RowReader
        Reads the samples without their conditions.
    known : Conditions or None
        The conditions of the fit; None without conditions.
    """

    known: Conditions | None = None

    def __init__(
        self,
        *,
        owner: str,
        dtype: torch.dtype,
        conditions: Any,
        layer: str | None,
        image_shape: tuple[int, ...] | None,
        check: Callable[[Samples], None],
    ) -> None:
        super().__init__(owner=owner, dtype=dtype)
        self.rows = RowReader(owner=owner, dtype=dtype, image_shape=image_shape, check=check)
        self.columns = self.rows.columns
        self.conditions = copy.copy(conditions)  # a list may change after the fit
        self.layer, self.check = layer, check

    def learn(self, X: Any, y: Any = None) -> ConditionedSamples:
        """Learn the columns; `finish` learns the conditions."""
        samples = self._values(X, reset=True)
        return ConditionedSamples(samples, self._one_hot(samples, None), self._labels(X, y, len(samples)))

    def read(self, X: Any, y: Any = None) -> ConditionedSamples:
        """Return samples with their conditions, which must be known."""
        samples = self.values(X)
        return self.conditioned(samples, self._labels(X, y, len(samples)))

    def values(self, X: Any) -> Samples:
        """Return samples without their conditions."""
        return self._values(X, reset=False)

    def conditioned(self, samples: Samples, labels: np.ndarray | None) -> ConditionedSamples:
        """Join samples and labels of shape (n_samples, n_conditions)."""
        return ConditionedSamples(samples, self._one_hot(samples, labels))

    def finish(self, examples: Examples[ConditionedSamples]) -> Examples[ConditionedSamples]:
        """Learn the categories and shares of the conditions, and encode the conditions."""
        samples, labels = examples.samples, examples.samples.labels
        if labels is not None:
            self.known = Conditions(labels, None if examples.weight is None else examples.weight.numpy())
        return dataclasses.replace(examples, samples=self.conditioned(samples.samples, labels))

    def asked_for(self, y: Any, n_samples: int) -> np.ndarray | None:
        """Return the conditions to decode under, shape (n_samples, n_conditions); None without conditions.

        One label, or a tuple with one label per condition, holds for all samples.
        """
        if self.known is None:
            if y is not None:
                raise ValueError(f"y={y!r}, but this {self.owner} was fitted without conditions")
            return None
        if y is None:
            known = " with any of ".join(str(categories.tolist()) for categories in self.known.categories)
            raise ValueError(f"y, a condition to decode under, is needed: expected any of {known}")
        if np.ndim(y) == 0 or isinstance(y, tuple):
            one = np.empty((1, len(y) if isinstance(y, tuple) else 1), dtype=object)
            one[0, :] = y
            return one.repeat(n_samples, axis=0)
        labels = as_labels(y)
        if len(labels) != n_samples:
            raise ValueError(f"y has {len(labels)} labels, but there are {n_samples} samples")
        return labels

    def _values(self, X: Any, *, reset: bool) -> Samples:
        if is_annotated(X):
            if self.layer is not None and self.layer not in X.layers:
                raise ValueError(f"layer={self.layer!r}: X has the layers {sorted(X.layers)}")
            X = X.X if self.layer is None else X.layers[self.layer]
        elif self._in_columns:
            return self._without_conditions(X, reset=reset)
        return self.rows.learn(X) if reset else self.rows.read(X)

    def _without_conditions(self, X: Any, *, reset: bool) -> Samples:
        table = as_table(X)
        (self.columns.learn if reset else self.columns.read)(table, skip_check_array=True)
        _, rest = condition_columns(table, self.conditions)
        if not rest:
            raise ValueError(f"conditions={self.conditions!r} are all columns of X: nothing is left to model")
        values = check_array(safe_indexing(table, rest, axis=1), dtype=self.numpy_dtype, order="C")
        samples = Rows(as_tensor(values))
        self.check(samples)
        return samples

    @property
    def _in_columns(self) -> bool:
        return self.conditions is not None and not self._in_target

    @property
    def _in_target(self) -> bool:
        return isinstance(self.conditions, str) and self.conditions == "y"

    def _labels(self, X: Any, y: Any, n_samples: int) -> np.ndarray | None:
        if self._in_columns:
            return condition_columns(X.obs if is_annotated(X) else as_table(X), self.conditions)[0]
        if not self._in_target:
            return None
        if y is None:
            raise ValueError("conditions='y' needs y, the conditions of the samples; got None")
        labels = as_labels(y)
        check_consistent_length(range(n_samples), labels)
        return labels

    def _one_hot(self, samples: Samples, labels: np.ndarray | None) -> Tensor:
        rows = np.empty((len(samples), 0)) if self.known is None or labels is None else self.known.one_hot(labels)
        return torch.as_tensor(rows, dtype=self.dtype)
