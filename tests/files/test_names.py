"""The list of names is explicit, complete and resolves."""

import importlib
import inspect
import pkgutil

import pytest
from sklearn.base import BaseEstimator
from torch import nn

import sklearn_ann
from sklearn_ann import ModelFileError, TabularClassifier
from sklearn_ann.files.names import CLASSES, FUNCTIONS, Names, full_name
from sklearn_ann.reading.reader import Learned
from sklearn_ann.training import Step

# Classes that others are derived from, skorch's view of an error, a part of a metric and what is exported; no fitted
# model holds one.
ABSTRACT = {
    "AttentionBody", "AttentionEstimator", "ConvolutionalEstimator", "GraphEstimator", "Learned", "NeuralClassifier",
    "NeuralEstimator", "NeuralPredictor", "NeuralRegressor", "Reader", "RecurrentEstimator", "Stochastic", "Targets",
    "TabularEstimator", "TransferEstimator", "Scored", "FittedParts", "_GraphLevel", "_GraphOptions", "_NodeLevel",
    "ErrorModule", "EmptyColumns", "Foreign", "Graph", "RecurrentOperator",
}  # fmt: skip


def test_every_name_leads_to_what_it_names():
    names = Names()
    for name in sorted(CLASSES | FUNCTIONS):
        item = names.find(name, "it")
        assert callable(item)
        assert names.find(names.of(item, "it"), "it") is item


def test_every_class_that_a_fitted_model_may_hold_is_on_the_list():
    missing = set()
    for module in pkgutil.walk_packages(sklearn_ann.__path__, "sklearn_ann."):
        for name, item in vars(importlib.import_module(module.name)).items():
            if inspect.isclass(item) and item.__module__ == module.name and name not in ABSTRACT:
                kept = issubclass(item, nn.Module | Learned | Step | BaseEstimator)
                missing |= {full_name(item)} - CLASSES if kept else set()
    assert not missing


def test_no_name_is_one_that_reads_runs_or_fetches():
    for name in CLASSES | FUNCTIONS:
        words = name.rpartition(".")[2].lower()
        assert not any(word in words for word in ("load", "fetch", "open", "eval", "exec", "pickle", "memory"))


def test_a_class_of_the_same_name_is_another():
    class StandardScaler:
        pass

    StandardScaler.__module__, StandardScaler.__qualname__ = "sklearn.preprocessing._data", "StandardScaler"
    with pytest.raises(ModelFileError, match="it is or holds"):
        Names().of(StandardScaler, "it")
    assert Names().of(TabularClassifier, "it") == "sklearn_ann.tabular.estimators.TabularClassifier"
