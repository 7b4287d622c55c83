"""Node features of one length: a document of a thousand words says no more of its topic than one of a hundred."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from sklearn.preprocessing import normalize

Lengths = Literal["auto", "l1", "l2"]

_BULK = 0.99  # share of the values by which the kind of features is decided


def automatic_lengths(X: Any) -> Literal["l2"] | None:
    """Return ``"l2"`` for counts or shares such as bags of words, else None.

    These are positive, but for one in a hundred, beside at least as many zeros, and no column makes more than half of
    their sum, as a column of another unit would.
    """
    values = X.data[X.data != 0] if sp.issparse(X) else X[X != 0]
    if len(values) == 0 or len(values) > X.shape[0] * X.shape[1] / 2 or (values > 0).mean() < _BULK:
        return None
    of_columns = np.asarray(abs(X).sum(axis=0, dtype=np.float64)).ravel()
    return "l2" if of_columns.max() <= of_columns.sum() / 2 else None


def scaled_rows(X: Any, lengths: Literal["l1", "l2"]) -> Any:
    """Divide each row by the sum of its absolute values or by its Euclidean length; a row of zeros stays."""
    return normalize(X.astype(np.float64), norm=lengths).astype(np.float32)
