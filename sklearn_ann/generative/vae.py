"""Variational auto-encoders: a distribution with a latent space, to sample from."""

from __future__ import annotations

import warnings
from numbers import Integral
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_scalar
from sklearn.utils.validation import _check_sample_weight, check_is_fitted
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann.base.parameters import (
    ClosedFraction,
    DropProbability,
    LayerSizes,
    NonNegativeFloat,
    PositiveInt,
    RandomState,
)
from sklearn_ann.generative.conditions import ConditionalEstimator
from sklearn_ann.generative.likelihoods import LIKELIHOODS, Gaussian, LikelihoodName, NegativeBinomial, moments
from sklearn_ann.generative.network import VariationalAutoEncoder, negative_bound
from sklearn_ann.layers import (
    Activation,
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    convolution_layers,
    dense_stack,
    image_grid,
    image_layers,
    layer_widths,
    linear_layers,
)
from sklearn_ann.preprocessing.images import flattened

__all__ = ["VAESampler"]

_ACTIVE = 1e-2  # Burda et al. 2016, section 5.2
_ENOUGH = 1000  # samples, of which a tenth tell whether the others are learned by heart


class VAESampler(ConditionalEstimator):
    r"""A distribution with a latent space, to sample from: the variational auto-encoder of Kingma and Welling.

    A code ``z ~ N(0, I)`` is drawn, and a sample from ``p(x | z)``, whose parameters a decoder computes. An encoder
    computes ``q(z | x)``, a normal distribution. Both are trained to raise a lower bound of the likelihood [1]_:

    .. math:: \log p(x) \ge E_{q(z|x)}[\log p(x | z)] - \beta \, KL(q(z|x) \,\|\, p(z))

    Both terms are sums, over the features and over the latent units.

    Parameters
    ----------
    n_components : int
        Width q of the latent space. What the data do not need collapses to the prior, see `active_units_`; it may be
        greater than the number of features.

    likelihood : {"gaussian", "bernoulli", "poisson", "negative_binomial", "zero_inflated_negative_binomial"}
        What p(x | z) is, independently for each feature. ``"gaussian"``: a variance of each feature is learned; X is
        standardised inside, and densities are those of X as it came. ``"bernoulli"``: X in [0, 1]. The others
        are for raw counts, as of single cells [6]_, best as a CSR matrix; see the Notes.

    architecture : {"dense", "conv"}
        ``"conv"`` is for images, with `image_shape`: convolutions come before the encoder's dense layers, and the
        decoder mirrors them.

    hidden_layer_sizes : int or tuple of ints
        Widths of the encoder's hidden dense layers; the decoder mirrors them. ``()`` for none.

    decoder : {"mirror", "linear"}
        ``"linear"`` decodes by one linear map, whose `loadings_` tell which features a latent unit moves [2]_.

    conv_layers : "auto" or sequence of (n_filters, kernel_size) or (n_filters, kernel_size, pool_size)
        The convolutions of ``architecture="conv"``, as in ``AutoEncoderTransformer``.

    image_shape : tuple of int or None
        ``(height, width)`` or ``(height, width, channels)`` of images. They come as rows of numbers or as an array of
        shape (n_samples, \\*image_shape).

    activation : {"identity", "logistic", "tanh", "relu", "elu", "gelu", "silu"}
        Function between the dense layers.

    dropout : float
        Probability, in [0, 1), to drop a hidden unit of the encoder while training.

    beta : float
        Weight of the divergence; 1 for the likelihood's bound, more for fewer and independent latent units [3]_.

    kl_warmup : float
        Share of `max_epochs`, in [0, 1], in which the weight of the divergence rises from 0. Before its end training
        does not stop: at full weight from the start a posterior may collapse before the decoder has learned to use
        it. For new networks only: neither for ``partial_fit`` nor for ``warm_start``.

    free_bits : float
        Nats for each latent unit that are free: a divergence whose mean over the batch is below is not penalised [4]_.

    early_stopping : bool or "auto"
        Whether to watch the bound on held-out data, a share `validation_fraction`, and to return the weights of its
        best epoch. ``"auto"``: with 1,000 samples or more. A network trained for long learns single cells by heart.

    Attributes
    ----------
    encoder_ : torch.nn.Module
        Maps (batch, n_features), standardised or log-transformed as the likelihood does it, to means and logarithms
        of variances of q(z | x), (batch, 2 * n_components).

    decoder_ : torch.nn.Module
        Maps codes, and conditions as one-hot columns, to the parameters of p(x | z).

    active_units_ : array of bool of shape (n_components,)
        The latent units in use: those whose posterior mean has a variance over the training data above 0.01 [5]_.

    loadings_ : array of shape (n_features, n_components) or None
        With ``decoder="linear"``: the change of a feature with a latent unit, in its own unit under the Gaussian, in
        log-odds under the Bernoulli likelihood, in its logarithm (up to the normalisation) under those of counts.

    noise_variance_ : array of shape (n_features,) or None
        Variance of each feature given z, under the Gaussian likelihood.

    dispersion_ : array of shape (n_features,) or None
        θ of each feature under the negative binomial likelihoods: counts of mean μ have the variance ``μ + μ²/θ``.

    Notes
    -----
    Counts. The decoder's output for each sample is a distribution over the features, a softmax; the mean of the
    counts is this times the sample's library size, the sum of its counts. Library sizes are not modelled: densities
    are conditional on them, ``inverse_transform`` gives means for the geometric mean of those in the training data,
    and ``sample`` draws them from a log-normal distribution fitted to these. The encoder reads
    ``log(1 + counts)`` of counts scaled to a library size of 10,000. A sample without any count has the library size 1.

    Conditions that were not in ``fit`` do not matter to ``transform``, which does not look at them; where they are
    decoded or scored they are errors. A missing condition is always an error.

    Gaussian. The standard deviation of a feature given z is at least a hundredth of that in the training data, since
    the density of what can be rebuilt exactly has no upper bound. A feature that is constant in ``fit`` is that
    constant in samples, and no part of a density.

    Sparse X stays sparse: only the rows of a batch are made dense. The loss in ``history_`` is the mean negative bound
    with the divergence in full weight, also while that is warmed up.

    ``elbo`` and ``score_samples`` draw noise in pairs of opposite sign, the same for all samples: the score of a sample
    depends on nothing else.

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

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ann import VAESampler
    >>> X, y = load_digits(return_X_y=True)
    >>> vae = VAESampler(likelihood="bernoulli", max_epochs=20, learning_rate_schedule="cosine", random_state=0)
    >>> vae.fit(X / 16).sample(3).shape
    (3, 64)
    >>> vae.transform(X / 16).shape
    (1797, 10)

    Digits to order:

    >>> images, labels = vae.set_params(conditions="y").fit(X / 16, y).sample(3, y=[1, 2, 3])
    >>> labels
    array([1, 2, 3])
    """

    n_components: PositiveInt = 10
    likelihood: LikelihoodName = "gaussian"
    architecture: Literal["dense", "conv"] = "dense"
    hidden_layer_sizes: LayerSizes = (128,)
    decoder: Literal["mirror", "linear"] = "mirror"
    conv_layers: Any = "auto"
    image_shape: tuple | None = None
    activation: Activation = "relu"
    dropout: DropProbability = 0.1
    beta: NonNegativeFloat = 1.0
    kl_warmup: ClosedFraction = 0.1
    free_bits: NonNegativeFloat = 0.0
    batch_size: PositiveInt | None = 128
    weight_decay: NonNegativeFloat = 1e-6
    early_stopping: bool | Literal["auto"] = "auto"  # type: ignore[assignment]
    tol: NonNegativeFloat = 1e-3

    _loss_floor: ClassVar[float] = 1.0  # nats

    # --- Samples ---------------------------------------------------------------------------------------------------

    def _encode(self, X: Any, *, reset: bool) -> training.Samples:
        if reset:
            self._fitted_likelihood = self.likelihood
        samples = super()._encode(flattened(X, self.image_shape), reset=reset)
        LIKELIHOODS[self._fitted_likelihood].check(samples)
        return samples

    def _examples(self, *data: Any, reset: bool, **options: Any) -> tuple[training.Examples, Tensor | None]:
        examples, target = super()._examples(*data, reset=reset, **options)
        if reset:
            conditioned: Any = examples.samples
            of_sums = LIKELIHOODS[self.likelihood].of_counts
            self._moments = moments(conditioned.samples, examples.weight, of_sums=of_sums)
        return examples, target

    # --- Network ---------------------------------------------------------------------------------------------------

    def _build(self, samples: training.Samples) -> nn.Module:
        self._n_features_out = self.n_components
        likelihood = LIKELIHOODS[self.likelihood](self._moments)
        n_features = len(self._moments.mean)
        n_codes = self.n_components + (0 if self._known is None else self._known.n_levels)
        hidden = layer_widths(self.hidden_layer_sizes)
        widths = (*hidden, 2 * self.n_components)
        encoder: nn.Module
        decoder: nn.Module
        if self.architecture == "conv":
            if self.image_shape is None:
                raise ValueError("architecture='conv' needs image_shape=(height, width) or (height, width, channels)")
            if likelihood.n_outputs > 1:
                raise ValueError(f"likelihood={self.likelihood!r} is for architecture='dense', got 'conv'")
            grid = image_grid(tuple(self.image_shape), n_features)
            layers = convolution_layers(self.conv_layers, image_layers(min(grid[:2])))
            encoder = ConvolutionalEncoder(layers, grid, widths, self.activation, self.dropout)
            decoder = ConvolutionalDecoder(encoder, layers, (*hidden, n_codes), self.activation, 0.0)
        else:
            encoder = dense_stack(linear_layers((n_features, *widths)), self.activation, self.dropout)
            outward = (n_codes, *hidden[::-1], likelihood.n_outputs * n_features)
            decoder = dense_stack(linear_layers(outward), self.activation)
        if self.decoder == "linear":
            decoder = nn.Linear(n_codes, likelihood.n_outputs * n_features)
        return VariationalAutoEncoder(encoder, decoder, likelihood, self.beta, self.kl_warmup, self.free_bits)

    def _error(self) -> training.Error:
        return negative_bound

    def _stops_early(self, n_samples: int) -> bool:
        return n_samples >= _ENOUGH if self.early_stopping == "auto" else self.early_stopping

    def _results(self, run: training.Training, module: nn.Module) -> dict[str, Any]:
        samples, rows = run.examples.samples, run.examples.rows
        with training.limited_threads():
            means = training.apply(
                module,
                samples,
                lambda network, batch: network.posterior(batch.x).mean,
                chunk=256,
                device=run.device,
                precision=self._fitted_precision,
            )
        variances = (means if rows is None else means[rows.numpy()]).var(axis=0)
        return super()._results(run, module) | {"active_units_": variances > _ACTIVE}

    # --- What a user calls -----------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None) -> Self:
        """Train encoder and decoder.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples. Conditions in columns need an array or a frame.
        y : array-like of shape (n_samples,) or (n_samples, n_conditions), default=None
            The conditions, with ``conditions="y"``; else ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            A sample of weight 2 counts as if it were there twice, one of weight 0 as if it were not there.
        X_val, y_val : as X and y, default=None
            Validation data: their bound is watched for early stopping.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X is not what the likelihood is for, or if the loss ceases to be finite.

        Warns
        -----
        ConvergenceWarning
            If the posterior has collapsed to the prior: no latent unit is active.
        """
        self._fit(X, y, sample_weight=sample_weight, X_val=X_val, y_val=y_val)
        if not self.active_units_.any():
            warnings.warn(
                f"No latent unit of this {type(self).__name__} is active: the posterior has collapsed to the prior, so "
                "that codes say nothing about samples. If there is structure in X, a smaller beta, free_bits, a longer "
                "kl_warmup or more training may find it.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch more, on these samples alone.

        Standardisation, library sizes and the known conditions stay those of the first call.

        Parameters
        ----------
        X, y, sample_weight : as in ``fit``
            The samples, their targets, and what each sample counts.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight=sample_weight, incremental=True)

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
        return self._apply(X, lambda network, x: network.posterior(x).mean)

    def inverse_transform(self, X: Any, y: Any = None) -> np.ndarray:
        """Decode codes.

        To take a batch effect away, decode all codes under the same condition.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, as ``transform`` returns them.
        y : label, tuple of labels or array-like of shape (n_samples,) or (n_samples, n_conditions), default=None
            The conditions to decode under: one for all (a tuple where there are several), or one for each sample.

        Returns
        -------
        array of shape (n_samples, n_features)
            The means of ``p(x | z)``; of counts, for the typical library size.
        """
        codes = self._check_codes(X)
        samples = self._conditioned(codes, self._asked_for(y, len(codes)))
        return self._apply_encoded(samples, VariationalAutoEncoder.mean)

    def sample(
        self, n_samples: int = 1, y: Any = None, *, random_state: RandomState = None
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Draw samples from the distribution: a code from the prior, then a sample from ``p(x | z)``.

        The mean in place of the latter, an image without its noise, is ``inverse_transform`` of normal numbers.

        Parameters
        ----------
        n_samples : int, default=1
            How many samples to make.
        y : label, tuple of labels or array-like of shape (n_samples,) or (n_samples, n_conditions), default=None
            The conditions to draw under: one for all (a tuple where there are several), or one for each sample. None:
            they are drawn too, as often as they were in ``fit``.
        random_state : int, RandomState instance or None, default=None
            None takes the `random_state` of the estimator.

        Returns
        -------
        X : array of shape (n_samples, n_features)
        y : array of shape (n_samples,) or (n_samples, n_conditions)
            The conditions; only where there are any.
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        rng = training.as_random_state(self.random_state if random_state is None else random_state)
        labels = self._known.draw(n_samples, rng) if self._known and y is None else self._asked_for(y, n_samples)
        codes = torch.as_tensor(rng.standard_normal((n_samples, self._n_features_out)), dtype=self._dtype)
        samples = self._apply_encoded(
            self._conditioned(training.Rows(codes), labels),
            lambda network, batch: network.likelihood.draw(network.decode(*batch), rng),
        )
        if labels is None:
            return samples
        return samples, np.array((labels[:, 0] if labels.shape[1] == 1 else labels).tolist())

    def elbo(self, X: Any, y: Any = None, *, n_draws: int = 100, random_state: RandomState = 0) -> np.ndarray:
        """Return the evidence lower bound of each sample, with the divergence in its plain weight.

        Parameters
        ----------
        X, y : as in ``fit``
            The samples and their targets.
        n_draws : int, default=100
            Draws of z, over which the bound is a mean.
        random_state : int, RandomState instance or None, default=0
            Seed, or generator, of what is drawn.

        Returns
        -------
        array of shape (n_samples,)
            In nats.
        """
        return self._bound(VariationalAutoEncoder.evidence_bound, X, y, n_draws, random_state)

    def score_samples(self, X: Any, y: Any = None, *, n_draws: int = 100, random_state: RandomState = 0) -> np.ndarray:
        """Return the log-likelihood of each sample, as the importance-weighted lower bound.

        ``log mean_i p(x | z_i) p(z_i) / q(z_i | x)``, whose mean over draws is below ``log p(x)`` and comes the nearer
        to it the more there are; with one draw it is the evidence lower bound.

        Parameters
        ----------
        X, y : as in ``fit``
            The samples and their targets.
        n_draws : int, default=100
            Draws of z.
        random_state : int, RandomState instance or None, default=0
            Seed, or generator, of what is drawn.

        Returns
        -------
        array of shape (n_samples,)
            In nats; of counts, given the library size.
        """
        return self._bound(VariationalAutoEncoder.importance_bound, X, y, n_draws, random_state)

    def _bound(self, bound: Any, X: Any, y: Any, n_draws: int, random_state: RandomState) -> np.ndarray:
        check_is_fitted(self)
        check_scalar(n_draws, "n_draws", Integral, min_val=1)
        samples = self._encode(X, reset=False)
        rng = training.as_random_state(random_state)
        half = rng.standard_normal((-(-n_draws // 2), self._n_features_out))
        draws = torch.as_tensor(np.concatenate([half, -half])[:n_draws], dtype=self._dtype)
        conditioned = self._conditioned(samples, self._labels(X, y, len(samples)))
        return self._apply_encoded(
            conditioned, lambda network, batch: bound(network, batch, draws.to(batch.conditions.device))
        )

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the mean of ``score_samples``.

        Parameters
        ----------
        X, y : as in ``fit``
            The samples and their targets.
        sample_weight : array-like of shape (n_samples,), default=None
            What each sample counts.

        Returns
        -------
        float
            In nats a sample.
        """
        scores = self.score_samples(X, y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, scores, dtype=np.float64)
        return float(np.average(scores, weights=sample_weight))

    # --- Fitted attributes -----------------------------------------------------------------------------------------

    @property
    def encoder_(self) -> nn.Module:
        """The encoder as a torch module."""
        check_is_fitted(self)
        return self.module_.encoder  # type: ignore[return-value]

    @property
    def decoder_(self) -> nn.Module:
        """The decoder as a torch module."""
        check_is_fitted(self)
        return self.module_.decoder  # type: ignore[return-value]

    @property
    def loadings_(self) -> np.ndarray | None:
        """The weights of a linear decoder."""
        if not isinstance(self.decoder_, nn.Linear):
            return None
        likelihood: Any = self.module_.likelihood
        weight = self.decoder_.weight[: len(self._moments.mean), : self._n_features_out]
        if isinstance(likelihood, Gaussian):
            weight = weight * likelihood.scale[:, None]
        loadings: np.ndarray = weight.numpy(force=True)
        return loadings

    @property
    def noise_variance_(self) -> np.ndarray | None:
        """The variances of a Gaussian likelihood."""
        check_is_fitted(self)
        likelihood: Any = self.module_.likelihood
        if not isinstance(likelihood, Gaussian):
            return None
        return (likelihood.variance() * likelihood.scale.square()).numpy(force=True)

    @property
    def dispersion_(self) -> np.ndarray | None:
        """The dispersions of a negative binomial likelihood."""
        check_is_fitted(self)
        likelihood: Any = self.module_.likelihood
        return likelihood.dispersion().numpy(force=True) if isinstance(likelihood, NegativeBinomial) else None
