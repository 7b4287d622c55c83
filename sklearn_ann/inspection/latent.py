"""Plots of codes and of embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.decomposition import PCA
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, column_or_1d

from sklearn_ann.inspection.figures import axes_for, styles

_MOST_CLASSES = 20  # more are hard to distinguish


def on_a_plane(X: Any) -> np.ndarray:
    """Return two columns: X itself, padded with 0, or its first two principal components if it has more than two."""
    X = check_array(X)
    if X.shape[1] > 2:
        X = PCA(2, random_state=0).fit_transform(X) if len(X) > 1 else X[:, :2]
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
        Labels or values of the samples. Each label has its own colour and marker; values have a colour scale.

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
    >>> model = AutoEncoderTransformer(max_epochs=5, learning_rate_schedule="cosine", random_state=0).fit(X)
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
        size = max(4.0, min(30.0, 6000 / len(points)))
        if self.y is None:
            self.ax_.scatter(*points.T, s=size, **next(styles()))
        else:
            y = column_or_1d(self.y)
            check_consistent_length(points, y)
            labels = np.unique(y)
            if type_of_target(y) == "continuous" or len(labels) > _MOST_CLASSES:
                values = y if y.dtype.kind in "fiu" else np.searchsorted(labels, y)
                drawn = self.ax_.scatter(*points.T, s=size, c=values, cmap="viridis")
                self.figure_.colorbar(drawn, ax=self.ax_, label=name)
            else:
                for label, style in zip(labels, styles(), strict=False):
                    self.ax_.scatter(*points[y == label].T, s=size, label=str(label), linewidths=0, **style)
                outside = {"bbox_to_anchor": (1, 0.5), "loc": "center left"}
                self.ax_.legend(title=name, frameon=False, **outside)
        what = "component" if codes.shape[1] <= 2 else "principal component"
        self.ax_.set(xlabel=f"first {what}", ylabel=f"second {what}")
        return self


class EmbeddingMapDisplay:
    """Embeddings on a plane, with the names of their letters, words or categories.

    Create it with `from_estimator`, or from any vectors. Vectors with more than two components are reduced to their
    first two principal components.

    Parameters
    ----------
    vectors : array-like of shape (n_names, n_components)
        The embeddings.

    names : sequence of str
        Names of the vectors.

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

    def __init__(self, vectors: Any, names: Sequence[str]) -> None:
        self.vectors, self.names = vectors, names

    @classmethod
    def from_estimator(cls, estimator: Any, *, column: int = 0, ax: Any = None) -> Self:
        """Plot the embeddings of an estimator.

        Parameters
        ----------
        estimator : SequenceEmbeddingTransformer or EntityEmbeddingTransformer
            A fitted estimator.
        column : int
            Index of the categorical column, for EntityEmbeddingTransformer.
        ax : matplotlib Axes or None
            Where to draw; None makes a new figure.

        Returns
        -------
        EmbeddingMapDisplay

        Raises
        ------
        ValueError
            If the column does not exist.
        """
        check_is_fitted(estimator)
        if hasattr(estimator, "vocabulary_"):
            return cls(estimator.embeddings_, list(estimator.vocabulary_)).plot(ax)
        n_columns = len(estimator.categories_)
        if not -n_columns <= column < n_columns:
            raise ValueError(f"column={column!r}, but there are {n_columns} categorical columns")
        names = [str(name) for name in estimator.categories_[column]]
        return cls(estimator.embeddings_[column][: len(names)], names).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the plot.

        Parameters
        ----------
        ax : matplotlib Axes or None
            Where to draw; None makes a new figure.

        Returns
        -------
        self
        """
        points = on_a_plane(self.vectors)
        check_consistent_length(points, self.names)
        self.ax_ = axes_for(type(self).__name__, ax, figsize=(5, 4.5))
        self.figure_ = self.ax_.figure
        self.ax_.scatter(*points.T, s=12, **next(styles()))
        for name, point in zip(self.names, points, strict=True):
            self.ax_.annotate(name, point, (3, 3), textcoords="offset points")
        self.ax_.margins(0.1)
        what = "component" if np.shape(self.vectors)[1] <= 2 else "principal component"
        self.ax_.set(xlabel=f"first {what}", ylabel=f"second {what}")
        return self
