"""The networks of graph estimators: a graph keeps its features whatever surrounds it."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from sklearn_ann.graph import GraphSet
from sklearn_ann.graph.network import GraphBody, GraphConvolutions, NodeBody
from sklearn_ann.reading.graphs.samples import GraphSamples, whole_graph

PLAIN = {"normalization": None, "residual": False, "dropout": 0.0, "input_dropout": 0.0}


def random_set(n_graphs, seed=0):
    rng = np.random.RandomState(seed)
    sizes = rng.randint(1, 8, size=n_graphs)
    return GraphSet.from_list(
        [(rng.normal(size=(k, 3)), rng.uniform(size=(k, k)) * (rng.uniform(size=(k, k)) < 0.5)) for k in sizes]
    )


def batch_of(graphs, index=None):
    samples = GraphSamples(graphs, None, False, torch.float64)
    return samples[torch.arange(len(graphs)) if index is None else torch.tensor(index)]


def convolutions(widths, conv="gcn", **options):
    torch.manual_seed(0)
    return GraphConvolutions(widths, conv, **PLAIN | options).double()


def test_layers_are_the_equation_one_after_the_other():
    graphs = random_set(3)
    A, X = graphs.adjacency.toarray().astype(float), graphs.node_features.astype(float)
    for residual in (False, True):
        stack = convolutions((3, 4, 4), residual=residual)
        first, second = (conv.weight.detach().numpy() for conv in stack.convolutions)
        h = np.maximum(A @ X @ first.T, 0)
        expected = [h, np.maximum(A @ h @ second.T, 0) + residual * h]
        for got, want in zip(stack(batch_of(graphs)), expected, strict=True):
            np.testing.assert_allclose(got.detach(), want, rtol=1e-6, atol=1e-9)


def test_dropout_spares_what_is_read_out():
    batch = batch_of(random_set(3))
    stack = convolutions((3, 50), dropout=0.5).train()
    torch.testing.assert_close(stack(batch)[0], stack.eval()(batch)[0])


def test_input_dropout_thins_sparse_features_in_values_and_gradients():
    graph = GraphSet(sp.csr_array(np.ones((200, 20))), sp.eye_array(200))
    stack = convolutions((20, 1), input_dropout=0.25).train()
    weight = torch.nn.init.ones_(stack.convolutions[0].weight)
    out = stack(whole_graph(graph, None, False, torch.float64))[0]
    n_kept = out.detach() * 0.75
    torch.testing.assert_close(n_kept, n_kept.round())
    assert 14 < n_kept.mean() < 16
    assert n_kept.std() > 1
    (grad,) = torch.autograd.grad(out.sum(), weight)
    torch.testing.assert_close((grad * weight).sum(), out.sum())  # the sum is linear in the weights


def test_graph_features_do_not_depend_on_the_order_of_nodes_or_on_the_batch():
    graphs = random_set(n_graphs=5)
    X, A, _ = graphs[2]
    order = np.arange(len(X))[::-1]
    permuted = GraphSet.from_list([(X[order], A[order][:, order])])
    torch.manual_seed(0)
    body = GraphBody(
        GraphConvolutions((3, 4, 4), "gcn", normalization="batch", residual=True, dropout=0.0, input_dropout=0.0),
        (4, 4), readout=["mean", "sum", "max", "min", "std"], every_layer=True, normalization="batch",
        hidden=(6,), dropout=0.0, backend="torch",
    ).double().eval()  # fmt: skip
    together = body(batch_of(graphs))
    torch.testing.assert_close(body(batch_of(permuted))[0], together[2])
    torch.testing.assert_close(body(batch_of(graphs, index=[2]))[0], together[2])


@pytest.mark.parametrize("conv", ["gcn", "gin", "gat"])
def test_node_features_propagate_once_more(conv):
    graph = random_set(1, seed=3)
    heads = 2 if conv == "gat" else 0
    batch = whole_graph(graph, None, False, torch.float64, heads)
    A = graph.adjacency.toarray().astype(float)
    mean = A / np.maximum(A.sum(axis=1, keepdims=True), 1e-300)
    nodes = torch.tensor([2, 0])
    stack = convolutions((3, 4), conv, n_heads=heads, backend="torch")
    h = stack(batch)[-1].detach().numpy()
    for how, expected in ((None, h), ("product", A @ h), ("mean", mean @ h)):
        got = NodeBody(stack, how)((batch, nodes)).detach()
        np.testing.assert_allclose(got, expected[[2, 0]], rtol=1e-6)


def test_an_empty_graph_has_finite_features():
    graphs = GraphSet.from_list([(np.zeros((0, 3)), np.zeros((0, 0))), (np.ones((1, 3)), np.zeros((1, 1)))])
    body = GraphBody(
        convolutions((3, 4)), (4,), readout=["mean", "max", "std"], every_layer=False, normalization=None,
        hidden=(), dropout=0.0, backend="torch",
    )  # fmt: skip
    out = body(batch_of(graphs))
    assert out.shape == (2, body.n_features) == (2, 12)
    assert (out[0] == 0).all()


def test_graph_features_are_joined_to_the_read_out():
    graphs = random_set(3).with_graph_features(np.arange(6.0).reshape(3, 2))
    body = GraphBody(
        convolutions((3, 4)), (4,), readout=("mean",), every_layer=False, normalization=None, hidden=(), dropout=0.0,
        backend="torch", n_graph_features=2,
    )  # fmt: skip
    assert body.n_features == 6
    bare = body(batch_of(graphs.with_graph_features(None)))
    torch.testing.assert_close(body(batch_of(graphs)), torch.cat([bare, torch.arange(6.0).view(3, 2).double()], dim=1))
