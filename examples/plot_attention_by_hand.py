"""
Compute attention by hand with AttentionTransformer
===================================================

This example shows what one attention layer computes. Each row becomes a mean of the values of
all rows, weighted by a softmax of products, ``Y = softmax(s X Kᵀ) V``.
:class:`~sklearn_ann.AttentionTransformer` computes the formula without learned weights: on
four rows, and as a regression in which each new row averages the targets of similar rows.

Baseline: nearest neighbours.
"""

# %%
# Four rows attend to each other. A row of the weights sums to one. Rows 0 and 1 are similar
# and attend to each other; so do rows 2 and 3.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.neighbors import KNeighborsRegressor
from sklearn_ann import AttentionTransformer
from sklearn_ann.inspection import AttentionMapDisplay

X = np.array([[2.0, 0.0], [1.8, 0.4], [0.0, 2.0], [0.3, 1.7]])
attention = AttentionTransformer()
print(attention.fit_transform(X).round(2))
products = X @ X.T
weights = np.exp(products) / np.exp(products).sum(axis=1, keepdims=True)
print("By the formula:")
print((weights @ X).round(2))

# %%
# Keys and values of a training set make a regression: on the unit circle the product is the
# cosine of the angle, and ``scale`` sets how narrow the mean is.
rng = np.random.default_rng(0)
angle = rng.uniform(0, 2 * np.pi, size=80)
target = np.sin(3 * angle) + 0.3 * rng.normal(size=80)
grid = np.linspace(0, 2 * np.pi, 400)
truth = np.sin(3 * grid)


def circle(angles: np.ndarray) -> np.ndarray:
    """Return points on the unit circle."""
    return np.column_stack([np.cos(angles), np.sin(angles)])


curves = {
    f"attention, scale {scale:g}": AttentionTransformer(
        keys=circle(angle), values=target[:, None], scale=scale
    ).fit_transform(circle(grid))[:, 0]
    for scale in (3, 30, 1000)
}
neighbors = KNeighborsRegressor(5).fit(circle(angle), target)
curves["five nearest neighbours"] = neighbors.predict(circle(grid))
for name, curve in curves.items():
    error = np.sqrt(np.square(curve - truth).mean())
    print(f"{name:24s} root mean squared error {error:.2f}")

# %%
# Left: the weights of the four rows. Right: a small scale averages over too many rows, a large
# scale over too few.
figure, (left, right) = plt.subplots(
    1, 2, figsize=(10, 4.2), layout="constrained", width_ratios=(1, 2)
)
AttentionMapDisplay(weights, query_names=range(4), key_names=range(4)).plot(left)
right.scatter(angle, target, s=10, color="0.6", label="training set")
for name, curve in curves.items():
    right.plot(grid, curve, label=name)
right.plot(grid, truth, color="black", linewidth=1, linestyle="--", label="truth")
right.set(xlabel="angle (radians)", ylabel="target")
right.legend(
    fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False
)
plt.show()
