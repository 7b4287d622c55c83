"""Names of what ``transform`` returns where the samples are the cells of a column."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin


def names_of_a_column(self: ClassNamePrefixFeaturesOutMixin, input_features: Any = None) -> np.ndarray:
    """Name the features after the class: ``"gcnclassifier0"``, ``"gcnclassifier1"``, ...

    Parameters
    ----------
    input_features : array-like of str, or None
        Names of the features of X, or of the one column of a table whose cells are the samples. They are checked and
        not used.

    Returns
    -------
    array of str of shape (n_features_out,)
    """
    column = input_features is not None and len(input_features) == 1
    names: np.ndarray = ClassNamePrefixFeaturesOutMixin.get_feature_names_out(self, None if column else input_features)
    return names
