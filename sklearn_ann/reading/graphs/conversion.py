"""Conversion of graphs of several kinds to plain arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Number
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch

from sklearn_ann.reading.columns import is_frame, refuse_mask
from sklearn_ann.reading.graphs.attributes import (
    MISSING,
    Attributes,
    Named,
    as_named,
    learn_attributes,
    some_names,
    warn_of_unknown,
)
from sklearn_ann.reading.graphs.descriptors import chosen_features, molecule_features
from sklearn_ann.reading.graphs.molecules import molecule_parts, read_molecules
from sklearn_ann.reading.graphs.parts import GraphParts
from sklearn_ann.training import as_array

Choice = Sequence[Any] | Attributes | None
"""Names of attributes to read, or attributes that were learned before; None for the default."""


class Origin(NamedTuple):
    """Where the features of graphs come from."""

    nodes: str = "given"
    """``"given"``, ``"attributes"`` (of networkx nodes, which nobody chose), ``"degree"``, ``"identity"`` or
    ``"molecule"``.
    """
    edges: str = "given"
    """``"given"`` or ``"molecule"``."""
    node_attributes: Attributes | None = None
    edge_attributes: Attributes | None = None
    graph_feature_names: tuple[str, ...] | None = None


def graphs_of_molecules(molecules: Sequence[Any], graph_features: Sequence[str]) -> tuple[list[GraphParts], Origin]:
    """Return molecules as graphs with features of whole molecules; see `descriptors.molecule_features`."""
    parts = [molecule_parts(molecule) for molecule in molecules]
    if not graph_features:
        return parts, Origin("molecule", "molecule")
    features, names = molecule_features(molecules, graph_features)
    parts = [part._replace(U=row) for part, row in zip(parts, features, strict=True)]
    return parts, Origin("molecule", "molecule", graph_feature_names=tuple(names))


def read_graphs(graphs: Any, nodes: Choice = None, edges: Choice = None) -> tuple[list[GraphParts], Origin]:
    """Convert a sequence of graphs of one kind, and say where their features come from; see `as_graph_set`."""
    items = _items(graphs)
    kind = kind_of(items[0], 0)
    for index, item in enumerate(items):
        if (other := kind_of(item, index)) != kind:
            raise TypeError(f"graph {index} is {other}, but graph 0 is {kind}: all graphs must be of one kind")
    if kind == "an RDKit molecule":
        _check_choice(kind, nodes, edges, (False, False), (False, False))
        return graphs_of_molecules(read_molecules(items), chosen_features("auto"))
    parts = [_numbered(_READERS[kind], item, index) for index, item in enumerate(items)]
    named = any(isinstance(part.X, Named) for part in parts), any(isinstance(part.E, Named) for part in parts)
    absent = all(part.X is None for part in parts), all(part.E is None for part in parts)
    _check_choice(kind, nodes, edges, named, absent)
    networkx = kind == "a networkx graph"
    node_attributes = edge_attributes = None
    if named[0]:
        of_nodes = [(part.X, part.n) for part in parts]
        encoded, node_attributes = _encoded("node", of_nodes, nodes, prefer_x=networkx)
        parts = [part._replace(X=X) for part, X in zip(parts, encoded, strict=True)]
    if named[1]:
        of_edges = [(part.E, len(part.rows)) for part in parts]
        encoded, edge_attributes = _encoded("edge", of_edges, edges, prefer_x=False)
        parts = [part._replace(E=E) for part, E in zip(parts, encoded, strict=True)]
    source = "given"
    if all(part.X is None for part in parts):
        source = "degree"
    elif networkx and node_attributes is not None and node_attributes.exact:
        source = "attributes"
    return parts, Origin(source, "given", node_attributes, edge_attributes)


def _items(graphs: Any) -> list[Any]:
    """Return the graphs of a sequence, and refuse what is one graph."""
    sequence = hasattr(graphs, "__len__") and hasattr(graphs, "__getitem__")
    if hasattr(graphs, "nodes") or hasattr(graphs, "edge_index") or hasattr(graphs, "GetAtoms") or sp.issparse(graphs):
        use = "graph.to_data_list()" if hasattr(graphs, "to_data_list") else "[graph]"
        raise TypeError(f"expected a GraphSet or a sequence of graphs, got one {type(graphs).__name__}: use {use}")
    if is_frame(graphs) and graphs.shape[1] == 1 and graphs.shape[0]:
        column = graphs.to_numpy()[:, 0]
        graphs = graphs if isinstance(column[0], Number) else column  # a frame of numbers is one graph
    if isinstance(graphs, str | Mapping) or is_frame(graphs) or not sequence:
        raise TypeError(f"expected a GraphSet or a sequence of graphs, got {type(graphs).__name__}")
    items = list(graphs)
    if not items:
        raise ValueError("Found array with 0 sample(s) (shape=(0,)) while a minimum of 1 is required.")
    if isinstance(graphs, tuple) and len(items) in (2, 3) and all(np.ndim(part) == 2 for part in items[:2]):
        raise TypeError("expected a sequence of graphs, got a tuple of matrices: is it one graph? Use [(X, A)]")
    return items


def _check_choice(kind: str, nodes: Choice, edges: Choice, named: tuple[bool, bool], absent: tuple[bool, bool]) -> None:
    """Refuse a choice among features that have no names; to choose nothing where there is nothing is fine."""
    for what, choice, has_names, none in zip(("node", "edge"), (nodes, edges), named, absent, strict=True):
        if choice is None or isinstance(choice, Attributes):
            continue
        if isinstance(choice, str) or not isinstance(choice, Sequence | np.ndarray):
            raise TypeError(f"{what}_attributes must be a list of names or None, got {choice!r}")
        if has_names or (none and len(choice) == 0):
            continue
        raise ValueError(
            f"{what}_attributes={choice!r} chooses among attributes of networkx graphs or columns of data frames, but "
            f"the {what} features of {kind} have no names"
        )


def _encoded(
    what: str, tables: list[tuple[Any, int]], choice: Choice, *, prefer_x: bool
) -> tuple[list[np.ndarray | None], Attributes]:
    """Turn attributes into features, by what was learned or by what is learned now."""
    for index, (table, count) in enumerate(tables):
        if count and not isinstance(table, Named):
            raise ValueError(f"the {what} features of graph {index} have no names, but those of other graphs have")
    having = [table if isinstance(table, Named) else Named({}, ()) for table, _ in tables]
    attributes = choice
    if not isinstance(attributes, Attributes):
        attributes = learn_attributes(what, having, attributes, prefer_x=prefer_x)
    unknown: set[str] = set()
    features = [
        _numbered(lambda table: attributes.encode(table, unknown), table, index) for index, table in enumerate(having)
    ]
    warn_of_unknown(unknown)
    return features, attributes


def kind_of(item: Any, index: int) -> str:
    """Name the kind of a graph."""
    try:
        is_pair = isinstance(item, tuple | list) and len(item) in (2, 3) and np.ndim(item[0]) != 1
        is_matrix = (
            sp.issparse(item)
            or is_frame(item)
            or (not is_pair and isinstance(item, np.ndarray | list | torch.Tensor) and np.ndim(item) == 2)
        )
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
        "Geometric's Data or an RDKit molecule (MoleculeEncoder reads SMILES strings)"
    )


def _numbered(reader: Callable[[Any], Any], item: Any, index: int) -> Any:
    try:
        return reader(item)
    except (ValueError, TypeError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"graph {index}: {error}") from error


def _read_pair(item: Any) -> GraphParts:
    X, A, *rest = item
    parts = _read_matrix(A)
    names = parts.names
    if is_frame(X):
        names = _labels(X, "X") if hasattr(X, "index") else names
        if parts.names is not None and names is not parts.names:
            parts = _in_order(parts, names)
        n, X = len(X), _columns(X, "node")
    elif X is None:
        n = parts.n
    else:
        X = sp.csr_array(X) if sp.issparse(X) else _floats(X, "X")
        if X.ndim != 2:
            raise ValueError(f"X must have shape (n_nodes, n_features), got {X.shape}")
        n = X.shape[0]
    parts = parts._replace(X=X, names=names, U=getattr(item, "graph_features", None))
    if parts.n != n:
        raise ValueError(f"A has shape {(parts.n, parts.n)}, but X has {n} nodes")
    return parts if not rest or rest[0] is None else _with_edges(parts, rest[0])


def _with_edges(parts: GraphParts, E: Any) -> GraphParts:
    """Add edge features, which are in the order of the entries of A."""
    if is_frame(E):
        if hasattr(E, "index") and list(E.index) != list(range(len(E))):
            raise ValueError(
                "E has labelled rows, which are read in the order of the entries of A: use E.reset_index(drop=True)"
            )
        n, E = len(E), _columns(E, "edge")
    else:
        E = _floats(E, "E")
        if E.ndim not in (1, 2):
            raise ValueError(f"E must have shape (n_entries_of_A, n_edge_features), got {E.shape}")
        n, E = len(E), E if E.ndim == 2 else E[:, None]
    if n != len(parts.rows):
        raise ValueError(f"E has {n} rows, but A has {len(parts.rows)} entries")
    return parts._replace(E=E)


def _array(values: Any, name: str) -> np.ndarray:
    refuse_mask(values, name)
    if isinstance(values, torch.Tensor):
        return as_array(values.to_dense() if values.layout != torch.strided else values)
    return np.asarray(values)


def _floats(values: Any, name: str) -> np.ndarray:
    array = _array(values, name)
    if array.dtype.kind in "cSUmM":
        raise TypeError(f"{name} must have real numbers, got the type {array.dtype}")
    if array.dtype.kind == "O" and any(isinstance(value, str) for value in array.flat):
        text = next(value for value in array.flat if isinstance(value, str))
        raise TypeError(f"{name} must have numbers, got the text {text!r}; a data frame may have columns of text")
    with np.errstate(over="ignore"):  # the set refuses infinity
        return array.astype(np.float32)


def _columns(table: Any, what: str) -> Any:
    """Return the columns of a frame by name, or an array if they are only numbered."""
    numbered = list(table.columns) == list(range(len(table.columns)))
    return _floats(table.to_numpy(), f"the {what} features") if numbered else as_named(table, what)


def _labels(table: Any, what: str) -> list[Any]:
    """Return the labels of a frame's rows, which name the nodes."""
    names = list(table.index)
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{what} has the node {twice!r} twice in its index")
    return names


