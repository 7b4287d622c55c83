"""Message passing with sums is a product with a sparse matrix, and its gradient one with the transposed matrix."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from sklearn_ann.graph.container import GraphSet

with warnings.catch_warnings():  # torch says once a process that its CSR tensors are in beta
    warnings.simplefilter("ignore")
    torch.sparse_csr_tensor(torch.tensor([0, 1]), torch.tensor([0]), torch.tensor([1.0]), (1, 1))


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

    def attend(self, alpha: Tensor, x: Tensor) -> Tensor:
        """``sum_j alpha_ij x_j`` for several heads.

        Parameters
        ----------
        alpha : Tensor of shape (n_edges, n_heads)
            Weights that take the place of the matrix's own.
        x : Tensor of shape (n_nodes, n_heads, width)

        Returns
        -------
        Tensor of shape (n_nodes, n_heads, width)
        """
        attended: Tensor = _Attention.apply(self, alpha, x.to(alpha.dtype))  # type: ignore[no-untyped-call]
        return attended

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
        return torch.nn.functional.linear(x, weight, bias)
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
    """A sparse product for each head, all in one: the heads are stacked as graphs in a batch are."""

    @staticmethod
    def forward(ctx: Any, adjacency: Adjacency, alpha: Tensor, x: Tensor) -> Tensor:
        n, heads, width = x.shape
        stacked = x.transpose(0, 1).flatten(0, 1)  # (heads * n_nodes, width)
        columns = _stack(adjacency.columns, n, heads)
        pointers = _stack_pointers(adjacency.pointers, heads)
        out = _multiply(pointers, columns, alpha.t().flatten(), stacked)
        ctx.adjacency, ctx.heads = adjacency, heads
        ctx.save_for_backward(alpha, stacked, columns)
        return out.view(heads, n, width).transpose(0, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor, Tensor]:
        a: Adjacency = ctx.adjacency
        alpha, stacked, columns = ctx.saved_tensors
        n, heads, width = grad.shape
        grads = grad.transpose(0, 1).flatten(0, 1)  # (heads * n_nodes, width)
        rows = _stack(a.rows, n, heads)
        for_alpha = (
            (grads.index_select(0, rows) * stacked.index_select(0, columns)).sum(dim=1).view(heads, len(alpha)).t()
        )
        assert a.twins is not None
        for_x = _multiply(
            _stack_pointers(a.backward_pointers, heads),
            _stack(a.backward_columns, n, heads),
            alpha.index_select(0, a.twins).t().flatten(),
            grads,
        )
        return None, for_alpha, for_x.view(heads, n, width).transpose(0, 1)


def _stack(nodes: Tensor, n: int, copies: int) -> Tensor:
    """Node numbers in so many copies of a graph of n nodes, copy by copy."""
    return (nodes + torch.arange(0, copies * n, n, device=nodes.device)[:, None]).flatten() if n else nodes


def _stack_pointers(pointers: Tensor, copies: int) -> Tensor:
    """Row pointers of so many copies of a matrix."""
    last = pointers[-1:]
    shifts = torch.arange(copies, device=pointers.device)[:, None] * last
    return torch.cat([(pointers[:-1] + shifts).flatten(), last * copies])


def _multiply(pointers: Tensor, columns: Tensor, values: Tensor, x: Tensor) -> Tensor:
    """The product of a CSR matrix and a dense one.

    On the CPU a sum of weighted bags of rows, which is the same, takes half of the time of torch's product.
    """
    if x.device.type == "cpu":
        return torch.embedding_bag(x, columns, pointers, False, 0, False, values, True)[0]
    size = (len(pointers) - 1, len(x))
    with torch.autocast(x.device.type, enabled=False):  # which has no sparse product in bfloat16
        return torch.sparse_csr_tensor(pointers, columns, values, size, check_invariants=False) @ x
