"""Dense networks on the embedded columns of a table."""

from sklearn_ann.tabular.estimators import TabularClassifier, TabularRegressor

__all__ = ["TabularClassifier", "TabularRegressor"]
