"""Conversion of graphs of several kinds to plain arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

from sklearn_ann.reading.graphs.molecules import molecule_parts, read_molecules
from sklearn_ann.reading.graphs.parts import GraphParts


def read_graphs(graphs: Any) -> list[GraphParts]:
    """Convert a sequence of graphs of one kind; see `as_graph_set`."""
    if isinstance(graphs, str) or not hasattr(graphs, "__len__") or not hasattr(graphs, "__getitem__"):
        raise TypeError(f"expected a GraphSet or a sequence of graphs, got {type(graphs).__name__}")
    if len(graphs) == 0:
        raise ValueError("Found array with 0 sample(s) (shape=(0,)) while a minimum of 1 is required.")
    items = list(graphs)
    kind = _kind(items[0], 0)
    for index, item in enumerate(items):
        if (other := _kind(item, index)) != kind:
            raise TypeError(f"graph {index} is {other}, but graph 0 is {kind}: all graphs must be of one kind")
    if kind == "an RDKit molecule":
        return [molecule_parts(molecule) for molecule in read_molecules(items)]
    return [_numbered(_READERS[kind], item, index) for index, item in enumerate(items)]


def _kind(item: Any, index: int) -> str:
    try:
        is_pair = isinstance(item, tuple | list) and len(item) in (2, 3) and np.ndim(item[0]) != 1
        is_matrix = sp.issparse(item) or (not is_pair and isinstance(item, np.ndarray | list) and np.ndim(item) == 2)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"graph {index}: {error}") from error
    if is_pair:
        return "a tuple (X, A)"
    if hasattr(item, "edge_index"):
        return "PyTorch Geometric data"
    if hasattr(item, "nodes") and hasattr(item, "edges") and hasattr(item, "is_directed"):
        return "a networkx graph"
    if hasattr(item, "GetAtoms"):
        return "an RDKit molecule"
    if is_matrix:
        return "an adjacency matrix"
    raise TypeError(
        f"graph {index} is {type(item).__name__}; expected (X, A), an adjacency matrix, a networkx graph, PyTorch "
        "Geometric's Data or an RDKit molecule"
    )


def _numbered(reader: Callable[[Any], GraphParts], item: Any, index: int) -> GraphParts:
    try:
        parts = reader(item)
    except (ValueError, TypeError) as error:
        raise type(error)(f"graph {index}: {error}") from error
    return parts


def _read_pair(item: Any) -> GraphParts:
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


def _read_matrix(A: Any) -> GraphParts:
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
    return GraphParts(None, rows, columns, weights, None, shape[0])


def _read_geometric(data: Any) -> GraphParts:
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
    for name, value in (("edge_weight", weights), ("edge_attr", E)):
        if value is not None and len(value) != edge_index.shape[1]:
            raise ValueError(f"{name} has {len(value)} rows, but edge_index has {edge_index.shape[1]} edges")
    return GraphParts(X, edge_index[1], edge_index[0], weights, E, n)


def _read_networkx(graph: Any) -> GraphParts:
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
    rows, columns = ends[:, 1], ends[:, 0]  # row v, column u for the edge u -> v
    if not graph.is_directed():
        once = rows != columns  # a self-loop has one entry in the matrix
        rows, columns = np.concatenate([rows, columns[once]]), np.concatenate([columns, rows[once]])
        weights = np.concatenate([weights, weights[once]])
        E = None if E is None else np.concatenate([E, E[once]])
    return GraphParts(X, rows, columns, weights, E, len(nodes))


def _attributes(owners: list[tuple[str, dict[str, Any]]], preferred: str | None) -> np.ndarray | None:
    """Return the attributes of nodes or edges as rows of numbers."""
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
            raise ValueError(f"{owner} has an attribute among {names} that is neither a number nor an array") from error
        if len(rows[-1]) != len(rows[0]):
            raise ValueError(f"{owner} has {len(rows[-1])} attribute values, but {owners[0][0]} has {len(rows[0])}")
    return np.stack(rows)


_READERS: dict[str, Callable[[Any], GraphParts]] = {
    "a tuple (X, A)": _read_pair,
    "an adjacency matrix": _read_matrix,
    "PyTorch Geometric data": _read_geometric,
    "a networkx graph": _read_networkx,
}
