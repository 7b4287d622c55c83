"""Attention among the tokens of a string, with labels or without, among columns, and to the training rows."""

from sklearn_ann.attention.estimators import AttentionClassifier, AttentionRegressor
from sklearn_ann.attention.masked import MaskedSequenceModel
from sklearn_ann.attention.transformer import AttentionTransformer

__all__ = ["AttentionClassifier", "AttentionRegressor", "AttentionTransformer", "MaskedSequenceModel"]
