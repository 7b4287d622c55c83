"""Graph estimators: what they learn, what they refuse, and how they pass through scikit-learn."""

import pickle

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_ann import GCNClassifier, GCNNodeClassifier, GCNNodeRegressor, GCNRegressor, GraphSet
from sklearn_ann.datasets import make_block_graph, make_motif_graphs
from sklearn_ann.preprocessing import MoleculeEncoder

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
QUICK = {"max_epochs": 3, "random_state": 0}


@pytest.fixture(scope="module")
def motifs():
    return make_motif_graphs(200, n_nodes=(4, 10), random_state=0)


@pytest.fixture(scope="module")
def blocks():
    return make_block_graph([60, 60, 60], random_state=0)


def test_a_motif_is_found_that_counts_do_not_show(motifs):
    graphs, y = motifs
    counts = np.array([[len(X), A.nnz, *np.bincount(X[:, 1].astype(int), minlength=12)[:12]] for X, A in graphs])
    assert cross_val_score(RandomForestClassifier(random_state=0), counts, y, cv=3).mean() < 0.7
    model = GCNClassifier(conv="gin", max_epochs=60, learning_rate=3e-3, random_state=0)
    assert cross_val_score(model, GraphSet.from_list(graphs), y, cv=3).mean() > 0.9


def test_neighbours_tell_what_features_do_not(blocks):
    graph, y = blocks
    labelled = np.arange(0, 180, 9)
    others = np.setdiff1d(np.arange(180), labelled)
    settings = {"graph": graph, "max_epochs": 100, "learning_rate": 1e-2, "dropout": 0.5, "random_state": 0}
    connected = GCNNodeClassifier(**settings).fit(labelled, y[labelled])
    features_only = GCNNodeClassifier(**settings | {"graph": (graph[0], sp.csr_array(graph[1].shape))})
    assert connected.score(others, y[others]) > 0.85
    assert features_only.fit(labelled, y[labelled]).score(others, y[others]) < 0.6


def test_node_regression(blocks):
    (X, A), _ = blocks
    mean = (A @ X[:, :1]).ravel() / np.maximum(A.sum(axis=1), 1)
    model = GCNNodeRegressor(
        graph=(X, A), conv="sage", normalization=None, max_epochs=300, learning_rate=1e-2, random_state=0
    ).fit(np.arange(0, 180, 2), mean[::2])
    assert model.score(np.arange(1, 180, 2), mean[1::2]) > 0.7


def test_lists_of_every_kind_give_the_same(motifs):
    pairs, y = motifs[0][:30], motifs[1][:30]
    kinds = {"pairs": pairs, "container": GraphSet.from_list(pairs)}
    kinds["networkx"] = [nx.from_scipy_sparse_array(A) for _, A in pairs]
    for graph, (X, _) in zip(kinds["networkx"], pairs, strict=True):
        nx.set_node_attributes(graph, dict(enumerate(X)), "x")
    predictions = [GCNRegressor(**QUICK).fit(graphs, y).predict(graphs) for graphs in kinds.values()]
    assert all(np.array_equal(predictions[0], other) for other in predictions)


def test_the_snippets(motifs):
    graphs, y = motifs[0][:60], motifs[1][:60]
    assert len(cross_val_score(GCNClassifier(**QUICK), graphs, y, cv=3)) == 3
    forest = make_pipeline(GCNClassifier(**QUICK), RandomForestClassifier(random_state=0))
    assert cross_val_score(forest, GraphSet.from_list(graphs), y, cv=3).shape == (3,)
    search = GridSearchCV(GCNClassifier(**QUICK), {"conv": ["gcn", "gat"], "readout": ["mean", ("sum", "std")]}, cv=2)
    assert search.fit(GraphSet.from_list(graphs), y).n_features_in_ == 2
    model = search.best_estimator_
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(graphs), model.predict(graphs))
    assert list(model.set_output(transform="pandas").transform(graphs).columns[:1]) == ["gcnclassifier0"]


