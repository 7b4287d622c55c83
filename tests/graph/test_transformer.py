"""The bare graph convolution is the lecture's formula, for one graph and for many."""

import pickle

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

import sklearn_ann
from sklearn_ann import GCNClassifier, GCNNodeClassifier, GCNNodeRegressor, GraphConvolutionTransformer, GraphSet
from sklearn_ann.datasets import make_block_graph, make_motif_graphs
from sklearn_ann.graph.transformer import is_one_graph

RNG = np.random.default_rng(0)


def graph(n, p=3, seed=0):
    """A directed graph with weights and some loops."""
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(n, n)) * (rng.uniform(size=(n, n)) < 0.5)
    return rng.normal(size=(n, p)), A


GRAPHS = [graph(n, seed=n) for n in (4, 1, 6)]
W = RNG.normal(size=(5, 3))


def relu(x):
    return np.maximum(x, 0)


@pytest.mark.parametrize("weights", [None, W, W[:2]], ids=["identity", "wide", "narrow"])
@pytest.mark.parametrize(
    ("activation", "sigma"),
    [("relu", relu), ("identity", lambda x: x), ("tanh", np.tanh)],
    ids=["relu", "no activation", "tanh"],
)
def test_the_nodes_of_a_graph_have_the_lectures_formula(weights, activation, sigma):
    X, A = graph(7)
    expected = sigma(A @ X if weights is None else A @ X @ weights.T)
    model = GraphConvolutionTransformer(weights=weights, activation=activation)
    for one in ((X, A), (sp.csr_array(X), sp.csr_array(A)), (X.tolist(), A.tolist())):
        np.testing.assert_allclose(model.fit_transform(one), expected, atol=1e-5)


def test_a_trained_network_computes_the_formula_with_the_settings_of_the_guide():
    X, A = graph(12)
    A = np.abs(A + A.T)
    settings = {"conv": "gcn", "normalize": None, "self_loops": False, "residual": False, "normalization": None}
    of_nodes = {"propagate_last": False, "normalize_features": None}
    model = GCNNodeRegressor(
        graph=(X, A), conv_layer_sizes=(5,), max_epochs=3, precision="float64", random_state=0, **settings, **of_nodes
    ).fit(np.arange(12), X[:, 0])
    weights = model.module_.body.convolutions.convolutions[0].weight.detach().numpy()
    np.testing.assert_allclose(model.transform(np.arange(12)), relu(A @ X @ weights.T), atol=1e-5)


def test_graphs_become_graphs_with_other_node_features():
    found = GraphConvolutionTransformer(weights=W).fit_transform(GRAPHS)
    assert isinstance(found, GraphSet)
    for (X, A), new in zip(GRAPHS, found, strict=True):
        np.testing.assert_allclose(new.X, relu(A @ X @ W.T), atol=1e-5)
        np.testing.assert_allclose(new.A.toarray(), A, rtol=1e-6)


@pytest.mark.parametrize("pooling", ["mean", "sum", "max"])
def test_pooling_gives_a_row_of_statistics_for_each_graph(pooling):
    model = GraphConvolutionTransformer(weights=W, pooling=pooling, activation="identity")
    found = model.fit_transform(GraphSet.from_list(GRAPHS))
    expected = [getattr(A @ X @ W.T, pooling)(axis=0) for X, A in GRAPHS]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(model.transform(GRAPHS[0]), expected[:1], atol=1e-5)  # one graph is one row


def test_normalisations_are_those_of_the_equation():
    X, A = graph(6)
    A = abs(A) + np.eye(6)
    d = A.sum(axis=1)
    for normalize, matrix in (("sym", A / np.sqrt(np.outer(d, d))), ("row", A / d[:, None])):
        model = GraphConvolutionTransformer(weights=W, normalize=normalize, activation="identity")
        np.testing.assert_allclose(model.fit_transform((X, A)), matrix @ X @ W.T, atol=1e-5)


@pytest.mark.parametrize("normalize", [None, "row"])
def test_self_loops_add_the_identity_matrix(normalize):
    positive = [(X, np.abs(A)) for X, A in GRAPHS]
    found = GraphConvolutionTransformer(weights=W, normalize=normalize, self_loops=True).fit_transform(positive)
    looped = [(X, A + np.eye(len(A))) for X, A in positive]
    expected = GraphConvolutionTransformer(weights=W, normalize=normalize).fit_transform(looped)
    np.testing.assert_allclose(found.node_features, expected.node_features, rtol=1e-6)


