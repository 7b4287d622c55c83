"""What every architecture stands on: declared hyper-parameters and the life cycle of an estimator."""

from sklearn_ann.base.estimator import NeuralEstimator, NeuralTransformer
from sklearn_ann.base.supervised import NeuralClassifier, NeuralRegressor

__all__ = ["NeuralClassifier", "NeuralEstimator", "NeuralRegressor", "NeuralTransformer"]
