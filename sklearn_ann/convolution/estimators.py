"""Estimators of sequences, signals and images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import torch
from sklearn.utils import Bunch, Tags
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.grad import conv1d_weight

from sklearn_ann import training
from sklearn_ann.base import NeuralClassifier, NeuralEstimator, NeuralRegressor, Plan
from sklearn_ann.base.budget import Budget
from sklearn_ann.base.names import names_of_a_column
from sklearn_ann.base.parameters import (
    ClosedFraction,
    DropProbability,
    LayerSizes,
    PositiveFloat,
    PositiveInt,
    chosen_names,
    fitted,
)
from sklearn_ann.base.saliency import Maps, SaliencyMixin, cut
from sklearn_ann.convolution.augmentation import Strands, augmentation_layers
from sklearn_ann.convolution.network import ConvolutionalBody, GlobalPooling
from sklearn_ann.layers import ConvolutionLayer, Pooling, convolution_layers, image_layers, layer_widths, places
from sklearn_ann.reading import GridBatch, GridReader, GridSamples, Reader
from sklearn_ann.reading.alphabets import Unknown
from sklearn_ann.reading.kinds import SampleType

_LARGE = 64  # pixels of the smaller side


def automatic_layers(samples: GridSamples) -> list[ConvolutionLayer]:
    """Return the convolutions of ``conv_layers="auto"``."""
    if samples.n_dimensions == 2:
        side = int(samples.sizes.amin(dim=1).median())
        first, *others = image_layers(side)
        # Objects in a large image span many pixels, and its first feature maps would take most of the time.
        return [first._replace(pool_size=4) if side >= _LARGE else first, *others]
    if samples.rows is None:  # a signal, whose shape may be long: each layer sees twice as far as the one before
        length = int(samples.sizes[:, 0].median())
        return [ConvolutionLayer(64, 9, 2)] * min(max(2, int(math.log2(max(length, 8) / 8))), 6)
    if samples.n_channels > 4:  # with many letters, a few positions are informative
        return [ConvolutionLayer(128, 3), ConvolutionLayer(128, 3, 2)]
    return [ConvolutionLayer(64, 9, 2), ConvolutionLayer(64, 5, 2)]


def pooling_names(value: Any) -> list[str]:
    """Return the names in a ``global_pooling`` parameter as a list.

    Raises
    ------
    ValueError
        If `value` is neither ``"auto"`` nor one or more of the names.
    """
    if isinstance(value, str) and value == "auto":
        return ["auto"]
    return chosen_names("global_pooling", value, get_args(GlobalPooling), "'auto' or ")


def wants_one_size(global_pooling: Any, position_bias: float | str) -> bool:
    """Return whether the caller asks for a network that is tied to one sample size."""
    return "flatten" in pooling_names(global_pooling) or position_bias not in ("auto", 0)


def convolutional_body(p: Bunch, reader: GridReader, samples: GridSamples) -> ConvolutionalBody:
    """Build the network for hyper-parameters `p` and encoded samples."""
    pooling: Any = pooling_names(p.global_pooling)
    if "flatten" in pooling and not samples.uniform:
        raise ValueError("global_pooling='flatten' needs samples of one size; 'max' and 'mean' take any size")
    if p.position_bias and not samples.uniform:
        raise ValueError(
            f"position_bias={p.position_bias} needs samples of one size; position_bias='auto' leaves it out if sizes "
            "differ"
        )
    alphabet = reader.letters.alphabet_name if reader.kind == "sequence" else reader.kind
    if p.reverse_complement != "none" and alphabet != "dna":
        raise ValueError(f"reverse_complement={p.reverse_complement!r} is for DNA, but X is of kind {alphabet!r}")
    letters = samples.rows is not None
    augmentation: list[nn.Module] = [Strands()] if p.reverse_complement == "augment" else []
    if p.augmentation is not None:
        augmentation += augmentation_layers(p.augmentation, samples.n_dimensions, letters)
    return ConvolutionalBody(
        convolution_layers(p.conv_layers, []),
        samples.n_channels,
        samples.n_dimensions,
        reader.size,
        position_bias=float(p.position_bias),
        normalize_input=not letters and p.normalization is not None,
        pooling=p.pooling,
        global_pooling=pooling,
        normalization=p.normalization,
        residual=p.residual,
        hidden=layer_widths(p.hidden_layer_sizes),
        dropout=p.dropout,
        augmentation=augmentation,
        both_strands=p.reverse_complement == "average",
    )


def letter_counts(plan: Plan, run: training.Training, module: Any) -> np.ndarray:
    """Count the letters under each filter of the first convolution, over all positions where it responds.

    A sequence counts with its weight.
    """
    examples, block = run.examples, module.body.blocks[0]
    width = block.weight.shape[2]
    margins = ((width - 1) // 2, width - 1 - (width - 1) // 2)  # zero padding around a sequence

    def responses(batch: GridBatch) -> Tensor:
        mask = places(batch.sizes, batch.x)
        found: Tensor = block.responses(batch.x)
        return found if mask is None else found.masked_fill(~mask[:, None], -torch.inf)

    which = torch.arange(len(examples.samples)) if examples.rows is None else examples.rows
    chunks = torch.split(which.to(examples.samples.device), plan.parameters.batch_size or 256)
    how = {"chunks": chunks, "in_full": True}
    greatest = plan.apply(module, examples.samples, lambda _, batch: responses(batch).amax(dim=2), **how)
    half = torch.as_tensor(greatest.max(axis=0) / 2).to(block.weight)
    half = half.clamp(min=torch.finfo(half.dtype).tiny)[:, None]
    counts = torch.zeros_like(block.weight, dtype=torch.float64)
    weight = torch.ones(len(examples.samples)) if examples.weight is None else examples.weight
    weights = iter([weight.to(block.weight)[chunk.to(weight.device)] for chunk in chunks])

    def count(_: Any, batch: GridBatch) -> list[None]:
        found, own = responses(batch), next(weights)
        own = F.pad(own, (0, len(found) - len(own)))  # of samples that only fill the batch up
        hits = (found > half).to(batch.x.dtype) * own[:, None, None]  # (batch, n_filters, length)
        around = F.pad(batch.x, margins)
        # The gradient of the sum of a filter's hits by its weights is the number of each letter under the hits.
        counts.add_(conv1d_weight(around, block.weight.shape, hits))
        return [None] * len(batch.x)

    plan.apply(module, examples.samples, count, **how)
    return counts.numpy(force=True)


class ConvolutionalEstimator(SaliencyMixin, NeuralEstimator):
    """Base of the convolutional estimators.

    Parameters
    ----------
    conv_layers : "auto" or sequence of (n_filters, kernel_size) or (n_filters, kernel_size, pool_size)
        The convolutions. `kernel_size` is the width of the filters, and `pool_size` the width and stride of the pooling
        after the convolution, in each dimension. The default ``"auto"`` depends on the samples:

        - DNA and RNA: ``((64, 9, 2), (64, 5, 2))``;
        - alphabets of more than four letters, such as proteins: ``((128, 3), (128, 3, 2))``;
        - signals: two layers ``(64, 9, 2)`` and one more for each halving of the median length that leaves 8 values or
          more, at most six;
        - images: two layers of filter width 3 and one more for each halving of the smaller side that leaves 16 pixels
          or more, at most five, with 32, 64, 128, 128 and 128 filters. Each is pooled by 2, the first by 4 if the side
          has 64 pixels or more. If sizes differ, the median is used.

    pooling : {"max", "mean"}
        The pooling after each convolution: maximum or mean.

    global_pooling : "auto", {"mean", "max", "flatten"} or sequence of these
        Features from the last feature maps: their mean, their maximum or all their values (``"flatten"``, for samples
        of one size). Several are concatenated. ``"auto"`` is maximum and mean, and for images of one size maximum and
        flatten. The last feature maps of a later image of another size are then averaged to that size.

    position_bias : "auto", bool or float
        Share of the filters, in [0, 1], with a bias at each position, which is smooth along the sample. Such a filter
        can respond at a splice site only. The other filters respond alike at all positions. The bias needs samples of
        one size. ``"auto"`` is 0.5 for sequences of one length, and 0 otherwise. In a later sample of another length,
        the bias depends on the position relative to the length of the sample.

    hidden_layer_sizes : int or tuple of ints
        Widths of the dense layers after the convolutions.

    normalization : {"auto", "batch", "layer"} or None
        Normalisation after each convolution. ``"batch"`` normalises a channel over the samples of a batch, and
        ``"layer"`` normalises each sample separately. Both also normalise the channels of images and signals over the
        batch, before the first convolution. With None, scale X beforehand. ``"auto"`` is ``"batch"``, and ``"layer"``
        for samples of different sizes: a batch holds samples of similar size, and if size and class are related, the
        statistics of a batch are those of one class.

    residual : bool
        Whether to add the input of each convolution to its output (He et al. 2016).

    dropout : float
        Probability, in [0, 1), to drop a feature after the global pooling or a unit of a dense layer in training.

    max_epochs : "auto" or int
        Number of epochs. ``"auto"`` is 20, or the number that makes 1,000 optimiser steps if this is greater. With
        fewer than 50 samples it is the number that makes 20 steps for each sample, at least 200 steps.

    augmentation : dict or None
        Random changes of the training samples, drawn anew in each epoch. ``{"shift": 2}`` moves them by up to two
        positions in each dimension. ``{"flip": "horizontal"}``, ``"vertical"`` or ``"both"`` mirrors an image with
        probability 1/2. ``{"noise": 0.1}`` adds Gaussian noise of this standard deviation, in the unit of X.
        ``{"mutation": 0.1}`` replaces this share of the letters of a sequence by other letters of the same sequence.

    reverse_complement : {"none", "augment", "average"}
        Use of the other strand of DNA. ``"augment"`` trains on a random strand of each sequence. ``"average"`` averages
        the features of both strands, so that both strands have exactly the same prediction (Zhou et al. 2022).

    alphabet : {"auto", "dna", "rna", "protein"} or str
        Name of the alphabet of the sequences, or its letters. ``"auto"`` selects DNA or RNA if 95 % of the letters in
        ``fit`` are A, C, G, T, U or N, or with a warning if 75 % are and the others are ambiguous letters such as R.
        Otherwise it selects protein. If no alphabet fits, an error is raised. Lower-case letters are read as upper-case
        letters.

    unknown : {"error", "ambiguous"}
        Treatment of letters outside the alphabet: an error, or a letter that may be any.

    image_shape : tuple of int or None
        ``(height, width)`` or ``(height, width, channels)`` if the rows of X are flattened images.

    sample_type : {"auto", "sequence", "signal", "image"}
        Kind of the samples. With ``"auto"`` strings are sequences, one-dimensional samples are signals, and
        three-dimensional samples are images. Two-dimensional samples are signals, (length, channels), in these cases:

        - they have one width and different lengths, and the width is at most 24 or at most half of each length;
        - they have one shape, with a width of at most 24 and of at most half the length;
        - nine of ten rows are not negative and sum to 1, as probabilities of letters do.

        Other two-dimensional samples are images, (height, width). If both are possible, a ``UserWarning`` is issued.
        Later samples are read as those in ``fit``. Samples with the channels first, (channels, length), are not
        transposed: ``np.swapaxes(X, 1, 2)`` does so, and a ``UserWarning`` is issued if X seems to have such samples.

    Attributes
    ----------
    sample_type_ : {"sequence", "signal", "image"}
        What the samples in ``fit`` were.

    alphabet_ : str or None
        ``"dna"``, ``"rna"``, ``"protein"`` or the letters given; None if X are not sequences.

    n_features_in_ : int
        1 for strings; the number of columns for rows of numbers; else the number of channels.

    feature_names_in_ : array of str of shape (`n_features_in_`,)
        Names of the columns of a frame, if all are strings.

    letters_ : str or None
        The letters of the alphabet in the order of ``motifs`` and ``saliency``; None if X are not sequences.
    """

    conv_layers: Any = "auto"
    pooling: Pooling = "max"
    global_pooling: Any = "auto"
    position_bias: Literal["auto"] | bool | ClosedFraction = "auto"
    hidden_layer_sizes: LayerSizes = (128,)
    normalization: Literal["auto", "batch", "layer"] | None = "auto"
    residual: bool = False
    dropout: DropProbability = 0.2
    augmentation: Any = None
    reverse_complement: Literal["none", "augment", "average"] = "none"
    alphabet: str = "auto"
    unknown: Unknown = "error"
    image_shape: tuple | None = None
    sample_type: SampleType = "auto"
    max_epochs: PositiveInt | Literal["auto"] = "auto"
    learning_rate: PositiveFloat = 2e-3
    learning_rate_schedule: training.Schedule = "cosine"

    sample_type_: Literal["sequence", "signal", "image"] = fitted()
    alphabet_: str | None = fitted()
    letters_: str | None = fitted()

    _budget: ClassVar[Budget] = Budget(steps=200, epochs=20, steps_of_sample=20, most_steps=1000)

    get_feature_names_out = names_of_a_column
    _begins_from: ClassVar[Mapping[str, str]] = {
        "images": "an auto-encoder or VAESampler with architecture='conv'",
        "module": "a torch module that maps (batch, channels, *size) to (batch, n_features)",
        "pretrained": "a PretrainedTransformer",
    }
    _of_reader: ClassVar[tuple[str, ...]] = ("alphabet", "unknown", "image_shape", "sample_type")

    def _reader(self, X: Any, **common: Any) -> Reader[Any]:
        return GridReader(
            alphabet=self.alphabet,
            unknown=self.unknown,
            image_shape=self.image_shape,
            fixed=wants_one_size(self.global_pooling, self.position_bias),
            sample_type=self.sample_type,
            **common,
        )

    def _auto(self, plan: Plan) -> dict[str, Any]:
        samples = plan.examples.samples
        if not isinstance(samples, GridSamples):  # the body and the reader are those of another network
            return {}
        return {
            "conv_layers": automatic_layers(samples),
            "global_pooling": ["max", "flatten" if samples.uniform and samples.n_dimensions == 2 else "mean"],
            "position_bias": 0.5 if samples.uniform and samples.rows is not None else 0.0,
            "normalization": "batch" if samples.uniform else "layer",
        }

    def _body(self, plan: Plan) -> tuple[nn.Module, int]:
        body = convolutional_body(plan.parameters, plan.reader, plan.examples.samples)
        return body, body.n_features

    def _take(self, plan: Plan, run: training.Training, module: nn.Module) -> dict[str, Any]:
        body: Any = module.body
        if not isinstance(body, ConvolutionalBody) or plan.reader.kind != "sequence":
            return {}
        return {"_letter_counts": letter_counts(plan, run, module)}

    def motifs(self) -> np.ndarray:
        """Return the motifs that the filters of the first convolution detect, as position weight matrices.

        They are computed from all positions in the training sequences at which the response of a filter exceeds half
        of its maximum (Alipanahi et al. 2015, supplementary section 10.2; Kelley et al. 2016).

        Returns
        -------
        array of shape (n_filters, kernel_size, n_letters)
            Probability of each letter in the order of `letters_`; 1 / n_letters for a filter that never responds.

        Raises
        ------
        ValueError
            If the estimator was not fitted on sequences.
        """
        check_is_fitted(self)
        kind = getattr(self.reader_, "kind", "row")
        if kind != "sequence":
            raise ValueError(f"motifs needs sequences, but this {type(self).__name__} was fitted on {kind}s")
        if not isinstance(self.module_.body, ConvolutionalBody):
            raise ValueError(f"motifs needs convolutions, but this {type(self).__name__} began from another network")
        counts = self._letter_counts.transpose(0, 2, 1) + 0.25  # (n_filters, kernel_size, n_letters)
        matrices: np.ndarray = counts / counts.sum(axis=2, keepdims=True)
        return matrices

    def feature_maps(self, X: Any, layer: int = -1) -> Maps:
        r"""Return the feature maps of a convolution.

        Parameters
        ----------
        X : samples as in ``fit``
            The samples.
        layer : int
            Number of the convolution; -1 is the last.

        Returns
        -------
        array of shape (n_samples, n_filters, \*size), or a list of arrays (n_filters, \*size)
            Responses after normalisation, ReLU and pooling; a list if the sizes of the samples differ.

        Raises
        ------
        ValueError
            If there is no such layer.
        """
        check_is_fitted(self)
        n_layers = len(self.module_.body.blocks)
        if not isinstance(layer, int | np.integer) or not -n_layers <= layer < n_layers:
            raise ValueError(f"layer={layer!r}: expected an integer from {-n_layers} to {n_layers - 1}")
        maps: np.ndarray | list[np.ndarray] = self._apply(
            X, lambda module, batch: cut(*module.body.maps(batch)[layer]), chunks=self._map_chunk, in_full=True
        )
        return maps

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags


class CNNClassifier(ConvolutionalEstimator, NeuralClassifier):
    """Classification of sequences, signals and images with convolutions.

    A convolution applies the same small filters at every position of a sample, ``Y = X̃ W``. Pooling keeps the greatest
    responses, and a dense network predicts the class from them.

    X is one of these:

    - strings in a list, a series, a column of a frame or Biopython's records, or lists of letters: sequences;
    - an array of shape (n_samples, height, width[, channels]), or a list of images of any size;
    - rows of numbers: signals of one channel, or with `image_shape` flattened images;
    - a list of one-dimensional arrays of different lengths: signals;
    - an array of shape (n_samples, length, channels), a list of arrays (length, channels), or a frame whose cells are
      series, one column for each channel: signals of several channels. `sample_type` tells them from images.

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
    """Regression on sequences, signals and images with convolutions, as in `CNNClassifier`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ann import CNNRegressor
    >>> rng = np.random.default_rng(0)
    >>> images = [rng.uniform(size=shape) > 0.5 for shape in rng.integers(8, 20, size=(60, 2))]
    >>> filled = [image.mean() for image in images]
    >>> model = CNNRegressor(max_epochs=60, learning_rate_schedule="cosine", random_state=0)
    >>> model = model.fit(images, filled)
    >>> model.predict(images[:5]).shape
    (5,)
    """
