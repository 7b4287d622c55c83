"""
Predict values of nodes with GCNNodeRegressor
=============================================

This example shows how to predict a number for each node of a graph when few nodes are
measured. The nodes are genes, and an edge joins genes that interact. Genes of one module
respond to a treatment alike. :class:`~sklearn_ann.GCNNodeRegressor` reads the features of a
gene and, along the edges, those of its neighbours. A fifth of the responses is measured.

Baseline: ridge regression on the features of the gene, and on those of the gene and the means
of its neighbours.
"""

# %%
# The data: 320 genes in four modules. The features of a gene hardly depend on its module.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn_ann import GCNNodeRegressor
from sklearn_ann.datasets import make_block_graph

(X, A), module = make_block_graph([80] * 4, p_in=0.06, p_out=0.008, signal=0.4, random_state=0)
rng = np.random.default_rng(0)
response = np.array([1.0, 4.0, -2.0, 2.0])[module] + 0.5 * rng.normal(size=320)
measured = np.arange(0, 320, 5)
hidden = np.setdiff1d(np.arange(320), measured)

# %%
# X of a node estimator are the numbers of the nodes; the graph with its node features is a
# parameter.
network = GCNNodeRegressor(graph=(X, A), random_state=0).fit(measured, response[measured])
means = A @ X / np.maximum(A.sum(axis=1), 1).reshape(-1, 1)
features = {"ridge, own features": X, "ridge, with neighbours": np.hstack([X, means])}
predicted = {"GCNNodeRegressor": network.predict(hidden)}
for name, table in features.items():
    ridge = RidgeCV(np.logspace(-2, 3, 6)).fit(table[measured], response[measured])
    predicted[name] = ridge.predict(table[hidden])
r2 = {name: r2_score(response[hidden], values) for name, values in predicted.items()}
for name, value in r2.items():
    print(f"{name:23s} R² {value:.3f} on {len(hidden)} genes")

# %%
# Predicted against true responses of the genes that were not measured.
figure, axes = plt.subplots(
    1, 3, figsize=(11, 3.7), layout="constrained", sharex=True, sharey=True
)
for ax, (name, values) in zip(axes, predicted.items(), strict=True):
    ax.scatter(response[hidden], values, s=8)
    ax.axline((0, 0), slope=1, color="0.5", linewidth=1)
    ax.set(title=f"{name}: R² {r2[name]:.2f}", xlabel="response")
axes[0].set_ylabel("predicted response")
plt.show()
