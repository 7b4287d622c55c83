"""Images as rows of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp


def flattened(X: Any, image_shape: tuple[int, ...] | None) -> Any:
    """Make rows of an array of images; rows stay as they are.

    Parameters
    ----------
    X : array of shape (n_samples, *image_shape), or rows
        The samples.
    image_shape : tuple of int or None
        None where the rows are no images.

    Raises
    ------
    ValueError
        If the images have another shape.
    """
    if image_shape is None or sp.issparse(X) or np.ndim(X) <= 2:
        return X
    if np.shape(X)[1:] != tuple(image_shape):
        raise ValueError(f"X holds images of shape {np.shape(X)[1:]}, but image_shape={image_shape}")
    return np.reshape(X, (len(X), -1))
