"""Auto-encoders: networks that learn a short code from which their input can be rebuilt."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, Self

import numpy as np
from sklearn.utils.validation import _check_sample_weight, check_is_fitted
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann.autoencoder.losses import LOSSES, penalized_error
from sklearn_ann.autoencoder.network import AutoEncoder, Corruption, NoiseType, dense_pair
from sklearn_ann.base import NeuralTransformer
from sklearn_ann.base.parameters import DropProbability, LayerSizes, NonNegativeFloat, PositiveFloat, PositiveInt
from sklearn_ann.layers import (
    Activation,
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    convolution_layers,
    image_grid,
    image_layers,
    layer_widths,
)
from sklearn_ann.preprocessing.images import flattened

__all__ = ["AutoEncoderTransformer"]


def _check_unit_interval(samples: training.Samples) -> None:
    values: Tensor = samples.values  # type: ignore[attr-defined]
    if values.numel() and (values.min() < 0 or values.max() > 1):
        raise ValueError(
            f"loss='binary_cross_entropy' is for data in [0, 1], but X has values from {values.min():g} to "
            f"{values.max():g}; scale it, for instance with MinMaxScaler, or choose another loss"
        )


def _ranges(samples: training.Samples) -> tuple[Tensor, Tensor]:
    """The least and the greatest value of each feature; of sparse samples zero is always one."""
    if isinstance(samples, training.Rows):
        return samples.values.amin(dim=0), samples.values.amax(dim=0)
    assert isinstance(samples, training.SparseRows)
    zeros, columns = samples.values.new_zeros(samples.n_columns), samples.columns.long()
    return (
        zeros.scatter_reduce(0, columns, samples.values, "amin"),
        zeros.scatter_reduce(0, columns, samples.values, "amax"),
    )


class AutoEncoderTransformer(NeuralTransformer):
    r"""Dimensionality reduction with an auto-encoder, Kramer's nonlinear PCA.

    An encoder ``f_W: R^p -> R^q`` and a decoder ``g_V: R^q -> R^p`` are trained together to rebuild each sample from
    its code [1]_:

    .. math:: W, V = \arg\min_{W, V} \sum_i \| x_i - g_V(f_W(x_i)) \|_2^2

    With ``hidden_layer_sizes=()`` both are linear and the best code spans the space of the first principal components.

    Scale the features first, for instance with ``MinMaxScaler``: a feature weighs as much in the error as its range.

    Parameters
    ----------
    n_components : int
        Width q of the code. It may be greater than the number of features: the code is then overcomplete and nothing
        but the training keeps the network from copying its input.

    architecture : {"dense", "conv"}
        ``"conv"`` is for images, with `image_shape`: convolutions come before the encoder's dense layers, and the
        decoder mirrors them.

    hidden_layer_sizes : int or tuple of ints
        Widths of the encoder's hidden dense layers; the decoder mirrors them. ``()`` for none.

    conv_layers : "auto" or sequence of (n_filters, kernel_size) or (n_filters, kernel_size, pool_size)
        The convolutions of ``architecture="conv"``, each followed by ReLU and, with a `pool_size`, max pooling.
        ``"auto"``: filters of width 3, two layers and then one more for each time that the smaller side can still be
        halved above 16, up to five, of 32, 64, 128, 128 and 128 filters, each pooled by 2.

    image_shape : tuple of int or None
        ``(height, width)`` or ``(height, width, channels)`` of images. They come as rows of numbers or as an array of
        shape (n_samples, \\*image_shape).

    activation : {"identity", "logistic", "tanh", "relu", "elu", "gelu", "silu"}
        Function between the dense layers. The code and the reconstruction are linear.

    dropout : float
        Probability, in [0, 1), to drop a hidden unit while training.

    tied_weights : bool
        Whether the decoder's matrices are the transposes of the encoder's, which halves the number of weights. Dense
        layers only.

    noise : float
        Corruption of a sample before it is encoded, while training; the error is that of rebuilding the clean sample,
        so that ``reconstruct`` denoises [2]_. 0 for none. In the unit of X a standard deviation, or a share of the
        features, in [0, 1], as `noise_type` says.

    noise_type : {"gaussian", "masking", "salt_and_pepper"}
        Add Gaussian noise of standard deviation `noise`; set a share `noise` of the features, drawn anew for each
        sample and epoch, to zero; or set such a share, each by the toss of a coin, to the least or the greatest value
        that the feature has in the training data.

    sparsity : float
        Weight of the L1 penalty that makes most of a code zero. Above 0 the code is rectified, ``z = relu(f_W(x))``,
        and each sample's error grows by ``sparsity * sum_k z_k ||v_k||`` [3]_ [4]_, with ``v_k`` the k-th column of
        the decoder's first matrix: a code cannot evade the penalty by shrinking while that matrix grows. With hidden
        layers, `weight_decay` keeps the later ones from it too.

    contraction : float
        Weight of the contractive penalty [5]_: each sample's error grows by ``contraction`` times the squared
        Frobenius norm of the encoder's Jacobian at its input, ``||∂f_W(x)/∂x||²_F``. It is exact; an epoch takes
        about four times as long, and with convolutions about `n_components` times.

    loss : {"squared_error", "absolute_error", "binary_cross_entropy"}
        Error of a reconstruction, summed over the features. ``"binary_cross_entropy"`` is for data in [0, 1]; its
        reconstructions are probabilities.

    Attributes
    ----------
    encoder_ : torch.nn.Module
        f_W, maps (batch, n_features_in_) to (batch, n_components).

    decoder_ : torch.nn.Module
        g_V, maps (batch, n_components) to (batch, n_features_in_).

    Notes
    -----
    Sparse X stays sparse: only the rows of a batch are made dense.

    Errors and penalties are sums over features and components, means over samples. What ``history_`` records contains
    the penalties; ``score_samples`` is the error alone.

    ``transform`` and ``inverse_transform`` return arrays of the type that `precision` names, float32 by default.

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

    Denoise, with noise in training as it is in the data:

    >>> import numpy as np
    >>> noisy = X + np.random.default_rng(0).normal(0, 0.3, X.shape)
    >>> denoiser = AutoEncoderTransformer(n_components=16, noise=0.3, random_state=0).fit(X)
    >>> bool(np.square(denoiser.reconstruct(noisy) - X).mean() < 0.3 * np.square(noisy - X).mean())
    True
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
    learning_rate: PositiveFloat = 2e-3
    learning_rate_schedule: training.Schedule = "adaptive"

    def _examples(self, *args: Any, **kwargs: Any) -> tuple[training.Examples, Tensor | None]:
        examples, target = super()._examples(*args, **kwargs)
        loss = self.loss if kwargs["reset"] else getattr(self, "_fitted_loss", self.loss)
        if loss == "binary_cross_entropy":  # only for training: a later sample may well lie a little outside
            _check_unit_interval(examples.samples)
        return examples, target

    def _encode(self, X: Any, *, reset: bool) -> training.Samples:
        return super()._encode(flattened(X, self.image_shape), reset=reset)

    def _build(self, samples: training.Samples) -> nn.Module:
        self._n_features_out, self._fitted_loss = self.n_components, self.loss
        encoder, decoder = self._dense() if self.architecture == "dense" else self._convolutional()
        link = LOSSES[self.loss].link()
        return AutoEncoder(encoder, decoder, link, self._corruption(samples), self.sparsity, self.contraction)

    def _dense(self) -> tuple[nn.Module, nn.Module]:
        widths = (self.n_features_in_, *layer_widths(self.hidden_layer_sizes), self.n_components)
        return dense_pair(widths, self.activation, self.dropout, self.tied_weights)

    def _convolutional(self) -> tuple[nn.Module, nn.Module]:
        if self.image_shape is None:
            raise ValueError("architecture='conv' needs image_shape=(height, width) or (height, width, channels)")
        if self.tied_weights:
            raise ValueError("tied_weights=True is for architecture='dense', got 'conv'")
        grid = image_grid(tuple(self.image_shape), self.n_features_in_)
        layers = convolution_layers(self.conv_layers, image_layers(min(grid[:2])))
        dense = (*layer_widths(self.hidden_layer_sizes), self.n_components), self.activation, self.dropout
        encoder = ConvolutionalEncoder(layers, grid, *dense)
        return encoder, ConvolutionalDecoder(encoder, layers, *dense)

    def _corruption(self, samples: training.Samples) -> nn.Module:
        if self.noise_type != "gaussian" and self.noise > 1:
            raise ValueError(f"noise={self.noise}: with noise_type={self.noise_type!r} it is a share, in [0, 1]")
        return Corruption(self.noise_type, self.noise, *_ranges(samples)) if self.noise else nn.Identity()

    def _error(self) -> training.Error:
        error = LOSSES[self.loss].error
        return partial(penalized_error, error) if self.sparsity or self.contraction else error

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, X_val: Any = None) -> Self:
        """Train encoder and decoder.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.
        y : ignored
            Not used; part of scikit-learn's interface.
        sample_weight : array-like of shape (n_samples,), default=None
            A sample of weight 2 counts as if it were there twice, one of weight 0 as if it were not there.
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
        return self._fit(X, y, sample_weight=sample_weight, X_val=X_val)

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch more, on these samples alone.

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
            ``f_W(x)``.
        """
        return self._apply(X, AutoEncoder.encode)

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
        return self._apply_encoded(self._check_codes(X), AutoEncoder.decode)

    def reconstruct(self, X: Any) -> np.ndarray:
        """Encode samples and decode them again, which takes noise away and fills in what was masked.

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
        return rebuilt.reshape(len(rebuilt), *np.shape(X)[1:])

    def score_samples(self, X: Any) -> np.ndarray:
        """Return minus the reconstruction error of each sample, so that greater is better.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        array of shape (n_samples,)
            ``-||x - g_V(f_W(x))||²``, or minus the `loss` that was chosen.
        """
        check_is_fitted(self)
        error = LOSSES[self._fitted_loss].error
        return self._apply(X, lambda module, x: -error(module.output(x), x))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the mean of ``score_samples``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The samples.
        y : ignored
            Not used; part of scikit-learn's interface.
        sample_weight : array-like of shape (n_samples,), default=None
            What each sample counts.

        Returns
        -------
        float
            Minus the mean reconstruction error.
        """
        scores = self.score_samples(X)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, scores, dtype=np.float64)
        return float(np.average(scores, weights=sample_weight))

    @property
    def encoder_(self) -> nn.Module:
        """f_W as a torch module."""
        check_is_fitted(self)
        return self.module_.encoder  # type: ignore[return-value]

    @property
    def decoder_(self) -> nn.Module:
        """g_V as a torch module."""
        check_is_fitted(self)
        return nn.Sequential(self.module_.decoder, self.module_.link)  # type: ignore[arg-type]
