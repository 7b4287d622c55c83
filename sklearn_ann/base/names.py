"""Names of what ``transform`` returns where the samples are the cells of a column."""

from __future__ import annotations

from typing import Any

import numpy as np


class SamplesInAColumn:
    """A base of transformers whose samples, such as graphs, may be the cells of one column of a table.

    It comes before scikit-learn's mixin, which compares the number of names with the number of features.
    """

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the features after the class: ``"gcnclassifier0"``, ``"gcnclassifier1"``, ...

        Parameters
        ----------
        input_features : array-like of str, or None
            Names of the features of X, or of the one column that holds the samples. They are checked and not used.

        Returns
        -------
        array of str of shape (n_features_out,)
        """
        column = input_features is not None and len(input_features) == 1
        parent: Any = super()
        names: np.ndarray = parent.get_feature_names_out(None if column else input_features)
        return names
