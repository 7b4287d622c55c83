"""Graph convolutions: formulas, symmetries, gradients."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from sklearn_ann.graph import GraphSet
from sklearn_ann.graph.convolutions import CONVOLUTIONS, GCNConvolution
from sklearn_ann.reading.graphs import GraphSamples

OPTIONS = {"n_heads": 2, "n_edge_features": 2, "backend": "torch"}
every_convolution = pytest.mark.parametrize("conv", CONVOLUTIONS)


def random_set(n_graphs=6, seed=0, n_edge_features=2, symmetric=False):
    rng = np.random.RandomState(seed)
    graphs = []
    for k in rng.randint(1, 8, size=n_graphs):
        A = rng.uniform(0.5, 1.5, size=(k, k)) * (rng.uniform(size=(k, k)) < 0.5)
        A = A + A.T if symmetric else A
        graphs.append((rng.normal(size=(k, 3)), A, rng.normal(size=(np.count_nonzero(A), n_edge_features))))
    return GraphSet.from_list(graphs)


def batch_of(graphs, normalize=None, self_loops=False, index=None, conv=None):
    samples = GraphSamples(graphs, normalize, self_loops, torch.float64, OPTIONS["n_heads"] if conv == "gat" else 0)
    return samples[torch.arange(len(graphs)) if index is None else torch.tensor(index)]


def layer(conv, seed=0, n_outputs=4, **options):
    torch.manual_seed(seed)
    return CONVOLUTIONS[conv](3, n_outputs, **OPTIONS | options).double()


@pytest.mark.parametrize("n_outputs", [2, 5])
def test_gcn_is_the_lectures_formula(n_outputs):
    graphs = random_set()
    conv = GCNConvolution(3, n_outputs).double()
    W = conv.weight.detach().numpy()
    batch = batch_of(graphs)
    out = conv(batch.x, batch).relu().detach().numpy()
    A, X = graphs.adjacency.toarray(), graphs.node_features
    np.testing.assert_allclose(out, np.maximum(A @ X @ W.T, 0), rtol=1e-5, atol=1e-6)


@every_convolution
def test_permuted_nodes_are_permuted_results(conv):
    graphs = random_set(n_graphs=1, seed=3)
    X, A, E = graphs[0]
    order = np.random.RandomState(0).permutation(len(X))
    places = sp.csr_array((np.arange(1, A.nnz + 1), A.indices, A.indptr), shape=A.shape)[order][:, order]
    places.sort_indices()
    moved = A[order][:, order]
    moved.sort_indices()
    permuted = GraphSet.from_list([(X[order], moved, E[places.data - 1])])
    module = layer(conv)
    one, other = batch_of(graphs, conv=conv), batch_of(permuted, conv=conv)
    torch.testing.assert_close(module(other.x, other), module(one.x, one)[order])


@every_convolution
def test_a_batch_is_its_graphs_one_by_one(conv):
    graphs = random_set(n_graphs=8)
    module = layer(conv)
    together = batch_of(graphs, index=[4, 0, 7], conv=conv)
    apart = [module(single.x, single) for single in (batch_of(graphs, index=[i], conv=conv) for i in (4, 0, 7))]
    torch.testing.assert_close(module(together.x, together), torch.cat(apart))


@every_convolution
def test_gradients(conv):
    batch = batch_of(random_set(n_graphs=3), conv=conv)
    module = layer(conv)
    parameters = list(module.parameters())
    x = batch.x.clone().requires_grad_()

    def output(x, *values):
        named = dict(zip([name for name, _ in module.named_parameters()], values, strict=True))
        return torch.func.functional_call(module, named, (x, batch))

    assert torch.autograd.gradcheck(output, (x, *parameters), atol=1e-6)


@every_convolution
def test_nodes_without_neighbours_stay_finite(conv):
    graphs = GraphSet.from_list([(np.ones((3, 3)), np.zeros((3, 3)), np.ones((0, 2)))])
    batch = batch_of(graphs, conv=conv)
    out = layer(conv)(batch.x, batch)
    assert out.isfinite().all()
    out.sum().backward()


def test_gin_reads_edge_features():
    graphs = random_set(n_graphs=1, seed=3)
    batch, conv = batch_of(graphs), layer("gin")
    X, A, E = graphs[0]
    W, V, C = (part.weight.detach().numpy() for part in (conv.first, conv.second, conv.edge))
    b, d, c = (part.bias.detach().numpy() for part in (conv.first, conv.second, conv.edge))
    rows = np.repeat(np.arange(len(X)), np.diff(A.indptr))
    total = np.zeros((len(X), 4))
    for row, column, weight, e in zip(rows, A.indices, A.data, E, strict=True):
        total[row] += weight * np.maximum(W @ X[column] + C @ e + c, 0)
    expected = np.maximum(X @ W.T + total + b, 0) @ V.T + d
    np.testing.assert_allclose(conv(batch.x, batch).detach(), expected, rtol=1e-6, atol=1e-8)


def test_attention_rows_sum_to_one():
    batch = batch_of(random_set(), self_loops=True, conv="gat")
    _, alpha = layer("gat").attention(batch.x, batch)
    sums = torch.zeros(batch.adjacency.n_nodes, dtype=torch.float64).index_add(0, batch.adjacency.rows, alpha)
    torch.testing.assert_close(sums, torch.ones_like(sums))


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("conv", ["gcn", "sage", "gin", "gat", "gated"])
def test_against_pytorch_geometric(conv):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pyg = pytest.importorskip("torch_geometric.nn", reason="PyTorch Geometric is an extra of the tests")
    graphs = random_set(n_graphs=4, symmetric=True)
    coo = graphs.adjacency.tocoo()
    edge_index = torch.tensor(np.stack([coo.coords[1], coo.coords[0]]), dtype=torch.int64)
    weight = torch.tensor(coo.data, dtype=torch.float64)
    x = torch.tensor(graphs.node_features, dtype=torch.float64)
    ours = layer(conv, n_edge_features=0 if conv == "gin" else 2)
    if conv == "gcn":
        batch = batch_of(graphs, "sym", True)
        theirs = pyg.GCNConv(3, 4, bias=False).double()
        theirs.lin.weight = ours.weight
        # Theirs adds a loop of weight one only to nodes that have none.
        loops = edge_index[0] == edge_index[1]
        n = len(x)
        has = torch.zeros(n, dtype=torch.bool).index_fill(0, edge_index[0][loops], True)
        weight = weight + loops
        extra = torch.arange(n)[~has]
        edges = torch.cat([edge_index, torch.stack([extra, extra])], dim=1)
        expected = theirs(x, edges, torch.cat([weight, torch.ones(len(extra), dtype=torch.float64)]))
        theirs_args = None
    elif conv == "sage":
        batch = batch_of(GraphSet(graphs.node_features, (graphs.adjacency != 0).astype(float), graphs.offsets))
        theirs = pyg.SAGEConv(3, 4).double()
        theirs.lin_l.weight, theirs.lin_l.bias, theirs.lin_r.weight = (
            ours.neighbours.weight,
            ours.own.bias,
            ours.own.weight,
        )
        theirs_args = (x, edge_index)
    elif conv == "gin":
        batch = batch_of(GraphSet(graphs.node_features, (graphs.adjacency != 0).astype(float), graphs.offsets))
        theirs = pyg.GINConv(torch.nn.Sequential(ours.first, torch.nn.ReLU(), ours.second))
        theirs_args = (x, edge_index)
    elif conv == "gat":
        batch = batch_of(graphs, conv=conv)
        theirs = pyg.GATConv(3, 2, heads=2, add_self_loops=False).double()
        theirs.lin.weight, theirs.bias = ours.weight, ours.bias
        theirs.att_src, theirs.att_dst = (torch.nn.Parameter(a[None]) for a in (ours.to_other, ours.to_own))
        theirs_args = (x, edge_index)
    else:
        bare = GraphSet(graphs.node_features, (graphs.adjacency != 0).astype(float), graphs.offsets)
        batch = batch_of(bare)._replace(edge_features=torch.zeros(bare.adjacency.nnz, 2, dtype=torch.float64))
        # Theirs gates without dividing by the sum of the gates, so that sum is taken out of ours.
        theirs = pyg.ResGatedGraphConv(3, 4, bias=False).double()
        theirs.lin_skip = ours.own
        theirs.lin_key, theirs.lin_query, theirs.lin_value = ours.gate_own, ours.gate_other, ours.other
        rows, columns = batch.adjacency.rows, batch.adjacency.columns
        gate = (ours.gate_own(x)[rows] + ours.gate_other(x)[columns]).sigmoid()
        total = torch.zeros(len(x), 4, dtype=torch.float64).index_add(0, rows, gate) + 1e-6
        own = ours.own(x)
        torch.testing.assert_close((ours(x, batch) - own) * total + own, theirs(x, edge_index))
        return
    expected = expected if theirs_args is None else theirs(*theirs_args)
    torch.testing.assert_close(ours(x, batch), expected)
