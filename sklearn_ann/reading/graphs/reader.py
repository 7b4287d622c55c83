"""Readers for whole graphs and for the nodes of one graph."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Self

import numpy as np
import torch

from sklearn_ann.reading.graphs.container import GraphSet, as_graph, as_graph_set
from sklearn_ann.reading.graphs.samples import GraphBatch, GraphSamples, NodeSamples, whole_graph
from sklearn_ann.reading.reader import Reader
from sklearn_ann.training import Samples


class _GraphOptions(Reader[Samples]):
    """Base of the readers for graphs and for nodes.

    Parameters
    ----------
    normalize, self_loops, n_heads
        See `GraphSamples`.

    Attributes
    ----------
    n_edge_features : int
        Number of edge features.
    """

    n_edge_features: int

    def __init__(
        self, *, owner: str, dtype: torch.dtype, normalize: str | None, self_loops: bool, n_heads: int
    ) -> None:
        super().__init__(owner=owner, dtype=dtype)
        self.normalize, self.self_loops, self.n_heads = normalize, self_loops, n_heads

    def _learn_widths(self, graphs: GraphSet) -> None:
        self.columns.count(graphs.node_features.shape[1])
        self.n_edge_features = _n_edge_features(graphs)

    def _hold_widths(self, graphs: GraphSet) -> GraphSet:
        """Hold graphs to the learned numbers of features; without any nodes or edges, they fit."""
        nodes, edges = graphs.node_features, graphs.edge_features
        if nodes.shape[0] == 0:
            nodes = np.zeros((0, self.columns.number))
        if graphs.adjacency.nnz == 0:
            edges = np.zeros((0, self.n_edge_features)) if self.n_edge_features else None
        if nodes is not graphs.node_features or edges is not graphs.edge_features:
            graphs = GraphSet(nodes, graphs.adjacency, graphs.offsets, edges)
        n_nodes, n_edges = graphs.node_features.shape[1], _n_edge_features(graphs)
        for what, now, then in (("node", n_nodes, self.columns.number), ("edge", n_edges, self.n_edge_features)):
            if now != then:
                raise ValueError(f"X has {now} {what} features, but {self.owner} is expecting {then} as input")
        return graphs


class GraphReader(_GraphOptions):
    """Reads graphs of any kind that `as_graph_set` takes."""

    def learn(self, X: Any, y: Any = None) -> GraphSamples:
        """Learn the numbers of node and edge features."""
        graphs = as_graph_set(X)
        self._learn_widths(graphs)
        return self._encoded(graphs)

    def read(self, X: Any, y: Any = None) -> GraphSamples:
        """Encode graphs that have the same features."""
        return self._encoded(self._hold_widths(as_graph_set(X)))

    def _encoded(self, graphs: GraphSet) -> GraphSamples:
        return GraphSamples(graphs, self.normalize, self.self_loops, self.dtype, self.n_heads)


class NodeReader(_GraphOptions):
    """Reads the node numbers of one graph, and keeps the graph.

    Parameters
    ----------
    graph : GraphSet of one graph, (X, A), networkx graph or PyTorch Geometric Data
    """

    def __init__(self, *, graph: Any, **options: Any) -> None:
        super().__init__(**options)
        if graph is None:
            raise ValueError("graph=None: give the graph to which the nodes in X belong, such as graph=(X, A)")
        one = as_graph(graph)
        self._learn_widths(one)
        self.graph_set = one
        self.graph = self._batch(self.dtype)

    def _batch(self, dtype: torch.dtype) -> GraphBatch:
        return whole_graph(self.graph_set, self.normalize, self.self_loops, dtype, self.n_heads)

    def retyped(self, dtype: torch.dtype) -> Self:
        """Return a copy, with another dtype for the graph."""
        new = super().retyped(dtype)
        if new is not self:
            vars(new)["graph"] = self._batch(dtype)
        return new

    def learn(self, X: Any, y: Any = None) -> NodeSamples:
        """Learn nothing beyond the graph itself."""
        return self.read(X)

    def read(self, X: Any, y: Any = None) -> NodeSamples:
        """Check node numbers of the graph."""
        return NodeSamples(self.graph, torch.from_numpy(node_numbers(X, int(self.graph_set.n_nodes[0]))))


def _n_edge_features(graphs: GraphSet) -> int:
    return 0 if graphs.edge_features is None else int(graphs.edge_features.shape[1])


def node_numbers(X: Any, n: int) -> np.ndarray:
    """Check that `X` holds node numbers from 0 to ``n - 1``, and return them as int64."""
    nodes = np.asarray(X)
    if nodes.dtype == object and all(isinstance(node, Integral) for node in nodes.ravel()):
        nodes = nodes.astype(np.int64)
    if nodes.ndim == 2 and nodes.shape[1] == 1:
        nodes = nodes[:, 0]
    if nodes.ndim != 1:
        raise ValueError(f"X must hold node numbers of shape (n_samples,) or (n_samples, 1), got shape {nodes.shape}")
    if len(nodes) == 0:
        raise ValueError("Found array with 0 sample(s) (shape=(0,)) while a minimum of 1 is required.")
    whole = nodes.astype(np.int64) if np.issubdtype(nodes.dtype, np.number) and np.isfinite(nodes).all() else None
    if whole is None or (whole != nodes).any():
        raise ValueError(f"X must hold node numbers, which are integers; got {nodes.dtype} such as {nodes[0]!r}")
    outside = np.flatnonzero((whole < 0) | (whole >= n))
    if len(outside):
        raise ValueError(f"sample {outside[0]} is the node {whole[outside[0]]}, but the nodes are 0 to {n - 1}")
    return whole