@pytest.mark.parametrize("conv", ["gcn", "sage", "gin", "gat", "gated"])
def test_odd_graphs_pass(conv):
    odd = [
        (np.zeros((0, 2)), np.zeros((0, 0))),
        (np.ones((1, 2)), np.zeros((1, 1))),
        (np.ones((1, 2)), np.ones((1, 1))),
        (np.ones((5, 2)), np.zeros((5, 5))),
        (np.ones((3, 2)), np.ones((3, 3))),
    ]
    with pytest.raises(ValueError, match="all samples are empty"):
        GCNRegressor(conv=conv, **QUICK).fit(odd[:1], [1.0])
    for graphs in (odd, odd[1:2]):
        model = GCNRegressor(conv=conv, **QUICK).fit(graphs, np.arange(len(graphs)))
        nodes = [len(X) > 0 for X, _ in graphs]
        np.testing.assert_array_equal(np.isfinite(model.predict(graphs)), nodes)  # of no nodes nothing is known


def test_many_parts_and_a_large_graph():
    n = 200_000
    ring = sp.csr_array((np.ones(n), (np.arange(n), np.roll(np.arange(n), 1))), shape=(n, n))
    model = GCNNodeClassifier(graph=(np.ones((n, 1)), ring + ring.T), conv_layer_sizes=4, max_epochs=1)
    assert model.fit(np.arange(100), np.arange(100) % 2).predict([n - 1]).shape == (1,)
    parts = sp.block_diag([sp.csr_array(np.ones((2, 2)))] * 10_000, format="csr")
    model = GCNClassifier(conv_layer_sizes=4, max_epochs=1)
    assert model.fit([(np.ones((20_000, 1)), parts)] * 2, [0, 1]).predict([parts]).shape == (1,)


def test_edge_features_are_read_by_default_and_hold_their_width():
    y = np.arange(60) % 2
    graphs = [(np.eye(3), np.ones((3, 3)), np.outer(np.ones(9), 2 * label - 1) * [1, 0, -1] * 3) for label in y]
    for conv in ("gated", "auto"):
        assert GCNClassifier(conv=conv, max_epochs=40, random_state=0).fit(graphs, y).score(graphs, y) == 1
    message = "conv='gcn' ignores the 3 edge features, which conv='gin' and conv='gated' use"
    with pytest.warns(UserWarning, match=message) as caught:
        model = GCNClassifier(conv="gcn", **QUICK).fit(graphs, y)
    assert len([warning for warning in caught if "ignores" in str(warning.message)]) == 1
    with pytest.raises(ValueError, match="X has 0 edge features, but GCNClassifier is expecting 3 as input"):
        model.predict([graph[:2] for graph in graphs])
    with pytest.raises(ValueError, match="X has 4 node features, but GCNClassifier is expecting 3 as input"):
        model.predict([(np.ones((3, 4)), np.ones((3, 3)))])


def test_a_graph_without_edges_is_predicted_alone_as_among_others():
    graphs = [nx.path_graph(n) for n in range(2, 12)]
    for graph in graphs:
        nx.set_edge_attributes(graph, 1.5, "length")
    model = GCNRegressor(conv="gated", **QUICK).fit(graphs, np.arange(10))
    odd = [nx.empty_graph(1), nx.empty_graph(0)]
    among = model.predict([*graphs, *odd])[10:]
    np.testing.assert_allclose([model.predict([graph])[0] for graph in odd], among, rtol=1e-6)


def test_attention_maps(motifs, blocks):
    graphs, y = motifs[0][:20], motifs[1][:20]
    model = GCNClassifier(conv="gat", conv_layer_sizes=(8, 8), n_heads=2, **QUICK).fit(graphs, y)
    maps = model.attention_maps(graphs[:3])
    assert [len(maps), len(maps[0]), len(maps[0][0])] == [3, 2, 2]
    for (X, A), of_graph in zip(graphs, maps, strict=False):
        for head in (head for layer in of_graph for head in layer):
            assert head.shape == (len(X), len(X))
            np.testing.assert_allclose(head.sum(axis=1), 1, rtol=1e-5)
            np.testing.assert_array_equal(head.toarray() > 0, A.toarray() + np.eye(len(X)) > 0)
    with_edges = [(X, A, np.ones(A.nnz)) for X, A in graphs]
    with pytest.warns(UserWarning, match="conv='gat' ignores the 1 edge feature,"):
        model.set_params(precision="bfloat16", device="cpu").fit(with_edges, y)
    assert len(model.attention_maps(with_edges[:2])) == 2
    node = GCNNodeClassifier(graph=blocks[0], conv="gat", **QUICK).fit(np.arange(180), blocks[1])
    np.testing.assert_allclose(node.attention_maps()[0][3].sum(axis=1), 1, rtol=1e-5)
    node.set_params(precision="float64").fit(np.arange(180), blocks[1])
    np.testing.assert_allclose(node.attention_maps()[0][0].sum(axis=1), 1, rtol=1e-14)
    with pytest.raises(ValueError, match="conv='gin' has no attention"):
        GCNClassifier(**QUICK).fit(graphs, y).attention_maps(graphs)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"conv": "gat", "conv_layer_sizes": (9,)},
            "conv_layer_sizes has the width 9, which is not divisible by n_heads=4",
        ),
        ({"conv_layer_sizes": ()}, r"conv_layer_sizes=\(\)"),
        ({"readout": "median"}, "'readout' parameter|readout must be"),
        ({"readout": ()}, "readout must be one or more of"),
        ({"readout": ("mean", "median")}, "readout must be one or more of"),
        ({"conv": "cheb"}, "The 'conv' parameter of GCNClassifier must be"),
    ],
)
def test_settings_that_are_refused(settings, message, motifs):
    with pytest.raises(ValueError, match=message):
        GCNClassifier(**settings, **QUICK).fit(*motifs)


