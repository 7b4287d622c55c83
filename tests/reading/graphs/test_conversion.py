"""Graphs of every kind become the same arrays."""

import warnings
from types import SimpleNamespace

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch

from sklearn_ann.reading.graphs import GraphSet, as_graph_set

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
        ([PAIR, (*PAIR, np.ones((4, 1)))], "graph 1 has 1 edge feature, but graph 0 has none"),
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
    with pytest.raises(ValueError, match="graph 0: the node attribute 'size' is missing"):
        as_graph_set([nx.path_graph(2), graph])
    with pytest.raises(ValueError, match="graph 0: node 2 lacks the attribute 'size' that others have"):
        as_graph_set([graph])
    nx.set_node_attributes(graph, {1: "text"}, "size")
    graph.nodes[2]["size"] = 3
    with pytest.raises(ValueError, match=r"graph 0: node 0 has 1.0 as 'size', which is a text elsewhere"):
        as_graph_set([graph])
    with pytest.raises(ValueError, match=r"graph 0: edge \(0, 1\) has the weight 'far', which is not a finite number"):
        as_graph_set([nx.Graph([(0, 1, {"weight": "far"})])])


def test_tables_are_matched_by_the_names_of_the_nodes():
    names = ["c", "a", "b"]
    X = pd.DataFrame({"u": [3.0, 1, 2]}, index=names)
    A = pd.DataFrame([[0, 1, 0], [4, 0, 5], [0, 6, 0]], index=list("abc"), columns=list("abc"))
    expected = A.loc[names, names].to_numpy()
    shuffled = A.sample(frac=1, random_state=0).sample(frac=1, axis=1, random_state=1)
    for matrix in (A, shuffled):
        graphs = as_graph_set([(X, matrix)])
        assert graphs.node_names.tolist() == names
        np.testing.assert_array_equal(graphs[0].A.toarray(), expected)
        np.testing.assert_array_equal(graphs[0].X[:, 0], [3, 1, 2])
        np.testing.assert_array_equal(GraphSet(X, matrix)[0].A.toarray(), expected)
    assert as_graph_set([shuffled]).node_names.tolist() == list(shuffled.index)
    np.testing.assert_array_equal(as_graph_set([shuffled])[0].A.toarray(), shuffled[shuffled.index].to_numpy())
    by_entry = as_graph_set([(X, A, [1.0, 4, 5, 6])])[0]  # the entries of A, with themselves as features
    np.testing.assert_array_equal(by_entry.E[:, 0], by_entry.A.data)
    assert as_graph_set([(X, expected)]).node_names.tolist() == names
    twice = A.set_axis(list("aab"), axis=0)
    for bad, message in [
        ((X, A.rename(index={"a": "z"}, columns={"a": "z"})), "graph 0: the node 'a' of X is missing in A"),
        ((X.iloc[:2], A), "graph 0: the node 'b' of A is missing in X"),
        ((X, twice), "graph 0: A has the node 'a' twice in its index"),
        ((X, twice.T), "graph 0: A has the node 'a' twice among its columns"),
        ((X.set_axis(list("aab")), A), "graph 0: X has the node 'a' twice"),
        ((X, A.rename(columns={"a": "z"})), "same nodes as index and as columns, but 'a' is in its index alone"),
        ((X, A, pd.DataFrame({"e": [1, 2, 3, 4]}, index=[3, 2, 1, 0])), "E has labelled rows"),
    ]:
        with pytest.raises(ValueError, match=message):
            as_graph_set([bad])


def test_weights_go_by_the_names_that_pytorch_geometric_gives():
    edge_index = np.array([[0, 1], [1, 0]])
    for name in ("edge_weight", "weight"):
        data = SimpleNamespace(x=np.eye(2), edge_index=edge_index, **{name: np.array([2.0, 3.0])})
        np.testing.assert_array_equal(as_graph_set([data])[0].A.toarray(), [[0, 3], [2, 0]])
    both = SimpleNamespace(x=np.eye(2), edge_index=edge_index, edge_weight=np.ones((2, 1)), weight=np.zeros(2))
    np.testing.assert_array_equal(as_graph_set([both])[0].A.data, [1, 1])


def test_one_graph_is_not_a_list_of_graphs():
    for one in (nx.path_graph(2), sp.csr_array(np.eye(2))):
        with pytest.raises(TypeError, match=r"got one .*: use \[graph\]"):
            as_graph_set(one)
    with pytest.raises(TypeError, match=r"a tuple of matrices: is it one graph\? Use \[\(X, A\)\]"):
        as_graph_set((np.eye(2), np.eye(2)))
    with pytest.raises(TypeError, match="a sequence of graphs, got dict"):
        as_graph_set({"a": np.eye(2)})


def test_nodes_without_features_may_be_said_so():
    assert as_graph_set([(None, np.ones((2, 2)))])[0].X.tolist() == [[2], [2]]
    assert GraphSet(None, np.ones((2, 2))).node_features.tolist() == [[2], [2]]


@pytest.mark.parametrize("values", [[[1e39]], [["1"]], [[1j]], [[None]]])
def test_features_that_are_no_numbers_in_float32_name_their_graph(values):
    with pytest.raises((ValueError, TypeError), match="graph 1"):
        as_graph_set([(np.ones((1, 1)), np.eye(1)), (values, np.eye(1))])


