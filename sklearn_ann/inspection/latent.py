"""Plots of codes and of embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any, Literal, Self

import numpy as np
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, column_or_1d

from sklearn_ann.inspection.figures import axes_for, styles

_MOST_CLASSES = 20  # more have no colours of their own
_MOST_TICKS = 12  # of a colour bar
_MOST_NAMES = 60  # more hide each other


def on_a_plane(X: Any) -> np.ndarray:
    """Return two columns: X itself, padded with 0, or its first two principal components if it has more than two."""
    X = check_array(X)
    if X.shape[1] > 2:
        X = PCA(2, random_state=0).fit_transform(X) if np.ptp(X, axis=0).any() else np.zeros((len(X), 2))
    return np.pad(X, ((0, 0), (0, 2 - X.shape[1])))


class LatentSpaceDisplay:
    """Codes of samples on a plane, coloured by label or value.

    Create it with `from_estimator`, or from any codes. Codes with more than two components are reduced to their first
    two principal components.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_components)
        The codes, as ``transform`` returns them.

    y : array-like of shape (n_samples,) or None
        Labels or values of the samples. Up to 20 labels have their own colours, with the markers of up to ten; values
        and more labels have a colour scale.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The plot.

    figure_ : matplotlib Figure
        The figure of the plot.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ann import AutoEncoderTransformer
    >>> from sklearn_ann.inspection import LatentSpaceDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> model = AutoEncoderTransformer(
    ...     max_epochs=5, learning_rate_schedule="cosine", random_state=0
    ... ).fit(X)
    >>> display = LatentSpaceDisplay.from_estimator(model, X, y)
    >>> [text.get_text() for text in display.ax_.get_legend().get_texts()]
    ['0', '1', '2']
    """

    def __init__(self, codes: Any, *, y: Any = None) -> None:
        self.codes, self.y = codes, y

    @classmethod
    def from_estimator(cls, estimator: Any, X: Any, y: Any = None, *, ax: Any = None) -> Self:
        """Plot the codes of samples.

        Parameters
        ----------
        estimator : estimator with ``transform``
            A fitted estimator.
        X : samples as in ``fit``
            The samples.
        y : array-like of shape (n_samples,) or None
            Labels or values of the samples.
        ax : matplotlib Axes or None
            Where to draw; None makes a new figure.

        Returns
        -------
        LatentSpaceDisplay
        """
        check_is_fitted(estimator)
        return cls(estimator.transform(X), y=y).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the plot.

        Parameters
        ----------
        ax : matplotlib Axes or None
            Where to draw; None makes a new figure.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the numbers of codes and labels differ.
        """
        codes = np.asarray(self.codes)
        points = on_a_plane(codes)
        name = getattr(self.y, "name", None)  # a pandas Series has one
        self.ax_ = axes_for(type(self).__name__, ax, figsize=(5, 4.5))
        self.figure_ = self.ax_.figure
        size = _marker_area(len(points))
        if self.y is None:
            self.ax_.scatter(*points.T, s=size, linewidths=0, **styles(1)[0])
        else:
            y = column_or_1d(self.y)
            check_consistent_length(points, y)
            labels = np.unique(y)
            if type_of_target(y) == "continuous" or len(labels) > _MOST_CLASSES:
                self._draw_scale(points, y, labels, size, name)
            else:
                for label, style in zip(labels, styles(len(labels)), strict=True):
                    self.ax_.scatter(*points[y == label].T, s=size, label=str(label), linewidths=0, **style)
                dense = {"fontsize": "small", "labelspacing": 0.2} if len(labels) > 12 else {}
                outside = {"bbox_to_anchor": (1, 0.5), "loc": "center left"}
                legend = self.ax_.legend(title=name, frameon=False, **outside, **dense)
                for handle in legend.legend_handles:
                    handle.set_sizes([40])
        what = "component" if codes.shape[1] <= 2 else "principal component"
        self.ax_.set(xlabel=f"first {what}", ylabel=f"second {what}")
        return self

    def _draw_scale(self, points: np.ndarray, y: np.ndarray, labels: np.ndarray, size: float, name: Any) -> None:
        """Draw points in the colours of a scale: their values, or the places of labels that are no numbers."""
        numbers = y.dtype.kind in "fiu"
        drawn = self.ax_.scatter(
            *points.T, s=size, c=y if numbers else np.searchsorted(labels, y), cmap="viridis", linewidths=0
        )
        if numbers:
            self.figure_.colorbar(drawn, ax=self.ax_, label=name)
        else:
            what = f"{name or 'labels'}: {len(labels)} in one scale"  # neighbours look alike, so the plot says so
            bar = self.figure_.colorbar(drawn, ax=self.ax_, label=what)
            ticks = range(0, len(labels), -(-len(labels) // _MOST_TICKS))
            bar.set_ticks(list(ticks), labels=[str(labels[tick]) for tick in ticks])


def _marker_area(n: int) -> float:
    """Return the area of markers in square points: few samples have large ones, and many still visible ones."""
    return max(10.0, min(45.0, 15_000 / n))


class EmbeddingMapDisplay:
    """Embeddings on a plane, with the names of their letters, words, categories or levels.

    Create it with `from_estimator`, or from any vectors. Vectors with more than two components are reduced to their
    first two principal components, and the axes say what share of the variance each of them has. Names that are in an
    order have colours from first to last and are joined by a line.

    Parameters
    ----------
    vectors : array-like of shape (n_names, n_components)
        The embeddings.

    names : sequence
        Names of the vectors: text or numbers.

    ordered : bool, default=False
        Whether the names are in an order, such as doses, times or ranks: that of the numbers, or as they come.

    title : str or None, default=None
        Title of the plot, such as the kind of the names.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The plot.

    figure_ : matplotlib Figure
        The figure of the plot.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn_ann import SequenceEmbeddingTransformer
    >>> from sklearn_ann.inspection import EmbeddingMapDisplay
    >>> settings = {"max_epochs": 5, "learning_rate_schedule": "cosine", "random_state": 0}
    >>> model = SequenceEmbeddingTransformer(**settings).fit(["ACGTACA", "TTGCA"])
    >>> [text.get_text() for text in EmbeddingMapDisplay.from_estimator(model).ax_.texts]
    ['A', 'C', 'G', 'T']
    """

    def __init__(self, vectors: Any, names: Sequence[Any], *, ordered: bool = False, title: str | None = None) -> None:
        self.vectors, self.names, self.ordered, self.title = vectors, names, ordered, title

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        column: int = 0,
        mode: Any = None,
        ordered: bool | Literal["auto"] = "auto",
        ax: Any = None,
    ) -> Self:
        """Plot the embeddings of an estimator.

        Parameters
        ----------
        estimator : SequenceEmbeddingTransformer, EntityEmbeddingTransformer or TensorFactorizationRegressor
            A fitted estimator.
        column : int
            Index of the categorical column, for EntityEmbeddingTransformer.
        mode : str or int
            Name of the mode, or its position if modes have no names, for TensorFactorizationRegressor. None is the
            first.
        ordered : bool or "auto"
            Whether levels of the mode are in an order. ``"auto"`` says so of numbers, for TensorFactorizationRegressor:
            say False of numbers that are mere codes.
        ax : matplotlib Axes or None
            Where to draw; None makes a new figure.

        Returns
        -------
        EmbeddingMapDisplay

        Raises
        ------
        ValueError
            If the column or the mode does not exist.
        """
        check_is_fitted(estimator)
        in_order = ordered is True
        if hasattr(estimator, "levels_"):
            modes = list(estimator.levels_)
            mode = modes[0] if mode is None else mode
            if mode not in modes:
                raise ValueError(f"mode={mode!r}, but the modes are {modes}")
            levels = estimator.levels_[mode].tolist()
            in_order = _are_numbers(levels) if ordered == "auto" else in_order
            title = mode if isinstance(mode, str) else f"mode {mode}"
            return cls(estimator.embeddings_[mode], levels, ordered=in_order, title=title).plot(ax)
        if hasattr(estimator, "vocabulary_"):
            return cls(estimator.embeddings_, list(estimator.vocabulary_), ordered=in_order).plot(ax)
        n_columns = len(estimator.categories_)
        if not -n_columns <= column < n_columns:
            raise ValueError(f"column={column!r}, but there are {n_columns} categorical columns")
        names = [str(name) for name in estimator.categories_[column]]
        return cls(estimator.embeddings_[column][: len(names)], names, ordered=in_order).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the plot.

        Of more than 60 names only some are written, evenly spread.

        Parameters
        ----------
        ax : matplotlib Axes or None
            Where to draw; None makes a new figure.

        Returns
        -------
        self
        """
        points = on_a_plane(self.vectors)
        names = list(self.names)
        check_consistent_length(points, names)
        self.ax_ = axes_for(type(self).__name__, ax, figsize=(5, 4.5))
        self.figure_ = self.ax_.figure
        if self.ordered:
            self._draw_in_order(points, names)
        else:
            self.ax_.scatter(*points.T, s=25, linewidths=0, **styles(1)[0])
        sides = _free_sides(points)
        for place in range(0, len(names), -(-len(names) // _MOST_NAMES)):
            across, up = sides[place]
            self.ax_.annotate(
                _label(names[place]),
                points[place],
                (4.5 * across, 4.5 * up),
                textcoords="offset points",
                ha=("right", "center", "left")[round(across) + 1],
                va=("top", "center", "bottom")[round(up) + 1],
                fontsize="small",
            )
        self.ax_.margins(0.1)
        self.ax_.set(**_axis_labels(self.vectors))
        if self.title is not None:
            self.ax_.set_title(self.title)
        return self

    def _draw_in_order(self, points: np.ndarray, names: list[Any]) -> None:
        """Draw points with colours by their place, on a line from first to last.

        Numbers are not colours by themselves: of doses in powers of ten, all but the last would look the same.
        """
        order = np.argsort(names, kind="stable") if _are_numbers(names) else np.arange(len(names))
        place = np.argsort(order)
        self.ax_.plot(*points[order].T, color="0.8", linewidth=1, zorder=1)
        drawn = self.ax_.scatter(*points.T, s=25, c=place, cmap="viridis", zorder=2)
        ticks = range(0, len(names), -(-len(names) // _MOST_TICKS))
        labels = [_label(names[order[tick]]) for tick in ticks]
        self.figure_.colorbar(drawn, ax=self.ax_).set_ticks(list(ticks), labels=labels)


def _free_sides(points: np.ndarray) -> np.ndarray:
    """Return unit vectors from the nearest other point to each point: a name there does not cover that point."""
    reach = np.ptp(points, axis=0)
    scaled = points / np.where(reach > 0, reach, 1)
    sides = np.zeros(points.shape)
    if len(points) > 1:
        nearest = NearestNeighbors(n_neighbors=1).fit(scaled).kneighbors(return_distance=False)[:, 0]
        sides = scaled - scaled[nearest]
    lengths = np.linalg.norm(sides, axis=1, keepdims=True)
    upper_right = np.full(points.shape, np.sqrt(0.5))  # of a point that is alone, or the same as another
    return np.where(lengths > 0, sides / np.where(lengths > 0, lengths, 1), upper_right)


def _label(name: Any) -> str:
    return f"{name:g}" if isinstance(name, float) else str(name)


def _are_numbers(names: Sequence[Any]) -> bool:
    return all(isinstance(name, Real) and not isinstance(name, bool) for name in names)


def _axis_labels(vectors: Any) -> dict[str, str]:
    """Return the labels of both axes; principal components with their shares of the variance."""
    vectors = np.asarray(vectors)
    if vectors.shape[1] <= 2:
        return {"xlabel": "first component", "ylabel": "second component"}
    spread = np.linalg.svd(vectors - vectors.mean(axis=0), compute_uv=False) ** 2
    shares = [f" ({share:.0%})" for share in spread / spread.sum()] if spread.sum() > 0 else []
    first, second, *_ = [*shares, "", ""]
    return {"xlabel": f"first principal component{first}", "ylabel": f"second principal component{second}"}