def _in_order(parts: GraphParts, names: list[Any] | None) -> GraphParts:
    """Number the nodes of an adjacency matrix in the order of `names`."""
    assert names is not None
    old = parts.labels
    for there, where, here, other in ((old, "A", names, "X"), (names, "X", old, "A")):
        known = set(there)
        missing = [label for label in here if label not in known]
        if missing:
            raise ValueError(
                f"the node {missing[0]!r} of {other} is missing in {where}, whose nodes are {some_names(there)}"
            )
    positions = {name: position for position, name in enumerate(names)}
    new = np.array([positions[name] for name in old], dtype=np.int64)
    return parts._replace(rows=new[parts.rows], columns=new[parts.columns], names=names)


def _read_matrix(A: Any) -> GraphParts:
    if is_frame(A) and hasattr(A, "index"):
        return _read_labelled(A)
    if sp.issparse(A):
        shape = A.shape
        if A.format == "csr":
            rows, columns, weights = np.repeat(np.arange(shape[0]), np.diff(A.indptr)), A.indices, A.data
        else:
            A = sp.csr_array(A).tocoo()
            (rows, columns), weights = A.coords, A.data
    else:
        A = _array(A, "the adjacency matrix")
        shape = A.shape
        if A.ndim != 2 or shape[0] != shape[1]:
            raise ValueError(f"the adjacency matrix must be square, got shape {shape}")
        rows, columns = np.nonzero(A)
        weights = A[rows, columns]
    if shape[0] != shape[1]:
        raise ValueError(f"the adjacency matrix must be square, got shape {shape}")
    if weights.dtype.kind not in "biuf":
        try:
            weights = _floats(weights, "the adjacency matrix")
        except (ValueError, TypeError) as error:
            raise TypeError(f"the adjacency matrix must have real numbers: {error}") from error
    return GraphParts(None, rows, columns, weights, None, shape[0])


