"""Outlier detection with auto-encoders: outliers are rebuilt badly or have unusual codes."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, Self

import numpy as np
from scipy.special import logsumexp
from sklearn.base import OutlierMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann.autoencoder.distances import LogDistance
from sklearn_ann.autoencoder.ensemble import AutoEncoderEnsemble, View
from sklearn_ann.base import NeuralEstimator, Plan
from sklearn_ann.base.budget import GREATEST_BATCH, LEAST_BATCH
from sklearn_ann.base.parameters import (
    DropProbability,
    Fraction,
    LayerSizes,
    MinorFraction,
    PositiveFloat,
    PositiveInt,
    fitted,
)
from sklearn_ann.layers import Activation, layer_widths
from sklearn_ann.reading import Reader, StandardizedRowReader

__all__ = ["AutoEncoderOutlierDetector"]

FARTHEST = 300.0  # logarithm of the greatest distance, so that none is infinite
_BATCHES = 20  # in an epoch, by "auto"


def trimmed_error(share: float, residual: Tensor, _x: Tensor) -> Tensor:
    """Return the squared errors of samples, as mean over the members, each without its `share` of the greatest errors.

    They are scaled so that their mean is the mean of those that are left.

    Parameters
    ----------
    share : float in [0, 1)
    residual : Tensor of shape (M, batch, p)
    _x : Tensor
        The samples, not used: members rebuild what they read, which need not be the values.
    """
    error = residual.square().sum(dim=2)  # (M, batch)
    if share:
        whole = training.of_whole_batch(error.detach())
        n = whole.shape[1]
        bound = whole.kthvalue(1 + int((1 - share) * (n - 1)), dim=1, keepdim=True).values
        error = error * (error <= bound) * (n / (whole <= bound).sum(dim=1, keepdim=True))
    return error.mean(dim=0)


def trimming_of_codes(trimming: float) -> float:
    """Return the share of the samples that the covariance of the codes leaves out."""
    return max(trimming, min(2 * trimming, 0.5))


def members_of(score_on: str, n_estimators: int) -> dict[View, int]:
    """Return how many auto-encoders read what."""
    of_residuals: dict[View, int] = dict.fromkeys(("values", "compressed"), max(1, n_estimators // 4))
    of_codes: dict[View, int] = {"quantiles": n_estimators}
    return {"both": of_codes | of_residuals, "latent": of_codes, "reconstruction": of_residuals}[score_on]


def _scores(distances: dict[View, LogDistance], parts: dict[View, list[np.ndarray]]) -> np.ndarray:
    """Return minus the power mean of the kinds' distances, each with a power that gives it unit spread."""
    standardised = np.array([distance(parts[view]) for view, distance in distances.items()])  # (kinds, n_samples)
    mean = logsumexp(standardised, axis=0) - np.log(len(standardised))
    unit = np.mean([distance.deviation for distance in distances.values()])
    scores: np.ndarray = -np.exp(np.minimum(unit * mean, FARTHEST))
    return scores


