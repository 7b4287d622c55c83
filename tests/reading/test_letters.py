"""Sequences of letters."""

import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_ann.reading import LetterReader

X = ["ACGT", "G", "CCA", "TTN"]


def reader(alphabet="auto", unknown="error", **settings):
    return LetterReader(owner="Model", dtype=torch.float32, alphabet=alphabet, unknown=unknown, **settings)


def letters(made, samples, index):
    codes, lengths = samples[torch.tensor(index)]
    lengths = [codes.shape[1]] * len(codes) if lengths is None else lengths.tolist()
    return [
        "".join(made.alphabet.symbols[code] for code in row[:n]) for row, n in zip(codes.tolist(), lengths, strict=True)
    ]


@pytest.mark.parametrize("index", [[0, 1, 2, 3], [1], [3, 1, 3], [1, 2]])
def test_a_batch_holds_the_letters_of_each_sequence(index):
    made = reader()
    samples = made.learn(X)
    assert letters(made, samples, index) == [X[i] for i in index]
    assert samples[torch.tensor(index)].codes.shape[1] == max(len(X[i]) for i in index)
    assert letters(made, made.learn(["AC", "GT"]), [1, 0]) == ["GT", "AC"]  # of one length


def test_sequences_of_one_length_need_no_lengths():
    assert reader().learn(["AC", "GT"])[torch.arange(2)].lengths is None
    assert reader().learn(X)[torch.arange(2)].lengths.tolist() == [4, 1]


def test_letters_of_sequences():
    made = reader()
    assert made.letters_of(made.learn(X)) == [list(sequence) for sequence in X]


def test_the_alphabet_is_that_of_the_fit():
    made = reader()
    made.learn(["ACGU"])
    assert made.alphabet_name == "rna"
    with pytest.raises(ValueError, match="sequence 1 has the letter 'T' at position 1"):
        made.read(["AC", "GTC"])
    wild = reader(unknown="ambiguous")
    wild.learn(["ACGU"])
    assert letters(wild, wild.read(["AC", "GTC"]), [1]) == ["GNC"]
    own = reader(alphabet="HP")
    np.testing.assert_array_equal(own.learn(["hpp"]).codes, [0, 1, 1])


def test_longer_sequences_are_refused_only_on_request():
    made = reader()
    made.learn(X)
    assert len(made.read(["ACGTA"])) == 1
    strict = reader(longest=True)
    strict.learn(X)
    assert len(strict.read(["ACGT"])) == 1
    with pytest.raises(ValueError, match="sequence 1 has 5 letters, but the longest sequence in fit had 4"):
        strict.read(["A", "ACGTA"])


def test_extents_are_lengths_where_these_differ():
    assert reader().learn(X).extents.tolist() == [4, 1, 3, 3]
    assert reader().learn(["AC", "GT"]).extents is None


def test_the_name_of_a_column_is_learned_and_compared():
    made = reader()
    made.learn(pd.DataFrame({"dna": X}))
    assert made.attributes == {
        "alphabet_": "dna", "letters_": "ACGT", "n_features_in_": 1, "feature_names_in_": np.array(["dna"])
    }  # fmt: skip
    assert len(made.read(X)) == len(made.read(pd.Series(X))) == 4
    with pytest.raises(ValueError, match="feature names should match"):
        made.read(pd.DataFrame({"rna": X}))


def test_a_masked_letter_has_the_code_behind_all_others():
    made = reader("dna")
    made.learn(X)
    samples = made.read_masked(["A*GT", "**", "N"], "*")
    mask = len(made.alphabet.symbols)
    assert samples.codes.tolist() == [0, mask, 2, 3, mask, mask, made.alphabet.any_letter]
    assert samples.lengths.tolist() == [4, 2, 1]
    assert made.read_masked(["🧬A"], "🧬").codes.tolist() == [mask, 0]  # of two units in UTF-16
    with pytest.raises(ValueError, match="sequence 1 has the letter 'X' at position 2"):
        made.read_masked(["A", "*GX"], "*")
    short = reader("dna", longest=True)
    short.learn(X)
    with pytest.raises(ValueError, match="sequence 0 has 5 letters"):
        short.read_masked(["ACG*A"], "*")
