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


def test_stacks_and_trainings_by_themselves_mix():
    models = [AutoEncoderTransformer(max_epochs=3 + i % 2, random_state=i) for i in range(5)]
    models[2:2] = [AutoEncoderTransformer(max_epochs=3, contraction=0.1, random_state=i) for i in range(2)]
    runs = [training_of(model, (X,)) for model in models]
    assert training.train_together(runs) == [None] * 7
    assert [run.epoch for run in runs] == [3, 4, 3, 3, 3, 4, 3]


def test_what_goes_wrong_in_a_stack_fails_for_its_members_alone(monkeypatch):
    def exhausted(*_):
        raise RuntimeError("not enough memory")

    monkeypatch.setattr("sklearn_ann.training.stack.Stack._pass", exhausted)
    models = [AutoEncoderTransformer(max_epochs=3, random_state=i) for i in range(4)]
    models.append(AutoEncoderTransformer(max_epochs=3, n_components=3, random_state=0))
    failures = training.train_together([training_of(model, (X,)) for model in models])
    assert [str(failure) for failure in failures] == ["not enough memory"] * 4 + ["None"]


def test_an_interrupt_leaves_the_weights_of_the_last_epoch(monkeypatch):
    """Three epochs pass in a stack of four, none in the training by itself; the fourth is interrupted at its end."""
    models = [AutoEncoderTransformer(max_epochs=9, learning_rate_schedule="constant", random_state=i) for i in range(4)]
    models.append(AutoEncoderTransformer(max_epochs=9, n_components=3, random_state=0))
    runs = [training_of(model, (X,)) for model in models]
    begun = weights_of(runs[4].step.module)
    up_to_three = [training_of(model, (X,)) for model in models[:4]]
    training.train_together(up_to_three, until=3)
    end_epoch = training.Training.end_epoch

    def interrupted(self, *losses):
        if self.epoch == 3:
            raise KeyboardInterrupt
        end_epoch(self, *losses)

    monkeypatch.setattr(training.Training, "end_epoch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        training.train_together(runs)
    for run, other in zip(runs[:4], up_to_three, strict=True):
        assert_equal(weights_of(run.step.module), weights_of(other.step.module))
    assert_equal(weights_of(runs[4].step.module), begun)
