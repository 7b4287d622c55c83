"""SequenceEncoder."""

import pickle
import sys
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_ann.preprocessing import SequenceEncoder
from sklearn_ann.reading.alphabets import ALPHABETS, find_alphabet

AMINO_ACIDS = ALPHABETS["protein"].letters


@pytest.fixture
def reads():
    """Random DNA of 1 to 40 letters, one in twenty of them N."""
    rng = np.random.default_rng(0)
    return ["".join(rng.choice(list("ACGTN"), size, p=[0.25, 0.25, 0.25, 0.2, 0.05])) for size in range(1, 41)]


@pytest.fixture
def promoters():
    """DNA, every second with TATAAA somewhere, and which."""
    rng = np.random.default_rng(0)
    letters = rng.choice(list("ACGT"), (200, 30))
    has = np.arange(200) % 2 == 1
    for index in np.flatnonzero(has):
        place = rng.integers(0, 25)
        letters[index, place : place + 6] = list("TATAAA")
    return ["".join(row) for row in letters], has


def test_onehot_by_hand():
    X = SequenceEncoder().fit_transform(["ACT", "g", "NR"])
    assert X.dtype == np.float32
    expected = [
        [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1],
        [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [0.25, 0.25, 0.25, 0.25, 0.5, 0, 0.5, 0, 0, 0, 0, 0],
    ]
    np.testing.assert_array_equal(X, expected)


def test_index_by_hand():
    encoder = SequenceEncoder("rna", encoding="index").fit(["ACGU", "U", "CN"])
    X = encoder.transform(["ACGU", "U", "CN"])
    assert X.dtype == np.int64
    n = find_alphabet(encoder.alphabet_).symbols.index("N") + 1
    np.testing.assert_array_equal(X, [[1, 2, 3, 4], [4, 0, 0, 0], [2, n, 0, 0]])


def test_onehot_and_index_can_be_read_back(reads):
    words = [read.replace("N", "A") for read in reads]
    X = SequenceEncoder().fit_transform(words).reshape(len(words), 40, 4)
    lengths = X.sum(axis=(1, 2)).astype(int)
    read = ["".join("ACGT"[i] for i in x[:n].argmax(axis=1)) for x, n in zip(X, lengths, strict=True)]
    assert read == words
    encoder = SequenceEncoder(encoding="index").fit(reads)
    symbols = " " + find_alphabet(encoder.alphabet_).symbols
    assert ["".join(symbols[i] for i in row).rstrip() for row in encoder.transform(reads)] == reads


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_kmers_are_those_of_a_counter(reads, k):
    encoder = SequenceEncoder(encoding="kmer", k=k).fit(reads)
    X = encoder.transform(reads)
    names = encoder.get_feature_names_out()
    assert issparse(X)
    assert X.format == "csr"
    assert X.has_canonical_format
    assert X.dtype == np.float32
    assert X.shape == (len(reads), 4**k)
    for row, read in zip(X.toarray(), reads, strict=True):
        words = Counter(read[i : i + k] for i in range(len(read) - k + 1))
        expected = {word: count for word, count in words.items() if "N" not in word}
        assert {names[i]: row[i] for i in np.flatnonzero(row)} == expected


def test_sequences_shorter_than_a_word_have_none():
    assert SequenceEncoder(encoding="kmer", k=5).fit_transform(["ACG", "A"]).nnz == 0
    X = SequenceEncoder(encoding="kmer", k=5).fit_transform(["ACG", "AAAAA", "C"])
    assert X.nnz == X[1, 0] == 1


def test_kmers_of_own_letters():
    encoder = SequenceEncoder("HP", encoding="kmer", k=2)
    assert encoder.fit_transform(["HPPPH", "h?p"]).toarray().tolist() == [[0, 1, 1, 2], [0, 0, 0, 0]]
    assert encoder.get_feature_names_out().tolist() == ["HH", "HP", "PH", "PP"]


def test_blosum62_by_hand():
    pytest.importorskip("Bio", reason="Biopython is the extra bio")
    X = SequenceEncoder("protein", encoding="blosum62").fit_transform(["WA", "B", "X"]).reshape(3, 2, 20)
    assert X.dtype == np.float32
    score = dict(zip(AMINO_ACIDS, X[0, 0], strict=True))
    assert (score["W"], score["Y"], score["F"], score["A"], score["V"]) == (11, 2, 1, -3, -3)
    assert X[0, 1, 0] == 4
    assert (X[1:, 1] == 0).all()
    each = SequenceEncoder("protein", encoding="blosum62").fit_transform(list(AMINO_ACIDS))
    np.testing.assert_array_equal(each, each.T)
    halves = (each[AMINO_ACIDS.index("D")] + each[AMINO_ACIDS.index("N")]) / 2
    np.testing.assert_allclose(X[1, 0], halves)
    np.testing.assert_allclose(X[2, 0], each.mean(axis=0), rtol=1e-5, atol=1e-6)


def test_properties_mean_what_they_are_called():
    pytest.importorskip("Bio", reason="Biopython is the extra bio")
    encoder = SequenceEncoder("protein", encoding="properties").fit(["A"])
    X = pd.DataFrame(encoder.transform(list(AMINO_ACIDS)), list(AMINO_ACIDS), encoder.get_feature_names_out())
    np.testing.assert_allclose(X.mean(), 0, atol=1e-6)
    np.testing.assert_allclose(X.std(ddof=0), 1, rtol=1e-6)
    assert X["0_hydropathy"].idxmax() == "I"  # Kyte and Doolittle
    assert X["0_hydropathy"].idxmin() == "R"
    assert X["0_hydrophilicity"].idxmin() == "W"  # Hopp and Woods
    assert X["0_surface_accessibility"].idxmax() == "K"  # Emini
    assert X["0_transfer_energy"].idxmin() == "K"  # Janin
    assert set(X["0_charge"].nlargest(3).index) == {"K", "R", "H"}
    assert set(X["0_charge"].nsmallest(2).index) == {"D", "E"}
    assert (X["0_mass"].idxmin(), X["0_mass"].idxmax()) == ("G", "W")
    np.testing.assert_allclose(encoder.transform(["X"]), 0, atol=1e-6)


def test_half_of_all_histidine_is_charged_at_its_pk():
    pytest.importorskip("Bio", reason="Biopython is the extra bio")
    X = SequenceEncoder("protein", encoding="properties").fit_transform(["H", "K", "L"])[:, 5]
    # Standardised values keep ratios of differences: a histidine of pK 5.98 has 1 / (1 + 10**1.02) of a charge.
    assert (X[0] - X[2]) / (X[1] - X[2]) == pytest.approx((1 / (1 + 10**1.02)) / (1 / (1 + 10**-3.0)), rel=1e-4)


def test_length_pads_and_cuts():
    encoder = SequenceEncoder(encoding="index", length=3, truncate=True).fit(["ACGT"])
    assert encoder.length_ == 3
    assert encoder.transform(["ACGTA", "AC", "TTT"]).tolist() == [[1, 2, 3], [1, 2, 0], [4, 4, 4]]
    assert SequenceEncoder(length=7).fit_transform(["AC"]).shape == (1, 28)
    longest_in_fit = SequenceEncoder(encoding="index", truncate=True).fit(["AC", "A"])
    assert longest_in_fit.transform(["ACG"]).tolist() == [[1, 2]]


def test_longer_sequences_are_named():
    with pytest.raises(ValueError, match=r"sequence 1 has 4 letters, more than length=3;.*truncate"):
        SequenceEncoder(length=3).fit(["ACG", "ACGT"])
    encoder = SequenceEncoder(encoding="index").fit(["ACG"])
    with pytest.warns(UserWarning, match=r"1 of 3 sequences are cut .* 3 letters .* sequence 2 of 5 letters; length=5"):
        found = encoder.transform(["A", "ACG", "ACGTA"])
    assert found.tolist() == [[1, 0, 0], [1, 2, 3], [1, 2, 3]]
    SequenceEncoder(encoding="kmer").fit(["ACG"]).transform(["ACGTA"])


def test_one_longer_sequence_is_read_in_every_fold():
    X = ["ACGT", "TTGA", "CCGT", "ACTTA", "GGTA", "ACCA"]
    model = make_pipeline(SequenceEncoder(), RandomForestClassifier(5, random_state=0))
    with pytest.warns(UserWarning, match="1 of 2 sequences are cut"):
        scores = cross_val_score(model, X, [0, 1] * 3, cv=3, error_score="raise")
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("alphabet", ["dna", "protein"])
def test_containers_and_case_do_not_matter(alphabet):
    X = ["ACG", "gt", "N"]
    expected = SequenceEncoder(alphabet).fit_transform(X)
    same = (pd.Series(X), pd.DataFrame({"s": X}), np.array(X)[:, None], [list(x) for x in X], [x.upper() for x in X])
    for others in (*same, pd.Series(X, dtype="category"), pd.Series(X, dtype="string")):
        np.testing.assert_array_equal(SequenceEncoder(alphabet).fit_transform(others), expected)


def test_a_column_of_another_name_is_refused():
    X = pd.DataFrame({"s": ["ACG", "GT"]})
    encoder = SequenceEncoder().fit(X)
    assert (encoder.n_features_in_, encoder.feature_names_in_.tolist()) == (1, ["s"])
    np.testing.assert_array_equal(encoder.transform(X["s"]), encoder.transform(X))
    with pytest.raises(ValueError, match="feature names should match"):
        encoder.transform(X.rename(columns={"s": "t"}))
    assert not hasattr(encoder.fit(["AC"]), "feature_names_in_")


def test_biopython_records_are_sequences():
    pytest.importorskip("Bio", reason="Biopython is the extra bio")
    from Bio.Seq import Seq
    from Bio.SeqRecord import SeqRecord

    X = ["ACG", "GT"]
    for same in ([Seq(x) for x in X], [SeqRecord(Seq(x)) for x in X]):
        np.testing.assert_array_equal(SequenceEncoder().fit_transform(same), SequenceEncoder().fit_transform(X))


def test_unknown_letters():
    with pytest.raises(ValueError, match="sequence 1 has the letter '-' at position 2"):
        SequenceEncoder().fit(["ACG", "AC-"])
    encoder = SequenceEncoder(unknown="ambiguous")
    assert encoder.fit_transform(["A-"]).tolist() == [[1, 0, 0, 0, 0.25, 0.25, 0.25, 0.25]]
    assert encoder.set_params(encoding="kmer", k=1).fit_transform(["A-"]).toarray().tolist() == [[1, 0, 0, 0]]


@pytest.mark.parametrize("encoding", ["onehot", "kmer"])
@pytest.mark.parametrize(
    ("bad", "error"), [("ACGT", TypeError), ([b"ACGT"], TypeError), (["A", 1], TypeError), (["A", ""], ValueError)]
)
def test_bad_input_is_refused_in_fit_and_in_transform(encoding, bad, error):
    fitted = SequenceEncoder(encoding=encoding).fit(["ACGT"])
    for method in (SequenceEncoder(encoding=encoding).fit, fitted.transform):
        with pytest.raises(error):
            method(bad)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alphabet": 3}, "The 'alphabet' parameter of SequenceEncoder must be"),
        ({"alphabet": "AA"}, "alphabet='AA'"),
        ({"encoding": "hot"}, "The 'encoding' parameter"),
        ({"k": 0}, "The 'k' parameter"),
        ({"length": 0}, "The 'length' parameter"),
        ({"truncate": "yes"}, "The 'truncate' parameter"),
        ({"unknown": "skip"}, "The 'unknown' parameter"),
        ({"encoding": "kmer", "k": 12}, r"k=12 makes 4\*\*12 words"),
        ({"encoding": "kmer", "k": 10**12}, "choose a smaller k"),
        ({"encoding": "blosum62"}, "encoding='blosum62' needs alphabet='protein', got alphabet='dna'"),
        ({"encoding": "properties", "alphabet": "HP"}, "needs alphabet='protein', got alphabet='HP'"),
    ],
)
def test_parameters_out_of_bounds(parameters, message):
    with pytest.raises(ValueError, match=message):
        SequenceEncoder(**parameters).fit(["HP"])