@pytest.mark.parametrize("name", ["edge_weight", "edge_attr"])
def test_values_of_edges_that_do_not_fit_are_refused(name):
    fine = SimpleNamespace(x=np.eye(2), edge_index=np.array([[0, 1], [1, 0]]), **{name: np.ones(2)})
    odd = SimpleNamespace(**vars(fine) | {name: np.ones(3)})
    assert len(as_graph_set([fine, fine])) == 2
    with pytest.raises(ValueError, match=f"graph 1: {name} has 3 rows, but edge_index has 2 edges"):
        as_graph_set([fine, odd])


@pytest.mark.parametrize("value", [float("nan"), None, 1e39])
def test_numbers_that_are_not_finite_are_named(value):
    graph = nx.path_graph(3)
    nx.set_node_attributes(graph, {0: 1.0, 1: value, 2: 2.0}, "size")
    with pytest.raises(ValueError, match=r"graph 0: node 1 has (nan|None|1e\+39) as 'size': expected numbers finite"):
        as_graph_set([graph])
    graph = nx.relabel_nodes(nx.path_graph(3), {0: "a", 1: "b", 2: "c"})
    graph["a"]["b"]["weight"] = value
    with pytest.raises(ValueError, match=r"edge \('a', 'b'\) has the weight .*not a finite number|at node 0"):
        as_graph_set([graph])


def test_the_node_of_a_bad_number_is_named():
    A = np.ones((3, 3))
    X = np.zeros((3, 2))
    X[2, 1] = np.inf
    with pytest.raises(ValueError, match="node features of graph 1 contain NaN or infinity, in float32, at node 2"):
        as_graph_set([(np.zeros((3, 2)), A), (X, A)])
    A[1, 0] = np.nan
    with pytest.raises(ValueError, match="edge weights of graph 0 contain NaN or infinity, in float32, at node 1"):
        as_graph_set([A])


def test_a_batch_of_geometric_becomes_a_list():
    batch = SimpleNamespace(edge_index=np.zeros((2, 1)), to_data_list=list)
    with pytest.raises(TypeError, match=r"use graph.to_data_list\(\)"):
        as_graph_set(batch)


def test_masks_are_not_lost():
    X, A = np.ones((3, 2)), np.ones((3, 3))
    masked_X, masked_A = (np.ma.masked_array(values, mask=np.eye(*values.shape)) for values in (X, A))
    for graph, name in (
        ((masked_X, A), "X"),
        ((X, masked_A), "the adjacency matrix"),
        (masked_A, "the adjacency matrix"),
    ):
        with pytest.raises(ValueError, match=f"graph 0: {name} is a masked array, whose mask would be lost"):
            as_graph_set([graph])
    with pytest.raises(ValueError, match="node_features is a masked array"):
        GraphSet(masked_X, A)
    as_graph_set([(np.ma.masked_array(X), A)])  # nothing is masked


def test_attributes_of_networkx_may_be_tensors():
    expected, graph = nx.path_graph(3), nx.path_graph(3)
    for node in range(3):
        expected.nodes[node]["x"] = [node, 2.0]
        graph.nodes[node]["x"] = torch.tensor([node, 2.0], requires_grad=True)
    found, known = (as_graph_set([one])[0].X for one in (graph, expected))
    np.testing.assert_array_equal(found, known)


def test_weights_of_edges_are_finite():
    graph = nx.path_graph(3)
    graph.edges[1, 2]["weight"] = np.nan
    with pytest.raises(ValueError, match=r"graph 0: edge \(1, 2\) has the weight nan, which is not a finite number"):
        GraphSet.from_list([graph])


def test_masks_of_edge_features_are_not_lost_and_tensors_are_arrays():
    X, A = np.ones((2, 3)), np.ones((2, 2))
    hidden = np.ma.array(X, mask=[[True, False, False]] * 2)
    for pair in ((hidden, A), (X, np.ma.array(A, mask=np.eye(2))), (X, A, np.ma.masked_equal([1, 2, 3, 4], 2))):
        with pytest.raises(ValueError, match=r"graph 0: .* is a masked array, whose mask would be lost"):
            as_graph_set([pair])
    with pytest.raises(ValueError, match="node_features is a masked array"):
        GraphSet(hidden, A)
    tensors = torch.ones(2, 3, requires_grad=True), torch.ones(2, 2, requires_grad=True)
    for pair in (tensors, (tensors[0], torch.ones(2, 2).to_sparse())):
        for found, known in zip(dense(as_graph_set([pair])[0])[:2], (X, A), strict=True):
            np.testing.assert_array_equal(found, known)


def test_matrices_alone_may_be_tensors_and_weights_that_are_not_finite_are_named_as_such():
    A = np.ones((3, 3))
    for found, known in zip(dense(as_graph_set([torch.tensor(A)])[0]), dense(as_graph_set([A])[0]), strict=True):
        np.testing.assert_array_equal(found, known)
    with pytest.raises(ValueError, match="edge weights of graph 0 contain NaN"):
        as_graph_set([np.where(np.eye(3), np.nan, A)])
