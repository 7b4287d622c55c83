"""From what people have, lists of graphs of several kinds, to a `GraphSet`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from sklearn_ann.graph.container import Graph, GraphSet


class _Parts(NamedTuple):
    """One graph as arrays; None for the node features stands for the degree."""

    X: Any  # (n_nodes, n_features) or None
    rows: np.ndarray  # (n_edges,)
    columns: np.ndarray  # (n_edges,)
    weights: np.ndarray | None  # (n_edges,)
    E: np.ndarray | None  # (n_edges, n_edge_features)
    n: int


def as_graph_set(graphs: Any) -> GraphSet:
    """Gather graphs of one kind.

    Parameters
    ----------
    graphs : GraphSet or sequence
        All items of one kind:

        - ``(X, A)`` or ``(X, A, E)``: node features of shape (n, p), adjacency of shape (n, n), both dense or sparse,
          and features of the edges in the order of A's entries by row;
        - an adjacency matrix alone, dense or sparse;
        - a networkx graph: the node attribute ``"x"`` if there is one, else all node attributes sorted by name; the
          edge attribute ``"weight"`` (1 where it is missing) and the others as edge features;
        - PyTorch Geometric's ``Data``: ``x, edge_index, edge_weight, edge_attr``; an edge (i, j) is one by which j
          hears i;
        - an RDKit molecule: the features of `sklearn_ann.MoleculeEncoder`.

        Where there are no node features the degree of the node is its one feature. Edges that occur twice are added
        up, their features too.

    Returns
    -------
    GraphSet

    Raises
    ------
    TypeError
        If an item is of an unknown kind, or of another kind than the first.
    ValueError
        If an item's shapes do not fit or its number of features is not that of the first; the message has its index.
    """
    if isinstance(graphs, GraphSet) and len(graphs):
        return graphs
    if isinstance(graphs, str) or not hasattr(graphs, "__len__") or not hasattr(graphs, "__getitem__"):
        raise TypeError(f"expected a GraphSet or a sequence of graphs, got {type(graphs).__name__}")
    if len(graphs) == 0:
        raise ValueError("Found array with 0 sample(s) (shape=(0,)) while a minimum of 1 is required.")
    items = list(graphs)
    kind = _kind(items[0], 0)
    for index, item in enumerate(items):
        if (other := _kind(item, index)) != kind:
            raise TypeError(f"graph {index} is {other}, but graph 0 is {kind}: give graphs of one kind")
    if kind == "an RDKit molecule":
        from sklearn_ann.graph.molecules import MoleculeEncoder

        return MoleculeEncoder().transform(items)
    return _gather([_numbered(_READERS[kind], item, index) for index, item in enumerate(items)])


def _kind(item: Any, index: int) -> str:
    if isinstance(item, tuple | list) and len(item) in (2, 3) and np.ndim(item[0]) != 1:
        return "a tuple (X, A)"
    if hasattr(item, "edge_index"):
        return "PyTorch Geometric data"
    if hasattr(item, "nodes") and hasattr(item, "edges") and hasattr(item, "is_directed"):
        return "a networkx graph"
    if hasattr(item, "GetAtoms"):
        return "an RDKit molecule"
    if sp.issparse(item) or (isinstance(item, np.ndarray | list) and np.ndim(item) == 2):
        return "an adjacency matrix"
    raise TypeError(
        f"graph {index} is {type(item).__name__}; expected (X, A), an adjacency matrix, a networkx graph, PyTorch "
        "Geometric's Data or an RDKit molecule"
    )


def _numbered(reader: Callable[[Any], _Parts], item: Any, index: int) -> _Parts:
    try:
        parts = reader(item)
    except (ValueError, TypeError) as error:
        raise type(error)(f"graph {index}: {error}") from error
    return parts


def _read_pair(item: Any) -> _Parts:
    X, A, *rest = item
    X = sp.csr_array(X) if sp.issparse(X) else np.asarray(X, dtype=np.float32)
    if X.ndim != 2:
        raise ValueError(f"X must have shape (n_nodes, n_features), got {X.shape}")
    parts = _read_matrix(A)._replace(X=X)
    if parts.n != X.shape[0]:
        raise ValueError(f"A has shape {(parts.n, parts.n)}, but X has {X.shape[0]} nodes")
    if rest and rest[0] is not None:
        E = np.asarray(rest[0], dtype=np.float32)
        if E.ndim not in (1, 2):
            raise ValueError(f"E must have shape (n_entries_of_A, n_edge_features), got {E.shape}")
        if len(E) != len(parts.rows):
            raise ValueError(f"E has {len(E)} rows, but A has {len(parts.rows)} entries")
        parts = parts._replace(E=E if E.ndim == 2 else E[:, None])
    return parts


def _read_matrix(A: Any) -> _Parts:
    if sp.issparse(A):
        shape = A.shape
        if A.format == "csr":
            rows, columns, weights = np.repeat(np.arange(shape[0]), np.diff(A.indptr)), A.indices, A.data
        else:
            A = sp.csr_array(A).tocoo()
            (rows, columns), weights = A.coords, A.data
    else:
        A = np.asarray(A)
        shape = A.shape
        if A.ndim != 2 or shape[0] != shape[1]:
            raise ValueError(f"the adjacency matrix must be square, got shape {shape}")
        rows, columns = np.nonzero(A)
        weights = A[rows, columns]
    if shape[0] != shape[1]:
        raise ValueError(f"the adjacency matrix must be square, got shape {shape}")
    if weights.dtype.kind in "cSU":
        raise TypeError(f"the adjacency matrix must have real numbers, got the type {weights.dtype}")
    return _Parts(None, rows, columns, weights, None, shape[0])


def _read_geometric(data: Any) -> _Parts:
    def array(name: str) -> np.ndarray | None:
        value = getattr(data, name, None)
        return None if value is None else np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)

    X, E, weights = array("x"), array("edge_attr"), array("edge_weight")
    edge_index = array("edge_index")
    if edge_index is None or edge_index.ndim != 2 or len(edge_index) != 2:
        raise ValueError("edge_index must have shape (2, n_edges)")
    n = int(data.num_nodes if X is None else len(X))
    if edge_index.size and (edge_index.min() < 0 or edge_index.max() >= n):
        bad = edge_index[(edge_index < 0) | (edge_index >= n)][0]
        raise ValueError(f"edge_index has the node {bad}, but the nodes are 0 to {n - 1}")
    if X is not None:
        X = (X if X.ndim == 2 else X[:, None]).astype(np.float32)
    if E is not None:
        E = (E if E.ndim == 2 else E[:, None]).astype(np.float32)
    return _Parts(X, edge_index[1], edge_index[0], weights, E, n)


def _read_networkx(graph: Any) -> _Parts:
    nodes = {node: position for position, node in enumerate(graph.nodes)}
    X = _attributes([(f"node {node!r}", attributes) for node, attributes in graph.nodes(data=True)], "x")
    edges = list(graph.edges(data=True))
    weights = np.array([attributes.get("weight", 1.0) for _, _, attributes in edges], dtype=np.float32)
    others = [
        (f"edge {(u, v)!r}", {name: value for name, value in attributes.items() if name != "weight"})
        for u, v, attributes in edges
    ]
    E = _attributes(others, None)
    ends = np.array([(nodes[u], nodes[v]) for u, v, _ in edges], dtype=np.int64).reshape(-1, 2)
    rows, columns = ends[:, 1], ends[:, 0]  # u -> v: v hears u
    if not graph.is_directed():
        once = rows != columns  # a loop stands once in the matrix
        rows, columns = np.concatenate([rows, columns[once]]), np.concatenate([columns, rows[once]])
        weights = np.concatenate([weights, weights[once]])
        E = None if E is None else np.concatenate([E, E[once]])
    return _Parts(X, rows, columns, weights, E, len(nodes))


def _attributes(owners: list[tuple[str, dict[str, Any]]], preferred: str | None) -> np.ndarray | None:
    """The attributes of nodes or edges as rows of numbers."""
    if not owners or not owners[0][1]:
        for owner, attributes in owners:
            if attributes:
                raise ValueError(f"{owner} has the attributes {sorted(attributes)}, but {owners[0][0]} has none")
        return None
    names = [preferred] if preferred in owners[0][1] else sorted(owners[0][1])
    rows = []
    for owner, attributes in owners:
        missing = [name for name in names if name not in attributes]
        if missing:
            raise ValueError(f"{owner} lacks the attribute {missing[0]!r} that {owners[0][0]} has")
        try:
            rows.append(np.concatenate([np.ravel(np.asarray(attributes[name], dtype=np.float32)) for name in names]))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{owner} has an attribute among {names} that is not a number or an array") from error
        if len(rows[-1]) != len(rows[0]):
            raise ValueError(f"{owner} has {len(rows[-1])} attribute values, but {owners[0][0]} has {len(rows[0])}")
    return np.stack(rows)


_READERS: dict[str, Callable[[Any], _Parts]] = {
    "a tuple (X, A)": _read_pair,
    "an adjacency matrix": _read_matrix,
    "PyTorch Geometric data": _read_geometric,
    "a networkx graph": _read_networkx,
}


def _gather(graphs: Sequence[_Parts]) -> GraphSet:
    offsets = np.concatenate([[0], np.cumsum([graph.n for graph in graphs])])
    n = int(offsets[-1])
    n_edges = [len(graph.rows) for graph in graphs]
    shift = np.repeat(offsets[:-1], n_edges)
    rows = np.concatenate([graph.rows for graph in graphs]) + shift
    columns = np.concatenate([graph.columns for graph in graphs]) + shift
    weights = np.concatenate(
        [np.ones(m) if graph.weights is None else graph.weights for graph, m in zip(graphs, n_edges, strict=True)]
    )
    _hold_width("edge", [None if graph.E is None else graph.E.shape[1] for graph in graphs], n_edges)
    E = None
    with_edges = [graph.E for graph in graphs if graph.E is not None]
    if with_edges:
        E = np.concatenate(with_edges)
    # Sorted by row and column, with repeated edges added up.
    order = np.lexsort((columns, rows))
    rows, columns = rows[order], columns[order]
    first = np.ones(len(rows), dtype=bool)
    first[1:] = (rows[1:] != rows[:-1]) | (columns[1:] != columns[:-1])
    starts = np.flatnonzero(first)
    weights = np.add.reduceat(weights[order], starts) if len(starts) else weights
    E = np.add.reduceat(E[order], starts) if E is not None and len(starts) else E
    indptr = np.concatenate([[0], np.cumsum(np.bincount(rows[starts], minlength=n))])
    matrix = sp.csr_array((weights, columns[starts], indptr), shape=(n, n))
    _hold_width("node", [None if graph.X is None else graph.X.shape[1] for graph in graphs], [g.n for g in graphs])
    if all(graph.X is None for graph in graphs):
        X: Any = np.asarray(matrix.sum(axis=1)).reshape(n, 1)
    else:
        features = [graph.X for graph in graphs if graph.X is not None]
        X = sp.vstack(features, format="csr") if any(map(sp.issparse, features)) else np.concatenate(features)
    return GraphSet(X, matrix, offsets, E, copy=False)


def _hold_width(what: str, widths: list[int | None], counts: list[int]) -> None:
    """All graphs that have nodes, or edges, must have as many features of them as the first that has."""
    having = [(index, width) for index, (width, count) in enumerate(zip(widths, counts, strict=True)) if count]
    for index, width in having:
        if width != having[0][1]:
            raise ValueError(
                f"graph {index} has {width or 'no'} {what} features, but graph {having[0][0]} has "
                f"{having[0][1] or 'none'}"
            )


def as_graph(graph: Any) -> GraphSet:
    """Turn one graph, as `as_graph_set` takes them in a list, into a set of one."""
    if isinstance(graph, GraphSet):
        if len(graph) != 1:
            raise ValueError(f"graph must be one graph, got {graph!r}")
        return graph
    if isinstance(graph, Graph):
        graph = tuple(part for part in graph if part is not None)
    return as_graph_set([graph])
