"""Global pooling of images of several sizes; a mean cannot count."""

import matplotlib.pyplot as plt
import numpy as np
from cells import draw_cells

from sklearn_ann import PatternDetector
from sklearn_ann.convolution import matched_kernel
from sklearn_ann.datasets import LIFE_PATTERNS

glider = LIFE_PATTERNS["glider"]
tile = np.pad(glider, 2)  # 7 x 7 cells, one glider
images = {
    "one glider": tile,
    "two gliders": np.hstack([tile, tile]),
    "four gliders": np.tile(tile, (2, 2)),
}
detector = PatternDetector([matched_kernel(glider)], output="maps", padding="same")
maps = [
    one[..., 0].clip(min=0) for one in detector.fit_transform(list(images.values()))
]  # σ is the ReLU

figure, axes = plt.subplots(
    2, 3, figsize=(5.6, 6), layout="constrained", width_ratios=(7, 14, 14)
)
for column, (name, image, responses) in enumerate(
    zip(images, images.values(), maps, strict=True)
):
    draw_cells(axes[0, column], image, name, cmap="Greys", numbers="")
    draw_cells(axes[1, column], responses, "responses", limit=5, size=7, zeros=False)
    axes[0, column].set_anchor("S")
    axes[1, column].set_anchor("N")
    mean, greatest, total = responses.mean(), responses.max(), responses.sum()
    axes[1, column].set_xlabel(f"mean {mean:.3f}\nmax {greatest:.0f}\nsum {total:.0f}")
figure.supxlabel("empty cells of the responses are 0", size=9)
