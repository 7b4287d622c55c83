"""Rows of numbers."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch

import sklearn_ann.reading.rows
import sklearn_ann.reading.scaling
from sklearn_ann.reading import RowReader, StandardizedRowReader
from sklearn_ann.reading.kinds import as_strings
from sklearn_ann.reading.rows import flattened

X = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
EVERY = torch.arange(5)


def reader(kind=RowReader, dtype=torch.float32, **settings):
    return kind(owner="Model", dtype=dtype, **settings)


def test_sparse_rows_and_images_are_the_dense_rows():
    expected = reader().learn(X)[EVERY]
    assert torch.equal(expected, torch.from_numpy(X))
    assert torch.equal(reader().learn(sp.csc_matrix(X))[EVERY], expected)
    images = reader(image_shape=(2, 2))
    assert torch.equal(images.learn(X.reshape(5, 2, 2))[EVERY], expected)
    assert torch.equal(images.read(X)[EVERY], expected)  # rows stay what they are


def test_an_array_of_the_right_type_is_not_copied():
    samples = reader().learn(X)
    assert samples.values.data_ptr() == X.ctypes.data
    assert reader(dtype=torch.float64).learn(X).values.dtype == torch.float64


def test_the_check_sees_samples_of_the_fit_and_later_ones():
    seen = []
    rows = reader(check=lambda samples: seen.append(len(samples)))
    rows.learn(X)
    rows.read(X[:2])
    assert seen == [5, 2]


def test_columns_are_standardised_with_the_moments_of_the_fit():
    rows = reader(StandardizedRowReader, torch.float64)
    rows.learn(X)
    later = X + 1
    expected = (later - X.astype(float).mean(axis=0)) / X.astype(float).std(axis=0)
    np.testing.assert_allclose(rows.read(later)[EVERY], expected)
    handed_out = rows.attributes["scaler_"]
    np.testing.assert_array_equal(handed_out.transform(later), rows.scaler.transform(later))
    handed_out.mean_ += 1  # of a copy
    np.testing.assert_allclose(rows.read(later)[EVERY], expected)


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (X.reshape(5, 4, 1), ValueError, r"images of shape \(4, 1\), but image_shape=\(2, 2\)"),
        (X[:, :3], ValueError, "X has 3 features, but Model is expecting 4"),
        (np.full((5, 4), np.nan), ValueError, "NaN"),
        (X[:0], ValueError, "0 sample"),
        ([["a"] * 4], ValueError, "could not convert string to float"),
    ],
)
def test_bad_input(bad, error, message):
    rows = reader(image_shape=(2, 2))
    rows.learn(X)
    with pytest.raises(error, match=message):
        rows.read(bad)


def test_without_an_image_shape_nothing_is_flattened():
    images = X.reshape(5, 2, 2)
    assert flattened(images, None) is images
    assert flattened(images, (2, 2)).shape == (5, 4)
    with pytest.raises(ValueError, match="dim 3"):
        reader().learn(images)


def test_an_entry_that_is_stored_in_parts_is_their_sum():
    parts = sp.csr_array((np.ones(4, dtype=np.float32), np.array([1, 1, 0, 2]), np.array([0, 3, 4])), shape=(2, 3))
    samples = reader().learn(parts)
    assert samples.values.tolist() == [1, 2, 1]
    assert parts.nnz == 4  # what was given stays as it was
    assert samples[torch.arange(2)].tolist() == [[1, 2, 0], [0, 0, 1]]


def test_quantiles_stand_behind_the_standardised_values():
    X = np.random.default_rng(0).exponential(size=(101, 3))
    both = StandardizedRowReader(owner="Model", dtype=torch.float64, quantiles=True)
    learned = both.learn(X).values.numpy()
    np.testing.assert_array_equal(learned[:, :3], reader(StandardizedRowReader, torch.float64).learn(X).values)
    np.testing.assert_array_equal(learned[:, 3:].argsort(axis=0), X.argsort(axis=0))
    np.testing.assert_allclose(np.median(learned[:, 3:], axis=0), 0, atol=1e-9)
    np.testing.assert_array_equal(both.read(X[:7]).values, learned[:7])


@pytest.mark.parametrize("kind", [RowReader, StandardizedRowReader])
def test_the_same_numbers_in_any_wrapping(kind, tmp_path):
    values = np.arange(20, dtype=np.float32).reshape(5, 4)
    expected = reader(kind).learn(values)[EVERY]
    np.save(tmp_path / "x.npy", values)
    frame = pd.DataFrame(values, columns=list("abcd"))
    wrapped = [values.astype(">f8"), np.asfortranarray(values), values[:, ::-1][:, ::-1], torch.from_numpy(values)]
    wrapped += [frame, frame.astype("Float64"), frame.astype("Int64"), frame.astype(object), values.tolist()]
    wrapped += [np.load(tmp_path / "x.npy", mmap_mode="r")]
    for X in wrapped:
        assert torch.equal(reader(kind).learn(X)[EVERY], expected)


def test_a_memory_map_is_not_copied(tmp_path):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert reader().learn(mapped).values.data_ptr() == mapped.ctypes.data


def test_a_frame_with_a_column_of_sequences_says_which():
    table = pd.DataFrame({"label": ["a", "b"], "promoter": ["ACGTACGTAC", "TTGCATGCAA"]})
    for columns in (["label", "promoter"], ["promoter", "label"]):
        with pytest.raises(ValueError, match=r"pass the column of sequences, X\['promoter'\]"):
            as_strings(table[columns])
    with pytest.raises(ValueError, match=r"from one column: pass the column of sequences, X\['promoter'\], or join"):
        reader().learn(table[["promoter", "label"]])


@pytest.mark.parametrize("kind", [RowReader, StandardizedRowReader])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "u",
            r"could not convert string to float: 'u' .X has the value 'u' in sample 2, column 'b'.. "
            "TabularClassifier, TabularRegressor and EntityEmbeddingTransformer read categories$",
        ),
        (
            "ACGTTGCA" * 4,
            "in sample 2, column 'b'.. Sequences are read from one column: join those of a sample",
        ),
        (np.nan, r"NaN(.|\n)*the value nan in sample 2, column 'b'"),
        (np.inf, r"infinity(.|\n)*the value inf in sample 2, column 'b'"),
        (None, "sample 2, column 'b'"),
        (1j, "sample 2, column 'b'"),
        (pd.Timestamp(0), "sample 2, column 'b'"),
    ],
)
def test_an_error_says_which_value(kind, value, message):
    table = pd.DataFrame(X, columns=list("abcd")).astype(object)
    table.loc[2, "b"] = value
    with pytest.raises((ValueError, TypeError), match=message):
        reader(kind).learn(table)


def test_names_and_sequences_of_a_file_are_no_table():
    """`sequences = read_fasta(path)` forgets that the function returns two lists."""
    with pytest.raises(ValueError, match=r"X is a tuple of 2 lists of strings: unpack the tuple"):
        reader().learn((["prom_0", "prom_1"], ["ACGT", "TTGA"]))


def test_a_column_of_dates_is_refused_by_its_name():
    for kind in (RowReader, StandardizedRowReader):
        with pytest.raises(ValueError, match="column 'day' is of datetime64"):
            reader(kind).learn(pd.DataFrame({"day": [pd.Timestamp(0)] * 5}))


def test_values_too_large_to_compute_with_are_named():
    with pytest.raises(
        ValueError, match=r"too large for dtype\('float32'\)(.|\n)*the value 1e\+39 in sample 0, column 1"
    ):
        reader().learn([[1.0, 1e39]])
    with pytest.raises(ValueError, match="column 1 of X has values too large to standardise"):
        reader(StandardizedRowReader).learn([[1.0, 1e300], [2.0, -1e300]])
    made = reader(StandardizedRowReader)
    made.learn(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(
            ValueError, match=r"sample 3 of X has the value 1e\+300 in column 1, .* standard deviations off"
        ):
            made.read(np.where(np.arange(20).reshape(5, 4) == 13, 1e300, X.astype(float)))


def test_drawn_rows_of_a_frame_have_values_of_its_types():
    frame = pd.DataFrame({"n": np.uint8([1, 2]), "f": [True, False], "x": np.float32([0.5, 1.5])})
    rows = reader()
    rows.learn(frame)
    far = np.float32([[-3.2, -0.8, -9.0], [300.0, 0.7, 2.25]])
    drawn = rows.table(far, drawn=True)
    pd.testing.assert_frame_equal(drawn, frame.assign(n=np.uint8([0, 255]), f=[False, True], x=far[:, 2]))
    pd.testing.assert_frame_equal(rows.table(far, drawn=False), pd.DataFrame(far, columns=list("nfx")))
    pl = pytest.importorskip("polars")
    frame = pl.from_pandas(frame)
    rows.learn(frame)
    drawn = rows.table(far, drawn=True)
    assert drawn.schema == frame.schema
    assert drawn.rows() == [(0, False, -9.0), (255, True, 2.25)]


def test_blocks_of_rows_are_scaled_like_all_of_them(monkeypatch):
    X = np.random.default_rng(0).normal(size=(50, 3))
    X[40, 1] = 1e40
    whole = StandardizedRowReader(owner="Owner", dtype=torch.float32, quantiles=True)
    expected = whole.learn(X[:40]).values
    with pytest.raises(ValueError, match=r"sample 40 of X has the value 1e\+40 in column 1"):
        whole.read(X)
    monkeypatch.setattr(sklearn_ann.reading.rows, "BLOCK", 7)
    monkeypatch.setattr(sklearn_ann.reading.scaling, "BLOCK", 3)
    assert torch.equal(whole.read(X[:40]).values, expected)
    with pytest.raises(ValueError, match=r"sample 40 of X has the value 1e\+40 in column 1"):
        whole.read(X)
