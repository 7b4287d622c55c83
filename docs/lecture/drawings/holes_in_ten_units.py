"""Ten latent units: what decoders make of drawn codes, and how far it is from real digits."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.neighbors import NearestNeighbors

from sklearn_ann import AutoEncoderTransformer, VAESampler

X = load_digits().data / 16
train, test = X[:1400], X[1400:]
real = NearestNeighbors(n_neighbors=1).fit(train)
usual = np.quantile(real.kneighbors(test)[0], 0.95)  # 95 of 100 new digits are nearer
far, drawn = {}, {}
for seed in range(3):
    settings = {
        "n_components": 10,
        "max_epochs": 40,
        "learning_rate_schedule": "cosine",
        "random_state": seed,
    }
    plain = AutoEncoderTransformer(loss="binary_cross_entropy", **settings).fit(train)
    vae = VAESampler(likelihood="bernoulli", **settings).fit(train)
    codes, rng = plain.transform(train), np.random.default_rng(seed)
    normal = rng.normal(size=(1000, 10))
    box = rng.uniform(codes.min(axis=0), codes.max(axis=0), size=(1000, 10))
    fitted = rng.multivariate_normal(codes.mean(axis=0), np.cov(codes.T), size=1000)
    for name, images in {
        "auto-encoder,\nz from N(0, I)": plain.inverse_transform(normal),
        "auto-encoder,\nz between least\nand greatest code": plain.inverse_transform(box),
        "auto-encoder,\nz from a normal\nfitted to the codes": plain.inverse_transform(fitted),
        "variational,\nz from N(0, I)": vae.inverse_transform(normal),
    }.items():
        far.setdefault(name, []).append((real.kneighbors(images)[0] > usual).mean())
        drawn.setdefault(name, images)

figure, axes = plt.subplots(
    4, 2, figsize=(5.6, 4.6), layout="constrained", width_ratios=(2.6, 1)
)
for (left, right), name in zip(axes, far, strict=True):
    tiles = np.pad(drawn[name][:16].reshape(2, 8, 8, 8), ((0, 0), (0, 0), (1, 1), (1, 1)))
    left.imshow(tiles.transpose(0, 2, 1, 3).reshape(20, 80), cmap="gray_r", vmin=0, vmax=1)
    left.set(xticks=[], yticks=[])
    left.set_ylabel(name, rotation=0, ha="right", va="center", size=9)
    bars = right.barh(range(3), far[name], color="#ee6677")
    right.bar_label(bars, fmt="%.2f", padding=3, size=8)
    right.set(xlim=(0, 1.4), xticks=[], yticks=[])
    right.spines[["top", "right", "bottom"]].set_visible(False)
axes[0, 1].set_title("share far from all\ndigits, three seeds", size=9)
