"""Fits that meet end as fits alone, in whatever they are wrapped."""

import threading
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ann.autoencoder import AutoEncoderTransformer
from sklearn_ann.convolution import CNNClassifier
from sklearn_ann.training import Task, meet
from sklearn_ann.training.loop import CONDUCTOR

RNG = np.random.RandomState(0)
X = RNG.standard_normal((60, 8))
Y = (X[:, 0] > 0).astype(int)


def models():
    network = AutoEncoderTransformer(max_epochs=8, precision="float64", random_state=0)
    return [
        network,
        clone(network).set_params(learning_rate=0.01, early_stopping=True),
        make_pipeline(StandardScaler(), clone(network).set_params(random_state=1), LogisticRegression()),
        CNNClassifier(image_shape=(2, 4), max_epochs=8, precision="float64", random_state=0),
        LogisticRegression(),
    ]


def answer(model):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.transform(X)


def test_models_fitted_together_are_those_fitted_alone():
    alone = [model.fit(X, Y) for model in models()]
    together = meet([Task(partial(model.fit, X, Y)) for model in models()])
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(answer(one), answer(other), rtol=0, atol=1e-10)


@pytest.mark.parametrize("number", range(4))
def test_a_fit_in_three_parts_is_the_fit_in_one(number):
    whole = models()[number].fit(X, Y)
    states, seen = [], []
    for share in (Fraction(1, 4), Fraction(1, 2), Fraction(1)):
        task = Task(partial(models()[number].fit, X, Y), share, states=states)
        [model] = meet([task])
        states = task.left
        seen.append(answer(model))
    np.testing.assert_array_equal(seen[-1], answer(whole))
    assert not np.allclose(seen[0], seen[-1])


def test_a_pause_does_not_warn_of_convergence(recwarn):
    meet([Task(partial(models()[0].set_params(tol=0).fit, X), Fraction(1, 8))])
    assert not recwarn.list


def test_the_first_failure_ends_all_and_no_thread_is_left():
    before = threading.active_count()
    with pytest.raises(ValueError, match="max_epochs"):
        meet([Task(partial(model.fit, X, Y)) for model in (models()[0], AutoEncoderTransformer(max_epochs=-1))])
    assert threading.active_count() == before
    assert CONDUCTOR.get() is None


def test_ctrl_c_ends_all(monkeypatch):
    before = threading.active_count()

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("sklearn_ann.training.rendezvous.train_together", interrupted)
    with pytest.raises(KeyboardInterrupt):
        meet([Task(partial(model.fit, X, Y)) for model in models()[:2]])
    assert threading.active_count() == before


def test_settings_of_torch_are_as_before():
    threads = torch.get_num_threads()
    meet([Task(partial(model.fit, X, Y)) for model in models()[:3]])
    assert torch.get_num_threads() == threads
    assert torch.is_grad_enabled()
