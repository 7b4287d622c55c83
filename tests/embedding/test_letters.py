"""Vectors of letters whose sums are the vectors of k-mers, and networks that begin from them."""

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

from sklearn_ann import (
    AttentionClassifier,
    AttentionRegressor,
    CNNClassifier,
    RNNRegressor,
    SequenceEmbeddingTransformer,
    TabularClassifier,
    save,
)
from sklearn_ann.embedding.letters import additive, letter_embedding, letters_of_words
from sklearn_ann.reading.alphabets import find_alphabet

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
RNG = np.random.default_rng(0)
STRINGS = ["".join(RNG.choice(list("ACGT"), size=n)) for n in RNG.integers(8, 20, 60)]
Y = np.array(["GA" in string for string in STRINGS])


def embedded(**settings):
    settings = {"n_components": 16, "max_epochs": 2, "random_state": 0} | settings
    return SequenceEmbeddingTransformer(**settings).fit(STRINGS)


def begun(source, estimator=AttentionClassifier, **settings):
    return estimator(init_from=FrozenEstimator(source), **{"max_epochs": 2, "random_state": 0} | settings)


def equal_weights(one, other):
    """Whether any matrix of the blocks is equal in two networks."""
    pairs = zip(one.module_.body.blocks.parameters(), other.module_.body.blocks.parameters(), strict=True)
    return any(torch.equal(a, b) for a, b in pairs if a.ndim == 2)


# --- Sums of letters -------------------------------------------------------------------------------------------------


def test_sums_of_letters_are_found_again():
    rng = np.random.default_rng(1)
    words = [a + b for a in "ACGT" for b in "ACGT"]
    known, shares = letters_of_words(words, find_alphabet("dna"), 2)
    assert known.all()
    sums = shares @ rng.normal(size=(8, 5))
    np.testing.assert_allclose(shares @ additive(shares, sums, np.arange(1, 17)), sums, atol=1e-12)
    # With noise, frequent words are met more closely than rare ones.
    noisy = sums + rng.normal(size=sums.shape)
    counts = np.where(np.arange(16) < 7, 1e6, 1)
    error = np.abs(shares @ additive(shares, noisy, counts) - noisy).mean(axis=1)
    assert error[:7].max() < error[7:].mean()


def test_words_of_other_letters_and_lengths_are_left_out():
    known, shares = letters_of_words(["AC", "A-", "ACG", "NA"], find_alphabet("dna"), 2)
    assert known.tolist() == [True, False, False, True]
    np.testing.assert_array_equal(shares[1], [0.25] * 4 + [1, 0, 0, 0])


def test_vectors_of_single_letters_are_those_of_the_source_centred_and_scaled():
    counts, vectors = np.array([1, 2, 3, 4]), np.random.default_rng(2).normal(size=(4, 6)) + 5
    weights = letter_embedding(list("ACGT"), vectors, counts, find_alphabet("dna"), 1)
    weight = weights["embedding"].detach().numpy()  # (width, n_letters, 1)
    assert weight.shape == (6, 4, 1)
    share = counts / counts.sum()
    np.testing.assert_allclose(weight[:, :, 0] @ share, 0, atol=1e-6)
    np.testing.assert_allclose(share @ (weight[:, :, 0].T ** 2).mean(axis=1), 1, rtol=1e-6)
    centred = vectors - share @ vectors
    ratio = weight[:, :, 0].T / centred
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-4)


def test_letters_that_the_source_has_never_seen_are_the_mean():
    weights = letter_embedding(["A", "C"], np.eye(2), np.array([1, 1]), find_alphabet("dna"), 1)
    assert not weights["embedding"][:, 2:].any()
    alike = letter_embedding(["A", "C"], np.ones((2, 3)), np.array([1, 1]), find_alphabet("dna"), 1)
    assert torch.isfinite(alike["embedding"]).all()


