"""Message passing with sums is a product with a sparse matrix, and its gradient one with the transposed matrix."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from sklearn_ann.graph.container import GraphSet
from sklearn_ann.graph.reduction import Backend, softmax
from sklearn_ann.training import Groups

with warnings.catch_warnings():  # torch says once a process that its CSR tensors are in beta
    warnings.simplefilter("ignore")
    torch.sparse_csr_tensor(torch.tensor([0, 1]), torch.tensor([0]), torch.tensor([1.0]), (1, 1))

_SLOPE = 0.2  # of the leaky ReLU in attention over neighbours


def normalized(graphs: GraphSet, normalize: str | None, self_loops: bool) -> tuple[sp.csr_array, np.ndarray]:
    """The adjacency matrix that a convolution multiplies with.

    With ``A' = A + I`` if `self_loops`, else ``A' = A``, and d the row sums of A', it is ``D^-1/2 A' D^-1/2`` for
    ``"sym"`` (Kipf and Welling 2017, equation 2), ``D^-1 A'`` for ``"row"`` and A' for None. A node without edges
    keeps a row of zeros.

    Returns
    -------
    matrix : CSR array
    kept : array of int
        Where the entries of A stand among those of the matrix.

    Raises
    ------
    ValueError
        If a row sum is negative, which neither normalisation can divide by.
    """
    A = graphs.adjacency
    n = A.shape[0]
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
    if (degree < 0).any():
        graph = int(np.searchsorted(graphs.offsets, np.argmax(degree < 0), side="right")) - 1
        raise ValueError(
            f"graph {graph} has a node whose edge weights sum to {degree.min():g}: normalize={normalize!r} needs sums "
            "that are not negative; use normalize=None"
        )
    with np.errstate(divide="ignore"):
        scale = np.where(degree > 0, degree ** (-0.5 if normalize == "sym" else -1.0), 0.0)
    row_scale = np.repeat(scale, np.diff(matrix.indptr))
    matrix.data = matrix.data * row_scale * (scale[matrix.indices] if normalize == "sym" else 1.0)
    return matrix, kept


class Adjacency(NamedTuple):
    """A weighted adjacency matrix in CSR format, and its transpose, with which gradients flow back."""

    rows: Tensor  # (n_edges,), the node that each edge leads to
    pointers: Tensor  # (n_nodes + 1,)
    columns: Tensor  # (n_edges,), the node that each edge comes from
    weights: Tensor  # (n_edges,)
    backward_pointers: Tensor  # (n_nodes + 1,)
    backward_columns: Tensor  # (n_edges,)
    backward_weights: Tensor  # (n_edges,)
    twins: Tensor | None  # (n_edges,), where each entry of the transpose stands among the edges

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.pointers) - 1

    def __matmul__(self, x: Tensor) -> Tensor:
        """``A X``, shape (n_nodes, width)."""
        product: Tensor = _Product.apply(self, x.to(self.weights.dtype))  # type: ignore[no-untyped-call]
        return product

    @property
    def neighbourhoods(self) -> Groups:
        """The edges that lead to the same node."""
        return Groups(self.rows, self.pointers)

    def attend(self, own: Tensor, other: Tensor, x: Tensor, backend: Backend = "torch") -> tuple[Tensor, Tensor]:
        """``sum_j α_ij x_j`` with ``α_ij = softmax_j(LeakyReLU(own_i + other_j))`` over the neighbours j of i.

        Parameters
        ----------
        own, other : Tensor of shape (n_nodes,)
        x : Tensor of shape (n_nodes, width)
        backend : {"torch", "torch-scatter"}

        Returns
        -------
        attended : Tensor of shape (n_nodes, width)
        alpha : Tensor of shape (n_edges,)
            Without a gradient.
        """
        both: tuple[Tensor, Tensor] = _Attention.apply(self, own, other, x, backend)  # type: ignore[no-untyped-call]
        return both

    def part(self, nodes: slice, edges: slice) -> Adjacency:
        """The matrix of consecutive nodes that have all their edges among each other: some of the graphs of a batch."""
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
        """The weighted mean over the neighbours of each node; zero where it has none."""
        total = self @ torch.cat([x, torch.ones_like(x[:, :1])], dim=1)
        return total[:, :-1] / total[:, -1:].clamp(min=torch.finfo(total.dtype).tiny)

    def with_weights(self, weights: Tensor) -> Adjacency:
        """The same edges with other weights, constants too."""
        assert self.twins is not None
        return self._replace(weights=weights, backward_weights=weights.index_select(0, self.twins))


class SparseMatrix(NamedTuple):
    """A constant sparse matrix to multiply weights with: sparse node features."""

    adjacency: Adjacency
    n_columns: int

    @classmethod
    def from_scipy(cls, matrix: sp.csr_array, dtype: torch.dtype) -> SparseMatrix:
        """Take over a CSR matrix."""
        backward = transposed(matrix)
        numbers = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        parts = (numbers, matrix.indptr, matrix.indices, backward.indptr, backward.indices, backward.data)
        rows, pointers, columns, back_pointers, back_columns, twins = (
            torch.as_tensor(p.astype(np.int64)) for p in parts
        )
        values = torch.as_tensor(np.array(matrix.data), dtype=dtype)
        adjacency = Adjacency(rows, pointers, columns, values, back_pointers, back_columns, values[twins], twins)
        return cls(adjacency, matrix.shape[1])

    @property
    def shape(self) -> tuple[int, int]:
        """``(n_rows, n_columns)``."""
        return self.adjacency.n_nodes, self.n_columns


def transposed(matrix: sp.csr_array) -> sp.csr_array:
    """The structure of the transpose; its data are the places of its entries among those of the matrix."""
    backward = sp.csr_array((np.arange(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape).T.tocsr()
    backward.sort_indices()
    return backward


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
    """Attention over neighbours: the softmax and the product with it, whose gradients share their parts."""

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
        # What the softmax takes off, sum_j α_ij dα_ij, is the gradient of row i times the row itself.
        for_score = alpha * (for_alpha - ((grad * out) @ ones).index_select(0, a.rows))
        for_score = torch.where(score > 0, for_score, _SLOPE * for_score)
        zeros = score.new_zeros(a.n_nodes)
        for_x = _multiply(a.backward_pointers, a.backward_columns, alpha.index_select(0, a.twins), grad)
        return None, zeros.index_add(0, a.rows, for_score), zeros.index_add(0, a.columns, for_score), for_x, None


def _multiply(pointers: Tensor, columns: Tensor, values: Tensor, x: Tensor) -> Tensor:
    """The product of a CSR matrix and a dense one.

    On the CPU a sum of weighted bags of rows, which is the same, takes half of the time of torch's product.
    """
    if x.device.type == "cpu":
        return torch.embedding_bag(x, columns, pointers, False, 0, False, values, True)[0]
    size = (len(pointers) - 1, len(x))
    with torch.autocast(x.device.type, enabled=False):  # which has no sparse product in bfloat16
        return torch.sparse_csr_tensor(pointers, columns, values, size, check_invariants=False) @ x
