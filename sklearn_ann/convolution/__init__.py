"""Convolution: estimators for sequences, signals and images of any size, and a detector of known patterns."""

from sklearn_ann.convolution.detector import PatternDetector
from sklearn_ann.convolution.estimators import CNNClassifier, CNNRegressor
from sklearn_ann.convolution.kernels import matched_kernel
from sklearn_ann.convolution.patches import image_patches

__all__ = ["CNNClassifier", "CNNRegressor", "PatternDetector", "image_patches", "matched_kernel"]
