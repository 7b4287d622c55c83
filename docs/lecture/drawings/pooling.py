"""Average and max pooling of a matrix, and of the matrix shifted by one column."""

import matplotlib.pyplot as plt
import numpy as np
from cells import draw_cells
from matplotlib.patches import Rectangle

from sklearn_ann.convolution import image_patches

X = np.array(
    [
        [1, 3, 3, 1, 1, 0, 0, 1, 1],
        [2, 1, 1, 0, 0, 2, 1, 1, 2],
        [0, 1, 1, 0, 3, 3, 0, 1, 6],
        [1, 5, 1, 1, 0, 3, 1, 0, 1],
        [1, 2, 1, 1, 2, 4, 0, 1, 3],
        [1, 1, 0, 0, 3, 0, 1, 1, 1],
    ]
)


def blocks(matrix):
    """Return the 3 x 3 blocks of a 6 x 9 matrix: every third patch of each third row."""
    return image_patches(matrix, (3, 3)).reshape(4, 7, 9)[::3, ::3]


shifted = np.pad(X, ((0, 0), (1, 0)))[:, :-1]
figure, axes = plt.subplots(
    2, 3, figsize=(5.6, 3.4), layout="constrained", width_ratios=(9, 5, 5)
)
for line, matrix, title in zip(
    axes, (X, shifted), ("X", "X, shifted by a column"), strict=True
):
    draw_cells(line[0], matrix, title, limit=8, cmap="PuOr_r", size=8)
    for row in (0, 3):
        for column in (0, 3, 6):
            line[0].add_patch(
                Rectangle((column - 0.5, row - 0.5), 3, 3, fill=False, linewidth=2)
            )
    draw_cells(
        line[1],
        blocks(matrix).mean(axis=-1),
        "mean",
        numbers="{:.2f}",
        size=8,
        limit=8,
        cmap="PuOr_r",
    )
    draw_cells(
        line[2], blocks(matrix).max(axis=-1), "maximum", limit=8, cmap="PuOr_r", size=10
    )
for axis, pooled in ((axes[1, 1], np.mean), (axes[1, 2], np.max)):
    same = np.isclose(pooled(blocks(X), axis=-1), pooled(blocks(shifted), axis=-1)).sum()
    axis.set_xlabel(f"{same} of 6 stay")
