"""Outlier detection with an auto-encoder: outliers are rebuilt badly or have unusual codes."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, Self

import numpy as np
import torch
from sklearn.base import OutlierMixin
from sklearn.covariance import LedoitWolf
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann.autoencoder.losses import squared_error
from sklearn_ann.autoencoder.network import AutoEncoder, dense_pair
from sklearn_ann.base import NeuralEstimator, Plan
from sklearn_ann.base.parameters import DropProbability, Fraction, LayerSizes, MinorFraction, PositiveFloat, PositiveInt
from sklearn_ann.layers import Activation, layer_widths
from sklearn_ann.reading import Reader, StandardizedRowReader

__all__ = ["AutoEncoderOutlierDetector"]

_MOST_STEPS = 20  # concentration steps; a handful is usual


def trimmed_error(share: float, output: Tensor, x: Tensor) -> Tensor:
    """Return the squared errors, scaled so that their mean is the mean without the `share` of the greatest errors."""
    error = squared_error(output, x)
    if not share:
        return error
    kept = error <= error.detach().kthvalue(1 + int((1 - share) * (len(error) - 1))).values
    return error * kept * (len(error) / kept.sum())


def concentrated_covariance(X: np.ndarray, share: float) -> LedoitWolf:
    """Estimate the covariance of the samples nearest to the centre.

    The concentration steps of Rousseeuw and Van Driessen (1999), theorem 1, start from all samples. They use the
    shrunken covariance of Ledoit and Wolf (2004), which has an inverse even with fewer samples than features.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        The samples.
    share : float in [0, 1)
        Share of the samples to leave out.
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


def described_by(parts: str, module: Any, x: Tensor) -> Tensor:
    """Return code, residual or both side by side, for samples of shape (batch, p)."""
    code: Tensor = module.encode(x)
    if parts == "latent":
        return code
    residual: Tensor = x - module.decode(code)
    return residual if parts == "reconstruction" else torch.cat([code, residual], dim=1)


class AutoEncoderOutlierDetector(OutlierMixin, NeuralEstimator):
    r"""Outlier detection with an auto-encoder, by its codes and its residuals.

    An auto-encoder ``g(f(x))`` is trained on standardised samples. With the code ``z = f(x)`` and the residual
    ``r = x - g(z)`` side by side as ``u = (z, r)``, the score of a sample is minus its Mahalanobis distance:

    .. math:: d(x) = \sqrt{(u - \mu)^\top \Sigma^{-1} (u - \mu)}

    The usual score is the length of the residual alone [1]_. It overlooks outliers that have unusual codes but are
    rebuilt well, and it weighs an error in a noisy feature like an error in a quiet feature.

    The network, the mean and the covariance do not learn from a share `trimming` of the samples, the most outlying
    ones.

    Parameters
    ----------
    n_components : "auto" or int
        Number of components of the code. ``"auto"`` is the square root of the number of features, at least 2.

    hidden_layer_sizes : int or tuple of ints
        Widths of the encoder's hidden layers; the decoder mirrors them.

    activation : {"identity", "logistic", "tanh", "relu", "elu", "gelu", "silu"}
        Activation function between the layers.

    dropout : float
        Probability, in [0, 1), of dropping a hidden unit during training.

    score_on : {"both", "latent", "reconstruction"}
        Compute the distance from code and residual, from the code alone, or from the residual alone.

    trimming : float
        Share of the samples, in [0, 1), to leave out of training: the samples of each batch with the greatest error,
        and for mean and covariance the samples with the greatest distance [2]_ [3]_. Choose it above the share of
        outliers.

    contamination : "auto" or float
        Share of outliers in the training data, in (0, 0.5]; it sets `offset_`. ``"auto"`` is Tukey's fence: outliers
        have a distance above ``Q3 + 1.5 (Q3 - Q1)``, with the quartiles of the training data.

    Attributes
    ----------
    offset_ : float
        Samples with a score below the offset are outliers.

    scaler_ : StandardScaler
        Standardises the features.

    covariance_ : LedoitWolf
        Mean and covariance of codes, residuals or both, as `score_on` says.

    Notes
    -----
    X may be an AnnData object, whose ``X`` is read and made dense. Its features are matched by ``var_names``: later
    objects may have them in another order, and have others besides.

    A value so far from the training data that `precision` cannot hold its square is an error.

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

    def _reader(self, X: Any, **common: Any) -> Reader[Any]:
        return StandardizedRowReader(**common)

    def _auto(self, plan: Plan) -> dict[str, Any]:
        return {"n_components": max(2, int(plan.reader.columns.number**0.5))}

    def _network(self, plan: Plan) -> nn.Module:
        p = plan.parameters
        widths = (plan.reader.columns.number, *layer_widths(p.hidden_layer_sizes), p.n_components)
        encoder, decoder = dense_pair(widths, p.activation, p.dropout, tied_weights=False)
        return AutoEncoder(encoder, decoder, nn.Identity(), nn.Identity())

    def _error(self, plan: Plan) -> training.Error:
        return partial(trimmed_error, plan.parameters.trimming)

    def _take(self, plan: Plan, run: training.Training, module: nn.Module) -> dict[str, Any]:
        p = plan.parameters
        described = plan.apply(module, run.examples.samples, partial(described_by, p.score_on)).astype(np.float64)
        covariance = concentrated_covariance(described, p.trimming)
        distances = np.sqrt(covariance.mahalanobis(described))
        if p.contamination == "auto":
            quarter, three_quarters = np.quantile(distances, [0.25, 0.75])
            offset = -(three_quarters + 1.5 * (three_quarters - quarter))
        else:
            offset = np.quantile(-distances, p.contamination)
        return {"covariance_": covariance, "offset_": float(offset)}

    def fit(self, X: Any, y: Any = None, *, X_val: Any = None, groups: Any = None) -> Self:
        """Train the auto-encoder, then estimate mean, covariance and offset.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training samples, most of which are not outliers.
        y : ignored
            Not used; part of scikit-learn's interface.
        X_val : as X, default=None
            Validation data; early stopping watches their loss.
        groups : array-like of shape (n_samples,), default=None
            Which samples belong together, such as families or donors: early stopping holds out whole groups.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X has another form than described here, or if the loss is no longer finite.
        """
        return self._fit(X, X_val=X_val, groups=groups)

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Train for one more epoch on these samples alone.

        Mean, covariance and offset become those of these samples, under the network as it then is.

        Parameters
        ----------
        X, y : as in ``fit``
            The samples, and an ignored y.

        Returns
        -------
        self
        """
        return self._fit(X, incremental=True)

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
        codes: np.ndarray = self._apply(X, AutoEncoder.encode)
        return codes

    def score_samples(self, X: Any) -> np.ndarray:
        """Return minus the distance of each sample; the lower, the more outlying.

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
        described = self._apply(X, partial(described_by, self.resolved_parameters_.score_on)).astype(np.float64)
        scores: np.ndarray = -np.sqrt(self.covariance_.mahalanobis(described))
        return scores

    def decision_function(self, X: Any) -> np.ndarray:
        """Return ``score_samples(X) - offset_``, which is negative for outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        array of shape (n_samples,)
        """
        scores: np.ndarray = self.score_samples(X) - self.offset_
        return scores

    def predict(self, X: Any) -> np.ndarray:
        """Predict whether samples are outliers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        int array of shape (n_samples,)
            -1 for outliers, +1 for inliers.
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags
