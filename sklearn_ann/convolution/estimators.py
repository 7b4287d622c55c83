"""Estimators of sequences, signals and images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.grad import conv1d_weight

from sklearn_ann import training
from sklearn_ann.base import NeuralClassifier, NeuralRegressor
from sklearn_ann.base.estimator import NeuralEstimator
from sklearn_ann.base.parameters import DropProbability, LayerSizes
from sklearn_ann.base.supervised import WithHead
from sklearn_ann.convolution.augmentation import Strands, augmentation_layers
from sklearn_ann.convolution.inputs import Kind, arrays, is_ragged, kind_of, rows, sequences, unwrapped
from sklearn_ann.convolution.network import ConvolutionalBody, GlobalPooling
from sklearn_ann.convolution.samples import GridBatch, GridSamples
from sklearn_ann.layers import ConvolutionLayer, Pooling, convolution_layers, image_layers, layer_widths, places
from sklearn_ann.preprocessing.alphabets import Unknown, find_alphabet, guess_alphabet

_GLOBAL = GlobalPooling.__args__  # type: ignore[attr-defined]


_LARGE = 64  # pixels of the smaller side


def _automatic_layers(samples: GridSamples) -> list[ConvolutionLayer]:
    if samples.n_dimensions == 2:
        side = int(samples.sizes.amin(dim=1).median())
        first, *others = image_layers(side)
        # What shows in a large image is larger than a few pixels, and its first maps would take most of the time.
        return [first._replace(pool_size=4) if side >= _LARGE else first, *others]
    if samples.table is not None and samples.n_channels > 4:  # so many letters say much in a few places
        return [ConvolutionLayer(128, 3), ConvolutionLayer(128, 3, 2)]
    return [ConvolutionLayer(64, 9, 2), ConvolutionLayer(64, 5, 2)]


class ConvolutionalEstimator(NeuralEstimator):
    """What convolutional estimators share.

    Parameters
    ----------
    conv_layers : "auto" or sequence of (n_filters, kernel_size) or (n_filters, kernel_size, pool_size)
        The convolutions, each with the width of its filters and, where it is pooled, the width and stride of the
        pooling, the same in each dimension. ``"auto"``: for signals, DNA and RNA ``((64, 9, 2), (64, 5, 2))``; for
        sequences of more than four letters, such as peptides, ``((128, 3), (128, 3, 2))``; for images filters of width
        3, two layers and then one more for each time that the smaller side can still be halved above 16, up to five,
        of 32, 64, 128, 128 and 128 filters, each pooled by 2, the first of images of 64 pixels and more by 4. Of
        different sizes the median counts.

    pooling : {"max", "avg"}
        The pooling after a convolution.

    global_pooling : "auto", {"avg", "max", "flatten"} or sequence of these
        What is read out of the places that the last convolution leaves: their mean, their maximum, or all of them,
        side by side, which needs samples of one size. ``"auto"`` is maximum and mean; for images of one size maximum
        and all of them.

    position_bias : "auto" or bool
        Whether each filter has a bias of its own at each place, smooth along the sample, so that it may answer at a
        splice site and not beside it; this needs samples of one size. Without it the maps of a sample that is moved
        are moved. ``"auto"``: for sequences and signals of one size.

    hidden_layer_sizes : int or tuple of ints
        Widths of the dense layers after it.

    normalization : {"auto", "batch", "layer"} or None
        Normalisation after each convolution, of a channel over the samples of a batch or of each sample by itself, and
        of the channels of images and signals before the first one; with None these should be scaled already.
        ``"auto"`` is ``"batch"``, and for samples of different sizes ``"layer"``: their batches are of like size, and
        where size and class go together, statistics of a batch would be those of a class. The statistics of batches
        do not know of sample weights: with ``"batch"``, and before the first convolution of numbers, a weight of 2 is
        not exactly a sample that is there twice.

    residual : bool
        Whether the input of each convolution is added to its output (He et al. 2016).

    dropout : float
        Probability, in [0, 1), to drop what is read out, and a unit of each dense layer, while training.

    augmentation : dict or None
        How samples are changed at random, anew whenever they are trained on: ``{"shift": 2}`` moves them by up to two
        places in each dimension, ``{"flip": "horizontal"}``, ``"vertical"`` or ``"both"`` turns every second image
        around, ``{"noise": 0.1}`` adds Gaussian noise of this standard deviation, in the unit of X, and
        ``{"mutation": 0.1}`` replaces this share of the letters of a sequence by others of the same sequence.

    reverse_complement : {"none", "augment", "average"}
        For DNA: whether a sequence and its other strand are the same sample. ``"augment"`` shows the network either
        strand at random; ``"average"`` averages the features of both, so that predictions are equal for both, bit for
        bit (Zhou et al. 2022).

    alphabet : {"auto", "dna", "rna", "protein"} or str
        That of strings, or the letters themselves; ``"auto"`` is the first of the three that has all letters seen in
        ``fit``, of the ambiguous ones N alone.

    unknown : {"error", "ambiguous"}
        What a letter outside the alphabet is: an error, or a letter that may be any.

    image_shape : tuple of int or None
        ``(height, width)`` or ``(height, width, channels)`` of images that come as rows of numbers.

    Attributes
    ----------
    letters_ : str or None
        The letters of sequences, in the order in which ``motifs`` and ``saliency`` have them.
    """

    conv_layers: Any = "auto"
    pooling: Pooling = "max"
    global_pooling: Any = "auto"
    position_bias: Literal["auto"] | bool = "auto"
    hidden_layer_sizes: LayerSizes = (128,)
    normalization: Literal["auto", "batch", "layer"] | None = "auto"
    residual: bool = False
    dropout: DropProbability = 0.5
    augmentation: Any = None
    reverse_complement: Literal["none", "augment", "average"] = "none"
    alphabet: str = "auto"
    unknown: Unknown = "error"
    image_shape: tuple | None = None
    learning_rate_schedule: training.Schedule = "adaptive"

    _kind: Kind
    _flat: bool
    _alphabet: str
    _n_channels: int

    def _encode(self, X: Any, *, reset: bool) -> GridSamples:
        X = unwrapped(X)
        kind = kind_of(X, self.image_shape)
        if not reset and kind != self._kind:
            raise ValueError(f"X are {kind}s, but this {type(self).__name__} was fitted on {self._kind}s")
        # Signals that are not all of one length when they are first seen may be of any later on, a single one too.
        flat = self.image_shape is not None or (kind == "signal" and not is_ragged(X) and (reset or self._flat))
        if kind == "sequence":
            name = guess_alphabet(X) if reset and self.alphabet == "auto" else self.alphabet
            if reset:
                self._alphabet = name
            samples = sequences(X, find_alphabet(self._alphabet), self.unknown, self._dtype)
        elif flat:
            array = validate_data(self, X, reset=reset, dtype=self._numpy_dtype, order="C")
            samples = rows(array, self.image_shape)
        else:
            samples = arrays(X, 1 if kind == "signal" else 2, self._numpy_dtype)
        if reset:
            self._kind, self._flat, self._n_channels = kind, flat, samples.n_channels
            self.letters_ = find_alphabet(self._alphabet).letters if kind == "sequence" else None
            self._size = self._fixed_size(samples)
            if not flat:
                self.n_features_in_ = samples.n_channels
                self.__dict__.pop("feature_names_in_", None)
        elif samples.n_channels != self._n_channels:
            raise ValueError(
                f"X has {samples.n_channels} channels, but {type(self).__name__} expects {self._n_channels}"
            )
        if not reset and self._size is not None:
            other = (samples.sizes != torch.tensor(self._size)).any(dim=1).nonzero().ravel()
            if len(other):
                found, known = ("x".join(map(str, size)) for size in (samples.sizes[other[0]].tolist(), self._size))
                raise ValueError(
                    f"sample {int(other[0])} has the size {found}, those of the fit had {known}: "
                    "with global_pooling=('max', 'avg') and position_bias=False they may be of any"
                )
        return samples

    def _fixed_size(self, samples: GridSamples) -> tuple[int, ...] | None:
        """The size that all samples must have, if the network depends on it."""
        fixed = "flatten" in self._global_pooling(samples) or self._has_position_bias(samples)
        return tuple(samples.sizes[0].tolist()) if fixed else None

    def _global_pooling(self, samples: GridSamples) -> list[GlobalPooling]:
        how = self.global_pooling
        if how == "auto":
            how = ["max", "flatten" if samples.uniform and samples.n_dimensions == 2 else "avg"]
        elif isinstance(how, str):
            how = [how]
        if not isinstance(how, Sequence) or not how or any(name not in _GLOBAL for name in how):
            raise ValueError(f"global_pooling must be 'auto' or one or more of {', '.join(_GLOBAL)}; got {how!r}")
        if "flatten" in how and not samples.uniform:
            raise ValueError("global_pooling='flatten' needs samples of one size; 'max' and 'avg' take any")
        return list(how)

    def _has_position_bias(self, samples: GridSamples) -> bool:
        if self.position_bias == "auto":
            return samples.uniform and samples.n_dimensions == 1
        if self.position_bias and not samples.uniform:
            raise ValueError("position_bias=True needs samples of one size; 'auto' is without where sizes differ")
        return bool(self.position_bias)

    def _augmentations(self, samples: GridSamples) -> list[nn.Module]:
        letters = samples.table is not None
        layers = (
            [] if self.augmentation is None else augmentation_layers(self.augmentation, samples.n_dimensions, letters)
        )
        return [Strands(), *layers] if self.reverse_complement == "augment" else layers

    def _build_body(self, samples: Any) -> tuple[nn.Module, int]:
        if self.reverse_complement != "none" and (self._kind != "sequence" or self._alphabet != "dna"):
            of = self._alphabet if self._kind == "sequence" else self._kind
            raise ValueError(f"reverse_complement={self.reverse_complement!r} is for DNA, but X are of kind {of!r}")
        self._size = self._fixed_size(samples)  # a warm start may have other parameters than the fit before
        normalization: str | None = self.normalization
        if normalization == "auto":
            normalization = "batch" if samples.uniform else "layer"
        body = ConvolutionalBody(
            convolution_layers(self.conv_layers, _automatic_layers(samples)),
            samples.n_channels,
            samples.n_dimensions,
            self._size,
            position_bias=self._has_position_bias(samples),
            normalize_input=samples.table is None and self.normalization is not None,
            pooling=self.pooling,
            global_pooling=self._global_pooling(samples),
            normalization=normalization,
            residual=self.residual,
            hidden=layer_widths(self.hidden_layer_sizes),
            dropout=self.dropout,
            augmentation=self._augmentations(samples),
            both_strands=self.reverse_complement == "average",
        )
        return body, body.n_features

    def _results(self, run: training.Training, module: nn.Module) -> dict[str, Any]:
        results = super()._results(run, module)
        if self._kind == "sequence":
            results["_letter_counts"] = self._count_letters(run.examples, module)
        return results

    def _count_letters(self, examples: training.Examples, module: Any) -> np.ndarray:
        """Count the letters under the filters of the first convolution where these respond."""
        block = module.body.blocks[0]
        width = block.weight.shape[2]
        margins = ((width - 1) // 2, width - 1 - (width - 1) // 2)  # of the zeros around a sequence

        def responses(batch: GridBatch) -> Tensor:
            mask = places(batch.sizes, batch.x)
            found: Tensor = block.responses(batch.x)
            return found if mask is None else found.masked_fill(~mask[:, None], -torch.inf)

        with torch.no_grad():
            batches = partial(self._batches, examples.samples, module, examples.rows)
            greatest = torch.stack([responses(batch).amax(dim=(0, 2)) for batch in batches()]).amax(dim=0)
            half = (greatest / 2).clamp(min=torch.finfo(greatest.dtype).tiny)[:, None]
            counts = torch.zeros_like(block.weight, dtype=torch.float64)
            for batch in batches():
                hits = (responses(batch) > half).to(batch.x.dtype)  # (batch, n_filters, length)
                around = F.pad(batch.x, margins)
                # What a filter's gradient would be if its responses were to grow where it hits: the letters there.
                counts += conv1d_weight(around, block.weight.shape, hits)  # type: ignore[no-untyped-call]
        return counts.numpy(force=True)

    def motifs(self) -> np.ndarray:
        """Return what the filters of the first convolution look for in sequences, as position weight matrices.

        They are made of the places in the sequences of the last ``fit`` where a filter responds with more than half of
        its greatest response (Alipanahi et al. 2015, supplementary section 10.2; Kelley et al. 2016).

        Returns
        -------
        array of shape (n_filters, kernel_size, n_letters)
            Probability of each letter, in the alphabet's order; 1 / n_letters each for a filter that never responds.

        Raises
        ------
        ValueError
            If the estimator was not fitted on sequences.
        """
        check_is_fitted(self)
        if self._kind != "sequence":
            raise ValueError(f"motifs are of sequences, but this {type(self).__name__} was fitted on {self._kind}s")
        counts = self._letter_counts.transpose(0, 2, 1) + 0.25  # (n_filters, kernel_size, n_letters)
        matrices: np.ndarray = counts / counts.sum(axis=2, keepdims=True)
        return matrices

    def feature_maps(self, X: Any, layer: int = -1) -> np.ndarray | list[np.ndarray]:
        r"""Return the responses of the filters at every place.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.
        layer : int
            Number of the convolution; -1 is the last.

        Returns
        -------
        array of shape (n_samples, n_filters, \\*size), or a list of arrays (n_filters, \\*size)
            After normalisation, ReLU and pooling; a list where the sizes of the samples differ.
        """
        check_is_fitted(self)
        n_layers = len(self.module_.body.blocks)  # type: ignore[union-attr, arg-type]
        if not isinstance(layer, int | np.integer) or not -n_layers <= layer < n_layers:
            raise ValueError(f"layer={layer!r}: expected an integer from {-n_layers} to {n_layers - 1}")
        samples = self._encode(X, reset=False)

        def maps(batch: GridBatch) -> tuple[Tensor, Tensor | None]:
            body: Any = self.module_.body
            found: tuple[Tensor, Tensor | None] = body.maps(batch)[layer]
            return found

        with torch.inference_mode():
            return self._for_each(samples, maps)

    def saliency(
        self, X: Any, *, output: int | None = None, method: Literal["gradient", "mutagenesis"] = "gradient"
    ) -> np.ndarray | list[np.ndarray]:
        r"""Return how much the prediction depends on each value of each sample.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.
        output : int or None
            The output asked about, a class for instance; None for the greatest of each sample, or the only one.
        method : {"gradient", "mutagenesis"}
            ``"gradient"``: derivative of the output by the input (Simonyan et al. 2014). ``"mutagenesis"``, for
            sequences: what the output becomes when a letter is put in the place of the one there, less what it is
            (Alipanahi et al. 2015).

        Returns
        -------
        array of shape (n_samples, \\*size, n_channels), or a list of arrays (\\*size, n_channels)
            A list where the sizes of the samples differ. The channels of a sequence are the letters.
        """
        check_is_fitted(self)
        if method not in ("gradient", "mutagenesis"):
            raise ValueError(f"method={method!r}: expected 'gradient' or 'mutagenesis'")
        if method == "mutagenesis" and self._kind != "sequence":
            raise ValueError(f"method='mutagenesis' is for sequences, but X are {self._kind}s")
        if output is not None and not (isinstance(output, int | np.integer) and 0 <= output < self.n_outputs_):
            raise ValueError(f"output={output!r}: the outputs are 0 to {self.n_outputs_ - 1}")
        samples = self._encode(X, reset=False)
        module = self.module_

        def chosen(outputs: Tensor, column: Tensor) -> Tensor:
            return outputs.gather(1, column[:, None])[:, 0]

        def column_of(outputs: Tensor) -> Tensor:
            return outputs.argmax(dim=1) if output is None else outputs.new_full((len(outputs),), output).long()

        def gradient(batch: GridBatch) -> tuple[Tensor, Tensor | None]:
            x = batch.x.detach().requires_grad_()
            outputs = module(batch._replace(x=x))
            return torch.autograd.grad(chosen(outputs, column_of(outputs)).sum(), x)[0], batch.sizes

        @torch.no_grad()
        def mutagenesis(batch: GridBatch) -> tuple[Tensor, Tensor | None]:
            outputs = module(batch)
            column = column_of(outputs)
            change = torch.zeros_like(batch.x)
            inside = places(batch.sizes, batch.x)
            for letter in range(batch.x.shape[1]):
                one_hot = F.one_hot(torch.tensor(letter), batch.x.shape[1]).to(batch.x)
                for place in range(batch.x.shape[2]):
                    mutant = batch.x.clone()
                    mutant[:, :, place] = one_hot
                    change[:, letter, place] = chosen(module(batch._replace(x=mutant)) - outputs, column)
            return change if inside is None else change * inside[:, None], batch.sizes

        with torch.inference_mode(False), torch.enable_grad():  # whatever the caller has switched on
            found = self._for_each(samples, gradient if method == "gradient" else mutagenesis)
        if isinstance(found, list):
            return [np.moveaxis(values, 0, -1) for values in found]
        return np.moveaxis(found, 1, -1)

    def _for_each(
        self, samples: GridSamples, function: Callable[[GridBatch], tuple[Tensor, Tensor | None]]
    ) -> np.ndarray | list[np.ndarray]:
        """Apply `function` to batches and take apart what it returns: values and the sizes of the samples."""
        self._apply_encoded(samples.first(), WithHead.forward)  # out of a pickle, the network goes to its device
        with training.limited_threads():
            parts = [function(batch) for batch in self._batches(samples, self.module_)]
        if all(sizes is None for _, sizes in parts):
            return np.concatenate([values.numpy(force=True) for values, _ in parts])
        return [
            sample[(slice(None), *map(slice, size))]
            for values, sizes in parts
            for sample, size in zip(values.numpy(force=True), sizes.tolist(), strict=True)  # type: ignore[union-attr]
        ]

    def _batches(
        self, samples: training.Samples, module: nn.Module, which: Tensor | None = None
    ) -> Iterator[GridBatch]:
        """Samples, all or those in `which`, as batches on the network's device, for a module that predicts."""
        module.eval()
        which = torch.arange(len(samples)) if which is None else which
        for index in torch.split(which, self.batch_size or 256):
            yield training.on_device(samples[index.to(samples.device)], self._device)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags


