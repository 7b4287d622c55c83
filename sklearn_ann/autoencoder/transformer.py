"""Auto-encoders: networks that learn a short code from which their input can be rebuilt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from sklearn.utils.validation import _check_sample_weight, check_array, check_is_fitted
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann import training
from sklearn_ann.base import NeuralTransformer
from sklearn_ann.base.parameters import DropProbability, LayerSizes, PositiveFloat, PositiveInt
from sklearn_ann.layers import Activation, TiedLinear, dense_stack, layer_widths, linear_layers

__all__ = ["AutoEncoderTransformer"]


def squared_error(output: Tensor, x: Tensor) -> Tensor:
    """``||x - x'||²`` for each sample."""
    return F.mse_loss(output, x, reduction="none").sum(dim=1)


def absolute_error(output: Tensor, x: Tensor) -> Tensor:
    """``sum_j |x_j - x'_j|`` for each sample."""
    return F.l1_loss(output, x, reduction="none").sum(dim=1)


def binary_cross_entropy(logits: Tensor, x: Tensor) -> Tensor:
    """``-sum_j x_j log x'_j + (1 - x_j) log(1 - x'_j)`` for each sample, with ``x' = 1 / (1 + exp(-logits))``."""
    return F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(dim=1)


class _Loss(NamedTuple):
    """An error, and what turns the decoder's last linear map into a reconstruction."""

    error: Callable[[Tensor, Tensor], Tensor]
    link: Callable[[], nn.Module]


_LOSSES = {
    "squared_error": _Loss(squared_error, nn.Identity),
    "absolute_error": _Loss(absolute_error, nn.Identity),
    "binary_cross_entropy": _Loss(binary_cross_entropy, nn.Sigmoid),
}


def _check_unit_interval(samples: training.Samples) -> None:
    values: Tensor = samples.values  # type: ignore[attr-defined]
    if values.numel() and (values.min() < 0 or values.max() > 1):
        raise ValueError(
            f"loss='binary_cross_entropy' is for data in [0, 1], but X has values from {values.min():g} to "
            f"{values.max():g}; scale it, for instance with MinMaxScaler, or choose another loss"
        )


class AutoEncoder(nn.Module):
    """An encoder ``f_W`` and a decoder ``g_V``.

    ``forward`` leaves out the decoder's link function: the error of probabilities is computed from logits.

    Parameters
    ----------
    widths : sequence of int
        The encoder's widths from p to q; the decoder has them in reverse order.
    activation : str
    dropout : float
    tied_weights : bool
        Whether the decoder's matrices are those of the encoder, transposed.
    link : nn.Module
        Turns the decoder's last linear map into a reconstruction.
    """

    def __init__(
        self, widths: tuple[int, ...], activation: Activation, dropout: float, tied_weights: bool, link: nn.Module
    ) -> None:
        super().__init__()
        down = linear_layers(widths)
        up = [TiedLinear(linear) for linear in reversed(down)] if tied_weights else linear_layers(widths[::-1])
        self.encoder = dense_stack(down, activation, dropout)
        self.decoder = dense_stack(up, activation, dropout)
        self.link = link

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.decoder(self.encode(x))  # (batch, p)
        return output

    def encode(self, x: Tensor) -> Tensor:
        """Map samples of shape (batch, p) to codes of shape (batch, q)."""
        code: Tensor = self.encoder(x)
        return code

    def decode(self, z: Tensor) -> Tensor:
        """Map codes of shape (batch, q) to reconstructions of shape (batch, p)."""
        reconstruction: Tensor = self.link(self.decoder(z))
        return reconstruction


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

    hidden_layer_sizes : int or tuple of ints
        Widths of the encoder's hidden layers; the decoder mirrors them. ``()`` for none.

    activation : {"identity", "logistic", "tanh", "relu", "elu", "gelu", "silu"}
        Function between the layers. The code and the reconstruction are linear.

    dropout : float
        Probability, in [0, 1), to drop a hidden unit while training.

    tied_weights : bool
        Whether the decoder's matrices are the transposes of the encoder's, which halves the number of weights.

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

    ``transform`` and ``inverse_transform`` return arrays of the type that `precision` names, float32 by default.

    References
    ----------
    .. [1] Kramer, M. A. (1991). Nonlinear principal component analysis using autoassociative neural networks. AIChE
       Journal 37(2), 233-243.

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
    """

    n_components: PositiveInt = 2
    hidden_layer_sizes: LayerSizes = (128,)
    activation: Activation = "relu"
    dropout: DropProbability = 0.0
    tied_weights: bool = False
    loss: Literal["squared_error", "absolute_error", "binary_cross_entropy"] = "squared_error"
    learning_rate: PositiveFloat = 2e-3
    learning_rate_schedule: training.Schedule = "adaptive"

    def _examples(self, *args: Any, **kwargs: Any) -> tuple[training.Examples, Tensor | None]:
        examples, target = super()._examples(*args, **kwargs)
        loss = self.loss if kwargs["reset"] else getattr(self, "_fitted_loss", self.loss)
        if loss == "binary_cross_entropy":  # only for training: a later sample may well lie a little outside
            _check_unit_interval(examples.samples)
        return examples, target

    def _build(self, samples: training.Samples) -> nn.Module:
        self._n_features_out, self._fitted_loss = self.n_components, self.loss
        widths = (self.n_features_in_, *layer_widths(self.hidden_layer_sizes), self.n_components)
        return AutoEncoder(widths, self.activation, self.dropout, self.tied_weights, _LOSSES[self.loss].link())

    def _error(self) -> training.Error:
        return _LOSSES[self.loss].error

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, *, X_val: Any = None) -> Self:
        """Train encoder and decoder.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.
        y : ignored
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
        check_is_fitted(self)
        X = check_array(X, dtype=self._numpy_dtype, order="C")
        if X.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {X.shape[1]} columns, but the codes of this {type(self).__name__} have {self._n_features_out}"
            )
        return self._apply_encoded(training.Rows(training.as_tensor(X)), AutoEncoder.decode)

    def score_samples(self, X: Any) -> np.ndarray:
        """Return minus the reconstruction error of each sample, so that greater is better.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,)
            ``-||x - g_V(f_W(x))||²``, or minus the `loss` that was chosen.
        """
        check_is_fitted(self)
        error = _LOSSES[self._fitted_loss].error
        return self._apply(X, lambda module, x: -error(module(x), x))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the mean of ``score_samples``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : ignored
        sample_weight : array-like of shape (n_samples,), default=None

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
