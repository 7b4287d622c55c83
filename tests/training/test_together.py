"""Trainings side by side, and trainings in parts, end as one training alone does."""

import numpy as np
import pytest

from sklearn_ann import training
from sklearn_ann.autoencoder import AutoEncoderTransformer
from sklearn_ann.convolution import CNNClassifier
from sklearn_ann.generative import VAESampler

RNG = np.random.RandomState(0)
X = RNG.standard_normal((60, 8)).astype(np.float32)
IMAGES = RNG.standard_normal((40, 6, 6)).astype(np.float32)
LABELS = np.arange(40) % 2

ESTIMATORS = {
    "early stopping": (AutoEncoderTransformer(max_epochs=6, early_stopping=True, random_state=0), (X,)),
    "batch normalisation": (CNNClassifier(max_epochs=6, random_state=0), (IMAGES, LABELS)),
    "warm-up": (VAESampler(max_epochs=6, random_state=0), (X,)),
}


def training_of(estimator, data):
    plan = estimator._prepare(*data)
    return plan.start(estimator._loss_floor)


def weights_of(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def assert_equal(ones, others):
    assert ones.keys() == others.keys()
    for name, one in ones.items():
        assert one.equal(others[name]), name


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_training_in_parts_is_the_training_in_one(name):
    estimator, data = ESTIMATORS[name]
    whole, parts = training_of(estimator, data), training_of(estimator, data)
    whole.run()
    while not parts.over:
        parts.advance(until=parts.epoch + 2)
        again = training_of(estimator, data)
        again.resume(parts.state())
        parts = again
    parts.finish()
    assert_equal(weights_of(parts.step.module), weights_of(whole.step.module))
    assert [record["loss"] for record in parts.history] == [record["loss"] for record in whole.history]


def test_trainings_together_end_as_each_alone():
    models = [AutoEncoderTransformer(max_epochs=5, learning_rate=rate, random_state=0) for rate in (1e-3, 1e-2)]
    alone = [training_of(model, (X,)) for model in models]
    for run in alone:
        run.run()
    together = [training_of(model, (X,)) for model in models]
    assert training.train_together(together, until=2) == [None, None]
    assert [run.epoch for run in together] == [2, 2]
    assert training.train_together(together) == [None, None]
    for one, other in zip(together, alone, strict=True):
        one.finish()
        for name, weight in one.step.module.state_dict().items():
            np.testing.assert_allclose(weight, other.step.module.state_dict()[name], atol=1e-5)


def test_one_that_diverges_leaves_the_others_alone():
    models = [AutoEncoderTransformer(max_epochs=5, learning_rate=rate, random_state=0) for rate in (1e-3, 1e30)]
    fine, diverged = training.train_together([training_of(model, (X,)) for model in models])
    assert fine is None
    assert "the training diverged" in str(diverged)
