"""Graphs: a container, graph convolutions, and estimators for whole graphs and for nodes."""

from sklearn_ann.graph.estimators import GCNClassifier, GCNNodeClassifier, GCNNodeRegressor, GCNRegressor
from sklearn_ann.graph.transformer import GraphConvolutionTransformer
from sklearn_ann.preprocessing.molecules import MoleculeEncoder
from sklearn_ann.reading.graphs import Graph, GraphSet, as_graph_set

__all__ = [
    "GCNClassifier",
    "GCNNodeClassifier",
    "GCNNodeRegressor",
    "GCNRegressor",
    "Graph",
    "GraphConvolutionTransformer",
    "GraphSet",
    "MoleculeEncoder",
    "as_graph_set",
]
