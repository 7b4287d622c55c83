"""Fits that meet end as fits alone, in whatever they are wrapped."""

import contextlib
import io
import os
import signal
import sys
import threading
import time
import warnings
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed, parallel_config
from joblib.parallel import get_active_backend
from observing import Recorder
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


# --- What surrounds a fit ---------------------------------------------------------------------------------------------


def surroundings():
    return warnings.filters, list(warnings.filters), warnings.showwarning, sys.stdout, sys.stderr


@contextlib.contextmanager
def recording(told):
    with warnings.catch_warnings(record=True) as log:
        warnings.simplefilter("always")
        yield
    told += [str(warning.message) for warning in log]


def refusing(_):
    return warnings.catch_warnings(action="error")


def silent(_):
    return contextlib.redirect_stdout(io.StringIO())


@pytest.mark.filterwarnings("ignore:alone")
@pytest.mark.parametrize("first", [recording, refusing, silent])
@pytest.mark.parametrize("second", [recording, refusing, silent])
def test_contexts_around_fits_do_not_reach_others(first, second):
    told = {1: [], 2: [], 3: []}

    def fit(number, context):
        with context(told[number]):
            model = models()[0].fit(X)
        warnings.warn("alone", UserWarning, stacklevel=1)  # an error, or told, only if it is the context of another
        return model

    before = surroundings()
    meet([Task(partial(fit, *part)) for part in [(1, first), (2, second), (3, contextlib.nullcontext)]])
    assert surroundings() == before
    assert told == {1: [], 2: [], 3: []}


def test_settings_of_joblib_are_those_around():
    def backend():
        return Parallel(prefer="threads", n_jobs=2)._backend.supports_sharedmem

    assert meet([Task(backend)]) == [backend()] == [True]
    with parallel_config("threading", n_jobs=3):
        [used] = meet([Task(lambda: get_active_backend()[1])])
        assert meet([Task(lambda: Parallel()(delayed(int)(number) for number in "123"))]) == [[1, 2, 3]]
    assert used == 3


# --- Failures ---------------------------------------------------------------------------------------------------------


def tried(function):
    try:
        return function()
    except RuntimeError as failure:
        return failure


def test_whatever_fails_in_a_training_is_the_failure_of_its_fit(monkeypatch):
    from sklearn_ann.training.step import Step

    train = Step.train

    def out_of_memory(step, batch):
        if step.settings.learning_rate == 0.01:
            raise RuntimeError("out of memory")
        return train(step, batch)

    monkeypatch.setattr(Step, "train", out_of_memory)
    one, other = meet([Task(partial(tried, partial(model.fit, X))) for model in models()[:2]])
    assert one.n_iter_ == 8
    assert str(other) == "out of memory"


def test_a_callback_that_fails_is_the_failure_of_its_fit():
    def fail(epoch, _):
        if epoch == 3:
            raise RuntimeError("no more")

    watched = models()[1].set_callbacks(Recorder(fail))
    one, other = meet([Task(partial(tried, partial(model.fit, X))) for model in (models()[0], watched)])
    assert one.n_iter_ == 8
    assert str(other) == "no more"


def test_a_callback_that_has_stopped_a_training_has_stopped_it_for_good():
    states = []
    for share in (Fraction(1, 2), Fraction(1)):
        model = models()[0].set_callbacks(Recorder(lambda epoch, _: epoch == 2))
        task = Task(partial(model.fit, X), share, states=states)
        meet([task])
        states = task.left
    assert model.n_iter_ == 2


def swallowing(model):
    """Does not care what ends its fit, and goes on with another."""
    with contextlib.suppress(BaseException):
        model.fit(X)
    return model.fit(X)


def ctrl_c():
    time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.3)  # it arrives in the main thread, while this one goes on
    return models()[0].fit(X)


def test_ctrl_c_during_a_step_of_a_fit_ends_all():
    before, around = threading.active_count(), surroundings()
    tasks = [Task(partial(swallowing, models()[1])), Task(ctrl_c), Task(ctrl_c)]
    with pytest.raises(KeyboardInterrupt):
        meet(tasks)
    assert threading.active_count() == before
    assert surroundings() == around
