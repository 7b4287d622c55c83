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
    """A weighted adjacency matrix in CSR format, with the structure of its transpose."""

    pointers: Tensor  # (n_nodes + 1,)
    columns: Tensor  # (n_edges,), the node that each edge comes from
    weights: Tensor  # (n_edges,)
    backward_pointers: Tensor  # (n_nodes + 1,)
    backward_columns: Tensor  # (n_edges,)
    twins: Tensor  # (n_edges,), where each entry of the transpose stands among the edges

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.pointers) - 1

    def rows(self) -> Tensor:
        """The node that each edge leads to: int64 Tensor of shape (n_edges,)."""
        return torch.repeat_interleave(self.pointers.diff())

    def __matmul__(self, x: Tensor) -> Tensor:
        """``A X``, shape (n_nodes, width)."""
        return self.propagate(self.weights, x)

    def propagate(self, weights: Tensor, x: Tensor) -> Tensor:
        """``A X`` with other weights on the edges, through which gradients flow too."""
        product: Tensor = _Product.apply(self, weights, x.to(weights.dtype))  # type: ignore[no-untyped-call]
        return product

    def mean(self, x: Tensor) -> Tensor:
        """The weighted mean over the neighbours of each node; zero where it has none."""
        ones = torch.ones_like(x[:, :1])
        total = self @ torch.cat([x, ones], dim=1)
        return total[:, :-1] / total[:, -1:].clamp(min=torch.finfo(total.dtype).tiny)


class SparseMatrix(NamedTuple):
    """A constant sparse matrix to multiply weights with: sparse node features."""

    adjacency: Adjacency
    n_columns: int

    @classmethod
    def from_scipy(cls, matrix: sp.csr_array, dtype: torch.dtype) -> SparseMatrix:
        """Take over a CSR matrix."""
        places = sp.csr_array((np.arange(matrix.nnz), matrix.indices, matrix.indptr), shape=matrix.shape)
        backward = places.T.tocsr()
        tensors = (matrix.indptr, matrix.indices, matrix.data, backward.indptr, backward.indices, backward.data)
        pointers, columns, values, *back = (torch.from_numpy(part.copy()) for part in tensors)
        return cls(
            Adjacency(pointers.long(), columns.long(), values.to(dtype), *(part.long() for part in back)),
            matrix.shape[1],
        )

    @property
    def shape(self) -> tuple[int, int]:
        """``(n_rows, n_columns)``."""
        return self.adjacency.n_nodes, self.n_columns


def linear(x: Tensor | SparseMatrix, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``X Wᵀ + b`` for dense or sparse X."""
    if isinstance(x, Tensor):
        return torch.nn.functional.linear(x, weight, bias)
    product = x.adjacency.propagate(x.adjacency.weights, weight.t().contiguous())
    return product if bias is None else product + bias


class _Product(torch.autograd.Function):
    """A matrix product whose left factor is sparse."""

    @staticmethod
    def forward(ctx: Any, structure: Adjacency, weights: Tensor, x: Tensor) -> Tensor:
        ctx.structure = structure
        ctx.save_for_backward(weights, x if weights.requires_grad else None)
        return _multiply(structure.pointers, structure.columns, weights, x, len(x))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor | None, Tensor | None]:
        structure: Adjacency = ctx.structure
        weights, x = ctx.saved_tensors
        grad = grad.contiguous()
        for_weights = for_x = None
        if ctx.needs_input_grad[1]:
            for_weights = (grad.index_select(0, structure.rows()) * x.index_select(0, structure.columns)).sum(dim=1)
        if ctx.needs_input_grad[2]:
            twins = weights.index_select(0, structure.twins)
            for_x = _multiply(structure.backward_pointers, structure.backward_columns, twins, grad, structure.n_nodes)
        return None, for_weights, for_x


def _multiply(pointers: Tensor, columns: Tensor, values: Tensor, x: Tensor, n_columns: int) -> Tensor:
    """The product of a CSR matrix and a dense one.

    On the CPU a sum of weighted bags of rows, which is the same, takes half of the time of torch's product.
    """
    if x.device.type == "cpu":
        return torch.embedding_bag(x, columns, pointers, False, 0, False, values, True)[0]
    size = (len(pointers) - 1, n_columns)
    with torch.autocast(x.device.type, enabled=False):  # which has no sparse product in bfloat16
        return torch.sparse_csr_tensor(pointers, columns, values, size, check_invariants=False) @ x
