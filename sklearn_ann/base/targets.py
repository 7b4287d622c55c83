"""What is predicted: targets are learned in ``fit`` like samples, and outputs are turned back into predictions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from scipy.special import expit, softmax
from sklearn.utils import check_array, column_or_1d, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from torch import Tensor
from torch.nn import functional as F

from sklearn_ann.reading import Learned
from sklearn_ann.reading.scaling import mean_and_scale
from sklearn_ann.training import Error, Samples


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """-log softmax(logits)[target] of each sample."""
    return F.cross_entropy(logits, target, reduction="none")


def independent_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy of each sample, summed over its labels."""
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(dim=1)


def mean_squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Squared error of each sample, averaged over its outputs."""
    return (output - target).square().mean(dim=1)


class Targets(Learned, ABC):
    """Encodes targets.

    Attributes
    ----------
    n_outputs : int
        Number of outputs that the network needs.
    """

    n_outputs: int

    @abstractmethod
    def learn(self, y: Any, weight: np.ndarray | None, **options: Any) -> Tensor | Samples:
        """Check and encode `y`, and learn what later targets are held to.

        Targets of different sizes are `Samples`.
        """

    @abstractmethod
    def read(self, y: Any, **options: Any) -> Tensor | Samples:
        """Check `y` against what was learned, and encode it."""

    def weights(self, y: Any) -> np.ndarray | None:
        """Return weights of the samples that follow from `y`; they multiply with ``sample_weight``."""
        return None

    def strata(self, target: Any) -> np.ndarray | None:
        """Return what held-out samples are stratified by; `target` is what `learn` or `read` returned."""
        return None

    @property
    @abstractmethod
    def error(self) -> Error:
        """Error of the network's outputs."""

    def _checked(self, y: Any) -> Any:
        if y is None:
            raise ValueError(f"This {self.owner} requires y to be passed, but the target y is None")
        how = {"accept_sparse": "csr", "ensure_2d": False, "dtype": None, "input_name": "y", "estimator": self.owner}
        return check_array(y, **how)

    @property
    def attributes(self) -> dict[str, Any]:
        """Number of outputs."""
        return {"n_outputs_": self.n_outputs}


