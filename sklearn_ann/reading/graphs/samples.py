"""Graphs in the form that the engine reads: tensors from which index arithmetic cuts a batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from sklearn_ann.layers import Adjacency, Groups, SparseMatrix, ragged_positions
from sklearn_ann.reading.graphs.container import GraphSet
from sklearn_ann.training import Rows, Samples, SparseRows, on_device

_AT_ONCE = 32  # number of batches cut together


def normalized(graphs: GraphSet, normalize: str | None, self_loops: bool) -> tuple[sp.csr_array, np.ndarray]:
    """Return the adjacency matrix that a convolution multiplies with.

    Let ``A' = A + I`` with `self_loops`, else ``A' = A``, and let the diagonal matrix D hold the row sums of A'. The
    result is ``D^-1/2 A' D^-1/2`` for ``"sym"`` (Kipf and Welling 2017, equation 2), ``D^-1 A'`` for ``"row"`` and A'
    for None. A node without edges keeps a row of zeros.

    Returns
    -------
    matrix : CSR array
    kept : array of int
        Position of each entry of A among the entries of the matrix.

    Raises
    ------
    ValueError
        If weights sum to zero or less at a node with edges and `normalize` is not None.
    """
    A = graphs.adjacency
    n = A.shape[0]
    if normalize is None and not self_loops:
        return A, np.arange(A.nnz)
    rows, columns, data = np.repeat(np.arange(n), np.diff(A.indptr)), A.indices, A.data.astype(np.float64)
    kept = np.arange(A.nnz)
    if self_loops:
        without = np.setdiff1d(np.arange(n), rows[rows == columns], assume_unique=True)
        rows, columns = np.concatenate([rows, without]), np.concatenate([columns, without])
        data = np.concatenate([data, np.zeros(len(without))]) + (rows == columns)
        order = np.lexsort((columns, rows))
        kept = np.argsort(order)[: A.nnz]
        rows, columns, data = rows[order], columns[order], data[order]
    pointers = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))])
    matrix = sp.csr_array((data, columns, pointers), shape=A.shape)
    if normalize is None:
        return matrix, kept
    degree = np.asarray(matrix.sum(axis=1)).ravel()
    check_sums(matrix, graphs.offsets, f"normalize={normalize!r} needs positive sums; use normalize=None")
    with np.errstate(divide="ignore"):
        scale = np.where(degree > 0, degree ** (-0.5 if normalize == "sym" else -1.0), 0.0)
    row_scale = np.repeat(scale, np.diff(matrix.indptr))
    matrix.data = matrix.data * row_scale * (scale[matrix.indices] if normalize == "sym" else 1.0)
    return matrix, kept


def check_sums(matrix: sp.csr_array, offsets: np.ndarray, advice: str) -> None:
    """Refuse a matrix that cannot average: weights that sum to zero or less at a node, unless all are zero."""
    total, size = (np.asarray(m.sum(axis=1, dtype=np.float64)).ravel() for m in (matrix, abs(matrix)))
    bad = np.flatnonzero((size > 0) & (total <= 1e-6 * size))  # what float32 leaves of zero
    if len(bad):
        node, graph = bad[0], int(np.searchsorted(offsets, bad[0], side="right")) - 1
        raise ValueError(f"graph {graph} has a node whose edge weights sum to {total[node]:g}: {advice}")


def transposed(matrix: sp.csr_array) -> sp.csr_array:
    """Return the transpose, whose data are the positions of its entries among the entries of the matrix."""
    shape = matrix.shape[::-1]
    backward = sp.csc_array((np.arange(matrix.nnz), matrix.indices, matrix.indptr), shape=shape).tocsr()
    backward.sort_indices()
    return backward


def sparse_features(matrix: sp.csr_array, dtype: torch.dtype) -> SparseMatrix:
    """Convert CSR node features to a matrix that a layer multiplies with its weights."""
    backward = transposed(matrix)
    numbers = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    parts = (numbers, matrix.indptr, matrix.indices, backward.indptr, backward.indices, backward.data)
    rows, pointers, columns, back_pointers, back_columns, twins = (
        torch.as_tensor(part.astype(np.int64)) for part in parts
    )
    values = torch.as_tensor(np.array(matrix.data), dtype=dtype)
    adjacency = Adjacency(rows, pointers, columns, values, back_pointers, back_columns, values[twins], twins)
    return SparseMatrix(adjacency, matrix.shape[1])


class GraphBatch(NamedTuple):
    """Some graphs, joined to one graph of separate parts."""

    x: Any  # (n_nodes, n_features): a Tensor or a SparseMatrix
    adjacency: Adjacency  # with n_heads nodes for each node, if the convolution has heads
    edge_features: Tensor | None  # (n_edges, n_edge_features)
    graphs: Groups  # the nodes of each graph
    graph_features: Tensor | None = None  # (n_graphs, n_graph_features)


class GraphSamples(Samples):
    """A `GraphSet` as tensors; a graph without nodes, such as an unreadable molecule, is no valid sample.

    Parameters
    ----------
    graphs : GraphSet
    normalize : {"sym", "row"} or None
    self_loops : bool
        See `normalized`.
    dtype : torch.dtype
    n_heads : int
        Number of heads of a convolution that computes edge weights of its own; 0 for other convolutions. Each head has
        its own copy of the graph: the adjacency matrix is ``A ⊗ I``, in which node i becomes the nodes
        ``n_heads * i + head``.
    """

    cut_at_once = True

    def __init__(
        self,
        graphs: GraphSet,
        normalize: str | None,
        self_loops: bool,
        dtype: torch.dtype,
        n_heads: int = 0,
    ) -> None:
        self.n_heads = n_heads
        self.valid = None if (graphs.n_nodes > 0).all() else torch.from_numpy(graphs.n_nodes > 0)
        matrix, kept = normalized(graphs, normalize, self_loops)
        n_edges = matrix.nnz
        if n_heads > 1:
            matrix = sp.csr_array(sp.kron(matrix, sp.eye_array(n_heads), format="csr"))
        self.n_edge_features = 0 if graphs.edge_features is None else graphs.edge_features.shape[1]
        offsets, self.copies = graphs.offsets, max(n_heads, 1)
        edge_offsets = matrix.indptr[offsets * self.copies]
        backward = transposed(matrix)
        rows, backward_rows = (np.repeat(np.arange(len(m.indptr) - 1), np.diff(m.indptr)) for m in (matrix, backward))
        tensors = {
            "offsets": offsets,
            "edge_offsets": edge_offsets,
            "degrees": np.diff(matrix.indptr),
            "steps": matrix.indices - rows,  # from the target of an edge to its source
        }
        # An undirected graph is its own transpose.
        self.undirected = np.array_equal(matrix.indptr, backward.indptr) and np.array_equal(
            matrix.indices, backward.indices
        )
        if not self.undirected:
            tensors |= {
                "backward_degrees": np.diff(backward.indptr),
                "backward_steps": backward.indices - backward_rows,
            }
        if n_heads:
            tensors["twins"] = backward.data - np.repeat(edge_offsets[:-1], np.diff(edge_offsets))
        self.parts = {name: torch.from_numpy(value.astype(np.int64)) for name, value in tensors.items()}
        self.parts["weights"] = torch.as_tensor(np.array(matrix.data), dtype=dtype)
        if not (self.undirected and np.array_equal(matrix.data, matrix.data[backward.data])):
            self.parts["backward_weights"] = torch.as_tensor(matrix.data[backward.data], dtype=dtype)
        if sp.issparse(graphs.node_features):
            numbers = np.float64 if dtype == torch.float64 else np.float32
            self.nodes: Samples = SparseRows.from_scipy(graphs.node_features.astype(numbers))
        else:
            self.nodes = Rows(torch.as_tensor(np.array(graphs.node_features), dtype=dtype))
        if graphs.graph_features is not None:
            self.parts["graph_features"] = torch.as_tensor(np.array(graphs.graph_features), dtype=dtype)
        if graphs.edge_features is not None and not n_heads:  # convolutions with heads don't read them
            self.parts["edge_features"] = torch.as_tensor(_placed(graphs.edge_features, kept, n_edges), dtype=dtype)
        self._settle()

    def with_graph_features(self, values: np.ndarray) -> GraphSamples:
        """Return the same graphs with other graph features."""
        new = object.__new__(GraphSamples)
        new.__dict__.update(self.__dict__)
        new.parts = self.parts | {"graph_features": torch.as_tensor(values, dtype=self.parts["weights"].dtype)}
        return new

    def _settle(self) -> None:
        self.device = self.parts["offsets"].device
        self.nbytes = self.nodes.nbytes + sum(part.nbytes for part in self.parts.values())

    def __len__(self) -> int:
        return len(self.parts["offsets"]) - 1

    def to(self, device: torch.device) -> GraphSamples:
        moved = object.__new__(GraphSamples)
        moved.__dict__.update(self.__dict__)
        moved.parts = {name: part.to(device) for name, part in self.parts.items()}
        moved.nodes = self.nodes.to(device)
        moved.valid = None if self.valid is None else self.valid.to(device)
        moved._settle()
        return moved

    def __getitem__(self, index: Tensor) -> GraphBatch:
        part = self.parts
        graphs, nodes = ragged_positions(part["offsets"], index)
        of_graphs, edges = ragged_positions(part["edge_offsets"], index)
        copies = nodes if self.copies == 1 else _copies(nodes, self.copies)
        into = _neighbourhoods(part["degrees"], part["steps"], copies, edges)
        weights = part["weights"].index_select(0, edges)
        out_of, other = into[1:], weights
        if not self.undirected:
            out_of = _neighbourhoods(part["backward_degrees"], part["backward_steps"], copies, edges)[1:]
        if "backward_weights" in part:
            other = part["backward_weights"].index_select(0, edges)
        twins = None
        if "twins" in part:
            first = of_graphs.pointers.index_select(0, of_graphs.members)  # the first edge of each edge's graph
            twins = part["twins"].index_select(0, edges) + first
        of_edges, of_whole = part.get("edge_features"), part.get("graph_features")
        return GraphBatch(
            self.nodes[nodes],
            Adjacency(*into, weights, *out_of, other, twins),
            None if of_edges is None else of_edges.index_select(0, edges),
            graphs,
            None if of_whole is None else of_whole.index_select(0, index),
        )

    def cut(self, indices: Sequence[Tensor]) -> Iterator[GraphBatch]:
        """Cut some dozens of batches at once; each of them is a slice of the result."""
        for first in range(0, len(indices), _AT_ONCE):
            some = list(indices[first : first + _AT_ONCE])
            batch = self[torch.cat(some)]
            ends = list(accumulate(map(len, some), initial=0))
            nodes = batch.graphs.pointers[ends]
            edges = batch.adjacency.pointers.index_select(0, nodes * self.copies)
            for graph, node, edge in zip(
                pairwise(ends), pairwise(nodes.tolist()), pairwise(edges.tolist()), strict=True
            ):
                yield self._part(batch, slice(*graph), slice(*node), slice(*edge))

    def _part(self, batch: GraphBatch, graphs: slice, nodes: slice, edges: slice) -> GraphBatch:
        """Return consecutive graphs of a batch as a batch."""
        copies = slice(nodes.start * self.copies, nodes.stop * self.copies)
        features = batch.edge_features
        members, pointers = batch.graphs
        return GraphBatch(
            batch.x[nodes],
            batch.adjacency.part(copies, edges),
            None if features is None else features[edges],
            Groups(members[nodes] - graphs.start, pointers[graphs.start : graphs.stop + 1] - nodes.start),
            None if batch.graph_features is None else batch.graph_features[graphs],
        )


class NodeSamples(Samples):
    """Nodes of one graph; a batch is the whole graph and some of its nodes.

    Parameters
    ----------
    graph : GraphBatch
        The graph, whose sparse node features stay sparse.
    nodes : int64 Tensor of shape (n_samples,)
    """

    together = True

    def __init__(self, graph: GraphBatch, nodes: Tensor) -> None:
        self.graph, self.nodes = graph, nodes
        self.device = nodes.device

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, index: Tensor) -> tuple[GraphBatch, Tensor]:
        return self.graph, self.nodes.index_select(0, index)

    def to(self, device: torch.device) -> NodeSamples:
        return NodeSamples(on_device(self.graph, device), self.nodes.to(device))


def whole_graph(
    graph: GraphSet, normalize: str | None, self_loops: bool, dtype: torch.dtype, n_heads: int = 0
) -> GraphBatch:
    """Return one graph as a batch; sparse node features stay sparse."""
    samples = GraphSamples(graph, normalize, self_loops, dtype, n_heads)
    if isinstance(samples.nodes, Rows):
        return samples[torch.tensor([0])]
    features = sparse_features(graph.node_features, dtype)
    samples.nodes = Rows(torch.empty(graph.node_features.shape[0], 0))
    return samples[torch.tensor([0])]._replace(x=features)


def _placed(features: np.ndarray, kept: np.ndarray, n_edges: int) -> np.ndarray:
    """Return features of all entries of a matrix; those of an added self-loop are zero."""
    placed = np.zeros((n_edges, features.shape[1]), dtype=np.float32)
    placed[kept] = features
    return placed


def _copies(nodes: Tensor, n: int) -> Tensor:
    return (nodes[:, None] * n + torch.arange(n, device=nodes.device)).flatten()


def _neighbourhoods(degrees: Tensor, steps: Tensor, nodes: Tensor, edges: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return rows, row pointers and columns of the adjacency matrix of a batch."""
    groups = Groups.of(degrees.index_select(0, nodes))
    return groups.members, groups.pointers, groups.members + steps.index_select(0, edges)
