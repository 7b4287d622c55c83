"""Clusters of digits: in pixels, principal components, codes and restored images."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score

from sklearn_ann import AutoEncoderTransformer

X, y = load_digits(return_X_y=True)
train, test, digit = X[:1000] / 16, X[1000:] / 16, y[1000:]
pca = PCA(16, random_state=0).fit(train)
names = ["pixels", "PCA", "codes", "restored"]
figure, axis = plt.subplots(figsize=(5.6, 3.4), layout="constrained")
for noise, label, shift, colour in (
    (0.0, "digits", -0.2, "#4477aa"),
    (0.5, "with noise", 0.2, "#bbccee"),
):
    found = np.zeros((3, 4))
    for seed in range(3):
        images = test + np.random.default_rng(seed).normal(scale=noise, size=test.shape)
        settings = {
            "hidden_layer_sizes": 256,
            "noise": noise,
            "max_epochs": 80,
            "random_state": seed,
        }
        model = AutoEncoderTransformer(n_components=16, **settings).fit(train)
        spaces = [images, pca.transform(images), model.transform(images)]
        spaces.append(model.reconstruct(images))
        for column, space in enumerate(spaces):
            labels = KMeans(10, n_init=5, random_state=seed).fit_predict(space)
            found[seed, column] = adjusted_rand_score(digit, labels)
    bars = axis.bar(np.arange(4) + shift, found.mean(axis=0), 0.38, label=label, color=colour)
    axis.bar_label(bars, fmt="%.2f", size=8)
axis.set_xticks(range(4), names)
axis.set(ylim=(0, 1), ylabel="adjusted Rand index", title="k-means, mean of three seeds")
axis.legend(frameon=False, ncols=2)
axis.spines[["top", "right"]].set_visible(False)
