"""Features with names are read by name: attributes of networkx nodes and edges, and columns of tables."""

from decimal import Decimal

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from sklearn_ann import GCNClassifier, GCNRegressor, GraphSet
from sklearn_ann.reading.graphs.attributes import Attributes, Named, as_named, learn_attributes

QUICK = {"max_epochs": 2, "learning_rate_schedule": "cosine", "random_state": 0}


def molecule(atoms, bond="single"):
    graph = nx.path_graph(len(atoms))
    nx.set_node_attributes(graph, dict(enumerate(atoms)), "atom")
    nx.set_edge_attributes(graph, bond, "bond")
    return graph


def test_text_becomes_one_column_per_category():
    graphs = GraphSet.from_list([molecule("CO"), molecule("NCC", "double")])
    assert graphs.node_feature_names == ["atom_C", "atom_N", "atom_O"]
    assert graphs.edge_feature_names == ["bond_double", "bond_single"]
    np.testing.assert_array_equal(graphs.node_features.argmax(axis=1), [0, 2, 1, 0, 0])
    np.testing.assert_array_equal(graphs[1].E, [[1, 0]] * 4)


def test_categories_are_those_of_fit():
    graphs = [molecule("CO", bond) for bond in ("single", "double")] * 4
    model = GCNClassifier(conv="gated", **QUICK).fit(graphs, [0, 1] * 4)
    assert model.feature_names_in_.tolist() == ["atom_C", "atom_O"]
    assert model.node_features_ == "attributes"
    alone = model.predict_proba([molecule("OO")])
    np.testing.assert_allclose(alone, model.predict_proba([molecule("OO"), molecule("CO")])[:1], rtol=1e-6)
    with pytest.warns(UserWarning, match="fit has not seen count as zeros: atom='N'"):
        model.predict([molecule("CN")])


def test_sets_with_other_categories_are_put_in_order_by_name():
    model = GCNClassifier(edge_attributes=[], **QUICK).fit([molecule("CON"), molecule("OO")] * 4, [0, 1] * 4)
    expected = model.predict_proba([molecule("NO")])
    own = GraphSet.from_list([molecule("NO")], edge_attributes=[])
    np.testing.assert_allclose(model.predict_proba(own), expected, rtol=1e-6)
    with pytest.warns(UserWarning, match="count as zeros: atom_S"):
        model.predict(GraphSet.from_list([molecule("NS")], edge_attributes=[]))
    other = nx.relabel_nodes(molecule("NO"), {})
    nx.set_node_attributes(other, 1.0, "size")
    with pytest.raises(ValueError, match="size on one side only"):
        model.predict(GraphSet.from_list([other], edge_attributes=[]))
    with pytest.raises(ValueError, match="graph 0: the node attribute 'size' is there, but not in"):
        model.predict([other])


def test_the_attributes_to_read_can_be_chosen():
    graph = molecule("CO")
    nx.set_node_attributes(graph, {0: 5, 1: 7}, "label")
    chosen = GraphSet.from_list([graph], node_attributes=["label"], edge_attributes=[])
    assert (chosen.node_feature_names, chosen.edge_features) == (["label"], None)
    model = GCNRegressor(node_attributes=["atom"], edge_attributes=[], **QUICK).fit([graph] * 4, np.arange(4))
    assert model.feature_names_in_.tolist() == ["atom_C", "atom_O"]
    model.predict([molecule("CO")])  # which has no label
    with pytest.raises(ValueError, match="node_attributes has 'charge', but the attributes of nodes are"):
        GraphSet.from_list([graph], node_attributes=["charge"])
    with pytest.raises(ValueError, match=r"the node features of a tuple \(X, A\) have no names"):
        GraphSet.from_list([(np.eye(2), np.eye(2))], node_attributes=["x"])
    with pytest.raises(ValueError, match="comes too late for a GraphSet"):
        GCNRegressor(node_attributes=["label"], **QUICK).fit(chosen[[0, 0]], [0, 1])
    with pytest.raises(TypeError, match="must be a list of names or None, got 'label'"):
        GraphSet.from_list([graph], node_attributes="label")


