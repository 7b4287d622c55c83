"""Columns of a table."""

import collections
import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch

from sklearn_ann.reading.columns import (
    _kind,
    all_unknown,
    as_kind,
    as_table,
    categorical_positions,
    check_rows,
    chosen_positions,
    column,
    each_row_its_own,
    encode,
    find_categories,
    first_unreadable,
    is_missing,
    numbers,
    readable,
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


@pytest.mark.parametrize("X", [["AC", ""], [b"AC"], np.array(["AC"]), np.array(["AC"], dtype=object)])
def test_strings_are_no_rows(X):
    with pytest.raises(ValueError, match=r"X holds strings such as .*'AC'.*, but numbers were expected"):
        check_rows(X)


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


# --- What a column is ------------------------------------------------------------------------------------------------

NUMBERS = {
    "floats and None": [1.5, 2.0, None],
    "floats and NaN": [1.5, 2.0, float("nan")],
    "floats and NA": [1.5, 2.0, pd.NA],
    "Decimal": [Decimal("1.5"), Decimal(2), None],
    "Fraction": [Fraction(3, 2), 2, None],
    "NumPy scalars": [np.float32(1.5), np.int8(2), None],
    "Float64": pd.array([1.5, 2.0, None], dtype="Float64"),
    "big-endian": np.array([1.5, 2.0, np.nan], dtype=">f8"),
    "sparse": pd.arrays.SparseArray([1.5, 2.0, np.nan]),
}


@pytest.mark.parametrize("values", NUMBERS.values(), ids=NUMBERS)
def test_numbers_in_any_wrapping_are_numbers(values):
    frame = pd.DataFrame({"x": pd.Series(values, dtype=object if isinstance(values, list) else None)})
    objects = np.array(list(values), dtype=object)[:, None]
    for table in (frame, as_table(objects), as_table(objects.tolist())):
        assert categorical_positions(table, "auto") == []
        np.testing.assert_array_equal(numbers(table, [0], missing=True), [[1.5], [2], [np.nan]])
    with pytest.raises(ValueError, match="column 'x' of X has NaN, a missing number, in sample 2"):
        numbers(frame, [0])


@pytest.mark.parametrize("dtype", ["str", "string", "object", "category"])
def test_text_of_any_type_is_categories(dtype):
    frame = pd.DataFrame({"x": pd.Series(["1.5", "2", None], dtype=dtype), "y": [1, 2, 3]})
    assert categorical_positions(frame, "auto") == [0]
    assert encode(column(frame, 0), find_categories(column(frame, 0), "x"), "x").tolist() == [0, 1, 2]


@pytest.mark.parametrize("dtype", ["boolean", "bool", "object"])
def test_truth_is_a_category(dtype):
    assert categorical_positions(pd.DataFrame({"x": pd.Series([True, False, True], dtype=dtype)}), "auto") == [0]


def test_dtypes_of_libraries_that_are_not_installed_are_known_by_name():
    kinds = {
        "category": ["large_string[pyarrow]", "dictionary<values=string, indices=int32, ordered=0>[pyarrow]",
                     "bool[pyarrow]", "String", "Categorical", "Enum(categories=['a'])", "Boolean", "interval[int64]"],
        "number": ["double[pyarrow]", "int64[pyarrow]", "uint8[pyarrow]", "decimal128(5, 2)[pyarrow]", "Int32", "UInt8",
                   "Float64", "Decimal(precision=6, scale=2)", "halffloat[pyarrow]"],
        "time": ["timestamp[ns][pyarrow]", "date32[day][pyarrow]", "duration[ns][pyarrow]", "Date", "period[D]",
                 "Datetime(time_unit='us', time_zone=None)", "Time", "datetime64[ns, UTC]"],
        "object": ["object", "Object", "Null"],
    }  # fmt: skip
    for kind, names in kinds.items():
        assert {name: _kind(name, "x") for name in names} == dict.fromkeys(names, kind)


def test_one_odd_entry_does_not_turn_numbers_into_categories():
    values = np.array([0.5, *range(18), "n/a"], dtype=object)[:, None]
    assert categorical_positions(values, "auto") == []
    with pytest.raises(
        ValueError, match=r"column 0 of X has the value 'n/a' in sample 19, .* by NaN .* or name the col"
    ):
        numbers(values, [0], missing=True)
    assert categorical_positions(np.array([[1], ["one"], [2], ["two"]], dtype=object), "auto") == [0]
    assert categorical_positions(np.array([[None], [None]], dtype=object), "auto") == [0]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([1j, 2]), "column 'x' is of complex128: Complex data not supported"),
        (pd.Series([1j, 2], dtype=object), "column 'x' of X has the value 1j in sample 0"),
        (pd.to_timedelta([1, 2]), "column 'x' is of timedelta64"),
        (pd.period_range("2020", periods=2, freq="D"), "column 'x' is of period"),
        ([1.0, -np.inf], "column 'x' of X has infinity, in sample 1"),
    ],
)
def test_what_is_no_number_is_named(values, message):
    frame = pd.DataFrame({"x": values})
    with pytest.raises(ValueError, match=message):
        numbers(frame, [position for position in [0] if position not in categorical_positions(frame, "auto")])


