"""Graphs of every kind become the same arrays."""

import warnings
from types import SimpleNamespace

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp

from sklearn_ann.reading.graphs import as_graph_set

PAIR = (np.ones((2, 3)), np.ones((2, 2)))


def dense(graph):
    return graph.X, graph.A.toarray(), graph.E


def test_one_graph_of_every_kind_is_the_same_graph():
    X, A = np.array([[1.0, 2], [3, 4], [5, 6]]), np.array([[0, 1, 0], [1, 0, 2], [0, 2, 0.5]])
    from_networkx = nx.from_numpy_array(A)
    nx.set_node_attributes(from_networkx, dict(enumerate(X)), "x")
    rows, columns = np.nonzero(A)
    geometric = SimpleNamespace(x=X, edge_index=np.stack([columns, rows]), edge_weight=A[rows, columns])
    unsorted = sp.csr_array(([1.0, 2.0, 1.0, 0.5, 2.0], [1, 2, 0, 2, 1], [0, 1, 3, 5]), shape=(3, 3))
    kinds = [(X, A), (sp.csr_array(X).toarray(), sp.csc_array(A)), (X, unsorted), [X.tolist(), A.tolist()]]
    for graph in (*kinds, from_networkx, geometric):
        got = dense(as_graph_set([graph])[0])
        np.testing.assert_array_equal(got[0], X)
        np.testing.assert_array_equal(got[1], A)


def test_edge_features_follow_their_edges():
    A = np.array([[0, 1, 0], [1, 0, 2], [0, 3, 0]])
    for matrix in (A, sp.csc_array(A), sp.csr_array(A)):
        graph = as_graph_set([(np.ones((3, 1)), matrix, np.array([10.0, 11, 12, 13]))])[0]
        np.testing.assert_array_equal(graph.E[:, 0], [10, 11, 12, 13])  # by row and column
    unsorted = sp.csr_array(([2.0, 1.0], [2, 0], [0, 0, 2, 2]), shape=(3, 3))
    graph = as_graph_set([(np.ones((3, 1)), unsorted, [[5.0], [6.0]])])[0]
    assert (graph.A.data.tolist(), graph.E[:, 0].tolist()) == ([1, 2], [6, 5])


def test_repeated_edges_are_added_up():
    A = sp.coo_array((np.array([1.0, 2.0, 4.0]), (np.array([0, 0, 1]), np.array([1, 1, 0]))), shape=(2, 2))
    np.testing.assert_array_equal(as_graph_set([A])[0].A.toarray(), [[0, 3], [4, 0]])
    multi = nx.MultiGraph([(0, 1, {"weight": 2.0}), (0, 1, {"weight": 3.0}), (1, 1, {"weight": 7.0})])
    np.testing.assert_array_equal(as_graph_set([multi])[0].A.toarray(), [[0, 5], [5, 7]])


def test_networkx_attributes():
    graph = nx.DiGraph()
    graph.add_node("a", size=1.0, charge=-1)
    graph.add_node("b", size=2.0, charge=0)
    graph.add_edge("a", "b", weight=0.5, kind=[1, 0])
    X, A, E = dense(as_graph_set([graph])[0])
    np.testing.assert_array_equal(X, [[-1, 1], [0, 2]])
    np.testing.assert_array_equal(A, [[0, 0], [0.5, 0]])  # b hears a
    np.testing.assert_array_equal(E, [[1, 0]])
    x_only = nx.Graph()
    x_only.add_node(0, x=[1.0, 2.0], other="text")
    np.testing.assert_array_equal(as_graph_set([x_only])[0].X, [[1, 2]])
    np.testing.assert_array_equal(as_graph_set([nx.star_graph(2)])[0].X, [[2], [1], [1]])  # the degree


