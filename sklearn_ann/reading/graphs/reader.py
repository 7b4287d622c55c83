"""Readers for whole graphs and for the nodes of one graph."""

from __future__ import annotations

import dataclasses
from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
import scipy.sparse as sp
import torch

from sklearn_ann._warnings import warn
from sklearn_ann.reading.columns import in_pandas, is_frame
from sklearn_ann.reading.graphs.attributes import Attributes, some_names
from sklearn_ann.reading.graphs.container import GraphSet, as_graph, as_graph_set
from sklearn_ann.reading.graphs.conversion import Choice
from sklearn_ann.reading.graphs.lengths import Lengths, automatic_lengths, scaled_rows
from sklearn_ann.reading.graphs.parts import counted
from sklearn_ann.reading.graphs.samples import GraphBatch, GraphSamples, NodeSamples, check_sums, whole_graph
from sklearn_ann.reading.graphs.whole import LearnedGraphFeatures
from sklearn_ann.reading.reader import Reader
from sklearn_ann.training import Examples, Samples, as_array


class _GraphOptions(Reader[Samples]):
    """Base of the readers for graphs and for nodes.

    Parameters
    ----------
    normalize, self_loops, n_heads
        See `GraphSamples`.
    averages : bool
        Whether the network averages over neighbours, for which their weights must have a positive sum.
    node_attributes, edge_attributes
        See `as_graph_set`.

    Attributes
    ----------
    n_edge_features : int
        Number of edge features.
    node_features : {"given", "attributes", "degree", "identity", "molecule"}
        Where the node features come from.
    edge_features_given : bool
        Whether there are edge features other than those that this package makes of molecules.
    of_degrees : bool
        Whether the only node feature is the degree, given or not: graphs taken from a `GraphSet` bring theirs along.
    weighted : bool
        Whether edges have different weights.
    """

    n_edge_features: int
    node_features: str
    edge_features_given: bool
    of_degrees: bool
    weighted: bool

    def __init__(
        self,
        *,
        owner: str,
        dtype: torch.dtype,
        normalize: str | None,
        self_loops: bool,
        n_heads: int,
        averages: bool = False,
        node_attributes: Choice = None,
        edge_attributes: Choice = None,
    ) -> None:
        super().__init__(owner=owner, dtype=dtype)
        self.normalize, self.self_loops, self.n_heads, self.averages = normalize, self_loops, n_heads, averages
        self.of_nodes, self.of_edges = node_attributes, edge_attributes

    def _learn_widths(self, graphs: GraphSet) -> None:
        self.columns.count(graphs.node_features.shape[1])
        if graphs.node_feature_names is not None:
            self.columns.attributes_["feature_names_in_"] = np.array(graphs.node_feature_names, dtype=object)
        self.n_edge_features = _n_edge_features(graphs)
        self.node_features, self.of_degrees = graphs.origin.nodes, _have_degrees(graphs)
        self.edge_features_given = bool(self.n_edge_features) and graphs.origin.edges == "given"
        weights = graphs.adjacency.data
        self.weighted = len(weights) > 0 and bool((weights != weights[0]).any())
        self.of_nodes, self.of_edges = graphs.origin.node_attributes, graphs.origin.edge_attributes
        self._check_sums(graphs)

    def _check_sums(self, graphs: GraphSet) -> None:
        if self.averages:
            advice = f"{self.owner} averages over neighbours with these weights and needs positive sums"
            check_sums(graphs.adjacency, graphs.offsets, advice)

    def _hold_widths(self, graphs: GraphSet) -> GraphSet:
        """Hold graphs to the learned features, by name if they have names; without any nodes or edges, they fit."""
        self._check_sums(graphs)
        origin = graphs.origin
        self._hold_source(graphs)
        nodes = self._aligned("node", graphs.node_features, self.of_nodes, origin.node_attributes)
        edges = graphs.edge_features
        if edges is not None:
            edges = self._aligned("edge", edges, self.of_edges, origin.edge_attributes)
        if nodes.shape[0] == 0:
            nodes = np.zeros((0, self.columns.number), dtype=np.float32)
        if graphs.adjacency.nnz == 0:
            edges = np.zeros((0, self.n_edge_features), dtype=np.float32) if self.n_edge_features else None
        if nodes is not graphs.node_features or edges is not graphs.edge_features:
            graphs = graphs.with_features(
                nodes, edges, of_nodes=origin.node_attributes, of_edges=origin.edge_attributes
            )
        n_nodes, n_edges = graphs.node_features.shape[1], _n_edge_features(graphs)
        for what, now, then in (("node", n_nodes, self.columns.number), ("edge", n_edges, self.n_edge_features)):
            if now != then:
                raise ValueError(f"X has {now} {what} features, but {self.owner} is expecting {then} as input")
        return graphs

    def _hold_source(self, graphs: GraphSet) -> None:
        """Refuse graphs without node features after a fit with them, where degrees would pass for them."""
        if graphs.origin.nodes == "degree" and not self.of_degrees and graphs.node_features.shape[0]:
            raise ValueError(f"the graphs of X have no node features, but those in the fit of {self.owner} had")
        if self.node_features == "degree" and not _have_degrees(graphs):
            warn(f"{self.owner} was fitted on graphs without node features and reads those of X as degrees")

    def _aligned(self, what: str, features: Any, learned: Any, given: Attributes | None) -> Any:
        """Put features in the learned order; warn, as scikit-learn does, if only one side has names."""
        if features.shape[0] == 0 or learned is given:
            return features
        if isinstance(learned, Attributes) and learned.columns and given is not None and given.columns:
            return learned.aligned(features, given)
        names = [a.names if isinstance(a, Attributes) else None for a in (learned, given)]
        if (names[0] is None) != (names[1] is None):
            here, there = ("has no", "with") if names[1] is None else ("has", "without")
            warn(f"X {here} {what} feature names, but {self.owner} was fitted {there} {what} feature names")
        return features

    @property
    def attributes(self) -> dict[str, Any]:
        """Number and names of the features, and where they come from."""
        return super().attributes | {"node_features_": self.node_features}


