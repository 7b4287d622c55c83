"""What each node of a graph contributes to a prediction: the change when the node is left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from sklearn_ann.reading.graphs import GraphSet

_AT_ONCE = 100_000  # nodes of the graphs that are made together


def without_each_node(graph: GraphSet, nodes: np.ndarray) -> GraphSet:
    """Return copies of a graph, each without one of these nodes and its edges.

    Parameters
    ----------
    graph : GraphSet
        A set of one graph of two nodes or more.
    nodes : array of int of shape (n_copies,)
        The node that each copy lacks.

    Returns
    -------
    GraphSet
        The copies, with the features of their edges and of whole graphs.
    """
    n, copies = graph.adjacency.shape[0], graph[np.zeros(len(nodes), dtype=np.int64)]
    kept = np.ones(n * len(nodes), dtype=bool)
    kept[np.arange(len(nodes)) * n + nodes] = False
    A = copies.adjacency
    rows = np.repeat(np.arange(A.shape[0]), np.diff(A.indptr))
    entries = kept[rows] & kept[A.indices]
    number = np.cumsum(kept) - 1  # of each node that is kept
    positions = number[rows[entries]], number[A.indices[entries]]
    fewer = sp.csr_array((A.data[entries], positions), shape=(kept.sum(),) * 2)
    X = copies.node_features[np.flatnonzero(kept)]
    edges = None if copies.edge_features is None else copies.edge_features[entries]
    offsets = np.arange(len(nodes) + 1) * (n - 1)
    origin = graph.origin
    new = GraphSet(X, fewer, offsets, edges, copy=False).with_graph_features(copies.whole)
    return new.with_features(
        X, edges, of_nodes=origin.node_attributes, of_edges=origin.edge_attributes, source=origin.nodes
    )


def contributions(estimator: Any, graph: GraphSet, output: int | None = None) -> np.ndarray:
    """Return by how much an output of a graph falls if a node is left out, for each node.

    Parameters
    ----------
    estimator : GCNClassifier or GCNRegressor
        A fitted estimator.
    graph : GraphSet
        A set of one graph.
    output : int or None
        Column of the probabilities or of the predicted values. None is the most probable class, or the first value.

    Returns
    -------
    array of shape (n_nodes,)
        Positive where the node raises the output.

    Raises
    ------
    ValueError
        If the graph has fewer than two nodes, or if there is no such output.
    """
    n = int(graph.n_nodes[0])
    if n < 2:
        raise ValueError(f"the graph has {n} node(s): expected two or more, because each is left out once")
    classifies = hasattr(estimator, "predict_proba")
    predict = estimator.predict_proba if classifies else estimator.predict
    [whole] = np.reshape(predict(graph), (1, -1))
    if output is None:
        output = int(whole.argmax()) if classifies else 0
    if not -len(whole) <= output < len(whole):
        raise ValueError(f"output={output!r}: expected None or an integer from {-len(whole)} to {len(whole) - 1}")
    parts = np.array_split(np.arange(n), -(-n * n // _AT_ONCE))
    left = [np.reshape(predict(without_each_node(graph, part)), (len(part), -1))[:, output] for part in parts]
    change: np.ndarray = whole[output] - np.concatenate(left)
    return change
