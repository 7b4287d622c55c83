"""Convolution: estimators for sequences, signals and images of any size, and a detector of known patterns."""

from sklearn_ann.convolution.detector import PatternDetector
from sklearn_ann.convolution.estimators import CNNClassifier, CNNRegressor
from sklearn_ann.convolution.kernels import matched_kernel

__all__ = ["CNNClassifier", "CNNRegressor", "PatternDetector", "matched_kernel"]
