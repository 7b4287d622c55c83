"""Graphs as plain arrays, and the join of many graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp


class GraphParts(NamedTuple):
    """One graph as arrays; without node features, the only feature of a node is its degree."""

    X: Any  # (n_nodes, n_features) or None
    rows: np.ndarray  # (n_edges,)
    columns: np.ndarray  # (n_edges,)
    weights: np.ndarray | None  # (n_edges,)
    E: Any  # (n_edges, n_edge_features) or None
    n: int
    names: list[Any] | None = None  # of the nodes; None for their numbers
    U: Any = None  # (n_graph_features,), the features of the whole graph, or None

    @property
    def labels(self) -> list[Any]:
        """Names of the nodes, or their numbers."""
        return list(range(self.n)) if self.names is None else self.names


def counted(number: int, thing: str) -> str:
    """Return a number with what it counts: ``"1 node"``, ``"1,285 nodes"``."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def gather(graphs: Sequence[GraphParts]) -> tuple[Any, sp.csr_array, np.ndarray, np.ndarray | None]:
    """Join graphs; return node features, block-diagonal adjacency, offsets and edge features."""
    n_nodes, n_edges = [graph.n for graph in graphs], [len(graph.rows) for graph in graphs]
    offsets = np.concatenate([[0], np.cumsum(n_nodes)])
    n = int(offsets[-1])
    shift = np.repeat(offsets[:-1], n_edges)
    rows = np.concatenate([graph.rows for graph in graphs]) + shift
    columns = np.concatenate([graph.columns for graph in graphs]) + shift
    weights = np.concatenate(
        [np.ones(m) if graph.weights is None else graph.weights for graph, m in zip(graphs, n_edges, strict=True)]
    )
    of_edges = _of_one_width("edge", [graph.E for graph in graphs], n_edges)
    E = np.concatenate(of_edges) if of_edges else None
    # Sort by row and column, and add up repeated edges.
    order = np.lexsort((columns, rows))
    rows, columns = rows[order], columns[order]
    first = np.ones(len(rows), dtype=bool)
    first[1:] = (rows[1:] != rows[:-1]) | (columns[1:] != columns[:-1])
    starts = np.flatnonzero(first)
    with np.errstate(over="ignore"):  # the set refuses infinity
        weights = np.add.reduceat(weights[order], starts) if len(starts) else weights
        narrow = weights.astype(np.float32)
        E = np.add.reduceat(E[order], starts) if E is not None and len(starts) else E
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows[starts], minlength=n))])
    of_nodes = _of_one_width("node", [graph.X for graph in graphs], n_nodes)
    if not of_nodes:
        X: Any = np.bincount(rows[starts], weights, minlength=n).reshape(n, 1)
    else:
        X = sp.vstack(of_nodes, format="csr") if any(map(sp.issparse, of_nodes)) else np.concatenate(of_nodes)
    return X, sp.csr_array((narrow, columns[starts], indptr), shape=(n, n)), offsets, E


def names_of(parts: list[GraphParts]) -> np.ndarray | None:
    """Return the names of all nodes, None without names."""
    if all(part.names is None for part in parts):
        return None
    labels = [label for part in parts for label in part.labels]
    names = np.empty(len(labels), dtype=object)
    for position, label in enumerate(labels):  # one by one, because a tuple is one name
        names[position] = label
    return names


def _of_one_width(what: str, features: list[Any], counts: list[int]) -> list[Any]:
    """Return the features to join, none if the graphs have none.

    Graphs with nodes (or edges) must all have as many features as the first of them. The other graphs don't count,
    unless there are no nodes (or edges) at all: then the first one given sets the width.
    """
    having = [index for index, count in enumerate(counts) if count]
    if not having:
        return [part for part in features if part is not None][:1]
    widths = [None if features[index] is None else features[index].shape[1] for index in having]
    feature = f"{what} feature"
    for index, width in zip(having, widths, strict=True):
        if width != widths[0]:
            raise ValueError(
                f"graph {index} has {counted(width, feature) if width else f'no {feature}s'}, but graph {having[0]} "
                f"has {widths[0] or 'none'}"
            )
    return [] if widths[0] is None else [features[index] for index in having]
