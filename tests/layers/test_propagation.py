"""Products with a sparse adjacency matrix, in values and gradients, against dense formulas."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch.nn import functional as F

from sklearn_ann.layers import Adjacency, SparseMatrix, linear

# Directed, with a self-loop, a node without incoming edges (2) and one without outgoing edges (0).
DENSE = np.array([[0, 2.0, 0.5, 0], [0, 3, 0, 1.5], [0, 0, 0, 0], [0, 0, 0.7, 0]])


def adjacency_of(dense):
    forward = sp.csr_array(dense)
    numbered = sp.csr_array((np.arange(forward.nnz), forward.indices, forward.indptr), shape=forward.shape)
    backward = numbered.T.tocsr()
    rows = np.repeat(np.arange(forward.shape[0]), np.diff(forward.indptr))
    twins = backward.data
    parts = (rows, forward.indptr, forward.indices, backward.indptr, backward.indices, twins)
    rows, pointers, columns, back_pointers, back_columns, twins = (torch.tensor(p, dtype=torch.int64) for p in parts)
    weights = torch.tensor(forward.data)
    return Adjacency(rows, pointers, columns, weights, back_pointers, back_columns, weights[twins], twins)


def random(*shape):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(*shape, dtype=torch.float64, generator=generator, requires_grad=True)


def test_the_product_and_its_gradient_are_those_of_the_dense_matrix():
    A, dense, x = adjacency_of(DENSE), torch.tensor(DENSE), random(4, 3)
    torch.testing.assert_close(A @ x, dense @ x)
    got, expected = (torch.autograd.grad(out.pow(3).sum(), x)[0] for out in (A @ x, dense @ x))
    torch.testing.assert_close(got, expected)


def test_the_mean_is_weighted_and_zero_without_neighbours():
    x = random(4, 3)
    with np.errstate(invalid="ignore"):
        expected = np.nan_to_num(DENSE / DENSE.sum(axis=1, keepdims=True)) @ x.detach().numpy()
    np.testing.assert_allclose(adjacency_of(DENSE).mean(x).detach(), expected)
    assert (expected[2] == 0).all()


def test_attention_is_the_softmax_over_neighbours():
    A, x = adjacency_of(DENSE + np.eye(4)), random(4, 3)
    own, other = random(2, 4)
    mask = torch.tensor(DENSE + np.eye(4) == 0)
    alpha = F.leaky_relu(own[:, None] + other, 0.2).masked_fill(mask, -torch.inf).softmax(dim=1)
    attended, weights = A.attend(own, other, x)
    torch.testing.assert_close(attended, alpha @ x)
    torch.testing.assert_close(weights, alpha[A.rows, A.columns].detach())
    for one, same in zip(*(torch.autograd.grad(out.pow(2).sum(), (own, other, x), retain_graph=True)
                           for out in (attended, alpha @ x)), strict=True):  # fmt: skip
        torch.testing.assert_close(one, same)


@pytest.mark.scatter
def test_torch_scatter_attends_alike():
    pytest.importorskip("torch_scatter", reason="the extra scatter is not installed: make test-scatter installs it")
    A, x = adjacency_of(DENSE), random(4, 3)
    own, other = random(2, 4)
    results = [torch.autograd.grad(A.attend(own, other, x, b)[0].pow(2).sum(), (own, other, x), retain_graph=True)
               for b in ("torch", "torch-scatter")]  # fmt: skip
    for one, same in zip(*results, strict=True):
        torch.testing.assert_close(one, same)


def test_a_part_is_the_matrix_of_its_nodes():
    other = np.array([[0, 4.0], [5, 6]])
    whole = adjacency_of(sp.block_diag([sp.csr_array(other), sp.csr_array(DENSE)]).toarray())
    part, x = whole.part(slice(2, 6), slice(3, 3 + np.count_nonzero(DENSE))), random(4, 3)
    torch.testing.assert_close(part @ x, torch.tensor(DENSE) @ x)
    got, expected = (torch.autograd.grad(out.pow(2).sum(), x)[0] for out in (part @ x, torch.tensor(DENSE) @ x))
    torch.testing.assert_close(got, expected)
    assert torch.equal(part.twins, adjacency_of(DENSE).twins)


def test_other_weights_reach_the_gradient_too():
    x = random(4, 3)
    A = adjacency_of(DENSE)
    squared, dense = A.with_weights(A.weights**2), torch.tensor(DENSE**2)
    got, expected = (torch.autograd.grad(out.pow(2).sum(), x)[0] for out in (squared @ x, dense @ x))
    torch.testing.assert_close(got, expected)


def test_a_sparse_matrix_has_the_linear_layer_of_the_dense_one():
    weight, bias = random(2, 3), random(2)
    X = np.array([[0, 1.0, 0], [2, 0, 3], [0, 0, 0], [4, 0, 0]])
    results = []
    for x in (torch.tensor(X), SparseMatrix(adjacency_of(X), 3)):
        out = linear(x, weight, bias)
        results.append((out.detach(), *torch.autograd.grad(out.pow(2).sum(), (weight, bias))))
        torch.testing.assert_close(linear(x, weight) + bias, out)
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other)
