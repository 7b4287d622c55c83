"""A graph of five nodes and five edges, and one convolution with its matrices."""

import matplotlib.pyplot as plt
import numpy as np
from cells import draw_cells, write

from sklearn_ann import GraphConvolutionTransformer
from sklearn_ann.inspection import GraphDisplay

names = list("abcde")
A = np.zeros((5, 5))
for i, j in [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4)]:
    A[i, j] = A[j, i] = 1
X = np.array([[1, 0], [0, 1], [1, 1], [0, 2], [2, 0]])
W = np.array([[1, 0], [1, -1]])
new = GraphConvolutionTransformer(weights=W, activation="identity").fit_transform((X, A))

figure = plt.figure(figsize=(5.6, 5.2), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=(1.25, 1))
for axis, values, title in zip(
    above.subplots(1, 2),
    (X[:, 0], new[:, 0]),
    ("first feature of X", "first feature of X'"),
    strict=True,
):
    GraphDisplay(A, values=values, names=names).plot(axis)
    axis.collections[0].set_sizes([320])  # five nodes have room for their names
    axis.margins(0.15)
    axis.set_title(title)
axes = below.subplots(1, 7, width_ratios=(5, 0.6, 2, 0.6, 2, 0.6, 2))
draw_cells(axes[0], A, "A", rows=names, columns=names)
write(axes[1], "·")
draw_cells(axes[2], X, "X", rows=names)
write(axes[3], "·")
draw_cells(axes[4], W.T, "Wᵀ")
write(axes[5], "=")
draw_cells(axes[6], new, "A X Wᵀ", rows=names)