class ClassTargets(Targets):
    """Classes: two, several, or several labels per sample.

    Parameters
    ----------
    class_weight : dict, list of dicts, "balanced" or None

    Attributes
    ----------
    classes : array of shape (n_classes,)
    multilabel : bool
    """

    classes: np.ndarray
    multilabel: bool

    def __init__(self, *, class_weight: Any = None, **common: Any) -> None:
        super().__init__(**common)
        self.class_weight = class_weight

    def learn(self, y: Any, weight: np.ndarray | None, *, classes: Any = None, **options: Any) -> Tensor:
        """Learn the classes, which are `classes` or those in `y`."""
        y, self.multilabel = self._labels(y)
        if self.multilabel:
            self.classes = np.arange(y.shape[1])
        else:
            self.classes = unique_labels(y if classes is None else classes)
        self.n_outputs = 1 if self.binary else len(self.classes)
        return self._encoded(y)

    def read(self, y: Any, *, classes: Any = None, **options: Any) -> Tensor:
        """Return codes of known classes; `classes` must be those of the first call to ``partial_fit``."""
        if classes is not None and not np.array_equal(self.classes, unique_labels(classes)):
            raise ValueError(f"classes={classes} is not what the first call to partial_fit was given: {self.classes}")
        y, multilabel = self._labels(y)
        if multilabel != self.multilabel or (multilabel and y.shape[1] != len(self.classes)):
            raise ValueError(
                f"y is of type {type_of_target(y)!r}, but this {self.owner} knows "
                f"{'any set' if self.multilabel else 'one'} of the classes {self.classes} for each sample"
            )
        return self._encoded(y)

    def _labels(self, y: Any) -> tuple[np.ndarray, bool]:
        y = self._checked(y)
        check_classification_targets(y)
        if type_of_target(y) == "multilabel-indicator":
            return (y.toarray() if sp.issparse(y) else y), True
        return column_or_1d(y, warn=True), False

    def _encoded(self, y: np.ndarray) -> Tensor:
        if self.multilabel:
            return torch.as_tensor(y, dtype=self.dtype)
        unknown = np.setdiff1d(y, self.classes)
        if len(unknown):
            raise ValueError(f"y has the unknown labels {unknown}; known are {self.classes}")
        codes = torch.from_numpy(np.searchsorted(self.classes, y))  # (n_samples,)
        return codes[:, None].to(self.dtype) if self.binary else codes

    def weights(self, y: Any) -> np.ndarray | None:
        """Return the weights of the samples' classes."""
        if self.class_weight is None:
            return None
        labels, _ = self._labels(y)
        of_class: np.ndarray = compute_sample_weight(self.class_weight, labels)
        if not (np.isfinite(of_class).all() and (of_class >= 0).all()):
            raise ValueError(f"class_weight must be finite and not negative, got {self.class_weight}")
        return of_class

    def strata(self, target: Tensor) -> np.ndarray | None:
        """Return the classes, unless a sample may have several."""
        return None if self.multilabel else target.numpy().ravel()

    @property
    def binary(self) -> bool:
        """Whether one output tells two classes apart."""
        return not self.multilabel and len(self.classes) == 2

    @property
    def error(self) -> Error:
        """Cross-entropy, in nats."""
        return independent_cross_entropy if self.binary or self.multilabel else cross_entropy

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Turn outputs into probabilities, in float64: rows sum to one, and different logits stay different."""
        logits = logits.astype(np.float64)
        if self.multilabel:
            return np.asarray(expit(logits))
        both = np.hstack([expit(-logits), expit(logits)]) if self.binary else softmax(logits, axis=1)
        return np.asarray(both)

    def predictions(self, logits: np.ndarray) -> np.ndarray:
        """Turn outputs into labels."""
        if self.multilabel:
            return (logits > 0).astype(int)
        codes = (logits[:, 0] > 0).astype(int) if self.binary else logits.argmax(axis=1)
        return np.asarray(self.classes[codes])

    @property
    def attributes(self) -> dict[str, Any]:
        """Classes and number of outputs."""
        return super().attributes | {"classes_": self.classes}


class NumberTargets(Targets):
    """Numbers, one or several per sample, standardised."""

    def learn(self, y: Any, weight: np.ndarray | None, **options: Any) -> Tensor:
        """Learn mean and standard deviation of each output."""
        y, self._shape = self._numbers(y)
        self.n_outputs = y.shape[1]
        self._mean, self._scale = mean_and_scale(y, weight, "y")
        return self._encoded(y)

    def read(self, y: Any, **options: Any) -> Tensor:
        """Return as many outputs, in the units of the fit."""
        y, _ = self._numbers(y)
        if y.shape[1] != self.n_outputs:
            raise ValueError(f"y has {y.shape[1]} columns, but {self.owner} was fitted to {self.n_outputs}")
        return self._encoded(y)

    def _numbers(self, y: Any) -> tuple[np.ndarray, tuple[int, ...]]:
        y = self._checked(y)
        if sp.issparse(y):
            raise TypeError("y is a sparse matrix, but a dense array was expected: use y.toarray()")
        return np.asarray(y, dtype=np.float64).reshape(len(y), -1), y.shape[1:]  # (n_samples, n_outputs)

    def _encoded(self, y: np.ndarray) -> Tensor:
        return torch.as_tensor((y - self._mean) / self._scale, dtype=self.dtype)

    @property
    def error(self) -> Error:
        """Squared error, in variances of y."""
        return mean_squared_error

    def predictions(self, outputs: np.ndarray) -> np.ndarray:
        """Turn outputs into numbers in their own unit."""
        values: np.ndarray = outputs * self._scale + self._mean
        return values.reshape(len(values), *self._shape)
