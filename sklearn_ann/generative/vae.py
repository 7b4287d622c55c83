"""Variational auto-encoders: distributions with a latent space, to sample from."""

from __future__ import annotations

import copy
import math
from numbers import Integral
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Bunch, Tags, check_scalar
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_ann import training
from sklearn_ann._warnings import warn
from sklearn_ann.base import NeuralEstimator, Plan
from sklearn_ann.base.parameters import (
    ClosedFraction,
    DropProbability,
    LayerSizes,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    RandomState,
)
from sklearn_ann.base.plan import given_parameters, kept_parameters
from sklearn_ann.base.sources import Source, of_encoder
from sklearn_ann.generative.fitted import FittedParts
from sklearn_ann.generative.likelihoods import LIKELIHOODS, LikelihoodName, moments
from sklearn_ann.generative.mixed import Mixed
from sklearn_ann.generative.network import MeanEncoder, VariationalAutoEncoder, coders, negative_bound
from sklearn_ann.generative.prior import PriorName, fitted_mixture
from sklearn_ann.generative.scored import Scored
from sklearn_ann.generative.tables import TableScaling, models_categories, row_reader
from sklearn_ann.layers import Activation
from sklearn_ann.reading import ConditionedReader, MixedReader, Reader

_ACTIVE = 1e-2  # Burda et al. 2016, section 5.2
_ENOUGH = 1000  # samples; a tenth of them is enough to see overfitting
_OF_OTHERS = {"dropout": 0.1, "beta": 1.0, "max_epochs": 200}
# The mixture takes over from the divergence the shape of the codes, so that these may tell nearly all of a row.
_OF_SHAPED = {"dropout": 0.0, "beta": 0.1, "learning_rate_schedule": "cosine", "learning_rate": 3e-3,
              "early_stopping": False}  # fmt: skip