class GraphReader(_GraphOptions):
    """Reads graphs of any kind that `as_graph_set` takes.

    Attributes
    ----------
    whole : LearnedGraphFeatures
        What was learned of the features of whole graphs.
    """

    whole: LearnedGraphFeatures

    def learn(self, X: Any, y: Any = None) -> GraphSamples:
        """Learn the features of nodes, edges and graphs, by name if they have names."""
        return self._encoded(self.learn_graphs(X))

    def learn_graphs(self, X: Any) -> GraphSet:
        """Learn as in ``learn``, and return the graphs as a set."""
        graphs = as_graph_set(X, node_attributes=self.of_nodes, edge_attributes=self.of_edges)
        self._learn_widths(graphs)
        self.whole = LearnedGraphFeatures(graphs.whole, owner=self.owner, dtype=self.dtype)
        return graphs

    def finish(self, examples: Examples[Samples]) -> Examples[Samples]:
        """Learn how to scale the graph features from graphs that have nodes and a weight, and scale them."""
        samples = examples.samples
        if not self.whole.number or not isinstance(samples, GraphSamples):
            return examples
        values = samples.parts["graph_features"].numpy()
        rows = slice(None) if examples.rows is None else examples.rows.numpy()
        weight = None if examples.weight is None else examples.weight.numpy()[rows]
        self.whole.learn(values[rows], weight)
        return dataclasses.replace(examples, samples=samples.with_graph_features(self.whole.scaled(values)))

    def read(self, X: Any, y: Any = None) -> GraphSamples:
        """Encode graphs that have the same features."""
        graphs = self.read_graphs(X)
        whole = self.whole.held(graphs.whole)
        samples = self._encoded(graphs)
        return samples if whole is None else samples.with_graph_features(self.whole.scaled(whole.values))

    def read_graphs(self, X: Any) -> GraphSet:
        """Return graphs that have the same features of nodes and edges as a set."""
        return self._hold_widths(as_graph_set(X, node_attributes=self.of_nodes, edge_attributes=self.of_edges))

    def _encoded(self, graphs: GraphSet) -> GraphSamples:
        return GraphSamples(graphs, self.normalize, self.self_loops, self.dtype, self.n_heads)