@pytest.mark.parametrize("encoding", ["blosum62", "properties"])
def test_without_biopython_the_extra_is_named(encoding, monkeypatch):
    for module in ("Bio", "Bio.Align", "Bio.Data.IUPACData", "Bio.SeqUtils"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"encoding='{encoding}' needs.*sklearn-ann-architectures\[bio\]"):
        SequenceEncoder("protein", encoding=encoding).fit(["MKV"])
    SequenceEncoder("protein").fit(["MKV"])


def test_a_fitted_encoder_needs_biopython_no_more(monkeypatch):
    pytest.importorskip("Bio", reason="Biopython is the extra bio")
    encoder = SequenceEncoder("protein", encoding="properties").fit(["MKV"])
    text = pickle.dumps(encoder)
    expected = encoder.transform(["MKV"])
    monkeypatch.setitem(sys.modules, "Bio", None)
    np.testing.assert_array_equal(pickle.loads(text).transform(["MKV"]), expected)


@pytest.mark.parametrize("encoding", ["onehot", "index", "kmer", "blosum62", "properties"])
def test_names_match_the_columns(encoding):
    if encoding in ("blosum62", "properties"):
        pytest.importorskip("Bio", reason="Biopython is the extra bio")
    encoder = SequenceEncoder("protein", encoding=encoding, k=2).fit(["MKV"])
    names = encoder.get_feature_names_out()
    assert len(set(names)) == len(names) == encoder.transform(["MK"]).shape[1]
    assert names.dtype == object
    first = {"onehot": "0_A", "index": "0", "kmer": "AA", "blosum62": "0_A", "properties": "0_hydropathy"}
    assert names[0] == first[encoding]


