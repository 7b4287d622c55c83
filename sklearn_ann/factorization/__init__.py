"""Tensors: the value of an entry from the levels that name it."""

from sklearn_ann.factorization.estimator import TensorFactorizationRegressor

__all__ = ["TensorFactorizationRegressor"]
