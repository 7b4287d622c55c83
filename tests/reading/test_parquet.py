"""Data sets of pyarrow."""

import sys

import numpy as np
import pandas as pd
import pytest

from sklearn_ann import Chunks
from sklearn_ann.reading.chunks import stream_of
from sklearn_ann.reading.parquet import TableStream, is_dataset, opened

TABLE = pd.DataFrame({"number": np.arange(50.0), "letter": list("abcde") * 10, "label": np.arange(50) % 2})


def test_pyarrow_is_asked_for_where_it_is_absent(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match="reads parquet by pyarrow: pip install pyarrow pandas"):
        opened(tmp_path)
    assert not is_dataset(TABLE)


@pytest.fixture
def folder(tmp_path):
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    for number, rows in enumerate((slice(0, 23), slice(23, 23), slice(23, 50))):
        table = pa.Table.from_pandas(TABLE[rows], preserve_index=False)
        parquet.write_table(table, tmp_path / f"{number}.parquet", row_group_size=10)
    return tmp_path


def test_a_folder_is_read_by_row_groups(folder):
    X = Chunks(folder)
    assert X.shape == (50, 3)
    stream = stream_of(X)
    assert np.diff(stream.starts).tolist() == [10, 10, 3, 10, 10, 7]
    pd.testing.assert_frame_equal(pd.concat(list(X), ignore_index=True), TABLE, check_dtype=False)
    fourth = stream.joined(list(stream.pieces([4])))
    pd.testing.assert_frame_equal(fourth, TABLE[33:43].reset_index(drop=True), check_dtype=False)


def test_large_row_groups_are_read_piece_by_piece(folder):
    dataset = opened(folder)
    stream = TableStream(dataset, ["number", "letter"], window=8 * 16 * 2 * 4)
    assert stream.step == 4
    assert np.diff(stream.starts).tolist() == [4, 4, 2, 4, 4, 2, 3, 4, 4, 2, 4, 4, 2, 4, 3]
    assert stream.runs.tolist() == [0, 0, 0, 1, 1, 1, 2, 3, 3, 3, 4, 4, 4, 5, 5]
    pieces = stream.pieces([13, 4, 5, 0])
    assert [int(stream.joined([piece]).number[0]) for piece in pieces] == [43, 14, 18, 0]


def test_columns_are_chosen_and_targets_returned(folder):
    X = Chunks(folder)
    np.testing.assert_array_equal(X.column("label"), TABLE.label)
    left = X.drop("label")
    assert list(next(iter(left)).columns) == ["number", "letter"]
    np.testing.assert_array_equal(left.column("label"), TABLE.label)
    assert Chunks(folder, columns=["letter"]).shape == (50, 1)
    with pytest.raises(ValueError, match="X has no column 'z'"):
        Chunks(folder, columns=["z"])


def test_data_sets_are_read_without_chunks(folder):
    datasets = pytest.importorskip("pyarrow.dataset")
    stream = stream_of(datasets.dataset(folder))
    assert isinstance(stream, TableStream)
    assert stream.explicit
    memory = stream_of(datasets.dataset(datasets.dataset(folder).to_table()))
    assert len(memory) == 50
    assert memory.joined(list(memory.pieces(range(memory.n_pieces)))).shape == (50, 3)


def test_values_in_names_of_folders_are_columns(folder):
    (folder / "year=2024").mkdir()
    (folder / "1.parquet").unlink()
    (folder / "2.parquet").rename(folder / "year=2024" / "2.parquet")
    (folder / "0.parquet").unlink()
    assert set(next(iter(Chunks(folder))).year) == {2024}


def test_bad_files_are_named(folder, tmp_path):
    X = Chunks(folder)
    whole = (folder / "2.parquet").read_bytes()
    (folder / "2.parquet").write_bytes(whole[:200])
    with pytest.raises(ValueError, match=r"2\.parquet.* cannot be read"):
        list(X)
    with pytest.raises(ValueError, match="parquet"):
        Chunks(folder)
    with pytest.raises(FileNotFoundError):
        Chunks(folder / "none")
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.parquet").write_text("no parquet")
    with pytest.raises(ValueError, match="holds no parquet that can be read"):
        Chunks(tmp_path / "text")
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pa.Table.from_pandas(TABLE[:0]), tmp_path / "empty.parquet")
    with pytest.raises(ValueError, match="0 samples: its files have no rows"):
        Chunks(tmp_path / "empty.parquet")