def test_the_column_of_a_name_is_its_letter():
    table = SequenceEncoder().set_output(transform="pandas").fit_transform(["GAT"])
    assert table.columns[table.iloc[0] == 1].tolist() == ["0_G", "1_A", "2_T"]


def test_pandas_output_keeps_the_index():
    X = pd.Series(["AC", "G"], index=["first", "second"])
    table = SequenceEncoder(encoding="index").set_output(transform="pandas").fit_transform(X)
    assert table.to_dict("index") == {"first": {"0": 1, "1": 2}, "second": {"0": 3, "1": 0}}
    assert SequenceEncoder().set_output(transform="pandas").fit_transform(["AC", "G"]).index.tolist() == [0, 1]


def test_sparse_counts_are_no_pandas_table():
    with pytest.raises(ValueError, match="sparse"):
        SequenceEncoder(encoding="kmer").set_output(transform="pandas").fit_transform(["ACGT"])


def test_parameters_and_clone():
    encoder = SequenceEncoder("rna", encoding="kmer", k=4, length=9, truncate=True, unknown="ambiguous")
    expected = {
        "alphabet": "rna", "encoding": "kmer", "k": 4, "length": 9, "truncate": True, "unknown": "ambiguous"
    }  # fmt: skip
    assert encoder.get_params() == clone(encoder).get_params() == expected
    assert list(SequenceEncoder._parameter_constraints) == list(expected)
    with pytest.raises(TypeError):
        SequenceEncoder("dna", "kmer")
    assert repr(SequenceEncoder("rna")) == "SequenceEncoder(alphabet='rna')"