class NodeReader(_GraphOptions):
    """Reads the names or numbers of nodes of one graph, and keeps the graph.

    Parameters
    ----------
    graph : GraphSet of one graph, (X, A), networkx graph or PyTorch Geometric Data
    normalize_features : {"auto", "l1", "l2"} or None
        How to scale the features of each node; see `lengths.scaled_rows`.

    Attributes
    ----------
    normalize_features : {"l1", "l2"} or None
        How they are scaled.
    numbers : dict or None
        The number of each node by its name; None for nodes without names.
    """

    def __init__(self, *, graph: Any, normalize_features: Lengths | None = None, **options: Any) -> None:
        super().__init__(**options)
        if graph is None:
            raise ValueError("graph=None: give the graph to which the nodes in X belong, such as graph=(X, A)")
        one = self._with_features(graph)
        self._learn_widths(one)
        self.normalize_features: Literal["l1", "l2"] | None = (
            automatic_lengths(one.node_features) if normalize_features == "auto" else normalize_features
        )
        if self.normalize_features is not None:
            X = scaled_rows(one.node_features, self.normalize_features)
            of_nodes, of_edges = one.origin.node_attributes, one.origin.edge_attributes
            one = one.with_features(X, one.edge_features, of_nodes=of_nodes, of_edges=of_edges)
        self.graph_set = one
        self.numbers = None if one.node_names is None else {name: i for i, name in enumerate(one.node_names.tolist())}
        self.graph = self._batch(self.dtype)

    def _with_features(self, graph: Any) -> GraphSet:
        """Return the graph; a node without features is told apart by its own weights, which is the identity matrix.

        Attributes of networkx nodes are features only if they are asked for: one may be what is predicted.
        """
        chosen, unused = self.of_nodes, []
        if chosen is None and hasattr(graph, "nodes") and hasattr(graph, "is_directed"):
            unused = sorted({name for _, attributes in graph.nodes(data=True) for name in attributes}, key=str)
            chosen, unused = (["x"], []) if "x" in unused else ([], unused)
        one = as_graph(graph, node_attributes=chosen, edge_attributes=self.of_edges)
        if one.origin.nodes == "attributes":  # by the rule of sets of graphs
            assert one.origin.node_attributes is not None
            unused = list(one.origin.node_attributes.columns)
        if unused:
            warn(
                f"the attributes {unused} of the nodes are not used as features, because one of them may be what is "
                "predicted. node_attributes=['NAME', ...] uses the named ones, node_attributes=[] none, without this "
                "warning; for a GraphSet, give node_attributes to GraphSet.from_list"
            )
        if one.whole is not None:
            number = counted(one.whole.values.shape[1], "graph feature")
            warn(f"{self.owner} ignores {number}, because all nodes have the same values")
        if unused or one.origin.nodes == "degree":
            one = one.with_features(
                sp.eye_array(one.node_features.shape[0], format="csr", dtype=np.float32),
                one.edge_features,
                of_nodes=None,
                of_edges=one.origin.edge_attributes,
                source="identity",
            )
        return one

    @property
    def attributes(self) -> dict[str, Any]:
        """What was learned of the graph."""
        names = self.graph_set.node_names
        n = self.graph_set.node_features.shape[0]
        return super().attributes | {"node_names_": np.arange(n) if names is None else names}

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
        """Find nodes by their names or numbers."""
        n = int(self.graph_set.n_nodes[0])
        found = node_numbers(X, n) if self.numbers is None else named_nodes(X, self.numbers)
        return NodeSamples(self.graph, torch.from_numpy(found))


