"""What the pictures share: matplotlib, loaded at use, colours and markers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

# Okabe and Ito 2008: told apart by people with any colour vision; the markers tell them apart in grey.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#f0e442", "#000000")
MARKERS = "os^DvPX*<>"


def pyplot(what: str) -> Any:
    """matplotlib.pyplot, for `what`, which errors name."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(f"{what} needs matplotlib: pip install 'sklearn-ann-architectures[plot]'") from error
    return pyplot


def axes_for(what: str, ax: Any, **settings: Any) -> Any:
    """`ax`, or the axes of a new figure."""
    return pyplot(what).subplots(layout="constrained", **settings)[1] if ax is None else ax


def grid_of(what: str, n: int, n_columns: int, width: float, height: float) -> tuple[Any, np.ndarray]:
    """Make a figure of `n` axes, at most `n_columns` side by side, each of so many inches."""
    n_columns = min(n, n_columns)
    n_rows = -(-n // n_columns)
    size = (width * n_columns, height * n_rows)
    figure, axes = pyplot(what).subplots(n_rows, n_columns, figsize=size, layout="constrained", squeeze=False)
    for ax in axes.flat[n:]:
        ax.set_axis_off()
    return figure, axes.flat[:n]


def styles() -> Iterator[dict[str, str]]:
    """Yield colours and markers, no two alike for the first eighty."""
    for turn in range(10):
        for number, colour in enumerate(COLOURS):
            yield {"color": colour, "marker": MARKERS[(number + turn) % len(MARKERS)]}
