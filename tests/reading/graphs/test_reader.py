"""Readers of graphs and nodes hold later samples to those of the fit."""

import networkx as nx
import numpy as np
import pytest
import torch

from sklearn_ann.reading.graphs import GraphReader, NodeReader
from sklearn_ann.reading.graphs.reader import node_numbers

OPTIONS = {"owner": "Model", "normalize": "sym", "self_loops": True, "n_heads": 0}
PAIR = (np.eye(2), np.ones((2, 2)) - np.eye(2))


def graph_reader(graphs, dtype=torch.float32):
    reader = GraphReader(dtype=dtype, **OPTIONS)
    reader.learn(graphs)
    reader.freeze()
    return reader


def test_later_graphs_have_the_features_of_the_fit():
    reader = graph_reader([(*PAIR, np.ones((2, 3)))])
    assert reader.attributes == {"n_features_in_": 2}
    with pytest.raises(ValueError, match="X has 3 node features, but Model is expecting 2"):
        reader.read([(np.ones((2, 3)), np.ones((2, 2)), np.ones((4, 3)))])
    with pytest.raises(ValueError, match="X has 0 edge features, but Model is expecting 3"):
        reader.read([PAIR])


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
