"""Auto-encoders: networks that learn short codes of samples and rebuild the samples from them."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from sklearn.utils import Bunch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann.autoencoder.losses import LOSSES, penalized_error
from sklearn_ann.autoencoder.network import AutoEncoder, Corruption, NoiseType, dense_pair
from sklearn_ann.base import NeuralEstimator, Plan
from sklearn_ann.base.budget import Budget
from sklearn_ann.base.parameters import (
    DropProbability,
    LayerSizes,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    check_image_shape,
    fitted,
)
from sklearn_ann.base.plan import checked_weights
from sklearn_ann.base.sources import Source, of_encoder
from sklearn_ann.layers import (
    Activation,
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    convolution_layers,
    image_grid,
    image_layers,
    layer_widths,
)
from sklearn_ann.reading import Reader, RowReader

__all__ = ["AutoEncoderTransformer"]


def _check_unit_interval(samples: training.Samples) -> None:
    for _, part in samples.windows():
        assert isinstance(part, training.Rows | training.SparseRows)
        values = part.values
        if values.numel() and (values.min() < 0 or values.max() > 1):
            raise ValueError(
                f"loss='binary_cross_entropy' is for data in [0, 1], but X has values from {values.min():g} to "
                f"{values.max():g}; scale it, for instance with MinMaxScaler, or choose another loss"
            )


def _ranges(samples: training.Samples) -> tuple[Tensor, Tensor]:
    """Return the least and the greatest value of each feature; sparse features always include zero."""
    if samples.streamed:
        least, greatest = zip(*(_ranges(part) for _, part in samples.windows()), strict=True)
        return torch.stack(least).amin(dim=0), torch.stack(greatest).amax(dim=0)
    if isinstance(samples, training.Rows):
        return samples.values.amin(dim=0), samples.values.amax(dim=0)
    assert isinstance(samples, training.SparseRows)
    zeros, columns = samples.values.new_zeros(samples.n_columns), samples.columns.long()
    return (
        zeros.scatter_reduce(0, columns, samples.values, "amin"),
        zeros.scatter_reduce(0, columns, samples.values, "amax"),
    )


def _corruption(p: Bunch, samples: training.Samples) -> nn.Module:
    if p.noise_type != "gaussian" and p.noise > 1:
        raise ValueError(f"noise={p.noise}: expected a share in [0, 1] with noise_type={p.noise_type!r}")
    return Corruption(p.noise_type, p.noise, *_ranges(samples)) if p.noise else nn.Identity()


def _convolutional_pair(p: Bunch, n_features: int, dense: tuple[int, ...]) -> tuple[nn.Module, nn.Module]:
    check_image_shape(p.image_shape)
    if p.tied_weights:
        raise ValueError("tied_weights=True needs architecture='dense', got architecture='conv'")
    grid = image_grid(tuple(p.image_shape), n_features)
    layers = convolution_layers(p.conv_layers, image_layers(min(grid[:2])))
    encoder = ConvolutionalEncoder(layers, grid, dense, p.activation, p.dropout)
    return encoder, ConvolutionalDecoder(encoder, layers, dense, p.activation, p.dropout)


class AutoEncoderTransformer(NeuralEstimator):
    r"""Dimensionality reduction with an auto-encoder, Kramer's nonlinear PCA.

    An encoder ``f_W: R^p -> R^q`` maps each sample to a code, and a decoder ``g_V: R^q -> R^p`` rebuilds the sample
    from the code. Both are trained together [1]_:

    .. math:: W, V = \arg\min_{W, V} \sum_i \| x_i - g_V(f_W(x_i)) \|_2^2

    With ``hidden_layer_sizes=()`` both are linear, and the optimal codes span the same space as the first q principal
    components.

    Scale the features first, for instance with ``MinMaxScaler``: features with a wide range dominate the error.

    Parameters
    ----------
    n_components : int
        Number q of components of the code. With more components than features the code is overcomplete, and the
        network can copy its input.

    architecture : {"dense", "conv"}
        ``"conv"`` is for images and needs `image_shape`: convolutions come before the encoder's dense layers, and the
        decoder mirrors them.

    hidden_layer_sizes : int or tuple of ints
        Widths of the encoder's hidden dense layers; the decoder mirrors them. ``()`` means none.

    conv_layers : "auto" or sequence of (n_filters, kernel_size) or (n_filters, kernel_size, pool_size)
        The convolutions of ``architecture="conv"``, each followed by ReLU and, with a `pool_size`, max pooling.
        ``"auto"`` is two layers, plus one each time the smaller side can be halved above 16, up to five layers. They
        have 32, 64, 128, 128 and 128 filters of width 3, each pooled by 2.

    image_shape : tuple of int or None
        ``(height, width)`` or ``(height, width, channels)`` of images. X holds them as rows of numbers or as an array
        of shape (n_samples, \*image_shape).

    activation : {"identity", "logistic", "tanh", "relu", "elu", "gelu", "silu"}
        Activation function between the dense layers. Code and reconstruction have none.

    dropout : float
        Probability, in [0, 1), of dropping a hidden unit during training.

    tied_weights : bool
        Whether the decoder's matrices are the transposes of the encoder's, which halves the number of weights. For
        dense layers only.

    noise : float
        Amount of noise that is added to samples before they are encoded, during training only. The error compares the
        reconstruction with the clean sample, so that ``reconstruct`` removes noise [2]_. For `noise_type`
        ``"gaussian"`` it is a standard deviation in the unit of X, else a share of the features, in [0, 1]. 0 means no
        noise.

    noise_type : {"gaussian", "masking", "salt_and_pepper"}
        ``"gaussian"`` adds noise of standard deviation `noise`. ``"masking"`` sets a share `noise` of the features to
        zero, drawn anew for each sample and epoch. ``"salt_and_pepper"`` sets such a share to the least or greatest
        value of the feature in the training data, each with probability 1/2.

    sparsity : float
        Weight of the L1 penalty that makes most components of a code zero. Above 0 the code is rectified,
        ``z = relu(f_W(x))``, and each sample's error grows by ``sparsity * sum_k z_k ||v_k||`` [3]_ [4]_, with ``v_k``
        the k-th column of the decoder's first matrix, so that small codes and a large matrix do not reduce the penalty.
        With hidden layers, use `weight_decay` to limit the later matrices.

    contraction : float
        Weight of the contractive penalty [5]_: each sample's error grows by ``contraction`` times the squared
        Frobenius norm of the encoder's Jacobian at its input, ``||∂f_W(x)/∂x||²_F``. The norm is exact. The time of an
        epoch grows about fourfold, and with convolutions about `n_components`-fold.

    loss : {"squared_error", "absolute_error", "binary_cross_entropy"}
        Error of a reconstruction, summed over the features. ``"binary_cross_entropy"`` is for data in [0, 1]; the
        reconstructions are then probabilities.

    max_epochs : "auto" or int
        Number of epochs. ``"auto"`` is the number that makes two optimiser steps for each sample, at least 500 and at
        most 20,000 steps.

    Attributes
    ----------
    encoder_ : torch.nn.Module
        f_W; maps (batch, n_features_in_) to (batch, n_components).

    decoder_ : torch.nn.Module
        g_V; maps (batch, n_components) to (batch, n_features_in_).

    Notes
    -----
    Sparse X stays sparse; only the rows of a batch are made dense.

    X may be an AnnData object, whose ``X`` is read. Features are matched by ``var_names``: later objects may have the
    features in another order and further features. For a layer, pass ``AnnData(adata.layers[...], adata.obs,
    adata.var)``.

    Errors and penalties are summed over features and components and averaged over samples. The losses in ``history_``
    include the penalties; ``score_samples`` is the error alone.

    ``transform`` and ``inverse_transform`` return float64 with ``precision="float64"``, otherwise float32.

    References
    ----------
    .. [1] Kramer, M. A. (1991). Nonlinear principal component analysis using autoassociative neural networks. AIChE
       Journal 37(2), 233-243.
    .. [2] Vincent, P., Larochelle, H., Lajoie, I., Bengio, Y. and Manzagol, P.-A. (2010). Stacked denoising
       autoencoders. Journal of Machine Learning Research 11, 3371-3408. Section 3.3, noise; equation 7, objective.
    .. [3] Olshausen, B. A. and Field, D. J. (1996). Emergence of simple-cell receptive field properties by learning a
       sparse code for natural images. Nature 381, 607-609.
    .. [4] Glorot, X., Bordes, A. and Bengio, Y. (2011). Deep sparse rectifier neural networks. AISTATS, 315-323.
    .. [5] Rifai, S., Vincent, P., Muller, X., Glorot, X. and Bengio, Y. (2011). Contractive auto-encoders. ICML,
       833-840. Equations 1 and 2.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ann import AutoEncoderTransformer
    >>> X = load_digits().data / 16
    >>> encoder = AutoEncoderTransformer(n_components=8, random_state=0).fit(X)
    >>> encoder.transform(X).shape
    (1797, 8)
    >>> encoder.inverse_transform(encoder.transform(X)).shape
    (1797, 64)

    Remove noise. Training adds noise of the same standard deviation; the figures are mean squared errors:

    >>> import numpy as np
    >>> noisy = X + np.random.default_rng(0).normal(0, 0.3, X.shape)
    >>> denoiser = AutoEncoderTransformer(n_components=16, noise=0.3, random_state=0).fit(X)
    >>> restored = denoiser.reconstruct(noisy)
    >>> print(f"{np.square(noisy - X).mean():.2f}, restored {np.square(restored - X).mean():.2f}")
    0.09, restored 0.02
    """

    n_components: PositiveInt = 2
    architecture: Literal["dense", "conv"] = "dense"
    hidden_layer_sizes: LayerSizes = (128,)
    conv_layers: Any = "auto"
    image_shape: tuple | None = None
    activation: Activation = "relu"
    dropout: DropProbability = 0.0
    tied_weights: bool = False
    noise: NonNegativeFloat = 0.0
    noise_type: NoiseType = "gaussian"
    sparsity: NonNegativeFloat = 0.0
    contraction: NonNegativeFloat = 0.0
    loss: Literal["squared_error", "absolute_error", "binary_cross_entropy"] = "squared_error"
    max_epochs: PositiveInt | Literal["auto"] = "auto"
    batch_size: PositiveInt | Literal["auto"] | None = 64
    learning_rate: PositiveFloat = 4e-3
    learning_rate_schedule: training.Schedule = "cosine"

    module_: AutoEncoder = fitted()

    _budget: ClassVar[Budget] = Budget(steps=500, steps_of_sample=2, most_steps=20_000)

    def _reader(self, X: Any, **common: Any) -> Reader[Any]:
        return RowReader(image_shape=self.image_shape, **common)

    def _network(self, plan: Plan) -> nn.Module:
        p, n_features = plan.parameters, plan.reader.columns.number
        dense = (*layer_widths(p.hidden_layer_sizes), p.n_components)
        encoder: nn.Module
        decoder: nn.Module
        if p.architecture == "dense":
            encoder, decoder = dense_pair((n_features, *dense), p.activation, p.dropout, p.tied_weights)
        else:
            encoder, decoder = _convolutional_pair(p, n_features, dense)
        link = LOSSES[p.loss].link()
        return AutoEncoder(encoder, decoder, link, _corruption(p, plan.examples.samples), p.sparsity, p.contraction)

    def _error(self, plan: Plan) -> training.Error:
        p = plan.parameters
        if p.loss == "binary_cross_entropy":  # checked in training only: later samples may lie a little outside
            for examples in (plan.examples, plan.validation):
                if examples is not None:
                    _check_unit_interval(examples.samples)
        error = LOSSES[p.loss].error
        return partial(penalized_error, error) if p.sparsity or p.contraction else error

    def _source(self) -> Source:
        return of_encoder(self, self.module_.encoder, self.reader_)

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, X_val: Any = None, groups: Any = None) -> Self:
        """Train encoder and decoder.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Training samples.
        y : ignored
            Not used; part of scikit-learn's interface.
        sample_weight : array-like of shape (n_samples,), default=None
            A sample of weight 2 counts as if it were there twice, one of weight 0 as if it were not there.
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
        return self._fit(X, y, sample_weight=sample_weight, X_val=X_val, groups=groups)

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train for one more epoch, on these samples only.

        Parameters
        ----------
        X, y, sample_weight : as in ``fit``
            Samples, an ignored y, and sample weights.

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
            ``f_W(x)``.
        """
        codes: np.ndarray = self._apply(X, AutoEncoder.encode)
        return codes

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Decode codes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Codes, as ``transform`` returns them.

        Returns
        -------
        array of shape (n_samples, n_features)
            ``g_V(z)``.
        """
        decoded: np.ndarray = self._apply_to(self._check_codes(X), AutoEncoder.decode)
        return decoded

    def reconstruct(self, X: Any) -> np.ndarray:
        """Encode and decode samples, which removes noise and fills in masked features.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        array of X's shape
            ``g_V(f_W(x))``.
        """
        rebuilt = self._apply(X, AutoEncoder.reconstruct)
        shape = np.shape(X)[1:]
        return np.reshape(rebuilt, (len(rebuilt), *shape)) if len(shape) > 1 else rebuilt

    def score_samples(self, X: Any) -> np.ndarray:
        """Return minus the reconstruction error of each sample; greater is better.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        array of shape (n_samples,)
            ``-||x - g_V(f_W(x))||²``, or minus the chosen `loss`.
        """
        check_is_fitted(self)
        error = LOSSES[self.resolved_parameters_.loss].error
        scores: np.ndarray = self._apply(X, lambda module, x: -error(module.output(x), x))
        return scores

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the mean of ``score_samples``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The samples.
        y : ignored
            Not used; part of scikit-learn's interface.
        sample_weight : array-like of shape (n_samples,), default=None
            Sample weights.

        Returns
        -------
        float
            Minus the mean reconstruction error.
        """
        scores = self.score_samples(X)
        return float(np.average(scores, weights=checked_weights(sample_weight, len(scores))))

    @property
    def encoder_(self) -> nn.Module:
        """The encoder f_W as a torch module."""
        check_is_fitted(self)
        encoder: nn.Module = self.module_.encoder
        return encoder

    @property
    def decoder_(self) -> nn.Module:
        """The decoder g_V, with its link function, as a torch module."""
        check_is_fitted(self)
        return nn.Sequential(self.module_.decoder, self.module_.link)
