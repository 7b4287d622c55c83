"""Convolution: estimators of sequences, signals and images of any size."""

from sklearn_ann.convolution.estimators import CNNClassifier, CNNRegressor

__all__ = ["CNNClassifier", "CNNRegressor"]
