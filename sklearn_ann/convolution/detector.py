"""A detector of known patterns in images: a convolution with given kernels, without training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Bunch, Tags, check_array
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import validate_data
from torch import Tensor
from torch.nn import functional as F

from sklearn_ann import training
from sklearn_ann._sklearn import StrOptions, num_samples
from sklearn_ann.base.links import DocumentedMixin
from sklearn_ann.base.saliency import Maps
from sklearn_ann.convolution.kernels import Bank, banks_of, check_kernels, correlation, normalized_correlation
from sklearn_ann.layers import places
from sklearn_ann.reading import Columns, GridSamples
from sklearn_ann.reading.grids import arrays, rows
from sklearn_ann.reading.kinds import possible_kinds, unpacked

_CHUNK = 2**24  # number of responses computed together
_ROUNDING = 1e-5  # error allowed in an exact match, relative to the sum of the weights' magnitudes


def _precision(p: Bunch) -> training.Precision:
    # Sums of squares lose too many digits in float32.
    return "float64" if p.normalize else "float32"


def _numpy_dtype(p: Bunch) -> type[np.floating]:
    return np.float64 if p.normalize else np.float32


def _checked_threshold(p: Bunch) -> Any:
    """Return "exact" or an array with a threshold for each kernel."""
    if isinstance(p.threshold, str) and p.threshold == "exact":
        return p.threshold
    try:
        given = np.broadcast_to(np.asarray(p.threshold, dtype=_numpy_dtype(p)), len(p.kernels)).copy()
    except (TypeError, ValueError):
        given = np.array([np.nan])
    if not np.isfinite(given).all():
        raise ValueError(
            f"threshold={p.threshold!r}: expected 'exact', a number, or a number for each kernel, {len(p.kernels)}"
        )
    return given


def _thresholds(p: Bunch, samples: GridSamples) -> np.ndarray:
    """Return the threshold of each kernel; "exact" needs values in [0, 1], or `normalize`."""
    if not isinstance(p.threshold, str):
        given: np.ndarray = p.threshold
        return given
    if p.normalize:
        return np.full(len(p.kernels), 1 - _ROUNDING)
    least, greatest = samples.values.aminmax()
    if least < 0 or greatest > 1:
        raise ValueError(
            f"threshold='exact' is for images of values in [0, 1], but X has values from {least:g} to {greatest:g}: "
            "scale X, give numbers as thresholds, or set normalize=True"
        )
    exact = [kernel.clip(min=0).sum() - _ROUNDING * np.abs(kernel).sum() for kernel in p.kernels]
    return np.array(exact, dtype=_numpy_dtype(p))


def _images(p: Bunch, X: Any, validate: Callable[..., Any]) -> GridSamples:
    """Read images, rows of numbers through `validate`, and check that the kernels fit them."""
    if num_samples(X) == 0:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
    X, _ = unpacked(X)
    possible = possible_kinds(X, p.image_shape)
    if "image" not in possible:
        raise ValueError(
            f"X is read as {possible[0]}s; expected an array of shape (n_samples, height, width[, channels]), a list "
            "of images, or rows of numbers with image_shape"
        )
    if p.image_shape is not None:
        samples = rows(validate(X, dtype=_numpy_dtype(p), order="C"), p.image_shape)
    else:
        samples = arrays(X, 2, _numpy_dtype(p))
    if samples.n_channels != p.kernels[0].shape[2]:
        raise ValueError(f"X has {samples.n_channels} channels, but the kernels have {p.kernels[0].shape[2]}")
    if p.padding == "valid":
        for number, (height, width, _) in enumerate(kernel.shape for kernel in p.kernels):
            small = (samples.sizes < torch.tensor([height, width])).any(dim=1).nonzero().ravel()
            if len(small):
                size = "x".join(map(str, samples.sizes[small[0]].tolist()))
                raise ValueError(
                    f"kernel {number} of {height}x{width} is larger than sample {int(small[0])} of {size}; "
                    "padding='same' adds zeros around the sample"
                )
    return samples


def _margins(p: Bunch, bank: Bank) -> tuple[int, int]:
    """Return the number of zeros above and to the left of an image."""
    height, width = bank.weight.shape[2:]
    return ((height - 1) // 2, (width - 1) // 2) if p.padding == "same" else (0, 0)


def _map_sizes(p: Bunch, sizes: Tensor, kernel_size: tuple[int, ...]) -> Tensor:
    """Return the sizes of the maps of images with these sizes, (n_samples, 2)."""
    return sizes if p.padding == "same" else sizes - sizes.new_tensor(kernel_size) + 1


def _masked(responses: Tensor, sizes: Tensor | None) -> Tensor:
    """Set the responses beyond each sample's map to minus infinity."""
    inside = places(sizes, responses)
    return responses if inside is None else responses.masked_fill(~inside[:, None], -torch.inf)


