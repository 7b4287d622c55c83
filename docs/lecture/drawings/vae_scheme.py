"""The parts of a variational auto-encoder, and the distributions of the codes of digits."""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patches import Ellipse, Rectangle
from matplotlib.patheffects import withStroke
from sklearn.datasets import load_digits

from sklearn_ann import VAESampler

figure, (above, below) = plt.subplots(
    2, 1, figsize=(5.6, 5.6), layout="constrained", height_ratios=(1, 7)
)
boxes = {  # text and width
    "x": 0.4,
    "encoder": 0.85,
    "q(z | x)\nμ, σ": 0.75,
    "z = μ + σ ε\nε ~ N(0, I)": 1.05,
    "decoder": 0.85,
    "p(x | z)": 0.75,
}
left, gap = 0.0, 0.28
for text, width in boxes.items():
    colour = "#4477aa" if "coder" in text else "#ffcc66"
    above.add_patch(
        Rectangle((left, -0.3), width, 0.6, facecolor=colour, edgecolor="0.3", alpha=0.4)
    )
    above.text(left + width / 2, 0, text, ha="center", va="center", size=9)
    left += width + gap
    if text != list(boxes)[-1]:
        above.annotate("", (left, 0), (left - gap, 0), arrowprops={"arrowstyle": "-|>"})
above.set(xlim=(-0.02, left - gap + 0.02), ylim=(-0.35, 0.35))
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
    below.add_patch(Ellipse(centre, *(2 * sigma), color=colours(digit), alpha=0.2))
for radius in (1, 2):
    below.add_patch(plt.Circle((0, 0), radius, fill=False, linestyle="--", color="0.4"))
halo = [withStroke(linewidth=3, foreground="white")]
for digit in range(10):
    place = np.median(mean[y[1400:] == digit], axis=0)
    below.text(*place, str(digit), size=13, weight="bold", path_effects=halo)
below.set(xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), aspect="equal", xlabel="$z_1$", ylabel="$z_2$")
below.set_title(
    "q(z | x) of 397 new digits: ellipses of one σ\ndashed: N(0, I) at one and two σ"
)
