"""Masked-letter training: what it learns where the truth is known, and what must not matter."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_ann import AttentionClassifier, MaskedSequenceModel, save
from sklearn_ann.attention.tokens import TokenBody
from sklearn_ann.reading import LetterReader

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SMALL = {"n_components": 16, "n_heads": 2, "n_layers": 1, "random_state": 0}
QUICK = SMALL | {"max_epochs": 2}
LEARN = {"n_components": 32, "n_heads": 4, "n_layers": 1, "dropout": 0.0, "random_state": 0}


def palindromes(n, seed, half=4):
    """Random letters and then the same in reverse, after a spacer: each letter is known from its partner alone."""
    letters = np.random.default_rng(seed).choice(list("ACGT"), size=(n, half))
    return ["".join(row) + "TT" + "".join(row[::-1]) for row in letters]


def random_strings(n, seed, longest=30):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGT"), size=k)) for k in rng.integers(1, longest, size=n)]


@pytest.fixture(scope="module")
def of_palindromes():
    settings = LEARN | {"n_layers": 2, "k": 1, "position": "learned"}
    return MaskedSequenceModel(alphabet="dna", max_epochs=50, **settings).fit(palindromes(300, seed=0))


@pytest.fixture(scope="module")
def quick():
    return MaskedSequenceModel(alphabet="dna", **QUICK).fit(random_strings(60, seed=0))


# --- What is learned -------------------------------------------------------------------------------------------------


def test_a_letter_is_named_from_its_partner(of_palindromes):
    new = palindromes(50, seed=1)
    hidden = [s[: i % 4] + "_" + s[i % 4 + 1 :] for i, s in enumerate(new)]
    assert (of_palindromes.predict_masked(hidden) == new).mean() > 0.95
    assert of_palindromes.perplexity(new) < 1.3  # a quarter each would be 4, and each letter occurs alike
    assert of_palindromes.history_["accuracy"][-1] > 0.6  # with a partner that may be hidden too


def test_variants_that_break_a_pair_are_told(of_palindromes):
    wild = palindromes(20, seed=2)
    changed = [s[:2] + {"A": "C", "C": "G", "G": "T", "T": "A"}[s[2]] + s[3:] for s in wild]
    assert (of_palindromes.score_samples(wild) > of_palindromes.score_samples(changed)).mean() > 0.95
    effects = of_palindromes.variant_effects(wild)
    for string, effect in zip(wild, effects, strict=True):
        own = ["ACGT".index(letter) for letter in string]
        np.testing.assert_array_equal(effect[np.arange(10), own], 0)
        assert (effect.argmax(axis=1) == own).mean() > 0.8


def test_the_probability_of_two_letters_that_are_hidden_together_is_spread(of_palindromes):
    string = palindromes(1, seed=3)
    alone = of_palindromes.predict_proba(string, [1])
    together = of_palindromes.predict_proba(string, [[1, 8]])[0]
    assert alone.shape == (1, 4)
    assert together.shape == (2, 4)
    assert alone.max() > 0.9 > together.max()


def test_of_letters_without_order_their_frequencies_are_learned():
    rng = np.random.default_rng(0)
    strings = ["".join(rng.choice(list("ACGT"), p=[0.7, 0.1, 0.1, 0.1], size=20)) for _ in range(300)]
    model = MaskedSequenceModel(alphabet="dna", max_epochs=20, **LEARN).fit(strings)
    np.testing.assert_allclose(model.predict_proba(strings[:20], [5] * 20).mean(axis=0), [0.7, 0.1, 0.1, 0.1], atol=0.1)
    entropy = -(0.7 * np.log(0.7) + 0.3 * np.log(0.1))
    assert model.score(strings) == pytest.approx(-entropy, abs=0.1)


def test_features_separate_what_was_never_labelled():
    strings, y = random_strings(200, 0), np.arange(200) % 2
    strings = [s + ("GATTACA" if kind else "CCGCGCC") for s, kind in zip(strings, y, strict=True)]
    model = make_pipeline(
        MaskedSequenceModel(alphabet="dna", max_epochs=20, **LEARN), LogisticRegression(max_iter=1000)
    )
    assert model.fit(strings[:100], y[:100]).score(strings[100:], y[100:]) > 0.9


# --- Strings of any length -------------------------------------------------------------------------------------------


def test_long_strings_are_learned_and_read_in_windows():
    text = "ACGGT" * 100
    model = MaskedSequenceModel(alphabet="dna", max_length=12, max_epochs=15, **LEARN).fit([text, text[3:400]])
    assert model.perplexity([text]) < 1.2
    assert model.predict_masked([text[:61] + "_" + text[62:]])[0] == text
    assert [len(one) for one in model.token_states([text, "AC"])] == [500, 2]
    np.testing.assert_allclose(
        model.transform([text])[0], _mean_of(model.token_states([text])[0]), rtol=1e-4, atol=1e-5
    )
    longer = model.score_samples([text * 3])[0] / 1500
    assert longer == pytest.approx(model.score([text]), abs=0.02)


def _mean_of(states):
    return states.mean(axis=0)


def test_what_a_window_does_not_reach_does_not_matter():
    model = MaskedSequenceModel(alphabet="dna", max_length=8, **QUICK).fit(random_strings(40, 0))
    string = random_strings(1, 5, longest=60)[0] * 4
    other = string[:-1] + ("A" if string[-1] != "A" else "C")
    far = slice(0, len(string) - 8)
    one, two = model.token_states([string, other])
    np.testing.assert_allclose(one[far], two[far], rtol=1e-5, atol=1e-6)
    assert not np.allclose(one[-1], two[-1])


@pytest.mark.parametrize("position", ["sinusoidal", "learned", "rotary", "none"])
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_what_else_is_in_the_batch_does_not_matter(position, pooling):
    X = random_strings(30, 0)
    model = MaskedSequenceModel(
        alphabet="dna", position=position, pooling=pooling, k=2, max_length=10, precision="float64", **QUICK
    ).fit(X)
    for method in (model.transform, model.score_samples):
        apart = np.concatenate([method([s]) for s in X])
        np.testing.assert_allclose(method(X), apart, rtol=1e-9)
    for together, alone in zip(model.token_states(X), [model.token_states([s])[0] for s in X], strict=True):
        np.testing.assert_allclose(together, alone, rtol=1e-9, atol=1e-12)


def test_with_learned_positions_no_string_is_longer_than_those_in_fit():
    model = MaskedSequenceModel(alphabet="dna", position="learned", **QUICK).fit(["ACGT", "GG"])
    for method in (model.transform, model.predict_masked, model.score_samples):
        with pytest.raises(ValueError, match="sequence 1 has 5 letters, but the longest sequence in fit had 4"):
            method(["A", "ACGTA"])


# --- Masked places ---------------------------------------------------------------------------------------------------


def test_probabilities_of_masked_places(quick):
    found = quick.predict_proba(["A_G_", "ACG", "___"])
    assert [one.shape for one in found] == [(2, 4), (0, 4), (3, 4)]
    np.testing.assert_allclose(np.concatenate(found).sum(axis=1), 1, rtol=1e-5)
    by_position = quick.predict_proba(["ATGC", "ACG", "TTT"], [[1, 3], [], [2, 0, 1]])
    np.testing.assert_allclose(by_position[0], found[0], rtol=1e-5)
    np.testing.assert_allclose(by_position[2], found[2][[2, 0, 1]], rtol=1e-5)
    single = quick.predict_proba(["ATGC", "ACG"], np.array([1, 2]))
    assert single.shape == (2, 4)
    np.testing.assert_allclose(single[1], quick.predict_proba(["AC_"])[0][0], rtol=1e-5)
    # Further letters that are hidden stay hidden.
    np.testing.assert_allclose(quick.predict_proba(["A_GC"], [3])[0], found[0][1], rtol=1e-5)


def test_letters_that_are_there_stay_as_they_are(quick):
    filled = quick.predict_masked(["ac_nNt", "GG"])
    assert filled[1] == "GG"
    assert filled[0][:2] + filled[0][3:] == "acnNt"
    assert filled[0][2] in "ACGT"
    best = quick.predict_proba(["ac_nNt"])[0].argmax()
    assert filled[0][2] == "ACGT"[best]


def test_each_letter_masked_in_turn_is_what_score_samples_adds_up(quick):
    strings = ["ACGTT", "G"]
    scores = quick.score_samples(strings)
    assert scores.dtype == np.float64
    for string, score in zip(strings, scores, strict=True):
        found = [quick.predict_proba([string], [i])[0]["ACGT".index(letter)] for i, letter in enumerate(string)]
        assert score == pytest.approx(np.log(found).sum(), rel=1e-5)
    assert quick.score(strings) == pytest.approx(scores.sum() / 6)
    assert quick.perplexity(strings) == pytest.approx(np.exp(-scores.sum() / 6))
    assert quick.score(strings, sample_weight=[1, 2]) == pytest.approx((scores[0] + 2 * scores[1]) / 7)


def test_ambiguous_letters_count_as_any_of_those_they_stand_for(quick):
    of_each = quick.predict_proba(["CRG"], [1])[0]
    alone = quick.score_samples(["CRG"])[0]
    others = sum(np.log(quick.predict_proba(["CRG"], [i])[0]["ACGT".index("CRG"[i])]) for i in (0, 2))
    assert alone == pytest.approx(others + np.log(of_each[0] + of_each[2]), rel=1e-4)
    assert quick.score_samples(["N"])[0] == pytest.approx(0, abs=1e-6)
    with pytest.raises(ValueError, match="X has no letter"):
        quick.score(["NN", "N"])


# --- A starting point for others -------------------------------------------------------------------------------------


def test_the_body_is_one_that_a_classifier_has(quick):
    X = random_strings(60, 0)
    settings = {name: QUICK[name] for name in ("n_components", "n_heads", "n_layers", "max_epochs", "random_state")}
    classifier = AttentionClassifier(alphabet="dna", pooling="mean", **settings).fit(X, np.arange(60) % 2)
    body = quick.module_.body
    assert type(body) is TokenBody is type(classifier.module_.body)
    assert type(quick.reader_) is LetterReader is type(classifier.reader_)
    classifier.module_.body.load_state_dict(body.state_dict())
    np.testing.assert_allclose(classifier.transform(X), quick.transform(X), rtol=1e-5, atol=1e-6)


# --- scikit-learn's contract, where it is not a table ----------------------------------------------------------------


def test_lists_arrays_series_and_frames_of_one_column():
    strings = random_strings(20, 0)
    model = MaskedSequenceModel(alphabet="dna", **QUICK)
    expected = model.fit(strings).transform(strings)
    frame = pd.DataFrame({"peptide": strings})
    for X in (
        np.array(strings),
        np.array(strings, dtype=object),
        pd.Series(strings),
        frame,
        np.array(strings)[:, None],
    ):
        again = clone(model).fit(X)
        np.testing.assert_array_equal(again.transform(X), expected)
        assert again.predict_masked(X).tolist() == strings
    named = clone(model).fit(frame)
    assert named.feature_names_in_.tolist() == ["peptide"]
    for method in (named.transform, named.predict_masked):
        with pytest.raises(ValueError, match="feature names"):
            method(frame.set_axis(["other"], axis=1))


def test_names_and_frames_of_features(quick):
    table = clone(quick).set_output(transform="pandas").fit(random_strings(20, 0)).transform(["ACG", "T"])
    assert table.shape == (2, 16)
    assert list(table.columns) == list(quick.get_feature_names_out())


def test_validation_data_and_early_stopping():
    X, X_val = random_strings(100, 0), random_strings(20, 1)
    model = MaskedSequenceModel(alphabet="dna", **SMALL | {"max_epochs": 6}).fit(X, X_val=X_val)
    assert len(model.history_["validation_loss"]) == len(model.history_["validation_accuracy"]) == 6
    assert model.best_epoch_ == 1 + np.argmin(model.history_["validation_loss"])
    still = MaskedSequenceModel(alphabet="dna", **SMALL | {"max_epochs": 3, "learning_rate": 1e-30})
    still.fit(X, X_val=X_val)
    assert len(set(still.history_["validation_loss"])) == 1  # the same letters are masked in every epoch
    assert len(set(still.history_["loss"])) == 3  # others in training
    held_out = MaskedSequenceModel(alphabet="dna", early_stopping=True, max_length=8, **QUICK).fit(X)
    assert np.isfinite(held_out.history_["validation_loss"]).all()


def test_groups_stay_together():
    X = random_strings(40, 0)
    model = MaskedSequenceModel(alphabet="dna", early_stopping=True, **QUICK).fit(X, groups=np.arange(40) // 4)
    assert "validation_loss" in model.history_


def test_what_is_set_after_fit_counts_from_the_next_fit_on(quick):
    X = ["ACG_T", "A" * 40]
    model = clone(quick).fit(random_strings(60, 0))
    before = model.predict_proba(X)[0], model.transform(X[1:])
    model.set_params(mask_token="*", max_length=3, alphabet="protein", pooling="cls")
    np.testing.assert_array_equal(model.predict_proba(X)[0], before[0])
    np.testing.assert_array_equal(model.transform(X[1:]), before[1])
    with pytest.raises(ValueError, match=r"has the letter '\*'"):
        model.predict_masked(["AC*"])


def test_pickle_warm_start_and_partial_fit():
    X = random_strings(60, 0)
    model = MaskedSequenceModel(alphabet="dna", warm_start=True, max_length=10, **QUICK).fit(X)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.score_samples(X), model.score_samples(X))
    assert model.fit(X).n_iter_ == 4
    assert model.partial_fit(X[:5]).n_iter_ == 5
    fresh = MaskedSequenceModel(alphabet="dna", **QUICK).partial_fit(X)
    assert fresh.n_iter_ == 1


def test_a_search_takes_two_processes():
    X = random_strings(40, 0)
    model = MaskedSequenceModel(alphabet="dna", **QUICK)
    one, two = (cross_val_score(model, X, cv=2, n_jobs=jobs) for jobs in (1, 2))
    np.testing.assert_allclose(one, two, rtol=1e-5)
    search = GridSearchCV(model, {"k": [1, 3]}, cv=2).fit(X)
    assert search.best_params_["k"] in (1, 3)


# --- Bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "settings", "error", "message"),
    [
        (["ACGT", ""], {}, ValueError, "sequence 1 is empty"),
        (["ACGT", "ACXT"], {}, ValueError, "sequence 1 has the letter 'X' at position 2"),
        (["ACGT", "AC_T"], {}, ValueError, "sequence 1 has the letter '_' at position 2"),
        (["ACGT", 3], {}, TypeError, "sequence 1 is 3 of type int"),
        ("ACGT", {}, TypeError, "got a single str"),
        ([], {}, ValueError, "0 sample"),
        (np.ones((3, 2)), {}, ValueError, "X must be a list of sequences"),
        (["ACGT"], {"alphabet": "A"}, ValueError, "expected 'dna', 'rna', 'protein', or at least two"),
        (["ACGT"], {"mask_token": "n"}, ValueError, "mask_token='n': expected a single letter that is none of"),
        (["ACGT"], {"mask_token": "??"}, ValueError, r"mask_token='\?\?'"),
        (["ABAB"], {"alphabet": "AB", "mask_token": "?"}, ValueError, r"mask_token='\?'"),
        (["ACGT"], {"mask_token": ""}, ValueError, "mask_token=''"),
        (["ACGT"], {"mask_fraction": 1.0}, ValueError, "'mask_fraction' parameter"),
        (["ACGT"], {"early_stopping": True}, ValueError, "needs at least 2"),
        (["NNN"], {}, ValueError, "no letter"),
    ],
)
def test_bad_input(X, settings, error, message):
    with pytest.raises(error, match=message):
        MaskedSequenceModel(**{"alphabet": "dna"} | settings, **QUICK).fit(X)


@pytest.mark.parametrize(
    ("positions", "error", "message"),
    [
        ([0, 2], ValueError, "position 2 of sequence 1: expected 0 to 1"),
        ([-1, 0], ValueError, "position -1 of sequence 0"),
        ([[0, 0], [1]], ValueError, "expected each of them once"),
        ([0], ValueError, "positions has 1 entries for 2 sequences"),
        (3, TypeError, "positions=3: expected a list with an entry for each sequence"),
        ([0.5, 1], TypeError, "positions of sequence 0 are 0.5"),
        (["0", "1"], TypeError, "positions of sequence 0 are '0'"),
        ([True, False], TypeError, "positions of sequence 0 are True"),
    ],
)
def test_positions_that_are_none(quick, positions, error, message):
    with pytest.raises(error, match=message):
        quick.predict_proba(["ACGT", "AC"], positions)


def test_strings_of_ambiguous_letters_change_no_loss_and_are_no_validation_data():
    plain = MaskedSequenceModel(alphabet="dna", **QUICK).fit(["ACGT"] * 20, X_val=["ACGTACGT"] * 3)
    mixed = clone(plain).fit(["ACGT"] * 20, X_val=["ACGTACGT", "N" * 90] * 3)
    assert mixed.history_["validation_loss"] == pytest.approx(plain.history_["validation_loss"])
    with pytest.raises(ValueError, match="X_val has no letter to learn from"):
        clone(plain).fit(["ACGT"] * 20, X_val=["NNN"])
    with pytest.raises(ValueError, match="X has no letter to learn from"):
        plain.partial_fit(["NN"])


def test_one_string_and_one_letter():
    model = MaskedSequenceModel(alphabet="dna", **QUICK).fit(["A"])
    assert model.transform(["A"]).shape == (1, 16)
    assert model.predict_masked(["_"])[0] in "ACGT"
    assert np.isfinite(model.score_samples(["A", "ACGT" * 200])).all()
    any_letters = MaskedSequenceModel(alphabet="AB", unknown="ambiguous", **QUICK).fit(["ABBA", "AB?B"])
    assert np.isfinite(any_letters.score_samples(["A?Z"])).all()
    with torch.no_grad():
        assert any_letters.module_(any_letters.module_input(["ABAB"])).shape == (2, 1)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_classifier_begins_from_it(tmp_path):
    rng = np.random.default_rng(0)
    strings = ["".join(rng.choice(list("ACGT"), size=n)) for n in rng.integers(8, 20, 60)]
    y = ["GA" in string for string in strings]
    model = MaskedSequenceModel(n_components=16, n_layers=1, max_epochs=2, random_state=0).fit(strings)
    begin = AttentionClassifier(init_from=FrozenEstimator(model), freeze="body", max_epochs=2, random_state=0)
    np.testing.assert_array_equal(begin.fit(strings, y).transform(strings), model.transform(strings))
    assert begin.resolved_parameters_.n_components == 16
    assert (begin.resolved_parameters_.dropout, begin.resolved_parameters_.mutation) == (0.0, 0.0)  # as it learned
    begin.set_params(freeze="none", dropout=0.2, mutation=0.1).fit(strings, y)
    assert (begin.resolved_parameters_.dropout, begin.module_.body.blocks[0].dropout.p) == (0.2, 0.2)
    begin.set_params(freeze="body", dropout="auto", mutation=0.05).fit(strings, y)
    save(model, tmp_path / "model.sklann")
    again = AttentionClassifier(init_from=tmp_path / "model.sklann", freeze="body", max_epochs=2, random_state=0)
    np.testing.assert_array_equal(again.fit(strings, y).predict_proba(strings), begin.predict_proba(strings))
    with pytest.raises(ValueError, match=r"n_components=32, but the body of init_from"):
        begin.set_params(n_components=32).fit(strings, y)


def test_what_it_learned_without_labels_is_worth_more_than_a_hundred_labels(of_palindromes):
    rng = np.random.default_rng(1)

    def labelled(n, seed):
        """Palindromes, half of them with a wrong letter, and which are whole."""
        found, whole = palindromes(n, seed), rng.uniform(size=n) < 0.5
        for number in np.flatnonzero(~whole):
            letters, place = list(found[number]), rng.integers(6, 10)
            letters[place] = rng.choice([letter for letter in "ACGT" if letter != letters[place]])
            found[number] = "".join(letters)
        return found, whole

    (X, y), (X_test, y_test) = labelled(150, 2), labelled(400, 3)
    begin = AttentionClassifier(init_from=FrozenEstimator(of_palindromes), random_state=0)
    shape = {"k": 1, "position": "learned", "pooling": "mean"}
    scratch = AttentionClassifier(**LEARN | {"n_layers": 2} | shape)
    frozen = clone(begin).set_params(freeze="body")
    scores = [model.fit(X, y).score(X_test, y_test) for model in (begin, scratch, frozen)]
    assert scores[0] > max(scores[1:]) + 0.1
