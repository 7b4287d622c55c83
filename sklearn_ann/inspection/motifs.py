"""Sequence logos of motifs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sklearn_ann.inspection.figures import COLOURS, grid_of

# Groups of letters with the same colour, for nucleotides and for amino acids.
_GROUPS = ("A", "G", "C", "TU"), ("AVLIMFWP", "GSTYCNQ", "KRH", "DE")


def information(matrix: np.ndarray) -> np.ndarray:
    """Return the bits of each position, ``log2 n + sum(p log2 p)``, (width,); equal probabilities give 0."""
    bits: np.ndarray = np.log2(matrix.shape[1]) + (matrix * np.log2(matrix.clip(min=1e-12))).sum(axis=1)
    return bits


def _colour(letter: str, letters: str) -> str:
    groups = _GROUPS[len(letters) > 4]
    return next((COLOURS[number] for number, group in enumerate(groups) if letter in group), "0.5")


class MotifDisplay:
    """Position weight matrices as sequence logos (Schneider and Stephens 1990).

    The height of a position is its information in bits, ``log2 n + sum(p log2 p)``. Each of the n letters takes a
    fraction p of the height; the most probable is on top. Create it with `from_estimator`, or from any matrices.

    Parameters
    ----------
    matrices : array-like of shape (n_motifs, width, n_letters) or list of arrays of shape (width, n_letters)
        The probability of each letter at each position.

    letters : str
        The letters of the columns.

    names : sequence of str or None
        Titles of the logos; None shows numbers if there are several.

    Attributes
    ----------
    axes_ : array of matplotlib Axes of shape (n_motifs,)
        One logo for each motif.

    figure_ : matplotlib Figure
        The figure of the plots.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn_ann.inspection import MotifDisplay
    >>> matrix = [[0.97, 0.01, 0.01, 0.01], [0.25, 0.25, 0.25, 0.25]]
    >>> MotifDisplay([matrix]).plot().axes_.shape
    (1,)
    """

    def __init__(self, matrices: Any, *, letters: str = "ACGT", names: Sequence[str] | None = None) -> None:
        self.matrices, self.letters, self.names = matrices, letters, names

    @classmethod
    def from_estimator(cls, estimator: Any, *, filters: Sequence[int] | None = None) -> Self:
        """Plot the motifs of the filters of an estimator.

        Parameters
        ----------
        estimator : CNNClassifier or CNNRegressor
            An estimator fitted on strings.
        filters : sequence of int or None
            Indices of the filters to plot; None plots the eight with the most information.

        Returns
        -------
        MotifDisplay

        Raises
        ------
        ValueError
            If a filter does not exist, or the estimator was not fitted on strings.
        """
        check_is_fitted(estimator)
        matrices = estimator.motifs()
        if filters is None:
            bits = [information(matrix).sum() for matrix in matrices]
            filters = np.argsort(bits, kind="stable")[::-1][:8].tolist()
        chosen = list(filters)
        if not chosen or not all(0 <= number < len(matrices) for number in chosen):
            raise ValueError(f"filters={chosen}: expected integers from 0 to {len(matrices) - 1}")
        names = [f"filter {number}" for number in chosen]
        return cls(matrices[chosen], letters=estimator.letters_, names=names).plot()

    def plot(self, ax: Any = None) -> Self:
        """Draw the logos.

        Parameters
        ----------
        ax : matplotlib Axes, array-like of Axes or None
            Where to draw, one for each motif; None makes a new figure.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If there is no matrix or not one name for each. If a matrix does not have one column per letter or its rows
            are not probabilities. If `ax` does not have one Axes per motif.
        """
        matrices = [np.asarray(matrix, dtype=float) for matrix in (() if self.matrices is None else self.matrices)]
        if not matrices:
            raise ValueError("matrices is empty: expected one or more matrices of shape (width, n_letters)")
        if self.names is not None and len(self.names) != len(matrices):
            raise ValueError(f"names has {len(self.names)} titles: expected one for each of {len(matrices)} motifs")
        for number, matrix in enumerate(matrices):
            if matrix.ndim != 2 or matrix.shape[1] != len(self.letters):
                raise ValueError(f"matrix {number} has shape {matrix.shape}: expected (width, {len(self.letters)})")
            if (matrix < 0).any() or not np.allclose(matrix.sum(axis=1), 1, atol=1e-3):
                raise ValueError(
                    f"matrix {number} has rows that are not probabilities: expected numbers from 0 with a sum of 1"
                )
        if ax is None:
            self.figure_, self.axes_ = grid_of(type(self).__name__, len(matrices), 2, 4.5, 1.6)
        else:
            self.axes_ = np.atleast_1d(np.asarray(ax, dtype=object))
            if self.axes_.shape != (len(matrices),):
                raise ValueError(f"ax of shape {self.axes_.shape}: expected one for each of {len(matrices)} motifs")
            self.figure_ = self.axes_[0].figure
        for number, (one, matrix) in enumerate(zip(self.axes_, matrices, strict=True)):
            _draw_logo(one, matrix, self.letters)
            if ax is not None or number + 2 >= len(matrices):  # the lowest of its column, in a figure of two columns
                one.set_xlabel("position")
            if self.names is not None or len(matrices) > 1:
                one.set_title(self.names[number] if self.names is not None else number, fontsize="medium")
        return self


def _draw_logo(ax: Any, matrix: np.ndarray, letters: str) -> None:
    from matplotlib.font_manager import FontProperties
    from matplotlib.patches import PathPatch
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    font = FontProperties(family="DejaVu Sans", weight="bold")
    shapes = [TextPath((0, 0), letter, size=1, prop=font) for letter in letters]
    for position, heights in enumerate(matrix * information(matrix)[:, None]):
        bottom = 0.0
        for letter in np.argsort(heights, kind="stable"):
            box = shapes[letter].get_extents()
            to_unit = Affine2D().translate(-box.x0, -box.y0).scale(0.94 / box.width, heights[letter] / box.height)
            path = (to_unit + Affine2D().translate(position + 0.03, bottom)).transform_path(shapes[letter])
            ax.add_patch(PathPatch(path, facecolor=_colour(letters[letter], letters), linewidth=0))
            bottom += heights[letter]
    ax.set(xlim=(0, len(matrix)), ylim=(0, np.log2(len(letters))), ylabel="bits")
    ax.set_xticks(np.arange(len(matrix)) + 0.5, range(1, len(matrix) + 1))
    ax.spines[["top", "right"]].set_visible(False)
