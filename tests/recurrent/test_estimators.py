"""Recurrent estimators: what they learn and forget, ragged samples, steps, gaps, and what they refuse."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_ann import RNNClassifier, RNNRegressor
from sklearn_ann.datasets import make_marker_recall

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
QUICK = {"max_epochs": 3, "random_state": 0}


def series(n=60, n_channels=2, seed=0):
    """Random series of different lengths, and whether the first channel ends above its start."""
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=(length, n_channels)).cumsum(axis=0) for length in rng.integers(2, 15, size=n)]
    return X, np.array(["up" if one[-1, 0] > one[0, 0] else "down" for one in X])


def exact(**settings):
    return {"precision": "float64", "batch_size": None, "dropout": 0.0, "random_state": 0, "max_epochs": 4} | settings


def test_a_plain_network_loses_a_marker_that_an_lstm_keeps():
    """The lecture: gradients of plain recurrent networks vanish along long sequences."""
    scores = {}
    for cell in ("plain", "lstm"):
        X, y = make_marker_recall(1000, random_state=0)
        later, expected = make_marker_recall(200, random_state=10)
        settings = {"conv_layers": (), "n_layers": 1, "pooling": "last", "bidirectional": False, "max_epochs": 20}
        model = RNNClassifier(cell=cell, random_state=0, **settings)
        scores[cell] = model.fit(X, y).score(later, expected)
    assert scores["lstm"] > 0.95
    assert scores["plain"] < 0.5


@pytest.mark.parametrize("cell", ["lstm", "gru", "plain"])
def test_a_series_gets_the_same_prediction_alone_and_in_a_batch(cell):
    X, y = series()
    model = RNNClassifier(cell=cell, **QUICK).fit(X, y)
    alone = np.concatenate([model.predict_proba([one]) for one in X])
    np.testing.assert_array_equal(alone, model.predict_proba(X))
    np.testing.assert_array_equal(model.transform(X[3:4])[0], model.transform(X)[3])


def test_convolutions_by_default():
    """Patterns of strings, and shorter long series; a forecast has none, which would see later steps."""
    rng = np.random.default_rng(0)

    def layers(X, y, **settings):
        return RNNClassifier(**QUICK | settings).fit(X, y).resolved_parameters_.conv_layers

    long = [rng.normal(size=length) for length in (300, 200, 90, 250)]
    assert layers(long, [0, 1, 0, 1]) == [(64, 9, 2)] * 2
    assert layers([one[:40] for one in long], [0, 1, 0, 1]) == []
    assert layers(["ACGT", "ACCA"], [0, 1]) == [(64, 9, 2), (64, 5, 2)]
    assert layers(["MKVL", "ACDE"], [0, 1]) == [(64, 9, 2)]
    assert layers(["ACGT", "ACCA"], ["HHHH", "EEEE"], output="sequence") == [(64, 9, 1)]
    assert layers(long, [one > 0 for one in long], output="sequence") == []
    model = RNNClassifier(conv_layers=((6, 3, 2),), **QUICK).fit(["ACGTA", "CC"], [0, 1])
    assert model.step_names(["ACGTA"]) == [["AC", "GT", "A"]]
    assert model.hidden_states(["ACGTA"])[0].shape == (3, 128)


def test_the_ways_to_write_series_agree():
    X = np.random.default_rng(0).normal(size=(20, 7, 2))
    y = np.arange(20) % 2
    frames = [pd.DataFrame(one, columns=["a", "b"]) for one in X]
    cells = pd.DataFrame({"a": list(X[:, :, 0]), "b": list(X[:, :, 1])})
    of_array = RNNClassifier(**QUICK).fit(X, y).predict_proba(X)
    for same in (list(X), X.tolist(), frames, cells):
        np.testing.assert_array_equal(RNNClassifier(**QUICK).fit(same, y).predict_proba(same), of_array)
    one_channel = RNNClassifier(**QUICK).fit(X[:, :, 0], y)
    np.testing.assert_array_equal(one_channel.predict_proba(X[:, :, :1]), one_channel.predict_proba(list(X[:, :, 0])))


def test_gaps_have_a_rule_and_may_come_later():
    X, y = series()
    gappy = [one.copy() for one in X]
    for one in gappy:
        one[::3, 1] = np.nan
    model = RNNClassifier(**QUICK).fit(gappy, y)
    assert model.reader_.gaps.tolist() == [1]
    assert np.isfinite(model.predict_proba([np.full((4, 2), np.nan)])).all()
    clean = RNNClassifier(**QUICK).fit(X, y)
    filled = [X[0].copy() for _ in range(2)]
    filled[1][2] = np.nan
    filled[0][2] = filled[0][1]
    probabilities = clean.predict_proba(filled)
    np.testing.assert_array_equal(probabilities[0], probabilities[1])


def test_strings_are_read_by_their_letters():
    rng = np.random.default_rng(0)
    strings = ["".join(rng.choice(list("ACGT"), size=n)) for n in rng.integers(4, 20, size=150)]
    share = np.array([s.count("G") / len(s) for s in strings])
    model = RNNRegressor(max_epochs=40, random_state=0).fit(strings[:100], share[:100])
    assert model.score(strings[100:], share[100:]) > 0.8
    assert (model.alphabet_, model.letters_, model.sample_type_) == ("dna", "ACGT", "sequence")
    np.testing.assert_array_equal(model.predict([strings[0].lower()]), model.predict(strings[:1]))
    slope = model.saliency(strings[:2])
    assert slope[0].shape == (len(strings[0]), 4)
    assert (slope[0][:, 2] > slope[0][:, 0]).mean() > 0.7  # a G raises the share, an A lowers it
    change = model.saliency(strings[:1], method="mutagenesis")
    mutant = strings[0][:2] + "C" + strings[0][3:]
    scale = np.std(share[:100])
    found = (model.predict([mutant]) - model.predict(strings[:1]))[0] / scale
    np.testing.assert_allclose(change[0][2, 1], found, atol=1e-5)


def test_saliency_is_the_derivative_by_the_values_in_x():
    X, _ = series(20)
    X = [one * [5.0, 0.01] for one in X]
    model = RNNRegressor(**exact()).fit(X, [one.mean() for one in X])
    slopes, step = model.saliency(X), 1e-6
    scale = model._coder._scale[0]
    for channel in range(2):
        moved = [one.copy() for one in X]
        for one in moved:
            one[1, channel] += step
        difference = (model.predict(moved) - model.predict(X)) / step / scale
        np.testing.assert_allclose([slope[1, channel] for slope in slopes], difference, rtol=1e-3, atol=1e-7)


# --- A prediction for each step -----------------------------------------------------------------------------------


def labels_of(X):
    return ["".join("H" if value > 0 else "E" for value in one[:, 0]) for one in X]


def test_labels_of_steps_come_as_they_were_given():
    X, _ = series(80)
    y = labels_of(X)
    model = RNNClassifier(output="sequence", max_epochs=60, random_state=0).fit(X, y)
    predicted = model.predict(X)
    assert isinstance(predicted[0], str)
    assert [len(one) for one in predicted] == [len(one) for one in X]
    joined = accuracy_score(list("".join(y)), list("".join(predicted)))
    assert model.score(X, y) == pytest.approx(joined)
    assert joined > 0.9
    probabilities = model.predict_proba(X)
    assert probabilities[0].shape == (len(X[0]), 2)
    assert model.decision_function(X)[0].shape == (len(X[0]),)
    assert model.classes_.tolist() == ["E", "H"]
    as_lists = RNNClassifier(output="sequence", **QUICK).fit(X, [list(one) for one in y])
    assert as_lists.predict(X)[0].tolist()[0] in "HE"
    found = cross_val_predict(model.set_params(max_epochs=3), X, np.array(y, dtype=object), cv=KFold(3))
    assert [len(one) for one in found] == [len(one) for one in X]


def test_a_forecast_cannot_see_the_future():
    X = [np.sin(np.arange(length) / 2 + length) for length in (20, 30, 25, 18)]
    y = [np.append(one[1:], np.nan) for one in X]
    model = RNNRegressor(output="sequence", max_epochs=60, random_state=0).fit(X, y)
    assert model.resolved_parameters_.bidirectional is False
    changed = [one.copy() for one in X]
    for one in changed:
        one[10:] = 9.0
    for before, after in zip(model.predict(X), model.predict(changed), strict=True):
        np.testing.assert_array_equal(before[:10], after[:10])
    known = [np.isfinite(one) for one in y]
    pairs = zip(model.predict(X), y, known, strict=True)
    predicted, targets = zip(*((p[k], t[k]) for p, t, k in pairs), strict=True)
    assert model.score(X, y) == pytest.approx(r2_score(np.concatenate(targets), np.concatenate(predicted)))
    assert model.score(X, y) > 0.9


def test_several_numbers_at_each_step_of_arrays():
    X = np.random.default_rng(0).normal(size=(30, 6, 2))
    y = X.cumsum(axis=1)
    model = RNNRegressor(output="sequence", n_estimators=2, **QUICK).fit(X, y)
    mean, deviation = model.predict(X, return_std=True)
    assert mean.shape == deviation.shape == y.shape
    assert model.transform(X).shape == (30, 2 * 64)
    assert model.predict(X[:, :4]).shape == (30, 4, 2)
    assert model.predict([X[0], X[1, :2]]).dtype == object
    assert model.saliency(X).shape == X.shape


@pytest.mark.parametrize("how", ["sample", "sequence"])
def test_a_weight_of_two_is_a_sample_twice(how):
    X, y = series(12)
    y = labels_of(X) if how == "sequence" else y
    weight = np.array([1, 2, 0, 1, 3, 1, 1, 2, 1, 0, 1, 1])
    twice = np.repeat(np.arange(12), weight)
    weighted = RNNClassifier(output=how, **exact()).fit(X, y, sample_weight=weight)
    repeated = RNNClassifier(output=how, **exact()).fit([X[i] for i in twice], [y[i] for i in twice])
    for one, two in zip(weighted.predict_proba(X), repeated.predict_proba(X), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-9)
    scores = [weighted.score(X, y, sample_weight=weight), weighted.score([X[i] for i in twice], [y[i] for i in twice])]
    assert scores[0] == pytest.approx(scores[1])


# --- scikit-learn around it ---------------------------------------------------------------------------------------


def test_lists_of_series_work_in_pipelines_and_searches():
    X, y = series()
    pipe = make_pipeline(RNNClassifier(hidden_size=8, **QUICK), RandomForestClassifier(20, random_state=0))
    assert cross_val_score(pipe, X, y, cv=3).mean() > 0.6
    search = GridSearchCV(RNNClassifier(hidden_size=8, **QUICK), {"cell": ["gru", "plain"]}, cv=3).fit(X, y)
    assert search.best_params_["cell"] in ("gru", "plain")
    model = pickle.loads(pickle.dumps(search.best_estimator_))
    np.testing.assert_array_equal(model.predict_proba(X), search.predict_proba(X))
    assert clone(model).get_params() == model.get_params()


def test_later_epochs_and_a_warm_start_of_steps():
    X, _ = series()
    y = labels_of(X)
    model = RNNClassifier(output="sequence", hidden_size=8, warm_start=True, **QUICK).fit(X, y)
    assert model.fit(X, y).n_iter_ == 6
    assert model.partial_fit(X[:9], y[:9]).n_iter_ == 7
    with pytest.raises(ValueError, match="current parameters read other samples or targets"):
        model.set_params(output="sample").fit(X, [one[0] for one in y])
    early = RNNClassifier(output="sequence", hidden_size=8, early_stopping=True, **QUICK).fit(X, y)
    assert len(early.history_["validation_loss"]) == early.n_iter_
    assert RNNClassifier(output="sequence", hidden_size=8, **QUICK).fit(X, y, X_val=X[:9], y_val=y[:9]).n_iter_ == 3


def test_a_series_of_one_step():
    model = RNNClassifier(**QUICK).fit([[0.5], [1.0, 2.0], [3.0]], [0, 1, 0])
    assert model.predict([[0.1], [5.0]]).shape == (2,)
    assert len(model.hidden_states([[0.1], [5.0, 1.0]])[1]) == 2
    assert model.step_names([[0.1], [5.0, 1.0]]) == [["0"], ["0", "1"]]


@pytest.mark.parametrize(
    ("settings", "X", "y", "message"),
    [
        ({"pooling": "sum"}, [[1.0], [2.0]], [0, 1], "pooling must be one or more of last, mean, max, attention"),
        ({"pooling": ()}, [[1.0], [2.0]], [0, 1], "pooling must be"),
        ({"output": "sequence", "conv_layers": ((4, 3, 2),)}, [[1.0], [2.0]], ["a", "b"], "pools steps"),
        ({"conv_layers": 3}, [[1.0], [2.0]], [0, 1], "conv_layers"),
        ({"cell": "elman"}, [[1.0], [2.0]], [0, 1], "'cell' parameter"),
        ({}, [[1.0], []], [0, 1], "sample 1 has shape .*empty"),
        ({}, [[1.0], [2.0]], [0, 1, 1], "inconsistent numbers of samples"),
        ({}, [np.zeros((3, 2)), np.zeros((3, 4))], [0, 1], "sample 1 has 4 channels, the first one has 2"),
        ({}, np.zeros((2, 3, 4, 5)), [0, 1], "reads strings and series"),
        ({"output": "sequence"}, [[1.0], [2.0]], [0, 1], "y of sample 0 is 0: output='sequence' expects"),
    ],
)
def test_what_is_refused(settings, X, y, message):
    with pytest.raises(ValueError, match=message):
        RNNClassifier(**QUICK | settings).fit(X, y)


def test_methods_need_a_fit():
    for name in ("hidden_states", "step_names", "saliency"):
        with pytest.raises(NotFittedError):
            getattr(RNNClassifier(), name)([[1.0]])


def test_mutagenesis_is_for_one_output_of_a_string():
    X, y = series(10)
    with pytest.raises(ValueError, match="method='mutagenesis' is for sequences"):
        RNNClassifier(**QUICK).fit(X, y).saliency(X, method="mutagenesis")
    tagger = RNNClassifier(output="sequence", alphabet="dna", **QUICK).fit(["ACG", "TT"], ["HEE", "HH"])
    with pytest.raises(ValueError, match="this fit had output='sequence'"):
        tagger.saliency(["ACG"], method="mutagenesis")


def test_an_array_with_the_channels_first_warns():
    series = np.cumsum(np.random.default_rng(0).normal(size=(20, 50, 3)), axis=1)
    y = np.arange(20) % 2
    with pytest.warns(UserWarning, match="Samples of 3 x 50 are read as 3 steps of 50 channels"):
        RNNClassifier(**QUICK).fit(np.swapaxes(series, 1, 2), y)
    RNNClassifier(**QUICK).fit(series, y)
