"""A graph of each class, with the contribution of each node to the prediction of a network."""

import matplotlib.pyplot as plt

from sklearn_ann import GCNClassifier, GraphSet
from sklearn_ann.datasets import make_motif_graphs
from sklearn_ann.inspection import GraphDisplay

pairs, y = make_motif_graphs(100, n_nodes=(4, 10), random_state=0)
graphs = GraphSet.from_list(pairs)
model = GCNClassifier(max_epochs=60, random_state=0).fit(graphs, y)

figure, axes = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for sample, axis in enumerate(axes):
    GraphDisplay.from_estimator(model, graphs, sample=sample, ax=axis)
    axis.set_title(f"graph {sample}, class {y[sample]}")
