"""
Cover all groups of the data with GANSampler
============================================

This example shows why a generative adversarial network misses groups of the data, and how
packs of samples prevent it. The data are eight groups of points on a circle. A critic that
sees single points does not notice that some groups get more samples than others. A critic that
sees packs of points does (``pack_size``).

The two networks of the comparison have the original loss, without a gradient penalty, and
scale each column by its quantiles. The defaults of :class:`~sklearn_ann.GANSampler` have a
gradient penalty and encode the groups of a column as categories.

Baseline: a Gaussian mixture, which on such data is hard to beat.
"""

# %%
# The data: 2,000 points in eight groups with known centres.
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from sklearn.mixture import GaussianMixture
from sklearn_ann import GANSampler
from sklearn_ann.metrics import mode_coverage

SPREAD = 0.1
angles = np.arange(8) * np.pi / 4
centers = 2 * np.column_stack([np.cos(angles), np.sin(angles)])
rng = np.random.RandomState(0)
X = centers[rng.randint(8, size=2000)] + rng.normal(scale=SPREAD, size=(2000, 2))

# %%
# A callback of scikit-learn's gets a fitted copy of the estimator at the end of each epoch.
# The callback draws samples after some of the epochs.
EPOCHS = (5, 20, 60, 180)


class Snapshots:
    """Keeps samples from some of the epochs."""

    max_propagation_depth = None

    def __init__(self) -> None:
        self.samples: dict[int, np.ndarray] = {}

    def setup(self, estimator: Any, context: Any) -> None:
        pass

    def teardown(self, estimator: Any, context: Any) -> None:
        pass

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        pass

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, fitted_estimator: GANSampler
    ) -> bool:
        if context.task_name == "epoch" and context.task_id + 1 in EPOCHS:
            self.samples[context.task_id + 1] = fitted_estimator.sample(500, random_state=0)
        return False


# %%
# Two critics: of single points, and of packs of two. All other parameters are equal.
SETTINGS: dict[str, Any] = {
    "loss": "minimax",
    "gradient_penalty": 0,
    "scaling": "quantile",
    "hidden_layer_sizes": (64, 64),
    "batch_size": 500,
    "max_epochs": max(EPOCHS),
    "random_state": 0,
}
critics = {"single points": 1, "packs of two": 2}
seen = {}
for name, pack_size in critics.items():
    snapshots = Snapshots()
    GANSampler(pack_size=pack_size, **SETTINGS).set_callbacks(snapshots).fit(X)
    seen[name] = snapshots.samples
defaults = GANSampler(random_state=0).fit(X).sample(500)
mixture = GaussianMixture(8, n_init=5, random_state=0).fit(X).sample(500)[0]

# %%
# For each sampler: the smallest and the greatest share of a group (all groups are equal in the
# data), and the share of samples inside a group: within three standard deviations of its
# centre.


def shares(points: np.ndarray) -> np.ndarray:
    """Return the share of the points that are nearest to the centre of each group."""
    nearest = np.linalg.norm(points[:, None] - centers, axis=2).argmin(axis=1)
    return np.bincount(nearest, minlength=8) / len(points)


last = {name: samples[max(EPOCHS)] for name, samples in seen.items()}
for name, drawn in (last | {"defaults": defaults, "Gaussian mixture": mixture}).items():
    inside = mode_coverage(drawn, centers, SPREAD).samples
    low, high = shares(drawn).min(), shares(drawn).max()
    print(f"{name:16s} shares from {low:.3f} to {high:.3f}, {inside:.0%} inside a group")

# %%
# Samples by epoch, over the data.
figure, axes = plt.subplots(
    2, len(EPOCHS) + 1, figsize=(10, 5), sharex=True, sharey=True, layout="constrained"
)
for line, (name, samples) in zip(axes, seen.items(), strict=True):
    for axis, (epoch, drawn) in zip(line, samples.items(), strict=False):
        axis.scatter(*X.T, s=2, color="0.7")
        axis.scatter(*drawn.T, s=3, color="#0072b2")
        axis.set_title(f"{name}, epoch {epoch}", fontsize=8)
for axis, points, title in (
    (axes[0, -1], defaults, "GANSampler's defaults"),
    (axes[1, -1], mixture, "Gaussian mixture"),
):
    data = axis.scatter(*X.T, s=2, color="0.7")
    found = axis.scatter(*points.T, s=3, color="#d55e00")
    axis.set_title(title, fontsize=8)
for axis in axes.flat:
    axis.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xticks=(-2, 0, 2), yticks=(-2, 0, 2))
for axis in axes[1]:
    axis.set_xlabel("$x_1$")
for axis in axes[:, 0]:
    axis.set_ylabel("$x_2$")
figure.legend(
    [data, axes[0, 0].collections[1], found],
    ["data", "samples, minimax loss", "samples, for comparison"],
    loc="outside lower center",
    ncols=3,
    frameon=False,
    markerscale=3,
)
plt.show()
