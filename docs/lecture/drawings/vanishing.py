"""The gradient of three recurrent networks, by the distance from the last step."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_ann import RNNClassifier
from sklearn_ann.datasets import make_marker_recall

warnings.simplefilter("ignore", ConvergenceWarning)
shape = {"conv_layers": (), "bidirectional": False, "pooling": "last", "n_layers": 1}
X, y = make_marker_recall(200, delay=100, random_state=0)
figure, axis = plt.subplots(figsize=(5.6, 3.4), layout="constrained")
for cell in ("plain", "gru", "lstm"):
    # One epoch at this rate leaves the weights as they begin.
    start = RNNClassifier(cell=cell, max_epochs=1, learning_rate=1e-6, random_state=0, **shape)
    gradient = np.linalg.norm(start.fit(X, y).saliency(X), axis=-1).mean(axis=0)[::-1]
    axis.semilogy(gradient / gradient[0], label="plain" if cell == "plain" else cell.upper())
axis.set(
    xlabel="steps back",
    ylabel="gradient, relative to\nthat of the last step",
    title="Before the training",
)
axis.legend(frameon=False)
axis.spines[["top", "right"]].set_visible(False)
