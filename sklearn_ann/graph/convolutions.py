"""Graph convolutions: each maps the node features of a graph of any size to new node features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sklearn_ann.layers import Backend, linear, reduce
from sklearn_ann.reading.graphs import GraphBatch


class GCNConvolution(nn.Module):
    """``A X Wᵀ``, the graph convolution of Kipf and Welling (2017, equation 2) without its activation.

    A is the adjacency matrix as `normalized` returns it. Like the formula, the layer has no bias.
    """

    def __init__(self, n_inputs: int, n_outputs: int, **_: Any) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_outputs, n_inputs))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x: Any, batch: GraphBatch) -> Tensor:
        if isinstance(x, Tensor) and x.shape[1] < len(self.weight):
            return linear(batch.adjacency @ x, self.weight)  # the cheaper order of the two products
        return batch.adjacency @ linear(x, self.weight)


class SAGEConvolution(nn.Module):
    """``X W₁ᵀ + mean_{j in N(i)} x_j W₂ᵀ + b`` (Hamilton et al. 2017, with the mean aggregator).

    The mean is weighted by the edge weights.
    """

    def __init__(self, n_inputs: int, n_outputs: int, **_: Any) -> None:
        super().__init__()
        self.own = nn.Linear(n_inputs, n_outputs)
        self.neighbours = nn.Linear(n_inputs, n_outputs, bias=False)

    def forward(self, x: Any, batch: GraphBatch) -> Tensor:
        mean = batch.adjacency.mean(linear(x, self.neighbours.weight))
        return linear(x, self.own.weight, self.own.bias) + mean


class GINConvolution(nn.Module):
    """``MLP((1 + ε) x_i + sum_j a_ij x_j)`` (Xu et al. 2019, equation 4.1).

    The first layer of the MLP is linear and is applied before the sum: the result is the same, and wide or sparse
    inputs cost less. With edge features e, neighbours count by ``ReLU(W x_j + C e_ij)`` in place of ``W x_j`` (Hu et
    al. 2020), W being the first layer.
    """

    def __init__(self, n_inputs: int, n_outputs: int, *, n_edge_features: int = 0, **_: Any) -> None:
        super().__init__()
        self.epsilon = nn.Parameter(torch.zeros(()))
        self.first = nn.Linear(n_inputs, n_outputs)
        self.second = nn.Linear(n_outputs, n_outputs)
        self.edge = nn.Linear(n_edge_features, n_outputs) if n_edge_features else None

    def forward(self, x: Any, batch: GraphBatch) -> Tensor:
        h = linear(x, self.first.weight)
        if self.edge is None:
            total = batch.adjacency @ h
        else:
            edges = batch.adjacency
            message = (h.index_select(0, edges.columns) + self.edge(batch.edge_features)).relu()
            total = reduce(message * edges.weights[:, None], edges.neighbourhoods, "sum")
        h = (1 + self.epsilon) * h + total + self.first.bias
        output: Tensor = self.second(h.relu())
        return output


class GATConvolution(nn.Module):
    """``sum_j α_ij W x_j`` with ``α_ij = softmax_j(LeakyReLU(a₁ᵀ W x_i + a₂ᵀ W x_j))`` over the neighbours of i
    (Velickovic et al. 2018, equations 3 to 6), for several heads side by side.
    """

    def __init__(self, n_inputs: int, n_outputs: int, *, n_heads: int, backend: Backend, **_: Any) -> None:
        super().__init__()
        if n_outputs % n_heads:
            raise ValueError(f"conv_layer_sizes has the width {n_outputs}, which is not divisible by n_heads={n_heads}")
        self.n_heads, self.backend = n_heads, backend
        self.weight = nn.Parameter(torch.empty(n_outputs, n_inputs))
        self.to_own = nn.Parameter(torch.empty(n_heads, n_outputs // n_heads))
        self.to_other = nn.Parameter(torch.empty(n_heads, n_outputs // n_heads))
        self.bias = nn.Parameter(torch.zeros(n_outputs))
        for parameter in (self.weight, self.to_own, self.to_other):
            nn.init.xavier_uniform_(parameter)

    def attention(self, x: Any, batch: GraphBatch) -> tuple[Tensor, Tensor]:
        """Return the output without its bias, shape (n_nodes, n_outputs), and α, shape (n_heads * n_edges,)."""
        h = linear(x, self.weight).to(batch.adjacency.weights.dtype)
        n, (heads, width) = len(h), self.to_own.shape
        # One column for each head, zero outside the head's own part of h: one product serves all heads.
        apart = torch.eye(heads, dtype=h.dtype, device=h.device)[:, None, :]  # (heads, 1, heads)
        vectors = torch.cat([self.to_own[:, :, None] * apart, self.to_other[:, :, None] * apart], dim=2).flatten(0, 1)
        own, other = torch.split((h @ vectors).to(h.dtype), heads, dim=1)  # (n_nodes, heads)
        out, alpha = batch.adjacency.attend(own.flatten(), other.flatten(), h.view(n * heads, width), self.backend)
        return out.view(n, heads * width), alpha

    def forward(self, x: Any, batch: GraphBatch) -> Tensor:
        return self.attention(x, batch)[0] + self.bias


class GatedConvolution(nn.Module):
    """``U x_i + sum_j a_ij η_ij ⊙ V x_j`` with gates ``η_ij = σ(e_ij) / (sum_k σ(e_ik) + ε)`` and ``e_ij = A x_i +
    B x_j + C e⁰_ij`` (residual gated graph convolution: Bresson and Laurent 2017; Dwivedi et al. 2020, equation 11).

    e⁰ are the edge features; without them, the gates depend on the nodes alone.
    """

    def __init__(self, n_inputs: int, n_outputs: int, *, n_edge_features: int, **_: Any) -> None:
        super().__init__()
        self.own = nn.Linear(n_inputs, n_outputs)
        self.other = nn.Linear(n_inputs, n_outputs)
        self.gate_own = nn.Linear(n_inputs, n_outputs)
        self.gate_other = nn.Linear(n_inputs, n_outputs)
        self.gate_edge = nn.Linear(n_edge_features, n_outputs, bias=False) if n_edge_features else None

    def forward(self, x: Any, batch: GraphBatch) -> Tensor:
        own, other, gate_own, gate_other = (
            linear(x, layer.weight, layer.bias) for layer in (self.own, self.other, self.gate_own, self.gate_other)
        )
        rows, columns = batch.adjacency.rows, batch.adjacency.columns
        score = gate_own.index_select(0, rows) + gate_other.index_select(0, columns)  # (n_edges, n_outputs)
        if self.gate_edge is not None:
            score = score + self.gate_edge(batch.edge_features)
        gate = score.sigmoid()
        groups = batch.adjacency.neighbourhoods
        message = gate * other.index_select(0, columns) * batch.adjacency.weights[:, None]
        return own + reduce(message, groups, "sum") / (reduce(gate, groups, "sum") + 1e-6)


CONVOLUTIONS: dict[str, type[nn.Module]] = {
    "gcn": GCNConvolution,
    "sage": SAGEConvolution,
    "gin": GINConvolution,
    "gat": GATConvolution,
    "gated": GatedConvolution,
}
