"""Columns of a table."""

import datetime

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from sklearn_ann.reading.columns import (
    as_table,
    categorical_positions,
    column,
    encode,
    find_categories,
    is_missing,
    numbers,
)

FRAME = pd.DataFrame(
    {
        "size": [1.5, np.nan, 0.5],
        "city": pd.Categorical(["b", "a", "b"]),
        "count": [3, 1, 2],
        "open": [True, False, True],
        "name": ["x", None, "y"],
    }
)


def test_categorical_columns_are_found_by_type():
    assert categorical_positions(FRAME, "auto") == [1, 3, 4]
    assert categorical_positions(FRAME.to_numpy(dtype=object), "auto") == [1, 3, 4]
    assert categorical_positions(np.ones((2, 3)), "auto") == []
    assert categorical_positions(np.array([["a", "1"]]), "auto") == [0, 1]


@pytest.mark.parametrize(
    "columns", [["city", "name"], [4, 1], [-1, 1, 1], np.array([1, 4]), [False, True, False, False, True]]
)
def test_columns_are_chosen_by_name_position_or_bool(columns):
    assert categorical_positions(FRAME, columns) == [1, 4]
    assert categorical_positions(FRAME, "city") == [1]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["town"], r"chosen=\['town'\]: 'town' is not a column of X"),
        ([5], r"chosen=\[5\]: 5 is not a column of X; expected .* positions from 0 to 4"),
        ([0.5], "0.5 is not a column of X"),
        ([True], "chosen has 1 bools, but X has 5 columns"),
    ],
)
def test_columns_that_are_not_there_are_named(columns, message):
    with pytest.raises(ValueError, match=message):
        categorical_positions(FRAME, columns, "chosen")


def test_tables_of_lists_keep_the_type_of_each_value():
    assert as_table([["a", 1], ["b", 2.5]]).tolist() == [["a", 1], ["b", 2.5]]
    assert as_table(FRAME) is FRAME
    assert as_table([[1, 2], [3, 4]]).dtype.kind == "i"
    assert column(FRAME, 2).tolist() == column(FRAME.to_numpy(dtype=object), 2).tolist() == [3, 1, 2]


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (FRAME[:0], ValueError, r"0 sample\(s\)"),
        (FRAME[[]], ValueError, r"0 feature\(s\)"),
        ([1.0, 2.0], ValueError, "Expected 2D array"),
        (sp.eye_array(3).tocsr(), TypeError, "[Ss]parse"),
    ],
)
def test_anything_but_a_table_is_refused(X, error, message):
    with pytest.raises(error, match=message):
        as_table(X)


def test_categories_are_distinct_sorted_and_not_missing():
    values = np.array(["b", None, "a", float("nan"), "b", pd.NA, pd.NaT], dtype=object)
    known = find_categories(values, "column 0")
    assert known.tolist() == ["a", "b"]
    assert encode(values, known, "column 0").tolist() == [1, 2, 0, 2, 1, 2, 2]
    assert encode(np.array(["c", "a"], dtype=object), known, "column 0").tolist() == [3, 0]
    unordered = np.array([2, "b", 1, "a", datetime.date(2020, 1, 1)], dtype=object)
    assert find_categories(unordered, "column 0").tolist() == [datetime.date(2020, 1, 1), 1, 2, "a", "b"]
    assert [is_missing(value) for value in (0, "", False, float("inf"))] == [False] * 4


def test_values_that_cannot_be_categories_are_refused():
    values = np.empty(2, dtype=object)
    values[:] = [["a"], "b"]
    for call in (find_categories, lambda values, name: encode(values, np.array(["b"], dtype=object), name)):
        with pytest.raises(TypeError, match="column 'tags' has a value that cannot be a category"):
            call(values, "column 'tags'")


def test_numbers_may_be_missing_only_where_that_is_allowed():
    np.testing.assert_array_equal(numbers(FRAME, [2, 0], missing=True), [[3, 1.5], [1, np.nan], [2, 0.5]])
    with pytest.raises(ValueError, match="NaN"):
        numbers(FRAME, [0])
    with pytest.raises(ValueError, match="infinity"):
        numbers(FRAME.assign(size=np.inf), [0], missing=True)
    with pytest.raises(ValueError, match="column 'day' is of datetime64"):
        numbers(FRAME.assign(day=pd.Timestamp(0)), [5])
    assert numbers(FRAME, []).shape == (3, 0)