def test_a_node_estimator_needs_its_graph(blocks):
    with pytest.raises(ValueError, match="graph=None: give the graph"):
        GCNNodeClassifier().fit([0, 1], [0, 1])
    with pytest.raises(ValueError, match="graph must be one graph"):
        GCNNodeClassifier(graph=GraphSet.from_list([blocks[0], blocks[0]])).fit([0, 1], [0, 1])


def test_cross_validation_of_nodes_is_transductive(blocks):
    graph, y = blocks
    model = GCNNodeClassifier(graph=graph, max_epochs=60, learning_rate=1e-2, random_state=0)
    assert cross_val_score(model, np.arange(180), y, cv=3).mean() > 0.85
    assert cross_val_score(model, np.arange(180)[:, None], y, cv=3).mean() > 0.85


def test_prediction_sees_the_network_that_training_left(motifs):
    graphs = GraphSet.from_list(motifs[0])
    settings = {
        "batch_size": None,
        "max_epochs": 5,
        "learning_rate_schedule": "constant",
        "learning_rate": 0.1,
        "tol": 0,
    }
    model = GCNClassifier(**settings, random_state=0)
    with pytest.warns(ConvergenceWarning):
        model.fit(graphs, motifs[1])
    predicted = model.decision_function(graphs)
    batch = model.reader_.read(graphs)[torch.arange(len(graphs))]
    trained = model.module_.train()(batch).detach().numpy().ravel()  # normalised by the batch itself
    np.testing.assert_allclose(predicted, trained, rtol=0.02, atol=0.02 * np.abs(trained).max())


def test_nodes_without_features_have_vectors_of_their_own():
    (_, A), y = make_block_graph([60] * 4, random_state=0)
    labelled = np.arange(0, 240, 6)
    others = np.setdiff1d(np.arange(240), labelled)
    settings = {"max_epochs": 50, "learning_rate_schedule": "cosine", "random_state": 0}
    model = GCNNodeClassifier(graph=A, **settings).fit(labelled, y[labelled])
    assert (model.node_features_, model.n_features_in_) == ("identity", 240)
    assert model.score(others, y[others]) > 0.9
    degree = GCNNodeClassifier(graph=(A.sum(axis=1)[:, None], A), **settings).fit(labelled, y[labelled])
    assert degree.score(others, y[others]) < 0.6


def test_the_order_in_which_nodes_are_inserted_does_not_matter(blocks):
    (X, A), y = blocks
    rng = np.random.default_rng(0)
    for names in (np.arange(180), np.array([f"gene{i}" for i in range(180)], dtype=object)):
        graphs = []
        for order in (np.arange(180), rng.permutation(180)):
            graph = nx.Graph()
            graph.add_nodes_from((names[i], {"x": X[i]}) for i in order)
            rows, columns = A.nonzero()
            graph.add_edges_from(zip(names[rows], names[columns], strict=True))
            graphs.append(graph)
        settings = {"max_epochs": 5, "dropout": 0.0, "random_state": 0}
        one, other = (GCNNodeClassifier(graph=graph, **settings).fit(names[::3], y[::3]) for graph in graphs)
        assert other.node_names_.tolist() == list(graphs[1])
        np.testing.assert_allclose(other.predict_proba(names), one.predict_proba(names), atol=1e-5)


