"""What X holds."""

from collections import UserString, deque

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

from sklearn_ann import (
    AttentionClassifier,
    CNNClassifier,
    MaskedSequenceModel,
    RNNRegressor,
    SequenceEmbeddingTransformer,
    SequenceEncoder,
)
from sklearn_ann.reading.kinds import (
    as_strings,
    channels_first,
    entries,
    holds_strings,
    kind_of,
    possible_kinds,
    turned,
    unpacked,
)


class Seq(UserString):
    """Behaves like Biopython's."""

    def reverse_complement(self):
        raise AssertionError


class SeqRecord:
    def __init__(self, seq):
        self.seq = seq

    def __len__(self):
        return len(self.seq)


class PolarsLike:
    """A frame whose rows are frames."""

    def __init__(self, values):
        self.values, self.shape = values, values.shape

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        return PolarsLike(self.values[[index]])

    def __array__(self, dtype=None, copy=None):
        return self.values

    def to_numpy(self):
        return self.values


STRINGS = ["AC", "G"]


@pytest.mark.parametrize(
    "same",
    [
        ("AC", "G"),
        np.array(STRINGS),
        np.array(STRINGS, dtype=object),
        np.array(STRINGS, dtype=np.dtypes.StringDType()),
        np.array([["AC"], ["G"]]),
        [["AC"], ["G"]],
        pd.Series(STRINGS, index=[7, 8]),
        pd.Series(STRINGS, dtype=object),
        pd.Series(STRINGS, dtype="string"),
        pd.Series(STRINGS, dtype="category"),
        pd.Index(STRINGS),
        pd.DataFrame({"sequence": STRINGS}),
        pd.DataFrame({"sequence": pd.Categorical(STRINGS)}),
        pd.DataFrame({"sequence": [["A", "C"], ["G"]]}),
        [Seq("AC"), Seq("G")],
        [SeqRecord(Seq("AC")), SeqRecord(Seq("G"))],
        [["A", "C"], ["G"]],
        [np.array(["A", "C"]), np.array(["G"])],
    ],
    ids=lambda X: type(X).__name__,
)
def test_containers_of_strings(same):
    assert as_strings(same) == STRINGS
    assert holds_strings(same)
    assert kind_of(same) == ("sequence", None)


def test_rows_of_letters_are_strings():
    for same in ([["A", "C"], ["G", "T"]], np.array([["A", "C"], ["G", "T"]])):
        assert as_strings(same) == ["AC", "GT"]


def test_biopython():
    pytest.importorskip("Bio")
    from Bio import Seq, SeqRecord

    records = [SeqRecord.SeqRecord(Seq.Seq("ACGT"), id="a"), SeqRecord.SeqRecord(Seq.MutableSeq("GT"), id="b")]
    for same in (records, [record.seq for record in records], pd.Series(records), tuple(records)):
        assert as_strings(same) == ["ACGT", "GT"]
        assert holds_strings(same)
    with pytest.raises(TypeError, match="got a single SeqRecord: wrap it in a list"):
        as_strings(records[0])
    with pytest.raises(ValueError, match="sequence 1 is a Seq without letters"):
        as_strings([Seq.Seq("A"), Seq.Seq(None, length=3)])
    with pytest.raises(ValueError, match="sequence 0 is empty"):
        as_strings([Seq.Seq("")])


def test_a_tensor_with_gradients_holds_numbers():
    X = torch.ones(4, 3, requires_grad=True)
    assert entries(X) is None
    numbers, _ = unpacked(X)
    np.testing.assert_array_equal(numbers, np.ones((4, 3)))


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_missing_strings_are_named(missing):
    with pytest.raises(TypeError, match=r"sequence 1 is .*: expected a str; leave missing sequences out"):
        as_strings(["A", missing])


@pytest.mark.parametrize("X", [[3, "AC"], [b"AC"], "AC", [None, "AC"]])
def test_one_odd_sample_does_not_change_that_they_are_strings(X):
    assert holds_strings(X)
    with pytest.raises(TypeError):
        as_strings(X)


@pytest.mark.parametrize(
    ("X", "kind"),
    [
        (np.ones((2, 3)), "signal"),
        ([[1, 2], [1]], "signal"),
        (pd.DataFrame(np.ones((2, 3))), "signal"),
        (PolarsLike(np.ones((2, 3))), "signal"),
        (np.array([np.ones(2), np.ones(3)], dtype=object), "signal"),
        (np.ones((2, 30, 1)), "signal"),
        (np.ones((2, 8, 8)), "image"),
        (np.ones((2, 28, 28)), "image"),
        (np.ones((2, 64, 32)), "image"),
        (np.ones((2, 100, 4, 3)), "image"),
        ([np.ones((5, 4)), np.ones((2, 2))], "image"),
        ([np.ones((50, 4, 3))], "image"),
    ],
)
def test_kinds_without_a_doubt(X, kind):
    X, _ = unpacked(X)
    assert kind_of(X) == (kind, None)


