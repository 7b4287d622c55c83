"""Conditions of samples."""

import numpy as np
import pandas as pd
import pytest
import torch
from anndata import AnnData

from sklearn_ann.reading import ConditionedReader, RowReader, columns_of
from sklearn_ann.reading.columns import condition_positions
from sklearn_ann.reading.conditions import Conditions, as_found, as_labels
from sklearn_ann.training import Examples

VALUES = np.arange(12, dtype=np.float32).reshape(6, 2)
BATCH = np.array(["b", "a", "b", "b", "a", "b"])
FRAME = pd.DataFrame({"x": VALUES[:, 0], "batch": BATCH, "y": VALUES[:, 1]})
EVERY = torch.arange(6)


def annotated(obs=None, **layers):
    obs = pd.DataFrame({"batch": BATCH} if obs is None else obs)
    obs.index = [f"cell {i}" for i in range(6)]
    return AnnData(VALUES * 0, obs=obs, layers=layers)


def fitted(X, y=None, conditions="y", weight=None, layer=None, check=len):
    common = {"owner": "Model", "dtype": torch.float32}
    rows = RowReader(conditions=columns_of(conditions), layer=layer, check=check, **common)
    reader = ConditionedReader(conditions=conditions, rows=rows, **common)
    rows = None if weight is None else weight.nonzero()[:, 0]
    samples = reader.finish(Examples(reader.learn(X, y), rows, weight=weight)).samples
    reader.freeze()
    return reader, samples


def labels(*rows):
    return np.array(rows, dtype=object)


def test_one_hot_rows_join_the_categories_of_all_conditions():
    known = Conditions(labels(["b", 2], ["a", 1], ["b", 1]), None)
    assert [found.tolist() for found in known.categories] == [["a", "b"], [1, 2]]
    assert known.n_levels == 4
    assert known.one_hot(labels(["a", 2], ["b", 1])).tolist() == [[1, 0, 0, 1], [0, 1, 1, 0]]


def test_combinations_are_drawn_as_often_as_they_weigh():
    known = Conditions(labels(["a", 1], ["b", 2], ["a", 1], ["b", 1]), np.array([1.0, 5.0, 1.0, 1.0]))
    shares = dict(zip(map(tuple, known.combinations.tolist()), known.shares, strict=True))
    assert shares == {("a", 1): 0.25, ("b", 1): 0.125, ("b", 2): 0.625}
    drawn = known.draw(2000, np.random.RandomState(0)).tolist()
    assert {row: drawn.count(list(row)) / 2000 for row in shares} == pytest.approx(shares, abs=0.05)


def test_labels_are_given_back_in_their_types():
    assert as_found(labels([1], [2])).dtype == int
    assert as_found(labels(["a"], ["b"])).tolist() == ["a", "b"]
    assert as_found(labels([True], [False])).dtype == bool
    assert as_found(labels(["a", 1], ["b", 2])).tolist() == [["a", 1], ["b", 2]]
    assert as_found(labels([1], ["1"])).tolist() == [1, "1"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (labels(["a"], ["c"]), r"sample 1 has the unknown condition 'c': expected one of fit, \['a', 'b'\]"),
        (labels(["a"], [None]), "sample 1 has a missing condition"),
        (labels(["a", "b"]), "2 conditions were given, those of the fit were 1"),
    ],
)
def test_conditions_that_the_fit_did_not_have_are_refused(asked, message):
    with pytest.raises(ValueError, match=message):
        Conditions(labels(["a"], ["b"]), None).one_hot(asked)


def test_quantities_and_cubes_are_no_conditions():
    with pytest.raises(
        ValueError, match=r"condition 0 has the value 0\.5: expected categories, such as text or integers"
    ):
        Conditions(labels([1.0], [0.5]), None)
    with pytest.raises(ValueError, match=r"y must have the shape .* got \(1, 2, 3\)"):
        as_labels(np.ones((1, 2, 3)))
    with pytest.raises(ValueError, match="y is a masked array"):
        as_labels(np.ma.array([1, 2], mask=[True, False]))
    with pytest.raises(ValueError, match=r"conditions=\[\] are no columns of X"):
        condition_positions(FRAME, [])


def test_conditions_come_from_y_from_columns_or_from_obs():
    _, expected = fitted(VALUES, BATCH)
    for _, samples in (
        fitted(FRAME, conditions="batch"),
        fitted(FRAME.to_numpy(), conditions=[1]),
        fitted(annotated(counts=VALUES), conditions=["batch"], layer="counts"),
    ):
        assert torch.equal(samples[EVERY].x, expected[EVERY].x)
        assert torch.equal(samples[EVERY].conditions, expected[EVERY].conditions)
    assert expected[EVERY].conditions.argmax(dim=1).tolist() == [1, 0, 1, 1, 0, 1]


def test_without_conditions_there_are_no_columns_of_them():
    reader, samples = fitted(VALUES, BATCH, conditions=None)
    assert samples[EVERY].conditions.shape == (6, 0)
    assert reader.asked_for(None, 3) is None
    with pytest.raises(ValueError, match="y='a', but this Model was fitted without conditions"):
        reader.asked_for("a", 3)


