"""An auto-encoder of digits: the bottleneck of two units, and the plane of its codes."""

import matplotlib.pyplot as plt
from matplotlib.patches import Polygon
from sklearn.datasets import load_digits

from sklearn_ann import AutoEncoderTransformer
from sklearn_ann.inspection import LatentSpaceDisplay

X, y = load_digits(return_X_y=True)
X = X / 16
settings = {"hidden_layer_sizes": (128, 64), "max_epochs": 60, "random_state": 0}
model = AutoEncoderTransformer(n_components=2, loss="binary_cross_entropy", **settings)
model.fit(X[:1400])
X_test, y_test = X[1400:], y[1400:]
codes = model.transform(X_test)
rebuilt = model.inverse_transform(codes)

figure = plt.figure(figsize=(5.6, 6.6), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=(1, 2))
axes = above.subplots(1, 5, width_ratios=(2.2, 3, 2, 3, 2.2))
sample = 7
for axis, image, title in (
    (axes[0], X_test, "x, 64 pixels"),
    (axes[4], rebuilt, "x' = g(f(x))"),
):
    axis.imshow(image[sample].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, size=9)
for axis, left, right, text in (
    (axes[1], 1, 0.3, "encoder f\n128, 64 units"),
    (axes[3], 0.3, 1, "decoder g\n64, 128 units"),
):
    corners = [(0, -left / 2), (0, left / 2), (1, right / 2), (1, -right / 2)]
    axis.add_patch(Polygon(corners, color="#4477aa", alpha=0.35))
    axis.text(0.5, 0, text, ha="center", va="center", size=8)
    axis.set(ylim=(-0.5, 0.5))
    axis.set_axis_off()
axes[2].set_axis_off()
text = "$z_1$ = {:.1f}\n$z_2$ = {:.1f}".format(*codes[sample])
axes[2].text(0.5, 0.5, text, ha="center", va="center", size=9, bbox={"facecolor": "#ffeecc"})

display = LatentSpaceDisplay(codes, y=y_test).plot(below.subplots())
display.ax_.scatter(*codes[sample], s=160, facecolors="none", edgecolors="black", linewidths=2)
display.ax_.set_title(f"Codes of {len(X_test)} new digits; the circle is the one above")
