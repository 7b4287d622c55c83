"""Rows of numbers, dense or sparse; images are flattened into rows."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.preprocessing import StandardScaler

from sklearn_ann.reading.annotated import is_annotated
from sklearn_ann.reading.columns import as_kind, as_table, is_frame, numbers, other_positions, readable
from sklearn_ann.reading.passes import Chosen, numbered
from sklearn_ann.reading.reader import Columns, Reader
from sklearn_ann.reading.scaling import BLOCK, Scale
from sklearn_ann.training import Rows, Samples, SparseRows, Stream, StreamedSamples, as_tensor


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
    X = readable(X)
    if image_shape is None or is_annotated(X) or sp.issparse(X) or np.ndim(X) <= 2:
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
    layer : str or None
        Layer of an AnnData object to read; None for its ``X``.
    conditions : None, or column name, position, or list of these
        Columns that are no part of a row.
    """

    def __init__(
        self,
        *,
        owner: str,
        dtype: torch.dtype,
        image_shape: tuple[int, ...] | None = None,
        check: Callable[[Samples], None] | None = None,
        layer: str | None = None,
        conditions: Any = None,
    ) -> None:
        super().__init__(owner=owner, dtype=dtype)
        self.columns = Columns(owner, layer)
        self.image_shape, self.check, self.conditions = image_shape, check, conditions
        self._template: Any = None

    def learn(self, X: Any, y: Any = None) -> Samples:
        """Learn the number and names of the columns."""
        if isinstance(X := self.opened(X), Stream):
            learned: Samples = self.learn_pieces(X)
            return learned
        samples = self._encoded(self._table(self.columns.learn, X))
        X = readable(X)
        if is_frame(X):
            names = list(X.columns)
            self._template = X[:0][[names[position] for position in other_positions(X, self.conditions)]]
        return samples

    def read(self, X: Any, y: Any = None) -> Samples:
        """Return rows with the same columns."""
        if isinstance(X := self.opened(X), Stream):
            return StreamedSamples(X, self.read)
        return self._encoded(self._table(self.columns.read, X))

    @property
    def in_pieces(self) -> bool:
        """Layers of AnnData are in memory, also where its X is not."""
        return self.columns.layer is None

    def table(self, rows: np.ndarray, *, drawn: bool) -> Any:
        """Return rows as a frame with the names of the fit, if X was a frame there, else unchanged.

        Rows that are `drawn` get the types of the fit too, whole numbers by rounding
        and within the limits of the type. Means stay floats.
        """
        template = self._template
        if template is None:
            return rows
        if drawn:
            rows = np.column_stack(
                [as_kind(values, kind) for values, kind in zip(rows.T, template.dtypes, strict=True)]
            )
        frame = type(template)(rows, **{"columns" if hasattr(template, "iloc") else "schema": list(template.columns)})
        if not drawn:
            return frame
        return frame.astype(template.dtypes) if hasattr(template, "iloc") else frame.cast(template.schema)

    @property
    def _how(self) -> dict[str, Any]:
        return {"dtype": self.numpy_dtype, "accept_sparse": "csr", "order": "C"}

    def _table(self, checked: Callable[..., Any], X: Any) -> Any:
        """Check the columns; return an array or a sparse matrix without the conditions."""
        if self.conditions is None or is_annotated(X):  # which has its conditions apart
            return checked(flattened(X, self.image_shape), **self._how)
        table = checked(as_table(X), skip_check_array=True)
        values = numbers(table, other_positions(table, self.conditions))
        return np.ascontiguousarray(values, dtype=self.numpy_dtype)

    def _encoded(self, X: Any) -> Samples:
        if sp.issparse(X) and not X.has_canonical_format:
            X = X.copy()
            X.sum_duplicates()  # an entry that is stored in parts is their sum
        samples = SparseRows.from_scipy(X) if sp.issparse(X) else Rows(as_tensor(X))
        if self.check is not None:
            self.check(samples)
        return samples


