"""GraphSet: a container for many graphs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn, overload

import numpy as np
import scipy.sparse as sp

from sklearn_ann.reading.columns import is_frame, refuse_mask
from sklearn_ann.reading.graphs.attributes import Attributes
from sklearn_ann.reading.graphs.conversion import Choice, Origin, read_graphs
from sklearn_ann.reading.graphs.parts import GraphParts, counted, gather, names_of
from sklearn_ann.reading.graphs.whole import GraphFeatures, as_graph_features, joined_features


class _Matrices(NamedTuple):
    X: Any
    A: sp.csr_array
    E: np.ndarray | None


class Graph(_Matrices):
    """One graph of a `GraphSet`, a tuple ``(X, A, E)``.

    Parameters
    ----------
    X : array or CSR array of shape (n_nodes, n_features)
        Node features.
    A : CSR array of shape (n_nodes, n_nodes)
        ``A[i, j]`` is the weight of the edge from node j to node i.
    E : array of shape (n_edges, n_edge_features) or None
        Edge features, in the order of ``A.data``.

    Attributes
    ----------
    graph_features : array of shape (n_graph_features,) or None
        Features of the whole graph, which are no part of the tuple.
    """

    graph_features: np.ndarray | None = None


class GraphSet:
    """A set of graphs: the nodes of all graphs in sequence, and one block-diagonal adjacency matrix.

    A set is immutable. Slices, masks and integer arrays select graphs without a loop, so that scikit-learn splits a set
    like an array of shape (n_graphs,). ``clone`` does not copy it.

    Parameters
    ----------
    node_features : array, sparse matrix or data frame of shape (n_nodes, n_features), or None
        Features of the nodes of all graphs; None for the degree of each node. Data frames are for a single graph: see
        `as_graph_set`.
    adjacency : sparse matrix, array or data frame of shape (n_nodes, n_nodes)
        Edge weights; repeated entries are added up. No edge may join two graphs.
    offsets : array of int of shape (n_graphs + 1,), default=None
        Graph g owns the nodes ``offsets[g]`` to ``offsets[g + 1] - 1``; a graph may have none. By default all nodes
        are one graph.
    edge_features : array of shape (n_edges, n_edge_features), default=None
        Features of the edges, in the order of the entries of `adjacency` in CSR format with sorted columns and without
        repeated entries.
    graph_features : array, sparse matrix or data frame of shape (n_graphs, n_graph_features), default=None
        Features of whole graphs, such as descriptors of molecules. Estimators for graphs standardise them and read them
        beside the statistics of the nodes.
    copy : bool, default=True
        Whether to copy `adjacency`; otherwise it may be sorted in place.

    Raises
    ------
    ValueError
        If the shapes do not fit, if a feature or a weight is not finite in float32 (the message names the graph), or if
        an edge joins two graphs.
    IndexError
        If a graph is asked for that is not in the set.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ann.graph import GraphSet
    >>> path = (np.eye(3), [[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    >>> pair = (np.ones((2, 3)), [[0, 1], [1, 0]])
    >>> graphs = GraphSet.from_list([path, pair, path])
    >>> graphs
    GraphSet(3 graphs, 8 nodes, 10 edges, 3 node features)
    >>> graphs[[1, 0]].n_nodes
    array([2, 3])
    >>> graphs[0].A.toarray()
    array([[0., 1., 0.],
           [1., 0., 1.],
           [0., 1., 0.]], dtype=float32)
    """

    def __init__(
        self,
        node_features: Any,
        adjacency: Any,
        offsets: Any = None,
        edge_features: Any = None,
        *,
        graph_features: Any = None,
        copy: bool = True,
    ) -> None:
        origin, names = Origin(), None
        if node_features is None or any(map(is_frame, (node_features, adjacency, edge_features))):
            if offsets is not None:
                raise TypeError("offsets are for node_features, adjacency and edge_features that are arrays")
            parts, origin = read_graphs([(node_features, adjacency, edge_features)])
            names = names_of(parts)
            node_features, adjacency, offsets, edge_features = gather(parts)
        given = {"node_features": node_features, "adjacency": adjacency, "edge_features": edge_features}
        for name, part in given.items():
            refuse_mask(part, name)
            if np.iscomplexobj(part):
                raise ValueError(f"{name} holds complex numbers: expected real ones")
        nodes = sp.csr_array(node_features) if sp.issparse(node_features) else np.atleast_2d(np.asarray(node_features))
        if nodes.ndim != 2:
            raise ValueError(f"node_features must have shape (n_nodes, n_features), got {nodes.shape}")
        n = nodes.shape[0]
        offsets = np.asarray([0, n] if offsets is None else offsets)
        matrix = sp.csr_array(adjacency, copy=copy)
        if matrix.shape != (n, n):
            raise ValueError(f"adjacency has shape {matrix.shape}, but there are {n} nodes: expected {(n, n)}")
        if matrix.nnz and not 0 <= matrix.indices.min() <= matrix.indices.max() < n:
            bad = matrix.indices[(matrix.indices < 0) | (matrix.indices >= n)][0]
            raise ValueError(f"adjacency has an edge from the node {bad}, but the nodes are 0 to {n - 1}")
        n_entries = matrix.nnz
        matrix.sum_duplicates()
        whole = offsets.ndim == 1 and offsets.dtype.kind in "iuf" and (offsets == np.floor(offsets)).all()
        if not whole or [*offsets[:1], *offsets[-1:]] != [0, n] or (np.diff(offsets) < 0).any():
            raise ValueError(f"offsets must rise from 0 to the number of nodes, {n}, and be integers")
        edges = None if edge_features is None else _edge_features(edge_features, n_entries, matrix.nnz)
        with np.errstate(over="ignore"):
            self._nodes, self._adjacency = nodes.astype(np.float32), matrix.astype(np.float32, copy=False)
        self._offsets: np.ndarray = offsets.astype(np.int64)
        self._edges, self._origin, self._names = edges, origin, names
        self._graphs = None if graph_features is None else as_graph_features(graph_features, len(self))
        self._check()
        self._freeze()

    def _check(self) -> None:
        owner = np.repeat(np.arange(len(self)), self.n_nodes)
        rows = np.repeat(np.arange(self._nodes.shape[0]), np.diff(self._adjacency.indptr))
        bad = {
            "edge weights": rows[~np.isfinite(self._adjacency.data)],  # first, because degrees are made of them
            "node features": _rows_not_finite(self._nodes),
            "edge features": rows[:0] if self._edges is None else rows[_rows_not_finite(self._edges)],
        }
        for what, nodes in bad.items():
            if len(nodes):
                graph = owner[nodes[0]]
                number = nodes[0] - self._offsets[graph]
                raise ValueError(f"{what} of graph {graph} contain NaN or infinity, in float32, at node {number}")
        across = owner[rows] != owner[self._adjacency.indices]
        if across.any():
            row, column = rows[across][0], self._adjacency.indices[across][0]
            raise ValueError(
                f"an edge joins node {row} of graph {owner[row]} to node {column} of graph {owner[column]}"
            )

    def _freeze(self) -> None:
        A = self._adjacency
        parts = [self._offsets, A.data, A.indices, A.indptr, self._edges, self._names, self.graph_features]
        nodes: Any = self._nodes
        parts += [nodes.data, nodes.indices, nodes.indptr] if sp.issparse(nodes) else [nodes]
        for part in parts:
            if part is not None:
                part.flags.writeable = False

    def _with(self, **parts: Any) -> GraphSet:
        """Make a set like this one with other parts, without checking them again."""
        new = type(self).__new__(type(self))
        vars(new).update(vars(self) | {f"_{name}": part for name, part in parts.items()})
        new._freeze()
        return new

    @classmethod
    def from_list(
        cls, graphs: Any, *, node_attributes: Any = None, edge_attributes: Any = None, graph_features: Any = None
    ) -> GraphSet:
        """Make a set from a list of graphs.

        Parameters
        ----------
        graphs, node_attributes, edge_attributes
            As for `sklearn_ann.graph.as_graph_set`.
        graph_features : array, sparse matrix or data frame of shape (n_graphs, n_graph_features), default=None
            Features of whole graphs.

        Returns
        -------
        GraphSet
        """
        new = as_graph_set(graphs, node_attributes=node_attributes, edge_attributes=edge_attributes)
        return new if graph_features is None else new.with_graph_features(graph_features)

    @classmethod
    def of_parts(cls, parts: list[GraphParts], origin: Origin | None = None) -> GraphSet:
        """Make a set from graphs that are plain arrays."""
        new = cls(*gather(parts), copy=False)
        new._origin, new._names = origin or Origin(), names_of(parts)
        new._graphs = joined_features(parts, new._origin.graph_feature_names)
        new._freeze()
        return new

    # --- Contents --------------------------------------------------------------------------------------------------

    @property
    def node_features(self) -> Any:
        """Features of all nodes: float32 array or CSR array of shape (n_nodes, n_features)."""
        return self._nodes

    @property
    def adjacency(self) -> sp.csr_array:
        """Block-diagonal adjacency matrix: float32 CSR array of shape (n_nodes, n_nodes)."""
        return self._adjacency

    @property
    def offsets(self) -> np.ndarray:
        """Number of the first node of each graph, then the number of nodes: int64 array of shape (n_graphs + 1,)."""
        return self._offsets

    @property
    def edge_features(self) -> np.ndarray | None:
        """Edge features in the order of ``adjacency.data``, or None."""
        return self._edges

    @property
    def graph_features(self) -> np.ndarray | None:
        """Features of whole graphs: float32 array of shape (n_graphs, n_graph_features), or None."""
        return None if self._graphs is None else self._graphs.values

    @property
    def whole(self) -> GraphFeatures | None:
        """Graph features with their names, or None."""
        return self._graphs

    @property
    def graph_feature_names(self) -> list[str] | None:
        """Names of the graph features, if they have names."""
        return None if self._graphs is None or self._graphs.names is None else list(self._graphs.names)

    def with_graph_features(self, graph_features: Any) -> GraphSet:
        """Return the same graphs with other graph features.

        Parameters
        ----------
        graph_features : array, sparse matrix or data frame of shape (n_graphs, n_graph_features), or None
            The features; None for none.

        Returns
        -------
        GraphSet
        """
        given = graph_features
        kept = given if given is None or isinstance(given, GraphFeatures) else as_graph_features(given, len(self))
        return self._with(graphs=kept)

    @property
    def node_names(self) -> np.ndarray | None:
        """Names of all nodes, such as those of networkx graphs: object array of shape (n_nodes,), or None."""
        return self._names

    @property
    def node_feature_names(self) -> list[str] | None:
        """Names of the node features, which attributes and columns have; else None."""
        attributes = self._origin.node_attributes
        return None if attributes is None else attributes.names

    @property
    def edge_feature_names(self) -> list[str] | None:
        """Names of the edge features, which attributes and columns have; else None."""
        attributes = self._origin.edge_attributes
        return None if attributes is None else attributes.names

    @property
    def origin(self) -> Origin:
        """Where the features come from."""
        return self._origin

    def with_features(
        self,
        nodes: Any,
        edges: np.ndarray | None,
        *,
        of_nodes: Attributes | None,
        of_edges: Attributes | None,
        source: str | None = None,
    ) -> GraphSet:
        """Return the same graphs with other features.

        Parameters
        ----------
        nodes : array or sparse matrix of shape (n_nodes, n_features)
            The node features.
        edges : array of shape (n_edges, n_edge_features) or None
            The edge features.
        of_nodes, of_edges : Attributes or None
            The attributes that they were made of.
        source : str or None
            Where the node features come from; None for where they came from before.

        Returns
        -------
        GraphSet
        """
        new = GraphSet(nodes, self._adjacency, self._offsets, edges, copy=False)
        new._origin = Origin(source or self._origin.nodes, self._origin.edges, of_nodes, of_edges)
        new._names, new._graphs = self._names, self._graphs
        return new

    @property
    def n_nodes(self) -> np.ndarray:
        """Number of nodes of each graph: array of shape (n_graphs,)."""
        return np.diff(self._offsets)

    @property
    def n_edges(self) -> np.ndarray:
        """Number of adjacency entries of each graph: array of shape (n_graphs,)."""
        counts: np.ndarray = np.diff(self._adjacency.indptr[self._offsets])
        return counts

    @property
    def shape(self) -> tuple[int]:
        """``(n_graphs,)``."""
        return (len(self),)

    ndim = 1

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __repr__(self) -> str:
        nodes, sparse = self._nodes.shape, "sparse " if sp.issparse(self._nodes) else ""
        counts = [(len(self), "graph"), (nodes[0], "node"), (self._adjacency.nnz, "edge")]
        counts.append((nodes[1], f"{sparse}node feature"))
        counts += [] if self._edges is None else [(self._edges.shape[1], "edge feature")]
        counts += [] if self._graphs is None else [(self._graphs.values.shape[1], "graph feature")]
        return f"GraphSet({', '.join(counted(*count) for count in counts)})"

    def __iter__(self) -> Iterator[Graph]:
        return (self[i] for i in range(len(self)))

    @overload
    def __getitem__(self, key: int) -> Graph: ...
    @overload
    def __getitem__(self, key: slice | np.ndarray | list[int]) -> GraphSet: ...
    def __getitem__(self, key: Any) -> Graph | GraphSet:
        """Return one graph for an integer, and a set for a slice, a mask or an array of integers."""
        if isinstance(key, tuple) and len(key) == 2 and key[1] is Ellipsis:  # scikit-learn indexes arrays so
            key = key[0]
        try:
            index = np.arange(len(self))[key]
        except IndexError as error:
            raise IndexError(f"a set of {len(self)} graphs was asked for the graphs {key!r}: {error}") from error
        if np.ndim(index) > 1:
            raise IndexError(f"expected an integer, a slice, a mask or a list of integers, got {key!r}")
        if np.ndim(index) == 0:
            taken = self._take(np.atleast_1d(index))
            graph = Graph(taken._nodes, taken._adjacency, taken._edges)
            graph.graph_features = None if taken.graph_features is None else taken.graph_features[0]
            return graph
        return self._take(index)

    def _take(self, index: np.ndarray) -> GraphSet:
        nodes = _ranges(self._offsets, index)
        matrix = self._adjacency
        edge_offsets = matrix.indptr[self._offsets]  # the entries of a graph are adjacent in memory
        edges = _ranges(edge_offsets, index)
        offsets = np.concatenate([[0], np.cumsum(self.n_nodes[index])])
        shift = np.repeat(offsets[:-1] - self._offsets[index], self.n_edges[index])
        indptr = np.concatenate([[0], np.cumsum(np.diff(matrix.indptr)[nodes])])
        columns = (matrix.indices[edges] + shift).astype(matrix.indices.dtype)
        block = sp.csr_array((matrix.data[edges], columns, indptr), shape=(len(nodes), len(nodes)))
        block.has_canonical_format = True
        return self._with(
            nodes=self._nodes[nodes],
            adjacency=block,
            offsets=offsets,
            edges=None if self._edges is None else self._edges[edges],
            names=None if self._names is None else self._names[nodes],
            graphs=None if self._graphs is None else self._graphs.take(index),
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        """Refuse to become an array, which a step for rows of numbers makes of X."""
        hint = "" if self._graphs is None else "; other estimators read its graph_features, one row for each graph"
        raise TypeError(
            "a GraphSet is not an array of numbers: GCNClassifier, GCNRegressor and GraphConvolutionTransformer read "
            f"graphs{hint}"
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({"_graphs": None} | state)  # a pickle of a time without graph features
        self._freeze()

    # An immutable value is its own copy, so that clone() copies no data.
    def __copy__(self) -> GraphSet:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> GraphSet:
        return self


def _edge_features(given: Any, n_entries: int, n_edges: int) -> np.ndarray:
    """Check the shape of edge features; `n_entries` counts repeated edges too."""
    with np.errstate(over="ignore"):  # the set refuses infinity
        edges = np.asarray(given).astype(np.float32)
    edges = edges[:, None] if edges.ndim == 1 else edges
    if edges.ndim != 2:
        raise ValueError(f"edge_features must have shape (n_edges, n_edge_features), got {edges.shape}")
    if n_entries != n_edges:
        raise ValueError("adjacency has repeated entries; with edge_features, each edge must occur once")
    if len(edges) != n_edges:
        raise ValueError(f"edge_features has {len(edges)} rows, but adjacency has {n_edges} edges")
    return edges


def _ranges(starts: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return the positions ``starts[i]`` to ``starts[i + 1] - 1`` for each i in `index`, in sequence."""
    begin = starts[index]
    lengths = starts[index + 1] - begin
    ends = np.cumsum(lengths)
    positions: np.ndarray = np.arange(ends[-1] if len(ends) else 0) + np.repeat(begin - (ends - lengths), lengths)
    return positions


def _rows_not_finite(features: Any) -> np.ndarray:
    """Return the rows with NaN or infinity."""
    values = features.data if sp.issparse(features) else features
    with np.errstate(invalid="ignore"):  # inf - inf
        total = values.sum(dtype=np.float64)
    if np.isfinite(total):  # one sum is faster than a test of each value
        return np.array([], dtype=np.int64)
    bad: np.ndarray = ~np.isfinite(values)
    rows = np.repeat(np.arange(features.shape[0]), np.diff(features.indptr)) if sp.issparse(features) else None
    return np.flatnonzero(bad.any(axis=1)) if rows is None else rows[bad]


def as_graph_set(graphs: Any, *, node_attributes: Any = None, edge_attributes: Any = None) -> GraphSet:
    """Convert a sequence of graphs to a `GraphSet`.

    Parameters
    ----------
    graphs : GraphSet or sequence
        All items must be of one kind:

        - ``(X, A)`` or ``(X, A, E)``: node features of shape (n, p) and adjacency of shape (n, n), both dense or
          sparse, and edge features in the order of A's entries by row. X may be None. A data frame X names the nodes by
          its index and the features by its columns; a data frame A names the nodes by its index and its columns. The
          two are matched by these names;
        - an adjacency matrix alone, dense or sparse, or a data frame;
        - a networkx graph: the edge weight is the attribute ``"weight"``, by default 1, and other attributes are
          features;
        - PyTorch Geometric's ``Data``: ``x, edge_index, edge_weight, edge_attr``; an edge (i, j) leads from i to j.
          Without ``edge_weight``, the weight is ``weight``;
        - an RDKit molecule: the features of `sklearn_ann.MoleculeEncoder`.

        Without node features, the only feature of a node is its degree. Repeated edges are added up, and so are their
        features.
    node_attributes, edge_attributes : list of str, default=None
        Attributes of networkx nodes and edges, or columns of data frames, that are features. None takes the node
        attribute ``"x"`` alone if there is one, else all; an empty list takes none. A text attribute becomes one
        feature of zeros and ones for each of its categories.

    Returns
    -------
    GraphSet

    Raises
    ------
    TypeError
        If an item is of an unknown kind, or not of the same kind as the first.
    ValueError
        If an item's shapes or names do not fit, or if it has not the features of the others. The message names its
        index.
    """
    if isinstance(graphs, GraphSet) and len(graphs):
        for what, choice in (("node", node_attributes), ("edge", edge_attributes)):
            if choice is not None and not isinstance(choice, Attributes):
                raise ValueError(
                    f"{what}_attributes={choice!r} comes too late for a GraphSet, whose features are made: give it to "
                    "GraphSet.from_list"
                )
        return graphs
    return GraphSet.of_parts(*read_graphs(graphs, node_attributes, edge_attributes))


def as_graph(graph: Any, *, node_attributes: Choice = None, edge_attributes: Choice = None) -> GraphSet:
    """Convert one graph, of any kind that `as_graph_set` takes, to a set of one."""
    if isinstance(graph, GraphSet) and len(graph) != 1:
        raise ValueError(f"graph must be one graph, got {graph!r}")
    one = graph if isinstance(graph, GraphSet) else [graph]
    return as_graph_set(one, node_attributes=node_attributes, edge_attributes=edge_attributes)