def test_chosen_columns_keep_their_order():
    assert chosen_positions(FRAME, ["name", "city"], "chosen") == [4, 1]
    with pytest.raises(ValueError, match="chosen='auto': 'auto' is not a column of X"):
        chosen_positions(FRAME, "auto", "chosen")
    for values in (FRAME["city"], FRAME[["city"]], np.ones((3, 2))):
        with pytest.raises(ValueError, match=r"chosen is a .*: expected a list of names or positions of columns"):
            chosen_positions(FRAME, values, "chosen")
    with pytest.raises(ValueError, match="99 is not a column of X"):
        chosen_positions(FRAME, [99] * 100, "chosen")


# --- What is read at all ---------------------------------------------------------------------------------------------

Row = collections.namedtuple("Row", "a b")


class Endless:
    """What NumPy would look at for minutes."""

    def __len__(self):
        return 10**9

    def __getitem__(self, index):
        return self


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ({"a": [1], "b": [2]}, TypeError, r"X is a dict, .*: pandas.DataFrame\(X\) keeps its names"),
        ([{"a": 1}], TypeError, "X is a list of dicts: pandas.DataFrame"),
        ({1, 2}, TypeError, "X is a set, expected an array"),
        ("text", TypeError, "X is a str, expected an array"),
        (iter([1]), TypeError, "X is a list_iterator"),
        (Endless(), TypeError, "X is a Endless"),
        ([[1, None], [2]], ValueError, "sample 1 of X has 1 values, but sample 0 has 2"),
        (np.array([(1, 2)], dtype=[("a", int), ("b", int)]), ValueError, "structured array, whose names would be lost"),
        (
            np.ma.masked_equal([[1, 2]], 2),
            ValueError,
            r"X is a masked array, whose mask would be lost: .filled\(np.nan\)",
        ),
        (np.array([["2020-01-01"]], dtype="datetime64[D]"), ValueError, "X is of datetime64"),
        (np.array([[1j]]), ValueError, "X is of complex128: Complex data not supported"),
        (FRAME[["city", "city"]], ValueError, "more than one column 'city': columns are matched by name"),
    ],
)
def test_what_would_be_misread_is_refused(X, error, message):
    for read in (readable, as_table):
        with pytest.raises(error, match=message):
            read(X)


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_containers_that_scikit_learn_refuses():
    with pytest.raises(TypeError, match=r"np.matrix is not supported"):
        as_table(np.matrix([[1, 2]]))
    for cube in (np.ones((2, 2, 2)), [[[1, None]], [[2, 3]]]):
        with pytest.raises(ValueError, match="dim 3"):
            as_table(cube)


def test_containers_that_are_read():
    values = [[1.0, 2.0], [3.0, 4.0]]
    for X in (
        torch.tensor(values, requires_grad=True),
        [Row(*row) for row in values],
        np.ma.array(values),
        np.array(values),
    ):
        assert as_table(X).tolist() == values
    assert readable(FRAME) is FRAME


