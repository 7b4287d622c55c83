"""Shared parts of the displays: matplotlib, imported at use, axes, colours and markers."""

from __future__ import annotations

from typing import Any

import numpy as np

from sklearn_ann._sklearn import safe_indexing

# Okabe and Ito 2008: distinct for any colour vision; markers keep classes distinct in grey.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#f0e442", "#000000")
# Eight colours are too few for ten digits: the twenty of matplotlib's tab20, the dark ones first.
MORE_COLOURS = (
    "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf",
    "#aec7e8", "#ffbb78", "#98df8a", "#ff9896", "#c5b0d5", "#c49c94", "#f7b6d2", "#c7c7c7", "#dbdb8d", "#9edae5",
)  # fmt: skip
MARKERS = "os^DvPX*<>"


def pyplot(what: str) -> Any:
    """Import matplotlib.pyplot; an error names `what`, the display that needs it."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(f"{what} needs matplotlib: pip install 'sklearn-ann-architectures[plot]'") from error
    return pyplot


def axes_for(what: str, ax: Any, **settings: Any) -> Any:
    """Return `ax`, or the axes of a new figure."""
    return pyplot(what).subplots(layout="constrained", **settings)[1] if ax is None else ax


def grid_of(what: str, n: int, n_columns: int, width: float, height: float) -> tuple[Any, np.ndarray]:
    """Make a figure of `n` axes in at most `n_columns` columns; width and height of each axes are in inches."""
    n_columns = min(n, n_columns)
    n_rows = -(-n // n_columns)
    size = (width * n_columns, height * n_rows)
    figure, axes = pyplot(what).subplots(n_rows, n_columns, figsize=size, layout="constrained", squeeze=False)
    for ax in axes.flat[n:]:
        ax.set_axis_off()
    return figure, axes.flat[:n]


def sample_of(X: Any, sample: int) -> Any:
    """Return the one sample of `X` with this index, as samples; a negative index counts from the end."""
    n_samples = X.shape[0] if hasattr(X, "shape") else len(X)
    if not -n_samples <= sample < n_samples:
        raise ValueError(f"sample={sample!r}: expected an integer from {-n_samples} to {n_samples - 1}")
    return safe_indexing(X, [sample % n_samples])


def styles(n: int) -> list[dict[str, str]]:
    """Return n pairs of colour and marker, n up to 200, all distinct; no colour is there twice if n is at most 20."""
    colours = COLOURS if n <= len(COLOURS) else MORE_COLOURS
    return [
        {
            "color": colours[number % len(colours)],
            "marker": MARKERS[(number + number // len(colours)) % len(MARKERS)],
        }
        for number in range(n)
    ]
