"""
Compute a graph convolution by hand with GraphConvolutionTransformer
====================================================================

This example shows what one graph convolution computes. A graph convolution replaces the
features of each node by a sum over its neighbours, ``X' = σ(A X Wᵀ)``.
:class:`~sklearn_ann.GraphConvolutionTransformer` computes the formula with given weights,
without training: on five nodes, and on graphs of two classes, where random weights are
compared with a trained :class:`~sklearn_ann.GCNClassifier`.

Baseline: a random forest on the features of the nodes alone.
"""

# %%
# Five nodes and five edges. With ``self_loops=True`` each node is part of its own sum.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn_ann import GCNClassifier, GraphConvolutionTransformer, GraphSet
from sklearn_ann.datasets import make_motif_graphs
from sklearn_ann.inspection import GraphDisplay

edges = [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4)]
A = np.zeros((5, 5))
for i, j in edges:
    A[i, j] = A[j, i] = 1
X = np.array([[1.0], [0.0], [0.0], [0.0], [0.0]])  # only node 0 has a signal
# A mean over the node and its neighbours; W is the identity.
convolution = GraphConvolutionTransformer(normalize="row", self_loops=True)
steps = [X]
for _ in range(3):
    steps.append(convolution.fit_transform((steps[-1], A)))
for number, step in enumerate(steps):
    print(f"after {number} convolutions: {step.ravel().round(2)}")

# %%
# The convolution is equivariant: if the nodes are permuted, the result is permuted in the same
# way. A statistic over the nodes is invariant: it is the same in any order.
order = [3, 0, 4, 2, 1]
permuted = X[order], A[np.ix_(order, order)]
of_permuted = convolution.fit_transform(permuted)
print(f"result in this order:         {steps[1][order].ravel().round(2)}")
print(f"result of the permuted graph: {of_permuted.ravel().round(2)}")
pooled = GraphConvolutionTransformer(normalize="row", self_loops=True, pooling="max")
for name, graph in {"graph": (X, A), "permuted graph": permuted}.items():
    print(f"maximum over the nodes, {name}: {pooled.fit_transform([graph])[0, 0]:.2f}")

# %%
# The graphs of the two classes have the same numbers of nodes, of edges and of nodes of each
# degree; only the chord of a ring differs. ``pooling`` turns each graph into a row for a
# forest. If A is the identity matrix, there are no edges between nodes, and the rows do not
# depend on the class. With the edges, random weights suffice for most of the accuracy.
pairs, chord = make_motif_graphs(300, n_nodes=(4, 8), random_state=0)
graphs = GraphSet.from_list(pairs)
alone = GraphSet.from_list([(X, np.eye(len(X))) for X, _ in pairs])
W = np.random.default_rng(0).normal(size=(32, 2))
forest = make_pipeline(
    GraphConvolutionTransformer(weights=W, activation="tanh", pooling="max"),
    RandomForestClassifier(random_state=0),
)
scores = {
    "nodes alone, forest": cross_val_score(forest, alone, chord, cv=5).mean(),
    "random convolution, forest": cross_val_score(forest, graphs, chord, cv=5).mean(),
    "GCNClassifier, trained": cross_val_score(
        GCNClassifier(random_state=0), graphs, chord, cv=5
    ).mean(),
}
for name, score in scores.items():
    print(f"{name:28s} accuracy {score:.3f}")

# %%
# The signal of node 0 spreads by one edge with each convolution.
figure, axes = plt.subplots(2, 2, figsize=(8, 6.4), layout="constrained")
for number, (axis, step) in enumerate(zip(axes.flat, steps, strict=True)):
    GraphDisplay(A, values=step.ravel(), names=range(5)).plot(axis, label="feature")
    axis.set_title(f"{number} convolutions" if number != 1 else "1 convolution")
plt.show()
