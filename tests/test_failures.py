"""Training that fails or is interrupted raises, and the estimator keeps what it had."""

import copy

import numpy as np
import pandas as pd
import pytest
from discovery import BRIEF, ROWS, every_estimator, every_estimator_of_rows, every_estimator_with, steady
from observing import Recorder, same_parameters, same_weights
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils import get_tags

from sklearn_ann.training import Step

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.* outputs were cut:UserWarning"),  # by networks that are hardly trained
]


@every_estimator
def test_a_loss_that_is_not_finite_raises_and_loses_nothing(estimator, data):
    X, y = data
    model = estimator(**BRIEF | steady(estimator) | {"learning_rate": 1e38})
    with pytest.raises(ValueError, match=r"loss is (nan|inf) in epoch \d+ at learning_rate=1e\+38"):
        model.fit(X, y)
    with pytest.raises(NotFittedError):
        model.transform(X)
    model.set_params(learning_rate=1e-3).fit(X, y)
    kept = copy.deepcopy(model)
    with pytest.raises(ValueError, match="in epoch"):
        model.set_params(learning_rate=1e38).fit(X, y)
    assert same_weights(model, kept)
    model.set_params(warm_start=True)
    with pytest.raises(ValueError, match="in epoch"):
        model.fit(X, y)
    assert same_weights(model, kept)
    assert model.n_iter_ == kept.n_iter_


@every_estimator_with("partial_fit", among=ROWS)
def test_partial_fit_that_diverges_keeps_the_last_good_weights(estimator, rows):
    X, y = rows
    # Batch normalisation and quantiles would make an outlier of it, however large.
    plain = {"normalization": None, "scaling": "standard"}
    model = estimator(**BRIEF, **{name: value for name, value in plain.items() if name in estimator().get_params()})
    model.partial_fit(X, y)
    kept = copy.deepcopy(model)
    poisoned = X.copy()
    # Some look at how far from the mean values are, and states of a recurrent network stay below one.
    if estimator.__name__ in ("VAESampler", "AutoEncoderOutlierDetector", "RNNClassifier", "RNNRegressor"):
        model.set_params(learning_rate=1e38)
    else:
        poisoned[0] = 3e38  # finite, but what it is multiplied with is not
    with pytest.raises(ValueError, match="in epoch 2"):
        model.partial_fit(poisoned, y)
    assert same_weights(model, kept)
    assert model.n_iter_ == 1
    model.set_params(learning_rate=kept.learning_rate)
    assert np.isfinite(model.partial_fit(X, y).loss_)  # the optimiser has forgotten it too


@every_estimator_of_rows
def test_bad_data_leave_a_fitted_model_as_it_was(estimator, rows):
    X, y = rows
    model = estimator(**BRIEF).fit(pd.DataFrame(X).add_prefix("pixel"), y)
    kept = copy.deepcopy(model)
    bad = X[:, :5].copy()
    for value, message in ((np.inf, "infinity"), (np.nan, "NaN")):
        if np.isnan(value) and get_tags(model).input_tags.allow_nan:
            continue  # a missing value
        bad[3, 2] = value
        with pytest.raises(ValueError, match=message):
            model.fit(bad, y)
    assert same_weights(model, kept)
    assert model.n_features_in_ == X.shape[1]
    assert list(model.feature_names_in_) == list(kept.feature_names_in_)


@every_estimator
def test_interrupt_propagates_and_keeps_the_last_epoch(estimator, data):
    X, y = data

    def interrupt(epoch, fitted):
        if epoch == 2:
            raise KeyboardInterrupt

    settings = {**BRIEF, "max_epochs": 5, "tol": 0, **steady(estimator)}
    model = estimator(**settings).set_callbacks(Recorder(interrupt))
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert model.n_iter_ == 2
    assert same_parameters(model, estimator(**settings | {"max_epochs": 2}).fit(X, y))


@every_estimator
def test_interrupt_before_the_first_epoch_changes_nothing(estimator, data, monkeypatch):
    def interrupt(self, batch):
        raise KeyboardInterrupt

    X, y = data
    model = estimator(**BRIEF).fit(X, y)
    kept = copy.deepcopy(model)
    for step in steps_that_train():
        monkeypatch.setattr(step, "train", interrupt)
    fresh = estimator(**BRIEF)
    for interrupted in (model, fresh):
        with pytest.raises(KeyboardInterrupt):
            interrupted.fit(X, y)
    assert same_weights(model, kept)
    assert model.history_ == kept.history_
    with pytest.raises(NotFittedError):
        fresh.transform(X)


def steps_that_train():
    """The classes that say how networks learn from a batch."""
    kinds = [Step]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return [kind for kind in kinds if "train" in vars(kind)]


def interrupt_third_step(monkeypatch):
    """Let the training of every network be interrupted in the middle of its third step."""
    steps = []

    def interrupted(step, original):
        def train(self, batch):
            if next(kind for kind in type(self).__mro__ if "train" in vars(kind)) is step:  # and not its base's
                steps.append(batch.size)
                if len(steps) == 3:
                    raise KeyboardInterrupt
            return original(self, batch)

        return train

    for step in steps_that_train():
        monkeypatch.setattr(step, "train", interrupted(step, step.train))


@every_estimator
def test_interrupt_in_the_middle_of_an_epoch(estimator, data, monkeypatch):
    X, y = data
    settings = {**BRIEF, "batch_size": -(-len(X) // 2), "tol": 0}  # two steps an epoch
    expected = estimator(**settings | {"max_epochs": 1}).fit(X, y)
    interrupt_third_step(monkeypatch)
    model = estimator(**settings)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert model.n_iter_ == 1
    assert same_parameters(model, expected)


@every_estimator_with("score")
def test_interrupt_stops_a_whole_search(estimator, data, monkeypatch):
    X, y = data
    interrupt_third_step(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        GridSearchCV(estimator(**BRIEF), {"learning_rate": [1e-3, 1e-2]}, cv=2, error_score=0.0).fit(X, y)
