"""Given kernels: how they are checked, made from patterns and applied to images."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


class Bank(NamedTuple):
    """All kernels of one size."""

    numbers: list[int]  # their indices among all kernels
    weight: Tensor  # (n_kernels, channels, height, width)


def matched_kernel(*patterns: Any) -> np.ndarray:
    """Turn a pattern of zeros and ones into a kernel whose greatest response is to this pattern alone.

    The weight is 1 where the pattern is 1 and -1 where it is 0, ``w = p - (1 - p)``. If the pattern itself were the
    kernel, a patch with additional ones would give the same response; with -1 each additional one lowers it. Several
    patterns, such as the phases of an oscillator, give one kernel with 0 where they differ.

    Parameters
    ----------
    *patterns : arrays of shape (height, width) or (height, width, channels)
        Zeros and ones; all of one shape.

    Returns
    -------
    float32 array of that shape
        -1, 0 and 1.

    Raises
    ------
    ValueError
        If there is no pattern, if the shapes differ, or if a value is neither 0 nor 1.

    Examples
    --------
    >>> from sklearn_ann.convolution import matched_kernel
    >>> matched_kernel([[0, 0, 0], [1, 1, 1], [0, 0, 0]], [[0, 1, 0], [0, 1, 0], [0, 1, 0]])
    array([[-1.,  0., -1.],
           [ 0.,  1.,  0.],
           [-1.,  0., -1.]], dtype=float32)
    """
    found = [np.asarray(pattern) for pattern in patterns]
    shapes = sorted({pattern.shape for pattern in found})
    if len(shapes) != 1:
        raise ValueError(f"expected patterns of one shape, got shapes {', '.join(map(str, shapes)) or 'of none'}")
    for index, pattern in enumerate(found):
        if not np.isin(pattern, (0, 1)).all():
            raise ValueError(f"pattern {index} has values other than 0 and 1: {np.setdiff1d(pattern, (0, 1))[:3]}")
    always, ever = np.min(found, axis=0), np.max(found, axis=0)
    kernel: np.ndarray = always.astype(np.float32) - (1 - ever.astype(np.float32))
    return kernel


def correlation(x: Tensor, weight: Tensor) -> Tensor:
    """Return the response of every patch ``j`` to every kernel ``k``, ``y_jk = x̃_jᵀ w_k``, or ``Y = X̃ W``.

    Maps (batch, channels, height, width) to (batch, n_kernels, n_rows, n_columns).
    """
    return F.conv2d(x, weight)


def normalized_correlation(x: Tensor, weight: Tensor) -> Tensor:
    """Return Pearson's correlation of every patch with every kernel; 0 for a constant patch.

    The shapes are those of `correlation`.
    """
    ones = torch.ones_like(weight[:1])
    centred = weight - weight.mean(dim=(1, 2, 3), keepdim=True)
    squares = F.conv2d(x * x, ones)
    spread = squares - F.conv2d(x, ones).square() / ones.numel()  # sum of squares around the patch's mean
    varies = spread > 1e-12 * squares
    scale = spread.where(varies, 1.0).sqrt() * centred.square().sum(dim=(1, 2, 3)).sqrt()[:, None, None]
    return (F.conv2d(x, centred) / scale).masked_fill(~varies, 0.0)


def check_kernels(kernels: Any) -> list[np.ndarray]:
    """Check kernels and return a float64 array of shape (height, width, channels) for each."""
    if not isinstance(kernels, list | tuple | np.ndarray):
        raise TypeError(f"kernels={kernels!r}: expected a list of arrays or an array")
    checked: list[np.ndarray] = []
    for number, kernel in enumerate(kernels):
        array = np.asarray(kernel)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"kernel {number} is not an array of real numbers but of {array.dtype}")
        if array.ndim not in (2, 3):
            raise ValueError(
                f"kernel {number} has shape {array.shape}: expected (height, width) or (height, width, channels); put "
                "a single kernel into a list"
            )
        array = array.astype(np.float64).reshape(*array.shape, *[1] * (3 - array.ndim))
        if not np.isfinite(array).all():
            raise ValueError(f"kernel {number} contains NaN or infinity")
        if not array.any():
            raise ValueError(f"kernel {number} of shape {np.shape(kernel)} has no nonzero weight")
        if checked and array.shape[2] != checked[0].shape[2]:
            raise ValueError(f"kernel {number} has {array.shape[2]} channels, the first one has {checked[0].shape[2]}")
        checked.append(array)
    if not checked:
        raise ValueError("kernels is empty: expected at least one kernel")
    return checked


def banks_of(kernels: list[np.ndarray], dtype: torch.dtype, device: torch.device) -> list[Bank]:
    """Group the kernels by size."""
    banks = []
    for shape in dict.fromkeys(kernel.shape for kernel in kernels):
        numbers = [number for number, kernel in enumerate(kernels) if kernel.shape == shape]
        weight = torch.as_tensor(np.stack([kernels[number] for number in numbers]), dtype=dtype, device=device)
        banks.append(Bank(numbers, weight.movedim(-1, 1)))
    return banks
