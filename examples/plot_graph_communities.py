"""
Classify the nodes of a network with GCNNodeClassifier
======================================================

This example shows how to classify the nodes of a graph when few of them have a label. The
graph has three communities, and the features of a node hardly depend on the community.
:class:`~sklearn_ann.GCNNodeClassifier` also reads the neighbours of each node.

Baseline: logistic regression on the features of the node.
"""

# %%
# The data: one graph of 240 nodes. In each community eight of the 80 nodes have a label.
import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn_ann import GCNNodeClassifier
from sklearn_ann.datasets import make_block_graph

(X, A), community = make_block_graph(
    [80, 80, 80], p_in=0.08, p_out=0.008, signal=0.4, random_state=1
)
labelled = np.arange(0, 240, 10)
hidden = np.setdiff1d(np.arange(240), labelled)

# %%
# A node estimator takes the numbers of nodes as X; the graph is a parameter.
model = GCNNodeClassifier(
    graph=(X, A),
    dropout=0.5,
    learning_rate=0.01,
    max_epochs=100,
    learning_rate_schedule="cosine",
    random_state=0,
).fit(labelled, community[labelled])
baseline = LogisticRegression().fit(X[labelled], community[labelled])
found = {
    "features alone": baseline.predict(X),
    "graph convolution": model.predict(np.arange(240)),
}
accuracy = {
    name: float((labels[hidden] == community[hidden]).mean()) for name, labels in found.items()
}
for name, value in accuracy.items():
    print(f"{name:18s} accuracy {value:.3f} on the {len(hidden)} nodes without a label")

# %%
# Colours are predicted communities, rings mark nodes with a label, and crosses mark errors.
graph = nx.from_scipy_sparse_array(A)
places = nx.spring_layout(graph, seed=3, k=0.16)
position = np.array(list(places.values()))
colours = np.array(["#4477aa", "#ee6677", "#ccbb44"])
figure, axes = plt.subplots(1, 2, figsize=(10, 4.8), layout="constrained")
for axis, (name, labels) in zip(axes, found.items(), strict=True):
    nx.draw_networkx_edges(graph, places, ax=axis, edge_color="#bbbbbb", width=0.4)
    axis.scatter(*position.T, s=22, c=colours[labels], zorder=2)
    axis.scatter(
        *position[labelled].T,
        s=70,
        facecolors="none",
        edgecolors="black",
        zorder=3,
        label="had a label",
    )
    wrong = hidden[labels[hidden] != community[hidden]]
    axis.scatter(
        *position[wrong].T, s=26, c="black", marker="x", linewidths=1, zorder=3, label="wrong"
    )
    axis.set_title(f"{name}: {accuracy[name]:.1%} correct")
    axis.axis("off")
axes[1].legend(loc="lower right", frameon=False)
plt.show()
