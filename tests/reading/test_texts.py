"""Texts as tokens and codes."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.feature_extraction.text import TfidfTransformer

from sklearn_ann.reading import TextReader
from sklearn_ann.reading.texts import count, in_vocabulary, inverse_document_frequency, spelled, text_rows, tokenize


def tokens_of(texts):
    return [[texts.words[i] for i in texts.ids[start:end]] for start, end in pairwise(texts.starts)]


def by_hand(strings, k):
    return [[string[i : i + k] for i in range(len(string) - k + 1)] for string in strings]


@pytest.mark.parametrize("k", [1, 2, 3, 40])  # 20**40 words do not fit in 64 bits
def test_strings_are_split_into_overlapping_words(k):
    rng = np.random.default_rng(0)
    strings = ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), size=n)) for n in (60, 1, 39, 40, 2)]
    strings += [strings[0], *(first + strings[2] for first in "ACDE")]
    texts = tokenize(strings, k)
    assert tokens_of(texts) == by_hand(strings, k)
    assert len(set(texts.words)) == len(texts.words)


def test_letters_outside_ascii_are_letters():
    assert tokens_of(tokenize(["aé🧬", "é"], 2)) == [["aé", "é🧬"], []]


def test_kinds_of_lists():
    lists = [["to", "be"], ["or", "to"]]
    for same in (lists, tuple(map(tuple, lists)), np.array(lists), pd.Series(lists)):
        assert tokens_of(tokenize(same, 1)) == lists
    for same in (np.array([["AC"], ["G"]]), pd.Series(["AC", "G"]), pd.DataFrame({"s": ["AC", "G"]})):
        assert tokens_of(tokenize(same, 1)) == [["A", "C"], ["G"]]


@pytest.mark.parametrize(
    ("X", "k", "error", "message"),
    [
        ([["a"], []], 1, ValueError, "sequence 1 is empty"),
        ([["a"], "b"], 1, TypeError, "sequence 1 is 'b' of type str: expected a list"),
        ([["a"], ["b", 3]], 1, TypeError, "sequence 1 has the token 3 of type int: expected a str"),
        ([["the", "a"]], 2, ValueError, "k=2 is for strings, but sequence 0 is a list of tokens"),
        (["AC", 3], 1, TypeError, "sequence 1 is 3 of type int: expected a str"),
    ],
)
def test_what_is_not_text_is_refused(X, k, error, message):
    with pytest.raises(error, match=message):
        tokenize(X, k)


def test_lists_of_letters_are_strings_for_longer_words():
    assert tokens_of(tokenize([list("ACG"), list("GT")], 2)) == [["AC", "CG"], ["GT"]]


def test_capitals_are_for_strings_of_biological_letters():
    def reader(X, k=1):
        made = TextReader(owner="Model", dtype=torch.float32, k=k, min_count=1)
        made.learn(X)
        return made

    made = reader(["ACgt", "GGCA"], k=2)
    assert (made.alphabet_name, sorted(made.vocabulary)) == ("dna", ["AC", "CA", "CG", "GC", "GG", "GT"])
    assert (
        made.codes(["acgt"])[0].tolist() == made.codes(["ACGT"])[0].tolist() == made.codes([list("acgt")])[0].tolist()
    )
    assert made.codes(["ACGU"])[0].tolist() == made.codes(["ACGT"])[0].tolist()
    words = reader([["King", "king"]])
    assert (words.alphabet_name, len(words.vocabulary)) == (None, 2)
    text = reader(["The king rules, and the queen rules."])
    assert text.alphabet_name is None
    assert {"T", "t"} <= set(text.vocabulary)


def test_spelling_of_an_alphabet():
    assert spelled("acUT", "dna") == "ACTT"
    assert spelled("acUt", "rna") == "ACUU"
    assert spelled("mkUt", "protein") == "MKUT"
    assert spelled("acUt", None) == "acUt"


def test_rows_hold_every_token_with_its_sequence():
    rng = np.random.default_rng(0)
    lengths = [100, 0, 57, 300, 1]
    codes, starts = rng.integers(-1, 9, size=sum(lengths)), np.cumsum([0, *lengths])
    rows = text_rows(codes, starts)
    sequence = np.repeat(np.arange(5), lengths)[codes >= 0]
    assert rows.shape[1] <= 128
    padding = rows[..., 1] < 0
    assert padding.sum() == padding[-1].sum() < len(rows)
    assert rows[..., 0][~padding].tolist() == codes[codes >= 0].tolist()
    assert (rows[:, 0, 1] == 0).all()
    first = sequence[np.cumsum([0, *(~padding).sum(axis=1)[:-1]])]
    assert (rows[..., 1] + first[:, None])[~padding].tolist() == sequence.tolist()


def test_counts_and_inverse_document_frequencies():
    texts = tokenize(["AAB", "B", "C"], 1)
    codes = in_vocabulary(texts, {"A": 0, "B": 1})
    assert codes.tolist() == [0, 0, 1, 1, -1]
    counts = count(codes, texts.starts, 2)
    assert counts.toarray().tolist() == [[2, 1], [0, 1], [0, 0]]
    np.testing.assert_allclose(inverse_document_frequency(counts), TfidfTransformer().fit(counts).idf_)


def test_the_vocabulary_is_that_of_the_fit():
    reader = TextReader(owner="Model", dtype=torch.float32, k=2, min_count=2)
    reader.learn(["ACAC", "GAC", "TT"])
    assert reader.vocabulary == {"AC": 0}
    assert (reader.counts.tolist(), reader.columns.number) == ([3], 1)
    assert reader.read(["GACAT", "CA"])[torch.arange(1)].tolist() == [[[0, 0]]]
    codes, texts = reader.codes(["GACAT", "CA"])
    assert (codes.tolist(), texts.starts.tolist()) == ([-1, 0, -1, -1, -1], [0, 4, 5])
    reader.read(["TT"])  # no token is known
    with pytest.raises(ValueError, match="no token of k=2 letters that occurs min_count=2 times or more"):
        reader.learn(["AC"])
