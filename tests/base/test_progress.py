"""What a user is told of a training that has ended."""

import warnings

import numpy as np
import pytest
from leaves import DenseClassifier, DenseRegressor
from sklearn.exceptions import ConvergenceWarning

X = np.random.default_rng(0).normal(size=(80, 3))
NOISE = np.random.default_rng(1).normal(size=80)
DULL = {"max_epochs": 12, "learning_rate": 1e-9, "learning_rate_schedule": "cosine", "random_state": 0}


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile", "poisson"])
def test_a_regressor_that_has_learned_nothing_says_so(loss):
    y = np.abs(NOISE)
    with pytest.warns(ConvergenceWarning, match="DenseRegressor has learned nothing: its loss"):
        DenseRegressor(loss=loss, **DULL).fit(X, y)
    with pytest.warns(ConvergenceWarning, match="has learned nothing"):
        DenseRegressor(loss=loss, **DULL).fit(X, np.column_stack([y, NOISE**2]), sample_weight=1 + np.arange(80) % 2)


@pytest.mark.parametrize(
    "y", [NOISE > 0, np.digitize(NOISE, [-0.5, 0.5]), np.column_stack([NOISE > 0, X[:, 0] > 0]).astype(int)]
)
def test_a_classifier_that_has_learned_nothing_says_so(y):
    with pytest.warns(ConvergenceWarning, match="DenseClassifier has learned nothing: its loss"):
        DenseClassifier(**DULL).fit(X, y)


@pytest.mark.parametrize("y", [X[:, 0], np.column_stack([X[:, 0], np.where(NOISE > 0, X[:, 1], np.nan)]), np.zeros(80)])
def test_one_that_has_learned_says_nothing(y):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DenseRegressor(**DULL | {"learning_rate": 0.01}).fit(X, y)
        DenseRegressor(**DULL | {"max_epochs": 2}).fit(X, y)  # a trial
        DenseClassifier(**DULL).fit(X, np.zeros(80))  # nothing is to be learned