PEPTIDES = np.eye(20)[np.random.default_rng(0).integers(20, size=(3, 9))]


@pytest.mark.parametrize(
    ("X", "kind", "other"),
    [
        (np.ones((2, 60, 4)), "signal", "image"),
        ([np.ones((60, 4))], "signal", "image"),
        ([np.ones((9, 4)), np.ones((2, 4))], "signal", "image"),
        ([np.ones((200, 64)), np.ones((300, 64))], "signal", "image"),
        (PEPTIDES, "signal", "image"),  # one-hot letters
        (np.full((3, 5, 4), 0.25), "signal", "image"),  # probabilities of letters
        ([np.ones((200, 224)), np.ones((300, 224))], "image", "signal"),
        (np.ones((2, 4, 60)), "image", "image"),  # channels come first elsewhere
    ],
)
def test_kinds_in_doubt_say_so_and_can_be_told(X, kind, other):
    found, doubt = kind_of(X)
    assert found == kind
    assert "sample_type" in doubt
    assert possible_kinds(X) == ["signal", "image"]
    assert kind_of(X, other) == (other, None)


@pytest.mark.parametrize(
    ("X", "sample_type", "message"),
    [
        (["AC"], "signal", "sample_type='signal', but X holds sequences"),
        (np.ones((2, 3)), "sequence", "sample_type='sequence', but X holds signals"),
        (np.ones((2, 3)), "image", "but X holds signals; image_shape reads rows"),
        (np.ones((2, 3, 4)), "sequence", "but X holds signals or images"),
        (np.ones((2, 3, 4, 5)), "signal", "but X holds images"),
    ],
)
def test_what_x_cannot_be_is_refused(X, sample_type, message):
    with pytest.raises(ValueError, match=message):
        kind_of(X, sample_type)


@pytest.mark.parametrize("X", [{"a": 1}, {1, 2}, iter([1]), None, 3, np.array(3.0), torch.tensor(3)])
def test_what_is_no_list_is_refused(X):
    with pytest.raises(TypeError, match="expected a list"):
        unpacked(X)


def test_one_image_of_another_height_does_not_make_signals_of_all():
    kind, doubt = kind_of([np.ones((8, 8))] * 40 + [np.ones((9, 8))])
    assert kind == "image"
    assert "sample_type='signal'" in doubt


def test_arrays_and_tables_of_pyarrow_are_read_as_series_and_frames():
    pa = pytest.importorskip("pyarrow")
    for strings in (pa.array(["AC", "G"]), pa.chunked_array([["AC"], ["G"]]), pa.table({"s": ["AC", "G"]})):
        assert holds_strings(strings)
        assert as_strings(strings) == ["AC", "G"]
    frame, _ = unpacked(pa.table({"a": [1.0, 2.0], "b": [3.0, 4.0]}))
    assert list(frame.columns) == ["a", "b"]


def test_bytearrays_are_no_numbers():
    with pytest.raises(TypeError, match=r"sequence 0 is bytearray.* become a str by .decode\(\)"):
        as_strings([bytearray(b"AC"), bytearray(b"GT")])
    assert holds_strings([bytearray(b"AC"), bytearray(b"GT")])


@pytest.mark.filterwarnings("ignore:The loss of")
@pytest.mark.parametrize(
    "estimator",
    [
        CNNClassifier(max_epochs=1),
        RNNRegressor(max_epochs=1),
        AttentionClassifier(max_epochs=1),
        MaskedSequenceModel(max_epochs=1),
        SequenceEmbeddingTransformer(max_epochs=1),
        SequenceEncoder(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_what_read_fasta_returns_is_to_be_unpacked(estimator):
    names, sequences = ["one", "two", "three", "four"], ["ACGTACGT", "ACGTACGA", "TTGACCAT", "TTGACCAA"]
    y = [0, 0, 1, 1]
    advice = (
        r"X must be a list of sequences, got a tuple of two lists of 4 strings, .* `names, sequences = read_fasta\("
    )
    with pytest.raises(TypeError, match=advice):
        estimator.fit((names, sequences), y)
    if not isinstance(estimator, RNNRegressor):  # which reads numbers
        fitted = clone(estimator).fit(sequences, y)
        with pytest.raises(TypeError, match=advice):
            getattr(fitted, "predict" if hasattr(fitted, "predict") else "transform")((names, sequences))


def test_two_lists_of_letters_are_two_sequences():
    assert as_strings((list("ACG"), list("TTA"))) == ["ACG", "TTA"]
    assert as_strings(("ACG", "TTA")) == ["ACG", "TTA"]
    assert entries((["helix", "coil"], ["coil"])) == [["helix", "coil"], ["coil"]]  # of different lengths


def walks(n, length, channels):
    """Series whose steps are alike, as those of instruments are."""
    return np.cumsum(np.random.default_rng(0).normal(size=(n, length, channels)), axis=1)


@pytest.mark.parametrize("channels", [1, 3, 6, 12])
def test_channels_first_are_told_by_neighbours_that_are_alike(channels):
    series = walks(30, 100, channels)
    steps = "1 step" if channels == 1 else f"{channels} steps"
    said = channels_first(np.swapaxes(series, 1, 2))
    assert said.startswith(f"Samples of {channels} x 100 are read as {steps} of 100 channels, (length, channels), but ")
    assert "np.swapaxes(X, 1, 2)" in said
    assert channels_first(series) is None
    missing = np.where(np.random.default_rng(1).random(series.shape) < 0.1, np.nan, series)
    assert channels_first(np.swapaxes(missing, 1, 2))
    assert channels_first(missing) is None


def test_short_series_of_many_channels_are_no_doubt():
    rng = np.random.default_rng(0)
    visits = rng.normal(size=(50, 1, 40)) + 0.3 * rng.normal(size=(50, 5, 40))  # alike from visit to visit
    peptides = np.eye(20)[rng.integers(20, size=(50, 9))]
    factors = rng.normal(size=(50, 8, 5)) @ rng.normal(size=(5, 100))
    constant = np.ones((50, 4, 30))
    days = rng.normal(size=(50, 6, 1)) + 0.3 * rng.normal(size=(50, 6, 12))  # all channels alike, each day
    for X in (visits, peptides, factors, constant, days, visits[:1], walks(30, 8, 100), rng.normal(size=(30, 3, 4))):
        assert channels_first(X) is None
    missing = visits.copy()
    missing[:, :, 0] = np.nan
    assert channels_first(missing) is None


def test_masks_are_not_lost():
    with pytest.raises(ValueError, match="X is a masked array, whose mask would be lost"):
        as_strings(np.ma.masked_array(["AC", "GT"], mask=[False, True]))
    assert as_strings(np.ma.masked_array(["AC", "GT"])) == ["AC", "GT"]


def test_arrays_of_pyarrow():
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is an extra of the tests")
    for X in (pyarrow.array(["AC", "GT"]), pyarrow.chunked_array([["AC"], ["GT"]])):
        assert as_strings(X) == ["AC", "GT"]
        assert as_strings(X.dictionary_encode()) == ["AC", "GT"]
    with pytest.raises(TypeError, match=r"sequence 1 is (None|nan) of type"):
        as_strings(pyarrow.array(["AC", None]))
    assert entries(pyarrow.array([1, 2])) is None


def test_texts_of_other_types():
    assert as_strings([UserString("AC"), "GT"]) == ["AC", "GT"]
    for sample in (bytearray(b"AC"), memoryview(b"AC")):
        assert holds_strings([sample])
        with pytest.raises(TypeError, match=r"sequence 0 is .* of type (bytearray|memoryview): expected a str"):
            as_strings([sample])


@pytest.mark.parametrize("X", [deque(["AC"]), {"a": "AC"}.values(), {"a": "AC"}, {"AC"}, iter(["AC"]), 3, None])
def test_other_containers_are_refused(X):
    with pytest.raises(TypeError, match=f"X is a {type(X).__name__}: expected a list, an array or a frame"):
        unpacked(X)


def test_letters_in_columns_are_noticed():
    letters = np.eye(4)[np.random.default_rng(0).integers(0, 4, (5, 9))]
    assert turned(letters) is None
    assert "columns of samples of 4 x 9" in str(turned(letters.transpose(0, 2, 1)))
    assert "columns of samples of 4 x 9" in str(turned([sample[: 9 - i].T for i, sample in enumerate(letters)]))
    assert turned([np.eye(4)[[2, 0, 3, 1]]]) is None  # letters either way
    assert turned(np.zeros((2, 4, 9))) is None
    assert turned([np.zeros(3), np.zeros((3, 2))]) is None
    kind, doubt = kind_of(letters.transpose(0, 2, 1), "signal")
    assert kind == "signal"
    assert "np.swapaxes(X, 1, 2)" in str(doubt)
    assert kind_of(letters, "signal") == ("signal", None)
    proteins = np.eye(20)[np.random.default_rng(0).integers(0, 20, (5, 15))].transpose(0, 2, 1)
    kind, doubt = kind_of(proteins)
    assert kind == "image"
    assert "signals with 20 channels need the shape (length, channels). If X has the channels first" in str(doubt)


def test_signals_of_different_numbers_of_channels_are_doubtful():
    kind, doubt = kind_of([np.zeros((9, 2)), np.zeros((10, 3))])
    assert kind == "image"
    assert "such as 9 x 2, are read as images" in str(doubt)
    assert "signals have one number of channels" in str(doubt)
    assert kind_of([np.zeros((9, 8)), np.zeros((10, 9))]) == ("image", None)
