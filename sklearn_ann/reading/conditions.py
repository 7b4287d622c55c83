"""Conditions: categories that a sample depends on, such as its class or its batch."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.utils import check_consistent_length
from torch import Tensor

from sklearn_ann.reading.annotated import is_annotated
from sklearn_ann.reading.chunks import columns_in_memory, first_of
from sklearn_ann.reading.columns import (
    as_table,
    column,
    condition_positions,
    encode,
    find_categories,
    is_missing,
    names_of,
    refuse_mask,
)
from sklearn_ann.reading.reader import Reader
from sklearn_ann.training import Examples, Samples


def as_labels(y: Any) -> np.ndarray:
    """Return labels as an array of objects of shape (n_samples, n_conditions).

    Raises
    ------
    ValueError
        If `y` has more than two dimensions, or a mask.
    """
    refuse_mask(y, "y")
    values = np.asarray(y, dtype=object)
    if values.ndim not in (1, 2):
        raise ValueError(f"y must have the shape (n_samples,) or (n_samples, n_conditions), got {values.shape}")
    return values if values.ndim == 2 else values[:, None]


def as_found(labels: np.ndarray) -> np.ndarray:
    """Return labels as a user has them: of NumPy's own type if it holds them unchanged, and in one row if possible.

    Parameters
    ----------
    labels : array of objects of shape (n_samples, n_conditions)
    """
    labels = labels[:, 0] if labels.shape[1] == 1 else labels
    values = labels.tolist()
    try:
        plain = np.array(values)
    except ValueError:  # labels that are sequences
        return labels
    # Of names and years, NumPy would make text.
    return plain if plain.shape == labels.shape and plain.tolist() == values else labels


class Conditions:
    """The categories of each condition and how often their combinations occur.

    Parameters
    ----------
    labels : array of objects of shape (n_samples, n_conditions)
    weight : array of shape (n_samples,) or None
    rows : array of int or None
        The samples to learn from; None for all.
    names : list of str or None
        Names of the conditions.

    Attributes
    ----------
    categories : list of arrays
    combinations : array of objects of shape (n_combinations, n_conditions)
    shares : array of shape (n_combinations,)
        Weighted share of the samples that have each combination.
    """

    def __init__(
        self,
        labels: np.ndarray,
        weight: np.ndarray | None,
        rows: np.ndarray | None = None,
        names: list[Any] | None = None,
    ) -> None:
        rows = np.arange(len(labels)) if rows is None else rows
        columns = range(labels.shape[1])
        self.phrases = [f"condition {i if names is None else repr(names[i])}" for i in columns]
        self.categories = [find_categories(labels[rows, i], self.phrases[i]) for i in columns]
        for phrase, known in zip(self.phrases, self.categories, strict=True):
            if fractions := [value for value in known if isinstance(value, float) and not value.is_integer()]:
                raise ValueError(
                    f"{phrase} has the value {fractions[0]}: expected categories, such as text or integers"
                )
        codes, inverse = np.unique(self._codes(labels, rows), axis=0, return_inverse=True)
        self.combinations = np.column_stack([self.categories[i][codes[:, i]] for i in columns])
        counts = np.bincount(inverse.ravel(), weights=None if weight is None else weight[rows])
        self.shares = counts / counts.sum()

    @property
    def n_levels(self) -> int:
        """Number of categories of all conditions together."""
        return sum(map(len, self.categories))

    def one_hot(self, labels: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """Return one-hot rows of shape (n_samples, n_levels); samples that are not among `rows` have zeros.

        Raises
        ------
        ValueError
            If a label is missing or did not occur in the fit.
        """
        if labels.shape[1] != len(self.categories):
            raise ValueError(f"{labels.shape[1]} conditions were given, those of the fit were {len(self.categories)}")
        rows = np.arange(len(labels)) if rows is None else rows
        codes = self._codes(labels, rows)
        result = np.zeros((len(labels), self.n_levels))
        result[rows] = np.hstack([np.eye(len(known))[codes[:, i]] for i, known in enumerate(self.categories)])
        return result

    def _codes(self, labels: np.ndarray, rows: np.ndarray) -> np.ndarray:
        labels = labels[rows]
        codes = [encode(labels[:, i], known, self.phrases[i]) for i, known in enumerate(self.categories)]
        for i, (known, code) in enumerate(zip(self.categories, codes, strict=True)):
            if len(strange := np.flatnonzero(code >= len(known))):
                value = labels[strange[0], i]
                what = "a missing condition" if is_missing(value) else f"the unknown condition {value!r}"
                raise ValueError(f"sample {rows[strange[0]]} has {what}: expected one of fit, {known.tolist()}")
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
        self.device, self.multiple, self.one_shape = samples.device, samples.multiple, samples.one_shape
        self.nbytes = samples.nbytes + conditions.nbytes
        self.streamed, self.cut_at_once = samples.streamed, samples.cut_at_once

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: Tensor) -> ConditionedBatch:
        return ConditionedBatch(self.samples[index], self.conditions.index_select(0, index))

    def cut(self, indices: Sequence[Tensor]) -> Iterator[ConditionedBatch]:
        """Yield one batch per index."""
        for index, batch in zip(indices, self.samples.cut(indices), strict=True):
            yield ConditionedBatch(batch, self.conditions.index_select(0, index))

    def arranged(self, order: Tensor, n_batches: int) -> Sequence[Tensor]:
        """Divide samples, given in random `order`, into batches."""
        return self.samples.arranged(order, n_batches)

    def sorted(self, index: Tensor) -> Tensor:
        """Put the samples of `index` in the order in which to predict them."""
        return self.samples.sorted(index)

    def to(self, device: torch.device) -> ConditionedSamples:
        """Return the same samples on `device`; streamed ones stay where their batches are made."""
        return self if self.streamed else ConditionedSamples(self.samples.to(device), self.conditions.to(device))


def columns_of(conditions: Any) -> Any:
    """Return the conditions that are columns of X; None if they are in y, or if there are none."""
    return None if isinstance(conditions, str) and conditions == "y" else copy.copy(conditions)  # which may change


class ConditionedReader(Reader[ConditionedSamples]):
    """Reads samples and their conditions, which are columns of X, or y.

    Parameters
    ----------
    conditions : None, "y", or column name, position, or list of these
    rows : Reader
        Reads the samples without their conditions; it leaves out the columns that `columns_of` returns.

    Attributes
    ----------
    known : Conditions or None
        The conditions of the fit; None without conditions.
    names : list of str or None
        Names of the conditions; None if they have none.
    """

    known: Conditions | None = None
    names: list[Any] | None = None

    def __init__(self, *, owner: str, dtype: torch.dtype, conditions: Any, rows: Reader[Any]) -> None:
        super().__init__(owner=owner, dtype=dtype)
        self.rows = rows
        self.columns = rows.columns
        self.conditions = copy.copy(conditions)

    def learn(self, X: Any, y: Any = None) -> ConditionedSamples:
        """Learn the columns and where the conditions are; `finish` learns the conditions."""
        X = self.opened(X)
        if self._in_columns:
            table = self._table(X)
            positions, names = condition_positions(table, self.conditions), names_of(table)
            if names and all(isinstance(name, str) for name in names):
                self.names = [names[position] for position in positions]
            self.conditions = positions if self.names is None else self.names
        elif self._in_target and hasattr(y, "columns"):
            self.names = list(y.columns)
        samples = self.rows.learn(X)
        return ConditionedSamples(samples, self._one_hot(samples, None), self._labels(X, y, len(samples)))

    def read(self, X: Any, y: Any = None) -> ConditionedSamples:
        """Return samples with their conditions, which must be known."""
        X = self.opened(X)
        samples = self.values(X)
        return self.conditioned(samples, self._labels(X, y, len(samples)))

    def values(self, X: Any) -> Samples:
        """Return samples without their conditions."""
        found: Samples = self.rows.read(X)
        return found

    def conditioned(self, samples: Samples, labels: np.ndarray | None) -> ConditionedSamples:
        """Join samples and labels of shape (n_samples, n_conditions)."""
        return ConditionedSamples(samples, self._one_hot(samples, labels))

    def finish(self, examples: Examples[Any]) -> Examples[Any]:
        """Learn what the samples are read by, and the categories and shares of the conditions; encode both."""
        given, labels = examples.samples, examples.samples.labels
        samples = self.rows.finish(dataclasses.replace(examples, samples=given.samples)).samples
        if labels is None:
            return dataclasses.replace(examples, samples=ConditionedSamples(samples, given.conditions))
        rows = None if examples.rows is None else examples.rows.numpy()
        weight = None if examples.weight is None else examples.weight.numpy()
        self.known = Conditions(labels, weight, rows, self.names)
        one_hot = torch.as_tensor(self.known.one_hot(labels, rows), dtype=self.dtype)
        return dataclasses.replace(examples, samples=ConditionedSamples(samples, one_hot))

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
        labels = self._by_name(y)
        if len(labels) != n_samples:
            raise ValueError(f"y has {len(labels)} labels, but there are {n_samples} samples")
        return labels

    def labels_for(self, y: Any, n_samples: int, rng: np.random.RandomState) -> np.ndarray | None:
        """Return the conditions to draw under; without `y` they are drawn too, with their frequencies in the fit."""
        return self.known.draw(n_samples, rng) if self.known and y is None else self.asked_for(y, n_samples)

    @staticmethod
    def beside(samples: Any, labels: np.ndarray | None) -> Any:
        """Return samples, and their conditions beside them if there are any, as a user gave them."""
        if labels is None:
            return samples
        return samples, as_found(labels)

    def _table(self, X: Any) -> Any:
        """Return the table that has the conditions."""
        X = getattr(X, "annotated", X)  # of a stream
        if not is_annotated(X):
            return as_table(first_of(X))
        if not hasattr(X, "obs"):
            raise ValueError(f"conditions={self.conditions!r}: adata.raw has no obs, give adata.raw.to_adata()")
        return X.obs

    @property
    def in_pieces(self) -> bool:
        """The conditions are in memory all the same."""
        return self.rows.in_pieces

    @property
    def _in_columns(self) -> bool:
        return columns_of(self.conditions) is not None

    @property
    def _in_target(self) -> bool:
        return isinstance(self.conditions, str) and self.conditions == "y"

    def _labels(self, X: Any, y: Any, n_samples: int) -> np.ndarray | None:
        if self._in_columns:
            stream = self.stream(X)
            if stream is not None and not hasattr(stream, "annotated"):
                return columns_in_memory(stream, lambda table: condition_positions(table, self.conditions))
            table = self._table(X)
            return np.column_stack([column(table, i) for i in condition_positions(table, self.conditions)])
        if not self._in_target:
            return None
        if y is None:
            raise ValueError("conditions='y' needs y, the conditions of the samples; got None")
        labels = self._by_name(y)
        check_consistent_length(range(n_samples), labels)
        return labels

    def _by_name(self, y: Any) -> np.ndarray:
        """Return labels, their columns in the order of the fit if both have names."""
        labels = as_labels(y)
        if self.names is None or not hasattr(y, "columns"):
            return labels
        found = list(y.columns)
        if sorted(found) != sorted(self.names):
            raise ValueError(f"y has the columns {found}, but the conditions of the fit were {self.names}")
        return labels[:, [found.index(name) for name in self.names]]

    def _one_hot(self, samples: Samples, labels: np.ndarray | None) -> Tensor:
        rows = np.empty((len(samples), 0)) if self.known is None or labels is None else self.known.one_hot(labels)
        return torch.as_tensor(rows, dtype=self.dtype)
