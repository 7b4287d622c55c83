"""The name by which a user says that X is read in chunks."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.model_selection import cross_val_score

from sklearn_ann import Chunks, TabularClassifier
from sklearn_ann.reading import chunks
from sklearn_ann.reading.chunks import columns_in_memory, first_of, stream_of
from sklearn_ann.reading.streams import AnnotatedStream, ArrayStream, ChunkStream

X = np.arange(60.0).reshape(20, 3)
FRAMES = [pd.DataFrame(X[start : start + 5], columns=list("abc")) for start in range(0, 20, 5)]


class Again:
    """Yields chunks again and again."""

    def __init__(self, parts):
        self.parts = parts

    def __iter__(self):
        return iter(self.parts)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ([X[:5], X[5:]], ArrayStream),
        (X, ArrayStream),
        (sp.csr_array(X), ArrayStream),
        (FRAMES, ArrayStream),
        (FRAMES[0], ArrayStream),
        (Again([X[:5], X[5:]]), ChunkStream),
        (lambda: (frame for frame in FRAMES), ChunkStream),
        ([X.tolist(), X.tolist()], ChunkStream),
    ],
)
def test_sources(source, kind):
    X = Chunks(source)
    assert isinstance(stream_of(X), kind)
    assert stream_of(X).explicit
    assert X.shape == (len(X), 3)
    assert sum(chunk.shape[0] for chunk in X) == len(X)
    assert repr(X).startswith("Chunks(")


@pytest.mark.parametrize("source", [(X for _ in range(3)), iter([X]), map(np.asarray, [X])])
def test_what_ends_after_one_pass_is_refused(source):
    with pytest.raises(TypeError, match="ends after one pass, and a fit takes several"):
        Chunks(source)


@pytest.mark.parametrize("source", [7, None, b"x", {"a": X}])
def test_what_is_no_source_is_refused(source):
    with pytest.raises(TypeError, match="expected chunks"):
        Chunks(source)


def test_bad_parameters_are_named():
    with pytest.raises(ValueError, match="window=0: expected a number of MiB above 0"):
        Chunks(X, window=0)
    with pytest.raises(ValueError, match=r"columns=\['a'\] are for frames and parquet, got ndarray"):
        Chunks(X, columns=["a"])
    with pytest.raises(TypeError, match="got chunks of type ndarray"):
        len(Chunks(lambda: [X], columns=["a"]))
    with pytest.raises(TypeError, match="returned a int: expected an iterator"):
        len(Chunks(lambda: 3))
    with pytest.raises(ValueError, match="X has no column 'z'"):
        Chunks(FRAMES).drop(["a", "z"])
    with pytest.raises(TypeError, match="only columns of frames have names"):
        Chunks(X).drop("a")


@pytest.mark.parametrize("source", [FRAMES, lambda: iter(FRAMES)], ids=["list", "callable"])
def test_columns_are_chosen_dropped_and_returned(source):
    X_of = Chunks(source)
    np.testing.assert_array_equal(X_of.column("b"), X[:, 1])
    left = X_of.drop("b")
    assert left.shape == (20, 2)
    assert list(next(iter(left)).columns) == ["a", "c"]
    np.testing.assert_array_equal(left.column("b"), X[:, 1])
    assert Chunks(source, columns=["c"]).shape == (20, 1)


def test_columns_of_arrays_have_positions():
    np.testing.assert_array_equal(Chunks([X[:7], X[7:]]).column(2), X[:, 2])
    np.testing.assert_array_equal(Chunks([sp.csr_array(X)]).column(1), X[:, 1])


def test_what_is_in_memory_or_small_is_read_as_a_whole(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    for kind in (X, FRAMES[0], sp.csr_array(X), X.tolist(), mapped, "ACGT", None):
        assert stream_of(kind) is None
        assert first_of(kind) is kind
    monkeypatch.setattr(chunks, "_LARGE", mapped.nbytes)
    stream = stream_of(mapped)
    assert isinstance(stream, ArrayStream)
    assert not stream.explicit
    assert stream_of(stream) is stream
    np.testing.assert_array_equal(first_of(mapped), X)


def test_arrays_and_annotated_data_in_files_are_read_in_pieces(tmp_path):
    h5py = pytest.importorskip("h5py")
    anndata = pytest.importorskip("anndata")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        assert isinstance(stream_of(file.create_dataset("x", data=X)), ArrayStream)
        assert stream_of(file.create_dataset("y", data=X[:, 0])) is None
    names = [pd.DataFrame(index=pd.Index([str(i) for i in range(n)], dtype=object)) for n in (20, 3)]
    adata = anndata.AnnData(X.astype(np.float32), *names)
    assert stream_of(adata) is None
    adata.write_h5ad(tmp_path / "x.h5ad")
    assert isinstance(stream_of(anndata.read_h5ad(tmp_path / "x.h5ad", backed="r")), AnnotatedStream)
    assert isinstance(stream_of(Chunks(adata)), AnnotatedStream)


def test_searches_are_told_that_chunks_cannot_be_indexed():
    with pytest.raises(TypeError, match="Chunks cannot be indexed, as searches and splitters of scikit-learn do"):
        cross_val_score(TabularClassifier(), Chunks(X), np.arange(20) % 2, error_score="raise")


def test_what_a_callable_opens_is_closed():
    class Reader:
        closed = 0

        def __init__(self):
            self.left = iter(FRAMES)

        def __iter__(self):
            return self

        def __next__(self):
            return next(self.left)

        def close(self):
            Reader.closed += 1

    X_of = Chunks(Reader)
    assert X_of.shape == (20, 3)
    first_of(X_of)
    assert Reader.closed == 3


def test_columns_come_into_memory_from_all_pieces():
    found = columns_in_memory(stream_of(Chunks(FRAMES)), lambda _: [2, 0])
    np.testing.assert_array_equal(found.astype(float), X[:, [2, 0]])
