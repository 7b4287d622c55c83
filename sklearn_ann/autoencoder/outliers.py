"""Outlier detection: samples that an auto-encoder rebuilds badly or whose codes lie apart."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, Self

import numpy as np
import torch
from sklearn.base import OutlierMixin
from sklearn.covariance import LedoitWolf
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann.autoencoder.losses import squared_error
from sklearn_ann.autoencoder.network import AutoEncoder, dense_pair
from sklearn_ann.base import NeuralTransformer
from sklearn_ann.base.parameters import DropProbability, Fraction, LayerSizes, MinorFraction, PositiveFloat, PositiveInt
from sklearn_ann.layers import Activation, layer_widths

__all__ = ["AutoEncoderOutlierDetector"]

_MOST_STEPS = 20  # of concentration; a handful is usual


def trimmed_error(share: float, output: Tensor, x: Tensor) -> Tensor:
    """Squared error of each sample, zero for the `share` of the batch with the greatest; the mean is of the others."""
    error = squared_error(output, x)
    if not share:
        return error
    kept = error <= error.detach().kthvalue(1 + int((1 - share) * (len(error) - 1))).values
    return error * kept * (len(error) / kept.sum())


def concentrated_covariance(X: np.ndarray, share: float) -> LedoitWolf:
    """Covariance of the samples that lie nearest to the centre: all but a `share` of them.

    Concentration steps of Rousseeuw and Van Driessen (1999), theorem 1, that begin with all samples, with the shrunken
    covariance of Ledoit and Wolf (2004), which has an inverse where there are fewer samples than features.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        The samples.
    share : float in [0, 1)
    """
    kept = np.ones(len(X), dtype=bool)
    for _ in range(_MOST_STEPS):
        estimate = LedoitWolf().fit(X[kept])
        distances = estimate.mahalanobis(X)
        nearest = distances <= np.quantile(distances, 1 - share)
        if (nearest == kept).all() or nearest.sum() < 2:
            break
        kept = nearest
    return estimate


class AutoEncoderOutlierDetector(OutlierMixin, NeuralTransformer):
    r"""Outlier detection with an auto-encoder, on its codes and on what it cannot rebuild.

    An auto-encoder ``g(f(x))`` is trained on standardised samples. With the code ``z = f(x)`` and the residual
    ``r = x - g(z)`` side by side as ``u = (z, r)``, the score of a sample is minus its Mahalanobis distance

    .. math:: d(x) = \sqrt{(u - \mu)^\top \Sigma^{-1} (u - \mu)}

    The length of the residual alone, which is usual [1]_, overlooks outliers whose codes lie apart but are rebuilt
    well, and takes an error in a noisy feature for as bad as one in a quiet one.

    Neither the network nor mean and covariance learn from the samples that look like outliers on the way, a share of
    them given by `trimming`.

    Parameters
    ----------
    n_components : "auto" or int
        Width of the code. ``"auto"`` is the square root of the number of features, at least 2.

    hidden_layer_sizes : int or tuple of ints
        Widths of the encoder's hidden layers; the decoder mirrors them.

    activation : {"identity", "logistic", "tanh", "relu", "elu", "gelu", "silu"}
        Function between the layers.

    dropout : float
        Probability, in [0, 1), to drop a hidden unit while training.

    score_on : {"both", "latent", "reconstruction"}
        What the distance is of: code and residual, the code alone, or the residual alone.

    trimming : float
        Share of the samples, in [0, 1), that does not train: of each batch those with the greatest error, and for mean
        and covariance those with the greatest distance [2]_ [3]_. It should be above the share of outliers.

    contamination : "auto" or float
        Share of outliers in the training data, in (0, 0.5], which sets `offset_`. ``"auto"`` is Tukey's fence: a
        distance above ``Q3 + 1.5 (Q3 - Q1)``, with the quartiles of the training data, is that of an outlier.

    Attributes
    ----------
    offset_ : float
        Samples with a score below it are outliers.

    scaler_ : StandardScaler
        What standardises the features.

    covariance_ : LedoitWolf
        Mean and covariance of what the distance is of.

    References
    ----------
    .. [1] Hawkins, S., He, H., Williams, G. and Baxter, R. (2002). Outlier detection using replicator neural networks.
       DaWaK, 170-180.
    .. [2] Rousseeuw, P. J. and Van Driessen, K. (1999). A fast algorithm for the minimum covariance determinant
       estimator. Technometrics 41(3), 212-223.
    .. [3] Boudt, K., Rousseeuw, P. J., Vanduffel, S. and Verdonck, T. (2020). The minimum regularized covariance
       determinant estimator. Statistics and Computing 30, 113-128.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ann import AutoEncoderOutlierDetector
    >>> rng = np.random.default_rng(0)
    >>> angle = rng.uniform(0, 2 * np.pi, size=300)
    >>> circle = np.c_[np.cos(angle), np.sin(angle)] + rng.normal(0, 0.05, size=(300, 2))
    >>> detector = AutoEncoderOutlierDetector(random_state=0).fit(circle)
    >>> detector.predict([[1.0, 0.0], [3.0, 3.0]])
    array([ 1, -1])
    """

    n_components: Literal["auto"] | PositiveInt = "auto"
    hidden_layer_sizes: LayerSizes = (64,)
    activation: Activation = "tanh"
    dropout: DropProbability = 0.0
    score_on: Literal["both", "latent", "reconstruction"] = "both"
    trimming: Fraction = 0.25
    contamination: Literal["auto"] | MinorFraction = "auto"
    max_epochs: PositiveInt = 20
    learning_rate: PositiveFloat = 2e-3
    learning_rate_schedule: training.Schedule = "cosine"

    def _encode(self, X: Any, *, reset: bool) -> training.Rows:
        X = validate_data(self, X, reset=reset, dtype=np.float64, ensure_min_samples=2 if reset else 1)
        if reset:
            self.scaler_ = StandardScaler().set_output(transform="default").fit(X)
        return training.Rows(training.as_tensor(self.scaler_.transform(X).astype(self._numpy_dtype)))

    def _build(self, samples: training.Samples) -> nn.Module:
        width = max(2, int(self.n_features_in_**0.5)) if self.n_components == "auto" else self.n_components
        self._n_features_out = width
        widths = (self.n_features_in_, *layer_widths(self.hidden_layer_sizes), width)
        encoder, decoder = dense_pair(widths, self.activation, self.dropout, tied_weights=False)
        return AutoEncoder(encoder, decoder, nn.Identity(), nn.Identity())

    def _error(self) -> training.Error:
        return partial(trimmed_error, self.trimming)

    def _fit(self, X: Any, y: Any = None, **options: Any) -> Self:
        super()._fit(X, y, **options)
        self._fitted_score_on = self.score_on
        described = self._described(X)
        self.covariance_ = concentrated_covariance(described, self.trimming)
        distances = np.sqrt(self.covariance_.mahalanobis(described))
        if self.contamination == "auto":
            quarter, three_quarters = np.quantile(distances, [0.25, 0.75])
            self.offset_ = float(-(three_quarters + 1.5 * (three_quarters - quarter)))
        else:
            self.offset_ = float(np.quantile(-distances, self.contamination))
        return self

    def _described(self, X: Any) -> np.ndarray:
        """Code, residual, or both, of each sample."""
        parts = self._fitted_score_on

        def describe(module: Any, x: Tensor) -> Tensor:
            code = module.encode(x)
            residual = x - module.decode(code)
            described: Tensor = {
                "latent": code,
                "reconstruction": residual,
                "both": torch.cat([code, residual], dim=1),
            }[parts]
            return described

        return self._apply(X, describe).astype(np.float64)

    def fit(self, X: Any, y: Any = None, *, X_val: Any = None) -> Self:
        """Train the auto-encoder and learn what is usual.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Samples, most of them no outliers.
        y : ignored
            Not used; part of scikit-learn's interface.
        X_val : as X, default=None
            Validation data: their error is watched for early stopping.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X is not what is described here, or if the loss ceases to be finite.
        """
        return self._fit(X, X_val=X_val)

    def transform(self, X: Any) -> np.ndarray:
        """Encode samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        array of shape (n_samples, n_components)
            The codes ``f(x)``.
        """
        return self._apply(X, AutoEncoder.encode)

    def score_samples(self, X: Any) -> np.ndarray:
        """Return minus the distance of each sample from what is usual; the lower, the more of an outlier.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        array of shape (n_samples,)
            ``-d(x)``.
        """
        check_is_fitted(self)
        scores: np.ndarray = -np.sqrt(self.covariance_.mahalanobis(self._described(X)))
        return scores

    def decision_function(self, X: Any) -> np.ndarray:
        """Return ``score_samples(X) - offset_``, which is below zero for outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        array of shape (n_samples,)
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> np.ndarray:
        """Tell outliers from others.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        int array of shape (n_samples,)
            -1 for outliers, +1 for others.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags
