"""
Find a known pattern in images with PatternDetector and CNNClassifier
=====================================================================

This example shows how to find a pattern in images, with and without training. In Conway's Game
of Life a glider gun sends out a glider every 30 generations. The task is to find the frames
with a gun, among blocks, blinkers, spaceships and random cells.
:class:`~sklearn_ann.PatternDetector` has kernels made from the known pattern and needs no
training. :class:`~sklearn_ann.CNNClassifier` learns the pattern from labelled frames.

Baseline: a random forest on pixels.
"""

# %%
# The data: frames that are shifted and turned at random. The position of each gun, its
# orientation and its phase, one of 30, are known.
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle
from sklearn.ensemble import RandomForestClassifier
from sklearn_ann import CNNClassifier, PatternDetector
from sklearn_ann.convolution import matched_kernel
from sklearn_ann.datasets import LIFE_PATTERNS, game_of_life, gosper_gun, make_gliders

X_train, y_train = make_gliders(900, random_state=0)
X, y, positions = make_gliders(500, return_positions=True, random_state=1000)

# %%
# There is one kernel ``w = p - (1 - p)`` for each phase and each of the eight orientations:
# live cells of the pattern add to the response, all others reduce it. A hit is a response
# ``y_j = x̃_jᵀ w_k`` as great as that to the pattern itself.
guns = PatternDetector(
    [matched_kernel(gosper_gun(phase, turn)) for turn in range(8) for phase in range(30)]
)
hits = guns.hits(X)
sample, kernel, row, column = hits.T
where = np.array_equal(np.c_[row, column, kernel // 30, kernel % 30], positions[y == 1])
print(
    f"{len(hits)} hits for {y.sum()} guns; "
    f"positions, orientations and phases {'all correct' if where else 'NOT all correct'}"
)

# %%
# The network learns the pattern from examples. Turned and mirrored frames are further
# examples. The last filters cover 68 cells, which is more than the length of a gun.
turned = [
    np.rot90(frames, k, axes=(1, 2))
    for frames in (X_train, X_train[:, :, ::-1])
    for k in range(4)
]
network = CNNClassifier(
    conv_layers=((8, 5, 2), (32, 5, 2), (64, 5, 2), (64, 5)),
    global_pooling="max",
    dropout=0.0,
    learning_rate=3e-3,
    learning_rate_schedule="cosine",
    max_epochs=3,
    random_state=0,
).fit(np.concatenate(turned), np.tile(y_train, 8))
forest = RandomForestClassifier(random_state=0).fit(X_train.reshape(len(X_train), -1), y_train)
accuracy = {
    "kernels": (guns.predict(X) == y).mean(),
    "network": network.score(X, y),
    "forest on pixels": forest.score(X.reshape(len(X), -1), y),
}
for name, value in accuracy.items():
    print(f"{name:16s} accuracy {value:.3f} on 500 frames")

# %%
# A glider is no proof of a gun. The kernels of the glider find all gliders. The kernels of the
# gun respond fully at one position only.
glider = np.pad(LIFE_PATTERNS["glider"], 1)  # with dead cells around
phases = [glider, game_of_life(np.pad(glider, 1))[1:-1, 1:-1]]
views = {
    np.rot90(side, k).tobytes(): np.rot90(side, k)
    for phase in phases
    for side in (phase, phase.T)
    for k in range(4)
}
gliders = PatternDetector(
    [matched_kernel(view) for view in views.values()], output="maps", padding="same"
)
guns.set_params(output="maps", padding="same")


def share(detector: PatternDetector, frame: np.ndarray) -> np.ndarray:
    """Return the greatest response at each position, as a share of the pattern's own."""
    own = [np.clip(kernel, 0, None).sum() for kernel in detector.kernels]
    shares: np.ndarray = (detector.transform([frame])[0] / own).max(axis=-1)
    return shares


figure, axes = plt.subplots(2, 3, figsize=(10, 6.8), layout="constrained")
for line, i in zip(axes, (13, 14), strict=True):
    line[0].imshow(X[i], cmap="gray_r")
    line[0].set_ylabel("with a gun" if y[i] else "without")
    for _, k, top, left in hits[sample == i]:
        height, width = guns.kernels[k].shape
        line[0].add_patch(
            Rectangle(
                (left - 1, top - 1),
                width + 1,
                height + 1,
                fill=False,
                color="#ee6677",
                linewidth=2,
            )
        )
    line[1].imshow(share(gliders, X[i]), vmin=-1, vmax=1, cmap="RdBu_r")
    _, _, top, left = gliders.hits(X[[i]]).T
    line[1].scatter(left + 2, top + 2, s=110, facecolors="none", edgecolors="black")
    line[2].imshow(share(guns, X[i]), vmin=-1, vmax=1, cmap="RdBu_r")
for axis in axes.flat:
    axis.set(xticks=[], yticks=[], xlim=(-0.5, 47.5), ylim=(47.5, -0.5))
for axis, title in zip(
    axes[0],
    ("frame and found gun", "kernels of the glider", "kernels of the gun"),
    strict=True,
):
    axis.set_title(title)
figure.colorbar(
    axes[0, 2].images[0], ax=axes, shrink=0.7, label="response as a share of the pattern's own"
)
figure.suptitle(
    "Accuracy on 500 frames: "
    + ", ".join(f"{name} {value:.1%}" for name, value in accuracy.items())
)
plt.show()
