"""Attention among tokens: what is learned only if places are known, and what must not matter."""

import numpy as np
import pytest
import torch

from sklearn_ann import AttentionClassifier, AttentionRegressor
from sklearn_ann.reading import LetterSamples

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
QUICK = {"max_epochs": 2, "random_state": 0}
LEARN = {"max_epochs": 15, "n_components": 32, "dropout": 0.0, "learning_rate": 3e-3, "random_state": 0}
LEARN |= {"learning_rate_schedule": "cosine", "mutation": 0.0, "n_heads": 4}


def after_the_marker(n, seed):
    """Strings with an N somewhere, and the letter that comes after it."""
    rng = np.random.default_rng(seed)
    strings, after = [], []
    for length in rng.integers(8, 14, size=n):
        letters = rng.choice(list("ACGT"), size=length)
        place = rng.integers(0, length - 1)
        letters[place] = "N"
        strings.append("".join(letters))
        after.append(letters[place + 1])
    return strings, after


def reversed_letters(n, length, seed):
    """Strings, and the one-hot rows of the letters in them from the last to the first."""
    letters = np.random.default_rng(seed).choice(list("ACGT"), size=(n, length))
    one_hot = letters[:, ::-1, None] == np.array(list("ACGT"))
    return ["".join(row) for row in letters], one_hot.reshape(n, -1).astype(int)


def ragged(n=60, seed=0):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGT"), size=k)) for k in rng.integers(1, 30, size=n)], np.arange(n) % 2


def test_which_letter_comes_after_the_marker():
    X, y = after_the_marker(1000, seed=0)
    X_new, y_new = after_the_marker(300, seed=1)
    model = AttentionClassifier(alphabet="ACGTN", position="rotary", k=1, n_layers=2, **LEARN).fit(X, y)
    assert model.score(X_new, y_new) == 1.0
    blind = AttentionClassifier(alphabet="ACGTN", position="none", k=1, **LEARN | {"max_epochs": 5}).fit(X, y)
    assert blind.score(X_new, y_new) < 0.55


def test_a_string_is_turned_around():
    X, Y = reversed_letters(1000, 5, seed=0)
    X_new, Y_new = reversed_letters(200, 5, seed=1)

    def found(position, max_epochs):
        settings = LEARN | {"max_epochs": max_epochs}
        model = AttentionClassifier(position=position, k=1, n_layers=2, **settings).fit(X, Y)
        return model.predict_proba(X_new).reshape(-1, 5, 4).argmax(axis=2)

    expected = Y_new.reshape(-1, 5, 4).argmax(axis=2)
    assert (found("rotary", 15) == expected).all()
    assert (found("none", 5) == expected).mean() < 0.6


@pytest.mark.parametrize("position", ["sinusoidal", "learned", "rotary", "none"])
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_what_else_is_in_the_batch_does_not_matter(position, pooling):
    X, y = ragged()
    model = AttentionClassifier(position=position, pooling=pooling, k=2, precision="float64", **QUICK).fit(X, y)
    together = model.decision_function(X)
    apart = np.concatenate([model.decision_function([s]) for s in X])
    np.testing.assert_allclose(together, apart, rtol=1e-9)


def test_without_places_an_anagram_is_the_same():
    X, y = ragged()
    other_way = [s[::-1] for s in X]
    blind = AttentionClassifier(position="none", k=1, precision="float64", **QUICK).fit(X, y)
    np.testing.assert_allclose(blind.predict_proba(X), blind.predict_proba(other_way), rtol=1e-9)
    model = AttentionClassifier(position="rotary", k=1, **QUICK).fit(X, y)
    assert not np.allclose(model.predict_proba(X), model.predict_proba(other_way))