def test_a_convolution_is_equivariant_and_a_pooled_one_invariant_under_the_order_of_nodes():
    X, A = graph(9)
    order = RNG.permutation(9)
    other = X[order], A[np.ix_(order, order)]
    model = GraphConvolutionTransformer(weights=W).fit((X, A))
    np.testing.assert_allclose(model.transform(other), model.transform((X, A))[order], atol=1e-5)
    for pooling in ("mean", "sum", "max"):
        pooled = GraphConvolutionTransformer(weights=W, pooling=pooling).fit([(X, A)])
        np.testing.assert_allclose(pooled.transform([other]), pooled.transform([(X, A)]), atol=1e-5)


def test_a_mean_does_not_count_nodes_and_a_sum_does():
    rings = [nx.cycle_graph(n) for n in (4, 8)]
    mean, total = (GraphConvolutionTransformer(pooling=how).fit_transform(rings) for how in ("mean", "sum"))
    assert mean.tolist() == [[4], [4]]  # each node has two neighbours of degree two
    assert total.tolist() == [[16], [32]]


PLAIN = {"normalize": None, "self_loops": False, "residual": False, "normalization": None}
SHORT = {"max_epochs": 3, "learning_rate_schedule": "constant", "random_state": 0}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_convolutions_of_trained_networks_are_the_formula_with_these_settings():
    pairs, y = make_motif_graphs(40, n_nodes=(4, 8), random_state=0)
    graphs = GraphSet.from_list(pairs)
    settings = {"conv": "gcn", "conv_layer_sizes": (6, 6), "hidden_layer_sizes": (), "readout": "mean"}
    model = GCNClassifier(**settings, **PLAIN, **SHORT).fit(graphs, y)
    first, second = (layer.weight.detach().numpy() for layer in model.module_.body.convolutions.convolutions)
    by_hand = make_pipeline(
        GraphConvolutionTransformer(weights=first), GraphConvolutionTransformer(weights=second, pooling="mean")
    )
    np.testing.assert_allclose(by_hand.fit_transform(graphs), model.transform(graphs), rtol=1e-4, atol=1e-5)

    block, community = make_block_graph([20, 20], random_state=0)
    nodes = np.arange(40)
    unscaled = {"propagate_last": False, "normalize_features": None, "conv_layer_sizes": (6, 6)}
    model = GCNNodeClassifier(graph=block, **unscaled, **PLAIN, **SHORT).fit(nodes, community)
    first, second = (layer.weight.detach().numpy() for layer in model.module_.body.convolutions.convolutions)
    X, A = block[:2]
    layer = GraphConvolutionTransformer(weights=first).fit_transform((X, A))
    found = GraphConvolutionTransformer(weights=second).fit_transform((layer, A))
    np.testing.assert_allclose(found, model.transform(nodes), rtol=1e-4, atol=1e-5)


def test_random_convolutions_in_a_pipeline_tell_what_no_node_shows_by_itself():
    pairs, chord = make_motif_graphs(120, n_nodes=(4, 8), random_state=0)
    graphs, alone = GraphSet.from_list(pairs), GraphSet.from_list([(X, np.eye(len(X))) for X, _ in pairs])
    first = GraphConvolutionTransformer(weights=np.random.default_rng(0).normal(size=(32, 2)), activation="tanh")
    second = GraphConvolutionTransformer(pooling="max", activation="identity")
    model = make_pipeline(first, second, RandomForestClassifier(random_state=0)).set_output(transform="pandas")
    assert cross_val_score(model, graphs, chord, cv=3).mean() > 0.75
    assert cross_val_score(model, alone, chord, cv=3).mean() < 0.65  # the nodes without their edges
    table = model[:-1].fit_transform(graphs)
    assert list(table.columns) == [f"graphconvolutiontransformer{i}" for i in range(32)]


def test_frames_where_rows_come_out_and_graphs_where_graphs_do():
    model = GraphConvolutionTransformer(weights=W).set_output(transform="pandas")
    nodes = model.fit_transform(GRAPHS[0])
    assert isinstance(nodes, pd.DataFrame)
    assert list(nodes) == list(model.get_feature_names_out()) == [f"graphconvolutiontransformer{i}" for i in range(5)]
    assert isinstance(clone(model).fit_transform(GRAPHS), GraphSet)
    model.fit(GRAPHS)
    assert not hasattr(model, "get_feature_names_out")
    assert isinstance(model.set_output(transform="pandas").transform(GRAPHS), GraphSet)


