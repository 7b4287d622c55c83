"""Targets of any container are plain arrays."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_ann import TabularClassifier
from sklearn_ann.base import ClassTargets, NumberTargets
from sklearn_ann.base.entries import plain_targets

COMMON = {"owner": "Model", "dtype": torch.float64}
WHOLE = [3, 2**60 + 1, -1]


@pytest.mark.parametrize(
    "y", [np.array(WHOLE, dtype=object), pd.Series(WHOLE, dtype="Int64"), pd.Series(WHOLE, dtype="int64[pyarrow]")]
)
def test_whole_numbers_stay_whole_whatever_holds_them(y):
    targets = ClassTargets(**COMMON)
    targets.learn(y, None)
    assert targets.classes.tolist() == sorted(WHOLE)
    assert targets.classes.dtype == np.int64


@pytest.mark.parametrize("kind", ["boolean", "bool[pyarrow]", object])
def test_bools_stay_bools(kind):
    targets = ClassTargets(**COMMON)
    targets.learn(pd.Series([True, False, True]).astype(kind), None)
    assert targets.classes.dtype == bool


def test_decimals_and_fractions_are_numbers():
    for y in ([Decimal("0.5"), 2], [Fraction(1, 2), 2.0], pd.Series([Decimal("0.5"), Decimal(2)])):
        np.testing.assert_array_equal(plain_targets(y), [0.5, 2.0])


def test_frames_of_nullable_columns_are_matrices_with_nan():
    frame = pd.DataFrame({"a": [0, 1, None, 1], "b": [1, 1, 0, None]}, dtype="Int64")
    expected = np.array([[0, 1], [1, 1], [np.nan, 0], [1, np.nan]])
    np.testing.assert_array_equal(plain_targets(frame), expected)
    for make in (ClassTargets, NumberTargets):
        found, known = make(**COMMON), make(**COMMON)
        left, right = found.learn(frame, None), known.learn(expected, None)
        torch.testing.assert_close(left, right, rtol=0, atol=0, equal_nan=True)
    whole = pd.DataFrame({"a": [0, 1, 1], "b": [1, 0, 1]}, dtype="Int64")
    assert ClassTargets(**COMMON).learn(whole, None).tolist() == [[0, 1], [1, 0], [1, 1]]


def test_several_labels_in_tuples_are_scored_as_in_an_array():
    X, y = np.eye(4, dtype=np.float32), np.array([[1, 0], [0, 1], [1, 1], [0, 0]])
    model = TabularClassifier(max_epochs=2, early_stopping=False, random_state=0).fit(X, y)
    assert model.score(X, tuple(map(tuple, y.tolist()))) == model.score(X, y)


def test_messages_name_types_shapes_and_samples():
    with pytest.raises(TypeError, match=r"types bytes: expected text, .* text by .decode\(\)"):
        ClassTargets(**COMMON).learn(np.array([b"a", b"b"]), None)
    with pytest.raises(TypeError, match=r"types int, str: expected text, whole numbers or bools"):
        ClassTargets(**COMMON).learn(np.array([1, "a"], dtype=object), None)
    with pytest.raises(ValueError, match="y of sample 1 has 2 targets, and that of sample 0 has 1"):
        NumberTargets(**COMMON).learn([[1.0], [1.0, 2.0]], None)
    with pytest.raises(ValueError, match=r"infinity .*the target of sample 2 is infinite"):
        NumberTargets(**COMMON).learn(np.array([1.0, 2.0, np.inf]), None)
