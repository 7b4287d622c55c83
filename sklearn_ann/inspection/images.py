"""Plots of images, their reconstructions and their feature maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_ann._sklearn import safe_indexing
from sklearn_ann.inspection.figures import grid_of, sample_of

_WIDEST = 16.0  # inches that a row of images may take


def as_images(X: Any, image_shape: tuple[int, ...] | None) -> np.ndarray:
    """Convert rows or images to shape (n, height, width) or (n, height, width, 3 or 4), clipped to [0, 1] for colours.

    Rows of a square number of values need no `image_shape`.
    """
    X = np.asarray(X)
    if X.ndim == 2:
        side = round(X.shape[1] ** 0.5)
        shape = image_shape or (side, side)
        if np.prod(shape) != X.shape[1]:
            raise ValueError(f"image_shape={image_shape} does not fit rows of {X.shape[1]} numbers")
        X = X.reshape(len(X), *shape)
    if X.ndim == 4 and X.shape[3] == 1:
        X = X[..., 0]
    if X.ndim not in (3, 4) or (X.ndim == 4 and X.shape[3] not in (3, 4)):
        raise ValueError(f"images of one, three or four channels were expected, got an array of shape {X.shape}")
    images: np.ndarray = np.clip(X, 0, 1) if X.ndim == 4 else X
    return images


def _first(samples: Any, n: int | None) -> Any:
    """Return the first n samples; None for all."""
    if n is None:
        return samples
    if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1:
        raise ValueError(f"n_images={n!r}: expected None or an integer of 1 or more")
    n_samples = samples.shape[0] if hasattr(samples, "shape") else len(samples)
    return safe_indexing(samples, slice(0, min(n, n_samples)))


class ReconstructionDisplay:
    """Images above their reconstructions. All rows have the grey scale of the first row.

    Create it with `from_estimator`, or from any images.

    Parameters
    ----------
    rows : dict of str to array-like of shape (n_images, height, width[, channels]) or (n_images, n_pixels)
        The images of each row, by the name of the row.

    image_shape : tuple of int or None
        ``(height, width)`` or ``(height, width, channels)`` of images that are rows of numbers; None means square.

    Attributes
    ----------
    axes_ : array of matplotlib Axes of shape (n_rows,)
        One plot for each row.

    figure_ : matplotlib Figure
        The figure of the plots.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ann import AutoEncoderTransformer
    >>> from sklearn_ann.inspection import ReconstructionDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> model = AutoEncoderTransformer(
    ...     max_epochs=5, learning_rate_schedule="cosine", random_state=0
    ... ).fit(X)
    >>> ReconstructionDisplay.from_estimator(model, X[:10]).axes_.shape
    (2,)
    """

    def __init__(self, rows: dict[str, Any], *, image_shape: tuple[int, ...] | None = None) -> None:
        self.rows, self.image_shape = rows, image_shape

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        y: Any = None,
        original: Any = None,
        image_shape: tuple[int, ...] | None = None,
        n_images: int | None = 10,
    ) -> Self:
        """Plot images and their reconstructions by an estimator.

        Parameters
        ----------
        estimator : AutoEncoderTransformer or VAESampler
            A fitted estimator.
        X : images as in ``fit``
            The input of the estimator.
        y : array-like of shape (n_images,), default=None
            Conditions under which a VAESampler with ``conditions="y"`` decodes.
        original : as X, or None
            The images before they were corrupted, shown above the input.
        image_shape : tuple of int or None
            Shape of images that are rows of numbers; None means the estimator's `image_shape`, or square.
        n_images : int or None
            Number of images to plot, the first of X; None plots all.

        Returns
        -------
        ReconstructionDisplay
        """
        check_is_fitted(estimator)
        X, y, original = (None if part is None else _first(part, n_images) for part in (X, y, original))
        kept = getattr(estimator, "resolved_parameters_", {})
        rows = {} if original is None else {"original": original}
        rows["input"] = X
        codes = estimator.transform(X)
        rows["output"] = estimator.inverse_transform(codes) if y is None else estimator.inverse_transform(codes, y)
        return cls(rows, image_shape=image_shape or kept.get("image_shape")).plot(n_images=n_images)

    def plot(self, *, n_images: int | None = 10) -> Self:
        """Draw the plots in a new figure.

        Parameters
        ----------
        n_images : int or None
            Number of images in each row, the first ones; None plots all.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the images are not of the shape, or `n_images` is less than 1.
        """
        rows = {name: as_images(_first(images, n_images), self.image_shape) for name, images in self.rows.items()}
        most = max(len(tiles) for tiles in rows.values())
        ratio = max(tiles.shape[1] / tiles.shape[2] for tiles in rows.values())
        side = min(0.8, _WIDEST / most)  # inches, the width of an image
        margin = 0.08 * max(len(line) for name in rows for line in name.split("\n")) + 0.3
        self.figure_, self.axes_ = grid_of(type(self).__name__, len(rows), 1, side * most + margin, side * ratio + 0.1)
        first = next(iter(rows.values()))
        least, greatest = float(first.min()), float(first.max())  # one scale for all rows, so that greys compare
        for ax, (name, tiles) in zip(self.axes_, rows.items(), strict=True):
            edges = [(0, 0), (1, 1), (1, 1)] + [(0, 0)] * (tiles.ndim - 3)
            white = 1.0 if tiles.ndim == 4 else least
            strip = np.concatenate(np.pad(tiles, edges, constant_values=white), axis=1)
            ax.imshow(strip, cmap="gray_r", vmin=least, vmax=greatest)
            ax.set(xticks=[], yticks=[], anchor="E")  # the names need the room at the left
            ax.set_ylabel(name, rotation=0, ha="right", va="center")
        return self


class FeatureMapDisplay:
    """Feature maps: the responses of convolutional filters to a sample, one plot for each filter.

    Create it with `from_estimator`, or from any maps. All plots share one scale.

    Parameters
    ----------
    maps : array-like of shape (n_filters, height, width) or (n_filters, length)
        The feature maps; those of signals and sequences are drawn as curves.

    names : sequence of str or None
        Titles of the plots; None shows the numbers of the filters.

    Attributes
    ----------
    axes_ : array of matplotlib Axes of shape (n_filters,)
        One plot for each filter.

    figure_ : matplotlib Figure
        The figure of the plots.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ann import CNNClassifier
    >>> from sklearn_ann.inspection import FeatureMapDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> model = CNNClassifier(
    ...     image_shape=(8, 8), max_epochs=1, learning_rate_schedule="cosine", random_state=0
    ... )
    >>> FeatureMapDisplay.from_estimator(
    ...     model.fit(X[:100], y[:100]), X, sample=3, filters=range(6)
    ... ).axes_.shape
    (6,)
    """

    def __init__(self, maps: Any, *, names: Sequence[str] | None = None) -> None:
        self.maps, self.names = maps, names

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, *, sample: int = 0, layer: int = -1, filters: Sequence[int] | None = None
    ) -> Self:
        """Plot the feature maps of a sample.

        Parameters
        ----------
        estimator : CNNClassifier or CNNRegressor
            A fitted estimator.
        X : samples as in ``fit``
            The samples.
        sample : int
            Index of the sample to plot.
        layer : int
            Index of the convolution; -1 is the last.
        filters : sequence of int or None
            Indices of the filters to plot; None plots the sixteen with the greatest responses.

        Returns
        -------
        FeatureMapDisplay

        Raises
        ------
        ValueError
            If the sample, layer or filter does not exist.
        """
        maps = np.asarray(estimator.feature_maps(sample_of(X, sample), layer=layer)[0])
        if filters is None:
            filters = np.argsort(-maps.reshape(len(maps), -1).max(axis=1), kind="stable")[:16].tolist()
        chosen = list(filters)
        if not chosen or not all(0 <= number < len(maps) for number in chosen):
            raise ValueError(f"filters={chosen}: expected integers from 0 to {len(maps) - 1}")
        return cls(maps[chosen], names=[f"filter {number}" for number in chosen]).plot()

    def plot(self) -> Self:
        """Draw the plots in a new figure.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the maps have neither one nor two dimensions.
        """
        maps = np.asarray(self.maps)
        if maps.ndim not in (2, 3):
            raise ValueError(
                f"maps of shape (n_filters, length) or (n_filters, height, width) expected, got {maps.shape}"
            )
        names = self.names or [f"filter {number}" for number in range(len(maps))]
        width, n_columns = (1.8, 8) if maps.ndim == 3 else (3.0, 4)
        self.figure_, self.axes_ = grid_of(type(self).__name__, len(maps), n_columns, width, 1.8)
        least, greatest = min(0.0, maps.min()), maps.max()
        for ax, one, name in zip(self.axes_, maps, names, strict=True):
            if maps.ndim == 3:
                drawn = ax.imshow(one, cmap="viridis", vmin=least, vmax=greatest)
                ax.set(xticks=[], yticks=[])
            else:
                ax.plot(one, color="#0072b2", linewidth=1)
                ax.set_ylim(least, greatest * 1.05 or 1.0)
            ax.set_title(name, fontsize="small")
        if maps.ndim == 3:
            self.figure_.colorbar(drawn, ax=list(self.axes_), label="response")
        return self
