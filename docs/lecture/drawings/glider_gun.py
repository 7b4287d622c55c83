"""A frame of the Game of Life, the kernel of a glider gun, and the map of responses."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
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

figure, axes = plt.subplot_mosaic(
    [["image", "response"], ["kernel", "scale"]],
    figsize=(5.6, 3.8),
    layout="constrained",
    height_ratios=(4, 1),
)
axes["image"].imshow(frame, cmap="gray_r")
axes["image"].add_patch(
    Rectangle(
        (column - 0.5, row - 0.5), width, height, fill=False, color="#ee6677", linewidth=2
    )
)
axes["image"].set_title("image X")
axes["kernel"].imshow(kernel, cmap=ListedColormap(["#bbccee", "#aa3355"]))
axes["kernel"].set(title=f"kernel W, {height} x {width}", xlabel="red 1, blue -1")
shown = axes["response"].imshow(response, cmap="viridis")
axes["response"].scatter(
    *np.unravel_index(response.argmax(), response.shape)[::-1],
    s=150,
    facecolors="none",
    edgecolors="#ee6677",
    linewidths=2,
)
axes["response"].set_title(f"responses, greatest {response.max():.0f}")
axes["scale"].set_axis_off()
bar = axes["scale"].inset_axes([0.15, 0.5, 0.7, 0.2])
figure.colorbar(shown, cax=bar, orientation="horizontal")
for axis in axes.values():
    axis.set(xticks=[], yticks=[])
