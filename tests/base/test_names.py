"""Names of what ``transform`` returns."""

import pytest
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin

from sklearn_ann.base.names import names_of_a_column


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
