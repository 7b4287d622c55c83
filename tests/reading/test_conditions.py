"""Conditions of samples."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_ann.reading import ConditionedReader
from sklearn_ann.reading.conditions import Conditions, as_labels, condition_columns
from sklearn_ann.training import Examples

VALUES = np.arange(12, dtype=np.float32).reshape(6, 2)
BATCH = np.array(["b", "a", "b", "b", "a", "b"])
FRAME = pd.DataFrame({"x": VALUES[:, 0], "batch": BATCH, "y": VALUES[:, 1]})
EVERY = torch.arange(6)


def fitted(X, y=None, conditions="y", weight=None, layer=None, check=len):
    reader = ConditionedReader(
        owner="Model", dtype=torch.float32, conditions=conditions, layer=layer, image_shape=None, check=check
    )
    samples = reader.finish(Examples(reader.learn(X, y), weight=weight)).samples
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


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (labels(["a"], ["c"]), r"sample 1 has the unknown condition 'c'; known are \['a', 'b'\]"),
        (labels(["a"], [None]), "sample 1 has a missing condition"),
        (labels(["a", "b"]), "2 conditions were given, those of the fit were 1"),
    ],
)
def test_conditions_that_the_fit_did_not_have_are_refused(asked, message):
    with pytest.raises(ValueError, match=message):
        Conditions(labels(["a"], ["b"]), None).one_hot(asked)


def test_quantities_and_cubes_are_no_conditions():
    with pytest.raises(ValueError, match=r"condition 0 has the value 0\.5: conditions are categories, not quantities"):
        Conditions(labels([1.0], [0.5]), None)
    with pytest.raises(ValueError, match=r"y must have the shape .* got \(1, 2, 3\)"):
        as_labels(np.ones((1, 2, 3)))
    with pytest.raises(ValueError, match=r"conditions=\[\] are no columns of X"):
        condition_columns(FRAME, [])


def test_conditions_come_from_y_from_columns_or_from_obs():
    _, expected = fitted(VALUES, BATCH)
    annotated = SimpleNamespace(X=VALUES * 0, layers={"raw": VALUES}, obs=FRAME[["batch"]])
    for _, samples in (
        fitted(FRAME, conditions="batch"),
        fitted(FRAME.to_numpy(), conditions=[1]),
        fitted(annotated, conditions=["batch"], layer="raw"),
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
    with pytest.raises(ValueError, match="y has 1 labels, but there are 2 samples"):
        reader.asked_for(["a"], 2)


@pytest.mark.parametrize(
    ("X", "y", "settings", "message"),
    [
        (VALUES, None, {}, "conditions='y' needs y"),
        (VALUES, BATCH[:3], {}, "inconsistent numbers of samples"),
        (FRAME, None, {"conditions": "group"}, "'group' is not a column of X"),
        (FRAME[["batch"]], None, {"conditions": "batch"}, "all columns of X: nothing is left to model"),
        (FRAME.assign(x=np.nan), None, {"conditions": "batch"}, "NaN"),
        (
            SimpleNamespace(X=VALUES, layers={}, obs=FRAME),
            None,
            {"layer": "raw"},
            r"layer='raw': X has the layers \[\]",
        ),
    ],
)
def test_bad_input(X, y, settings, message):
    with pytest.raises(ValueError, match=message):
        fitted(X, y, **settings)
