"""Graphs are drawn with the values of their nodes and the weights of their edges."""

import matplotlib as mpl
import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import NotFittedError

from sklearn_ann import GCNClassifier, GCNNodeClassifier, GCNNodeRegressor, GraphSet, TabularClassifier
from sklearn_ann.datasets import make_motif_graphs
from sklearn_ann.inspection import GraphDisplay
from sklearn_ann.inspection.occlusion import contributions

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


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


@pytest.mark.parametrize("several", [GraphSet.from_list([np.eye(2)] * 2), [(None, np.eye(2))] * 2, [nx.path_graph(2)]])
def test_several_graphs_are_refused(several):
    with pytest.raises(ValueError, match=r"A must be one graph, got .*: choose one, such as A\[0\]"):
        GraphDisplay(several).plot()
    with pytest.raises(ValueError, match="graph must be one graph, got "):
        GraphDisplay.from_graph(several)


def test_labels_have_colours_and_a_legend():
    display = GraphDisplay(np.ones((4, 4)), values=["b", "a", "b", "c"]).plot(label="kind")
    legend = display.ax_.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["a", "b", "c"]
    assert legend.get_title().get_text() == "kind"
    np.testing.assert_array_equal(display.ax_.collections[1].get_offsets(), display.positions_[[0, 2]])


QUICK = {"max_epochs": 20, "learning_rate_schedule": "cosine", "random_state": 0}


def test_nodes_of_a_graph_are_coloured_by_what_they_contribute():
    pairs, chord = make_motif_graphs(60, n_nodes=(3, 6), random_state=0)
    graphs = GraphSet.from_list(pairs)
    model = GCNClassifier(**QUICK).fit(graphs, chord)
    display = GraphDisplay.from_estimator(model, graphs, sample=2)
    np.testing.assert_allclose(display.values, contributions(model, graphs[[2]]))
    drawn = display.ax_.collections[0]
    np.testing.assert_allclose(drawn.get_array(), display.values)
    assert drawn.get_clim()[0] == -drawn.get_clim()[1]  # white is no contribution
    assert len(display.ax_.lines) == graphs.n_edges[2] / 2
    np.testing.assert_allclose(GraphDisplay.from_estimator(model, pairs, sample=2).values, display.values)
    with pytest.raises(ValueError, match="sample=60: expected an integer"):
        GraphDisplay.from_estimator(model, pairs, sample=60)
    with pytest.raises(ValueError, match="X=None: give the graphs"):
        GraphDisplay.from_estimator(model)


def test_edges_are_as_wide_as_the_attention_of_the_last_convolution():
    pairs, chord = make_motif_graphs(20, n_nodes=(3, 6), random_state=0)
    model = GCNClassifier(conv="gat", n_heads=2, **QUICK).fit(pairs, chord)
    display = GraphDisplay.from_estimator(model, pairs, sample=1)
    maps = model.attention_maps(pairs[1:2])[0][-1]
    np.testing.assert_allclose(display.A.toarray(), (maps[0] + maps[1]).toarray() / 2, rtol=1e-5)


def test_nodes_are_coloured_by_their_predictions():
    net = nx.relabel_nodes(nx.karate_club_graph(), str)
    club = ["hi" if net.nodes[node]["club"] == "Mr. Hi" else "officer" for node in net]
    model = GCNNodeClassifier(graph=net, node_attributes=[], **QUICK).fit(list(net), club)
    display = GraphDisplay.from_estimator(model)
    assert [text.get_text() for text in display.ax_.texts] == list(net)
    np.testing.assert_array_equal(display.values, model.predict(list(net)))
    some = ["33", "0", "31"]
    display = GraphDisplay.from_estimator(model, some)
    assert [text.get_text() for text in display.ax_.texts] == some
    assert display.A.nnz == 2 * net.subgraph(some).number_of_edges()
    model = GCNNodeRegressor(graph=net, node_attributes=[], **QUICK).fit(list(net), np.arange(34.0))
    np.testing.assert_allclose(GraphDisplay.from_estimator(model).values, model.predict(list(net)))


def test_an_estimator_of_no_graphs_is_refused():
    model = TabularClassifier(**QUICK).fit(np.arange(20.0)[:, None], np.arange(20) % 2)
    with pytest.raises(TypeError, match="such as GCNClassifier, got TabularClassifier"):
        GraphDisplay.from_estimator(model, [[0.0]])
    with pytest.raises(NotFittedError):
        GraphDisplay.from_estimator(GCNClassifier(), [np.eye(2)])
