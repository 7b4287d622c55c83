"""Classifier and regressor: one network with two kinds of targets; each is also a transformer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, Self

import numpy as np
import scipy.sparse as sp
import torch
from scipy.special import entr
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import Bunch, Tags
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from sklearn_ann._sklearn import safe_indexing
from sklearn_ann.base.entries import missing_entries, plain_targets
from sklearn_ann.base.losses import Loss
from sklearn_ann.base.parameters import OpenFraction, PositiveInt, fitted
from sklearn_ann.base.plan import checked_weights
from sklearn_ann.base.targets import ClassTargets, NumberTargets, Targets
from sklearn_ann.base.transfer import TransferEstimator
from sklearn_ann.layers import SupervisedNetwork

# Losses are in nats or, for a standardised target, in variances: below a hundredth they are as good as zero.
LOSS_FLOOR = 1e-2


def known_targets(y: Any) -> np.ndarray | None:
    """Return which targets are known, (n_samples, n_outputs); None if all are."""
    if np.ndim(y) != 2 or sp.issparse(y):
        return None
    missing = missing_entries(np.asarray(y))
    return ~missing if missing.any() else None


def scored(
    predictions: np.ndarray, y: Any, sample_weight: Any
) -> tuple[np.ndarray, Any, np.ndarray | None, np.ndarray | None]:
    """Return predictions, targets, which of these are known, and weights, of the samples that count in a score.

    Raises
    ------
    ValueError
        If a sample that counts has no prediction, naming the sample.
    """
    y = plain_targets(y)
    known, weight = known_targets(y), checked_weights(sample_weight, len(predictions), of_outputs=True)
    if weight is not None and weight.ndim == 2 and (weight.shape != predictions.shape or predictions.dtype.kind != "f"):
        raise ValueError(
            f"sample_weight has shape {weight.shape}: expected one weight for each of {len(predictions)} samples"
            + (f", or those of the outputs, {predictions.shape}" if predictions.dtype.kind == "f" else "")
        )
    without = np.asarray(missing_entries(predictions).reshape(len(predictions), -1).any(axis=1))
    if not without.any():
        return predictions, y, known, weight
    counts = without if weight is None else without & (weight.reshape(len(without), -1) > 0).any(axis=1)
    wanting = np.flatnonzero(counts if known is None else counts & known.any(axis=1))
    if len(wanting):
        raise ValueError(
            f"{len(wanting)} of {len(predictions)} samples have no prediction, such as sample {wanting[0]}, because "
            "they are empty, such as unreadable molecules; leave them out of X and y"
        )
    there = np.flatnonzero(~without)
    rest = (None if part is None else part[there] for part in (known, weight))
    return predictions[there], safe_indexing(y, there), *rest


class NeuralPredictor(TransferEstimator):
    """What classifiers and regressors share: outputs of networks become predictions."""

    module_: SupervisedNetwork = fitted()

    def _decoded(
        self,
        X: Any,
        decode: Callable[[np.ndarray], Any],
        function: Callable[[Any, Any], Tensor] = SupervisedNetwork.forward,
    ) -> Any:
        """Apply ``function(module, batch)`` to `X` and decode the rows of outputs, (n_rows, ..., n_outputs).

        `decode` returns an array with one entry for each row, or a tuple of such arrays.
        """
        return decode(self._apply(X, function))

    @property
    def _decoder(self) -> Any:
        """What turns outputs into predictions."""
        check_is_fitted(self)
        return self._coder.decoder

    def _of_members(self, X: Any, decode: Callable[[np.ndarray], Any]) -> Any:
        """Decode the outputs of all networks, (n_members, n_rows, n_outputs).

        Raises
        ------
        ValueError
            If there is only one network.
        """
        check_is_fitted(self)

        def members(module: Any, batch: Any) -> Tensor:
            outputs: Tensor = module.members(batch)
            if module.average is None or len(outputs) == 1:
                raise ValueError(
                    "n_estimators must be 2 or more in fit to compare predictions of several networks: there is one"
                )
            return outputs.movedim(0, 1)

        return self._decoded(X, lambda outputs: decode(np.moveaxis(outputs, 1, 0)), members)

    def _scored(
        self, X: Any, y: Any, sample_weight: Any
    ) -> tuple[np.ndarray, Any, np.ndarray | None, np.ndarray | None]:
        """Return predictions and targets to compare, which targets are known, and weights; see `scored`."""
        return scored(self.predict(X), y, sample_weight)


class NeuralClassifier(ClassifierMixin, NeuralPredictor):
    """A network that predicts classes: two, several, or several labels per sample.

    Parameters
    ----------
    n_estimators : int
        Number of networks whose probabilities are averaged (Lakshminarayanan et al. 2017). The networks have different
        initial weights and see the same batches. ``transform`` returns the features of all networks, side by side.
        Attention maps, feature maps and motifs are those of the first network.

    class_weight : dict, list of dicts, "balanced" or None
        Weights of the classes, as in scikit-learn. They are multiplied with ``sample_weight``.

    Attributes
    ----------
    classes_ : array of shape (n_classes,)
        The class labels; for multilabel targets the indices of the columns of y.

    n_outputs_ : int
        Number of outputs of the network: 1 for two classes, else one per class or label.
    """

    n_estimators: PositiveInt = 1
    class_weight: dict | list | Literal["balanced"] | None = None

    classes_: np.ndarray = fitted()
    n_outputs_: int = fitted()

    _loss_floor: ClassVar[float] = LOSS_FLOOR

    def _targets(self, **common: Any) -> Targets:
        return ClassTargets(class_weight=self.class_weight, **common)

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        groups: Any = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,), or indicator matrix of shape (n_samples, n_labels)
            Labels of any type, or a matrix of zeros and ones with a column for each label. Entries of the matrix may be
            missing, NaN; the loss leaves them out.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_labels), default=None
            A sample of weight 2 counts like two equal samples, and a sample of weight 0 is ignored. With an indicator
            matrix, each label may have its own weight.
        X_val, y_val : as X and y, default=None
            Validation data. Their loss is watched, and the weights of the epoch with the smallest loss are kept.
        groups : array-like of shape (n_samples,), default=None
            Group of each sample, such as a family of sequences. Early stopping holds out whole groups.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the data are invalid, or if the loss is not finite.
        """
        return self._fit(X, y, sample_weight=sample_weight, X_val=X_val, y_val=y_val, groups=groups)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one more epoch on the given samples.

        Parameters
        ----------
        X, y : as in ``fit``
            The samples and their targets.
        classes : array-like of shape (n_classes,), default=None
            All labels of this and later calls. Only the first call uses them. None means the labels in `y` of the first
            call.
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
        decisions: np.ndarray = self._decoded(X, self._decoder.decisions)
        return decisions

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
        probabilities: np.ndarray = self._decoded(X, self._decoder.probabilities)
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
        labels: np.ndarray = self._decoded(X, self._decoder.predictions)
        return labels

    def uncertainty(self, X: Any) -> Bunch:
        r"""Return the entropy of each prediction, split into the parts of the data and of the networks.

        With the probabilities :math:`p_m` of M networks and their mean :math:`\bar p`, the entropy of the prediction
        is the sum of two parts (Depeweg et al. 2018, equation 2):

        .. math:: H(\bar p) = \frac{1}{M} \sum_m H(p_m) + \Big(H(\bar p) - \frac{1}{M} \sum_m H(p_m)\Big).

        The first part, the aleatoric one, remains if all networks agree, because the classes overlap. The second part,
        the epistemic one, is the disagreement of the networks, which more training data reduce.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.

        Returns
        -------
        Bunch
            ``total``, ``aleatoric`` and ``epistemic``, arrays of shape (n_samples,), or (n_samples, n_labels), in nats.

        Raises
        ------
        ValueError
            If there is only one network.
        """

        def entropies(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            decoder = self._decoder
            of_members = np.stack([decoder.probabilities(one) for one in logits])
            both = np.stack([of_members, 1 - of_members]) if decoder.multilabel else np.moveaxis(of_members, -1, 0)
            total = entr(both.mean(axis=1)).sum(axis=0)
            aleatoric = entr(both).sum(axis=0).mean(axis=0)
            return total, aleatoric, np.maximum(total - aleatoric, 0)

        return Bunch(**dict(zip(("total", "aleatoric", "epistemic"), self._of_members(X, entropies), strict=True)))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the mean accuracy.

        Parameters
        ----------
        X, y, sample_weight : as in ``fit``
            The samples, their targets and their weights.

        Returns
        -------
        float
            With several labels per sample, the share of samples of which all known labels are right.
        """
        predicted, y, known, weight = self._scored(X, y, sample_weight)
        if known is None:
            return float(accuracy_score(y, predicted, sample_weight=weight))
        right = ((predicted == np.where(known, np.asarray(y), 0)) | ~known).all(axis=1)  # NA equals nothing
        return float(np.average(right, weights=weight))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.target_tags.multi_output = True
        return tags


class NeuralRegressor(RegressorMixin, NeuralPredictor):
    """A network that predicts one number or several.

    The targets are standardised for training, and predictions are returned in the targets' own unit.

    Parameters
    ----------
    n_estimators : int
        Number of networks whose predictions are averaged (Lakshminarayanan et al. 2017). The networks have different
        initial weights and see the same batches. ``transform`` returns the features of all networks, side by side.
        Attention maps, feature maps and motifs are those of the first network.

    loss : {"squared_error", "absolute_error", "huber", "quantile", "poisson"}
        Error of a prediction, which decides what is predicted. ``"squared_error"``: the mean. ``"absolute_error"``: the
        median. ``"quantile"``: the `quantile`. ``"huber"``: squared up to 1.35 standard deviations of y and linear
        beyond, so that outliers count less. ``"poisson"``: half of the Poisson deviance, for the mean of counts and of
        other targets that are not negative.

    quantile : float
        Quantile, in (0, 1), that is predicted with ``loss="quantile"``.

    Attributes
    ----------
    n_outputs_ : int
        Number of targets.
    """

    n_estimators: PositiveInt = 1
    loss: Loss = "squared_error"
    quantile: OpenFraction = 0.5

    n_outputs_: int = fitted()

    _loss_floor: ClassVar[float] = LOSS_FLOOR

    def _targets(self, **common: Any) -> Targets:
        return NumberTargets(loss=self.loss, quantile=self.quantile, **common)

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        groups: Any = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Numbers. With several outputs, entries may be missing, NaN; the loss leaves them out.
        sample_weight : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            A sample of weight 2 counts like two equal samples, and a sample of weight 0 is ignored. With several
            outputs, each may have its own weight.
        X_val, y_val : as X and y, default=None
            Validation data. Their loss is watched, and the weights of the epoch with the smallest loss are kept.
        groups : array-like of shape (n_samples,), default=None
            Group of each sample, such as a family of sequences. Early stopping holds out whole groups.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the data are invalid, or if the loss is not finite.
        """
        return self._fit(X, y, sample_weight=sample_weight, X_val=X_val, y_val=y_val, groups=groups)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one more epoch on the given samples.

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

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Return the predicted targets, in float64 and in their own unit.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.
        return_std : bool, default=False
            Whether to return also the standard deviation over the networks. It measures the disagreement of the
            networks, and not the scatter of the targets.

        Returns
        -------
        array of shape (n_samples,) or (n_samples, n_outputs), as y in ``fit``
            With `return_std`, a pair of such arrays.

        Raises
        ------
        ValueError
            If `return_std` is true and there is only one network.
        """

        def moments(outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            decoder = self._decoder
            mean = decoder.predictions(decoder.average(torch.from_numpy(outputs)).numpy())
            return mean, np.std([decoder.predictions(one) for one in outputs], axis=0)

        return self._of_members(X, moments) if return_std else self._decoded(X, self._decoder.predictions)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the coefficient of determination R².

        Parameters
        ----------
        X, y, sample_weight : as in ``fit``
            The samples, their targets and their weights; of several outputs, each may have weights of its own.

        Returns
        -------
        float
            With several outputs, the mean over the outputs. Each output is scored on the samples whose target is known.
        """
        predicted, y, known, weight = self._scored(X, y, sample_weight)
        if known is None and (weight is None or weight.ndim == 1):
            return float(r2_score(y, predicted, sample_weight=weight))
        known = np.ones(np.shape(y), dtype=bool) if known is None else known
        targets = np.where(known, np.asarray(y), np.nan).astype(np.float64)
        weight = np.ones(len(targets)) if weight is None else weight
        weights = weight if weight.ndim == 2 else np.broadcast_to(weight[:, None], targets.shape)
        scores = [
            r2_score(target[there], output[there], sample_weight=of_target[there])
            for target, output, there, of_target in zip(targets.T, predicted.T, known.T, weights.T, strict=True)
        ]
        return float(np.mean(scores))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
