"""Attention among the tokens of a string, among the columns of a table, and to the rows of the training set."""

from sklearn_ann.attention.estimators import AttentionClassifier, AttentionRegressor
from sklearn_ann.attention.transformer import AttentionTransformer

__all__ = ["AttentionClassifier", "AttentionRegressor", "AttentionTransformer"]
