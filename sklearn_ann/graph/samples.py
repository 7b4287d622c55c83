"""Graphs as the engine reads them: tensors from which a batch is cut by index arithmetic."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from sklearn_ann import training
from sklearn_ann.graph.container import GraphSet
from sklearn_ann.graph.propagation import Adjacency, SparseMatrix, normalized, transposed


class GraphBatch(NamedTuple):
    """Some graphs as one graph of many parts."""

    x: Any  # (n_nodes, n_features): a Tensor or a SparseMatrix
    adjacency: Adjacency
    edge_features: Tensor | None  # (n_edges, n_edge_features)
    members: Tensor  # (n_nodes,), the graph of each node
    n_graphs: int


class GraphSamples(training.Samples):
    """A `GraphSet` as tensors.

    Parameters
    ----------
    graphs : GraphSet
    normalize : {"sym", "row"} or None
    self_loops : bool
        See `normalized`.
    dtype : torch.dtype
    trains_weights : bool
        Whether the convolution puts weights of its own on the edges.
    """

    def __init__(
        self,
        graphs: GraphSet,
        normalize: str | None,
        self_loops: bool,
        dtype: torch.dtype,
        trains_weights: bool = True,
    ) -> None:
        matrix, kept = normalized(graphs, normalize, self_loops)
        self.n_features = graphs.node_features.shape[1]
        self.n_edge_features = 0 if graphs.edge_features is None else graphs.edge_features.shape[1]
        offsets = graphs.offsets
        edge_offsets = matrix.indptr[offsets]
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
        if trains_weights:
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
        if graphs.edge_features is not None:
            edges = np.zeros((matrix.nnz, self.n_edge_features), dtype=np.float32)
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
        members, nodes, _ = training.ragged_positions(part["offsets"], index)
        _, edges, first_edge = training.ragged_positions(part["edge_offsets"], index)
        rows, pointers, columns = _structure(part["degrees"], part["steps"], nodes, edges)
        backward_pointers, backward_columns = pointers, columns
        if not self.undirected:
            _, backward_pointers, backward_columns = _structure(
                part["backward_degrees"], part["backward_steps"], nodes, edges
            )
        weights = part["weights"].index_select(0, edges)
        other = part.get("backward_weights")
        twins = part.get("twins")
        adjacency = Adjacency(
            rows,
            pointers,
            columns,
            weights,
            backward_pointers,
            backward_columns,
            weights if other is None else other.index_select(0, edges),
            None if twins is None else twins.index_select(0, edges) + first_edge,
        )
        features = part.get("edge_features")
        return GraphBatch(
            self.nodes[nodes],
            adjacency,
            None if features is None else features.index_select(0, edges),
            members,
            len(index),
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
    graph: GraphSet, normalize: str | None, self_loops: bool, dtype: torch.dtype, trains_weights: bool = True
) -> GraphBatch:
    """One graph as a batch, with its sparse node features, where they are sparse, as a matrix to multiply with."""
    samples = GraphSamples(graph, normalize, self_loops, dtype, trains_weights)
    if isinstance(samples.nodes, training.Rows):
        return samples[torch.tensor([0])]
    features = SparseMatrix.from_scipy(graph.node_features, dtype)
    samples.nodes = training.Rows(torch.empty(graph.node_features.shape[0], 0))
    return samples[torch.tensor([0])]._replace(x=features)


def _structure(degrees: Tensor, steps: Tensor, nodes: Tensor, edges: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rows, row pointers and columns of the matrix of a batch."""
    lengths = degrees.index_select(0, nodes)  # (n_nodes,)
    rows = torch.repeat_interleave(lengths)  # (n_edges,)
    pointers = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    return rows, pointers, rows + steps.index_select(0, edges)