def test_pytorch_geometric_data():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        data = pytest.importorskip("torch_geometric.data", reason="PyTorch Geometric is an extra of the tests")
    import torch

    edge_index = torch.tensor([[0, 1], [1, 2]])
    graph = data.Data(x=torch.eye(3), edge_index=edge_index, edge_attr=torch.tensor([[5.0], [6.0]]))
    X, A, E = dense(as_graph_set([graph, graph])[1])
    np.testing.assert_array_equal(X, np.eye(3))
    np.testing.assert_array_equal(A, [[0, 0, 0], [1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(E, [[5], [6]])
    with pytest.raises(ValueError, match="graph 0: edge_index has the node 2, but the nodes are 0 to 1"):
        as_graph_set([data.Data(x=torch.eye(2), edge_index=edge_index)])


@pytest.mark.parametrize(
    ("graphs", "message"),
    [
        ([PAIR, (np.ones((2, 4)), np.ones((2, 2)))], "graph 1 has 4 node features, but graph 0 has 3"),
        (
            [PAIR, (np.ones((2, 3)), np.ones((2, 3)))],
            r"graph 1: the adjacency matrix must be square, got shape \(2, 3\)",
        ),
        ([PAIR, (np.ones((3, 3)), np.ones((2, 2)))], r"graph 1: A has shape \(2, 2\), but X has 3 nodes"),
        ([PAIR, (np.ones(3), np.ones((2, 2)))], "graph 1"),
        ([PAIR, (np.full((2, 3), np.nan), np.ones((2, 2)))], "node features of graph 1 contain NaN or infinity"),
        ([PAIR, (np.ones((2, 3)), np.full((2, 2), np.inf))], "edge weights of graph 1 contain NaN or infinity"),
        ([PAIR, (*PAIR, np.ones((4, 1)))], "graph 1 has 1 edge features, but graph 0 has none"),
        ([(*PAIR, np.ones((3, 1)))], "graph 0: E has 3 rows, but A has 4 entries"),
        ([PAIR, nx.path_graph(3)], "graph 1 is a networkx graph, but graph 0 is a tuple"),
        ([(*PAIR, np.ones((4, 1, 1)))], r"graph 0: E must have shape \(n_entries_of_A, n_edge_features\)"),
        ([PAIR, (np.ones((2, 3)), np.ones((2, 2)) * 1j)], "graph 1: the adjacency matrix must have real numbers"),
        ([np.full((2, 2), "1")], "graph 0: the adjacency matrix must have real numbers"),
        ([PAIR, ([[1, 2, 3], [4]], np.ones((2, 2)))], "graph 1: .* inhomogeneous"),
        ([[[0, 1], [1, 0]], [[0, 1], [1]]], "graph 1: .* inhomogeneous"),
        (["CCO"], "graph 0 is str; expected"),
        ([None], "graph 0 is NoneType"),
        ("CCO", "expected a GraphSet or a sequence of graphs, got str"),
        (3, "expected a GraphSet or a sequence of graphs, got int"),
        ([], "0 sample"),
    ],
)
def test_bad_graphs_are_named(graphs, message):
    with pytest.raises((ValueError, TypeError), match=message):
        as_graph_set(graphs)


def test_missing_networkx_attributes_are_named():
    graph = nx.path_graph(3)
    nx.set_node_attributes(graph, {0: 1.0, 1: 2.0}, "size")
    with pytest.raises(ValueError, match="graph 1: node 2 lacks the attribute 'size' that node 0 has"):
        as_graph_set([nx.path_graph(2), graph])
    nx.set_node_attributes(graph, "text", "size")
    with pytest.raises(ValueError, match=r"graph 0: node 0 has an attribute among .* neither a number"):
        as_graph_set([graph])


@pytest.mark.parametrize("name", ["edge_weight", "edge_attr"])
def test_values_of_edges_that_do_not_fit_are_refused(name):
    fine = SimpleNamespace(x=np.eye(2), edge_index=np.array([[0, 1], [1, 0]]), **{name: np.ones(2)})
    odd = SimpleNamespace(**vars(fine) | {name: np.ones(3)})
    assert len(as_graph_set([fine, fine])) == 2
    with pytest.raises(ValueError, match=f"graph 1: {name} has 3 rows, but edge_index has 2 edges"):
        as_graph_set([fine, odd])
