"""GraphSet behaves like an immutable array of graphs."""

import copy
import pickle

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import KFold, cross_val_score, train_test_split
from sklearn.utils import check_array, indexable
from sklearn.utils.validation import _num_samples

from sklearn_ann import GCNNodeClassifier, GCNRegressor, GraphSet
from sklearn_ann.reading.graphs import as_graph, as_graph_set


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


def test_a_step_for_numbers_says_what_reads_graphs():
    graphs = GraphSet.from_list(random_graphs(20, np.random.RandomState(0)))
    graphs = graphs[graphs.n_nodes > 0][:12]
    y = np.arange(12.0)
    for refused in (np.asarray, np.array, check_array, lambda X: RandomForestRegressor().fit(X, y)):
        with pytest.raises(TypeError, match=r"a GraphSet is not an array of numbers: .* read graphs$"):
            refused(graphs)
    with pytest.raises(TypeError, match="other estimators read its graph_features, one row for each graph"):
        RandomForestRegressor().fit(graphs.with_graph_features(y[:, None]), y)
    assert _num_samples(graphs) == 12
    assert [len(part) for part in indexable(graphs, y)] == [12, 12]
    model = GCNRegressor(max_epochs=1, random_state=0)
    assert np.isfinite(cross_val_score(model, graphs, y, cv=2, scoring="neg_mean_squared_error")).all()


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


def test_isolated_trailing_and_absent_nodes_are_kept():
    lonely = (np.ones((3, 1)), np.zeros((3, 3)))
    empty = (np.zeros((0, 1)), np.zeros((0, 0)))
    graphs = GraphSet.from_list([empty, lonely, empty])
    assert graphs.n_nodes.tolist() == [0, 3, 0]
    assert graphs.n_edges.tolist() == [0, 0, 0]


def test_edges_between_graphs_are_refused():
    with pytest.raises(ValueError, match="an edge joins node 0 of graph 0 to node 1 of graph 1"):
        GraphSet(np.ones((2, 1)), np.array([[0, 1], [0, 0]]), [0, 1, 2])
    with pytest.raises(ValueError, match="offsets must rise"):
        GraphSet(np.ones((2, 1)), np.eye(2), [0, 3])
    with pytest.raises(ValueError, match="offsets must rise"):
        GraphSet(np.ones((2, 1)), np.eye(2), [])
    with pytest.raises(ValueError, match="adjacency has shape"):
        GraphSet(np.ones((2, 1)), np.eye(3))


@pytest.mark.parametrize(
    ("nodes", "edges", "message"),
    [
        (np.ones((2, 1, 1)), None, r"node_features must have shape \(n_nodes, n_features\), got \(2, 1, 1\)"),
        (np.ones((2, 1)), np.ones((2, 1, 1)), r"edge_features must have shape \(n_edges, n_edge_features\)"),
        (np.ones((2, 1)), np.ones(3), "edge_features has 3 rows, but adjacency has 2 edges"),
        (np.array([[np.inf], [-np.inf]]), None, "node features of graph 0 contain NaN or infinity"),
        (np.full((2, 1), 1e39), None, "node features of graph 0 contain NaN or infinity, in float32"),
        (np.ones((2, 1)), [1, np.nan], "edge features of graph 1 contain NaN or infinity"),
    ],
)
def test_bad_features_are_named(nodes, edges, message):
    with pytest.raises(ValueError, match=message):
        GraphSet(nodes, np.eye(2), [0, 1, 2], edges)


def test_edge_features_forbid_repeated_edges():
    twice = sp.coo_array((np.ones(2), ([0, 0], [1, 1])), shape=(2, 2))
    assert GraphSet(np.ones((2, 1)), twice).adjacency.data.tolist() == [2]
    with pytest.raises(ValueError, match="adjacency has repeated entries"):
        GraphSet(np.ones((2, 1)), sp.csr_array((np.ones(2), [1, 1], [0, 2, 2]), shape=(2, 2)), None, np.ones((2, 1)))


def test_one_graph_is_a_set_of_one():
    plain = GraphSet.from_list([(np.eye(2), np.ones((2, 2)))])
    with_edges = GraphSet.from_list([(np.eye(2), np.ones((2, 2)), np.arange(4))])
    for graphs in (plain, with_edges):
        one = as_graph(graphs[0])
        assert repr(one) == repr(graphs)
        assert as_graph(one) is one
    with pytest.raises(ValueError, match="graph must be one graph, got GraphSet"):
        as_graph(plain[[0, 0]])


