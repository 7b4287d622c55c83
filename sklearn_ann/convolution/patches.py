"""The patches of an image as rows of a matrix, which turns a convolution into a product of two matrices."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any, Literal

import numpy as np


def image_patches(image: Any, patch_size: Sequence[int], *, padding: Literal["valid", "same"] = "valid") -> np.ndarray:
    r"""Return the matrix ``X̃`` of an image, which has a row for each patch.

    A convolution of image X with kernels W is the product of this matrix and the matrix of the kernels,

    .. math:: Y = \tilde X W = X * W , \qquad y_{jk} = \tilde x_j^\top w_k .

    Row ``x̃_j`` holds the pixels of the patch at position j, and column ``w_k`` of W the weights of kernel k in the
    same order. Strictly, this is a cross-correlation, which networks call a convolution. `PatternDetector` computes the
    same ``Y`` without storing the patches, which need as many times the memory of the image as a patch has pixels.

    Parameters
    ----------
    image : array-like of shape (height, width) or (height, width, channels)
        One image of numbers. Values are copied as they are, NaN too.

    patch_size : tuple of int
        ``(height, width)`` of a patch.

    padding : {"valid", "same"}, default='valid'
        ``"valid"`` takes the patches inside the image. ``"same"`` adds zeros around the image, so that there is a patch
        around each pixel; of two central pixels of a patch, it is the first.

    Returns
    -------
    array of shape (n_patches, n_pixels)
        Patches by their position, row by row. Pixels of a patch row by row, the channels of a pixel side by side. The
        dtype is that of `image`.

    Raises
    ------
    TypeError
        If `image` does not hold numbers, or `patch_size` is not a pair of integers.
    ValueError
        If `image` has another shape or no pixels, if `patch_size` is not positive, or if a patch is larger than the
        image and `padding` is ``"valid"``.

    See Also
    --------
    sklearn_ann.PatternDetector : Responses of images of any size to given kernels, hits and their positions.
    sklearn.feature_extraction.image.extract_patches_2d : A random choice of patches, as images.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ann.convolution import image_patches
    >>> image = np.array([[0, 1, 2], [3, 4, 5], [6, 7, 8]])
    >>> patches = image_patches(image, (2, 2))
    >>> patches
    array([[0, 1, 3, 4],
           [1, 2, 4, 5],
           [3, 4, 6, 7],
           [4, 5, 7, 8]])
    >>> kernels = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]]])  # (n_kernels, height, width)
    >>> W = kernels.reshape(2, -1).T  # (n_pixels, n_kernels)
    >>> patches @ W
    array([[ 4,  4],
           [ 6,  6],
           [10, 10],
           [12, 12]])
    """
    pixels = _pixels(image)
    height, width = _checked_size(patch_size)
    if padding not in ("valid", "same"):
        raise ValueError(f"padding={padding!r}: expected 'valid' or 'same'")
    if padding == "same":
        top, left = (height - 1) // 2, (width - 1) // 2
        pixels = np.pad(pixels, ((top, height - 1 - top), (left, width - 1 - left), (0, 0)))
    elif height > pixels.shape[0] or width > pixels.shape[1]:
        size = "x".join(map(str, pixels.shape[:2]))
        raise ValueError(
            f"patch_size of {height}x{width} is larger than the image of {size}; padding='same' adds zeros around the "
            "image"
        )
    view = np.lib.stride_tricks.sliding_window_view(pixels, (height, width), axis=(0, 1))
    # (n_rows, n_columns, channels, height, width)
    return view.transpose(0, 1, 3, 4, 2).reshape(-1, height * width * pixels.shape[2])


def _pixels(image: Any) -> np.ndarray:
    """Return an image as an array of shape (height, width, channels)."""
    array = np.asarray(image)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"image is not an array of real numbers but of {array.dtype}")
    if array.ndim not in (2, 3) or array.size == 0:
        raise ValueError(
            f"image has shape {array.shape}: expected one image of shape (height, width) or (height, width, channels), "
            "with a pixel or more"
        )
    return array.reshape(*array.shape, *[1] * (3 - array.ndim))


def _checked_size(patch_size: Any) -> tuple[int, int]:
    pair = tuple(patch_size) if isinstance(patch_size, Sequence | np.ndarray) else ()
    if len(pair) != 2 or not all(isinstance(side, Integral) and not isinstance(side, bool) for side in pair):
        raise TypeError(f"patch_size={patch_size!r}: expected two integers, (height, width)")
    height, width = map(int, pair)
    if min(height, width) < 1:
        raise ValueError(f"patch_size={patch_size!r}: expected a height and a width of 1 or more")
    return height, width
