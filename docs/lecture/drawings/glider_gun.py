"""A frame of the Game of Life, the kernel of a glider gun, and the map of responses."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from sklearn_ann import PatternDetector
from sklearn_ann.convolution import matched_kernel
from sklearn_ann.datasets import gosper_gun, make_gliders

frames, has_gun, positions = make_gliders(4, return_positions=True, random_state=1)
frame, (row, column, turn, phase) = frames[3], positions[3]
kernel = matched_kernel(gosper_gun(phase, turn))
response = PatternDetector([kernel], output="maps", padding="same").transform([frame])[0][
    ..., 0
]
height, width = kernel.shape

figure, axes = plt.subplots(1, 3, figsize=(8, 4), layout="constrained")
axes[0].imshow(frame, cmap="gray_r")
axes[0].add_patch(
    Rectangle(
        (column - 0.5, row - 0.5), width, height, fill=False, color="#ee6677", linewidth=2
    )
)
axes[0].set_title("image X")
shown = axes[1].imshow(kernel, cmap="RdBu_r", alpha=0.6)
axes[1].set_title(f"kernel W, {height} x {width}")
figure.colorbar(shown, ax=axes[1], ticks=[-1, 0, 1], orientation="horizontal", shrink=0.8)
shown = axes[2].imshow(response, cmap="viridis")
axes[2].scatter(
    *np.unravel_index(response.argmax(), response.shape)[::-1],
    s=150,
    facecolors="none",
    edgecolors="#ee6677",
    linewidths=2,
)
axes[2].set_title(f"response, greatest {response.max():.0f} of {(kernel > 0).sum()}")
figure.colorbar(shown, ax=axes[2], orientation="horizontal", shrink=0.8)
for axis in axes:
    axis.set(xticks=[], yticks=[])
