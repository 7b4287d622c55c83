"""A graph convolution commutes with a permutation of the nodes."""

import matplotlib.pyplot as plt
import numpy as np
from cells import draw_cells

from sklearn_ann import GraphConvolutionTransformer

names = np.array(list("abcde"))
A = np.zeros((5, 5))
for i, j in [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4)]:
    A[i, j] = A[j, i] = 1
X = np.array([[1, 0], [0, 1], [1, 1], [0, 2], [2, 0]])
order = np.array([3, 0, 4, 2, 1])  # τ: the nodes are written down in another order
convolution = GraphConvolutionTransformer(weights=[[1, 0], [1, -1]], activation="identity")

figure, axes = plt.subplots(
    2, 4, figsize=(5.6, 4.4), layout="constrained", width_ratios=(5, 2, 2, 2)
)
figure.get_layout_engine().set(wspace=0.12, hspace=0.12)
lines = {"": np.arange(5), "τ": order}
for line, (name, nodes) in zip(axes, lines.items(), strict=True):
    graph = X[nodes], A[np.ix_(nodes, nodes)]
    new = convolution.fit_transform(graph)
    draw_cells(
        line[0],
        graph[1],
        f"{name}(A)" if name else "A",
        rows=names[nodes],
        columns=names[nodes],
    )
    draw_cells(line[1], graph[0], f"{name}(X)" if name else "X", rows=names[nodes])
    draw_cells(line[2], new, "X'", rows=names[nodes])
    draw_cells(line[3], new.sum(axis=0, keepdims=True), "sum")
    line[1].annotate(
        "",
        (1.55, 0.5),
        (1.05, 0.5),
        xycoords="axes fraction",
        arrowprops={"arrowstyle": "-|>", "linewidth": 1.6, "color": "#4477aa"},
    )
for axis in axes[0, :3]:
    axis.annotate(
        "τ",
        (0.5, -0.2),
        (0.5, -0.02),
        xycoords="axes fraction",
        ha="center",
        va="top",
        color="#4477aa",
        arrowprops={"arrowstyle": "-|>", "linewidth": 1.6, "color": "#4477aa"},
    )