# --- Networks that begin from them -----------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("estimator", [AttentionClassifier, AttentionRegressor])
def test_attention_begins_from_the_vectors_and_the_rest_is_new(k, estimator):
    source = embedded(k=k)
    model = begun(source, estimator, freeze=["embedding"]).fit(STRINGS, Y)
    expected = source._source().bodies[0]["embedding"]
    assert torch.equal(model.module_.body.embedding, expected)
    assert (model.resolved_parameters_.k, model.resolved_parameters_.n_components) == (k, 16)
    assert model.alphabet_ == source.alphabet_ == "dna"
    other = clone(model).set_params(random_state=1).fit(STRINGS, Y)
    assert torch.equal(other.module_.body.embedding, expected)
    assert not equal_weights(other, model)
    learning = clone(model).set_params(freeze="none", n_layers=2, pooling="mean").fit(STRINGS, Y)
    assert not torch.equal(learning.module_.body.embedding, expected)
    assert len(learning.module_.body.blocks) == 2
    np.testing.assert_array_equal(clone(learning).fit(STRINGS, Y).predict(STRINGS), learning.predict(STRINGS))


def test_tokens_with_similar_neighbours_are_similar_from_the_first_step_on():
    rng = np.random.default_rng(3)
    pairs = {"A": "AC", "G": "GT"}  # A and C stand for each other, G and T do
    strings = ["".join(rng.choice(list(pairs[half]), size=12)) for half in "AG" for _ in range(150)]
    source = SequenceEmbeddingTransformer(n_components=8, batch_size=2, max_epochs=20, random_state=0).fit(strings)
    a, c, g, t = source._source().bodies[0]["embedding"][:, :, 0].T.detach()

    def cosine(one, other):
        return float(torch.cosine_similarity(one, other, dim=0))

    assert cosine(a, c) > cosine(a, g)
    assert cosine(g, t) > cosine(c, t)


def test_a_file_a_search_several_networks_and_a_warm_start(tmp_path):
    source = embedded()
    save(source, tmp_path / "letters.sklann")
    model = begun(source).fit(STRINGS, Y)
    again = clone(model).set_params(init_from=tmp_path / "letters.sklann").fit(STRINGS, Y)
    np.testing.assert_array_equal(again.predict_proba(STRINGS), model.predict_proba(STRINGS))
    grid = {"init_from": [None, FrozenEstimator(source)], "n_components": [16]}
    search = GridSearchCV(begun(source), grid, cv=2, error_score="raise").fit(STRINGS, Y)
    assert len(search.cv_results_["params"]) == 2
    pair = begun(source, freeze=1, n_estimators=2).fit(STRINGS, Y).module_.parts
    assert torch.equal(pair[0].body.embedding, pair[1].body.embedding)
    assert not torch.equal(pair[0].head.weight, pair[1].head.weight)
    warm = begun(source, freeze=["embedding"], warm_start=True).fit(STRINGS, Y)
    before = warm.module_.body.embedding.detach().clone()
    warm.set_params(freeze="none").fit(STRINGS, Y)
    assert not torch.equal(warm.module_.body.embedding, before)
    assert len(warm.history_["loss"]) == 4


# --- What cannot begin -----------------------------------------------------------------------------------------------


def test_what_cannot_begin_from_vectors_of_letters_says_so():
    source = embedded()
    for estimator, X in ((CNNClassifier, STRINGS), (RNNRegressor, STRINGS), (TabularClassifier, np.eye(60))):
        message = f"holds SequenceEmbeddingTransformer, whose network {estimator.__name__} cannot begin from"
        with pytest.raises(TypeError, match=message):
            begun(source, estimator).fit(X, Y)
    words = SequenceEmbeddingTransformer(n_components=8, max_epochs=1).fit([["the", "king"], ["a", "dog"]])
    with pytest.raises(ValueError, match=r"of tokens such as 'a', which are no letters of DNA, RNA or proteins"):
        begun(words).fit(STRINGS, Y)
    with pytest.raises(
        ValueError, match=r"freeze='body' would freeze layers with random weights.*freeze=\['embedding'\]"
    ):
        begun(source, freeze="body").fit(STRINGS, Y)
    with pytest.raises(ValueError, match="freeze=2 would freeze layers with random weights"):
        begun(source, freeze=2).fit(STRINGS, Y)
    with pytest.raises(ValueError, match=r"n_components=32, but the body of init_from.*has n_components=16"):
        begun(source, n_components=32).fit(STRINGS, Y)
    with pytest.raises(ValueError, match=r"attend='columns', but the body"):
        begun(source, attend="columns").fit(STRINGS, Y)
    with pytest.raises(ValueError, match=r"alphabet='protein', but the body"):
        begun(source, alphabet="protein").fit(STRINGS, Y)
    with pytest.raises(ValueError, match="the letter 'L' at position 3"):
        begun(source).fit(["MKWL", "HHEE"] * 30, Y)
