"""What every architecture stands on: declared hyper-parameters and the life cycle of an estimator."""

from sklearn_ann.base.estimator import NeuralEstimator
from sklearn_ann.base.plan import Plan
from sklearn_ann.base.supervised import NeuralClassifier, NeuralRegressor
from sklearn_ann.base.targets import ClassTargets, NumberTargets, Targets

__all__ = [
    "ClassTargets",
    "NeuralClassifier",
    "NeuralEstimator",
    "NeuralRegressor",
    "NumberTargets",
    "Plan",
    "Targets",
]
