"""
Draw new digits with VAESampler
===============================

This example draws new digits from the latent space of a variational auto-encoder, walks from
digit to digit, and draws digits of a given class. The drawn digits are compared with those of
a plain auto-encoder and of the baseline.

Baseline: a Gaussian mixture on principal components.
"""

# %%
# The data: scikit-learn's handwritten digits, 8 x 8 pixels; the last 397 are the test set.
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors
from sklearn.svm import SVC
from sklearn_ann import AutoEncoderTransformer, VAESampler
from sklearn_ann.inspection import LatentSpaceDisplay

X, y = load_digits(return_X_y=True)
X = X / 16
X_train, X_test, y_train, y_test = X[:1400], X[1400:], y[:1400], y[1400:]

# %%
# Two latent units are enough for a map. The Bernoulli likelihood reads the brightness of a
# pixel as a probability.
SETTINGS: dict[str, Any] = {
    "max_epochs": 300,
    "learning_rate": 3e-3,
    "learning_rate_schedule": "cosine",
    "random_state": 0,
}
flat = VAESampler(n_components=2, likelihood="bernoulli", **SETTINGS).fit(X_train)

# %%
# The walk: the latent space is normal, so the steps are quantiles of the normal distribution,
# equal in probability.
steps = norm.ppf(np.linspace(0.02, 0.98, 12))
walk = flat.inverse_transform([(across, down) for down in steps[::-1] for across in steps])

# %%
# Digits of a given class: ten latent units, with the class as a condition of the decoder.
# ``sample`` would also draw the noise of the pixels; ``inverse_transform`` decodes drawn codes
# to mean images. The baseline is a Gaussian mixture for each class, on as many principal
# components.
classes = np.repeat(np.arange(10), 10)
rng = np.random.RandomState(0)
codes = rng.normal(size=(100, 10))
vae = VAESampler(n_components=10, likelihood="bernoulli", conditions="y", **SETTINGS).fit(
    X_train, y_train
)
network = vae.inverse_transform(codes, y=classes)

pca = PCA(10, random_state=0).fit(X_train)
mixtures = [
    GaussianMixture(2, random_state=0).fit(pca.transform(X_train[y_train == digit]))
    for digit in range(10)
]
mixture = pca.inverse_transform(np.vstack([model.sample(10)[0] for model in mixtures])).clip(
    0, 1
)

# %%
# A plain auto-encoder learns no distribution of its codes. The next lines draw codes from the
# standard normal distribution, and from a normal distribution that is fitted to the codes. An
# image is far from all digits if its nearest training digit is farther than that of 95 of 100
# unseen digits.
plain = AutoEncoderTransformer(n_components=10, loss="binary_cross_entropy", **SETTINGS).fit(
    X_train
)
unconditional = VAESampler(n_components=10, likelihood="bernoulli", **SETTINGS).fit(X_train)
seen, normal = plain.transform(X_train), rng.normal(size=(1000, 10))
fitted = rng.multivariate_normal(seen.mean(axis=0), np.cov(seen.T), size=1000)
real = NearestNeighbors(n_neighbors=1).fit(X_train)
limit = np.quantile(real.kneighbors(X_test)[0], 0.95)
print("Share of images that are far from all digits")
for label, images in (
    ("unseen digits", X_test),
    ("variational auto-encoder", unconditional.inverse_transform(normal)),
    ("plain auto-encoder, normal codes", plain.inverse_transform(normal)),
    ("plain auto-encoder, fitted normal", plain.inverse_transform(fitted)),
    ("variational, by class", network),
    ("Gaussian mixture on PCA, by class", mixture),
):
    print(f"  {label:34s} {(real.kneighbors(images)[0] > limit).mean():.2f}")

# %%
# A support vector machine tells whether the digits that were drawn by class show this class.
judge = SVC(C=10, random_state=0).fit(X_train, y_train)
for label, images in (("variational", network), ("mixture", mixture)):
    print(f"Right class, {label}: {judge.score(images, classes):.2f}")
print(f"Unseen digits, nats a digit, two latent units: {flat.score(X_test):.1f}")
print(f"Unseen digits, nats a digit, ten latent units: {unconditional.score(X_test):.1f}")

# %%
# The picture: the codes of unseen digits on the map, the walk, and digits drawn by class.


def mosaic(images: np.ndarray, columns: int) -> np.ndarray:
    """Put images side by side, with a margin around each."""
    tiles = np.pad(images.reshape(-1, columns, 8, 8), ((0, 0), (0, 0), (2, 2), (2, 2)))
    return tiles.transpose(0, 2, 1, 3).reshape(-1, columns * 12)


figure, ((map_axis, walk_axis), (vae_axis, mixture_axis)) = plt.subplots(
    2, 2, figsize=(9, 9), layout="constrained"
)
LatentSpaceDisplay.from_estimator(flat, X_test, y_test, ax=map_axis)
map_axis.set(title="Codes of unseen digits", xlabel="$z_1$", ylabel="$z_2$", aspect="equal")
walk_axis.imshow(mosaic(walk, 12), cmap="gray_r", vmin=0, vmax=1)
walk_axis.set_title("A walk over the map")
for axis, images, title in (
    (vae_axis, network, "Drawn by class, variational auto-encoder"),
    (mixture_axis, mixture, "Drawn by class, Gaussian mixture on PCA"),
):
    axis.imshow(mosaic(images, 10), cmap="gray_r", vmin=0, vmax=1)
    axis.set_title(title)
for axis in (walk_axis, vae_axis, mixture_axis):
    axis.set_xticks([])
    axis.set_yticks([])
plt.show()
