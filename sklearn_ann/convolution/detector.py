"""Known patterns in images, found by kernels that are given: a convolution without training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_array
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _num_samples, validate_data
from torch import Tensor
from torch.nn import functional as F

from sklearn_ann import training
from sklearn_ann.convolution.inputs import arrays, kind_of, rows
from sklearn_ann.convolution.kernels import Bank, banks_of, check_kernels, correlation, normalized_correlation
from sklearn_ann.convolution.samples import GridSamples
from sklearn_ann.layers import places

_CHUNK = 2**24  # responses computed at a time
_ROUNDING = 1e-5  # by which an exact match may fall short, relative to the sum of the weights' magnitudes


def _masked(responses: Tensor, sizes: Tensor | None) -> Tensor:
    """Set what lies beyond the samples' maps to minus infinity."""
    inside = places(sizes, responses)
    return responses if inside is None else responses.masked_fill(~inside[:, None], -torch.inf)


class PatternDetector(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    r"""Find known patterns in images with given kernels; nothing is learned.

    A kernel ``w_k`` is laid on every patch ``x̃_j`` of an image and multiplied with it, ``y_j = x̃_jᵀ w_k``; for all
    patches and kernels at once, ``Y = X̃ W = X * W``. This is a cross-correlation, which networks call a convolution.

    X is an array of images of shape (n_samples, height, width), without channels, or (n_samples, height, width,
    channels); a list of images, (height, width) or (height, width, channels), of any size; or rows of numbers with
    `image_shape`. A three-dimensional array is always a stack of images without channels: a single image goes into a
    list.

    Parameters
    ----------
    kernels : sequence of arrays of shape (height, width) or (height, width, channels)
        The patterns' weights, of any sizes; an array of shape (n_kernels, height, width[, channels]) is such a
        sequence. `matched_kernel` makes them of patterns of zeros and ones.

    threshold : "exact", float or sequence of float, default='exact'
        The least response that is a hit; a sequence has one for each kernel. ``"exact"`` is the greatest response that
        a patch of values in [0, 1] can give, the sum of the kernel's positive weights. Of a kernel of zeros and ones
        that is the correlation with itself; of a matched kernel it is reached by the pattern alone. With `normalize`
        it is 1. A response may fall short of it by rounding, 1e-5 of the sum of the weights' magnitudes.

    output : {"pooled", "maps"}, default='pooled'
        What ``transform`` returns: for each kernel the greatest response in the image, or the response at each place.

    padding : {"valid", "same"}, default='valid'
        ``"valid"``: the patches within the image. ``"same"``: with zeros around the image, so that maps have its size,
        for kernels of any sizes; the response stands at the kernel's centre, of two the first.

    normalize : bool, default=False
        Whether the response is Pearson's correlation of patch and kernel, in [-1, 1], which brightness and contrast
        do not change (Lewis 1995); 0 for a constant patch.

    image_shape : tuple of int or None, default=None
        ``(height, width)`` or ``(height, width, channels)`` of images that come as rows of numbers.

    device : str, default='auto'
        Where to compute: ``"auto"`` (the first CUDA device, else the CPU), ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...

    Attributes
    ----------
    n_features_in_ : int
        Number of columns seen during ``fit``, with `image_shape`.

    feature_names_in_ : array of str of shape (`n_features_in_`,)
        Names of the columns, where X has names that are all strings.

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

    _parameter_constraints: ClassVar[dict[str, list[Any] | str]] = {
        "kernels": "no_validation",
        "threshold": "no_validation",
        "output": [StrOptions({"pooled", "maps"})],
        "padding": [StrOptions({"valid", "same"})],
        "normalize": ["boolean"],
        "image_shape": [tuple, None],
        "device": [str],
    }

    # Written by hand, because a declared parameter cannot be given by position.
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
        """Check parameters and images; nothing is learned, and the other methods need no ``fit``.

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
            If a parameter is out of bounds; if a kernel is neither two- nor three-dimensional, is empty, has a weight
            that is not finite, nothing but zeros, or, with `normalize`, nothing but one value; if an image has other
            channels than the kernels, is of size zero, is not finite, or is smaller than a kernel.
        """
        _, kernels = self._read(X, reset=True)
        self._thresholds(kernels)
        training.resolve_device(self.device, self._precision)
        return self

    def transform(self, X: Any) -> np.ndarray | list[np.ndarray]:
        r"""Return the kernels' responses.

        Parameters
        ----------
        X : images
            The samples.

        Returns
        -------
        array of shape (n_samples, n_kernels)
            For ``output="pooled"``, the greatest response in each image. float32, float64 with `normalize`.
        array of shape (n_samples, n_rows, n_columns, n_kernels), or a list of arrays (n_rows, n_columns, n_kernels)
            For ``output="maps"``; a list where the sizes of the images differ. In the place ``[row, column]`` of a
            ``"valid"`` map stands the response of the patch whose upper left corner that is.

        Raises
        ------
        TypeError, ValueError
            As in ``fit``, or if maps were asked for of kernels of different sizes with ``padding="valid"``.
        """
        samples, kernels = self._read(X)
        return self._pooled(samples, kernels) if self.output == "pooled" else self._maps(samples, kernels)

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
            As in ``fit``, or if ``threshold="exact"`` and values are outside [0, 1], without `normalize`.
        """
        samples, kernels = self._read(X)
        thresholds = self._thresholds(kernels, samples)
        return np.asarray((self._pooled(samples, kernels) >= thresholds).any(axis=1))

    def hits(self, X: Any) -> np.ndarray:
        """Return where the responses reach the threshold.

        Parameters
        ----------
        X : images
            The samples.

        Returns
        -------
        int array of shape (n_hits, 4)
            Sample, kernel, and row and column of the upper left corner of the patch, in ascending order. With
            ``padding="same"`` the corner may be outside the image.

        Raises
        ------
        TypeError, ValueError
            As in ``predict``.
        """
        samples, kernels = self._read(X)
        thresholds = self._thresholds(kernels, samples)
        found = [np.empty((0, 4), dtype=np.int64)]
        for index, bank, responses, sizes in self._responses(samples, kernels):
            least = torch.from_numpy(thresholds[bank.numbers]).to(responses)[:, None, None]
            sample, kernel, row, column = (_masked(responses, sizes) >= least).nonzero().numpy(force=True).T
            top, left = self._margins(bank)
            numbers = np.array(bank.numbers)[kernel]
            found.append(np.stack([index.numpy()[sample], numbers, row - top, column - left], axis=1))
        hits = np.concatenate(found)
        return hits[np.lexsort(hits.T[::-1])]

    def set_output(self, *, transform: Any = None) -> Self:
        """Set the container that ``transform`` returns; without effect on maps, which are no table.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None
            The kind of container.

        Returns
        -------
        self
        """
        if self.output == "pooled":
            super().set_output(transform=transform)
        return self

    @available_if(lambda self: self.output == "pooled")
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
        return len(self.kernels)

    # --- Images and thresholds -------------------------------------------------------------------------------------

    def _read(self, X: Any, *, reset: bool = False) -> tuple[GridSamples, list[np.ndarray]]:
        """Check parameters, images and kernels, and that they fit each other."""
        self._validate_params()
        kernels = check_kernels(self.kernels)
        flat = [number for number, kernel in enumerate(kernels) if np.ptp(kernel) == 0]
        if self.normalize and flat:
            raise ValueError(f"kernel {flat[0]} is the same everywhere, with which normalize=True finds nothing")
        if _num_samples(X) == 0:
            raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
        kind = kind_of(X, self.image_shape)
        if kind != "image":
            raise ValueError(
                f"X is read as {kind}s, for its samples have one dimension. Images were expected: an array of shape "
                "(n_samples, height, width[, channels]), a list of images, or rows of numbers with image_shape"
            )
        if self.image_shape is not None:
            how = {"dtype": self._numpy_dtype, "order": "C"}
            known = reset or hasattr(self, "n_features_in_")  # without fit there are no names to hold the columns to
            X = validate_data(self, X, reset=reset, **how) if known else check_array(X, **how)
            samples = rows(X, self.image_shape)
        else:
            samples = arrays(X, 2, self._numpy_dtype)
        if samples.n_channels != kernels[0].shape[2]:
            raise ValueError(f"X has {samples.n_channels} channels, but the kernels have {kernels[0].shape[2]}")
        if self.padding == "valid":
            for number, (height, width, _) in enumerate(kernel.shape for kernel in kernels):
                small = (samples.sizes < torch.tensor([height, width])).any(dim=1).nonzero().ravel()
                if len(small):
                    size = "x".join(map(str, samples.sizes[small[0]].tolist()))
                    raise ValueError(
                        f"kernel {number} of {height}x{width} is larger than sample {int(small[0])} of {size}; "
                        "padding='same' sets zeros around it"
                    )
        return samples, kernels

    def _thresholds(self, kernels: list[np.ndarray], samples: GridSamples | None = None) -> np.ndarray:
        """Return the threshold of each kernel; the rule must make sense for `samples`."""
        if isinstance(self.threshold, str) and self.threshold == "exact":
            if self.normalize:
                return np.full(len(kernels), 1 - _ROUNDING)
            least, greatest = (0, 1) if samples is None else samples.values.aminmax()
            if least < 0 or greatest > 1:
                raise ValueError(
                    f"threshold='exact' is for images of values in [0, 1], these have {least:g} to {greatest:g}: scale "
                    "them, give numbers as thresholds, or set normalize=True"
                )
            exact = [kernel.clip(min=0).sum() - _ROUNDING * np.abs(kernel).sum() for kernel in kernels]
            return np.array(exact, dtype=self._numpy_dtype)
        try:
            given = np.broadcast_to(np.asarray(self.threshold, dtype=self._numpy_dtype), len(kernels)).copy()
        except (TypeError, ValueError):
            given = np.array([np.nan])
        if not np.isfinite(given).all():
            raise ValueError(
                f"threshold={self.threshold!r}: expected 'exact', a number, or a number for each kernel, {len(kernels)}"
            )
        return given

    # --- Responses -------------------------------------------------------------------------------------------------

    @property
    def _precision(self) -> training.Precision:
        # Sums of squares lose too many digits in float32.
        return "float64" if self.normalize else "float32"

    @property
    def _numpy_dtype(self) -> type[np.floating]:
        return np.float64 if self.normalize else np.float32

    def _margins(self, bank: Bank) -> tuple[int, int]:
        """Zeros above and to the left of an image."""
        height, width = bank.weight.shape[2:]
        return ((height - 1) // 2, (width - 1) // 2) if self.padding == "same" else (0, 0)

    def _map_sizes(self, sizes: Tensor, kernel_size: tuple[int, ...]) -> Tensor:
        """The sizes of the maps of images of `sizes`, (n_samples, 2)."""
        return sizes if self.padding == "same" else sizes - sizes.new_tensor(kernel_size) + 1

    def _responses(
        self, samples: GridSamples, kernels: list[np.ndarray]
    ) -> Iterator[tuple[Tensor, Bank, Tensor, Tensor | None]]:
        """Yield sample numbers, kernels, responses (batch, n_kernels, n_rows, n_columns) and the sizes of the maps."""
        device = training.resolve_device(self.device, self._precision)
        respond = normalized_correlation if self.normalize else correlation
        banks = banks_of(kernels, training.tensor_dtype(self._precision), device)
        most = int(samples.sizes.prod(dim=1).max()) * max(len(bank.numbers) for bank in banks)
        for index in torch.split(torch.arange(len(samples)), max(1, _CHUNK // most)):
            x, sizes = training.on_device(samples[index], device)
            for bank in banks:
                (top, left), (height, width) = self._margins(bank), bank.weight.shape[2:]
                padded = x if self.padding == "valid" else F.pad(x, (left, width - 1 - left, top, height - 1 - top))
                # Ten bits, as TF32 has them, are too few to tell an exact match.
                full_float32 = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
                with training.limited_threads(), torch.inference_mode(), full_float32:
                    responses = respond(padded, bank.weight)
                yield index, bank, responses, None if sizes is None else self._map_sizes(sizes, (height, width))

    def _pooled(self, samples: GridSamples, kernels: list[np.ndarray]) -> np.ndarray:
        pooled = np.empty((len(samples), len(kernels)), dtype=self._numpy_dtype)
        for index, bank, responses, sizes in self._responses(samples, kernels):
            pooled[index.numpy()[:, None], bank.numbers] = _masked(responses, sizes).amax(dim=(2, 3)).numpy(force=True)
        return pooled

    def _maps(self, samples: GridSamples, kernels: list[np.ndarray]) -> np.ndarray | list[np.ndarray]:
        if self.padding == "valid" and len({kernel.shape for kernel in kernels}) > 1:
            raise ValueError(
                "output='maps' needs kernels of one size with padding='valid'; with padding='same' they may have any"
            )
        sizes = self._map_sizes(samples.sizes, kernels[0].shape[:2]).tolist()
        maps: np.ndarray | list[np.ndarray] = (
            np.empty((len(samples), *sizes[0], len(kernels)), dtype=self._numpy_dtype)
            if samples.uniform
            else [np.empty((*size, len(kernels)), dtype=self._numpy_dtype) for size in sizes]
        )
        for index, bank, responses, _ in self._responses(samples, kernels):
            for i, values in zip(index.tolist(), responses.movedim(1, -1).numpy(force=True), strict=True):
                n_rows, n_columns = sizes[i]
                maps[i][..., bank.numbers] = values[:n_rows, :n_columns]
        return maps

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = self.image_shape is not None
        tags.input_tags.three_d_array = self.image_shape is None
        tags.transformer_tags.preserves_dtype = []
        return tags
