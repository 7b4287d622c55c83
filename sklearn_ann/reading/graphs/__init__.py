"""Graphs: a container, conversions to it, and the form in which the engine reads it."""

from sklearn_ann.reading.graphs.container import Graph, GraphSet, as_graph, as_graph_set
from sklearn_ann.reading.graphs.reader import GraphReader, NodeReader
from sklearn_ann.reading.graphs.samples import GraphBatch, GraphSamples, NodeSamples

__all__ = [
    "Graph",
    "GraphBatch",
    "GraphReader",
    "GraphSamples",
    "GraphSet",
    "NodeReader",
    "NodeSamples",
    "as_graph",
    "as_graph_set",
]
