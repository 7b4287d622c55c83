"""Graphs as the engine reads them: tensors from which a batch is cut by index arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from sklearn_ann import training
from sklearn_ann.graph.container import GraphSet
from sklearn_ann.graph.propagation import Adjacency, SparseMatrix, normalized, transposed

_AT_ONCE = 32  # batches that are cut together


class GraphBatch(NamedTuple):
    """Some graphs as one graph of many parts."""

    x: Any  # (n_nodes, n_features): a Tensor or a SparseMatrix
    adjacency: Adjacency  # with n_heads nodes in the place of each, where the convolution has heads
    edge_features: Tensor | None  # (n_edges, n_edge_features)
    graphs: training.Groups  # of nodes


class GraphSamples(training.Samples):
    """A `GraphSet` as tensors.

    Parameters
    ----------
    graphs : GraphSet
    normalize : {"sym", "row"} or None
    self_loops : bool
        See `normalized`.
    dtype : torch.dtype
    n_heads : int
        Heads of a convolution that puts weights of its own on the edges. Each has a copy of the graph to itself: node i
        of the graph is the nodes ``n_heads * i + head`` of the adjacency matrix, which is ``A ⊗ I``. 0 for a
        convolution that has no such weights.
    """

    def __init__(
        self,
        graphs: GraphSet,
        normalize: str | None,
        self_loops: bool,
        dtype: torch.dtype,
        n_heads: int = 0,
    ) -> None:
        self.n_heads = n_heads
        matrix, kept = normalized(graphs, normalize, self_loops)
        n_edges = matrix.nnz
        if n_heads > 1:
            matrix = sp.csr_array(sp.kron(matrix, sp.eye_array(n_heads), format="csr"))
        self.n_features = graphs.node_features.shape[1]
        self.n_edge_features = 0 if graphs.edge_features is None else graphs.edge_features.shape[1]
        offsets = graphs.offsets
        self.copies = max(n_heads, 1)
        edge_offsets = matrix.indptr[offsets * self.copies]
        backward = transposed(matrix)
        rows, backward_rows = (np.repeat(np.arange(len(m.indptr) - 1), np.diff(m.indptr)) for m in (matrix, backward))
        tensors = {
            "offsets": offsets,
            "edge_offsets": edge_offsets,
            "degrees": np.diff(matrix.indptr),
            "steps": matrix.indices - rows,  # from the node that an edge leads to, to the one that it comes from
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
        self.parts["weights"] = torch.as_tensor(matrix.data, dtype=dtype)
        if not (self.undirected and np.array_equal(matrix.data, matrix.data[backward.data])):
            self.parts["backward_weights"] = torch.as_tensor(matrix.data[backward.data], dtype=dtype)
        if sp.issparse(graphs.node_features):
            nodes = graphs.node_features.astype(np.float64 if dtype == torch.float64 else np.float32)
            self.nodes: training.Samples = training.SparseRows.from_scipy(nodes)
        else:
            self.nodes = training.Rows(torch.as_tensor(np.array(graphs.node_features), dtype=dtype))
        if graphs.edge_features is not None and not n_heads:  # convolutions with heads do not read them
            edges = np.zeros((n_edges, self.n_edge_features), dtype=np.float32)
            edges[kept] = graphs.edge_features  # a self-loop that was added has none
            self.parts["edge_features"] = torch.as_tensor(edges, dtype=dtype)
        self._settle()

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
        moved._settle()
        return moved

    def __getitem__(self, index: Tensor) -> GraphBatch:
        part = self.parts
        graphs, nodes = training.ragged_positions(part["offsets"], index)
        of_graphs, edges = training.ragged_positions(part["edge_offsets"], index)
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
        features = part.get("edge_features")
        return GraphBatch(
            self.nodes[nodes],
            Adjacency(*into, weights, *out_of, other, twins),
            None if features is None else features.index_select(0, edges),
            graphs,
        )

    def cut(self, indices: Sequence[Tensor]) -> Iterator[GraphBatch]:
        """Cut some dozens of batches at once, of which each is then a slice."""
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
        """The consecutive graphs of a batch as a batch."""
        copies = slice(nodes.start * self.copies, nodes.stop * self.copies)
        features = batch.edge_features
        members, pointers = batch.graphs
        return GraphBatch(
            batch.x[nodes],
            batch.adjacency.part(copies, edges),
            None if features is None else features[edges],
            training.Groups(members[nodes] - graphs.start, pointers[graphs.start : graphs.stop + 1] - nodes.start),
        )


class NodeSamples(training.Samples):
    """Nodes of one graph: a batch is the whole graph and the nodes that were asked for.

    Parameters
    ----------
    graph : GraphBatch
        The graph; its sparse node features stay sparse.
    nodes : int64 Tensor of shape (n_samples,)
    """

    def __init__(self, graph: GraphBatch, nodes: Tensor) -> None:
        self.graph, self.nodes = graph, nodes
        self.device = nodes.device

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, index: Tensor) -> tuple[GraphBatch, Tensor]:
        return self.graph, self.nodes.index_select(0, index)

    def to(self, device: torch.device) -> NodeSamples:
        return NodeSamples(training.on_device(self.graph, device), self.nodes.to(device))


def whole_graph(
    graph: GraphSet, normalize: str | None, self_loops: bool, dtype: torch.dtype, n_heads: int = 0
) -> GraphBatch:
    """One graph as a batch, with its sparse node features, where they are sparse, as a matrix to multiply with."""
    samples = GraphSamples(graph, normalize, self_loops, dtype, n_heads)
    if isinstance(samples.nodes, training.Rows):
        return samples[torch.tensor([0])]
    features = SparseMatrix.from_scipy(graph.node_features, dtype)
    samples.nodes = training.Rows(torch.empty(graph.node_features.shape[0], 0))
    return samples[torch.tensor([0])]._replace(x=features)


def _copies(nodes: Tensor, n: int) -> Tensor:
    return (nodes[:, None] * n + torch.arange(n, device=nodes.device)).flatten()


def _neighbourhoods(degrees: Tensor, steps: Tensor, nodes: Tensor, edges: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rows, row pointers and columns of the matrix of a batch."""
    groups = training.Groups.of(degrees.index_select(0, nodes))
    return groups.members, groups.pointers, groups.members + steps.index_select(0, edges)
