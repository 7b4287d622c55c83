"""How long a network is trained where that is left to the estimator."""

import numpy as np
import pytest
from leaves import DenseClassifier
from sklearn.datasets import load_iris

from sklearn_ann.base.budget import Budget, automatic_batch_size, reduced_rate


@pytest.mark.parametrize(
    ("n_samples", "batch_size", "max_epochs"),
    [(36, 32, 300), (40, None, 600), (1_000, 32, 20), (959, 32, 20), (500, 32, 38), (100_000, 256, 20), (1, 32, 600)],
)
def test_small_sets_have_enough_steps_and_large_ones_few_epochs(n_samples, batch_size, max_epochs):
    assert Budget(steps=600, epochs=20).max_epochs(n_samples, batch_size) == max_epochs


@pytest.mark.parametrize(("n_samples", "epochs"), [(9, 150), (100, 15), (1000, 60), (10**6, 400)])
def test_steps_may_grow_with_the_samples_within_bounds(n_samples, epochs):
    budget = Budget(steps=150, steps_of_sample=0.6, most_steps=4000)
    assert budget.max_epochs(n_samples, max(n_samples // 10, 10)) == epochs


@pytest.mark.parametrize(("n_samples", "batch_size"), [(1, 32), (1_600, 32), (5_000, 100), (10**6, 256)])
def test_batches_grow_with_the_set(n_samples, batch_size):
    assert automatic_batch_size(n_samples) == batch_size


def test_auto_is_resolved_by_the_samples_in_fit_and_stays_in_a_warm_start():
    X, y = load_iris(return_X_y=True)
    model = DenseClassifier(max_epochs="auto", batch_size="auto", learning_rate_schedule="cosine", warm_start=True)
    model.fit(X, y)
    kept = model.resolved_parameters_
    assert (kept.batch_size, kept.max_epochs, model.n_iter_) == (32, 120, 120)
    model.fit(X[:30], y[:30])
    assert model.resolved_parameters_.max_epochs == 120
    assert np.isfinite(model.partial_fit(X, y).loss_)


def test_few_samples_get_smaller_steps():
    assert reduced_rate(8e-3, 10**6) == reduced_rate(8e-3, 1000) == 8e-3
    assert reduced_rate(8e-3, 250) == 4e-3