def test_features_are_matched_by_name():
    frames = [(pd.DataFrame(X, columns=["x", "y", "z"]), A) for X, A in GRAPHS]
    model = GraphConvolutionTransformer(weights=W, pooling="sum").fit(frames)
    assert list(model.feature_names_in_) == ["x", "y", "z"]
    shuffled = [(X[["z", "x", "y"]], A) for X, A in frames]
    np.testing.assert_allclose(model.transform(shuffled), model.transform(frames), rtol=1e-6)
    assert not hasattr(model.fit(GRAPHS), "feature_names_in_")


def test_edges_and_whole_graphs_keep_their_features():
    X, A = graph(4)
    graphs = GraphSet.from_list([(X, A, np.arange(np.count_nonzero(A)))], graph_features=[[7.0]])
    [found] = GraphConvolutionTransformer().fit_transform(graphs)
    np.testing.assert_array_equal(found.E[:, 0], np.arange(np.count_nonzero(A)))
    assert found.graph_features == [7]


def test_a_graph_without_nodes_has_no_statistics():
    graphs = GraphSet(np.ones((2, 1)), sp.csr_array((2, 2)), [0, 2, 2])
    found = GraphConvolutionTransformer(pooling="max").fit_transform(graphs)
    np.testing.assert_array_equal(found, [[0], [np.nan]])
    assert len(GraphConvolutionTransformer().fit_transform(graphs)) == 2


def test_a_pickle_and_a_file_of_a_fitted_transformer_give_the_same(tmp_path):
    graphs = [(X, abs(A)) for X, A in GRAPHS]
    for settings, X in (({"weights": W, "pooling": "mean", "normalize": "row"}, graphs), ({}, graphs[0])):
        model = GraphConvolutionTransformer(**settings).fit(X)
        sklearn_ann.save(model, tmp_path / "model.sklann")
        for again in (pickle.loads(pickle.dumps(model)), sklearn_ann.load(tmp_path / "model.sklann")):
            np.testing.assert_array_equal(again.transform(X), model.transform(X))
            assert again.fit_transform(X).dtype == np.float32


def test_weights_are_kept_as_a_copy():
    weights = W.astype(np.float32)
    model = GraphConvolutionTransformer(weights=weights).fit(GRAPHS[0])
    before = model.transform(GRAPHS[0])
    weights[:] = 0
    np.testing.assert_array_equal(model.transform(GRAPHS[0]), before)


def test_what_is_one_graph():
    X, A = GRAPHS[0]
    one = [(X, A), (None, A), (X, sp.csr_array(A)), A, sp.csr_array(A), pd.DataFrame(A), nx.path_graph(3)]
    one.append(GraphSet.from_list(GRAPHS)[0])
    assert all(map(is_one_graph, one))
    several = [GRAPHS, tuple(GRAPHS), GraphSet.from_list(GRAPHS), [A, A], np.stack([A, A]), [nx.path_graph(3)]]
    assert not any(map(is_one_graph, several))


@pytest.mark.parametrize(
    ("settings", "X", "message"),
    [
        ({"weights": W[:, :2]}, GRAPHS, "weights has 2 columns, but the nodes of X have 3 features"),
        ({"weights": W[0]}, GRAPHS, "Expected 2D array"),
        ({"weights": np.full((2, 3), np.nan)}, GRAPHS, "weights contains NaN"),
        ({"activation": "step"}, GRAPHS, "'activation' parameter"),
        ({"pooling": "median"}, GRAPHS, "'pooling' parameter"),
        ({}, [(X * 1e30, A * 1e30) for X, A in GRAPHS], "products of graph 0 are too large to be finite"),
        (
            {"normalize": "row"},
            [(np.ones((2, 1)), -np.ones((2, 2)))],
            "graph 0 has a node whose edge weights sum to -2",
        ),
        ({}, [GRAPHS[0], (np.ones((2, 3)), np.ones((3, 3)))], "graph 1: A has shape"),
    ],
)
def test_bad_input(settings, X, message):
    with pytest.raises(ValueError, match=message):
        GraphConvolutionTransformer(**settings).fit_transform(X)


def test_graphs_of_another_kind_than_in_fit():
    model = GraphConvolutionTransformer().fit(GRAPHS)
    with pytest.raises(ValueError, match="X is one graph, but fit got a set of graphs"):
        model.transform(GRAPHS[0])
    with pytest.raises(ValueError, match="X has 2 node features, but GraphConvolutionTransformer is expecting 3"):
        model.transform([(X[:, :2], A) for X, A in GRAPHS])
    with pytest.raises(ValueError, match="X is a set of graphs, but fit got one graph, whose nodes are rows"):
        model.fit(GRAPHS[0]).transform(GRAPHS)
    with pytest.raises(TypeError, match="graph 0 is str"):
        model.fit(["CCO"])
