"""Vectors of tokens: what they mean, how they are pooled, and what is refused."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_ann import SequenceEmbeddingTransformer
from sklearn_ann.reading.texts import text_rows, tokenize

TEXTS = ["the king rules", "the queen rules", "a dog barks", "a cat barks"] * 50
WORDS = [text.split() for text in TEXTS]
SMALL = {"n_components": 8, "batch_size": 1, "random_state": 0}
BRIEF = {"n_components": 4, "max_epochs": 2, "learning_rate_schedule": "cosine", "random_state": 0}


# --- Tokens ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 3, 5, 20])
def test_kmers_are_the_overlapping_words_of_each_string(k):
    strings = ["ACGTACG", "AC", "ÄßACGT🧬A", "TTTTTT"]
    texts = tokenize(strings, k)
    expected = [[s[i : i + k] for i in range(len(s) - k + 1)] for s in strings]
    found = [[texts.words[i] for i in texts.ids[a:b]] for a, b in zip(texts.starts, texts.starts[1:], strict=False)]
    assert found == expected
    assert len(set(texts.words)) == len(texts.words)


def test_numbers_of_long_words_of_many_letters_do_not_overflow():
    strings = ["".join(chr(300 + (i * i + j) % 997) for i in range(60)) for j in range(40)]
    texts = tokenize(strings, 30)
    assert texts.words[texts.ids[0]] == strings[0][:30]
    assert set(texts.words) == {s[i : i + 30] for s in strings for i in range(31)}


def test_rows_hold_all_known_tokens_in_order_and_tell_sequences_apart():
    starts = np.array([0, 100, 150, 1000])
    codes = np.arange(1000) % 50 - 1  # every fiftieth token is unknown
    rows = text_rows(codes, starts)
    tokens, sequence = rows.reshape(-1, 2)[:980].T
    np.testing.assert_array_equal(tokens, codes[codes >= 0])
    assert rows.shape[1] <= 128
    changes = np.flatnonzero(np.diff(sequence)) + 1
    assert {98, 147} <= set(changes)  # at the ends of the sequences, and at those of rows
    assert set(changes) <= {98, 147, *range(rows.shape[1], 1000, rows.shape[1])}
    assert (rows.reshape(-1, 2)[980:, 1] == -1).all()


# --- What is learned -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_words_of_the_same_company_are_similar(seed):
    model = SequenceEmbeddingTransformer(**SMALL | {"random_state": seed}).fit(WORDS)
    for one, other in (("king", "queen"), ("dog", "cat")):
        assert model.most_similar(one, n=1)[0][0] == other
        assert model.most_similar(other, n=1)[0][0] == one
        assert model.most_similar(one, n=1)[0][1] > 0.9
    assert len(model.most_similar("king")) == len(model.vocabulary_) - 1
    assert model.most_similar("king", n=0) == []


def test_scores_estimate_the_mutual_information_of_tokens():
    """Levy and Goldberg 2014, with the noise's power of 3/4 in place of the counts themselves."""
    rng = np.random.default_rng(0)
    letters = np.array(list("ABCDEFGH"))
    jump = rng.dirichlet(np.ones(8), size=8)
    state, text = 0, []
    for _ in range(20_000):
        state = rng.choice(8, p=jump[state])
        text.append(letters[state])
    text = "".join(text)
    model = SequenceEmbeddingTransformer(window=1, n_components=16, random_state=0).fit([text])
    codes = np.array([model.vocabulary_[letter] for letter in text])
    pairs = np.zeros((8, 8))
    np.add.at(pairs, (codes[1:], codes[:-1]), 1)
    pairs += pairs.T
    noise = np.bincount(codes) ** 0.75
    information = np.log(pairs / pairs.sum(axis=1, keepdims=True) / (noise / noise.sum()))
    module = model.module_
    scores = (module.vectors @ module.context.T).detach().numpy()
    assert np.corrcoef(scores.ravel(), information.ravel())[0, 1] > 0.97
    assert np.abs(scores - information).mean() < 0.3


def test_pooled_vectors_serve_a_classical_model():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 200)
    strings = ["".join(rng.choice(list("ACGT"), 60, p=(0.3, 0.2, 0.2, 0.3) if c else (0.2, 0.3, 0.3, 0.2))) for c in y]
    embedding = SequenceEmbeddingTransformer(k=2, max_epochs=10, learning_rate_schedule="cosine", random_state=0)
    pipe = make_pipeline(embedding, LogisticRegression(C=100.0))
    assert cross_val_score(pipe, strings, y, cv=3).mean() > 0.85


# --- Pooling ---------------------------------------------------------------------------------------------------------


