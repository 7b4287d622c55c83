"""Which trainings are computed as one: what has to be the same is compared, what may differ is not."""

import numpy as np
import pytest

from sklearn_ann.autoencoder import AutoEncoderTransformer
from sklearn_ann.convolution import CNNClassifier
from sklearn_ann.generative import VAESampler
from sklearn_ann.training.alike import UnlikeError, alike, likeness

RNG = np.random.RandomState(0)
X = RNG.uniform(size=(130, 6)).astype(np.float32)
IMAGES = RNG.standard_normal((60, 6, 6)).astype(np.float32)
LABELS = np.arange(60) % 2


def training_of(model, *data, **options):
    return model._prepare(*data, **options).start(model._loss_floor)


def autoencoder(**parameters):
    return training_of(AutoEncoderTransformer(**parameters), X)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"learning_rate": 1e-3}, {"learning_rate": 1e-2}),
        ({"weight_decay": 0.0}, {"weight_decay": 0.1}),
        ({"dropout": 0.1}, {"dropout": 0.2}),
        ({"sparsity": 0.1}, {"sparsity": 0.2}),
        ({"noise": 0.1}, {"noise": 0.2}),
        ({"max_epochs": 3}, {"max_epochs": 5}),
        ({"max_grad_norm": 1.0}, {"max_grad_norm": None}),
        ({"learning_rate_schedule": "cosine"}, {"learning_rate_schedule": "adaptive"}),
        ({"random_state": 0, "tol": 0.1}, {"random_state": 1, "tol": 0.2}),
    ],
)
def test_what_may_differ(one, other):
    assert likeness(autoencoder(**one)) == likeness(autoencoder(**other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"hidden_layer_sizes": 5}, {"hidden_layer_sizes": 6}),
        ({"activation": "relu"}, {"activation": "tanh"}),
        ({"dropout": 0.0}, {"dropout": 0.2}),
        ({"sparsity": 0.0}, {"sparsity": 0.2}),
        ({"noise": 0.1}, {"noise": 0.1, "noise_type": "masking"}),
        ({"batch_size": 16}, {"batch_size": 32}),
        ({"precision": "float32"}, {"precision": "float64"}),
        ({"optimizer": "adam"}, {"optimizer": "adamw"}),
        ({"loss": "squared_error"}, {"loss": "absolute_error"}),
        ({"early_stopping": True}, {"early_stopping": False}),
        ({"tied_weights": True}, {"tied_weights": False}),
    ],
)
def test_what_has_to_be_the_same(one, other):
    assert likeness(autoencoder(**one)) != likeness(autoencoder(**other))


def test_folds_may_differ_by_a_row_where_no_sample_sees_another():
    folds = [training_of(AutoEncoderTransformer(), X[:n]) for n in (129, 130)]
    assert likeness(folds[0]) == likeness(folds[1])
    assert likeness(folds[0]) != likeness(training_of(AutoEncoderTransformer(), X[:60]))
    for model, data in ((VAESampler(free_bits=0.1), (X,)), (CNNClassifier(), (IMAGES, LABELS))):
        folds = [training_of(model, *(part[:n] for part in data)) for n in (58, 59)]
        assert likeness(folds[0]) != likeness(folds[1])


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"precision": "bfloat16"}, "bfloat16"),
        ({"contraction": 0.1}, "AutoEncoder is set to what vmap cannot compute"),
        ({"architecture": "conv", "image_shape": (2, 3)}, "ConvolutionalEncoder is not known"),
    ],
)
def test_reasons_to_be_alone(parameters, reason):
    with pytest.raises(UnlikeError, match=reason):
        likeness(autoencoder(**parameters))


def test_a_layer_of_someone_else_is_not_trusted():
    run = autoencoder()
    encoder = run.step.module.encoder

    class Encoder(type(encoder)):
        """May do anything."""

    run.step.module.encoder = Encoder(*encoder)
    with pytest.raises(UnlikeError, match="Encoder is not known"):
        likeness(run)


def test_hooks_and_frozen_weights_are_for_one_network():
    run = autoencoder()
    next(run.step.module.parameters()).requires_grad_(False)
    with pytest.raises(UnlikeError, match="frozen"):
        likeness(run)
    run = autoencoder()
    run.step.module.encoder.register_forward_hook(lambda *_: None)
    other = autoencoder()
    assert likeness(run) != likeness(other)


def test_groups_are_sorted_by_what_moves_them():
    rates = (0.2, 0.1, 0.2, 0.1)
    runs = [autoencoder(learning_rate=rate) for rate in rates] + [autoencoder(hidden_layer_sizes=3)]
    assert alike(runs) == ([[1, 3, 0, 2]], [4])
