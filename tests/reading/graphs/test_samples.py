"""Batches of graphs: the right matrix, its transpose, and nothing of the other graphs."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from sklearn_ann.reading.graphs import GraphSet, NodeSamples
from sklearn_ann.reading.graphs.samples import GraphSamples, normalized, sparse_features, whole_graph


def random_set(n_graphs=6, seed=0, symmetric=False):
    rng = np.random.RandomState(seed)
    graphs = []
    for k in rng.randint(0, 8, size=n_graphs):
        A = rng.uniform(0.5, 1.5, size=(k, k)) * (rng.uniform(size=(k, k)) < 0.5)
        A = A + A.T if symmetric else A
        graphs.append((rng.normal(size=(k, 3)), A, rng.normal(size=(np.count_nonzero(A), 2))))
    return GraphSet.from_list(graphs, graph_features=rng.normal(size=(n_graphs, 2)))


def matrices(adjacency):
    """The matrix and its transpose as they are stored, dense."""
    n, n_columns = adjacency.n_nodes, len(adjacency.backward_pointers) - 1
    forward = sp.csr_array((adjacency.weights, adjacency.columns, adjacency.pointers), shape=(n, n_columns))
    stored = (adjacency.backward_weights, adjacency.backward_columns, adjacency.backward_pointers)
    return forward.toarray(), sp.csr_array(stored, shape=(n_columns, n)).toarray()


@pytest.mark.parametrize("self_loops", [False, True])
def test_normalisations_are_their_formulas(self_loops):
    graphs = random_set()
    A = graphs.adjacency.toarray().astype(float) + (np.eye(graphs.adjacency.shape[0]) if self_loops else 0)
    degree = A.sum(axis=1)
    with np.errstate(divide="ignore"):
        half, whole = np.where(degree > 0, degree**-0.5, 0), np.where(degree > 0, 1 / degree, 0)
    expected = {None: A, "row": whole[:, None] * A, "sym": half[:, None] * A * half}
    for normalize, matrix in expected.items():
        got, kept = normalized(graphs, normalize, self_loops)
        np.testing.assert_allclose(got.toarray(), matrix, rtol=1e-6)
        rows = np.repeat(np.arange(len(degree)), np.diff(got.indptr))
        original = graphs.adjacency.tocoo().coords
        np.testing.assert_array_equal(rows[kept], original[0])
        np.testing.assert_array_equal(got.indices[kept], original[1])


def test_negative_sums_are_refused_by_normalisation_only():
    X = np.ones((2, 1))
    graphs = GraphSet.from_list([(X, np.ones((2, 2))), (X, -5 * np.ones((2, 2))), (X, -9 * np.ones((2, 2)))])
    with pytest.raises(ValueError, match="graph 1 has a node whose edge weights sum to -9: normalize='sym'"):
        normalized(graphs, "sym", True)
    assert normalized(graphs, None, True)[0].toarray().min() == -9
    cancelling = GraphSet.from_list([(X, np.array([[0.1, -0.1], [1, 1]], dtype=np.float32))])
    with pytest.raises(ValueError, match=r"graph 0 has a node whose edge weights sum to 0: normalize='row' needs"):
        normalized(cancelling, "row", False)


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("n_heads", [0, 2])
def test_batches_cut_together_are_those_cut_one_by_one(n_heads, symmetric):
    graphs = random_set(n_graphs=40, symmetric=symmetric)
    samples = GraphSamples(graphs, None, n_heads > 0, torch.float64, n_heads)
    indices = torch.randperm(40, generator=torch.Generator().manual_seed(0)).split(1)
    for one, other in zip(samples.cut(indices), map(samples.__getitem__, indices), strict=True):
        parts = [(one.x, other.x), (one.edge_features, other.edge_features)]
        parts += [(one.graph_features, other.graph_features)]
        parts += [*zip(one.adjacency, other.adjacency, strict=True), *zip(one.graphs, other.graphs, strict=True)]
        assert all((a is None and b is None) or torch.equal(a, b) for a, b in parts)


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("n_heads", [0, 1, 3])
def test_a_batch_is_the_block_diagonal_of_its_graphs(n_heads, symmetric):
    graphs = random_set(symmetric=symmetric)
    index = [4, 0, 4, 5]
    batch = GraphSamples(graphs, None, False, torch.float64, n_heads)[torch.tensor(index)]
    blocks = [sp.csr_array(np.kron(graphs[i].A.toarray(), np.eye(max(n_heads, 1)))) for i in index]
    expected = sp.block_diag(blocks).toarray()
    forward, backward = matrices(batch.adjacency)
    np.testing.assert_array_equal(forward, expected)
    np.testing.assert_array_equal(backward, expected.T)
    np.testing.assert_allclose(batch.x, np.concatenate([graphs[i].X for i in index]))
    assert batch.graphs.lengths.tolist() == [len(graphs[i].X) for i in index]
    np.testing.assert_allclose(batch.graph_features, graphs.graph_features[index], rtol=1e-6)
    if n_heads:
        back_rows = np.repeat(np.arange(len(expected)), np.diff(batch.adjacency.backward_pointers))
        twins = batch.adjacency.twins
        np.testing.assert_array_equal(batch.adjacency.columns[twins], back_rows)
        np.testing.assert_array_equal(batch.adjacency.rows[twins], batch.adjacency.backward_columns)
    else:
        np.testing.assert_allclose(batch.edge_features, np.concatenate([graphs[i].E for i in index]))


def test_added_self_loops_have_no_features_and_move_none():
    graphs = random_set()
    batch = GraphSamples(graphs, "sym", True, torch.float64)[torch.arange(len(graphs))]
    features = np.zeros((len(graphs.node_features), len(graphs.node_features), 2))
    features[graphs.adjacency.tocoo().coords] = graphs.edge_features
    got = features[batch.adjacency.rows, batch.adjacency.columns]
    np.testing.assert_allclose(batch.edge_features, got)
    assert len(batch.edge_features) > graphs.adjacency.nnz


def test_sparse_node_features_are_the_same_numbers():
    X = sp.csr_array(np.array([[0, 2.0], [0, 0], [3, 4]]))
    matrix = sparse_features(X, torch.float64)
    forward, backward = matrices(matrix.adjacency)
    assert matrix.shape == (3, 2)
    np.testing.assert_array_equal(forward, X.toarray())
    np.testing.assert_array_equal(backward, X.toarray().T)
    graphs = GraphSet.from_list([(X, np.ones((3, 3))), (X[:1], np.ones((1, 1)))])
    batch = GraphSamples(graphs, None, False, torch.float32)[torch.tensor([1, 0])]
    np.testing.assert_array_equal(batch.x, np.concatenate([X[:1].toarray(), X.toarray()]))


def test_a_batch_of_nodes_is_the_graph_and_its_nodes():
    graph = whole_graph(random_set(n_graphs=1, seed=1), "row", False, torch.float64)
    samples = NodeSamples(graph, torch.tensor([2, 0, 2]))
    whole, nodes = samples[torch.tensor([2, 1])]
    assert whole is graph
    assert nodes.tolist() == [2, 0]
    assert len(samples) == 3