def _read_labelled(A: Any) -> GraphParts:
    """Read an adjacency matrix whose rows and columns are labelled by nodes."""
    names, columns = _labels(A, "A"), list(A.columns)
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise ValueError(f"A has the node {twice!r} twice among its columns")
    if set(names) != set(columns):
        apart = next(name for name in [*names, *columns] if (name in names) != (name in columns))
        raise ValueError(
            f"A must have the same nodes as index and as columns, but {apart!r} is in its "
            f"{'index' if apart in names else 'columns'} alone"
        )
    positions = {name: position for position, name in enumerate(names)}
    parts = _read_matrix(A.to_numpy())
    to_row = np.array([positions[name] for name in columns], dtype=np.int64)
    return parts._replace(columns=to_row[parts.columns], names=names)


def _read_geometric(data: Any) -> GraphParts:
    def array(name: str) -> np.ndarray | None:
        value = getattr(data, name, None)
        return None if value is None else np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)

    X, E, weights = array("x"), array("edge_attr"), array("edge_weight")
    weights = array("weight") if weights is None else weights  # as from_networkx calls it
    edge_index = array("edge_index")
    if edge_index is None or edge_index.ndim != 2 or len(edge_index) != 2:
        found = "none" if edge_index is None else f"shape {edge_index.shape}"
        raise ValueError(f"edge_index must have shape (2, n_edges), got {found}")
    n = int(data.num_nodes if X is None else len(X))
    if edge_index.size and (edge_index.min() < 0 or edge_index.max() >= n):
        bad = edge_index[(edge_index < 0) | (edge_index >= n)][0]
        raise ValueError(f"edge_index has the node {bad}, but the nodes are 0 to {n - 1}")
    if X is not None:
        X = _floats(X if X.ndim == 2 else X[:, None], "x")
    if E is not None:
        E = _floats(E if E.ndim == 2 else E[:, None], "edge_attr")
    weights = None if weights is None else weights.reshape(len(weights), -1)
    if weights is not None and weights.shape[1] != 1:
        raise ValueError(f"edge_weight must have one number for each edge, got {weights.shape[1]} numbers")
    weights = None if weights is None else _floats(weights[:, 0], "edge_weight")
    for name, value in (("edge_weight", weights), ("edge_attr", E)):
        if value is not None and len(value) != edge_index.shape[1]:
            raise ValueError(f"{name} has {len(value)} rows, but edge_index has {edge_index.shape[1]} edges")
    return GraphParts(X, edge_index[1], edge_index[0], weights, E, n)