def test_the_order_of_nodes_changes_no_prediction(motifs):
    graphs, y = motifs[0][:20], motifs[1][:20]
    model = GCNClassifier(**QUICK).fit(graphs, y)
    rng = np.random.default_rng(0)
    orders = [rng.permutation(len(X)) for X, _ in graphs]
    shuffled = [(X[order], A[order][:, order]) for (X, A), order in zip(graphs, orders, strict=True)]
    np.testing.assert_allclose(model.predict_proba(shuffled), model.predict_proba(graphs), atol=1e-6)


def test_names_pass_through_cross_validation():
    graph = nx.grid_2d_graph(6, 6)  # whose nodes are named by tuples
    names = list(graph)
    y = [row // 3 for row, _ in names]
    model = GCNNodeClassifier(graph=graph, max_epochs=30, learning_rate_schedule="cosine", random_state=0)
    assert cross_val_score(model, names, y, cv=3).shape == (3,)
    assert cross_val_score(model, pd.Series(names), y, cv=3, error_score="raise").mean() > 0.6


def test_the_karate_club_as_networkx_ships_it():
    graph = nx.karate_club_graph()
    names, y = list(graph), np.array([club for _, club in graph.nodes(data="club")])
    with pytest.warns(UserWarning, match=r"the attributes \['club'\] of the nodes are not used as features"):
        model = GCNNodeClassifier(graph=graph, random_state=0, max_epochs=50).fit(
            [0, 1, 2, 32, 33, 31], y[[0, 1, 2, 32, 33, 31]]
        )
    assert model.score(names, y) > 0.85
    cheating = GCNNodeClassifier(graph=graph, node_attributes=["club"], **QUICK).fit(names, y)
    assert cheating.feature_names_in_.tolist() == ["club_Mr. Hi", "club_Officer"]


def test_tables_of_nodes_are_matched_by_name(blocks):
    (X, A), y = blocks
    names = [f"n{i}" for i in range(180)]
    table = pd.DataFrame(X, index=names).add_prefix("f")
    edges = pd.DataFrame(A.toarray(), index=names, columns=names)
    settings = {"max_epochs": 5, "dropout": 0.0, "random_state": 0}
    model = GCNNodeClassifier(graph=(table, edges), **settings).fit(names, y)
    assert model.feature_names_in_.tolist() == list(table.columns)
    shuffled = edges.sample(frac=1, random_state=0).sample(frac=1, axis=1, random_state=1)
    other = GCNNodeClassifier(graph=(table, shuffled), **settings).fit(names, y)
    np.testing.assert_array_equal(other.predict_proba(names), model.predict_proba(names))
    series = pd.Series(names, index=names)
    assert model.set_output(transform="pandas").transform(series).index.tolist() == names
    conv = GCNNodeClassifier(graph=(table, edges), conv="gat", **QUICK).fit(names, y)
    assert conv.attention_maps()[0][0].shape == (180, 180)


def test_weights_under_another_name_are_said_to_be_ignored():
    graphs = [nx.path_graph(n) for n in range(3, 11)]
    for graph in graphs:
        nx.set_edge_attributes(graph, {edge: sum(edge) for edge in graph.edges}, "distance")
    with pytest.warns(UserWarning, match="conv='gcn' ignores the 1 edge feature,"):
        GCNRegressor(conv="gcn", **QUICK).fit(graphs, np.arange(8))
    GCNRegressor(conv="gcn", edge_attributes=[], **QUICK).fit(graphs, np.arange(8))
    model = GCNRegressor(conv="gated", **QUICK).fit(graphs, np.arange(8))
    assert np.isfinite(model.predict([nx.empty_graph(2)])).all()
    weighted = [(np.ones((2, 1)), np.array([[0, w], [w, 1]])) for w in (0.5, 2.0, 3.0)]
    with pytest.warns(UserWarning, match="conv='gat' ignores the edge weights"):
        GCNRegressor(conv="gat", **QUICK).fit(weighted, np.arange(3))


@pytest.mark.parametrize("settings", [{"conv": "sage"}, {"conv": "gin"}])
def test_weights_that_cannot_average_are_named(settings):
    A = np.array([[0, 1.0, -1], [1, 0, 1], [-1, 1, 0]])
    with pytest.raises(ValueError, match="edge weights sum to 0: GCNNodeRegressor averages over neighbours"):
        GCNNodeRegressor(graph=(np.eye(3), A), **settings, **QUICK).fit([0, 1, 2], [0, 1, 2])


def test_a_graph_without_edges_is_fitted_alone():
    for conv in ("gcn", "gated"):
        model = GCNRegressor(conv=conv, **QUICK).fit([nx.empty_graph(2)], [1.0])
        assert np.isfinite(model.predict([nx.empty_graph(3)])).all()
    assert GCNNodeRegressor(graph=nx.empty_graph(2), **QUICK).fit([0, 1], [0.0, 1.0]).predict([1]).shape == (1,)


@pytest.mark.parametrize("name", ["predict", "predict_proba", "decision_function", "transform"])
def test_outputs_that_overflow_are_refused(name, motifs):
    graphs, y = motifs
    model = GCNClassifier(**QUICK).fit(graphs[:40], y[:40])
    (X, A), huge = graphs[0], np.float32(1e38)
    with pytest.raises(ValueError, match="the output for sample 1 is not finite"):
        getattr(model, name)([(X, A), (np.full_like(X, huge), A)])


def test_nothing_is_predicted_for_graphs_without_nodes(motifs):
    graphs, y = motifs
    empty = np.zeros((0, graphs[0][0].shape[1])), np.zeros((0, 0))
    for labels in (y[:40], np.array(["a", "b"])[y[:40]]):
        model = GCNClassifier(**QUICK).fit(graphs[:40], labels)
        assert pd.isna(model.predict([graphs[0], empty])).tolist() == [False, True]
        assert np.isnan(model.predict_proba([graphs[0], empty])).all(axis=1).tolist() == [False, True]


@pytest.mark.parametrize("column", ["graph", ["graph"]])
def test_a_column_of_graphs_in_a_table_has_names_for_what_it_becomes(motifs, column):
    graphs, y = motifs
    table = pd.DataFrame({"size": np.arange(30.0)})
    table["graph"] = pd.Series(graphs[:30], dtype=object)
    transformer = ColumnTransformer(
        [("network", GCNClassifier(hidden_layer_sizes=(5,), **QUICK), column), ("rest", "passthrough", ["size"])]
    )
    found = transformer.set_output(transform="pandas").fit_transform(table, y[:30])
    assert found.columns.tolist() == [f"network__gcnclassifier{i}" for i in range(5)] + ["rest__size"]
    assert transformer.get_feature_names_out().tolist() == found.columns.tolist()


def test_samples_without_a_prediction_are_named_by_the_score():
    pytest.importorskip("rdkit")
    X, y = ["CCO", "CCN", "nonsense(", "CCC"] * 3, np.array(["a", "b", "a", "b"] * 3)
    model = make_pipeline(
        MoleculeEncoder(invalid="empty"), GCNClassifier(max_epochs=1, learning_rate_schedule="cosine")
    )
    with pytest.raises(ValueError, match="3 of 12 samples have no prediction, such as sample 2"):
        model.fit(X, y).score(X, y)
    there = np.array([x != "nonsense(" for x in X])
    assert model.score(X, y, sample_weight=there.astype(float)) == model.score(np.array(X)[there], y[there])
    numbers = np.where(there, np.arange(12.0), np.nan)[:, None] * [1, 2]
    model = make_pipeline(MoleculeEncoder(invalid="empty"), GCNRegressor(max_epochs=1, learning_rate_schedule="cosine"))
    model.fit(X, numbers)
    assert model.score(X, numbers) == pytest.approx(model.score(np.array(X)[there], numbers[there]))


def test_unreadable_molecules_do_not_move_the_others():
    pytest.importorskip("rdkit")
    X, y = ["CCO", "CCN", "nonsense(", "CCC"] * 3, np.array([1.0, 2.0, 1000.0, 3.0] * 3)
    there = [i for i in range(12) if i % 4 != 2]
    settings = {"max_epochs": 3, "learning_rate_schedule": "cosine", "precision": "float64", "batch_size": None}
    graphs = MoleculeEncoder(invalid="empty").fit_transform(X)
    with_them = GCNRegressor(**settings, random_state=0).fit(graphs, y)
    without = GCNRegressor(**settings, random_state=0).fit(graphs[there], y[there])
    np.testing.assert_allclose(with_them.predict(graphs[there]), without.predict(graphs[there]), rtol=1e-9)


def test_graph_features_tell_what_the_graph_does_not():
    rng = np.random.default_rng(0)
    mass = rng.normal(1e4, 10, size=80)
    pairs = [(rng.normal(size=(4, 2)), np.ones((4, 4))) for _ in mass]
    graphs = GraphSet.from_list(pairs, graph_features=pd.DataFrame({"mass": mass, "same": 1.0}))
    settings = {"max_epochs": 60, "learning_rate_schedule": "cosine", "learning_rate": 1e-2, "random_state": 0}
    model = GCNRegressor(**settings).fit(graphs[:60], mass[:60])
    assert model.score(graphs[60:], mass[60:]) > 0.7
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict(graphs), model.predict(graphs))
    alone = np.concatenate([model.predict(graphs[[i]]) for i in range(5)])
    np.testing.assert_allclose(alone, model.predict(graphs)[:5], rtol=1e-6)
    with pytest.raises(ValueError, match="X has 0 graph features, but GCNRegressor is expecting 2 as input"):
        model.predict(graphs.with_graph_features(None))


