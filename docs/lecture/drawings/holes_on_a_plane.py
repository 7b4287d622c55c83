"""Decoded latent planes of two auto-encoders, and the distance of each point to a digit."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors

from sklearn_ann import AutoEncoderTransformer, VAESampler

X = load_digits().data / 16
train, test = X[:1400], X[1400:]
settings = {
    "n_components": 2,
    "hidden_layer_sizes": (128, 64),
    "max_epochs": 150,
    "random_state": 0,
}
models = {
    "auto-encoder": AutoEncoderTransformer(loss="binary_cross_entropy", **settings).fit(train),
    "variational auto-encoder": VAESampler(likelihood="bernoulli", **settings).fit(train),
}
real = NearestNeighbors(n_neighbors=1).fit(train)
usual = np.quantile(real.kneighbors(test)[0], 0.95)  # 95 of 100 new digits are nearer

figure, axes = plt.subplots(2, 2, figsize=(5.6, 6.2), layout="compressed")
figure.get_layout_engine().set(w_pad=0.1)
for (above, below), (name, model) in zip(axes.T, models.items(), strict=True):
    codes = model.transform(train)
    centre, half = (
        codes.mean(axis=0),
        1.1 * np.quantile(np.abs(codes - codes.mean(axis=0)), 0.99),
    )
    ticks = np.linspace(-half, half, 41)
    grid = centre + np.array([(across, down) for down in ticks[::-1] for across in ticks])
    images = model.inverse_transform(grid)
    distance = real.kneighbors(images)[0].reshape(41, 41)
    box = (centre[0] - half, centre[0] + half, centre[1] - half, centre[1] + half)
    shown = above.imshow(distance / usual, extent=box, cmap="RdBu_r", vmin=0, vmax=2)
    above.scatter(*codes.T, s=2, color="black", linewidths=0)
    above.set(title=name, xlim=box[:2], ylim=box[2:], xlabel="$z_1$", ylabel="$z_2$")
    tiles = np.pad(images.reshape(41, 41, 8, 8)[::5, ::5], ((0, 0), (0, 0), (1, 1), (1, 1)))
    below.imshow(tiles.transpose(0, 2, 1, 3).reshape(90, 90), cmap="gray_r", vmin=0, vmax=1)
    below.set(
        xticks=[], yticks=[], xlabel=f"{(distance > usual).mean():.1%} far from all digits"
    )
figure.colorbar(
    shown,
    ax=axes[0],
    location="top",
    label="distance to a real digit (1: as 95 % of new digits)",
    shrink=0.7,
    aspect=40,
)
