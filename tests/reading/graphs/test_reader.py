"""Readers of graphs and nodes hold later samples to those of the fit."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_ann.reading.graphs import GraphReader, GraphSet, NodeReader
from sklearn_ann.reading.graphs.reader import named_nodes, node_numbers
from sklearn_ann.training import Examples

OPTIONS = {"owner": "Model", "normalize": "sym", "self_loops": True, "n_heads": 0}
PAIR = (np.eye(2), np.ones((2, 2)) - np.eye(2))


def graph_reader(graphs, dtype=torch.float32):
    reader = GraphReader(dtype=dtype, **OPTIONS)
    reader.learn(graphs)
    reader.freeze()
    return reader


def test_later_graphs_have_the_features_of_the_fit():
    reader = graph_reader([(*PAIR, np.ones((2, 3)))])
    assert reader.attributes == {"n_features_in_": 2, "node_features_": "given"}
    with pytest.raises(ValueError, match="X has 3 node features, but Model is expecting 2"):
        reader.read([(np.ones((2, 3)), np.ones((2, 2)), np.ones((4, 3)))])
    with pytest.raises(ValueError, match="X has 0 edge features, but Model is expecting 3"):
        reader.read([PAIR])


def test_degrees_do_not_pass_for_features():
    A = PAIR[1]
    reader = graph_reader([(np.full((2, 1), 3.0), A)])
    with pytest.raises(ValueError, match="the graphs of X have no node features, but those in the fit of Model had"):
        reader.read([A])
    reader = graph_reader([A])
    with pytest.warns(UserWarning, match="Model was fitted on graphs without node features"):
        reader.read([(np.full((2, 1), 3.0), A)])
    reader.read([A])
    reader.read([nx.path_graph(3), nx.Graph()])


def test_graphs_taken_from_a_set_bring_their_degrees_along():
    graphs = GraphSet.from_list([nx.path_graph(3), nx.star_graph(4)])
    for fitted, later in ((list(graphs), graphs), (graphs, list(graphs)), (graphs[:1], [graphs[1]])):
        graph_reader(fitted).read(later)


def test_graphs_without_nodes_or_edges_are_read_alone_as_among_others():
    """They cannot show how many features they have."""
    full, lonely = nx.path_graph(2), nx.empty_graph(1)
    nx.set_node_attributes(full, {0: [1.0, 2], 1: [3.0, 4]}, "x")
    nx.set_edge_attributes(full, 5.0, "length")
    lonely.nodes[0]["x"] = [6.0, 7]
    reader = graph_reader([full, lonely, nx.Graph()])
    together = reader.read([full, lonely, nx.Graph()])
    for i, graph in enumerate([full, lonely, nx.Graph()]):
        one, other = reader.read([graph])[torch.tensor([0])], together[torch.tensor([i])]
        assert torch.equal(one.x, other.x)
        assert torch.equal(one.edge_features, other.edge_features)
        assert torch.equal(one.adjacency.weights, other.adjacency.weights)


def test_a_frozen_reader_takes_another_type_as_a_copy():
    reader = graph_reader([PAIR])
    double = reader.retyped(torch.float64)
    assert [r.read([PAIR])[torch.tensor([0])].x.dtype for r in (reader, double)] == [torch.float32, torch.float64]
    nodes = NodeReader(graph=PAIR, dtype=torch.float32, **OPTIONS)
    nodes.freeze()
    weights = [r.read([1])[torch.tensor([0])][0].adjacency.weights for r in (nodes, nodes.retyped(torch.float64))]
    assert [w.dtype for w in weights] == [torch.float32, torch.float64]
    with pytest.raises(AttributeError, match="GraphReader is frozen"):
        reader.normalize = None


def test_nodes_may_be_a_column_or_floats():
    for X in ([3, 0], [[3], [0]], [3.0, 0.0], np.array([3, 0], dtype=object)):
        assert node_numbers(X, 4).tolist() == [3, 0]


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([0, 180], "sample 1 is the node 180, but the nodes are 0 to 179"),
        ([-1, 0], "sample 0 is the node -1"),
        ([0, 10**30], "node numbers, from 0 to 179: Python int too large"),
        ([0.5, 1], "integers"),
        ([np.nan, 1], "integers"),
        (["a", "b"], "integers"),
        ([[0, 1], [1, 2]], r"shape \(2, 2\)"),
        ([], "0 sample"),
    ],
)
def test_nodes_that_are_refused(nodes, message):
    with pytest.raises(ValueError, match=message):
        node_numbers(nodes, 180)


def node_reader(graph, **options):
    reader = NodeReader(graph=graph, dtype=torch.float32, **OPTIONS | options)
    reader.freeze()
    return reader


@pytest.mark.parametrize(
    "names",
    [[2, 1, 0], ["b", "a", "c"], [(0, 1), (1, 0), (1, 1)], [frozenset("a"), "a", 3]],
    ids=["numbers", "texts", "tuples", "mixed"],
)
def test_nodes_go_by_their_names(names):
    reader = node_reader(nx.Graph([names[:2], names[1:]]))
    assert reader.attributes["node_names_"].tolist() == names
    for X in (names[::-1], tuple(names[::-1]), pd.Series([*names[::-1]], index=[7, 8, 9])):
        assert reader.read(X).nodes.tolist() == [2, 1, 0]
    assert reader.read([[name] for name in names]).nodes.tolist() == [0, 1, 2]


def test_arrays_of_names():
    reader = node_reader(nx.Graph([("b", "a"), ("a", "c")]))
    for X in (np.array(["c", "b"]), np.array([["c"], ["b"]]), pd.DataFrame({"node": ["c", "b"]}), pd.Index(["c", "b"])):
        assert reader.read(X).nodes.tolist() == [2, 0]
    grid = node_reader(nx.grid_2d_graph(2, 2))
    assert grid.read(np.array([[1, 0], [0, 1]])).nodes.tolist() == [2, 1]
    assert grid.read(pd.MultiIndex.from_tuples([(1, 0)])).nodes.tolist() == [2]
    labelled = node_reader((pd.DataFrame({"f": [1.0, 2]}, index=["u", "v"]), np.ones((2, 2))))
    assert labelled.read(["v"]).nodes.tolist() == [1]
    assert labelled.attributes["feature_names_in_"].tolist() == ["f"]


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (["a", "z"], ValueError, r"sample 1 is 'z', which is no node of the graph: its nodes are named 'b', 'a', 'c'"),
        ([{}], ValueError, "sample 0 is {}, which is no node"),
        (np.array([True, False, True]), ValueError, "sample 0 is True: X must hold names of nodes, not a mask"),
        ([], ValueError, "0 sample"),
        (pd.DataFrame({"u": ["a"], "v": ["b"]}), ValueError, "nodes in one column, got 2 columns"),
        ("a", TypeError, "X must be a sequence of nodes, got 'a'"),
        (3, TypeError, "X must be a sequence of nodes, got 3"),
    ],
)
def test_names_that_are_no_nodes_are_refused(X, error, message):
    with pytest.raises(error, match=message):
        node_reader(nx.Graph([("b", "a"), ("a", "c")])).read(X)


def test_attributes_of_nodes_are_features_if_they_are_asked_for():
    graph = nx.path_graph(3)
    nx.set_node_attributes(graph, {0: "u", 1: "v", 2: "u"}, "club")
    for given in (graph, GraphSet.from_list([graph])):
        with pytest.warns(UserWarning, match=r"the attributes \['club'\] of the nodes are not used as features"):
            reader = node_reader(given)
        assert reader.attributes["node_features_"] == "identity"
        np.testing.assert_array_equal(reader.graph_set.node_features.toarray(), np.eye(3))
        assert reader.read([2]).nodes.tolist() == [2]
    for given in (graph, np.ones((3, 3))):
        assert node_reader(given, node_attributes=[], edge_attributes=[]).node_features == "identity"
    assert node_reader(graph, node_attributes=["club"]).graph_set.node_features.tolist() == [[1, 0], [0, 1], [1, 0]]
    nx.set_node_attributes(graph, 7.0, "x")
    assert node_reader(graph).graph_set.node_features.tolist() == [[7]] * 3


def test_weights_that_cannot_average_are_refused():
    A = np.array([[0, 1.0, -1], [1, 0, 1], [-1, 1, 0]])
    with pytest.raises(ValueError, match=r"graph 0 has a node whose edge weights sum to 0: Model averages over"):
        node_reader((np.eye(3), A), normalize=None, self_loops=False, averages=True)
    assert node_reader((np.eye(3), A), normalize=None, self_loops=False).weighted
    reader = GraphReader(dtype=torch.float32, averages=True, **OPTIONS | {"normalize": None, "self_loops": False})
    reader.learn([PAIR])
    with pytest.raises(ValueError, match=r"graph 1 has a node whose edge weights sum to -1: Model averages over"):
        reader.read([PAIR, (np.eye(2), -PAIR[1])])


def test_graphs_without_nodes_are_no_valid_samples():
    reader = graph_reader([PAIR])
    assert reader.read([PAIR]).valid is None
    empty = (np.zeros((0, 2)), np.zeros((0, 0)))
    assert reader.read([PAIR, empty]).valid.tolist() == [True, False]


def test_graph_features_are_scaled_by_the_graphs_of_the_fit():
    values = np.array([[1.0, 5], [3, 5], [1e30, 5]])
    graphs = GraphSet.from_list([PAIR] * 3, graph_features=values)
    reader = GraphReader(dtype=torch.float64, **OPTIONS)
    examples = Examples(reader.learn(graphs), rows=torch.tensor([0, 1]))  # the third has no weight
    examples = reader.finish(examples)
    reader.freeze()
    z = 1 / np.sqrt(1 + 1 / 9)
    expected = [[-z, 0], [z, 0], [3, 0]]
    np.testing.assert_allclose(examples.samples[torch.arange(3)].graph_features, expected, rtol=1e-6)
    np.testing.assert_array_equal(
        reader.read(graphs)[torch.arange(3)].graph_features, examples.samples[torch.arange(3)].graph_features
    )
    with pytest.raises(ValueError, match="X has 0 graph features, but Model is expecting 2 as input"):
        reader.read([PAIR])
    with pytest.raises(AttributeError, match="frozen"):
        reader.whole.mean = 0


def test_nodes_of_one_graph_have_no_use_for_its_features():
    graph = GraphSet.from_list([PAIR], graph_features=np.ones((1, 2)))
    with pytest.warns(UserWarning, match="ignores 2 graph features, because all nodes have the same values"):
        node_reader(graph)


def test_names_of_nodes_in_tensors_and_arrays_of_pyarrow():
    pa = pytest.importorskip("pyarrow")
    assert named_nodes(torch.tensor([7, 3]), {3: 0, 7: 1}).tolist() == [1, 0]
    assert named_nodes(pa.array(["b", "a"]), {"a": 0, "b": 1}).tolist() == [1, 0]
