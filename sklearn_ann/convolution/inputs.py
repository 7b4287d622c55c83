"""What convolutional estimators take, as samples on a grid."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
import torch

from sklearn_ann import training
from sklearn_ann.convolution.samples import GridSamples
from sklearn_ann.layers import image_grid
from sklearn_ann.preprocessing.alphabets import Alphabet, Unknown

Kind = Literal["sequence", "signal", "image"]


def kind_of(X: Any, image_shape: tuple[int, ...] | None) -> Kind:
    """Tell what the samples are: strings; images; or signals, which is what rows of numbers are."""
    if image_shape is not None:
        return "image"
    if sp.issparse(X):
        return "signal"  # where it is refused
    if hasattr(X, "iloc"):  # pandas
        X = X.to_numpy()
    if not hasattr(X, "__len__") or len(X) == 0:
        return "signal"
    first = X[0]
    if isinstance(first, np.ndarray | list | tuple) and len(first) == 1 and isinstance(first[0], str):
        first = first[0]
    if isinstance(first, str | bytes):
        return "sequence"
    return "image" if np.ndim(first) >= 2 else "signal"


def sequences(X: Any, alphabet: Alphabet, unknown: Unknown, dtype: torch.dtype) -> GridSamples:
    """Strings as codes of their letters."""
    codes, starts = alphabet.encode(X, unknown)
    lengths = np.diff(starts)
    uniform = bool((lengths == lengths[0]).all())
    values = torch.from_numpy(codes.reshape(len(lengths), -1) if uniform else codes)
    table = torch.as_tensor(alphabet.rows, dtype=dtype)
    return GridSamples(values, torch.from_numpy(lengths[:, None]), uniform, table)


def rows(X: np.ndarray, image_shape: tuple[int, ...] | None) -> GridSamples:
    """Rows of numbers: signals of one channel, or images that were made flat."""
    values = X[:, :, None] if image_shape is None else X.reshape(len(X), *image_grid(image_shape, X.shape[1]))
    size = torch.tensor(values.shape[1:-1])
    return GridSamples(training.as_tensor(values), size.expand(len(X), -1), True, None)


def arrays(X: Any, n_dimensions: int, dtype: type[np.floating]) -> GridSamples:
    """Signals, (length,) or (length, channels), or images, (height, width) or (height, width, channels).

    Raises
    ------
    ValueError
        If a sample is of another kind or has other channels than the first, is of size zero, or is not finite.
    """
    channels = 0
    samples = []
    for index, sample in enumerate(X):
        array = np.asarray(sample)
        if array.dtype == object or (not np.issubdtype(array.dtype, np.number) and array.dtype != bool):
            raise TypeError(f"sample {index} is not an array of numbers but of {array.dtype}")
        if np.iscomplexobj(array):
            raise ValueError(f"Complex data not supported: sample {index} is of {array.dtype}")
        if array.ndim == n_dimensions:
            array = array[..., None]
        if array.ndim != n_dimensions + 1:
            raise ValueError(
                f"sample {index} has shape {np.shape(sample)}: expected {n_dimensions} dimensions, or one more for the "
                "channels, as the first sample has"
            )
        if array.size == 0:
            raise ValueError(f"sample {index} has shape {np.shape(sample)}: there is nothing in it")
        channels = channels or array.shape[-1]
        if array.shape[-1] != channels:
            raise ValueError(f"sample {index} has {array.shape[-1]} channels, the first one has {channels}")
        samples.append(array)
    sizes = np.array([array.shape[:-1] for array in samples])
    uniform = bool((sizes == sizes[0]).all())
    values = (
        np.stack(samples).astype(dtype)
        if uniform
        else np.concatenate([array.reshape(-1, channels) for array in samples]).astype(dtype)
    )
    finite = np.isfinite(values.reshape(-1, values.shape[-1])).all(axis=1)
    if not finite.all():
        starts = np.cumsum([0, *sizes.prod(axis=1)])
        index = int(np.searchsorted(starts, np.argmin(finite), side="right")) - 1
        raise ValueError(f"sample {index} contains NaN or infinity")
    return GridSamples(torch.from_numpy(values), torch.from_numpy(sizes), uniform, None)
