"""
Map and denoise digits with AutoEncoderTransformer
==================================================

This example shows two uses of an auto-encoder: a map of images, and the removal of noise. With
two components, :class:`~sklearn_ann.AutoEncoderTransformer` and
:class:`~sklearn_ann.VAESampler` give maps that can place new images. With 32 components and
noise in the training, the auto-encoder removes noise.

Baseline: principal components and t-SNE for the map, principal components for the noise.
"""

# %%
# The data: scikit-learn's handwritten digits, 8 x 8 pixels; the last 397 are the test set.
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.neighbors import KNeighborsClassifier
from sklearn_ann import AutoEncoderTransformer, VAESampler

X, y = load_digits(return_X_y=True)
X = X / 16
X_train, X_test, y_train, y_test = X[:1400], X[1400:], y[:1400], y[1400:]

# %%
# Four maps. t-SNE has no ``transform``: it needs all images at once, and a new image needs a
# new map.
SETTINGS: dict[str, Any] = {
    "hidden_layer_sizes": (128, 64),
    "max_epochs": 300,
    "learning_rate_schedule": "cosine",
    "random_state": 0,
}
maps = {
    "Principal components": PCA(2).fit(X_train).transform(X_test),
    "Auto-encoder": AutoEncoderTransformer(n_components=2, **SETTINGS)
    .fit(X_train)
    .transform(X_test),
    "Variational auto-encoder": VAESampler(n_components=2, likelihood="bernoulli", **SETTINGS)
    .fit(X_train)
    .transform(X_test),
    "t-SNE, of all images": TSNE(random_state=0).fit_transform(X)[1400:],
}

# %%
# How well a map separates the classes is measured by five nearest neighbours. Neighbours in
# one half of the test images predict the classes of the other half.
print("Classes from five neighbours on the map")
for name, codes in maps.items():
    halves = [
        (codes[::2], codes[1::2], y_test[::2], y_test[1::2]),
        (codes[1::2], codes[::2], y_test[1::2], y_test[::2]),
    ]
    accuracy = np.mean([KNeighborsClassifier().fit(a, v).score(b, w) for a, b, v, w in halves])
    print(f"  {name:26s} {accuracy:.2f}")

# %%
# Denoising: in every epoch each training image gets new Gaussian noise with a standard
# deviation of half the pixel range, and the network must return the clean image. The baseline
# is the projection on the best number of principal components.
NOISE = 0.5
rng = np.random.default_rng(0)
noisy = X_test + rng.normal(scale=NOISE, size=X_test.shape)
model = AutoEncoderTransformer(
    n_components=32,
    hidden_layer_sizes=(256,),
    noise=NOISE,
    max_epochs=300,
    learning_rate_schedule="cosine",
    random_state=0,
)
network = model.fit(X_train).reconstruct(noisy)


def decibels(images: Any) -> float:
    """Return the peak signal-to-noise ratio, as mean over the images."""
    return float(np.mean(-10 * np.log10(np.square(images - X_test).mean(axis=1))))


projections = [
    pca.inverse_transform(pca.transform(noisy))
    for pca in (PCA(k).fit(X_train) for k in (5, 10, 15, 20, 30))
]
linear = max(projections, key=decibels)
print("Peak signal-to-noise ratio in decibels")
for name, images in (
    ("noisy", noisy),
    ("the best of five PCAs", linear),
    ("denoising auto-encoder", network),
):
    print(f"  {name:26s} {decibels(images):.1f}")

# %%
# Above: the four maps. Below: noisy and restored digits.
figure = plt.figure(figsize=(10, 10), layout="constrained")
((above,), (below,)) = figure.subfigures(2, 1, squeeze=False, height_ratios=(2.2, 1))
clouds = []
for axis, (name, codes) in zip(above.subplots(2, 2).flat, maps.items(), strict=True):
    clouds.append(axis.scatter(*codes.T, c=y_test, cmap="tab10", s=10))
    axis.set(title=name, xticks=[], yticks=[])
    axis.set(xlabel="first component", ylabel="second component")
above.legend(
    *clouds[0].legend_elements(), loc="outside right center", frameon=False, title="digit"
)
rows = {"digits": X_test, "noisy": noisy, "PCA": linear, "auto-encoder": network}
for axis, (name, images) in zip(below.subplots(4, 1), rows.items(), strict=True):
    tiles = np.pad(images[:20].reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    axis.imshow(np.hstack(list(tiles)), cmap="gray_r", vmin=0, vmax=1)
    axis.set(xticks=[], yticks=[])
    axis.set_ylabel(name, rotation=0, ha="right", va="center")
plt.show()