def _responses(p: Bunch, samples: GridSamples) -> Iterator[tuple[Tensor, Bank, Tensor, Tensor | None]]:
    """Yield sample numbers, kernels, responses (batch, n_kernels, n_rows, n_columns) and the sizes of the maps."""
    device = training.available_device(p.device, _precision(p))
    respond = normalized_correlation if p.normalize else correlation
    banks = banks_of(p.kernels, training.tensor_dtype(_precision(p)), device)
    most = int(samples.sizes.prod(dim=1).max()) * max(len(bank.numbers) for bank in banks)
    for index in torch.split(torch.arange(len(samples)), max(1, _CHUNK // most)):
        x, sizes = training.on_device(samples[index], device)
        for bank in banks:
            (top, left), (height, width) = _margins(p, bank), bank.weight.shape[2:]
            padded = x if p.padding == "valid" else F.pad(x, (left, width - 1 - left, top, height - 1 - top))
            # TF32 has a mantissa of ten bits, too few to tell an exact match.
            full_float32 = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
            with training.isolated(), training.limited_threads(), torch.inference_mode(), full_float32:
                responses = respond(padded, bank.weight)
            bad = ~responses.isfinite().flatten(1).all(dim=1)
            if bad.any():
                sample = int(index[int(bad.int().argmax())])
                raise ValueError(f"a response to sample {sample} is not finite: its values are too large")
            yield index, bank, responses, None if sizes is None else _map_sizes(p, sizes, (height, width))


def _pooled(p: Bunch, samples: GridSamples) -> np.ndarray:
    pooled = np.empty((len(samples), len(p.kernels)), dtype=_numpy_dtype(p))
    for index, bank, responses, sizes in _responses(p, samples):
        pooled[index.numpy()[:, None], bank.numbers] = _masked(responses, sizes).amax(dim=(2, 3)).numpy(force=True)
    return pooled


def _maps(p: Bunch, samples: GridSamples) -> np.ndarray | list[np.ndarray]:
    if p.padding == "valid" and len({kernel.shape for kernel in p.kernels}) > 1:
        raise ValueError(
            "output='maps' with padding='valid' needs kernels of one size, got kernels of the shapes "
            f"{sorted({kernel.shape for kernel in p.kernels})}: padding='same' takes any"
        )
    sizes = _map_sizes(p, samples.sizes, p.kernels[0].shape[:2]).tolist()
    maps: np.ndarray | list[np.ndarray] = (
        np.empty((len(samples), *sizes[0], len(p.kernels)), dtype=_numpy_dtype(p))
        if samples.uniform
        else [np.empty((*size, len(p.kernels)), dtype=_numpy_dtype(p)) for size in sizes]
    )
    for index, bank, responses, _ in _responses(p, samples):
        for i, values in zip(index.tolist(), responses.movedim(1, -1).numpy(force=True), strict=True):
            n_rows, n_columns = sizes[i]
            maps[i][..., bank.numbers] = values[:n_rows, :n_columns]
    return maps


class PatternDetector(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DocumentedMixin, BaseEstimator):
    r"""Find known patterns in images with given kernels; nothing is learned.

    The response of patch ``x̃_j`` of an image to kernel ``w_k`` is ``y_jk = x̃_jᵀ w_k``; for all patches and kernels
    at once, ``Y = X̃ W = X * W``. This is a cross-correlation, which networks call a convolution.

    X is an array of shape (n_samples, height, width[, channels]), a list of images of any size, or rows of numbers
    with `image_shape`. A three-dimensional array is always read as images without channels; put a single image with
    channels into a list.

    No method needs ``fit``. After ``fit`` all methods use the hyper-parameters at the time of the fit.

    Parameters
    ----------
    kernels : sequence of arrays of shape (height, width) or (height, width, channels)
        The weights of the patterns, in a list or an array (n_kernels, height, width[, channels]). Kernels in a list may
        differ in size. `matched_kernel` makes a kernel from a pattern of zeros and ones.

    threshold : "exact", float or sequence of float, default='exact'
        The smallest response that is a hit: one value, or one for each kernel. ``"exact"`` is the greatest possible
        response of a patch with values in [0, 1], which is the sum of the kernel's positive weights. Only the pattern
        itself reaches this response to a matched kernel. With `normalize`, ``"exact"`` is 1. The threshold is lowered
        by 1e-5 of the sum of the absolute weights, to allow for rounding.

    output : {"pooled", "maps"}, default='pooled'
        What ``transform`` returns for each kernel: the greatest response in the image or the response at each position.

    padding : {"valid", "same"}, default='valid'
        ``"valid"`` takes the patches inside the image. ``"same"`` adds zeros around the image, so that all maps have
        its size. A response is then at the position of the kernel's centre; of two central positions, at the first.

    normalize : bool, default=False
        Whether the response is Pearson's correlation of patch and kernel, in [-1, 1], and 0 for a constant patch. The
        correlation does not depend on brightness and contrast (Lewis 1995).

    image_shape : tuple of int or None, default=None
        ``(height, width)`` or ``(height, width, channels)`` if the rows of X are flattened images.

    device : str, default='auto'
        Where to compute: ``"auto"`` (the first CUDA device, else the CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...

    Attributes
    ----------
    resolved_parameters_ : dict
        The hyper-parameters of the fit, which predictions use.

    n_features_in_ : int
        Number of columns seen during ``fit``, with `image_shape`.

    feature_names_in_ : array of str of shape (`n_features_in_`,)
        Names of the columns, if X has names that are all strings.

    References
    ----------
    Lewis, J. P. (1995). Fast template matching. Vision Interface 95, 120-123.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ann import PatternDetector
    >>> from sklearn_ann.convolution import matched_kernel
    >>> glider = np.array([[0, 1, 0], [0, 0, 1], [1, 1, 1]])
    >>> frames = np.zeros((2, 8, 8))
    >>> frames[1, 2:5, 4:7] = glider
    >>> detector = PatternDetector([matched_kernel(glider)])
    >>> detector.transform(frames)
    array([[0.],
           [5.]], dtype=float32)
    >>> detector.predict(frames)
    array([False,  True])
    >>> detector.hits(frames)
    array([[1, 0, 2, 4]])
    """

    resolved_parameters_: Bunch
    n_features_in_: int
    feature_names_in_: np.ndarray

    _parameter_constraints: ClassVar[dict[str, list[Any] | str]] = {
        "kernels": "no_validation",
        "threshold": "no_validation",
        "output": [StrOptions({"pooled", "maps"})],
        "padding": [StrOptions({"valid", "same"})],
        "normalize": ["boolean"],
        "image_shape": [tuple, None],
        "device": [str],
    }

    # Written by hand: declared parameters are keyword-only, but kernels may be given by position.
    def __init__(
        self,
        kernels: Any,
        *,
        threshold: Any = "exact",
        output: Literal["pooled", "maps"] = "pooled",
        padding: Literal["valid", "same"] = "valid",
        normalize: bool = False,
        image_shape: tuple[int, ...] | None = None,
        device: str = "auto",
    ) -> None:
        self.kernels = kernels
        self.threshold = threshold
        self.output = output
        self.padding = padding
        self.normalize = normalize
        self.image_shape = image_shape
        self.device = device

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check and keep the hyper-parameters, and check the images.

        Parameters
        ----------
        X : images
            The samples.
        y : ignored
            Not used; part of scikit-learn's interface.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If an image or a kernel is not made of numbers.
        ValueError
            If a parameter is out of bounds. If a kernel is neither two- nor three-dimensional, is empty, has a weight
            that is not finite, has only zeros or, with `normalize`, is constant. If an image has other channels than
            the kernels, is empty, is not finite, or is smaller than a kernel.
        """
        parameters, columns = self._checked_parameters(), Columns(type(self).__name__)
        _images(parameters, X, columns.learn)
        for name in ("n_features_in_", "feature_names_in_"):  # of an earlier fit
            self.__dict__.pop(name, None)
        self.__dict__.update(columns.attributes, resolved_parameters_=parameters)
        return self

    def transform(self, X: Any) -> Maps:
        """Return the kernels' responses.

        Parameters
        ----------
        X : images
            The samples.

        Returns
        -------
        array of shape (n_samples, n_kernels)
            For ``output="pooled"``, the greatest response in each image. float32, float64 with `normalize`.
        array of shape (n_samples, n_rows, n_columns, n_kernels), or a list of arrays (n_rows, n_columns, n_kernels)
            For ``output="maps"``; a list if the sizes of the images differ. In a ``"valid"`` map the position
            ``[row, column]`` has the response of the patch with this upper left corner.

        Raises
        ------
        TypeError, ValueError
            As in ``fit``, or if maps of kernels of different sizes are wanted with ``padding="valid"``.
        """
        p, samples = self._read(X)
        return _pooled(p, samples) if p.output == "pooled" else _maps(p, samples)

    def predict(self, X: Any) -> np.ndarray:
        """Tell whether an image has a hit of any kernel.

        Parameters
        ----------
        X : images
            The samples.

        Returns
        -------
        bool array of shape (n_samples,)

        Raises
        ------
        TypeError, ValueError
            As in ``fit``, or if ``threshold="exact"`` without `normalize` and a value is outside [0, 1].
        """
        p, samples = self._read(X)
        return np.asarray((_pooled(p, samples) >= _thresholds(p, samples)).any(axis=1))

    def hits(self, X: Any) -> np.ndarray:
        """Return the positions at which a response reaches the threshold.

        Parameters
        ----------
        X : images
            The samples.

        Returns
        -------
        int array of shape (n_hits, 4)
            Sample, kernel, and row and column of the patch's upper left corner, in ascending order. With
            ``padding="same"`` the corner may be outside the image.

        Raises
        ------
        TypeError, ValueError
            As in ``predict``.
        """
        p, samples = self._read(X)
        thresholds = _thresholds(p, samples)
        found = [np.empty((0, 4), dtype=np.int64)]
        for index, bank, responses, sizes in _responses(p, samples):
            least = torch.from_numpy(thresholds[bank.numbers]).to(responses)[:, None, None]
            sample, kernel, row, column = (_masked(responses, sizes) >= least).nonzero().numpy(force=True).T
            top, left = _margins(p, bank)
            numbers = np.array(bank.numbers)[kernel]
            found.append(np.stack([index.numpy()[sample], numbers, row - top, column - left], axis=1))
        hits = np.concatenate(found)
        return hits[np.lexsort(hits.T[::-1])]

    def set_output(self, *, transform: Any = None) -> Self:
        """Set the container that ``transform`` returns; maps are always arrays.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None
            The kind of container.

        Returns
        -------
        self
        """
        if self._parameters.output == "pooled":
            super().set_output(transform=transform)
        return self

    @available_if(lambda self: self._parameters.output == "pooled")
    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns after the class and the kernel's number: ``"patterndetector0"``.

        Parameters
        ----------
        input_features : None, or names of the columns
            Checked, but not used.

        Returns
        -------
        array of str of shape (n_kernels,)
        """
        names: np.ndarray = super().get_feature_names_out(input_features)
        return names

    @property
    def _n_features_out(self) -> int:
        return len(self._parameters.kernels)

    @property
    def _parameters(self) -> Bunch:
        """The hyper-parameters of the fit; before a fit the current ones, unchecked."""
        kept: Bunch | None = vars(self).get("resolved_parameters_")
        return Bunch(**self.get_params(deep=False)) if kept is None else kept

    def _checked_parameters(self) -> Bunch:
        """Check the current hyper-parameters, and copy those that could change in place."""
        self._validate_params()
        p = Bunch(**self.get_params(deep=False))
        p.kernels = check_kernels(p.kernels)
        constant = [number for number, kernel in enumerate(p.kernels) if np.ptp(kernel) == 0]
        if p.normalize and constant:
            raise ValueError(f"kernel {constant[0]} is constant, but normalize=True needs kernels that vary")
        p.threshold = _checked_threshold(p)
        training.resolve_device(p.device, _precision(p))
        return p

    def _read(self, X: Any) -> tuple[Bunch, GridSamples]:
        """Return the hyper-parameters to predict with, and the images."""
        if hasattr(self, "resolved_parameters_"):
            return self._parameters, _images(self._parameters, X, partial(validate_data, self, reset=False))
        p = self._checked_parameters()
        return p, _images(p, X, check_array)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = self.image_shape is not None
        tags.input_tags.three_d_array = self.image_shape is None
        tags.transformer_tags.preserves_dtype = []
        return tags
