"""Names of samples, and of what ``transform`` returns."""

import copy
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from leaves import DenseClassifier
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin

from sklearn_ann.base.names import compare_names, hidden_names, names_of_a_column


class Cells(ClassNamePrefixFeaturesOutMixin, BaseEstimator):
    get_feature_names_out = names_of_a_column
    _n_features_out, n_features_in_ = 2, 3

    def fit(self, X):
        return self


@pytest.mark.parametrize("given", [None, ["graph"], ["a", "b", "c"]])
def test_the_name_of_the_column_of_samples_is_accepted(given):
    assert Cells().get_feature_names_out(given).tolist() == ["cells0", "cells1"]


def test_other_names_are_counted():
    with pytest.raises(ValueError, match="length equal to number of features \\(3\\), got 2"):
        Cells().get_feature_names_out(["a", "b"])


NO_NAMES = "X does not have valid feature names, but DenseClassifier was fitted with feature names"


def test_arrays_are_no_matter_while_the_names_are_hidden():
    """shap's KernelExplainer predicts for arrays by a copy of the model whose names it has set to None."""
    X, y = named()
    model = DenseClassifier(max_epochs=1, learning_rate_schedule="cosine", random_state=0).fit(X, y)
    expected = model.predict_proba(X)
    with pytest.warns(UserWarning, match=NO_NAMES):
        model.predict_proba(X.to_numpy())
    hidden = copy.deepcopy(model)
    hidden.feature_names_in_ = None
    np.testing.assert_array_equal(hidden.predict_proba(X.to_numpy()), expected)  # warnings are errors here
    with pytest.warns(UserWarning, match="another"), hidden_names(hidden):
        warnings.warn("another", UserWarning, stacklevel=1)


def named(n=40):
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(n, 3)), index=[f"cell {i}" for i in range(n)])
    X.columns = ["a", "b", "c"]
    return X, (X["a"] > 0).astype(int)


@pytest.mark.parametrize("beside", ["y", "sample_weight", "groups"])
@pytest.mark.parametrize("wrapped", [lambda X: X, AnnData], ids=["frame", "AnnData"])
def test_names_in_another_order_are_told(beside, wrapped):
    X, y = named()
    given = {"y": y, "sample_weight": y + 1, "groups": y}
    given[beside] = given[beside][::-1]
    model = DenseClassifier(max_epochs=1, learning_rate_schedule="cosine")
    with pytest.warns(UserWarning, match=f"The index of {beside} has the names of the samples in X in another order"):
        model.fit(wrapped(X), **given)


def test_names_in_the_same_order_other_names_and_no_names_are_no_matter():
    X, y = named()
    for one, other in [(X, y), (X, y.set_axis(y.index + "!")), (X, y.to_numpy()), (X.to_numpy(), y), (X, list(y))]:
        compare_names(one, y=other)
    shuffled = X.reset_index(drop=True).sample(frac=1, random_state=0)
    compare_names(shuffled, y=y.reset_index(drop=True))  # a series that has been made of an array
    compare_names(X.reset_index(drop=True), y=y.reset_index(drop=True)[::-1])  # a frame that has been made of an array


def test_names_of_nodes_are_those_of_the_samples():
    X, y = named()
    compare_names(list(X.index), y=y)
    with pytest.warns(UserWarning, match=re.escape("y.loc[X] sorts y like X")):
        compare_names(list(X.index), y=y[::-1])