def _have_degrees(graphs: GraphSet) -> bool:
    """Return whether the only feature of each node is its degree, the sum of the weights of its edges."""
    features = graphs.node_features
    if graphs.origin.nodes == "degree" or features.shape[0] == 0:
        return True
    if sp.issparse(features) or features.shape[1] != 1:
        return False
    return np.allclose(features[:, 0], np.asarray(graphs.adjacency.sum(axis=1)).ravel())


def _n_edge_features(graphs: GraphSet) -> int:
    return 0 if graphs.edge_features is None else int(graphs.edge_features.shape[1])


def _node_list(X: Any) -> list[Any]:
    """Return nodes from a list, an array, a series, an index or a single column; tuples may be names."""
    if isinstance(X, str) or not hasattr(X, "__len__") or not hasattr(X, "__getitem__"):
        raise TypeError(f"X must be a sequence of nodes, got {X!r}")
    X = as_array(X) if isinstance(X, torch.Tensor) else in_pandas(X)
    if is_frame(X):
        if len(X.columns) != 1:
            raise ValueError(f"X must hold nodes in one column, got {len(X.columns)} columns")
        return list(X.to_numpy()[:, 0])
    if isinstance(X, np.ndarray) and X.ndim == 2:
        return list(X[:, 0].tolist() if X.shape[1] == 1 else map(tuple, X.tolist()))
    items = X.tolist() if isinstance(X, np.ndarray) else list(X)
    column = len(items) > 0 and all(isinstance(item, list | np.ndarray) and len(item) == 1 for item in items)
    return [item[0] for item in items] if column else items


def named_nodes(X: Any, numbers: dict[Any, int]) -> np.ndarray:
    """Return the numbers of nodes that are called by their names."""
    nodes = _node_list(X)
    if not nodes:
        raise ValueError("Found array with 0 sample(s) (shape=(0,)) while a minimum of 1 is required.")
    found = np.empty(len(nodes), dtype=np.int64)
    truth = any(isinstance(name, bool) for name in numbers)
    for sample, node in enumerate(nodes):
        if isinstance(node, bool | np.bool_) and not truth:
            raise ValueError(f"sample {sample} is {node}: X must hold names of nodes, not a mask")
        try:
            found[sample] = numbers[node]
        except (KeyError, TypeError) as error:  # a list has no hash
            raise ValueError(
                f"sample {sample} is {node!r}, which is no node of the graph: its nodes are named "
                f"{some_names(list(numbers)[:6])}"
            ) from error
    return found


def node_numbers(X: Any, n: int) -> np.ndarray:
    """Check that `X` holds node numbers from 0 to ``n - 1``, and return them as int64."""
    try:
        nodes = np.asarray(X)
        if nodes.dtype == object and all(isinstance(node, Integral) for node in nodes.ravel()):
            nodes = nodes.astype(np.int64)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"X must hold node numbers, from 0 to {n - 1}: {error}") from error
    if nodes.ndim == 2 and nodes.shape[1] == 1:
        nodes = nodes[:, 0]
    if nodes.ndim != 1:
        raise ValueError(f"X must hold node numbers of shape (n_samples,) or (n_samples, 1), got shape {nodes.shape}")
    if len(nodes) == 0:
        raise ValueError("Found array with 0 sample(s) (shape=(0,)) while a minimum of 1 is required.")
    real = nodes.dtype.kind in "iuf"
    whole = nodes.astype(np.int64) if real and np.isfinite(nodes).all() else None
    if whole is None or (whole != nodes).any():
        raise ValueError(f"X must hold node numbers, which are integers; got {nodes.dtype} such as {nodes[0]!r}")
    outside = np.flatnonzero((whole < 0) | (whole >= n))
    if len(outside):
        raise ValueError(f"sample {outside[0]} is the node {whole[outside[0]]}, but the nodes are 0 to {n - 1}")
    return whole
