"""Classifier and regressor: one network with two heads, each also a transformer."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
import scipy.sparse as sp
import torch
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets, type_of_target, unique_labels
from sklearn.utils.validation import _check_y, column_or_1d
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann import training
from sklearn_ann.base.estimator import NeuralTransformer


class WithHead(nn.Module):
    """A body that turns a batch into features and a linear head that turns features into outputs.

    Parameters
    ----------
    body : nn.Module
        Maps a batch to features of shape (batch, n_features).
    n_features, n_outputs : int
    """

    def __init__(self, body: nn.Module, n_features: int, n_outputs: int) -> None:
        super().__init__()
        self.body = body
        self.head = nn.Linear(n_features, n_outputs)

    def forward(self, batch: Any) -> Tensor:
        """Map a batch to outputs of shape (batch, n_outputs)."""
        outputs: Tensor = self.head(self.features(batch))
        return outputs

    def features(self, batch: Any) -> Tensor:
        """Map a batch to features of shape (batch, n_features)."""
        features: Tensor = self.body(batch)
        return features


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """-log softmax(logits)[target] for each sample."""
    return F.cross_entropy(logits, target, reduction="none")


def _independent_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy of each sample, summed over its labels."""
    return F.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(dim=1)


def mean_squared_error(output: Tensor, target: Tensor) -> Tensor:
    """Squared error of each sample, averaged over its outputs."""
    return (output - target).square().mean(dim=1)