class VAESampler(FittedParts, Scored, NeuralEstimator):
    r"""Sampler and density with a latent space: the variational auto-encoder of Kingma and Welling.

    A sample is drawn in two steps: a code ``z ~ N(0, I)``, and then ``x`` from ``p(x | z)``, whose parameters the
    decoder computes. The encoder computes a normal distribution ``q(z | x)``. Training maximises a lower bound of the
    likelihood [1]_:

    .. math:: \log p(x) \ge E_{q(z|x)}[\log p(x | z)] - \beta \, KL(q(z|x) \,\|\, p(z))

    The terms are sums over the features and over the latent units.

    Parameters
    ----------
    n_components : int
        Number q of latent units; may be greater than the number of features. Units that the data do not need collapse
        to the prior, see `active_units_`.

    likelihood : {"gaussian", "bernoulli", "poisson", "negative_binomial", "zero_inflated_negative_binomial"}
        Distribution p(x | z) of each feature. ``"gaussian"`` learns a variance of each feature; X is standardised
        internally, and densities are those of the original X. In tables it also models categories and missing values,
        see the Notes. ``"bernoulli"`` is for X in [0, 1]. The others are for raw counts, for instance of single cells
        [6]_, preferably as a CSR matrix.

    prior : {"normal", "mixture"}
        Distribution p(z) from which codes are drawn. ``"mixture"`` fits a mixture of normal distributions to the codes
        of the training data after training [7]_, one for each combination of conditions. Samples of tables are then
        much closer to the data.

    categorical_features : "auto", None, or list of int, str or bool
        The categorical columns of a table, by name, by position or by a bool for each. ``"auto"`` decides by the type;
        a column of objects is numeric if nine tenths of its values are numbers. None means no column.

    scaling : {"auto", "standard", "quantile", "modes"}
        Scale on which the Gaussian likelihood models numbers: standardised, normal scores (the normal quantiles of
        the ranks, ``"quantile"``), or relative to the modes of the column [8]_. ``"auto"`` is ``"quantile"`` for tables
        with categories or missing values and for ``prior="mixture"``, if X is dense and not an image, and otherwise
        ``"standard"``.

    architecture : {"dense", "conv"}
        ``"conv"`` is for images and needs `image_shape`: convolutions come before the encoder's dense layers, and the
        decoder mirrors them.

    hidden_layer_sizes : int or tuple of ints
        Widths of the encoder's hidden dense layers; the decoder mirrors them. ``()`` means none.

    decoder : {"mirror", "linear"}
        ``"linear"`` decodes by one linear map, whose `loadings_` show which features a latent unit changes [2]_.

    conv_layers : "auto" or sequence of (n_filters, kernel_size) or (n_filters, kernel_size, pool_size)
        The convolutions of ``architecture="conv"``, as in ``AutoEncoderTransformer``.

    image_shape : tuple of int or None
        ``(height, width)`` or ``(height, width, channels)`` of images. X holds them as rows of numbers or as an array
        of shape (n_samples, \*image_shape).

    activation : {"identity", "logistic", "tanh", "relu", "elu", "gelu", "silu"}
        Activation function between the dense layers.

    dropout : "auto" or float
        Probability, in [0, 1), of dropping a hidden unit of the encoder during training. ``"auto"`` is 0.1, and 0 for
        tables with ``prior="mixture"``.

    beta : "auto" or float
        Weight of the divergence. 1 gives a bound of the likelihood. Greater values give fewer and more independent
        units [3]_, smaller values better reconstructions. ``"auto"`` is 1, and 0.1 for tables with ``prior="mixture"``.

    kl_warmup : float
        Share of `max_epochs`, in [0, 1], in which the weight of the divergence rises from 0. With the full weight from
        the start, the posterior can collapse before the decoder has learned to use the codes. Early stopping does not
        end the training during the warm-up. ``partial_fit`` and ``warm_start`` have no warm-up.

    free_bits : float
        A latent unit whose mean divergence over a batch is below this number of nats is not penalised [4]_.

    conditions : None, "y", or column name, position, or list of these
        Categories on which the distribution is conditional: none; ``"y"``, the labels in ``fit``, of shape (n_samples,)
        or (n_samples, n_conditions); or columns of X, which are then not modelled. Only the decoder reads the
        conditions, so that codes need not contain their effect, for instance that of the batches of single cells.

    layer : str or None
        For an AnnData object X: name of the layer that holds the data; None means its ``X``. Conditions are then
        columns of its ``obs``. Features are matched by ``var_names``, in any order; features that were not in ``fit``
        are left out. Pass counts in ``adata.raw`` as ``adata.raw.to_adata()``.

    max_epochs : "auto" or int
        Maximum number of epochs. ``"auto"`` is 200, and for tables with ``prior="mixture"`` the number that makes 4,000
        steps, at least 20 and at most 60 epochs.

    learning_rate : "auto" or float
        Step size of the optimiser. ``"auto"`` is 0.001, and 0.003 without early stopping and with the schedule
        ``"cosine"``.

    learning_rate_schedule : {"auto", "constant", "cosine", "adaptive"}
        As in the other estimators; ``"auto"`` is ``"constant"`` with early stopping, and otherwise ``"cosine"``.

    early_stopping : bool or "auto"
        Whether to hold out a share `validation_fraction` of the data and to keep the weights of the epoch with the
        smallest validation loss. ``"auto"`` is True with 1,000 samples or more, except for tables with
        ``prior="mixture"``. Long training overfits single cells.

    Attributes
    ----------
    encoder_ : torch.nn.Module
        Maps samples that the likelihood has standardised or log-transformed, (batch, n_features), to means and
        logarithms of variances of q(z | x), (batch, 2 * n_components).

    decoder_ : torch.nn.Module
        Maps codes and one-hot conditions, side by side, to the parameters of p(x | z).

    prior_ : torch.nn.Module
        The distribution of codes. A mixture has the buffers ``weights``, ``means`` and ``factors``, the triangular
        factors of the covariances.

    conditions_ : list of arrays or None
        The categories of each condition, sorted.

    categorical_features_ : list of str or int, or None
        The categorical columns of a table, by name or position; None if X was read as rows of numbers.

    active_units_ : array of bool of shape (n_components,)
        Whether a latent unit is in use: its posterior mean has a variance above 0.01 over the training data [5]_.

    loadings_ : array of shape (n_features, n_components) or None
        Change of a feature per latent unit, with ``decoder="linear"``. It is in the feature's own unit for the Gaussian
        likelihood, in log-odds for the Bernoulli likelihood, and in logarithms (up to normalisation) for counts.

    noise_variance_ : array of shape (n_features,) or None
        Variance of each feature given z, for the Gaussian likelihood; of a table read by `scaling`, of each number on
        its scale.

    dispersion_ : array of shape (n_features,) or None
        θ of each feature, for the negative binomial likelihoods: counts of mean μ have variance ``μ + μ²/θ``.

    Notes
    -----
    Counts. The decoder computes a distribution over the features, a softmax. The mean counts of a sample are this
    distribution times its library size, the sum of its counts. Library sizes are not modelled: densities are
    conditional on them, ``inverse_transform`` uses their geometric mean in the training data, and ``sample`` draws
    them from a log-normal distribution fitted to the training data. The encoder reads ``log(1 + counts)`` of counts
    scaled to a library size of 10,000. A sample without counts has library size 1. Fractional counts, such as corrected
    ones, are refused: round them by ``np.rint(X)``.

    Tables. With categories, missing values or a `scaling` other than ``"standard"``, a row is modelled as numbers on
    their scale, each with a normal distribution given z, and blocks with a categorical distribution: one for each
    categorical column, and one for a number that has modes or missing values. A missing value is one more category.
    Densities are those of such a row, not of X, and `loadings_` move it. ``inverse_transform`` returns the mean of
    a number and the most probable category. A NaN in an array of numbers is an error.

    If X was a frame in ``fit``, ``sample`` and ``inverse_transform`` return frames with the same names. Samples also
    have the same types.

    Mixture. It is fitted to codes drawn from ``q(z | x)``, not to their means. It has as many of up to 128 normal
    distributions as a held-out fifth of the samples supports, and four such mixtures from different starts are
    averaged. A combination of conditions that did not occur in ``fit`` has the mixture of all. ``partial_fit`` fits it
    to the codes of its samples. Training itself goes by the normal prior, and ``history_`` records its bound.

    Conditions. ``transform`` ignores conditions. A condition that was not in ``fit`` is an error in decoding and in
    scoring. A missing condition is also an error in ``fit``.

    Gaussian. The standard deviation of a feature given z is at least a hundredth of its standard deviation in the
    training data, because the density of a perfectly rebuilt feature has no upper bound. A feature that is constant in
    ``fit`` has this constant in all samples and takes no part in densities.

    Sparse X stays sparse; only the rows of a batch are made dense. The loss in ``history_`` is the mean negative bound
    with the divergence in full weight, even during the warm-up.

    ``elbo`` and ``score_samples`` draw noise in pairs of opposite sign, the same for all samples, so that the score of
    a sample does not depend on other samples.

    References
    ----------
    .. [1] Kingma, D. P. and Welling, M. (2013). Auto-encoding variational Bayes. arXiv:1312.6114. Equation 3, bound.
    .. [2] Svensson, V., Gayoso, A., Yosef, N. and Pachter, L. (2020). Interpretable factor models of single-cell
       RNA-seq via variational autoencoders. Bioinformatics 36(11), 3418-3421.
    .. [3] Higgins, I. et al. (2017). beta-VAE: learning basic visual concepts with a constrained variational framework.
       ICLR.
    .. [4] Kingma, D. P. et al. (2016). Improved variational inference with inverse autoregressive flow. NeurIPS.
    .. [5] Burda, Y., Grosse, R. and Salakhutdinov, R. (2016). Importance weighted autoencoders. ICLR. Section 5.2,
       active units; equation 8, bound of ``score_samples``.
    .. [6] Lopez, R., Regier, J., Cole, M. B., Jordan, M. I. and Yosef, N. (2018). Deep generative modeling for
       single-cell transcriptomics. Nature Methods 15, 1053-1058.
    .. [7] Ghosh, P., Sajjadi, M. S. M., Vergari, A., Black, M. and Schölkopf, B. (2020). From variational to
       deterministic autoencoders. ICLR. Section 4, ex-post density estimation.
    .. [8] Xu, L. et al. (2019). Modeling tabular data using conditional GAN. NeurIPS.

    Examples
    --------
    >>> from sklearn.datasets import load_digits, load_iris
    >>> from sklearn_ann import VAESampler
    >>> X, y = load_digits(return_X_y=True)
    >>> vae = VAESampler(
    ...     likelihood="bernoulli", max_epochs=20, learning_rate_schedule="cosine", random_state=0
    ... )
    >>> vae.fit(X / 16).sample(3).shape
    (3, 64)
    >>> vae.transform(X / 16).shape
    (1797, 10)

    Draw digits of given classes:

    >>> images, labels = vae.set_params(conditions="y").fit(X / 16, y).sample(3, y=[1, 2, 3])
    >>> labels
    array([1, 2, 3])

    Draw rows of a table:

    >>> flowers, names = load_iris(as_frame=True).frame, ["setosa", "versicolor", "virginica"]
    >>> flowers["target"] = flowers["target"].map(dict(enumerate(names))).astype(object)
    >>> drawn = VAESampler(prior="mixture", random_state=0).fit(flowers).sample(2)
    >>> [str(dtype) for dtype in drawn.dtypes]
    ['float64', 'float64', 'float64', 'float64', 'object']
    """

    n_components: PositiveInt = 10
    likelihood: LikelihoodName = "gaussian"
    prior: PriorName = "normal"
    categorical_features: Any = "auto"
    scaling: TableScaling = "auto"
    architecture: Literal["dense", "conv"] = "dense"
    hidden_layer_sizes: LayerSizes = (128,)
    decoder: Literal["mirror", "linear"] = "mirror"
    conv_layers: Any = "auto"
    image_shape: tuple | None = None
    activation: Activation = "relu"
    dropout: DropProbability | Literal["auto"] = "auto"
    beta: NonNegativeFloat | Literal["auto"] = "auto"
    kl_warmup: ClosedFraction = 0.1
    free_bits: NonNegativeFloat = 0.0
    conditions: Any = None
    layer: str | None = None
    max_epochs: PositiveInt | Literal["auto"] = "auto"
    batch_size: PositiveInt | None = 128
    learning_rate: PositiveFloat | Literal["auto"] = "auto"  # type: ignore[assignment]
    learning_rate_schedule: training.Schedule | Literal["auto"] = "auto"  # type: ignore[assignment]
    weight_decay: NonNegativeFloat = 1e-6
    early_stopping: bool | Literal["auto"] = "auto"  # type: ignore[assignment]
    tol: NonNegativeFloat = 1e-3

    _loss_floor: ClassVar[float] = 1.0  # nats

    def _reader(self, X: Any, **common: Any) -> Reader[Any]:
        p = given_parameters(self)
        if self.warm_start and hasattr(self, "_given"):  # the scale of a fit with missing values is that of one without
            p = kept_parameters(p, self._given, self.resolved_parameters_, incremental=False)
        return ConditionedReader(conditions=self.conditions, rows=row_reader(X, Bunch(**p), **common), **common)

    def _auto(self, plan: Plan) -> dict[str, Any]:
        n_samples, size, rows = len(plan.examples), plan.parameters.batch_size, plan.reader.rows
        scaling = {"scaling": rows.scaling if isinstance(rows, MixedReader) else "standard"}
        if plan.parameters.prior == "mixture" and isinstance(rows, MixedReader):
            n_batches = 1 if size is None else math.ceil(n_samples / size)
            return _OF_SHAPED | scaling | {"max_epochs": min(60, max(20, math.ceil(4000 / n_batches)))}
        asked, schedule = plan.parameters.early_stopping, plan.parameters.learning_rate_schedule
        stops = n_samples >= _ENOUGH if asked == "auto" else bool(asked)
        # Without a validation loss that ends the training, all epochs are run, and the steps must become small.
        falls = not stops and schedule in ("auto", "cosine")
        chosen = {"early_stopping": stops, "learning_rate_schedule": "cosine" if falls else "constant"}
        return _OF_OTHERS | scaling | chosen | {"learning_rate": 3e-3 if falls else 1e-3}

    def _network(self, plan: Plan) -> nn.Module:
        p, examples = plan.parameters, plan.examples
        found = LIKELIHOODS[p.likelihood]
        data = moments(examples.samples.samples, examples.weight, of_sums=found.of_counts)
        rows = plan.reader.rows
        likelihood = Mixed(data, rows.fields) if isinstance(rows, MixedReader) else found(data)
        known = plan.reader.known
        encoder, decoder = coders(p, likelihood, 0 if known is None else known.n_levels)
        return VariationalAutoEncoder(encoder, decoder, likelihood, p.beta, p.kl_warmup, p.free_bits)

    def _source(self) -> Source:
        return of_encoder(self, MeanEncoder(self.module_), self.reader_.rows)

    def _error(self, plan: Plan) -> training.Error:
        return negative_bound

    def _take(self, plan: Plan, run: training.Training, module: nn.Module) -> dict[str, Any]:
        samples: Any = run.examples.samples
        rows = run.examples.rows
        means, log_variances = plan.apply(module, samples, lambda network, batch: network.posterior(batch.x))
        kept = slice(None) if rows is None else rows.numpy()
        if plan.parameters.prior == "mixture":
            weight = None if run.examples.weight is None else run.examples.weight.numpy(force=True)[kept]
            mixture = fitted_mixture(
                means[kept],
                np.exp(log_variances[kept] / 2),
                samples.conditions.numpy(force=True)[kept],
                weight,
                copy.deepcopy(plan.rng),  # which a fit that is looked at must not move
            )
            module.prior = mixture.to(plan.device, plan.reader.dtype)
        known = plan.reader.known
        return {
            "active_units_": means[kept].var(axis=0) > _ACTIVE,
            "conditions_": None if known is None else known.categories,
        }

    # --- What a user calls -----------------------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        groups: Any = None,
    ) -> Self:
        """Train encoder and decoder.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Training samples. Conditions in columns need an array or a frame.
        y : array-like of shape (n_samples,) or (n_samples, n_conditions), default=None
            The conditions, with ``conditions="y"``; otherwise ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            A sample of weight 2 counts as if it were there twice, one of weight 0 as if it were not there.
        X_val, y_val : as X and y, default=None
            Validation data; early stopping watches their loss.
        groups : array-like of shape (n_samples,), default=None
            Which samples belong together, such as families or donors: early stopping holds out whole groups.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X has values that the likelihood is not for, or if the loss is no longer finite.

        Warns
        -----
        ConvergenceWarning
            If the posterior has collapsed to the prior: no latent unit is active.
        """
        self._fit(X, y, sample_weight=sample_weight, X_val=X_val, y_val=y_val, groups=groups)
        if not self.active_units_.any():
            warn(
                f"No latent unit of this {type(self).__name__} is active: the posterior has collapsed to the prior, "
                "so that codes say nothing about samples. If X has structure, a smaller beta, free_bits, a longer "
                "kl_warmup or more training may find it.",
                ConvergenceWarning,
            )
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train for one more epoch, on these samples only.

        Standardisation, library sizes and known conditions stay as in the first call.

        Parameters
        ----------
        X, y, sample_weight : as in ``fit``
            Samples, conditions and sample weights.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight=sample_weight, incremental=True)

    @training.isolated()
    def transform(self, X: Any) -> np.ndarray:
        """Encode samples.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        array of shape (n_samples, n_components)
            The means of ``q(z | x)``.
        """
        check_is_fitted(self)
        samples = self.reader_.values(X)
        codes: np.ndarray = self._apply_to(samples, lambda network, x: network.posterior(x).mean)
        return codes

    @training.isolated()
    def inverse_transform(self, X: Any, y: Any = None) -> Any:
        """Decode codes.

        To remove a batch effect, decode all codes under the same condition.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, as ``transform`` returns them.
        y : label, tuple of labels or array-like of shape (n_samples,) or (n_samples, n_conditions), default=None
            The conditions to decode under: one for all samples (a tuple for several conditions) or one per sample.

        Returns
        -------
        array or frame of shape (n_samples, n_features)
            The means of ``p(x | z)``, and the most probable categories; for counts, at the typical library size.
        """
        codes = self._check_codes(X)
        samples = self.reader_.conditioned(codes, self.reader_.asked_for(y, len(codes)))
        return self._table(self._apply_to(samples, VariationalAutoEncoder.mean), drawn=False)

    @training.isolated()
    def sample(self, n_samples: int = 1, y: Any = None, *, random_state: RandomState = None) -> Any:
        """Draw samples: a code from the prior, then a sample from ``p(x | z)``.

        For the mean of ``p(x | z)``, such as an image without noise, use ``inverse_transform`` of normal numbers.

        Parameters
        ----------
        n_samples : int, default=1
            Number of samples to draw.
        y : label, tuple of labels or array-like of shape (n_samples,) or (n_samples, n_conditions), default=None
            The conditions to draw under: one for all samples (a tuple for several conditions), or one per sample. None
            draws them too, with their frequencies in ``fit``.
        random_state : int, RandomState instance or None, default=None
            Seed or generator. None means the `random_state` of the fit.

        Returns
        -------
        X : array or frame of shape (n_samples, n_features)
        y : array of shape (n_samples,) or (n_samples, n_conditions)
            The conditions; returned only if the fit had conditions.
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        given = self.resolved_parameters_.random_state if random_state is None else random_state
        rng = training.as_random_state(given)
        reader = self.reader_
        labels = reader.labels_for(y, n_samples, rng)
        blank = reader.conditioned(training.Rows(torch.empty((int(n_samples), 0), dtype=reader.dtype)), labels)
        drawn = self.module_.prior.draw(blank.conditions, self._n_features_out, rng)
        rows: np.ndarray = self._apply_to(
            reader.conditioned(training.Rows(torch.as_tensor(drawn, dtype=reader.dtype)), labels),
            lambda network, batch: network.likelihood.draw(network.decode(*batch), rng),
        )
        return reader.beside(self._table(rows, drawn=True), labels)

    def _table(self, rows: np.ndarray, *, drawn: bool) -> Any:
        """Return rows of the network as a table of the kind of X; `drawn` rows have its types too."""
        reader = self.reader_.rows
        return reader.decoded(rows) if isinstance(reader, MixedReader) else reader.table(rows, drawn=drawn)

    # --- scikit-learn's contract -----------------------------------------------------------------------------------

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = tags.input_tags.categorical = models_categories(self)
        return tags