@pytest.mark.parametrize("key", [3, -4, [0, 3], [0, -4], np.ones(2, dtype=bool), np.ones(4, dtype=bool), "a", 1.5])
def test_graphs_that_are_not_there_are_refused(key):
    graphs = GraphSet.from_list([np.eye(2)] * 3)
    assert len(graphs[[-1]]) == 1
    with pytest.raises(IndexError, match="a set of 3 graphs was asked for the graphs"):
        graphs[key]


@pytest.mark.parametrize("key", [None, True, [[0, 1]]])
def test_graphs_are_chosen_by_a_list(key):
    with pytest.raises(IndexError, match="expected an integer, a slice, a mask or a list of integers"):
        GraphSet.from_list([np.eye(2)] * 3)[key]


@pytest.mark.parametrize("column", [2, -1])
def test_an_edge_from_a_node_that_is_not_there_is_refused(column):
    A = sp.csr_array((np.ones(1), [0], [0, 1, 1]), shape=(2, 2))
    A.indices[0] = column
    with pytest.raises(ValueError, match=f"adjacency has an edge from the node {column}, but the nodes are 0 to 1"):
        GraphSet(np.ones((2, 1)), A)


def test_names_of_nodes_follow_their_graphs():
    graphs = GraphSet.from_list([nx.Graph([("b", "a")]), nx.Graph([((0, 1), (1, 2))])])
    assert graphs[[1, 0]].node_names.tolist() == [(0, 1), (1, 2), "b", "a"]
    assert pickle.loads(pickle.dumps(graphs)).node_names.tolist() == graphs.node_names.tolist()
    assert GraphSet(np.eye(2), np.eye(2)).node_names is None
    with pytest.raises(TypeError, match="offsets are for"):
        GraphSet(pd.DataFrame(np.eye(2)), np.eye(2), [0, 1, 2])


@pytest.mark.parametrize("offsets", [[0, 0.5, 2], [[0, 2]], ["a", "b"]])
def test_offsets_are_integers(offsets):
    with pytest.raises(ValueError, match="offsets must rise from 0 to the number of nodes, 2, and be integers"):
        GraphSet(np.ones((2, 1)), np.eye(2), offsets)


@pytest.mark.parametrize("which", ["node_features", "adjacency", "edge_features"])
def test_complex_numbers_are_refused(which):
    parts = {"node_features": np.ones((2, 1)), "adjacency": sp.csr_array(np.ones((2, 2))), "edge_features": np.ones(4)}
    parts[which] = parts[which] * 1j
    with pytest.raises(ValueError, match=f"{which} holds complex numbers"):
        GraphSet(**parts)


def test_the_representation_counts_one_and_many():
    one = GraphSet.from_list([(np.ones((1, 1)), np.ones((1, 1)))], graph_features=np.ones((1, 1)))
    assert repr(one) == "GraphSet(1 graph, 1 node, 1 edge, 1 node feature, 1 graph feature)"
    two = GraphSet(sp.csr_array(np.ones((2, 1))), np.ones((2, 2)) - np.eye(2), edge_features=np.ones((2, 1)))
    assert repr(two) == "GraphSet(1 graph, 2 nodes, 2 edges, 1 sparse node feature, 1 edge feature)"


def test_graph_features_follow_their_graphs():
    rng = np.random.RandomState(0)
    table = pd.DataFrame(rng.normal(size=(5, 2)), columns=["mass", "charge"])
    graphs = GraphSet.from_list(random_graphs(5, rng), graph_features=table)
    assert repr(graphs).endswith("3 node features, 2 graph features)")
    assert graphs.graph_feature_names == ["mass", "charge"]
    np.testing.assert_allclose(graphs[[3, 0]].graph_features, table.to_numpy()[[3, 0]], rtol=1e-6)
    np.testing.assert_allclose(graphs[-1].graph_features, table.to_numpy()[-1], rtol=1e-6)
    loaded = pickle.loads(pickle.dumps(graphs))
    np.testing.assert_array_equal(loaded.graph_features, graphs.graph_features)
    assert loaded.graph_feature_names == graphs.graph_feature_names
    assert not loaded.graph_features.flags.writeable
    listed = GraphSet.from_list([*graphs[:2], *graphs[3:]])  # graphs of a list keep them
    np.testing.assert_array_equal(listed.graph_features, graphs.graph_features[[0, 1, 3, 4]])
    direct = GraphSet(graphs.node_features, graphs.adjacency, graphs.offsets, graph_features=table)
    np.testing.assert_array_equal(direct.graph_features, graphs.graph_features)
    bare = graphs.with_graph_features(None)
    assert bare.graph_features is None
    assert bare.graph_feature_names is None
    assert bare[0].graph_features is None
    with pytest.raises(ValueError, match=r"graph_features must have shape \(n_graphs, n_graph_features\) = \(5"):
        graphs.with_graph_features(table[:4])
