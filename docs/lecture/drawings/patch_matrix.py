"""The convolution as one product of two matrices: the patches of an image and the kernels."""

import matplotlib.pyplot as plt
import numpy as np
from cells import draw_cells, write

from sklearn_ann import PatternDetector
from sklearn_ann.convolution import image_patches, matched_kernel
from sklearn_ann.datasets import LIFE_PATTERNS

glider = LIFE_PATTERNS["glider"]
image = np.zeros((6, 6), dtype=int)
image[2:5, 1:4] = glider
image[0, 4:6] = 1
kernels = [matched_kernel(glider), matched_kernel(glider.T)]  # two directions
patches = image_patches(image, (3, 3))
W = np.stack([kernel.ravel() for kernel in kernels], axis=1)
Y = patches @ W

figure = plt.figure(figsize=(5.6, 4.5), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1, 2.6))
above, below = left.subplots(2, 1)
draw_cells(above, image, "X", cmap="Greys", numbers="")
axes = right.subplots(1, 5, width_ratios=(9, 1, 2, 1, 2))
draw_cells(
    axes[0],
    patches,
    r"$\tilde X$: a row per patch",
    cmap="Greys",
    limit=2,
    rows=range(16),
    size=8,
)
write(axes[1], "·")
draw_cells(axes[2], W, "W", columns=["$w_1$", "$w_2$"], size=8)
write(axes[3], "=")
draw_cells(axes[4], Y, "Y", columns=["$y_1$", "$y_2$"], limit=5, size=8)
maps = PatternDetector(kernels, output="maps").transform([image])[0]
np.testing.assert_array_equal(maps.reshape(-1, 2), Y)
draw_cells(below, maps[..., 0], "$y_1$ as an image", limit=5)
