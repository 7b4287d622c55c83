"""Generative adversarial networks: a generator of rows, of tables and of images, to sample from."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, check_scalar
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_ann import training
from sklearn_ann._warnings import warn
from sklearn_ann.base import NeuralEstimator, Plan
from sklearn_ann.base.budget import Budget
from sklearn_ann.base.parameters import (
    Fraction,
    LayerSizes,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    RandomState,
    fitted,
)
from sklearn_ann.base.plan import checked_weights
from sklearn_ann.generative.adversarial import AdversarialLoss, AdversarialStep, Rules, unlikeness
from sklearn_ann.generative.adversaries import Adversaries, adversaries_of
from sklearn_ann.generative.energy import energy_distance
from sklearn_ann.layers import Activation
from sklearn_ann.reading import (
    ConditionedReader,
    ConditionedSamples,
    Fields,
    MixedReader,
    Reader,
    RowReader,
    columns_of,
)

_ENOUGH = 500  # steps of the generator, before which its average holds its random start
_LEAST_DRAWN = 1000  # rows that a score compares with
_OF_TABLES = ("categorical_features", "scaling")  # hyper-parameters that images have no use for


class GANSampler(NeuralEstimator):
    r"""A sampler of tables, rows and images: generative adversarial networks.

    A generator G turns noise into rows. A critic D learns to separate these rows from real rows, and the generator
    learns to make rows that the critic accepts [1]_. By default the values of the critic estimate the Wasserstein
    distance between generated and real rows. A penalty keeps the slope of the critic at one [2]_:

    .. math:: \max_D \; E_x[D(x)] - E_z[D(G(z))] - \lambda E_{\hat x}[(\|\nabla D(\hat x)\| - 1)^2], \qquad
        \min_G \; -E_z[D(G(z))]

    with :math:`\hat x` drawn between real and generated rows. Samples come from a generator whose weights are averaged
    over the steps.

    Parameters
    ----------
    n_components : int
        Number of noise components, which are normally distributed.

    loss : {"wasserstein", "minimax"}
        ``"minimax"`` is the original loss, :math:`\min_G \max_D \; E_x[\log D(x)] + E_z[\log(1 - D(G(z)))]`, in which
        the critic returns the probability that a row is real [1]_. The generator maximises :math:`E_z[\log D(G(z))]`,
        whose gradient does not vanish if the critic is certain. The original network also has ``gradient_penalty=0``
        and ``pack_size=1``, and often loses modes.

    architecture : {"dense", "conv"}
        ``"conv"`` is for images and needs `image_shape`.

    hidden_layer_sizes : int or tuple of ints
        Widths of the hidden dense layers, of the generator and of the critic.

    conv_layers : "auto" or sequence of (n_filters, kernel_size) or (n_filters, kernel_size, pool_size)
        The convolutions of ``architecture="conv"``, as in ``AutoEncoderTransformer``. The generator mirrors those of
        the critic.

    image_shape : tuple of int or None
        ``(height, width)`` or ``(height, width, channels)`` of images. X holds them as rows of numbers or as an array
        of shape (n_samples, \*image_shape). All pixels share one scale. Samples stay in the range of the pixels in
        ``fit``.

    activation : {"identity", "logistic", "tanh", "relu", "elu", "gelu", "silu"}
        Activation function of the hidden dense layers.

    categorical_features : "auto", or list of int, str or bool
        The categorical columns, by position, by name, or as one bool per column. ``"auto"`` takes the columns of a
        frame that hold text, categories or bools. Not for images.

    scaling : {"auto", "quantile", "modes", "standard"}
        Scale of the numbers; not for images. ``"quantile"`` uses normal scores, with random order of equal values.
        ``"auto"`` does the same, but separately for each group if the values of a column form groups with wide gaps
        between them; the group is then one more category. ``"modes"`` uses the offset from a mode of a Gaussian
        mixture, as in CTGAN [3]_. ``"standard"`` standardises.

    conditions : None, "y", or column name, position, or list of these
        Categories on which samples are conditional: none; ``"y"``, the labels in ``fit``, of shape (n_samples,) or
        (n_samples, n_conditions); or columns of X, which are then not sampled.

    pack_size : int
        Number of rows that the critic reads together, :math:`D(x_1, \dots, x_m)`. The critic can then reject a
        generator whose rows are all similar, so that fewer modes are lost [4]_.

    n_critic_steps : int
        Number of steps of the critic on each batch before one step of the generator. Each step has new noise and new
        packs.

    gradient_penalty : float
        Weight λ of the penalty, for both losses. The gradient is taken with respect to all rows of a pack.

    averaging : float
        Decay, in [0, 1), of the average of the generator's weights. The weights of s steps ago have the factor
        ``averaging ** s``, in the first steps a smaller one. 0 uses the last weights.

    early_stopping : bool
        Whether to hold out a share `validation_fraction` of the data and to keep the weights of the epoch with the
        smallest energy distance between held-out and generated rows [5]_. Otherwise all `max_epochs` epochs are run,
        because the losses of the two networks do not show how good the samples are. Without held-out data the schedule
        ``"adaptive"`` uses the loss of the critic.

    Attributes
    ----------
    generator_ : torch.nn.Module
        The generator with averaged weights. It maps noise, (batch, n_components), and one-hot conditions to encoded
        rows: scores of numbers and logits of categories, or pixels on a scale from -1 to 1.

    critic_ : torch.nn.Module
        The critic. It maps packs of rows and of conditions to values.

    conditions_ : list of arrays or None
        The categories of each condition, sorted.

    Notes
    -----
    Rows. ``sample`` returns a frame of the same names and types if X is a frame, and an array otherwise. Numbers have
    as many decimals as in ``fit``, and with the scaling ``"quantile"`` they stay in the range in ``fit``. In a frame,
    whether a number is missing is one more category. In an array of numbers NaN is an error. Images are returned as
    rows, as floats if X is an array.

    The output of the dense generator is the sum of a linear map of the noise and of the output of hidden layers. For
    tables the map starts as the normal distribution with the means and the covariance of the rows, or with the means of
    each condition, and categories start with their frequencies. Training learns how the rows differ from this.

    Categories are drawn by Gumbel softmax. If X has categorical columns and there are no `conditions`, the generator
    receives the category of one column for each row and must produce it, so that rare categories are learned [3]_. In
    ``sample`` these categories are drawn with their frequencies in ``fit``.

    In ``history_``, the loss is that of the critic with the penalty, and ``"generator_loss"`` that of the generator.
    ``"distance"`` is the critic's estimate of the Wasserstein distance (with ``loss="minimax"`` of the Jensen-Shannon
    divergence), and ``"condition_loss"`` the error of the categories that the generator received. The validation loss
    is the energy distance. None of these values falls steadily.

    Weights. Rows of a batch are drawn into packs in proportion to `sample_weight`, and the losses of a batch are
    multiplied by its mean weight. A row of weight two is drawn twice as often on average.

    A sampler can memorise few rows: compare the distances from samples to their closest training rows with those to
    held-out rows, for instance by `sklearn_ann.metrics.copy_share`.

    References
    ----------
    .. [1] Goodfellow, I. et al. (2014). Generative adversarial nets. NeurIPS. arXiv:1406.2661. Equation 1.
    .. [2] Gulrajani, I., Ahmed, F., Arjovsky, M., Dumoulin, V. and Courville, A. (2017). Improved training of
       Wasserstein GANs. NeurIPS. arXiv:1704.00028. Equation 3.
    .. [3] Xu, L., Skoularidou, M., Cuesta-Infante, A. and Veeramachaneni, K. (2019). Modeling tabular data using
       conditional GAN. NeurIPS. arXiv:1907.00503. Section 4.
    .. [4] Lin, Z., Khetan, A., Fanti, G. and Oh, S. (2018). PacGAN: the power of two samples in generative adversarial
       networks. NeurIPS. arXiv:1712.04086. Section 3.
    .. [5] Székely, G. J. and Rizzo, M. L. (2013). Energy statistics: a class of statistics based on distances. Journal
       of Statistical Planning and Inference 143(8), 1249-1272.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_ann import GANSampler
    >>> table = pd.DataFrame(
    ...     {"size": [1.5, 9.0, 1.7, 8.8] * 50, "kind": ["mouse", "cat", "mouse", "cat"] * 50}
    ... )
    >>> gan = GANSampler(hidden_layer_sizes=64, max_epochs=500, random_state=0).fit(table)
    >>> samples = gan.sample(1000)
    >>> samples.groupby("kind")["size"].median()
    kind
    cat      9.0
    mouse    1.5
    Name: size, dtype: float64
    """

    n_components: PositiveInt = 64
    loss: AdversarialLoss = "wasserstein"
    architecture: Literal["dense", "conv"] = "dense"
    hidden_layer_sizes: LayerSizes = (128, 128)
    conv_layers: Any = "auto"
    image_shape: tuple | None = None
    activation: Activation = "relu"
    categorical_features: Any = "auto"
    scaling: Literal["auto", "quantile", "modes", "standard"] = "auto"
    conditions: Any = None
    pack_size: PositiveInt = 2
    n_critic_steps: PositiveInt = 2
    gradient_penalty: NonNegativeFloat = 1.0
    averaging: Fraction = 0.999
    max_epochs: PositiveInt | Literal["auto"] = "auto"
    batch_size: PositiveInt | Literal["auto"] | None = 256
    learning_rate: PositiveFloat = 1e-3
    learning_rate_schedule: training.Schedule = "cosine"

    module_: Adversaries = fitted()
    reader_: ConditionedReader = fitted()
    conditions_: list[np.ndarray] | None = fitted()

    _budget: ClassVar[Budget] = Budget(steps=1500, epochs=20, steps_of_sample=2.0, most_steps=8000)

    def _reader(self, X: Any, **common: Any) -> Reader[Any]:
        rows: Reader[Any]
        if self.image_shape is not None:
            for name in _OF_TABLES:
                value = getattr(self, name)
                if value is not None and not (isinstance(value, str) and value == getattr(type(self), name)):
                    raise ValueError(f"{name}={value!r} is for tables, but image_shape={self.image_shape}")
            rows = RowReader(conditions=columns_of(self.conditions), image_shape=self.image_shape, **common)
        else:
            rows = MixedReader(
                categorical_features=self.categorical_features,
                scaling=self.scaling,
                conditions=columns_of(self.conditions),
                **common,
            )
        return ConditionedReader(conditions=self.conditions, rows=rows, **common)

    def _network(self, plan: Plan) -> nn.Module:
        examples, rows = plan.examples, plan.examples.samples.samples
        if not isinstance(rows, training.Rows):
            raise TypeError("X is sparse: GANSampler samples dense rows, give X.toarray()")
        fields = getattr(plan.reader.rows, "fields", Fields(rows.values.shape[1], ()))
        return adversaries_of(plan.parameters, fields, rows.values, examples.weight, examples.samples.conditions)

    def _error(self, plan: Plan) -> training.Error:
        return unlikeness

    def _step(self, plan: Plan, module: nn.Module, error: training.Error) -> training.Step:
        rules = Rules(*(plan.parameters[name] for name in Rules._fields))
        return AdversarialStep(module, error, plan.settings, rules, watched=plan.validation is not None)

    def _take(self, plan: Plan, run: training.Training, module: nn.Module) -> dict[str, Any]:
        known = plan.reader.known
        return {"conditions_": None if known is None else known.categories}

    def _prepare(self, X: Any, y: Any = None, *, categorical_features: Any = None, **options: Any) -> Plan:
        if categorical_features is None:
            return super()._prepare(X, y, **options)
        told: Any = object.__new__(type(self))  # as this estimator, which stays as it is, but for the columns
        told.__dict__.update(self.__dict__, categorical_features=categorical_features)
        plan: Plan = told._prepare(X, y, **options)
        return plan

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
        categorical_features: Any = None,
    ) -> Self:
        """Train generator and critic.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training rows, such as a frame; with `image_shape` also images.
        y : array-like of shape (n_samples,) or (n_samples, n_conditions), default=None
            The conditions, with ``conditions="y"``; otherwise ignored.
        sample_weight : array-like of shape (n_samples,), default=None
            A sample of weight 2 is drawn into packs twice as often as one of weight 1, one of weight 0 never.
        X_val, y_val : as X and y, default=None
            Validation data; their energy distance to generated rows is watched.
        groups : array-like of shape (n_samples,), default=None
            Which samples belong together, such as families or donors: early stopping holds out whole groups.
        categorical_features : "auto", or list of int, str or bool, default=None
            The categorical columns of this fit; None means the hyper-parameter of the same name.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X has infinite values, or missing ones without being a frame; if conditions are missing, or are
            fractions; if `image_shape` does not fit X; or if a loss is no longer finite.

        Warns
        -----
        ConvergenceWarning
            If there were so few steps that the average of the generator's weights holds its random start.
        """
        self._fit(
            X,
            y,
            sample_weight=sample_weight,
            X_val=X_val,
            y_val=y_val,
            groups=groups,
            categorical_features=categorical_features,
        )
        n_steps = int(self.module_.n_averaged)
        if n_steps < _ENOUGH:
            warn(
                f"The generator of this {type(self).__name__} was kept after {n_steps} steps, with max_epochs="
                f"{self.resolved_parameters_.max_epochs}: samples still show its random start. It needs {_ENOUGH} "
                "steps at least, and usually thousands.",
                ConvergenceWarning,
            )
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train for one more epoch, on these samples only.

        Columns, categories, scales, the range of pixels and known conditions stay as in the first call.

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
        """Return the features that the critic's last layer works on.

        The critic sees a row in a pack whose other places hold the mean of the training data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        array of shape (n_samples, n_features_out)
            `n_features_out` is the last of `hidden_layer_sizes`. In the place of conditions the critic gets their
            frequencies in ``fit``.

        Raises
        ------
        ValueError
            If X has other columns than in ``fit``, an unknown category, or a missing value where none was missing.
        """
        check_is_fitted(self)
        features: np.ndarray = self._apply_to(self.reader_.values(X), Adversaries.features)
        return features

    @training.isolated()
    def sample(self, n_samples: int = 1, y: Any = None, *, random_state: RandomState = None) -> Any:
        """Draw samples.

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
        X : frame or array of shape (n_samples, n_features)
            Of the kind, with the names and the types of the X in ``fit``. Images come as rows, those of an array as
            floats.
        y : array of shape (n_samples,) or (n_samples, n_conditions)
            The conditions; returned only if the fit had conditions.

        Raises
        ------
        ValueError
            If a condition is unknown or missing, or if y is given and the fit had no conditions.
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        given = self.resolved_parameters_.random_state if random_state is None else random_state
        rng = training.as_random_state(given)
        reader = self.reader_
        of_rows: Any = reader.rows
        labels = reader.labels_for(y, n_samples, rng)
        noise = self._noise(n_samples, rng)
        rows = self._drawn(noise, reader.conditioned(noise, labels).conditions, rng)
        if self.module_.bounded:
            pixels = self.module_.decoded(torch.from_numpy(rows).to(self._ready())).numpy(force=True)
            samples = of_rows.table(pixels, drawn=True)
        else:
            samples = of_rows.decoded(rows)
        return reader.beside(samples, labels)

    def _noise(self, n: int, rng: np.random.RandomState) -> training.Rows:
        numbers = rng.standard_normal((n, self.module_.n_components))
        return training.Rows(torch.as_tensor(numbers, dtype=self.reader_.dtype))

    def _drawn(self, noise: training.Rows, conditions: torch.Tensor, rng: np.random.RandomState) -> np.ndarray:
        """Return encoded rows, drawn under conditions; without any, under categories that are drawn too."""
        if self.module_.choices:
            conditions = torch.as_tensor(self.module_.drawn_conditions(len(noise), rng), dtype=self.reader_.dtype)
        samples = ConditionedSamples(noise, conditions)
        rows: np.ndarray = self._apply_to(samples, lambda network, batch: network.sampled(batch, rng))
        return rows

    @training.isolated()
    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the negative energy distance between X and samples.

        With rows x of X and samples y it is ``E|x - x'| + E|y - y'| - 2 E|x - y|``, means over all pairs, whose number
        grows with the square of that of rows. Rows are compared as the critic reads them: numbers on the scale of
        `scaling`, categories as one-hot blocks. There are as many samples as rows in X, or 1,000 if X has fewer, always
        the same. With conditions, samples are drawn under those of X, and rows are compared together with their
        conditions. Two sets of n rows each of one distribution do not have the distance zero but about ``2 / n`` times
        the mean distance between two rows.

        Parameters
        ----------
        X, y : as in ``fit``
            Samples and conditions.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        float
            At most zero; higher is better.

        Raises
        ------
        ValueError
            As in ``transform``; if a condition is unknown; or if a row is too far off to compute a distance.
        """
        samples = self._read(X, y)
        n, conditions = len(samples), samples.conditions
        weight = checked_weights(sample_weight, n)
        rng, again = np.random.RandomState(0), torch.arange(max(n, _LEAST_DRAWN)) % n
        real = self._apply_to(samples, lambda network, batch: network.encoded(batch.x))
        fake = self._drawn(self._noise(len(again), rng), conditions[again], rng)
        x = torch.cat([torch.from_numpy(real), conditions], dim=1)
        drawn = torch.cat([torch.from_numpy(fake), conditions[again]], dim=1)
        weights = None if weight is None else torch.from_numpy(weight)
        beside = None if weights is None or not conditions.shape[1] else weights[again]
        distance = float(energy_distance(x.double(), drawn.double(), weights, beside))  # a difference of means
        if not math.isfinite(distance):
            sample = int(x.double().square().sum(dim=1).argmax())
            raise ValueError(f"sample {sample} of X is too far from the rows in fit to compute a distance")
        return -max(distance, 0.0)

    # --- Fitted attributes -----------------------------------------------------------------------------------------

    @property
    def generator_(self) -> nn.Module:
        """The generator with averaged weights, as a torch module."""
        check_is_fitted(self)
        generator: nn.Module = self.module_.averaged
        return generator

    @property
    def critic_(self) -> nn.Module:
        """The critic as a torch module."""
        check_is_fitted(self)
        critic: nn.Module = self.module_.critic
        return critic

    @property
    def _n_features_out(self) -> int:
        return int(self.module_.critic.n_features)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.string = tags.input_tags.categorical = self.image_shape is None
        return tags
