"""Digits, digits with noise, and what two methods restore."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from sklearn_ann import AutoEncoderTransformer

X = load_digits().data / 16
clean = X[1400:]
noisy = clean + np.random.default_rng(0).normal(scale=0.5, size=clean.shape)
pca = PCA(10).fit(X[:1400])
model = AutoEncoderTransformer(
    n_components=32, hidden_layer_sizes=(256,), noise=0.5, max_epochs=150, random_state=0
).fit(X[:1400])
rows = {
    "digits": clean,
    "with noise": noisy,
    "PCA": pca.inverse_transform(pca.transform(noisy)),
    "auto-encoder": model.reconstruct(noisy),
}
figure, axes = plt.subplots(4, 1, figsize=(5.6, 3.2), layout="constrained")
for axis, (name, images) in zip(axes, rows.items(), strict=True):
    tiles = np.pad(images[:10].reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    axis.imshow(np.hstack(tiles), cmap="gray_r", vmin=0, vmax=1)
    axis.set(xticks=[], yticks=[])
    error = np.square(images - clean).mean(axis=1)
    decibels = "" if name == "digits" else f"\n{np.mean(-10 * np.log10(error)):.1f} dB"
    axis.set_ylabel(name + decibels, rotation=0, ha="right", va="center")
