"""An auto-encoder of digits: the bottleneck of two units, and the plane of its codes."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Polygon
from sklearn.datasets import load_digits

from sklearn_ann import AutoEncoderTransformer
from sklearn_ann.inspection import LatentSpaceDisplay

X, y = load_digits(return_X_y=True)
X = X / 16
model = AutoEncoderTransformer(
    n_components=2, hidden_layer_sizes=(128, 64), loss="binary_cross_entropy", max_epochs=60, random_state=0
).fit(X[:1400])
X_test, y_test = X[1400:], y[1400:]
codes = model.transform(X_test)
rebuilt = model.inverse_transform(codes)

figure = plt.figure(figsize=(7.5, 8), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=(1, 2))
axes = above.subplots(1, 5, width_ratios=(2, 3, 1.6, 3, 2))
sample = 7
for axis, image, title in ((axes[0], X_test, "x, 64 pixels"), (axes[4], rebuilt, "x' = g(f(x))")):
    axis.imshow(image[sample].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
    axis.set(title=title, xticks=[], yticks=[])
for axis, left, right, text in ((axes[1], 1, 0.3, "encoder f"), (axes[3], 0.3, 1, "decoder g")):
    corners = [(0, 0.5 - left / 2), (0, 0.5 + left / 2), (1, 0.5 + right / 2), (1, 0.5 - right / 2)]
    axis.add_patch(Polygon(corners, color="#4477aa", alpha=0.35))
    axis.text(0.5, 0.5, f"{text}\n128, 64 units" if left > right else f"{text}\n64, 128 units", ha="center", va="center")
    axis.set_axis_off()
axes[2].set_axis_off()
text = "\n".join(f"$z_{number}$ = {value:.1f}" for number, value in enumerate(codes[sample], start=1))
axes[2].text(0.5, 0.5, text, ha="center", va="center", bbox={"facecolor": "#ffeecc", "edgecolor": "0.6"})

display = LatentSpaceDisplay(codes, y=y_test).plot(below.subplots())
display.ax_.scatter(*codes[sample], s=160, facecolors="none", edgecolors="black", linewidths=2)
display.ax_.set_title(f"The codes of {len(X_test)} new digits; the circle is the one above")