def test_a_list_of_conditions_may_change_after_the_fit():
    conditions = ["batch"]
    reader, samples = fitted(FRAME, conditions=conditions)
    conditions.append("x")
    assert torch.equal(reader.read(FRAME)[EVERY].x, samples[EVERY].x)


def test_conditions_to_decode_under():
    reader, _ = fitted(VALUES, BATCH)
    assert reader.asked_for("a", 2).tolist() == reader.asked_for(("a",), 2).tolist() == [["a"], ["a"]]
    assert reader.asked_for(["a", "b"], 2).tolist() == [["a"], ["b"]]
    with pytest.raises(ValueError, match=r"y, a condition to decode under, is needed: expected any of \['a', 'b'\]"):
        reader.asked_for(None, 2)
    for few in ([], ["a"]):
        with pytest.raises(ValueError, match=f"y has {len(few)} labels, but there are 2 samples"):
            reader.asked_for(few, 2)


@pytest.mark.parametrize(
    ("X", "y", "settings", "message"),
    [
        (VALUES, None, {}, "conditions='y' needs y"),
        (VALUES, BATCH[:3], {}, "inconsistent numbers of samples"),
        (FRAME, None, {"conditions": "group"}, "'group' is not a column of X"),
        (FRAME[["batch"]], None, {"conditions": "batch"}, "all columns of X: expected one further column"),
        (FRAME.assign(x=np.nan), None, {"conditions": "batch"}, "NaN"),
        (
            annotated(),
            None,
            {"layer": "raw", "conditions": "batch"},
            r"layer='raw': X has the layers \[\].*to_adata",
        ),
    ],
)
def test_bad_input(X, y, settings, message):
    with pytest.raises(ValueError, match=message):
        fitted(X, y, **settings)


def test_conditions_are_found_again_by_their_names():
    frame = FRAME.assign(lane=[1, 2, 1, 2, 1, 2])
    obs = frame[["batch", "lane"]]
    for conditions in ([0], [True, False], "batch"):
        reader, samples = fitted(annotated(obs), conditions=conditions)
        assert torch.equal(reader.read(annotated(obs[["lane", "batch"]]))[EVERY].conditions, samples[EVERY].conditions)
    reader, samples = fitted(VALUES, obs)
    assert torch.equal(reader.read(VALUES, obs[["lane", "batch"]])[EVERY].conditions, samples[EVERY].conditions)
    assert reader.asked_for(obs[["lane", "batch"]], 6).tolist() == obs.to_numpy(dtype=object).tolist()
    with pytest.raises(ValueError, match=r"y has the columns \['lane', 'x'\], but the conditions of the fit were"):
        reader.read(VALUES, frame[["lane", "x"]])


def test_conditions_are_in_the_order_in_which_they_are_named():
    reader, _ = fitted(FRAME.assign(lane=1), conditions=["lane", "batch"])
    assert [known.tolist() for known in reader.known.categories] == [[1], ["a", "b"]]


def test_a_sample_without_weight_brings_no_condition():
    weight = torch.tensor([1.0, 1, 1, 1, 1, 0])
    for label in ("c", None):
        reader, samples = fitted(VALUES, [*BATCH[:5], label], weight=weight)
        assert reader.known.categories[0].tolist() == ["a", "b"]
        assert samples[EVERY].conditions.sum(dim=1).tolist() == [1, 1, 1, 1, 1, 0]
        assert reader.known.shares.tolist() == [0.4, 0.6]
    with pytest.raises(ValueError, match="sample 2 has a missing condition"):
        fitted(VALUES, ["a", "b", None, "a", "b", "a"], weight=1 - torch.eye(6)[1])


@pytest.mark.parametrize(
    ("X", "y", "conditions", "message"),
    [
        (FRAME, None, "auto", "conditions='auto': 'auto' is not a column of X"),
        (FRAME.assign(x="many"), None, "batch", "column 'x' of X has the value 'many' in sample 0"),
        (FRAME.assign(batch=[0.5] * 6), None, "batch", "condition 'batch' has the value 0.5"),
    ],
)
def test_what_is_no_condition_is_named(X, y, conditions, message):
    with pytest.raises(ValueError, match=message):
        fitted(X, y, conditions)


@pytest.mark.parametrize("values", [["a", "b"], [1, 2], [True, False], [b"a", b"b"], [[1, 2], [3, 4]], [["a"], ["b"]]])
def test_labels_are_found_in_the_type_of_numpy(values):
    expected = np.array(values).squeeze()
    found = as_found(as_labels(values))
    assert found.dtype == expected.dtype
    assert found.tolist() == expected.tolist()


def test_labels_of_several_types_keep_them():
    assert as_found(labels(["Ulm", 2001], ["Bonn", 2002])).tolist() == [["Ulm", 2001], ["Bonn", 2002]]
    assert as_found(labels([1], ["a"])).tolist() == [1, "a"]
    pairs = np.empty((2, 1), dtype=object)
    pairs[:, 0] = [(1, 2), (3,)]
    assert as_found(pairs).tolist() == [(1, 2), (3,)]


def test_no_labels_are_too_few():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fitted(VALUES, [])