def test_pooling_is_the_mean_the_maximum_or_the_weighted_mean():
    strings = ["ACGT", "AACA", "GG", "TACCA"]
    model = SequenceEmbeddingTransformer(**BRIEF | {"random_state": 0}).fit(strings)
    vectors = [model.embeddings_[[model.vocabulary_[letter] for letter in string]] for string in strings]
    np.testing.assert_allclose(model.transform(strings), [v.mean(axis=0) for v in vectors], rtol=1e-5, atol=1e-8)
    model.set_params(pooling="max").fit(strings)
    np.testing.assert_array_equal(model.transform(strings), [v.max(axis=0) for v in vectors])
    weights = TfidfVectorizer(analyzer="char", lowercase=False, norm="l1").fit_transform(strings)
    model.set_params(pooling="tfidf").fit(strings)
    np.testing.assert_allclose(model.transform(strings), weights @ model.embeddings_, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("pooling", ["mean", "max", "tfidf"])
def test_unknown_tokens_are_left_out_or_refused(pooling):
    model = SequenceEmbeddingTransformer(**BRIEF, pooling=pooling).fit(["ACAC", "CCA"])
    with pytest.warns(UserWarning, match="1 of 2 sequences have no token.*sequence 1 has tokens such as 'Ä'"):
        found = model.transform(["AXC", "Ä"])
    np.testing.assert_array_equal(found, [model.transform(["AC"])[0], np.zeros(4)])
    with pytest.raises(ValueError, match="sequence 1 has the token 'X', which is not in the vocabulary"):
        model.set_params(unknown="error").fit(["ACAC", "CCA"]).transform(["AC", "AXC"])


def test_strings_shorter_than_a_word_become_zeros():
    model = SequenceEmbeddingTransformer(**BRIEF, k=3).fit(["ACGTACG", "AC"])
    with pytest.warns(UserWarning, match="1 of 2 sequences have no token.*sequence 0 has fewer than k=3 letters"):
        short, word = model.transform(["AC", "ACG"])
    assert not short.any()
    assert word.any()


def test_the_words_are_those_of_the_fit():
    model = SequenceEmbeddingTransformer(**BRIEF).fit(["ACAC", "CCA"])
    expected = model.transform(["CA"])
    np.testing.assert_array_equal(model.set_params(k=2).transform(["CA"]), expected)


def test_rare_tokens_are_not_in_the_vocabulary():
    model = SequenceEmbeddingTransformer(**BRIEF, min_count=2).fit(["AABB", "ABC"])
    assert model.vocabulary_ == {"A": 0, "B": 1}
    assert model.embeddings_.shape == (2, 4)
    assert model.n_features_in_ == 1


def test_soft_masked_reads_are_reads():
    model = SequenceEmbeddingTransformer(**BRIEF, k=3).fit(["ACGTACG", "GGTACA"])
    assert model.alphabet_ == "dna"
    np.testing.assert_array_equal(model.transform(["acgtACG"]), model.transform(["ACGTACG"]))
    assert model.most_similar("acg") == model.most_similar("ACG")
    words = SequenceEmbeddingTransformer(**BRIEF).fit(WORDS)
    assert words.alphabet_ is None
    with pytest.warns(UserWarning, match="1 of 1 sequences have no token of the vocabulary"):
        assert not words.transform([["KING", "QUEEN"]]).any()


def test_rna_is_read_as_dna_and_dna_as_rna():
    dna = ["ACGTACG", "GGTACATTT"]
    rna = [sequence.replace("T", "U").lower() for sequence in dna]
    model = SequenceEmbeddingTransformer(**BRIEF, k=3).fit(dna)
    np.testing.assert_array_equal(model.transform(rna), model.transform(dna))
    assert model.most_similar("uac") == model.most_similar("TAC")
    model.fit(rna)
    assert (model.alphabet_, "UAC" in model.vocabulary_, "TAC" in model.vocabulary_) == ("rna", True, False)
    np.testing.assert_array_equal(model.transform(rna), model.transform(dna))
    model.fit([*dna, *rna])
    assert (model.alphabet_, "UAC" in model.vocabulary_) == ("dna", False)


def test_sequences_of_another_kind_are_noticed():
    model = SequenceEmbeddingTransformer(**BRIEF, k=2).fit(["ACGTACG", "GGTACA"])
    with pytest.warns(UserWarning, match="67% of the tokens of X, such as 'CM', are not in the vocabulary"):
        model.transform(["ACMK"])


# --- Input -----------------------------------------------------------------------------------------------------------


def test_all_containers_of_strings_are_the_same():
    strings = ["ACGT", "GGT", "TTA"]
    expected = SequenceEmbeddingTransformer(**BRIEF).fit_transform(strings)
    for same in (
        tuple(strings),
        np.array(strings),
        np.array(strings, dtype=object)[:, None],
        pd.Series(strings),
        pd.DataFrame({"dna": strings}),
        [list(string) for string in strings],
        [np.array(list(string)) for string in strings],
        pd.Series([list(string) for string in strings]),
    ):
        np.testing.assert_array_equal(SequenceEmbeddingTransformer(**BRIEF).fit_transform(same), expected)


@pytest.mark.parametrize(
    ("X", "settings", "error", "message"),
    [
        ("ACGT", {}, TypeError, "X must be a list of sequences, got a single str"),
        (["AC", ""], {}, ValueError, "sequence 1 is empty"),
        (["AC", b"AC"], {}, TypeError, "sequence 1 is b'AC' of type bytes"),
        (["AC", 5], {}, TypeError, "sequence 1 is 5 of type int"),
        (["AC", None], {}, TypeError, "sequence 1 is None"),
        ([], {}, ValueError, "0 sample"),
        ([["a", "b"], []], {}, ValueError, "sequence 1 is empty"),
        ([["a", "b"], ["a", 3]], {}, TypeError, "sequence 1 has the token 3 of type int"),
        ([["a", "b"], ["a", None]], {}, TypeError, "sequence 1 has the token None"),
        ([["a", "b"], "ab"], {}, TypeError, "sequence 1 is 'ab' of type str"),
        ([["the", "b"]], {"k": 2}, ValueError, "k=2 is for strings"),
        (["AC", "G"], {"k": 3}, ValueError, "no token of k=3"),
        (["AC", "G"], {"min_count": 3}, ValueError, "min_count=3"),
        (np.ones((3, 2)), {}, TypeError, "sequence 0 has the token"),
    ],
)
def test_what_is_not_text_is_refused(X, settings, error, message):
    with pytest.raises(error, match=message):
        SequenceEmbeddingTransformer(**BRIEF, **settings).fit(X)


def test_tokens_to_compare_with_are_checked():
    model = SequenceEmbeddingTransformer(**BRIEF).fit(["ACAC"])
    with pytest.raises(ValueError, match="token='X' is not in the vocabulary of 2 tokens"):
        model.most_similar("X")
    with pytest.raises(ValueError, match="n=-1"):
        model.most_similar("A", n=-1)


def test_a_letter_stands_for_the_tokens_that_contain_it():
    model = SequenceEmbeddingTransformer(k=3, **BRIEF).fit(["ACGTACGGTCA", "TTGCATTAC"])
    names = list(model.vocabulary_)
    with_c = np.array(["C" in name for name in names])
    mean = model.embeddings_[with_c].mean(axis=0)
    found = model.most_similar("C", n=100)
    assert {name for name, _ in found} == {name for name in names if "C" not in name}
    first = model.embeddings_[model.vocabulary_[found[0][0]]]
    expected = first @ mean / np.linalg.norm(first) / np.linalg.norm(mean)
    assert found[0][1] == pytest.approx(expected, rel=1e-5)
    assert found == sorted(found, key=lambda pair: -pair[1])
    for unknown in ("X", "", "ACGT"):
        with pytest.raises(ValueError, match="is not in the vocabulary"):
            model.most_similar(unknown)


@pytest.mark.parametrize("X", [["A"], ["AAAA"], [["word"]]])
def test_a_text_of_one_token_or_without_pairs(X):
    model = SequenceEmbeddingTransformer(**BRIEF).fit(X)
    assert np.isfinite(model.transform(X)).all()
    assert np.isfinite(model.history_["loss"]).all()


def test_pickle_clone_and_validation_data():
    model = SequenceEmbeddingTransformer(**BRIEF).fit(WORDS, X_val=WORDS[:8])
    assert len(model.history_["validation_loss"]) == model.n_iter_
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.most_similar("king") == model.most_similar("king")
    assert loaded.score(WORDS) == model.score(WORDS)
    np.testing.assert_array_equal(clone(model).fit(WORDS, X_val=WORDS[:8]).embeddings_, model.embeddings_)


def test_questions_that_have_no_answer_are_refused():
    model = SequenceEmbeddingTransformer(learning_rate_schedule="cosine", max_epochs=1, random_state=0)
    model.fit(["ACGT" * 5] * 3)
    with pytest.raises(TypeError, match="token=5"):
        model.most_similar(5)
    with pytest.raises(ValueError, match=r"n=2\.5"):
        model.most_similar("A", n=2.5)
    with pytest.raises(ValueError, match="no pair"):
        model.score(["xyz"])
