"""Features of a network that was trained elsewhere."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin, clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_ann import training
from sklearn_ann._sklearn import Interval, StrOptions
from sklearn_ann.base.links import DocumentedMixin
from sklearn_ann.base.plan import finite
from sklearn_ann.base.sources import Source, check_steady
from sklearn_ann.layers import check_weights
from sklearn_ann.reading import ForeignReader, ForeignSamples, Reader
from sklearn_ann.reading.annotated import names_of_samples
from sklearn_ann.transfer.body import FeaturePooling, PretrainedBody
from sklearn_ann.transfer.states import with_state


@names_of_samples
class PretrainedTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DocumentedMixin, BaseEstimator):
    r"""Features of a network that was trained elsewhere: the pooled outputs of some of its layers.

    With few labelled samples, a classical model on such features is often better than a network that is trained from
    scratch [1]_. The weights of the network do not change. With ``pooling="mean"``, the features of a sample x are, for
    each layer l in `layer`,

    .. math:: \phi_l(x) = \frac{1}{n} \sum_{i=1}^{n} h_{l,i}(x),

    the mean of the outputs :math:`h_{l,i}` over the n positions of the sample. The features of several layers stand
    side by side.

    Parameters
    ----------
    module : torch.nn.Module or callable
        The network, or a callable that returns the network, whose weights are then given as `state`. ``fit`` and
        ``clone`` copy the network, and ``fit`` puts its copy into evaluation mode.

    preprocess : None, callable or transformer
        How samples become tensors. None reads X as numbers: rows, images, or lists of arrays. A callable, such as a
        tokenizer, gets one sample and returns its codes or its array of numbers. A transformer of scikit-learn or of
        this package gets all of X and must be fitted, as ``FrozenEstimator(transformer)``. Integers become int64 codes,
        and other numbers the type of `precision`. Samples of different shapes, such as strings of different lengths,
        are never padded: only samples of one shape share a batch.

    state : None, dict or path
        Weights of `module`: arrays or tensors by name, or a file. Files with the endings ``.safetensors`` and ``.npz``
        contain only arrays. Files of torch (``.pt``, ``.pth``, ``.th``, ``.bin``, ``.ckpt``) are read with
        ``weights_only=True``.

    layer : str or list of str
        Names of submodules, as in ``module.named_modules()``, whose outputs are the features. ``"output"`` is the
        output of the network. Features of layers of all depths are often better than those of the last layer.

    pooling : {"mean", "max", "first", "flatten"}
        How the outputs at several positions become one row: their mean, their maximum, the first position (a
        classification token), or all positions side by side. Outputs with three axes are read as (batch, positions,
        channels), and outputs with more axes as (batch, channels, \*positions).

    special_tokens : tuple of two ints
        Numbers of positions at the start and at the end of a sample that the pooling leaves out, such as the two end
        tokens of a protein language model, ``(1, 1)``.

    batch_size : int
        Maximum number of samples in a batch.

    device : str
        Where to compute: ``"auto"`` (the first CUDA device, else the CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...
        or ``"mps"``.

    precision : {"float32", "float64", "bfloat16"}
        Type of weights, numbers and features. ``"bfloat16"`` computes products in that type.

    Attributes
    ----------
    module_ : torch.nn.Module
        The copy of the network with its weights, in evaluation mode.

    reader_ : Reader
        Converter of samples to tensors.

    layers_ : list of str
        The layers whose outputs are features.

    n_features_in_ : int
        Number of features seen during ``fit``, where X is a table of numbers.

    feature_names_in_ : array of str of shape (`n_features_in_`,)
        Names of the features, where X has names that are all strings.

    Notes
    -----
    ``fit`` learns nothing. It loads the weights, runs the network on the first sample, and checks that the features of
    this sample do not depend on other samples in the batch.

    The network can be trained further: ``CNNClassifier(init_from=PretrainedTransformer(...))`` puts a new head on these
    features and trains both, as do the other estimators of convolution and of attention. The parameters of the
    training, `freeze` and the learning rates are then those of the new estimator; the parameters of samples and layers
    are those of the source.

    References
    ----------
    .. [1] Yosinski, J., Clune, J., Bengio, Y. and Lipson, H. (2014). How transferable are features in deep neural
       networks? NeurIPS. arXiv:1411.1792.

    Examples
    --------
    A network of torch, here with random weights; two of its layers:

    >>> import torch
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ann import PretrainedTransformer
    >>> X, y = load_digits(return_X_y=True)
    >>> network = torch.nn.Sequential(
    ...     torch.nn.Unflatten(1, (1, 8, 8)),
    ...     torch.nn.Conv2d(1, 16, 3),
    ...     torch.nn.ReLU(),
    ...     torch.nn.Conv2d(16, 32, 3),
    ... )
    >>> PretrainedTransformer(network, layer=["2", "3"]).fit_transform(X / 16).shape
    (1797, 48)
    """

    module_: nn.Module
    reader_: Reader[Any]
    layers_: list[str]
    n_features_in_: int
    feature_names_in_: np.ndarray

    _parameter_constraints: ClassVar[dict[str, list[Any] | str]] = {
        "module": "no_validation",
        "preprocess": "no_validation",
        "state": "no_validation",
        "layer": [str, list, tuple],
        "pooling": [StrOptions({"mean", "max", "first", "flatten"})],
        "special_tokens": "no_validation",
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "device": [str],
        "precision": [StrOptions({"float32", "float64", "bfloat16"})],
    }

    # Written by hand: declared parameters are keyword-only, but module and preprocess may be given by position.
    def __init__(
        self,
        module: Any = None,
        preprocess: Any = None,
        *,
        state: Any = None,
        layer: str | Sequence[str] = "output",
        pooling: FeaturePooling = "mean",
        special_tokens: tuple[int, int] = (0, 0),
        batch_size: int = 64,
        device: str = "auto",
        precision: training.Precision = "float32",
    ) -> None:
        self.module = module
        self.preprocess = preprocess
        self.state = state
        self.layer = layer
        self.pooling = pooling
        self.special_tokens = special_tokens
        self.batch_size = batch_size
        self.device = device
        self.precision = precision

    def fit(self, X: Any, y: Any = None) -> Self:
        """Load the weights, and check the network on the first sample.

        Parameters
        ----------
        X : array-like, list, series or frame of n_samples samples
            The samples.
        y : ignored
            Not used; part of scikit-learn's interface.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If `module`, `preprocess` or an entry of `state` is of the wrong type.
        ValueError
            If `state` does not fit the network, if a layer is unknown, if the network fails on a sample, or if features
            of a sample depend on the batch.
        """
        self._validate_params()
        if self.module is None:
            raise ValueError("module is None: expected a torch.nn.Module, or a callable that returns one")
        with training.isolated():
            name = type(self).__name__
            device = training.resolve_device(self.device, self.precision)
            dtype = training.tensor_dtype(self.precision)
            module = with_state(self.module, self.state, name)
            check_weights(module, "module")  # as they are, and in the type of precision
            module = module.to(device, dtype).eval()
            check_weights(module, "module")
            layers = self._layers(module)
            body = PretrainedBody(module, layers, self.pooling, self._special_tokens()).requires_grad_(False).eval()
            reader = ForeignReader(owner=name, dtype=dtype, preprocess=self.preprocess)
            samples = reader.learn(X)
            reader.freeze()
            n_features = self._probe(body, samples, device)
        self.__dict__.pop("feature_names_in_", None)
        self.__dict__.pop("n_features_in_", None)
        self.__dict__.update(reader.attributes)
        self.module_, self.reader_, self.layers_ = module, reader, [layer or "output" for layer in layers]
        self._body, self._n_features_out = body, n_features
        self._device: torch.device | None = device
        self._kept: dict[str, Any] = {"device": self.device, "precision": self.precision, "batch_size": self.batch_size}
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Return the pooled outputs of the layers.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.

        Returns
        -------
        array of shape (n_samples, n_features_out)

        Raises
        ------
        ValueError
            If the network fails on samples, or if features are not finite.
        """
        check_is_fitted(self)
        with training.isolated():
            return self._features(self._body, self.reader_.read(X), self._ready(), self._kept)

    def _source(self) -> Source:
        """Return what a classifier or a regressor begins from."""
        return Source(type(self).__name__, "pretrained", [self._body], self._n_features_out, self.reader_, {})

    def _source_for(self, X: Any) -> Source:
        return (self if hasattr(self, "module_") else clone(self).fit(X))._source()

    @staticmethod
    def _features(
        body: PretrainedBody, samples: ForeignSamples, device: torch.device, kept: dict[str, Any]
    ) -> np.ndarray:
        def found(part: ForeignSamples) -> np.ndarray:
            features: np.ndarray = training.apply(
                body,
                part,
                PretrainedBody.forward,
                device=device,
                precision=kept["precision"],
                chunks=kept["batch_size"],
            )
            return features

        try:
            features = found(samples)
        except ValueError:
            for number in range(len(samples)):  # each alone, to name the one
                try:
                    found(samples.one(number))
                except ValueError as error:
                    raise ValueError(f"sample {number}: {error}") from error
            raise
        checked: np.ndarray = finite(features, None)
        return checked

    def _probe(self, body: PretrainedBody, samples: ForeignSamples, device: torch.device) -> int:
        """Find the axis of the batch in each output; return the number of features."""
        x = samples[torch.zeros(1, dtype=torch.int64)].groups[0].to(device)
        kept = {"precision": self.precision}
        try:
            with torch.inference_mode():
                outputs = [body.outputs(x.repeat(n, *[1] * (x.ndim - 1))) for n in (2, 3)]
        except ValueError as error:
            raise ValueError(f"sample 0: {error}") from error
        for layer in body.layers:
            two, three = (output[layer] for output in outputs)
            axes = [
                axis
                for axis, sizes in enumerate(zip(two.shape, three.shape, strict=False))
                if two.ndim == three.ndim and sizes == (2, 3)
            ]
            if len(axes) != 1:
                raise ValueError(
                    f"layer {layer or 'output'!r} returns {tuple(two.shape)} for two samples and {tuple(three.shape)} "
                    "for three: expected one axis for the samples"
                )
            body.batch_axes[layer] = axes[0]
        one = samples.one(0)
        some = ForeignSamples(samples.shapes, samples.group[:1].repeat(3), samples.row[:1].repeat(3))
        alone, together = (self._features(body, part, device, kept | {"batch_size": 3}) for part in (one, some))
        if not alone.size:
            raise ValueError("module returns no features: its output for sample 0 is empty")
        check_steady(alone, together, "module")
        return int(alone.shape[1])

    def _layers(self, module: torch.nn.Module) -> list[str]:
        names = [self.layer] if isinstance(self.layer, str) else list(self.layer)
        known = dict(module.named_modules())
        if not names:
            raise ValueError("layer is empty: expected the name of a submodule, a list of names, or 'output'")
        for name in names:
            if name != "output" and (not name or name not in known):
                near = [other for other in known if other][:20]
                raise ValueError(f"layer={name!r} is not a submodule of module; its first submodules are {near}")
        if len(set(names)) < len(names):
            raise ValueError(f"layer={names} has a name twice")
        return ["" if name == "output" and name not in known else name for name in names]

    def _special_tokens(self) -> tuple[int, int]:
        given = self.special_tokens
        whole = isinstance(given, tuple | list) and all(isinstance(n, int | np.integer) and n >= 0 for n in given)
        if not whole or len(given) != 2:
            raise ValueError(f"special_tokens={given!r}: expected two whole numbers from 0, such as (1, 1)")
        return int(given[0]), int(given[1])

    def _ready(self) -> torch.device:
        if self._device is None:  # after unpickling
            self._device = training.available_device(self._kept["device"], self._kept["precision"])
            self._body.to(self._device)
        return self._device

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        if state.get("_device") is not None:
            if state["_device"].type != "cpu":
                state = state | {"_body": copy.deepcopy(state["_body"]).cpu()}
                state["module_"] = state["_body"].module
            state = state | {"_device": None}
        return state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = ["float64" if self.precision == "float64" else "float32"]
        return tags
