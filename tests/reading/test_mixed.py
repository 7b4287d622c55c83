"""Tables as rows of scores and one-hot blocks, and back."""

import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_ann.reading import MixedReader
from sklearn_ann.training import Examples

FRAME = pd.DataFrame(
    {
        "age": pd.array([31, 42, None, 31, 58, 42], dtype="Int64"),
        "weight": [60.5, np.nan, 71.25, 80.0, 55.5, 66.0],
        "sex": pd.Categorical(["f", "m", "f", None, "f", "m"], categories=["m", "f", "x"]),
        "smoker": [True, False, False, True, False, True],
        "site": ["Bonn", "Ulm", "Ulm", "Ulm", "Bonn", "Bonn"],
        "dose": np.float32([0.1, 0.2, 0.1, 0.3, 0.1, 0.4]),
    }
)


def fitted(X, weight=None, **options):
    reader = MixedReader(owner="Model", dtype=torch.float32, **options)
    rows = None if weight is None else torch.as_tensor(weight).nonzero()[:, 0]
    weight = None if weight is None else torch.as_tensor(weight, dtype=torch.float32)
    samples = reader.finish(Examples(reader.learn(X), rows, weight=weight)).samples
    reader.freeze()
    return reader, samples.values


def back(reader, x):
    return reader.table(x[:, : reader.fields.n_numbers].numpy(), reader.fields.codes(x).numpy())


@pytest.mark.parametrize("scaling", ["auto", "quantile", "modes", "standard"])
def test_a_frame_comes_back_with_its_names_types_and_missing_values(scaling):
    reader, x = fitted(FRAME, scaling=scaling)
    assert x.shape[1] == reader.fields.width
    table = back(reader, x)
    pd.testing.assert_series_equal(table.dtypes, FRAME.dtypes)
    numeric = ["age", "weight", "dose"]
    pd.testing.assert_frame_equal(table.drop(columns=numeric), FRAME.drop(columns=numeric))
    for name in numeric:
        assert table[name].isna().tolist() == FRAME[name].isna().tolist()
        np.testing.assert_allclose(
            table[name].dropna().astype(float), FRAME[name].dropna().astype(float), rtol=0.02, atol=0.5
        )


def test_blocks_tell_what_a_row_consists_of():
    reader, x = fitted(FRAME)
    fields = reader.fields
    assert fields.n_numbers == 3
    assert [(block.size, block.number, block.missing) for block in fields.blocks] == [
        (2, 0, 1),  # age, missing once
        (2, 1, 1),  # weight
        (3, None, 2),  # f, m, missing: no x in these rows
        (2, None, None),
        (2, None, None),
    ]
    assert fields.present(x).tolist()[2] == [0, 1, 1]
    assert x[2, 0] == 0
    assert (x[:, 3:].sum(dim=1) == len(fields.blocks)).all()


def test_polars_keeps_its_kind():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"n": [1, 2, None, 4], "s": ["a", None, "a", "b"], "x": [0.5, 1.5, 2.5, 3.5]})
    reader, x = fitted(frame)
    table = back(reader, x)
    assert table.schema == frame.schema
    assert table["s"].to_list() == frame["s"].to_list()


def test_arrays_keep_their_kind():
    reader, x = fitted(np.array([[0, 1], [2, 3], [4, 5]], dtype=np.int16))
    assert back(reader, x).dtype == np.int16
    reader, x = fitted([["a", 1.5], ["b", 2.5], ["a", 3.5]])
    assert back(reader, x)[:, 0].tolist() == ["a", "b", "a"]


@pytest.mark.parametrize("kind", ["frame", "array"])
@pytest.mark.parametrize("dtype", ["uint8", "UInt8", "boolean", "float16"])
def test_numbers_stay_in_the_range_of_their_type(kind, dtype):
    frame = pd.DataFrame({"x": pd.array([0, 1, 1, 0], dtype=dtype)})
    if kind == "array":
        frame = frame.to_numpy(dtype=dtype.lower().replace("boolean", "bool"))
    reader, x = fitted(frame, scaling="standard", categorical_features=None)
    far = back(reader, 1e6 * x)
    assert np.asarray(far, dtype=float).min() <= 0 < 1 <= np.asarray(far, dtype=float).max() < np.inf


def test_samples_without_weight_leave_no_trace():
    weight = [1, 1, 0, 0, 1, 1]
    reader, x = fitted(FRAME, weight)
    alone, y = fitted(FRAME[np.array(weight) == 1].reset_index(drop=True))
    assert reader.fields == alone.fields
    assert torch.equal(x[torch.tensor(weight) == 1], y)


def test_conditions_are_no_part_of_a_row():
    reader, x = fitted(FRAME, conditions=["site", "age"])
    assert back(reader, x).columns.tolist() == ["weight", "sex", "smoker", "dose"]
    with pytest.raises(ValueError, match="all columns of X"):
        fitted(FRAME[["site"]], conditions="site")


def test_later_rows_are_read_as_in_the_fit():
    reader, _ = fitted(FRAME)
    later = reader.read(FRAME.iloc[[1, 3]]).values
    assert later.shape == (2, reader.fields.width)
    one_by_one = torch.cat([reader.read(FRAME.iloc[[i]]).values for i in (1, 3)])
    assert torch.equal(later, one_by_one)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"site": "Jena"}, "sample 0 of X has the unknown category 'Jena' in column 'site'; known are"),
        ({"site": None}, "sample 0 of X has no value in column 'site'"),
        ({"dose": np.nan}, "sample 0 of X has no value in column 'dose', in which no value was missing in fit"),
        ({"dose": np.inf}, "column 'dose' of X has infinity, in sample 0"),
    ],
)
def test_what_did_not_occur_in_the_fit_is_refused(change, message):
    reader, _ = fitted(FRAME)
    with pytest.raises(ValueError, match=message):
        reader.read(FRAME.assign(**change).iloc[:1])


def test_missing_numbers_need_a_frame():
    with pytest.raises(ValueError, match="contains NaN, in sample 1, column 0"):
        fitted(np.array([[1.0], [np.nan]]))


def test_a_column_without_values_stays_empty():
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0], "none": [np.nan] * 3})
    reader, x = fitted(frame)
    assert back(reader, x)["none"].isna().all()
    with pytest.raises(ValueError, match="sample 1 of X has the value 4 in column 'none', in which all values"):
        reader.read(frame.assign(none=[np.nan, 4.0, np.nan]))


@pytest.mark.parametrize("scaling", ["modes", "standard"])
def test_numbers_far_from_all_others_stay_within_their_type(scaling):
    frame = FRAME[["sex"]].assign(n=np.uint8([0, 1, 255, 0, 1, 255]), f=[True, False, True, True, False, True])
    reader, x = fitted(frame, scaling=scaling, categorical_features=["sex"])
    for far in (-100.0, 100.0):
        table = reader.table(np.full((6, 2), far), reader.fields.codes(x).numpy())
        pd.testing.assert_series_equal(table.dtypes, frame.dtypes)
        assert table["f"].eq(far > 0).all()
        if scaling == "standard":
            assert table["n"].eq(255 if far > 0 else 0).all()
    X = np.int8([[-100, 0], [100, 1], [0, 2]])
    reader, _ = fitted(X, scaling="standard")
    assert reader.table(np.full((1, 2), 9.0), np.empty((1, 0), dtype=int)).tolist() == [[127, 8]]


def test_the_reader_tells_which_columns_are_categorical():
    assert fitted(FRAME)[0].attributes["categorical_features_"] == ["sex", "smoker", "site"]