def mean_and_scale(values: np.ndarray, weight: np.ndarray | None, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of columns, with weights; of a constant column the latter is 1.

    Raises
    ------
    ValueError
        If the squares of the `values`, called `name`, are not finite.
    """
    mean = np.average(values, axis=0, weights=weight)
    with np.errstate(over="ignore"):
        scale = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weight))
    if not np.isfinite(scale).all():
        raise ValueError(f"{name} has values too large to standardise: their squares are not finite")
    return mean, np.where(scale > 10 * np.finfo(float).eps * np.abs(mean), scale, 1.0)


class NeuralSupervised(NeuralTransformer):
    """What classifiers and regressors share: the head, and the features before it as a transformation.

    A subclass answers the second question by `_build_body`.

    Attributes
    ----------
    n_outputs_ : int
        Number of outputs of the network.
    """

    # Losses are in nats or, of a standardised target, in variances: below a hundredth they are as good as zero.
    _loss_floor: ClassVar[float] = 1e-2

    def _build_body(self, samples: training.Samples) -> tuple[nn.Module, int]:
        """What is the network, up to its penultimate layer? Return it and the number of features that it gives."""
        raise NotImplementedError

    def _check_target(self, y: Any, **options: Any) -> Any:
        if y is None:
            raise ValueError(f"This {type(self).__name__} requires y to be passed, but the target y is None")
        return _check_y(y, multi_output=True, estimator=self, **options)

    def _build(self, samples: training.Samples) -> nn.Module:
        body, n_features = self._build_body(samples)
        self._n_features_out = n_features
        return WithHead(body, n_features, self.n_outputs_)

    def transform(self, X: Any) -> np.ndarray:
        """Return the features that the network's last layer works on.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.

        Returns
        -------
        array of shape (n_samples, n_features_out)
        """
        return self._apply(X, WithHead.features)

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets.
        sample_weight : array-like of shape (n_samples,), default=None
            A sample of weight 2 counts as if it were there twice, one of weight 0 as if it were not there.
        X_val, y_val : as X and y, default=None
            Validation data: their loss is watched for early stopping.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the data are not what is described here, or if the loss ceases to be finite.
        """
        return self._fit(X, y, sample_weight=sample_weight, X_val=X_val, y_val=y_val)


class NeuralClassifier(ClassifierMixin, NeuralSupervised):
    """A network that predicts classes: two, several, or several labels for each sample.

    Parameters
    ----------
    class_weight : dict, list of dicts, "balanced" or None
        Weights of the classes, multiplied with ``sample_weight``; as in scikit-learn.

    Attributes
    ----------
    classes_ : array of shape (n_classes,)
        The class labels; for multilabel targets the indices of the columns of y.
    """

    class_weight: dict | list | Literal["balanced"] | None = None

    def _encode_target(
        self, y: Any, sample_weight: np.ndarray | None, *, reset: bool, classes: Any = None
    ) -> tuple[Tensor | None, np.ndarray | None]:
        y = self._check_target(y)
        check_classification_targets(y)
        multilabel = type_of_target(y) == "multilabel-indicator"
        if not multilabel:
            y = column_or_1d(y, warn=True)
        elif sp.issparse(y):
            y = y.toarray()
        if reset:
            self._multilabel = multilabel
            self.classes_ = np.arange(y.shape[1]) if multilabel else unique_labels(y if classes is None else classes)
            self.n_outputs_ = 1 if self._binary else len(self.classes_)
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(f"classes={classes} is not what the first call to partial_fit was given: {self.classes_}")
        if multilabel != self._multilabel or (multilabel and y.shape[1] != len(self.classes_)):
            raise ValueError(
                f"y is of type {type_of_target(y)!r}, but this {type(self).__name__} knows "
                f"{'any set' if self._multilabel else 'one'} of the classes {self.classes_} for each sample"
            )
        if self.class_weight is not None:
            of_class = compute_sample_weight(self.class_weight, y)
            if not (np.isfinite(of_class).all() and (of_class >= 0).all()):
                raise ValueError(f"class_weight must be finite and not negative, got {self.class_weight}")
            sample_weight = of_class if sample_weight is None else of_class * sample_weight
        if multilabel:
            return torch.as_tensor(y, dtype=self._dtype), sample_weight
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(f"y has the unknown labels {unknown}; known are {self.classes_}")
        codes = torch.from_numpy(np.searchsorted(self.classes_, y))  # (n_samples,)
        if self._binary:
            return codes[:, None].to(self._dtype), sample_weight
        return codes, sample_weight

    @property
    def _binary(self) -> bool:
        return not self._multilabel and len(self.classes_) == 2

    def _strata(self, target: Tensor | None) -> np.ndarray | None:
        return None if self._multilabel or target is None else target.numpy().ravel()

    def _error(self) -> training.Error:
        return _independent_cross_entropy if self._binary or self._multilabel else cross_entropy

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch more, on these samples alone.

        Parameters
        ----------
        X, y : as in ``fit``
            The samples and their targets.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come; read in the first call only. None for those in its `y`.
        sample_weight : as in ``fit``
            What each sample counts.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight=sample_weight, incremental=True, classes=classes)

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the outputs of the network before the link function.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.

        Returns
        -------
        array of shape (n_samples,) for two classes, else (n_samples, n_classes)
            Log-odds of the second class, or of each label; for several classes the logits of the softmax.
        """
        logits = self._apply(X, WithHead.forward)
        return logits[:, 0] if self._binary else logits

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, or of each label.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.

        Returns
        -------
        array of shape (n_samples, n_classes)
            In float64, so that rows sum to one and no two different log-odds give one probability.
        """
        logits = self._apply(X, WithHead.forward).astype(np.float64)
        if self._multilabel:
            return np.asarray(expit(logits))
        probabilities: np.ndarray = (
            np.hstack([expit(-logits), expit(logits)]) if self._binary else softmax(logits, axis=1)
        )
        return probabilities

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable class; for multilabel targets an indicator matrix of the probable labels.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.

        Returns
        -------
        array of shape (n_samples,) or (n_samples, n_classes)
        """
        logits = self._apply(X, WithHead.forward)
        if self._multilabel:
            return (logits > 0).astype(int)
        codes = (logits[:, 0] > 0).astype(int) if self._binary else logits.argmax(axis=1)
        return np.asarray(self.classes_[codes])

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags


class NeuralRegressor(RegressorMixin, NeuralSupervised):
    """A network that predicts one number or several.

    The targets are standardised for training, and predictions are returned in the targets' own unit.
    """

    def _encode_target(
        self, y: Any, sample_weight: np.ndarray | None, *, reset: bool
    ) -> tuple[Tensor | None, np.ndarray | None]:
        y = self._check_target(y, y_numeric=True)
        if sp.issparse(y):
            raise TypeError("y is a sparse matrix, but a dense array was expected: use y.toarray()")
        shape = y.shape[1:]
        y = np.asarray(y, dtype=np.float64).reshape(len(y), -1)  # (n_samples, n_outputs)
        if reset:
            self._y_shape = shape
            self.n_outputs_ = y.shape[1]
            self._y_mean, self._y_scale = mean_and_scale(y, sample_weight, "y")
        if y.shape[1] != self.n_outputs_:
            raise ValueError(f"y has {y.shape[1]} columns, but {type(self).__name__} was fitted to {self.n_outputs_}")
        standardised = (y - self._y_mean) / self._y_scale
        return torch.as_tensor(standardised, dtype=self._dtype), sample_weight

    def _error(self) -> training.Error:
        return mean_squared_error

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch more, on these samples alone.

        The mean and the standard deviation of the target stay those of the first call.

        Parameters
        ----------
        X, y, sample_weight : as in ``fit``
            The samples, their targets, and what each sample counts.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight=sample_weight, incremental=True)

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted targets, in float64 and in their own unit.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.

        Returns
        -------
        array of shape (n_samples,) or (n_samples, n_outputs), as y in ``fit``
        """
        standardised = self._apply(X, WithHead.forward)  # (n_samples, n_outputs)
        values: np.ndarray = standardised * self._y_scale + self._y_mean
        return values.reshape(len(values), *self._y_shape)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
