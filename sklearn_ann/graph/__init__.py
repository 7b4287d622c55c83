"""Graphs: a container, graph convolutions, and estimators of graphs and of nodes."""

from sklearn_ann.graph.container import Graph, GraphSet
from sklearn_ann.graph.conversion import as_graph_set
from sklearn_ann.graph.estimators import GCNClassifier, GCNNodeClassifier, GCNNodeRegressor, GCNRegressor
from sklearn_ann.graph.molecules import MoleculeEncoder

__all__ = [
    "GCNClassifier",
    "GCNNodeClassifier",
    "GCNNodeRegressor",
    "GCNRegressor",
    "Graph",
    "GraphSet",
    "MoleculeEncoder",
    "as_graph_set",
]
