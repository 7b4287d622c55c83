"""Arrays, AnnData and chunks outside memory."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from sklearn_ann.reading import streams
from sklearn_ann.reading.streams import (
    AnnotatedStream,
    ArrayStream,
    ChunkStream,
    CompressedRows,
    NamedRows,
    compare,
    is_array,
    is_file,
    joined,
    rows_of,
)

X = np.arange(60.0).reshape(20, 3)


def all_of(stream):
    pieces = list(stream.each())
    assert [start for start, _ in pieces] == stream.starts[:-1].tolist()
    return joined([piece for _, piece in pieces])


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr(streams, "PIECE", 100)


@pytest.mark.parametrize(
    "arrays",
    [
        [X],
        [X[:7], X[7:8], X[8:]],
        [sp.csr_array(X)],
        [sp.csc_matrix(X[:9]), sp.csr_matrix(X[9:])],
        [pd.DataFrame(X[:9]), pd.DataFrame(X[9:])],
        [X.reshape(20, 3, 1)],
    ],
    ids=["one", "three", "sparse", "two sparse", "frames", "signals"],
)
def test_arrays_are_read_in_pieces(arrays, small_pieces):
    stream = ArrayStream(arrays)
    assert len(stream) == 20
    assert stream.n_pieces >= 4
    found = all_of(stream)
    np.testing.assert_array_equal(np.reshape(found.toarray() if sp.issparse(found) else found, (20, 3)), X)


def test_memory_maps_are_read_and_watched(tmp_path, small_pieces):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert is_file(mapped)
    assert is_array(mapped)
    stream = ArrayStream([mapped])
    found = all_of(stream)
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, X)
    assert type(stream.joined([mapped[:4]])) is np.ndarray
    with (tmp_path / "x.npy").open("r+b") as file:
        file.truncate(200)
    with pytest.raises(ValueError, match="the file of X had 608 bytes and has 200 now"):
        all_of(stream)


def test_maps_of_joblib_are_in_memory_already(tmp_path):
    folder = tmp_path / "joblib_memmapping_folder_1_2"
    folder.mkdir()
    np.save(folder / "x.npy", X)
    assert not is_file(np.load(folder / "x.npy", mmap_mode="r"))
    assert not is_file(X)


def test_pieces_are_multiples_of_what_is_stored_together():
    zarr = pytest.importorskip("zarr")
    array = zarr.array(X, chunks=(3, 3))
    assert is_file(array)
    stream = ArrayStream([array], window=600)
    assert np.diff(stream.starts).tolist() == [3] * 6 + [2]
    np.testing.assert_array_equal(all_of(stream), X)


def test_chunks_are_counted_by_the_first_pass():
    passes = []

    def chunks():
        passes.append(0)
        yield from (X[:5], X[5:5], X[5:6], X[6:])

    stream = ChunkStream(chunks)
    np.testing.assert_array_equal(joined([piece for _, piece in stream.each()]), X)
    assert stream.starts.tolist() == [0, 5, 6, 20]
    assert len(passes) == 1
    assert stream.runs.tolist() == [0, 0, 0]
    np.testing.assert_array_equal(all_of(stream), X)
    assert len(ChunkStream(chunks)) == 20
    assert ChunkStream(lambda: [X.tolist()]).n_pieces == 1


def test_chunks_of_other_lengths_in_the_second_pass_are_refused():
    sizes = iter([[5, 15], [6, 14], [5, 10], [5, 15, 1]])

    def chunks():
        return [X[:1].repeat(size, axis=0) for size in next(sizes)]

    stream = ChunkStream(chunks)
    assert len(stream) == 20
    with pytest.raises(ValueError, match="samples 0 to 4 of X were 5 at first and are 6 now"):
        all_of(stream)
    with pytest.raises(ValueError, match="samples 5 to 19 of X were 15 at first and are 10 now"):
        all_of(stream)
    with pytest.raises(ValueError, match="more than the 20 samples"):
        all_of(stream)


@pytest.mark.parametrize(
    ("chunk", "error", "message"),
    [
        (X[:, :2], ValueError, "chunk 1 of X has 2 columns, but chunk 0 has 3 columns"),
        (X[:, :, None], ValueError, "chunk 1 of X has samples of shape"),
        (sp.csr_array(X), TypeError, "chunk 1 of X is sparse, but chunk 0 is an array"),
        (pd.DataFrame(X), TypeError, "chunk 1 of X is a frame, but chunk 0 is an array"),
        (X[:, 0], ValueError, r"chunk 1 of X has the shape \(20,\)"),
        (
            (X, X[:, 0]),
            TypeError,
            "chunk 1 of X is a tuple: expected an array, a sparse matrix or a frame, without tar",
        ),
        ("ACGT", TypeError, "chunk 1 of X is a str"),
    ],
)
def test_chunks_of_other_kinds_are_refused(chunk, error, message):
    with pytest.raises(error, match=message):
        len(ChunkStream(lambda: [X, chunk]))


def test_frames_are_compared_by_name():
    one, other = pd.DataFrame(X, columns=list("abc")), pd.DataFrame(X, columns=list("acb"))
    with pytest.raises(ValueError, match=r"has the columns \['a', 'c', 'b'\], but chunk 0"):
        compare(other, one, "chunk 1", "chunk 0")
    with pytest.raises(ValueError, match="0 samples"):
        len(ChunkStream(lambda: [X[:0]]))
    with pytest.raises(ValueError, match="0 samples"):
        ArrayStream([X[:0]])
    with pytest.raises(TypeError, match="some chunks of X are sparse"):
        joined([X, sp.csr_array(X)])


def test_frames_of_polars_are_joined():
    pl = pytest.importorskip("polars")
    frames = [pl.DataFrame({"a": [number]}) for number in range(4)]
    assert joined(frames)["a"].to_list() == [0, 1, 2, 3]
    assert rows_of(joined(frames), 1, 3)["a"].to_list() == [1, 2]


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_matrix], ids=["dense", "sparse"])
def test_annotated_rows_are_read_from_their_file(kind, tmp_path, small_pieces):
    anndata = pytest.importorskip("anndata")
    names = [pd.DataFrame(index=pd.Index([f"{what}{i}" for i in range(n)], dtype=object)) for what, n in
             (("cell", 20), ("gene", 3))]  # fmt: skip
    anndata.AnnData(kind(X.astype(np.float32)), *names).write_h5ad(tmp_path / "x.h5ad")
    stream = AnnotatedStream(anndata.read_h5ad(tmp_path / "x.h5ad", backed="r"))
    assert stream.n_pieces > 2
    pieces = [piece for _, piece in stream.each()]
    assert isinstance(pieces[0], NamedRows)
    assert list(pieces[0].var_names) == ["gene0", "gene1", "gene2"]
    assert list(pieces[0].var.index) == ["gene0", "gene1", "gene2"]
    assert len(pieces[0].obs_names) == pieces[0].shape[0]
    found = joined([piece.X for piece in pieces])
    np.testing.assert_array_equal(found.toarray() if sp.issparse(found) else found, X)


def test_compressed_rows_are_cut_out_and_columns_are_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        matrix = sp.csr_matrix(X)
        group = file.create_group("X")
        group.attrs["shape"] = X.shape
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(matrix, name)
        rows = CompressedRows(group)
        np.testing.assert_array_equal(rows[3:9].toarray(), X[3:9])
        assert rows[20:20].shape == (0, 3)

    class Columns:
        X = type("Stored", (), {"format": "csc"})()

    with pytest.raises(ValueError, match="stored by columns, as CSC"):
        AnnotatedStream(Columns())
