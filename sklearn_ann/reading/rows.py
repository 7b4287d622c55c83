"""Rows of numbers, dense or sparse; images are flattened into rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.preprocessing import StandardScaler

from sklearn_ann.reading.reader import Reader
from sklearn_ann.training import Rows, Samples, SparseRows, as_tensor


def flattened(X: Any, image_shape: tuple[int, ...] | None) -> Any:
    """Flatten images into rows; return rows unchanged.

    Parameters
    ----------
    X : array of shape (n_samples, *image_shape), or rows
        The samples.
    image_shape : tuple of int or None
        None if the samples are not images.

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


class RowReader(Reader[Samples]):
    """Reads rows of numbers.

    Parameters
    ----------
    image_shape : tuple of int or None
        Shape of images, which are given as rows or in this shape; None for plain rows.
    check : callable or None
        Called with the samples; raises a ValueError for values out of range.
    """

    def __init__(
        self,
        *,
        owner: str,
        dtype: torch.dtype,
        image_shape: tuple[int, ...] | None = None,
        check: Callable[[Samples], None] | None = None,
    ) -> None:
        super().__init__(owner=owner, dtype=dtype)
        self.image_shape, self.check = image_shape, check

    def learn(self, X: Any, y: Any = None) -> Samples:
        """Learn the number and names of the columns."""
        return self._encoded(self.columns.learn(flattened(X, self.image_shape), **self._how))

    def read(self, X: Any, y: Any = None) -> Samples:
        """Return rows with the same columns."""
        return self._encoded(self.columns.read(flattened(X, self.image_shape), **self._how))

    @property
    def _how(self) -> dict[str, Any]:
        return {"dtype": self.numpy_dtype, "accept_sparse": "csr", "order": "C"}

    def _encoded(self, X: Any) -> Samples:
        samples = SparseRows.from_scipy(X) if sp.issparse(X) else Rows(as_tensor(X))
        if self.check is not None:
            self.check(samples)
        return samples


class StandardizedRowReader(Reader[Rows]):
    """Reads dense rows of numbers and standardises their columns.

    Attributes
    ----------
    scaler : StandardScaler
    """

    scaler: StandardScaler

    def learn(self, X: Any, y: Any = None) -> Rows:
        """Learn the columns, their means and their standard deviations."""
        X = self.columns.learn(X, dtype=np.float64, ensure_min_samples=2)
        self.scaler = StandardScaler().set_output(transform="default").fit(X)
        return self._standardized(X)

    def read(self, X: Any, y: Any = None) -> Rows:
        """Return standardised rows with the same columns."""
        return self._standardized(self.columns.read(X, dtype=np.float64))

    def _standardized(self, X: np.ndarray) -> Rows:
        return Rows(as_tensor(self.scaler.transform(X).astype(self.numpy_dtype)))

    @property
    def attributes(self) -> dict[str, Any]:
        """Columns, and the scaler."""
        return super().attributes | {"scaler_": self.scaler}
