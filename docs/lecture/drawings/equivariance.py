"""Shift and convolution commute, but for the borders of the image."""

import matplotlib.pyplot as plt
import numpy as np
from cells import draw_cells

from sklearn_ann import PatternDetector
from sklearn_ann.convolution import matched_kernel
from sklearn_ann.datasets import LIFE_PATTERNS

glider = LIFE_PATTERNS["glider"]
image = np.zeros((9, 12))
image[1:4, 3:6] = glider
image[5:8, 9:12] = glider  # at the border
detector = PatternDetector([matched_kernel(glider)], output="maps", padding="same")


def convolved(picture):
    """Return the map of responses, as large as the picture."""
    return detector.fit_transform([picture])[0][..., 0]


def shifted(picture):
    """Move a picture to the right by two columns; zeros come in."""
    return np.pad(picture, ((0, 0), (2, 0)))[:, :-2]


one_way, other_way = shifted(convolved(image)), convolved(shifted(image))
figure, axes = plt.subplots(3, 2, figsize=(5.6, 6.6), layout="constrained")
figure.get_layout_engine().set(wspace=0.16, hspace=0.1)
figure.supxlabel("empty cells of the responses are 0", size=9)
draw_cells(axes[0, 0], image, "X", cmap="Greys", numbers="")
draw_cells(axes[1, 0], shifted(image), "τ(X)", cmap="Greys", numbers="")
for axis, responses, title in (
    (axes[0, 1], convolved(image), "X * W"),
    (axes[1, 1], one_way, "τ(X * W)"),
    (axes[2, 0], other_way, "τ(X) * W"),
    (axes[2, 1], other_way - one_way, "τ(X) * W - τ(X * W)"),
):
    draw_cells(axis, responses, title, limit=5, size=8, zeros=False)
arrow = {"arrowstyle": "-|>", "linewidth": 1.6, "color": "#4477aa"}
for axis, start, end, text in (
    (axes[0, 0], (1.02, 0.5), (1.16, 0.5), "* W"),
    (axes[0, 0], (0.5, -0.01), (0.5, -0.17), "τ"),
    (axes[0, 1], (0.5, -0.01), (0.5, -0.17), "τ"),
    (axes[1, 0], (0.5, -0.01), (0.5, -0.17), "* W"),
):
    axis.annotate("", end, start, xycoords="axes fraction", arrowprops=arrow)
    across = start[1] == end[1]
    place = (1.09, 0.54) if across else (0.54, -0.12)
    style = {"ha": "center" if across else "left", "color": "#4477aa"}
    axis.text(*place, text, transform=axis.transAxes, **style)