def test_the_vector_of_a_token_is_a_sum_over_its_letters():
    X, y = ragged()
    body = AttentionClassifier(k=3, unknown="ambiguous", **QUICK).fit(X, y).module_.body
    before, itself, after = body.embedding.detach().numpy().transpose(2, 1, 0)  # (n_letters, width) each
    samples = LetterSamples(*(torch.tensor(part) for part in ([0, 3, 2, 14, 1, 1], [0, 3, 6])))  # ATG, NCC
    with torch.no_grad():
        found = body.vectors(samples.codes.view(2, 3), None).numpy()
    np.testing.assert_allclose(found[0, 1], before[0] + itself[3] + after[2], rtol=1e-5)
    np.testing.assert_allclose(found[0, 0], itself[0] + after[3], rtol=1e-5)  # nothing is before it
    np.testing.assert_allclose(found[1, 0], itself.mean(axis=0) + after[1], rtol=1e-5)  # N is any of the four


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_features_are_pooled_states(pooling):
    X, y = ragged(12)
    model = AttentionClassifier(pooling=pooling, n_layers=2, k=2, **QUICK).fit(X, y)
    body, batch = model.module_.eval().body, model.module_input(X)
    with torch.no_grad():
        states = body.states(body.vectors(batch.codes, batch.lengths), batch.lengths)
        assert body.of_letters(states).shape[1] == batch.codes.shape[1]
        assert states.shape[1] == batch.codes.shape[1] + (pooling == "cls")
        pooled = body.pooled(states, batch.lengths)
        torch.testing.assert_close(pooled, body(batch))
    longest = batch.lengths.max()
    full = batch.lengths == longest
    if pooling == "mean":
        torch.testing.assert_close(pooled[full], body.of_letters(states)[full].mean(dim=1))


def test_maps_are_the_weights_among_the_tokens_that_are_there():
    X, y = ragged(20)
    model = AttentionClassifier(n_layers=3, n_heads=2, k=1, **QUICK).fit(X, y)
    maps = model.attention_maps(X)
    names = model.token_names(X)
    assert names[3] == ["CLS", *X[3]]
    for one, tokens in zip(maps, names, strict=True):
        assert one.shape == (3, 2, len(tokens), len(tokens))
        np.testing.assert_allclose(one.sum(axis=-1), 1, rtol=1e-5)
    alone = model.attention_maps([X[3]])
    assert alone.shape == (1, 3, 2, len(X[3]) + 1, len(X[3]) + 1)
    np.testing.assert_allclose(alone[0], maps[3], rtol=1e-4, atol=1e-6)


def test_regression_and_bfloat16():
    X, _ = ragged(300)
    share = np.array([s.count("G") / len(s) for s in X])
    model = AttentionRegressor(k=1, n_layers=1, precision="bfloat16", **LEARN).fit(X, share)
    assert model.score(X, share) > 0.8
    assert model.attention_maps(X[:1]).dtype == np.float32


@pytest.mark.parametrize(
    ("X", "settings", "message"),
    [
        (["ACGT", "ACXT"], {"alphabet": "dna"}, "sequence 1 has the letter 'X' at position 2"),
        (["ACGT", ""], {}, "sequence 1 is empty"),
        (["ACGT", 3], {}, "sequence 1 is 3 of type int"),
        ([b"ACGT", b"AC"], {}, "sequence 0 is b'ACGT' of type bytes"),
        ("ACGT", {}, "got a single str"),
        (np.ones((2, 3)), {"attend": "tokens"}, "X must be a list of sequences"),
    ],
)
def test_bad_input(X, settings, message):
    with pytest.raises((ValueError, TypeError), match=message):
        AttentionClassifier(**settings, **QUICK).fit(X, [0, 1])


def test_lengths_that_fit_has_not_seen():
    X, y = ["ACGT", "GG", "A"], [0, 1, 0]
    longer = ["A", "ACGTA"]
    for position in ("sinusoidal", "rotary", "none"):
        assert len(AttentionClassifier(position=position, k=1, **QUICK).fit(X, y).predict(longer)) == 2
    learned = AttentionClassifier(position="learned", k=1, **QUICK).fit(X, y)
    assert len(learned.predict(["AC"])) == 1
    with pytest.raises(ValueError, match="sequence 1 has 5 letters, but the longest sequence in fit had 4"):
        learned.predict(longer)
