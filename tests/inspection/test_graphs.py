"""Graphs are drawn with the values of their nodes and the weights of their edges."""

import matplotlib as mpl
import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp

from sklearn_ann import GraphSet
from sklearn_ann.inspection import GraphDisplay


@pytest.fixture(autouse=True)
def pyplot():
    mpl.use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


@pytest.fixture
def ax(pyplot):
    return pyplot.subplots()[1]


def test_graph_draws_every_edge_once(ax):
    A = sp.csr_array(np.array([[0, 2, 0, 0], [2, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]))
    display = GraphDisplay.from_graph((None, A), names="abcd", ax=ax)
    assert [line.get_linewidth() for line in ax.lines] == [3, 1.5]
    np.testing.assert_allclose(ax.collections[0].get_array(), [2, 3, 0, 0])
    assert len(display.ax_.texts) == 4
    with pytest.raises(ValueError, match="values has 2 entries, but there are 4 nodes"):
        GraphDisplay(A, values=[1, 2]).plot()


def test_lines_join_the_nodes_of_their_edges_and_loops_are_no_lines(ax):
    A = np.array([[5, 0, 1], [0, 0, 0], [2, 0, 0]])
    display = GraphDisplay(A).plot(ax)
    [line] = ax.lines
    np.testing.assert_array_equal(line.get_xydata(), display.positions_[[0, 2]])
    assert len(ax.collections[0].get_offsets()) == 3
    assert len(display.figure_.axes) == 1  # without values there is no colour bar


def test_positions_are_the_same_each_time():
    A = sp.random_array((9, 9), density=0.3, random_state=np.random.default_rng(0))
    positions = [GraphDisplay(A, values=np.arange(9)).plot().positions_ for _ in range(2)]
    np.testing.assert_array_equal(*positions)
    assert len(np.unique(positions[0].round(6), axis=0)) == 9


def test_a_graph_without_edges_is_drawn():
    assert GraphDisplay(np.zeros((2, 2))).plot().positions_.shape == (2, 2)


@pytest.mark.parametrize(
    ("A", "settings", "message"),
    [
        (np.zeros((2, 3)), {}, r"A has shape \(2, 3\): expected a square matrix"),
        (np.zeros((2, 2)), {"names": "abc"}, "names has 3 entries, but there are 2 nodes"),
    ],
)
def test_what_does_not_fit_is_refused(A, settings, message):
    with pytest.raises(ValueError, match=message):
        GraphDisplay(A, **settings).plot()


def test_graphs_of_every_kind_are_drawn():
    A = np.ones((2, 2)) - np.eye(2)
    graphs = [nx.path_graph(2), GraphSet.from_list([A]), (None, A), (np.eye(2), A), A]
    for graph in graphs:
        assert GraphDisplay.from_graph(graph).positions_.shape == (2, 2)
        assert GraphDisplay(graph).plot().positions_.shape == (2, 2)


def test_a_molecule_is_drawn():
    chem = pytest.importorskip("rdkit.Chem", reason="RDKit is the extra chem")
    assert GraphDisplay.from_graph(chem.MolFromSmiles("CCO")).positions_.shape == (3, 2)
    assert GraphDisplay(chem.MolFromSmiles("CCO")).plot().positions_.shape == (3, 2)


@pytest.mark.parametrize("graph", ["CCO", 3, None, [["a", "b"], ["c", "d"]]])
def test_what_is_no_graph_is_refused(graph):
    with pytest.raises(TypeError, match=r"graph 0 is|A must be a matrix of numbers"):
        GraphDisplay(graph).plot()
    with pytest.raises((TypeError, ValueError), match="graph 0"):
        GraphDisplay.from_graph(graph)
    with pytest.raises(ValueError, match="graph must be one graph, got GraphSet"):
        GraphDisplay.from_graph(GraphSet.from_list([np.eye(2)] * 2))
