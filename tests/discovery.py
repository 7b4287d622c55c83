"""Every public estimator, found and not listed, and the leaves that stand for the classes to come."""

import inspect

from leaves import DenseClassifier, DenseRegressor
from sklearn.base import BaseEstimator

import sklearn_ann

PUBLIC = [
    member
    for name in sklearn_ann.__all__
    if inspect.isclass(member := getattr(sklearn_ann, name)) and issubclass(member, BaseEstimator)
]
ESTIMATORS = [*PUBLIC, DenseClassifier, DenseRegressor]

# scikit-learn compares some results at a relative 1e-7, for instance those of weighted and of repeated samples. That
# takes float64 and one batch; everything else must hold with the defaults too.
EXACT = {"precision": "float64", "batch_size": 10_000}

# Enough training for checks that only ask whether something works.
BRIEF = {"max_epochs": 3, "tol": 0.9, "n_iter_no_change": 1, "random_state": 0}


def name_of(value):
    """A readable test id."""
    return value.__name__ if inspect.isclass(value) else None