class CNNClassifier(ConvolutionalEstimator, NeuralClassifier):
    """Classification of sequences, signals and images with convolutions.

    A convolution puts the same small filters, ``Y = X̃ W``, at every place of a sample; pooling keeps the strongest
    responses; a dense network classifies what remains.

    X is a list of strings; an array of images of shape (n, height, width[, channels]) or a list of images of any size;
    rows of numbers with `image_shape`, which are flattened images; or rows of numbers without, which are signals of
    one channel. A list of one-dimensional arrays of different length is a list of signals.

    References
    ----------
    LeCun, Y. et al. (1998). Gradient-based learning applied to document recognition. Proceedings of the IEEE, 86(11).

    Examples
    --------
    >>> from sklearn_ann import CNNClassifier
    >>> strings = ["ACGTACGTAA", "TTTTCCCCAA", "ACGAACGTTA", "TTCTCTCCAT"] * 10
    >>> model = CNNClassifier(max_epochs=20, learning_rate_schedule="cosine", random_state=0)
    >>> model.fit(strings, ["mixed", "pyrimidines"] * 20).predict(["CTTTCCTCAA"])
    array(['pyrimidines'], dtype='<U11')
    """


class CNNRegressor(ConvolutionalEstimator, NeuralRegressor):
    """Regression on sequences, signals and images with convolutions; `CNNClassifier` says how.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ann import CNNRegressor
    >>> rng = np.random.default_rng(0)
    >>> images = [rng.uniform(size=shape) > 0.5 for shape in rng.integers(8, 20, size=(60, 2))]
    >>> filled = [image.mean() for image in images]
    >>> model = CNNRegressor(max_epochs=60, learning_rate_schedule="cosine", random_state=0).fit(images, filled)
    >>> model.predict(images[:5]).shape
    (5,)
    """
