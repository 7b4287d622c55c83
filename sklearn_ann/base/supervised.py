"""Classifier and regressor: one network with two kinds of targets; each is also a transformer."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import Tags

from sklearn_ann.base.estimator import NeuralEstimator
from sklearn_ann.base.targets import ClassTargets, NumberTargets, Targets
from sklearn_ann.layers import WithHead

# Losses are in nats or, for a standardised target, in variances: below a hundredth they are as good as zero.
LOSS_FLOOR = 1e-2


class NeuralClassifier(ClassifierMixin, NeuralEstimator):
    """A network that predicts classes: two, several, or several labels per sample.

    Parameters
    ----------
    class_weight : dict, list of dicts, "balanced" or None
        Weights of the classes, multiplied with ``sample_weight``; as in scikit-learn.

    Attributes
    ----------
    classes_ : array of shape (n_classes,)
        The class labels; for multilabel targets the indices of the columns of y.

    n_outputs_ : int
        Number of outputs of the network: 1 for two classes, else one per class or label.
    """

    class_weight: dict | list | Literal["balanced"] | None = None

    _loss_floor: ClassVar[float] = LOSS_FLOOR

    def _targets(self, **common: Any) -> Targets:
        return ClassTargets(class_weight=self.class_weight, **common)

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,), or indicator matrix of shape (n_samples, n_labels)
            Labels of any type, or for each label whether a sample has it.
        sample_weight : array-like of shape (n_samples,), default=None
            A sample of weight 2 counts as if it were there twice, a sample of weight 0 as if it were not there.
        X_val, y_val : as X and y, default=None
            Validation data: early stopping watches their loss.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the data are not what is described here, or if the loss is no longer finite.
        """
        return self._fit(X, y, sample_weight=sample_weight, X_val=X_val, y_val=y_val)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one more epoch, on these samples alone.

        Parameters
        ----------
        X, y : as in ``fit``
            The samples and their targets.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come; read in the first call only. None for those in its `y`.
        sample_weight : as in ``fit``
            Weight of each sample.

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
        logits: np.ndarray = self._apply(X, WithHead.forward)
        return logits[:, 0] if self._coder.binary else logits

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, or of each label.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.

        Returns
        -------
        array of shape (n_samples, n_classes)
            In float64: rows sum to one, and different log-odds give different probabilities.
        """
        logits = self._apply(X, WithHead.forward)
        probabilities: np.ndarray = self._coder.probabilities(logits)
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
        labels: np.ndarray = self._coder.predictions(logits)
        return labels

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags


class NeuralRegressor(RegressorMixin, NeuralEstimator):
    """A network that predicts one number or several.

    The targets are standardised for training, and predictions are returned in the targets' own unit.

    Attributes
    ----------
    n_outputs_ : int
        Number of targets.
    """

    _loss_floor: ClassVar[float] = LOSS_FLOOR

    def _targets(self, **common: Any) -> Targets:
        return NumberTargets(**common)

    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            A sample of weight 2 counts as if it were there twice, a sample of weight 0 as if it were not there.
        X_val, y_val : as X and y, default=None
            Validation data: early stopping watches their loss.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the data are not what is described here, or if the loss is no longer finite.
        """
        return self._fit(X, y, sample_weight=sample_weight, X_val=X_val, y_val=y_val)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one more epoch, on these samples alone.

        Mean and standard deviation of the target stay those of the first call.

        Parameters
        ----------
        X, y, sample_weight : as in ``fit``
            The samples, their targets and their weights.

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
        outputs = self._apply(X, WithHead.forward)  # (n_samples, n_outputs)
        numbers: np.ndarray = self._coder.predictions(outputs)
        return numbers

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
