"""Three steps of a convolution: patch, kernel, product, sum."""

import matplotlib.pyplot as plt
import numpy as np
from cells import draw_cells, write
from matplotlib.patches import Rectangle

from sklearn_ann.convolution import image_patches, matched_kernel
from sklearn_ann.datasets import LIFE_PATTERNS

image = np.zeros((6, 6))
image[2:5, 1:4] = LIFE_PATTERNS["glider"]
image[0, 4:6] = 1
kernel = matched_kernel(LIFE_PATTERNS["glider"])
patches = image_patches(image, (3, 3))  # one row per position
responses = patches @ kernel.ravel()

figure, axes = plt.subplots(
    3, 8, figsize=(5.6, 4.4), layout="constrained", width_ratios=(5, 3, 0.6, 3, 0.6, 3, 0.8, 4)
)
for line, position in zip(axes, (0, 4, 9), strict=True):
    row, column = divmod(position, 4)
    draw_cells(line[0], image, cmap="Greys", numbers="")
    line[0].add_patch(
        Rectangle(
            (column - 0.5, row - 0.5),
            3,
            3,
            fill=False,
            color="#ee6677",
            linewidth=2.5,
            zorder=3,
        )
    )
    line[0].set_ylabel(f"position {position}")
    patch = patches[position].reshape(3, 3)
    draw_cells(line[1], patch, cmap="Greys", limit=2, size=8)
    write(line[2], "·", 14)
    draw_cells(line[3], kernel, limit=1, size=8)
    write(line[4], "=", 14)
    draw_cells(line[5], patch * kernel, limit=1, size=8)
    line[5].set_xlabel(f"sum {responses[position]:.0f}")
    write(line[6], "→", 12)
    done = np.where(np.arange(16) <= position, responses, np.nan).reshape(4, 4)
    draw_cells(line[7], done, limit=5, size=8)
for axis, title in zip(
    axes[0, [0, 1, 3, 5, 7]],
    ("image X", "patch", "kernel", "product", "responses"),
    strict=True,
):
    axis.set_title(title, size=10)
