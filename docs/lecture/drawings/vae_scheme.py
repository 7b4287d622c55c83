"""The parts of a variational auto-encoder, and the distributions of the codes of digits."""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patches import Ellipse, FancyBboxPatch
from sklearn.datasets import load_digits

from sklearn_ann import VAESampler

figure, (above, below) = plt.subplots(
    2, 1, figsize=(7.5, 7.6), layout="constrained", height_ratios=(1, 3)
)
boxes = [
    (0, "x"),
    (2, "encoder"),
    (4.3, "q(z | x)\nμ, σ"),
    (6.6, "z = μ + σ ε\nε ~ N(0, I)"),
    (8.9, "decoder"),
    (11.2, "p(x | z)"),
]
for place, text in boxes:
    colour = "#4477aa" if "coder" in text else "#ffcc66"
    box = FancyBboxPatch(
        (place - 0.75, -0.5), 1.5, 1, boxstyle="round,pad=0.08", facecolor=colour, alpha=0.4
    )
    above.add_patch(box)
    above.text(place, 0, text, ha="center", va="center", size=9)
for (left, _), (right, _) in pairwise(boxes):
    above.annotate("", (right - 0.85, 0), (left + 0.85, 0), arrowprops={"arrowstyle": "-|>"})
above.set(xlim=(-1.2, 12.4), ylim=(-1, 1))
above.set_axis_off()

X, y = load_digits(return_X_y=True)
X = X / 16
model = VAESampler(n_components=2, likelihood="bernoulli", max_epochs=150, random_state=0)
model.fit(X[:1400])
with torch.no_grad():  # means and logarithms of variances
    codes = model.encoder_(torch.tensor(X[1400:], dtype=torch.float32)).numpy()
mean, log_variance = codes[:, :2], codes[:, 2:]
np.testing.assert_allclose(mean, model.transform(X[1400:]), atol=1e-4)
colours = plt.colormaps["tab10"]
for centre, sigma, digit in zip(mean, np.exp(log_variance / 2), y[1400:], strict=True):
    below.add_patch(Ellipse(centre, *(2 * sigma), color=colours(digit), alpha=0.35))
for radius in (1, 2):
    below.add_patch(plt.Circle((0, 0), radius, fill=False, linestyle="--", color="0.4"))
for digit in range(10):
    place = np.median(mean[y[1400:] == digit], axis=0)
    below.text(*place, str(digit), size=13, weight="bold")
below.set(xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), aspect="equal", xlabel="$z_1$", ylabel="$z_2$")
below.set_title("q(z | x) of 397 new digits: ellipses of one σ; circles of N(0, I)")