def test_the_wrong_value_of_a_table_is_found():
    most = float(np.finfo(np.float32).max)
    assert first_unreadable([[1.0, 2.0], [3.0, "x"]], most) == ("x", 1, 1)
    assert first_unreadable(FRAME[["count", "size"]], most)[1:] == (1, 1)
    assert first_unreadable(sp.csr_array([[0, 1e39], [1, 0]]), most) == (1e39, 0, 1)
    assert first_unreadable(np.ones((2, 2)), most) is first_unreadable([1.0, "x"], most) is None
    with pytest.raises(ValueError, match="column 'day' is of datetime64"):
        check_rows(FRAME.assign(day=pd.Timestamp(0)))
    with pytest.raises(ValueError, match="Expected 2D array, got 2 objects, the first a list"):
        check_rows(pd.Series([[1], [2]]))


# --- What makes no sense ---------------------------------------------------------------------------------------------


def test_nearly_a_category_for_each_row():
    assert each_row_its_own(np.ones(20))
    assert each_row_its_own(np.r_[np.ones(18), 2, 0])
    assert not each_row_its_own(np.full(10, 2))
    assert not each_row_its_own(np.ones(9))


def test_columns_of_unknown_values_alone():
    known = np.array([1, 2], dtype=object)

    def told(*values):
        met = np.array(values, dtype=object)
        return all_unknown(encode(met, known, "x"), met, known)

    assert told("1", "2") == "'1' (str) where fit had 1 (int)"
    assert told("1") is not None
    assert told(3, 4) == "3 (int) where fit had 1 (int)"
    assert told(3) is told("1", 2) is told(None, None) is told(1.0, 7) is None


def test_numbers_too_large_for_a_float_are_named():
    with pytest.raises(ValueError, match="column 1 of X has a number in sample 1 that is too large"):
        numbers(np.array([[1, 2], [3, 10**400]], dtype=object), [0, 1])


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (np.dtype("uint8"), [0, 1, 255, 0]),
        (pd.Int8Dtype(), [-1, 1, 127, -128]),
        (pd.SparseDtype("int16"), [-1, 1, 32767, -32768]),
        (np.dtype("int64"), [-1, 1, 2**63 - 1024, -(2**63)]),  # the floats that are next to its limits
        (np.dtype(bool), [0, 1, 1, 0]),
        (pd.BooleanDtype(), [0, 1, 1, 0]),
        (np.dtype("float16"), [-0.7, 0.8, 65504.0, -65504.0]),
        (np.dtype("float64"), [-0.7, 0.8, 1e300, -1e300]),
        (np.dtype(object), [-0.7, 0.8, 1e300, -1e300]),
    ],
)
def test_numbers_are_kept_within_their_type(dtype, expected):
    found = as_kind(np.array([-0.7, 0.8, 1e300, -1e300]), dtype)
    assert found.tolist() == expected
    assert np.isnan(as_kind(np.array([np.nan]), dtype)).all()


@pytest.mark.parametrize(
    "value",
    [datetime.date(2020, 1, 2), datetime.time(3), np.timedelta64(1, "D"), pd.Period("2020", "M"), pd.Timestamp(0)],
)
def test_objects_that_are_times_are_refused_as_columns_of_times_are(value):
    table = pd.DataFrame({"when": pd.Series([value, None] * 5, dtype=object)})
    with pytest.raises(ValueError, match=rf"column 'when' is of {type(value).__name__}: expected numbers or categor"):
        categorical_positions(table, "auto")
    assert categorical_positions(table.astype("category"), "auto") == [0]  # which says that it is one


def test_complex_objects_keep_no_real_part():
    for value in (np.complex128(1 + 1j), 1 + 1j):
        table = pd.DataFrame({"z": pd.Series([value, 0.5], dtype=object)})
        with pytest.raises(ValueError, match=r"column 'z' of X has the value .*1\+1j.* in sample 0"):
            numbers(table, [0])
