"""GraphSet and what it is made from."""

import copy
import pickle
import warnings

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.model_selection import KFold, train_test_split

from sklearn_ann import GCNNodeClassifier, GraphSet
from sklearn_ann.graph import as_graph_set


def random_graphs(n, rng, directed=True, edge_features=0, sparse=False):
    graphs = []
    for _ in range(n):
        k = rng.randint(0, 7)
        A = rng.uniform(size=(k, k)) * (rng.uniform(size=(k, k)) < 0.4)
        A = A if directed else A + A.T
        X = rng.normal(size=(k, 3))
        X = sp.csr_array(X * (X > 0)) if sparse else X
        E = rng.normal(size=(np.count_nonzero(A), edge_features))
        graphs.append((X, A, E) if edge_features else (X, A))
    return graphs


def dense(graph):
    return graph.X.toarray() if sp.issparse(graph.X) else graph.X, graph.A.toarray(), graph.E


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("edge_features", [0, 2])
def test_graphs_come_back_as_they_went_in(sparse, edge_features):
    originals = random_graphs(30, np.random.RandomState(0), edge_features=edge_features, sparse=sparse)
    graphs = GraphSet.from_list(originals)
    assert len(graphs) == 30
    assert graphs.shape == (30,)
    for (X, A, *E), graph in zip(originals, graphs, strict=True):
        got = dense(graph)
        np.testing.assert_allclose(got[0], X.toarray() if sparse else X, rtol=1e-6)
        np.testing.assert_allclose(got[1], A, rtol=1e-6)
        if E:
            np.testing.assert_allclose(got[2], E[0], rtol=1e-6)


@pytest.mark.parametrize(
    "key",
    [slice(3, 9), slice(None, None, -2), [5, 5, 0], np.array([29, 1]), np.arange(30) % 3 == 0, np.array([], dtype=int)],
)
def test_indexing_is_that_of_an_array(key):
    graphs = GraphSet.from_list(random_graphs(30, np.random.RandomState(1), edge_features=1))
    taken = graphs[key]
    expected = [graphs[int(i)] for i in np.arange(30)[key]]
    assert len(taken) == len(expected)
    for one, other in zip(taken, expected, strict=True):
        for a, b in zip(dense(one), dense(other), strict=True):
            np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(dense(graphs[-1])[1], dense(graphs[29])[1])


def test_scikit_learn_splits_it_without_a_list():
    graphs = GraphSet.from_list(random_graphs(30, np.random.RandomState(2)))
    train, test = train_test_split(graphs, test_size=10, random_state=0)
    assert isinstance(train, GraphSet)
    assert (len(train), len(test)) == (20, 10)
    assert all(len(graphs[fold]) in (20, 10) for pair in KFold(3).split(graphs) for fold in pair)


def test_it_is_immutable_and_shared_by_clone():
    graphs = GraphSet.from_list(random_graphs(5, np.random.RandomState(3)))
    for part in (graphs.node_features, graphs.adjacency.data, graphs.offsets, graphs[1:3].node_features):
        with pytest.raises(ValueError, match="read-only"):
            part[0] = 1
    assert copy.deepcopy(graphs) is graphs
    one = GraphSet(np.eye(2), sp.csr_array((2, 2)))
    assert clone(GCNNodeClassifier(graph=one)).graph is one
    loaded = pickle.loads(pickle.dumps(graphs))
    np.testing.assert_array_equal(loaded.node_features, graphs.node_features)
    assert not loaded.node_features.flags.writeable
    assert len(as_graph_set(list(graphs))) == 5
    with pytest.raises(ValueError, match="0 sample"):
        as_graph_set(graphs[:0])


def test_the_callers_arrays_stay_writeable():
    X, A = np.ones((2, 3), dtype=np.float32), sp.csr_array(np.ones((2, 2), dtype=np.float32))
    GraphSet(X, A)
    X[0] = 2
    A.data[0] = 2


def test_repeated_edges_are_added_up():
    A = sp.coo_array((np.array([1.0, 2.0, 4.0]), (np.array([0, 0, 1]), np.array([1, 1, 0]))), shape=(2, 2))
    np.testing.assert_array_equal(GraphSet.from_list([A])[0].A.toarray(), [[0, 3], [4, 0]])
    multi = nx.MultiGraph([(0, 1, {"weight": 2.0}), (0, 1, {"weight": 3.0}), (1, 1, {"weight": 7.0})])
    np.testing.assert_array_equal(GraphSet.from_list([multi])[0].A.toarray(), [[0, 5], [5, 7]])


def test_isolated_trailing_and_absent_nodes_are_kept():
    lonely = (np.ones((3, 1)), np.zeros((3, 3)))
    empty = (np.zeros((0, 1)), np.zeros((0, 0)))
    graphs = GraphSet.from_list([empty, lonely, empty])
    assert graphs.n_nodes.tolist() == [0, 3, 0]
    assert graphs.n_edges.tolist() == [0, 0, 0]


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


PAIR = (np.ones((2, 3)), np.ones((2, 2)))


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
    with pytest.raises(ValueError, match="graph 0: node 0 has an attribute among"):
        as_graph_set([graph])


def test_edges_between_graphs_are_refused():
    with pytest.raises(ValueError, match="an edge joins node 0 of graph 0 to node 1 of graph 1"):
        GraphSet(np.ones((2, 1)), np.array([[0, 1], [0, 0]]), [0, 1, 2])
    with pytest.raises(ValueError, match="offsets must rise"):
        GraphSet(np.ones((2, 1)), np.eye(2), [0, 3])
    with pytest.raises(ValueError, match="adjacency has shape"):
        GraphSet(np.ones((2, 1)), np.eye(3))
