"""The networks of the graph estimators: convolutions, and for whole graphs a read-out and dense layers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_ann.graph.convolutions import CONVOLUTIONS, GATConvolution
from sklearn_ann.layers import (
    NORMALIZATIONS,
    Backend,
    BatchNorm,
    Dropout,
    Reduction,
    SparseMatrix,
    dense_stack,
    linear_layers,
    statistics,
)
from sklearn_ann.reading.graphs import GraphBatch


class GraphConvolutions(nn.Module):
    """A stack of convolutions, each with normalisation, ReLU, dropout and a residual (Dwivedi et al. 2020).

    Parameters
    ----------
    widths : sequence of int
        Number of node features, followed by the width of each convolution.
    conv : str
        A key of `CONVOLUTIONS`.
    normalization : {"batch", "layer"} or None
    residual : bool
        Whether to add a convolution's input to its output where their widths are equal.
    dropout, input_dropout : float in [0, 1)
    **options
        Options of single convolutions: ``n_heads``, ``n_edge_features``, ``backend``.
    """

    def __init__(
        self,
        widths: Sequence[int],
        conv: str,
        *,
        normalization: str | None,
        residual: bool,
        dropout: float,
        input_dropout: float,
        **options: Any,
    ) -> None:
        super().__init__()
        steps = list(pairwise(widths))
        self.convolutions = nn.ModuleList([CONVOLUTIONS[conv](*step, **options) for step in steps])
        self.norms = nn.ModuleList([NORMALIZATIONS[normalization](width) for _, width in steps])
        self.input_dropout = Dropout(input_dropout)
        self.dropout = Dropout(dropout)
        self.residual = residual

    def depths(self) -> dict[str, list[nn.Module | nn.Parameter]]:
        """Return the layers by name, from the input on: a convolution and its normalisation are one."""
        return {str(i): [*both] for i, both in enumerate(zip(self.convolutions, self.norms, strict=True))}

    def forward(self, batch: GraphBatch) -> list[Tensor]:
        """Return the node features after each convolution, each of shape (n_nodes, width).

        Dropout does not act on the returned features: a maximum over nodes would differ between training and
        prediction if half of them were zero and the others doubled.
        """
        x = self._drop_inputs(batch.x)
        layers: list[Tensor] = []
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            h = convolution(self.dropout(x) if layers else x, batch)
            h = norm(h, owners=batch.graphs.members).relu()
            x = h + x if self.residual and x.shape == h.shape else h
            layers.append(x)
        return layers

    def _drop_inputs(self, x: Any) -> Any:
        if isinstance(x, SparseMatrix):
            return x._replace(adjacency=x.adjacency.with_weights(self.input_dropout(x.adjacency.weights)))
        return self.input_dropout(x)

    def attention(self, batch: GraphBatch) -> list[Tensor]:
        """Return α of each convolution, each of shape (n_heads * n_edges,)."""
        maps = []
        for convolution, x in zip(self.convolutions, [batch.x, *self(batch)[:-1]], strict=True):
            assert isinstance(convolution, GATConvolution)
            maps.append(convolution.attention(x, batch)[1])
        return maps


class GraphBody(nn.Module):
    """Map each graph to one row of features: convolutions, read-out, dense layers.

    Parameters
    ----------
    convolutions : GraphConvolutions
    widths : sequence of int
        Widths of the convolutions.
    readout : sequence of {"mean", "sum", "max", "min", "std"}
        Statistics over the nodes of a graph, side by side.
    every_layer : bool
        Whether to read out after each convolution (Xu et al. 2018), or only after the last one.
    normalization : {"batch", "layer"} or None
        Normalisation of the read-out, in which sums are many times as large as means.
    hidden : sequence of int
        Widths of the dense layers.
    dropout : float
    backend : {"torch", "torch-scatter"}
    n_graph_features : int
        Number of features of the whole graph, which are joined to the read-out.
    graph_dropout : float
    """

    def __init__(
        self,
        convolutions: GraphConvolutions,
        widths: Sequence[int],
        *,
        readout: Sequence[Reduction],
        every_layer: bool,
        normalization: str | None,
        hidden: Sequence[int],
        dropout: float,
        backend: Backend,
        n_graph_features: int = 0,
        graph_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.convolutions = convolutions
        self.readout, self.every_layer, self.backend = tuple(readout), every_layer, backend
        n_read = len(self.readout) * (sum(widths) if every_layer else widths[-1])
        self.norm = NORMALIZATIONS[normalization](n_read)
        self.graph_dropout = Dropout(graph_dropout)
        n_joined = n_read + n_graph_features
        self.dense = dense_stack(linear_layers([n_joined, *hidden]), "relu", dropout, activate_last=True)
        self.n_features = hidden[-1] if hidden else n_joined

    def forward(self, batch: GraphBatch) -> Tensor:
        layers = self.convolutions(batch)
        h = torch.cat(layers, dim=1) if self.every_layer else layers[-1]  # (n_nodes, width)
        read = statistics(h, batch.graphs, self.readout, self.backend)  # (n_graphs, n_readouts * width)
        joined = self.norm(read)
        if batch.graph_features is not None:
            joined = torch.cat([joined, self.graph_dropout(batch.graph_features)], dim=1)
        features: Tensor = self.dense(joined)  # (n_graphs, n_features)
        return features

    def attention(self, batch: GraphBatch) -> list[Tensor]:
        """Return α of each convolution."""
        return self.convolutions.attention(batch)


class NodeBody(nn.Module):
    """Map some nodes of one graph to one row of features each.

    Parameters
    ----------
    convolutions : GraphConvolutions
    propagate_last : {"product", "mean"} or None
        How to propagate the features along the edges once more. After ``"product"``, the linear head completes one more
        ``"gcn"`` convolution, as in Kipf and Welling (2017), equation 9.
    """

    def __init__(self, convolutions: GraphConvolutions, propagate_last: str | None) -> None:
        super().__init__()
        self.convolutions, self.propagate_last = convolutions, propagate_last
        for norm in convolutions.norms:
            if isinstance(norm, BatchNorm):
                norm.of_samples = False  # the samples are some of the graph's nodes

    def forward(self, batch: tuple[GraphBatch, Tensor]) -> Tensor:
        graph, nodes = batch
        h = self.convolutions.dropout(self.convolutions(graph)[-1])
        if self.propagate_last is not None:
            A = graph.adjacency
            copies = h.view(A.n_nodes, -1)  # with heads, each propagates its own part of h
            h = (A @ copies if self.propagate_last == "product" else A.mean(copies)).view(h.shape)
        features: Tensor = h.index_select(0, nodes)  # (batch, width)
        return features

    def attention(self, batch: tuple[GraphBatch, Tensor]) -> list[Tensor]:
        """Return α of each convolution."""
        return self.convolutions.attention(batch[0])