class AutoEncoderOutlierDetector(OutlierMixin, NeuralEstimator):
    r"""Outlier detection with auto-encoders, by their codes and their residuals.

    Several small auto-encoders ``g(f(v))`` are trained side by side. They read a standardised sample ``x`` in three
    ways:

    - ``"values"``: the values, ``v = x``;
    - ``"compressed"``: compressed values, ``v = sign(x) log(1 + abs(x))``, which reduces the influence of a few extreme
      values;
    - ``"quantiles"``: normal quantiles of the values, ``v = Φ^{-1}(F(x))``, with the empirical distribution ``F`` of
      each feature.

    The first two kinds describe a sample by the residual, ``u = v - g(f(v))``, because many outliers cannot be rebuilt.
    The third kind describes a sample by the code, ``u = f(v)``, because other outliers are rebuilt well and have
    unusual codes. Each auto-encoder m computes a Mahalanobis distance,

    .. math:: d_m(x) = \sqrt{(u_m - \mu_m)^\top \Sigma_m^{-1} (u_m - \mu_m)} .

    The logarithms of the distances are averaged over the auto-encoders of a kind ``k`` and standardised by their mean
    and standard deviation over the training data. The score of a sample is minus a power mean over the kinds ``K``,
    where ``σ`` is the mean of the standard deviations. The score of a usual sample is about -1:

    .. math:: \ell_k(x) = \frac{1}{|k|} \sum_{m \in k} \log d_m(x) , \qquad
        d(x)^{1 / \sigma} = \frac{1}{|K|} \sum_k \exp \frac{\ell_k(x) - \bar\ell_k}{\sigma_k} .

    All kinds have the same weight. A sample with a very large distance in one kind is an outlier even if its other
    distances are small.

    The usual score is the length of the residual of one network [1]_. That score does not find outliers with unusual
    codes that are rebuilt well, does not account for the noise of each feature, and depends on the random state.

    The networks, means and covariances are not trained on a share `trimming` of the samples, those with the greatest
    errors or distances.

    Parameters
    ----------
    n_components : "auto" or int
        Number of components of the code. ``"auto"`` is the square root of the number of features, at least 2 and below
        the number of features.

    hidden_layer_sizes : int or tuple of ints
        Widths of the encoder's hidden layers; the decoder mirrors them.

    n_estimators : int
        Number of auto-encoders of the kind ``"quantiles"``. A quarter of this number, at least one, are of the kind
        ``"values"``, and as many of the kind ``"compressed"``.

    activation : {"identity", "logistic", "tanh", "relu", "elu", "gelu", "silu"}
        Activation function between the layers.

    dropout : float
        Probability, in [0, 1), of dropping a hidden unit during training.

    score_on : {"both", "latent", "reconstruction"}
        ``"both"`` uses all kinds, ``"latent"`` the codes only, and ``"reconstruction"`` the residuals only.

    trimming : float
        Share of the samples, in [0, 1), to leave out of training. For the networks these are the samples of each batch
        with the greatest error, and for the mean and covariance of the residuals the samples with the greatest distance
        [2]_ [3]_. For the codes the share is doubled, up to one half or `trimming`, whichever is greater, because
        outliers can dominate the codes. Choose `trimming` above the share of outliers.

    contamination : "auto" or float
        Share of outliers in the training data, in (0, 0.5], which determines `offset_`. With ``"auto"``, outliers have
        a distance above ``Q3 + 1.5 (Q3 - Q1)``, where Q1 and Q3 are the quartiles of the training data (Tukey's fence).

    batch_size : "auto", int or None
        Maximum number of samples in a batch. ``"auto"`` makes about 20 batches, of 32 to 256 samples.

    Attributes
    ----------
    offset_ : float
        Samples with a score below the offset are outliers.

    scaler_ : StandardScaler
        Standardises the features.

    distances_ : dict of LogDistance
        The distances by kind: ``"values"``, ``"compressed"``, ``"quantiles"``. Each has the `covariances` of its
        members, and `mean` and `deviation` of the logarithm.

    Notes
    -----
    X may be an AnnData object, whose ``X`` is read and made dense. Features are matched by ``var_names``: later
    objects may have the features in another order and further features.

    A value whose square is too large for `precision` raises an error.

    With more than 64 features, a residual is reduced to 64 random sums of signed features [4]_, so that the time grows
    linearly with the number of features.

    ``transform`` returns the code of one auto-encoder, because the axes of different auto-encoders do not correspond.

    References
    ----------
    .. [1] Hawkins, S., He, H., Williams, G. and Baxter, R. (2002). Outlier detection using replicator neural networks.
       DaWaK, 170-180.
    .. [2] Rousseeuw, P. J. and Van Driessen, K. (1999). A fast algorithm for the minimum covariance determinant
       estimator. Technometrics 41(3), 212-223.
    .. [3] Boudt, K., Rousseeuw, P. J., Vanduffel, S. and Verdonck, T. (2020). The minimum regularized covariance
       determinant estimator. Statistics and Computing 30, 113-128.
    .. [4] Weinberger, K., Dasgupta, A., Langford, J., Smola, A. and Attenberg, J. (2009). Feature hashing for large
       scale multitask learning. ICML, 1113-1120.

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
    hidden_layer_sizes: LayerSizes = (32,)
    n_estimators: PositiveInt = 8
    activation: Activation = "tanh"
    dropout: DropProbability = 0.0
    score_on: Literal["both", "latent", "reconstruction"] = "both"
    trimming: Fraction = 0.25
    contamination: Literal["auto"] | MinorFraction = "auto"
    max_epochs: PositiveInt = 10
    batch_size: Literal["auto"] | PositiveInt | None = "auto"
    learning_rate: PositiveFloat = 5e-3
    learning_rate_schedule: training.Schedule = "cosine"

    module_: AutoEncoderEnsemble = fitted()
    offset_: float = fitted()
    scaler_: StandardScaler = fitted()
    distances_: dict[View, LogDistance] = fitted()

    def _reader(self, X: Any, **common: Any) -> Reader[Any]:
        return StandardizedRowReader(quantiles=True, **common)

    def _auto(self, plan: Plan) -> dict[str, Any]:
        n_features = plan.reader.columns.number
        size = -(-len(plan.examples) // _BATCHES)
        return {
            "n_components": max(1, min(max(2, int(n_features**0.5)), n_features - 1)),
            "batch_size": min(max(size, LEAST_BATCH), GREATEST_BATCH),
        }

    def _network(self, plan: Plan) -> nn.Module:
        p = plan.parameters
        widths = (plan.reader.columns.number, *layer_widths(p.hidden_layer_sizes), p.n_components)
        return AutoEncoderEnsemble(members_of(p.score_on, p.n_estimators), widths, p.activation, p.dropout)

    def _error(self, plan: Plan) -> training.Error:
        return partial(trimmed_error, plan.parameters.trimming)

    def _take(self, plan: Plan, run: training.Training, module: Any) -> dict[str, Any]:
        p, samples = plan.parameters, run.examples.samples
        if len(samples) < 2:  # an earlier fit has learned how to read them, and asks for no second
            raise ValueError("X has 1 sample: means and covariances need 2 at least")
        parts = module.by_view(plan.apply(module, samples, AutoEncoderEnsemble.describe))
        distances = {
            view: LogDistance(trimming_of_codes(p.trimming) if view == "quantiles" else p.trimming).fit(members)
            for view, members in parts.items()
        }
        scores = _scores(distances, parts)
        if p.contamination == "auto":
            quarter, three_quarters = np.quantile(scores, [0.25, 0.75])
            offset = quarter - 1.5 * (three_quarters - quarter)
        else:
            offset = np.quantile(scores, p.contamination)
        return {"distances_": distances, "offset_": float(offset)}

    def fit(self, X: Any, y: Any = None, *, X_val: Any = None, groups: Any = None) -> Self:
        """Train the auto-encoders, then estimate means, covariances and offset.

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

        Means, covariances and offset become those of these samples, under the networks as they then are. The quantiles
        stay those of the first samples, as the scaler does.

        Parameters
        ----------
        X, y : as in ``fit``
            The samples, at least two, and an ignored y.

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
            The codes ``f(v)`` of the first auto-encoder, which reads quantiles unless `score_on` leaves these out.
        """
        codes: np.ndarray = self._apply(X, AutoEncoderEnsemble.encode)
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
        return _scores(self.distances_, self.module_.by_view(self._apply(X, AutoEncoderEnsemble.describe)))

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