def test_not_fitted():
    for method in (lambda e: e.transform(["A"]), lambda e: e.get_feature_names_out()):
        with pytest.raises(NotFittedError):
            method(SequenceEncoder())


@pytest.mark.parametrize("encoding", ["onehot", "index", "kmer"])
def test_pickle(encoding, reads):
    encoder = SequenceEncoder(encoding=encoding).fit(reads)
    before, after = encoder.transform(reads), pickle.loads(pickle.dumps(encoder)).transform(reads)
    assert abs(before - after).max() == 0


def test_fit_counts_again():
    encoder = SequenceEncoder(encoding="kmer").fit(["ACGT"])
    assert encoder.length_ is None
    encoder.set_params(encoding="index", alphabet="rna").fit(["ACGU"])
    assert encoder.length_ == 4
    assert encoder.transform(["U"]).tolist() == [[4, 0, 0, 0]]


def test_kmers_find_a_motif_that_moves_and_positions_do_not(promoters):
    sequences, has = promoters
    scores = {}
    for encoding in ("onehot", "kmer"):
        forest = RandomForestClassifier(random_state=0)
        model = make_pipeline(SequenceEncoder("dna", encoding=encoding, k=4), forest).fit(sequences[:120], has[:120])
        scores[encoding] = model.score(sequences[120:], has[120:])
    assert scores["kmer"] > 0.85
    assert scores["kmer"] > scores["onehot"] + 0.1


def test_grid_search_over_words_and_a_column_of_a_frame(promoters):
    sequences, has = promoters
    search = GridSearchCV(
        make_pipeline(SequenceEncoder(encoding="kmer"), LogisticRegression()), {"sequenceencoder__k": [1, 4]}, cv=3
    )
    assert search.fit(sequences, has).best_params_ == {"sequenceencoder__k": 4}
    frame = pd.DataFrame({"sequence": sequences, "age": np.arange(200.0)})
    columns = make_column_transformer((SequenceEncoder(), "sequence"), ("passthrough", ["age"]))
    assert columns.fit_transform(frame).shape == (200, 30 * 4 + 1)
    assert columns.get_feature_names_out()[[0, -1]].tolist() == ["sequenceencoder__0_A", "passthrough__age"]


NEXT = {
    "alphabet": "protein", "encoding": "index", "k": 3, "length": 1, "truncate": False, "unknown": "error"
}  # fmt: skip


@pytest.mark.parametrize("encoding", ["onehot", "kmer"])
@pytest.mark.parametrize("name", NEXT)
def test_parameters_set_after_fit_wait_for_the_next_fit(encoding, name):
    words = ["ACGTA", "A-"]  # too long, and with an unknown letter
    encoder = SequenceEncoder(encoding=encoding, k=2, length=4, truncate=True, unknown="ambiguous").fit(words)
    expected, names = encoder.transform(words), encoder.get_feature_names_out()
    encoder.set_params(**{name: NEXT[name]})
    assert abs(encoder.transform(words) - expected).max() == 0
    np.testing.assert_array_equal(encoder.get_feature_names_out(), names)
    assert encoder.resolved_parameters_[name] != NEXT[name]


def test_a_strict_fit_stays_strict():
    encoder = SequenceEncoder(length=3).fit(["ACG"]).set_params(truncate=True, unknown="ambiguous", length=9)
    with pytest.raises(ValueError, match="sequence 0 has 4 letters, more than length=3;"):
        encoder.transform(["ACGT"])
    with pytest.raises(ValueError, match="sequence 1 has the letter '-'"):
        encoder.transform(["A", "-"])
