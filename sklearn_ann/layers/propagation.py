"""Message passing with sums as a sparse matrix product; its gradient is a product with the transposed matrix."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from sklearn_ann.layers.ragged import Groups
from sklearn_ann.layers.reduction import Backend, softmax

with warnings.catch_warnings():  # torch warns once per process that its CSR tensors are in beta
    warnings.simplefilter("ignore")
    torch.sparse_csr_tensor(torch.tensor([0, 1]), torch.tensor([0]), torch.tensor([1.0]), (1, 1))

_SLOPE = 0.2  # negative slope of the leaky ReLU in attention over neighbours


class Adjacency(NamedTuple):
    """A weighted adjacency matrix in CSR format, and its transpose for the gradients."""

    rows: Tensor  # (n_edges,), the target node of each edge
    pointers: Tensor  # (n_nodes + 1,)
    columns: Tensor  # (n_edges,), the source node of each edge
    weights: Tensor  # (n_edges,)
    backward_pointers: Tensor  # (n_nodes + 1,)
    backward_columns: Tensor  # (n_edges,)
    backward_weights: Tensor  # (n_edges,)
    twins: Tensor | None  # (n_edges,), the edge of each entry of the transpose

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.pointers) - 1

    def __matmul__(self, x: Tensor) -> Tensor:
        """``A X``, shape (n_nodes, width)."""
        x = x.to(self.weights.dtype)
        if not torch.is_grad_enabled():  # a function with a gradient takes as long as the product of a small graph
            return _multiply(self.pointers, self.columns, self.weights, x)
        product: Tensor = cast(Any, _Product).apply(self, x)
        return product

    @property
    def neighbourhoods(self) -> Groups:
        """The edges grouped by target node."""
        return Groups(self.rows, self.pointers)

    def attend(self, own: Tensor, other: Tensor, x: Tensor, backend: Backend = "torch") -> tuple[Tensor, Tensor]:
        """Return ``sum_j α_ij x_j`` with ``α_ij = softmax_j(LeakyReLU(own_i + other_j))`` over the neighbours j of i.

        Parameters
        ----------
        own, other : Tensor of shape (n_nodes,)
        x : Tensor of shape (n_nodes, width)
        backend : {"torch", "torch-scatter"}

        Returns
        -------
        attended : Tensor of shape (n_nodes, width)
        alpha : Tensor of shape (n_edges,)
            The weights α, without a gradient.
        """
        both: tuple[Tensor, Tensor] = cast(Any, _Attention).apply(self, own, other, x, backend)
        return both

    def part(self, nodes: slice, edges: slice) -> Adjacency:
        """Return the matrix of consecutive nodes without edges to other nodes, such as some graphs of a batch."""
        ends = slice(nodes.start, nodes.stop + 1)
        rows, pointers, columns = (
            self.rows[edges] - nodes.start,
            self.pointers[ends] - edges.start,
            self.columns[edges] - nodes.start,
        )
        undirected = self.backward_columns is self.columns
        return Adjacency(
            rows,
            pointers,
            columns,
            self.weights[edges],
            pointers if undirected else self.backward_pointers[ends] - edges.start,
            columns if undirected else self.backward_columns[edges] - nodes.start,
            self.backward_weights[edges],
            None if self.twins is None else self.twins[edges] - edges.start,
        )

    def mean(self, x: Tensor) -> Tensor:
        """Return the weighted mean over the neighbours of each node, zero for a node without neighbours."""
        total = self @ torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
        return total[:, :-1] / total[:, -1:].clamp(min=torch.finfo(total.dtype).tiny)

    def with_weights(self, weights: Tensor) -> Adjacency:
        """Return the same edges with other constant weights."""
        assert self.twins is not None
        return self._replace(weights=weights, backward_weights=weights.index_select(0, self.twins))


class SparseMatrix(NamedTuple):
    """A constant sparse matrix that layers multiply with their weights: sparse node features."""

    adjacency: Adjacency
    n_columns: int

    @property
    def shape(self) -> tuple[int, int]:
        """``(n_rows, n_columns)``."""
        return self.adjacency.n_nodes, self.n_columns


def linear(x: Tensor | SparseMatrix, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``X Wᵀ + b`` for dense or sparse X."""
    if isinstance(x, Tensor):
        return F.linear(x, weight, bias)
    product = x.adjacency @ weight.t().contiguous()
    return product if bias is None else product + bias


class _Product(torch.autograd.Function):
    """The product of a constant sparse matrix and a dense one."""

    @staticmethod
    def forward(ctx: Any, adjacency: Adjacency, x: Tensor) -> Tensor:
        ctx.adjacency = adjacency
        return _multiply(adjacency.pointers, adjacency.columns, adjacency.weights, x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        a: Adjacency = ctx.adjacency
        return None, _multiply(a.backward_pointers, a.backward_columns, a.backward_weights, grad.contiguous())


class _Attention(torch.autograd.Function):
    """Attention over neighbours: softmax and product together, because their gradients share terms."""

    @staticmethod
    def forward(
        ctx: Any, a: Adjacency, own: Tensor, other: Tensor, x: Tensor, backend: Backend
    ) -> tuple[Tensor, Tensor]:
        score = own.index_select(0, a.rows) + other.index_select(0, a.columns)  # (n_edges,)
        alpha = softmax(F.leaky_relu(score, _SLOPE), a.neighbourhoods, backend)
        out = _multiply(a.pointers, a.columns, alpha, x)
        ctx.adjacency = a
        ctx.save_for_backward(score, alpha, x, out)
        ctx.mark_non_differentiable(alpha)
        return out, alpha

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, _: Tensor) -> tuple[Tensor | None, ...]:
        a: Adjacency = ctx.adjacency
        score, alpha, x, out = ctx.saved_tensors
        assert a.twins is not None
        grad = grad.contiguous()
        ones = x.new_ones(x.shape[1])
        for_alpha = (grad.index_select(0, a.rows) * x.index_select(0, a.columns)) @ ones  # (n_edges,)
        # The term sum_j α_ij dα_ij of the softmax gradient is the product of output row i with its gradient.
        for_score = alpha * (for_alpha - ((grad * out) @ ones).index_select(0, a.rows))
        for_score = torch.where(score > 0, for_score, _SLOPE * for_score)
        zeros = score.new_zeros(a.n_nodes)
        for_x = _multiply(a.backward_pointers, a.backward_columns, alpha.index_select(0, a.twins), grad)
        return None, zeros.index_add(0, a.rows, for_score), zeros.index_add(0, a.columns, for_score), for_x, None


def _multiply(pointers: Tensor, columns: Tensor, values: Tensor, x: Tensor) -> Tensor:
    """Return the product of a CSR matrix and a dense one.

    On the CPU, ``embedding_bag`` computes the same in half the time of torch's product.
    """
    if x.device.type == "cpu":
        return torch.embedding_bag(x, columns, pointers, False, 0, False, values, True)[0]
    size = (len(pointers) - 1, len(x))
    with torch.autocast(x.device.type, enabled=False):  # torch has no sparse product in bfloat16
        return torch.sparse_csr_tensor(pointers, columns, values, size, check_invariants=False) @ x
