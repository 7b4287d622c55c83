"""Conditions: categories that a sample is drawn under, such as its class or its batch."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, validate_data
from torch import Tensor

from sklearn_ann import training
from sklearn_ann.base import NeuralTransformer
from sklearn_ann.preprocessing.columns import (
    as_table,
    categorical_positions,
    column,
    encode,
    find_categories,
    is_missing,
)


def is_annotated(X: Any) -> bool:
    """Whether `X` is an AnnData object, told by its parts: the package need not be there."""
    return all(hasattr(X, part) for part in ("X", "layers", "obs"))


def condition_columns(table: Any, columns: Any) -> tuple[np.ndarray, list[int]]:
    """Take the columns of conditions out of a table.

    Returns
    -------
    labels : array of objects of shape (n_samples, n_conditions)
    rest : list of int
        The other columns.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    positions = categorical_positions(table, columns, "conditions")
    if not positions:
        raise ValueError(f"conditions={columns!r} are no columns of X")
    labels = np.column_stack([column(table, position) for position in positions])
    return labels, [position for position in range(table.shape[1]) if position not in positions]


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


class ConditionedBatch(NamedTuple):
    """Samples, or codes of samples, and their conditions."""

    x: Tensor  # (batch, p), or codes of shape (batch, q)
    conditions: Tensor  # (batch, n_levels), one-hot; no columns without conditions


class ConditionedSamples(training.Samples):
    """Samples, each with a row of conditions.

    Parameters
    ----------
    samples : Samples
    conditions : Tensor of shape (n_samples, n_levels)
    """

    def __init__(self, samples: training.Samples, conditions: Tensor) -> None:
        self.samples, self.conditions = samples, conditions
        self.device, self.least_batch = samples.device, samples.least_batch
        self.nbytes = samples.nbytes + conditions.nbytes

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: Tensor) -> ConditionedBatch:
        return ConditionedBatch(self.samples[index], self.conditions.index_select(0, index))

    def to(self, device: torch.device) -> ConditionedSamples:
        return ConditionedSamples(self.samples.to(device), self.conditions.to(device))


class ConditionalEstimator(NeuralTransformer):
    """A network whose samples come with conditions, which are a part of them.

    Parameters
    ----------
    conditions : None, "y", or column name, position, or list of these
        What the distribution is conditional on, as categories: nothing; the y given to ``fit``, labels of shape
        (n_samples,) or (n_samples, n_conditions); or columns of X, which are taken out of it. The decoder reads them,
        the encoder does not: codes leave out what the conditions tell, as for the batches of single cells.

    layer : str or None
        X may be an AnnData object: the name of the layer that holds the data, None for its ``X``. Columns of conditions
        are then those of its ``obs``.

    Attributes
    ----------
    conditions_ : list of arrays or None
        The categories of each condition, sorted.
    """

    conditions: Any = None
    layer: str | None = None

    def _encode(self, X: Any, *, reset: bool) -> training.Samples:
        """Encode samples without their conditions."""
        if reset:
            self._condition_source = self.conditions
        if is_annotated(X):
            if self.layer is not None and self.layer not in X.layers:
                raise ValueError(f"layer={self.layer!r}: X has the layers {sorted(X.layers)}")
            X = X.X if self.layer is None else X.layers[self.layer]
        elif self._in_columns:
            return self._encode_table(X, reset)
        return super()._encode(X, reset=reset)

    def _encode_table(self, X: Any, reset: bool) -> training.Samples:
        table = as_table(X)
        validate_data(self, table, reset=reset, skip_check_array=True)
        _, rest = condition_columns(table, self._condition_source)
        if not rest:
            raise ValueError(f"conditions={self._condition_source!r} are all columns of X: nothing is left to model")
        values = check_array(_safe_indexing(table, rest, axis=1), dtype=self._numpy_dtype, order="C")
        return training.Rows(training.as_tensor(values))

    @property
    def _in_columns(self) -> bool:
        return self._condition_source is not None and not self._in_target

    @property
    def _in_target(self) -> bool:
        return isinstance(self._condition_source, str) and self._condition_source == "y"

    def _labels(self, X: Any, y: Any, n_samples: int) -> np.ndarray | None:
        """The conditions of samples, shape (n_samples, n_conditions)."""
        if self._in_columns:
            return condition_columns(X.obs if is_annotated(X) else as_table(X), self._condition_source)[0]
        if not self._in_target:
            return None
        if y is None:
            raise ValueError("conditions='y' needs y, the conditions of the samples; got None")
        labels = as_labels(y)
        check_consistent_length(range(n_samples), labels)
        return labels

    def _conditioned(self, samples: training.Samples, labels: np.ndarray | None) -> ConditionedSamples:
        rows = np.empty((len(samples), 0)) if self._known is None or labels is None else self._known.one_hot(labels)
        return ConditionedSamples(samples, torch.as_tensor(rows, dtype=self._dtype))

    def _examples(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool, **_options: Any
    ) -> tuple[training.Examples, Tensor | None]:
        examples, _no_target = super()._examples(X, None, sample_weight, reset=reset)
        samples, weight = examples.samples, examples.weight
        labels = self._labels(X, y, len(samples))
        if reset:
            self._known = None if labels is None else Conditions(labels, None if weight is None else weight.numpy())
        return dataclasses.replace(examples, samples=self._conditioned(samples, labels)), None

    def _asked_for(self, y: Any, n_samples: int) -> np.ndarray | None:
        """The conditions that a user asks for, shape (n_samples, n_conditions)."""
        if self._known is None:
            if y is not None:
                raise ValueError(f"y={y!r}, but this {type(self).__name__} was fitted without conditions")
            return None
        if y is None:
            known = " with any of ".join(str(categories.tolist()) for categories in self._known.categories)
            raise ValueError(f"y, a condition to decode under, is needed: any of {known}")
        if np.ndim(y) == 0 or isinstance(y, tuple):
            one = np.empty((1, len(y) if isinstance(y, tuple) else 1), dtype=object)
            one[0, :] = y
            return one.repeat(n_samples, axis=0)
        labels = as_labels(y)
        if len(labels) != n_samples:
            raise ValueError(f"y has {len(labels)} labels, but there are {n_samples} samples")
        return labels

    @property
    def conditions_(self) -> list[np.ndarray] | None:
        """The categories of each condition."""
        check_is_fitted(self)
        return None if self._known is None else self._known.categories
