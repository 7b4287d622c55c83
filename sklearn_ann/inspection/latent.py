"""Codes and vectors as maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.decomposition import PCA
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, column_or_1d

from sklearn_ann.inspection.figures import axes_for, styles

_MOST_CLASSES = 20  # more could not be told apart


def on_a_plane(X: Any) -> np.ndarray:
    """Two columns: those of X, or its first two principal components if it has more; the second is 0 if it has one."""
    X = check_array(X)
    if X.shape[1] > 2:
        X = PCA(2, random_state=0).fit_transform(X) if len(X) > 1 else X[:, :2]
    return np.pad(X, ((0, 0), (0, 2 - X.shape[1])))


class LatentSpaceDisplay:
    """Samples on a map: their codes, coloured by what they are.

    It is made by `from_estimator`, or of any codes by hand. Of codes with more than two numbers the map has the first
    two principal components.

    Parameters
    ----------
    codes : array-like of shape (n_samples, n_components)
        The codes, as ``transform`` returns them.

    y : array-like of shape (n_samples,) or None
        What the samples are: labels, each of which has a colour and a marker, or numbers, which have a scale of
        colours.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The picture.

    figure_ : matplotlib Figure
        What it is in.

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
        """Show where an estimator puts samples.

        Parameters
        ----------
        estimator : estimator with ``transform``
            A fitted one.
        X : samples as in ``fit``
            The samples.
        y : array-like of shape (n_samples,) or None
            What they are.
        ax : matplotlib Axes or None
            Where to draw; None for a new figure.

        Returns
        -------
        LatentSpaceDisplay
        """
        check_is_fitted(estimator)
        return cls(estimator.transform(X), y=y).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None
            Where to draw; None for a new figure.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If there are other numbers of codes and of labels.
        """
        codes = np.asarray(self.codes)
        points = on_a_plane(codes)
        name = getattr(self.y, "name", None)  # of a pandas Series
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
    """Named vectors on a map: letters, words or categories.

    It is made by `from_estimator`, or of any vectors by hand. Of vectors with more than two numbers the map has the
    first two principal components.

    Parameters
    ----------
    vectors : array-like of shape (n_names, n_components)
        The vectors.

    names : sequence of str
        What each is of.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The picture.

    figure_ : matplotlib Figure
        What it is in.

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
        """Show the vectors of an estimator.

        Parameters
        ----------
        estimator : SequenceEmbeddingTransformer or EntityEmbeddingTransformer
            A fitted one.
        column : int
            Which of the categorical columns, where there are such.
        ax : matplotlib Axes or None
            Where to draw; None for a new figure.

        Returns
        -------
        EmbeddingMapDisplay

        Raises
        ------
        ValueError
            If there is no such column.
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
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None
            Where to draw; None for a new figure.

        Returns
        -------
        self
        """
        points = on_a_plane(self.vectors)
        check_consistent_length(points, self.names)
        self.ax_ = axes_for(type(self).__name__, ax, figsize=(5, 4.5))
        self.figure_ = self.ax_.figure
        self.ax_.scatter(*points.T, s=12, **next(styles()))
        for name, place in zip(self.names, points, strict=True):
            self.ax_.annotate(name, place, (3, 3), textcoords="offset points")
        self.ax_.margins(0.1)
        what = "component" if np.shape(self.vectors)[1] <= 2 else "principal component"
        self.ax_.set(xlabel=f"first {what}", ylabel=f"second {what}")
        return self