def test_columns_of_tables_are_read_by_name():
    rng = np.random.default_rng(0)
    A = np.ones((4, 4)) - np.eye(4)
    tables = [pd.DataFrame(rng.normal(size=(4, 2)), columns=["a", "b"]) for _ in range(8)]
    y = np.arange(8.0)
    model = GCNRegressor(**QUICK).fit([(table, A) for table in tables], y)
    assert model.feature_names_in_.tolist() == ["a", "b"]
    expected = model.predict([(table, A) for table in tables])
    np.testing.assert_array_equal(model.predict([(table[["b", "a"]], A) for table in tables]), expected)
    mixed = [(table[["b", "a"]] if i % 2 else table, A) for i, table in enumerate(tables)]
    np.testing.assert_array_equal(GCNRegressor(**QUICK).fit(mixed, y).predict(mixed), expected)
    with pytest.raises(ValueError, match="graph 1: the node attribute 'b' is missing"):
        model.predict([(tables[0], A), (tables[1].rename(columns={"b": "c"}), A)])
    with pytest.raises(ValueError, match="the column 'a' of the node features occurs twice"):
        GraphSet.from_list([(tables[0].set_axis(["a", "a"], axis=1), A)])
    with pytest.raises(ValueError, match="node features of graph 1 have no names"):
        GraphSet.from_list([(tables[0], A), (tables[1].to_numpy(), A)])
    with pytest.warns(UserWarning, match="X has no node feature names, but GCNRegressor was fitted with"):
        model.predict([(tables[0].to_numpy(), A)])


def test_kinds_of_columns():
    table = pd.DataFrame(
        {
            "number": [Decimal("1.5"), 2],
            "flag": [True, False],
            "kind": pd.Categorical([3, 1]),
            "text": pd.array(["u", "v"], dtype="string"),
        }
    )
    named = as_named(table, "node")
    attributes = learn_attributes("node", [named], None, prefer_x=False)
    assert attributes.names == ["number", "flag", "kind_1", "kind_3", "text_u", "text_v"]
    assert attributes.n_columns == 6
    np.testing.assert_array_equal(attributes.encode(named, set()), [[1.5, 1, 0, 1, 1, 0], [2, 0, 1, 0, 0, 1]])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["C", 3], "node 1 has 3 as 'a', which is a text elsewhere"),
        (["C", None], "node 1 has None as 'a', which is a text elsewhere"),
        ([1.0, [1.0, 2.0]], "node 1 has 2 numbers as 'a', but node 0 or fit has 1"),
        ([1.0, {}], "node 1 has {} as 'a': neither a number nor an array"),
        ([1.0, 2j], "node 0 has 1.0|node 1 has 2j as 'a': neither"),
        ([1.0, np.datetime64("2026-01-01")], "node 1 has .* as 'a': neither"),
    ],
)
def test_values_that_do_not_fit_are_named(values, message):
    named = Named({"a": values}, ["node 0", "node 1"])
    with pytest.raises(ValueError, match=message):
        learn_attributes("node", [named], None, prefer_x=False).encode(named, set())


def test_an_identifier_is_told_from_a_category():
    named = Named({"id": [f"gene{i}" for i in range(30)]}, range(30))
    with pytest.warns(UserWarning, match="'id' has 30 categories among 30 values: is it an identifier"):
        learn_attributes("node", [named], None, prefer_x=True)


def test_numbers_that_were_texts_are_refused():
    learned = Attributes("node", {"a": 1}, True)
    with pytest.raises(ValueError, match=r"'a' has the categories .* but in fit it had 1 numbers"):
        learned.aligned(np.ones((2, 2)), Attributes("node", {"a": ("u", "v")}, True))


def test_numbered_columns_have_no_names():
    frame = pd.DataFrame([[1.0, 2], [3, 4]])
    assert GraphSet.from_list([(frame, np.eye(2))]).node_feature_names is None
    assert GraphSet.from_list([(frame, np.eye(2)), (frame.to_numpy(), np.eye(2))]).node_features.shape == (4, 2)
    with pytest.raises(ValueError, match="node features of graph 0 have no names"):
        GraphSet.from_list([(frame, np.eye(2)), (frame[[1, 0]], np.eye(2))])
