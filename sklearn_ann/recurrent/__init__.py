"""Recurrent networks on strings and series: one prediction for a sample, or one for each of its steps."""

from sklearn_ann.recurrent.estimators import RNNClassifier, RNNRegressor

__all__ = ["RNNClassifier", "RNNRegressor"]
