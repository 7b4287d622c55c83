"""Trials of Optuna that are given up by the loss of an epoch."""

import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ann import AutoEncoderTransformer, TabularClassifier
from sklearn_ann.model_selection import OptunaPruning

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.* does not support callbacks:UserWarning"),
]

X, y = load_digits(return_X_y=True)
X, y = X[:200] / 16, y[:200]
SHORT = {"max_epochs": 4, "learning_rate_schedule": "cosine", "random_state": 0}


@pytest.fixture
def optuna():
    optuna = pytest.importorskip("optuna", reason="the extra `search` is not installed")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def study_that_prunes(optuna, at=None, **options):
    """Return a study that gives each trial up at a step, or never."""

    class At(optuna.pruners.BasePruner):
        def prune(self, study, trial):
            return trial.last_step == at

    return optuna.create_study(pruner=At(), **options)


@pytest.mark.parametrize(("direction", "sign"), [("minimize", 1), ("maximize", -1)])
def test_each_epoch_is_reported_in_the_direction_of_the_study(optuna, direction, sign):
    study = study_that_prunes(optuna, direction=direction)
    model = AutoEncoderTransformer(early_stopping=True, **SHORT)
    for monitor in ("validation_loss", "loss"):
        trial = study.ask()
        model.set_callbacks(OptunaPruning(trial, monitor)).fit(X)
        losses = sign * np.array(model.history_[monitor])
        assert study.trials[trial.number].intermediate_values == dict(enumerate(losses))


def test_a_trial_that_is_given_up_leaves_the_estimator_as_it_was(optuna):
    study = study_that_prunes(optuna, at=2)
    new, fitted = AutoEncoderTransformer(**SHORT), AutoEncoderTransformer(**SHORT).fit(X)
    before, threads = fitted.transform(X), torch.get_num_threads()
    attributes = set(vars(fitted))
    for model in (new, fitted):
        model.set_callbacks(OptunaPruning(study.ask(), "loss"))
        with pytest.raises(optuna.TrialPruned, match=r"loss is .* after epoch 3 of AutoEncoderTransformer"):
            model.fit(2 * X)
        model.set_callbacks()
    assert not hasattr(new, "module_")
    assert set(vars(fitted)) == attributes
    np.testing.assert_array_equal(fitted.transform(X), before)
    assert torch.get_num_threads() == threads
    np.testing.assert_array_equal(new.fit(X).transform(X), before)


def test_folds_follow_each_other_through_a_pipeline(optuna):
    study = study_that_prunes(optuna, at=6)
    pipe = make_pipeline(StandardScaler(), TabularClassifier(early_stopping=True, **SHORT))
    pipe.set_callbacks(OptunaPruning(study.ask()))
    with pytest.raises(optuna.TrialPruned, match="after epoch 3 of TabularClassifier"):
        cross_val_score(pipe, X, y, cv=3, error_score="raise")
    assert list(study.trials[0].intermediate_values) == list(range(7))


def test_a_search_hands_it_on(optuna):
    study = study_that_prunes(optuna)
    search = GridSearchCV(AutoEncoderTransformer(**SHORT), {"n_components": [2, 3]}, cv=2)
    search.set_callbacks(OptunaPruning(study.ask(), "loss")).fit(X)
    assert list(study.trials[0].intermediate_values) == list(range(4 * 5))  # two candidates on two folds, and the best


def test_a_study_with_a_pruner_of_optuna(optuna):
    def loss(trial):
        rate = trial.suggest_float("learning_rate", 1e-6, 1e-2, log=True)
        model = AutoEncoderTransformer(**SHORT | {"learning_rate": rate, "early_stopping": True})
        model.set_callbacks(OptunaPruning(trial)).fit(X)
        return min(model.history_["validation_loss"])

    pruner = optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=0)
    study = optuna.create_study(pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(loss, n_trials=8)
    states = [trial.state.name for trial in study.trials]
    assert {"PRUNED", "COMPLETE"} == set(states)
    assert study.best_params["learning_rate"] > 1e-4


def test_mistakes_are_named(optuna):
    study = study_that_prunes(optuna)
    with pytest.raises(TypeError, match=r"trial must be a trial of Optuna, .* got 'Study'"):
        OptunaPruning("Study")
    model = AutoEncoderTransformer(**SHORT).set_callbacks(OptunaPruning(study.ask()))
    with pytest.raises(
        ValueError, match=r"monitor='validation_loss', but an epoch of this Auto.* has loss, .*early_stop"
    ):
        model.fit(X)
    elsewhere = OptunaPruning(study.ask(), "loss")
    elsewhere._process = -1
    with pytest.raises(RuntimeError, match="use n_jobs=1 within a trial"):
        model.set_callbacks(elsewhere).fit(X)


def test_without_optuna_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ImportError, match=r"sklearn-ann-architectures\[search\]"):
        OptunaPruning(None)