class StandardizedRowReader(Reader[Samples]):
    """Reads dense rows of numbers and standardises their columns.

    Parameters
    ----------
    quantiles : bool
        Whether a row also has the normal quantiles of its values, behind the standardised values.

    Attributes
    ----------
    scaler : StandardScaler
    """

    scaler: StandardScaler

    def __init__(self, *, owner: str, dtype: torch.dtype, quantiles: bool = False) -> None:
        super().__init__(owner=owner, dtype=dtype)
        self.quantiles = quantiles

    def learn(self, X: Any, y: Any = None) -> Any:
        """Learn the columns, their means and their standard deviations."""
        if isinstance(X := self.opened(X), Stream):
            return self._learn_pieces(X)
        X = self.columns.learn(X, dtype=np.float64, ensure_min_samples=2)
        self.scaler = StandardScaler().set_output(transform="default")
        self._learn_moments(X)
        self._learn_quantiles(X)
        return self._standardized(X)

    def _learn_pieces(self, stream: Stream) -> StreamedSamples:
        """Learn all rows, one piece after another; quantiles are those of some rows."""
        if len(stream) < 2:
            raise ValueError(f"Found array with {len(stream)} sample(s) while a minimum of 2 is required.")
        self.scaler = StandardScaler().set_output(transform="default")
        chosen, some = Chosen(len(stream)), []
        for start, piece in stream.each():
            with numbered(start, piece.shape[0]):
                X = (self.columns.read if start else self.columns.learn)(piece, dtype=np.float64)
                self._learn_moments(X)
            some.append(X[chosen.within(start, len(X))])
        self._learn_quantiles(np.concatenate(some))
        return StreamedSamples(stream, self.read)

    def _learn_moments(self, X: np.ndarray) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            self.scaler.partial_fit(X)
        if (wrong := np.flatnonzero(~np.isfinite(self.scaler.var_))).size:
            name = self.columns.phrase(wrong[0])
            raise ValueError(f"{name} of X has values too large to standardise: their squares are not finite")

    def _learn_quantiles(self, X: np.ndarray) -> None:
        if self.quantiles:
            self.quantile_scale = Scale("quantile", X, None)

    def read(self, X: Any, y: Any = None) -> Any:
        """Return standardised rows with the same columns."""
        if isinstance(X := self.opened(X), Stream):
            return StreamedSamples(X, self.read)
        return self._standardized(self.columns.read(X, dtype=np.float64))

    @property
    def in_pieces(self) -> bool:
        """Moments are learned from all rows, quantiles from some."""
        return True

    def _standardized(self, X: np.ndarray) -> Rows:
        n_samples, n_features = X.shape
        rows = np.empty((n_samples, n_features * (2 if self.quantiles else 1)), dtype=self.numpy_dtype)
        most = np.sqrt(np.finfo(self.numpy_dtype).max / n_features) / 1e3  # what networks can still square and sum
        for begin in range(0, n_samples, BLOCK):
            part = X[begin : begin + BLOCK]
            scaled = self.scaler.transform(part)
            if len(wrong := np.argwhere(np.abs(scaled) > most)):
                sample, position = wrong[0]
                raise ValueError(
                    f"sample {begin + sample} of X has the value {part[sample, position]:g} in "
                    f"{self.columns.phrase(position)}, {abs(scaled[sample, position]):.1g} standard deviations off the "
                    f"mean of the fit: that is too far to compute with in {np.dtype(self.numpy_dtype)}"
                )
            rows[begin : begin + BLOCK, :n_features] = scaled
            if self.quantiles:
                rows[begin : begin + BLOCK, n_features:] = self.quantile_scale(part)
        return Rows(as_tensor(rows))

    @property
    def attributes(self) -> dict[str, Any]:
        """Columns, and the scaler."""
        return super().attributes | {"scaler_": copy.deepcopy(self.scaler)}