def test_a_graph_of_weight_two_is_there_twice_also_in_the_scale_of_graph_features():
    rng = np.random.default_rng(0)
    pairs = [(rng.normal(size=(4, 2)), np.ones((4, 4))) for _ in range(6)]
    graphs = GraphSet.from_list(pairs, graph_features=rng.normal(size=(6, 2)))
    y = rng.normal(size=6)
    settings = {"batch_size": None, "precision": "float64", "max_epochs": 5, "random_state": 0}
    weighted = GCNRegressor(**settings).fit(graphs, y, sample_weight=[2, 1, 1, 1, 1, 1])
    twice = [0, 0, 1, 2, 3, 4, 5]
    repeated = GCNRegressor(**settings).fit(graphs[twice], y[twice])
    np.testing.assert_allclose(weighted.predict(graphs), repeated.predict(graphs), rtol=1e-8)


def test_what_auto_stands_for_is_told(blocks):
    (_, A), y = blocks
    graphs = [nx.path_graph(n) for n in range(3, 9)]
    resolved = GCNRegressor(random_state=0).fit(graphs, np.arange(6)).resolved_parameters_
    assert (resolved.conv, resolved.max_epochs, resolved.batch_size) == ("gin", 600, 32)  # an epoch is one step
    for n, dropout in ((99, 0.0), (100, 0.5)):
        whole = GraphSet.from_list(graphs, graph_features=np.ones((6, n)))
        assert GCNRegressor(**QUICK).fit(whole, np.arange(6)).resolved_parameters_.graph_dropout == dropout
    words = np.random.default_rng(0).poisson(0.2, size=(180, 30))
    model = GCNNodeClassifier(graph=(words, A), **QUICK).fit(np.arange(180), y)
    assert model.resolved_parameters_.conv == "gcn"
    assert model.resolved_parameters_.normalize_features == "l2"
    lengths = np.linalg.norm(model.reader_.graph_set.node_features, axis=1)
    np.testing.assert_allclose(lengths, words.any(axis=1), rtol=1e-6)
    shifted = GCNNodeClassifier(graph=(words - 1, A), **QUICK).fit(np.arange(180), y)
    assert shifted.resolved_parameters_.normalize_features is None
    np.testing.assert_array_equal(shifted.reader_.graph_set.node_features, words - 1)


def test_a_document_that_is_twice_as_long_is_the_same_document(blocks):
    (_, A), y = blocks
    rng = np.random.default_rng(0)
    words = rng.poisson(np.where(np.arange(60) % 3 == y[:, None], 0.3, 0.1))
    settings = {"max_epochs": 20, "random_state": 0}
    model = GCNNodeClassifier(graph=(words, A), **settings).fit(np.arange(0, 180, 6), y[::6])
    repeated = words * rng.integers(1, 20, size=(180, 1))
    other = GCNNodeClassifier(graph=(sp.csr_array(repeated), A), **settings).fit(np.arange(0, 180, 6), y[::6])
    np.testing.assert_allclose(other.predict_proba(np.arange(180)), model.predict_proba(np.arange(180)), atol=1e-5)
