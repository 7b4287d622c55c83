"""The classifiers and regressors that judge samples, and the matrices that they read."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from sklearn_ann.metrics.tables import Layout, Rows

_MOST = 254  # categories of a column that the boosted trees can tell apart, and one for all others
_LEAF = 20  # samples in a leaf, scikit-learn's default
_SEEDS = np.iinfo(np.int32).max


def boosting(
    kind: Literal["classifier", "regressor"],
    layout: Layout,
    n_samples: int,
    rng: np.random.RandomState,
    class_weight: str | None = None,
) -> BaseEstimator:
    """Return boosted trees for the matrix that `of_codes` makes.

    Below 400 samples leaves are smaller than scikit-learn's: with 20 samples in a leaf, a table of 30 rows cannot be
    split, and its samples would look perfect.
    """
    n_categorical = len(layout.categorical)
    options: dict[str, Any] = {
        "categorical_features": np.arange(n_categorical + len(layout.numeric)) < n_categorical,
        "min_samples_leaf": max(1, min(_LEAF, n_samples // 20)),
        "random_state": rng.randint(_SEEDS),
    }
    if kind == "classifier":
        return HistGradientBoostingClassifier(class_weight=class_weight, **options)
    return HistGradientBoostingRegressor(**options)


def seeded(estimator: Any, rng: np.random.RandomState) -> Any:
    """Return an unfitted copy of an estimator whose open seeds are drawn, so that it reads no global generator."""
    copy = clone(estimator)
    for name, value in sorted(copy.get_params().items()):
        if value is None and name.split("__")[-1] == "random_state":
            copy.set_params(**{name: rng.randint(_SEEDS)})
    return copy


def of_codes(layout: Layout, rows: dict[str, Rows]) -> dict[str, np.ndarray]:
    """Return the codes of categories beside the numbers, NaN where one is missing.

    Codes go by frequency in all tables together; all categories after the first 254 have one code.
    """
    codes = {name: part.codes.astype(np.float64) for name, part in rows.items()}
    for place, n_codes in enumerate(layout.n_codes):
        counts = np.bincount(np.concatenate([part.codes[:, place] for part in rows.values()]), minlength=n_codes)
        rank = np.empty(n_codes)
        rank[np.argsort(-counts[:-1], kind="stable")] = np.minimum(np.arange(n_codes - 1), _MOST)
        rank[-1] = np.nan
        for name, part in rows.items():
            codes[name][:, place] = rank[part.codes[:, place]]
    return {name: np.hstack([codes[name], part.numbers]) for name, part in rows.items()}


def one_hot(layout: Layout, rows: dict[str, Rows]) -> dict[str, np.ndarray]:
    """Return a column of zeros and ones for each category, a missing one too, beside the numbers."""
    return {
        name: np.hstack(
            [
                *(np.eye(n_codes)[part.codes[:, place]] for place, n_codes in enumerate(layout.n_codes)),
                part.numbers,
            ]
        )
        for name, part in rows.items()
    }
