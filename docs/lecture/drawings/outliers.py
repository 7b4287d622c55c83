"""Scores of an outlier detector for digits, and for digits that are turned by a quarter."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sklearn_ann import AutoEncoderOutlierDetector

X = load_digits().data / 16
turned = np.rot90(X[1400:1500].reshape(-1, 8, 8), axes=(1, 2)).reshape(-1, 64)
detector = AutoEncoderOutlierDetector(random_state=0).fit(X[:1400])
usual, strange = detector.score_samples(X[1500:]), detector.score_samples(turned)

figure, axes = plt.subplot_mosaic(
    [["digits", "scores"], ["turned", "scores"]],
    figsize=(5.6, 2.8),
    layout="constrained",
    width_ratios=(1, 1.3),
)
for name, images in (("digits", X[1500:]), ("turned", turned)):
    tiles = np.pad(images[:6].reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    axes[name].imshow(np.hstack(tiles), cmap="gray_r")
    axes[name].set(xticks=[], yticks=[], title=name)
bins = np.histogram_bin_edges(np.r_[usual, strange], 30)
for scores, name, colour in ((usual, "digits", "#4477aa"), (strange, "turned", "#ee6677")):
    axes["scores"].hist(scores, bins, density=True, alpha=0.6, label=name, color=colour)
axes["scores"].set(xlabel="score, low for outliers", yticks=[])
axes["scores"].legend(frameon=False)
axes["scores"].spines[["top", "right"]].set_visible(False)
