"""
Two games on a ring: how adversaries lose modes
===============================================

Eight groups of points lie on a circle. A generator that never sees them learns to draw such points from a critic, which
tells its points from real ones. In the first form of the game, the critic is a plain classifier, and the generator may
run from group to group: each time the critic has learned where its points are, it moves on. `GANSampler` has three
remedies: a critic whose slope is kept at one, packs of points that the critic sees together, and an average of the
generator's weights. The classical baseline is a Gaussian mixture, which on such data is hard to beat.
"""

# %%
# The data: 2,000 points, of which the truth is known.
import sys
from pathlib import Path

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
# A callback of scikit-learn's is told of the end of each epoch. It is handed a fitted copy, which can be sampled.
EPOCHS = (5, 20, 60, 180)


class Snapshots:
    """Keeps samples from some of the epochs."""

    max_propagation_depth = None

    def __init__(self):
        self.samples = {}

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        if context.task_name == "epoch" and context.task_id + 1 in EPOCHS:
            self.samples[context.task_id + 1] = fitted_estimator.sample(500, random_state=0)
        return False


# %%
# The games. The plain one has the loss of the first paper, no penalty, single points and the last weights.
SETTINGS = {"hidden_layer_sizes": (64, 64), "batch_size": 500, "max_epochs": max(EPOCHS), "random_state": 0}
games = {
    "plain game": {
        "loss": "minimax",
        "gradient_penalty": 0.0,
        "pack_size": 1,
        "averaging": 0.0,
        "learning_rate_schedule": "constant",
    },
    "with the remedies": {},
}
seen = {}
for name, changes in games.items():
    snapshots = Snapshots()
    GANSampler(**SETTINGS, **changes).set_callbacks(snapshots).fit(X)
    seen[name] = snapshots.samples
mixture = GaussianMixture(8, n_init=5, random_state=0).fit(X).sample(500)[0]

# %%
# Which groups are found, and how many of the samples lie within three standard deviations of one.
for name, samples in seen.items():
    for epoch, drawn in samples.items():
        found = mode_coverage(drawn, centers, SPREAD)
        print(f"{name:18s} epoch {epoch:3d}: {8 * found.modes:.0f} of 8 groups, {found.samples:.0%} of the samples")
found = mode_coverage(mixture, centers, SPREAD)
print(f"{'Gaussian mixture':28s}: {8 * found.modes:.0f} of 8 groups, {found.samples:.0%} of the samples")

# %%
# The picture: samples by epoch, over the data.
figure, axes = plt.subplots(2, len(EPOCHS) + 1, figsize=(12, 5), sharex=True, sharey=True, layout="constrained")
for line, (name, samples) in zip(axes, seen.items(), strict=True):
    for axis, (epoch, drawn) in zip(line, samples.items(), strict=False):
        axis.scatter(*X.T, s=2, color="0.8")
        axis.scatter(*drawn.T, s=4, color="tab:blue")
        axis.set_title(f"{name}, epoch {epoch}", fontsize=9)
for axis, points, title in ((axes[0, -1], X[:500], "data"), (axes[1, -1], mixture, "Gaussian mixture")):
    axis.scatter(*X.T, s=2, color="0.8")
    axis.scatter(*points.T, s=4, color="tab:orange")
    axis.set_title(title, fontsize=9)
for axis in axes.flat:
    axis.set(xlim=(-3, 3), ylim=(-3, 3), aspect="equal", xticks=[], yticks=[])
picture = Path(sys.argv[0]).with_suffix(".png") if sys.argv[0].endswith(".py") else Path("gan_ring.png")
figure.savefig(picture, dpi=150)
print(f"Picture: {picture}")
