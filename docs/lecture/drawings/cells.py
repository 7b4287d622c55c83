"""Matrices with numbers in their cells, for the drawings of the lecture."""

import numpy as np


def draw_cells(
    axis,
    matrix,
    title="",
    *,
    numbers="{:g}",
    limit=None,
    rows=None,
    columns=None,
    cmap="RdBu_r",
    size=9,
    zeros=True,
):
    """Draw a matrix as coloured cells, with its numbers and the names of rows and columns."""
    matrix = np.atleast_2d(np.asarray(matrix, dtype=float)) + 0.0  # -0 becomes 0
    limit = limit or np.nanmax(np.abs(matrix)) or 1
    axis.imshow(
        matrix, cmap=cmap, vmin=0 if cmap == "Greys" else -limit, vmax=limit, alpha=0.6
    )
    if numbers:
        for (row, column), value in np.ndenumerate(matrix):
            if not np.isnan(value) and (zeros or value):
                axis.text(
                    column, row, numbers.format(value), ha="center", va="center", size=size
                )
    axis.set_xticks(np.arange(0.5, matrix.shape[1] - 1), minor=True)
    axis.set_yticks(np.arange(0.5, matrix.shape[0] - 1), minor=True)
    axis.grid(which="minor", color="white", linewidth=1)
    axis.tick_params(which="both", length=0)
    for draw, names in ((axis.set_xticks, columns), (axis.set_yticks, rows)):
        draw(range(len(names)) if names is not None else [], names)
    axis.xaxis.tick_top()
    axis.spines[:].set_color("0.6")
    axis.set_title(title)


def write(axis, text, size=16):
    """Write text in the middle of an empty plot."""
    axis.set_axis_off()
    axis.text(0.5, 0.5, text, ha="center", va="center", size=size, transform=axis.transAxes)
