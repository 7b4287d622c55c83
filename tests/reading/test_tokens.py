import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_ann.reading.tokens import TokenReader, TokenSamples, Vocabulary

COMMON = {"owner": "Someone", "dtype": torch.float32}


def test_letters_lists_and_words_are_tokens():
    reader = TokenReader(**COMMON)
    samples = reader.learn(["ba", "abc"])
    assert reader.vocabulary.codes == {"a": 0, "b": 1, "c": 2}
    assert samples.codes.tolist() == [1, 0, 0, 1, 2]
    assert samples.lengths.tolist() == [2, 3]
    assert reader.attributes == {"n_features_in_": 1, "vocabulary_": {"a": 0, "b": 1, "c": 2}}
    assert reader.vocabulary.texts(samples) == [["b", "a"], ["a", "b", "c"]]
    lists = TokenReader(**COMMON)
    assert lists.learn([["AH", "B"], ["B"]]).codes.tolist() == [0, 1, 1]
    words = TokenReader(**COMMON, tokenizer=str.split)
    assert words.learn(["the cat", "cat"]).codes.tolist() == [1, 0, 0]
    assert words.read([["the"]]).codes.tolist() == [1]  # lists are tokens already


@pytest.mark.parametrize("kind", [list, np.array, pd.Series, lambda X: pd.DataFrame({"word": X})])
def test_lists_arrays_series_and_columns_are_the_same(kind):
    reader = TokenReader(**COMMON)
    assert reader.learn(kind(["ba", "abc"])).codes.tolist() == [1, 0, 0, 1, 2]


def test_unknown_tokens_are_an_error_that_names_them_or_one_token():
    reader = TokenReader(**COMMON)
    reader.learn(["ab"])
    with pytest.raises(ValueError, match=r"X: sequence 1 has the token 'x', .* 1 more such tokens; unknown='token'"):
        reader.read(["a", "bxy"])
    reader = TokenReader(**COMMON, unknown="token")
    reader.learn(["ab"])
    assert reader.read(["a", "bxy"]).codes.tolist() == [0, 1, 2, 2]
    assert reader.vocabulary.texts(reader.read(["bxy"])) == [["b", "?", "?"]]


def test_batches_are_padded_only_where_lengths_differ():
    samples = TokenSamples(torch.tensor([1, 0, 0, 1, 2, 2, 2]), torch.tensor([0, 2, 5, 7]))
    batch = samples[torch.tensor([0, 1])]
    assert batch.codes.shape == (2, 3)
    assert batch.codes[0, :2].tolist() == [1, 0]
    assert batch.codes[1].tolist() == [0, 1, 2]
    assert batch.lengths.tolist() == [2, 3]
    assert samples[torch.tensor([2, 0])].lengths is None
    assert samples[torch.tensor([2, 0])].codes.tolist() == [[2, 2], [1, 0]]
    assert samples.filled(torch.tensor([2]), 4, None).codes[0, :2].tolist() == [2, 2]
    assert samples.to(torch.device("cpu")).extents.tolist() == [2, 3, 2]


def test_extents_put_lengths_first_and_then_the_others():
    samples = TokenSamples(torch.zeros(7, dtype=torch.int64), torch.tensor([0, 2, 5, 7]))
    extents = samples.alike(torch.tensor([9, 1, 4])).extents
    assert extents.argsort().tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("sequences", "error", "message"),
    [
        (["a", ""], ValueError, "y: sequence 1 is empty"),
        ([["a"], []], ValueError, "y: sequence 1 is empty"),
        (["a", 3], TypeError, "y: sequence 1 is 3 of type int"),
        ([["a"], [3]], TypeError, "y: sequence 1 has the token 3"),
        ([["a"], "a"], TypeError, "y: sequence 1 is 'a' of type str: expected a list"),
        ("abc", TypeError, "y: it must be a list of sequences, got a single str"),
        (np.arange(3), TypeError, "y must be a list of strings or of lists of tokens, got a ndarray"),
        (["a", {"b", "c"}], TypeError, "y: sequence 1 is a set: several valid targets"),
        ([], ValueError, "0 sample"),
    ],
)
def test_what_is_no_sequence(sequences, error, message):
    with pytest.raises(error, match=message):
        Vocabulary(**COMMON, what="y").learn(sequences)


@pytest.mark.parametrize("made", [[], "ab", None])
def test_a_tokenizer_must_make_tokens(made):
    with pytest.raises(ValueError, match="sequence 0 is 'a b', of which the tokenizer made"):
        TokenReader(**COMMON, tokenizer=lambda _: made).learn(["a b"])
