"""Convolutional estimators: what they learn, that padding does not count, and what they refuse."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_digits
from sklearn.model_selection import cross_val_score

from sklearn_ann import CNNClassifier, CNNRegressor, SequenceEmbeddingTransformer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
QUICK = {"max_epochs": 3, "random_state": 0}
SITE = "TATAAAGC"


def strings(n=120, lengths=(20, 60), seed=0):
    """Random DNA, every other string with a site in it."""
    rng = np.random.default_rng(seed)
    made = ["".join(rng.choice(list("ACGT"), size=k)) for k in rng.integers(*lengths, size=n)]
    y = np.arange(n) % 2
    places = rng.integers(0, lengths[0] - len(SITE), size=n)
    return [s[:p] + SITE + s[p + 8 :] if c else s for s, c, p in zip(made, y, places, strict=True)], y


def other_strand(s):
    return s.translate(str.maketrans("ACGT", "TGCA"))[::-1]


def test_an_image_that_is_moved_by_the_strides_has_maps_that_are_moved():
    rng = np.random.default_rng(0)
    X = np.zeros((20, 32, 32))
    X[:, 8:16, 8:16] = rng.uniform(size=(20, 8, 8))
    model = CNNClassifier(conv_layers=((4, 3, 2), (6, 3, 2)), **QUICK).fit(X, np.arange(20) % 2)
    here, there = (model.feature_maps(np.roll(X, shift, axis=(1, 2)))[:, :, 1:-1, 1:-1] for shift in (0, 4))
    np.testing.assert_array_equal(there[:, :, 1:, 1:], here[:, :, :-1, :-1])
    assert here.std() > 0


def test_position_bias_learns_what_depends_on_the_position():
    """All sequences have the site; its position tells the class."""
    rng = np.random.default_rng(0)
    y = np.arange(300) % 2
    X = []
    for late in y:
        letters = "".join(rng.choice(list("ACGT"), size=60))
        place = rng.integers(34, 44) if late else rng.integers(8, 18)
        X.append(letters[:place] + SITE + letters[place + 8 :])
    settings = {"global_pooling": "max", "dropout": 0.2, "max_epochs": 40, "random_state": 0}
    settings["learning_rate_schedule"] = "cosine"
    scores = {
        bias: CNNClassifier(position_bias=bias, **settings).fit(X[:200], y[:200]).score(X[200:], y[200:])
        for bias in ("auto", False)
    }
    assert scores["auto"] > 0.9
    assert scores[False] < 0.7
    with pytest.raises(ValueError, match="position_bias=True needs samples of one size"):
        CNNClassifier(position_bias=True).fit(["ACGT", "AC"], [0, 1])


@pytest.mark.parametrize("pooling", ["max", "mean"])
@pytest.mark.parametrize("residual", [False, True])
def test_what_else_is_in_the_batch_does_not_matter(pooling, residual):
    X, y = strings()
    settings = {"pooling": pooling, "residual": residual, "global_pooling": ("mean", "max"), "precision": "float64"}
    model = CNNClassifier(**settings, **QUICK).fit(X, y)
    together = model.decision_function(X[:20])
    apart = np.concatenate([model.decision_function([s]) for s in X[:20]])
    np.testing.assert_allclose(together, apart, rtol=1e-9)


def test_a_site_is_found_and_is_a_motif():
    X, y = strings(300)
    model = CNNClassifier(max_epochs=30, random_state=0).fit(X[:200], y[:200])
    assert model.score(X[200:], y[200:]) > 0.9
    planted = np.array([[letter == known for known in "ACGT"] for letter in SITE], dtype=float)
    best = max(
        np.corrcoef(found[i : i + 7].ravel(), planted[j : j + 7].ravel())[0, 1]
        for found in model.motifs()
        for i in range(3)
        for j in range(2)
    )
    assert best > 0.85


def test_the_average_of_both_strands_is_bit_equal_for_both():
    X, y = strings()
    model = CNNClassifier(reverse_complement="average", **QUICK).fit(X, y)
    turned = [other_strand(s) for s in X]
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(turned))
    plain = CNNClassifier(**QUICK).fit(X, y)
    assert not np.array_equal(plain.predict_proba(X), plain.predict_proba(turned))


def test_flat_images_are_images():
    X, y = load_digits(return_X_y=True)
    flat = CNNClassifier(image_shape=(8, 8), max_epochs=10, random_state=0).fit(X[:800], y[:800])
    assert flat.score(X[800:], y[800:]) > 0.93
    square = CNNClassifier(max_epochs=10, random_state=0).fit(X[:800].reshape(-1, 8, 8), y[:800])
    np.testing.assert_array_equal(flat.predict(X), square.predict(X.reshape(-1, 8, 8, 1)))


def test_images_of_any_size():
    rng = np.random.default_rng(0)
    images = [(rng.uniform(size=size) < p).astype(np.uint8) for size, p in zip(
        rng.integers(6, 20, size=(80, 2)), rng.uniform(0.1, 0.9, size=80), strict=True)]  # fmt: skip
    filled = np.array([image.mean() for image in images])
    model = CNNRegressor(max_epochs=40, dropout=0.0, random_state=0).fit(images, filled)
    assert model.score(images, filled) > 0.8


def test_maps_and_saliency_have_the_samples_sizes():
    X, y = strings(40)
    model = CNNClassifier(conv_layers=((4, 5, 2), (6, 3)), **QUICK).fit(X, y)
    assert [m.shape for m in model.feature_maps(X[:3])] == [(6, -(-len(s) // 2)) for s in X[:3]]
    for method in ("gradient", "mutagenesis"):
        assert [s.shape for s in model.saliency(X[:3], method=method)] == [(len(s), 4) for s in X[:3]]


@pytest.mark.parametrize(
    ("X", "settings", "message"),
    [
        (["ACGT", "ACXT"], {"alphabet": "dna"}, "sequence 1 has the letter 'X' at position 2"),
        (["ACGT", ""], {}, "sequence 1 is empty"),
        (["ACGT", 3], {}, "sequence 1 is 3 of type int"),
        ([b"ACGT", b"AC"], {}, "sequence 0 is b'ACGT' of type bytes"),
        (["MKV", "MK"], {"reverse_complement": "average"}, "is for DNA, but X is of kind 'protein'"),
        ([np.ones((4, 4)), np.ones((4, 4, 3))], {}, "sample 1 has 3 channels, the first one has 1"),
        ([np.ones((4, 4)), np.ones((0, 4))], {}, r"sample 1 has shape \(0, 4\): it is empty"),
        ([np.ones((4, 4)), np.full((3, 4), np.nan)], {}, "sample 1 contains NaN"),
        (np.ones((2, 10)), {"image_shape": (3, 3)}, r"image_shape=\(3, 3\) does not fit X of 10 features"),
        (["ACGT", "AC"], {"global_pooling": "flatten"}, "needs samples of one size"),
        (["ACGT", "ACGG"], {"global_pooling": "median"}, "global_pooling must be"),
        (["ACGT", "ACGG"], {"global_pooling": 5}, "global_pooling must be .* got 5"),
        (["ACGT", "ACGG"], {"conv_layers": ((8,),)}, "conv_layers="),
    ],
)
def test_bad_input(X, settings, message):
    with pytest.raises((ValueError, TypeError), match=message):
        CNNClassifier(**settings, **QUICK).fit(X, [0, 1])


def test_the_kind_and_the_size_are_those_of_the_fit():
    model = CNNClassifier(**QUICK).fit(["ACGT", "ACGG"], [0, 1])
    with pytest.raises(ValueError, match="X are signals, but this CNNClassifier was fitted on sequences"):
        model.predict(np.ones((2, 4)))
    fixed = CNNClassifier(position_bias=True, **QUICK).fit(["ACGT", "ACGG"], [0, 1])
    with pytest.raises(ValueError, match="sample 1 has the size 5"):
        fixed.predict(["ACGT", "ACGTA"])
    with pytest.raises(ValueError, match="motifs needs sequences"):
        CNNClassifier(**QUICK).fit(np.random.default_rng(0).normal(size=(4, 6)), [0, 1, 0, 1]).motifs()


# --- What people bring -----------------------------------------------------------------------------------------------


def test_one_ambiguous_letter_does_not_make_a_protein():
    X, y = strings(600, lengths=(20, 21))
    X[3] = X[3][:5] + "R" + X[3][6:]
    model = CNNClassifier(max_epochs=1, learning_rate_schedule="cosine", random_state=0).fit(X, y)
    assert (model.letters_, model.alphabet_, model.sample_type_) == ("ACGT", "dna", "sequence")
    assert model.motifs().shape[2] == 4


@pytest.mark.parametrize("longer", [True, False])
def test_one_string_of_another_length_is_read_in_every_fold(longer):
    X, y = strings(40, lengths=(20, 21))
    X[7] = X[7] + "ACG" if longer else X[7][:-3]
    assert np.isfinite(cross_val_score(CNNClassifier(**QUICK), X, y, cv=4, error_score="raise")).all()
    others = X[:7] + X[8:]
    model = CNNClassifier(precision="float64", **QUICK).fit(others, np.delete(y, 7))
    assert model.resolved_parameters_.position_bias
    together = model.predict_proba(X)
    np.testing.assert_allclose(model.predict_proba(X[7:8])[0], together[7], rtol=1e-6)
    np.testing.assert_allclose(model.predict_proba(others), np.delete(together, 7, axis=0), rtol=1e-6)


def test_an_image_of_another_size_is_read_in_every_fold():
    X = list(np.random.default_rng(0).uniform(size=(20, 8, 8)))
    X[3], X[4] = np.kron(X[3], np.ones((2, 2))), X[4][:6, :5]
    y = np.arange(20) % 2
    assert np.isfinite(cross_val_score(CNNClassifier(**QUICK), X, y, cv=4, error_score="raise")).all()
    model = CNNClassifier(precision="float64", **QUICK).fit(X[5:], y[5:])
    together = model.predict_proba(X[:8])
    apart = np.concatenate([model.predict_proba([x]) for x in X[:8]])
    np.testing.assert_allclose(together, apart, rtol=1e-6)


def test_own_one_hot_letters_are_channels_in_any_order():
    X, y = strings(200, lengths=(30, 31))
    one_hot = np.array([[[letter == known for known in "ACGT"] for letter in x] for x in X], dtype=float)
    settings = {"max_epochs": 15, "learning_rate_schedule": "cosine", "random_state": 0, "sample_type": "signal"}
    scores = []
    for order in ([0, 1, 2, 3], [2, 0, 3, 1]):
        model = CNNClassifier(**settings).fit(one_hot[:150][..., order], y[:150])
        assert (model.sample_type_, model.n_features_in_) == ("signal", 4)
        scores.append(model.score(one_hot[150:][..., order], y[150:]))
    assert min(scores) > 0.8
    with pytest.warns(UserWarning, match="sample_type='signal' confirms it"):
        CNNClassifier(**QUICK).fit(one_hot[:10], y[:10])


def test_strings_in_every_container_are_the_same():
    X, y = strings(20)
    frame = pd.DataFrame({"dna": X})
    expected = CNNClassifier(**QUICK).fit(X, y).predict_proba(X)
    for same in (frame, frame["dna"], frame.to_numpy(), tuple(X), [list(x) for x in X], [x.lower() for x in X]):
        np.testing.assert_array_equal(CNNClassifier(**QUICK).fit(same, y).predict_proba(same), expected)


@pytest.mark.parametrize("estimator", [CNNClassifier, SequenceEmbeddingTransformer])
def test_a_column_of_a_frame_keeps_its_name(estimator):
    X, y = strings(20)
    frame = pd.DataFrame({"dna": X, "x": np.arange(20.0)})
    quick = {"max_epochs": 1, "learning_rate_schedule": "cosine", "random_state": 0}
    columns = make_column_transformer((estimator(**quick), ["dna"]), remainder="passthrough")
    found = columns.set_output(transform="pandas").fit(frame, y).transform(frame)
    assert list(found.columns) == columns.get_feature_names_out().tolist()
    fitted = columns.transformers_[0][1]
    assert (fitted.n_features_in_, fitted.feature_names_in_.tolist()) == (1, ["dna"])
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.transform(frame.rename(columns={"dna": "rna"})[["rna"]])


def test_strings_of_five_and_of_ten_thousand_letters_are_read_together():
    X, y = strings(6)
    X[0], X[1] = "ACGTA", "ACGTG" * 2000
    model = CNNClassifier(conv_layers=((4, 5),), **QUICK).fit(X, y)
    found = model.predict_proba(X)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(model.predict_proba(X[:1]), found[:1], rtol=1e-5)


def test_letters_for_several_or_rare_amino_acids_are_read():
    X = ["MKVLAWXBZJ" * 2, "GGHHEEUOPQ" * 2] * 5
    model = CNNClassifier(**QUICK).fit(X, np.arange(10) % 2)
    assert (model.alphabet_, len(model.letters_)) == ("protein", 20)
