"""The classifiers and regressors that judge samples, and the matrices that they read."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.pipeline import make_pipeline

from sklearn_ann.metrics.tables import Layout, Rows

_MOST = 254  # categories of a column that the boosted trees can tell apart, and one for all others
_LEAF = 20  # samples in a leaf, scikit-learn's default
_FEW = 400  # samples, below which trees need smaller leaves
_SEEDS = np.iinfo(np.int32).max


class EmptyColumns(TransformerMixin, BaseEstimator):
    """Puts zeros into columns that have no number in ``fit``, such as in all rows of a fold.

    The boosted trees fail on a column of NaN alone.
    """

    def fit(self, X: np.ndarray, y: Any = None) -> Self:
        """Find these columns."""
        self.empty_ = np.isnan(X).all(axis=0)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return X with zeros in them."""
        return np.where(self.empty_, 0.0, X)


def boosting(
    kind: Literal["classifier", "regressor"],
    layout: Layout,
    rows: dict[str, Rows],
    n_samples: int,
    rng: np.random.RandomState,
    class_weight: str | None = None,
) -> tuple[BaseEstimator, dict[str, np.ndarray]]:
    """Return boosted trees and the matrices that they read.

    With 20 samples in a leaf a table of 30 rows cannot be split, and its samples would look perfect; nor do the trees
    look at categories of fewer than ten rows. Below 400 samples leaves are therefore smaller, and each category has a
    column.
    """
    # Imported at use: these are a sixth of the time in which a worker imports this package.
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    few = n_samples < _FEW
    n_categorical = 0 if few else len(layout.categorical)
    matrices = (one_hot if few else of_codes)(layout, rows)
    n_columns = next(iter(matrices.values())).shape[1]
    options: dict[str, Any] = {
        "categorical_features": np.arange(n_columns) < n_categorical,
        "min_samples_leaf": max(1, min(_LEAF, n_samples * _LEAF // _FEW)),
        "random_state": rng.randint(_SEEDS),
    }
    trees = (
        HistGradientBoostingClassifier(class_weight=class_weight, **options)
        if kind == "classifier"
        else HistGradientBoostingRegressor(**options)
    )
    return make_pipeline(EmptyColumns(), trees), matrices


def seeded(estimator: Any, rng: np.random.RandomState) -> Any:
    """Return an unfitted copy of an estimator whose open seeds are drawn, so that it reads no global generator."""
    copy = clone(estimator)
    for name, value in sorted(copy.get_params().items()):
        if value is None and name.split("__")[-1] == "random_state":
            copy.set_params(**{name: rng.randint(_SEEDS)})
    return copy


def of_codes(layout: Layout, rows: dict[str, Rows]) -> dict[str, np.ndarray]:
    """Return the codes of categories, of a missing one too, beside the numbers.

    Codes go by frequency in all tables together; all categories after the first 254 have one code. A missing category
    is not NaN, which the trees do not split from a single category.
    """
    codes = {name: part.codes.astype(np.float64) for name, part in rows.items()}
    for place, n_codes in enumerate(layout.n_codes):
        counts = np.bincount(np.concatenate([part.codes[:, place] for part in rows.values()]), minlength=n_codes)
        rank = np.empty(n_codes)
        rank[np.argsort(-counts, kind="stable")] = np.minimum(np.arange(n_codes), _MOST)
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