def _read_networkx(graph: Any) -> GraphParts:
    nodes = {node: position for position, node in enumerate(graph.nodes)}
    edges = list(graph.edges(data=True))
    weights = np.array([_weight(u, v, attributes) for u, v, attributes in edges], dtype=np.float64)
    of_edges = [{name: value for name, value in attributes.items() if name != "weight"} for *_, attributes in edges]
    ends = np.array([(nodes[u], nodes[v]) for u, v, _ in edges], dtype=np.int64).reshape(-1, 2)
    rows, columns = ends[:, 1], ends[:, 0]  # row v, column u for the edge u -> v
    if not graph.is_directed():
        once = np.flatnonzero(rows != columns)  # a self-loop has one entry in the matrix
        rows, columns = np.concatenate([rows, columns[once]]), np.concatenate([columns, rows[once]])
        weights = np.concatenate([weights, weights[once]])
        edges, of_edges = (part + [part[i] for i in once] for part in (edges, of_edges))
    X = _attributes([f"node {node!r}" for node in nodes], [attributes for _, attributes in graph.nodes(data=True)])
    E = _attributes([f"edge {(u, v)!r}" for u, v, _ in edges], of_edges)
    return GraphParts(X, rows, columns, weights, E, len(nodes), list(nodes))


def _weight(u: Any, v: Any, attributes: dict[str, Any]) -> float:
    weight = attributes.get("weight", 1.0)
    try:
        if isinstance(weight, str) or not math.isfinite(number := float(weight)):
            raise TypeError("text or not finite")
    except (TypeError, ValueError) as error:
        raise ValueError(f"edge {(u, v)!r} has the weight {weight!r}, which is not a finite number") from error
    return number


def _attributes(owners: list[str], attributes: list[dict[str, Any]]) -> Named:
    """Collect the attributes of nodes or edges by name."""
    names = sorted({name for one in attributes for name in one}, key=str)
    values = {name: [one.get(name, MISSING) for one in attributes] for name in names}
    for name, listed in values.items():
        if any(isinstance(value, torch.Tensor) for value in listed):
            values[name] = [as_array(value) if isinstance(value, torch.Tensor) else value for value in listed]
    return Named(values, owners)


_READERS: dict[str, Callable[[Any], GraphParts]] = {
    "a tuple (X, A)": _read_pair,
    "an adjacency matrix": _read_matrix,
    "PyTorch Geometric data": _read_geometric,
    "a networkx graph": _read_networkx,
}
