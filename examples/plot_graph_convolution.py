"""
Graph convolution by hand: GraphConvolutionTransformer
======================================================

A graph convolution replaces the features of each node by a sum over its neighbours, ``X' = σ(A X Wᵀ)``. Here it runs
with given weights, without training: on five nodes, where each step can be followed, and on graphs of two classes,
where a convolution with random weights is compared with the nodes alone and with a trained network.
"""

# %%
# Five nodes and five edges. The diagonal of the adjacency matrix lets each node count itself.
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_ann import GCNClassifier, GraphConvolutionTransformer, GraphSet
from sklearn_ann.datasets import make_motif_graphs
from sklearn_ann.inspection import GraphDisplay

edges = [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4)]
A = np.eye(5)
for i, j in edges:
    A[i, j] = A[j, i] = 1
X = np.array([[1.0], [0.0], [0.0], [0.0], [0.0]])  # only node 0 has a signal
convolution = GraphConvolutionTransformer(normalize="row")  # a mean over the node and its neighbours; W is the identity
steps = [X]
for _ in range(3):
    steps.append(convolution.fit_transform((steps[-1], A)))
for number, step in enumerate(steps):
    print(f"after {number} convolutions: {step.ravel().round(2)}")

# %%
# If the nodes are put into another order, the result is the same in that order: the convolution is equivariant. A
# statistic over the nodes is the same in any order: it is invariant.
order = [3, 0, 4, 2, 1]
permuted = X[order], A[np.ix_(order, order)]
assert np.allclose(convolution.fit_transform(permuted), steps[1][order])
pooled = GraphConvolutionTransformer(pooling="max")
assert np.allclose(pooled.fit_transform([permuted]), pooled.fit_transform([(X, A)]))

# %%
# Graphs of two classes have the same numbers of nodes, edges and nodes of each degree; only the chord of a ring
# differs. ``pooling`` turns each graph into a row for a forest. Without edges between the nodes, A being the identity
# matrix, the rows say nothing about the class. With the edges, random weights suffice for most of it. The trained
# network reads the rest.
pairs, chord = make_motif_graphs(300, n_nodes=(4, 8), random_state=0)
graphs = GraphSet.from_list(pairs)
alone = GraphSet.from_list([(X, np.eye(len(X))) for X, _ in pairs])
W = np.random.default_rng(0).normal(size=(32, 2))
forest = make_pipeline(
    GraphConvolutionTransformer(weights=W, activation="tanh", pooling="max"), RandomForestClassifier(random_state=0)
)
scores = {
    "nodes alone, forest": cross_val_score(forest, alone, chord, cv=5).mean(),
    "random convolution, forest": cross_val_score(forest, graphs, chord, cv=5).mean(),
    "GCNClassifier, trained": cross_val_score(GCNClassifier(random_state=0), graphs, chord, cv=5).mean(),
}
for name, score in scores.items():
    print(f"{name:28s} accuracy {score:.3f}")

# %%
# The picture: the signal of node 0 spreads by one edge with each convolution.
figure, axes = plt.subplots(1, 4, figsize=(13, 3), layout="constrained")
for number, (axis, step) in enumerate(zip(axes, steps, strict=True)):
    GraphDisplay(A, values=step.ravel(), names=range(5)).plot(axis)
    axis.set_title(f"{number} convolutions" if number != 1 else "1 convolution")
picture = Path(sys.argv[0]).with_suffix(".png") if sys.argv[0].endswith(".py") else Path("graph_convolution.png")
figure.savefig(picture, dpi=130)
print(f"Picture: {picture}")
