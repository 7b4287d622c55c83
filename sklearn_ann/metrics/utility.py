"""What samples are good for: a model that is trained on them and tested on real rows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.metrics import check_scoring
from sklearn.utils.validation import check_consistent_length, column_or_1d

from sklearn_ann import training
from sklearn_ann._sklearn import safe_indexing
from sklearn_ann.metrics.judges import boosting, seeded
from sklearn_ann.metrics.tables import matched, read_together
from sklearn_ann.reading.columns import as_table, chosen_positions, column, is_frame, is_missing

_LABELS = 30  # distinct whole numbers up to which they are labels


class SyntheticScore(NamedTuple):
    """What `train_on_synthetic_score` returns.

    Parameters
    ----------
    score : float
        Score on real test rows of the model that was trained on samples.
    real : float
        Score of the same model trained on real rows; NaN without these.
    ratio : float
        `score` over `real`; NaN without `real`, or if that is not above 0.
    """

    score: float
    real: float
    ratio: float


def train_on_synthetic_score(
    X_synthetic: Any,
    y_synthetic: Any,
    X_test: Any,
    y_test: Any,
    X_train: Any = None,
    y_train: Any = None,
    *,
    estimator: BaseEstimator | None = None,
    scoring: Any = None,
    categorical_features: Any = "auto",
    random_state: int | np.random.RandomState | None = 0,
) -> SyntheticScore:
    """Train a model on samples and test it on real rows, beside the same model trained on real rows.

    The test is that of Esteban et al. [1]_.

    Parameters
    ----------
    X_synthetic : array-like or frame of shape (n_synthetic, n_features)
        The samples. Columns of frames are matched by name.
    y_synthetic : array-like of shape (n_synthetic,), or str or int
        Their targets; a name or a position is that of the column of `X_synthetic` that holds them.
    X_test, y_test : as X_synthetic and y_synthetic
        Real rows that the sampler has not seen. `X_test` says which columns are categorical.
    X_train, y_train : as X_synthetic and y_synthetic, default=None
        The real rows that the sampler was fitted to, for the ratio. `y_train` may be left out if `y_test` is a name or
        a position.
    estimator : classifier or regressor, default=None
        None means gradient boosted trees, which read categories and missing values: a regressor if the real targets
        are numbers with fractions or of more than 30 different values, otherwise a classifier. Other estimators are
        given X as it is, so that one that cannot read strings needs a pipeline.
    scoring : str or callable, default=None
        As in ``cross_val_score``. None means the estimator's ``score``, accuracy or R².
    categorical_features : "auto", int, str, or list of int, str or bool, default="auto"
        The categorical columns of X without its target, for the boosted trees. ``"auto"`` goes by the dtype.
    random_state : int, RandomState instance or None, default=0
        Seed of an estimator that has none. None takes one from the operating system.

    Returns
    -------
    SyntheticScore
        A named tuple of `score`, `real` and `ratio`.

    Raises
    ------
    ValueError
        If the tables have different columns, if a value cannot be read, if a target is missing, or if the targets of
        the samples are of another kind than the real ones.

    Notes
    -----
    The ratio has a meaning for scores such as accuracy and R², of which more is better and which are above 0.

    References
    ----------
    .. [1] Esteban, C., Hyland, S. L. and Rätsch, G. (2017). Real-valued (medical) time series generation with recurrent
       conditional GANs. arXiv:1706.02633. Section 4.1.

    Examples
    --------
    Rows drawn around the mean of each class, one feature at a time, for a classifier of wines:

    >>> import numpy as np
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn_ann.metrics import train_on_synthetic_score
    >>> X, y = load_wine(return_X_y=True)
    >>> X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    >>> rng = np.random.default_rng(0)
    >>> samples = np.vstack(
    ...     [rng.normal(X[y == k].mean(axis=0), X[y == k].std(axis=0), (50, 13)) for k in range(3)]
    ... )
    >>> result = train_on_synthetic_score(samples, np.repeat([0, 1, 2], 50), X_test, y_test, X, y)
    >>> print(f"{result.score:.2f} {result.real:.2f}")
    0.87 0.98
    """
    given = {"synthetic": (X_synthetic, y_synthetic), "test": (X_test, y_test)}
    if X_train is not None:
        named = y_train is None and isinstance(y_test, str | int | np.integer)
        given["train"] = (X_train, y_test if named else y_train)
    elif y_train is not None:
        raise ValueError("y_train was given without X_train: expected both")
    tables, targets = {}, {}
    for name, (X, y) in given.items():
        tables[f"X_{name}"], targets[name] = _apart(X, y, name)
    classes = is_classifier(estimator) if estimator is not None else _are_labels(targets)
    targets = _checked(targets, classes)
    rng = training.as_random_state(random_state)
    judge, matrices = _judge(estimator, tables, classes, categorical_features, rng)

    def score_of(name: str) -> float:
        fitted = seeded(judge, rng).fit(matrices[f"X_{name}"], targets[name])
        return float(check_scoring(fitted, scoring)(fitted, matrices["X_test"], targets["test"]))

    score = score_of("synthetic")
    real = score_of("train") if X_train is not None else np.nan
    return SyntheticScore(score, real, score / real if real > 0 else np.nan)


def _judge(
    estimator: Any, tables: dict[str, Any], classes: bool, categorical_features: Any, rng: np.random.RandomState
) -> tuple[Any, dict[str, Any]]:
    """Return the estimator, with its seeds, and the tables as it reads them."""
    if estimator is None:
        layout, rows = read_together(tables, "X_test", categorical_features)
        n_samples = min(len(part.codes) for name, part in rows.items() if name != "X_test")
        return boosting("classifier" if classes else "regressor", layout, rows, n_samples, rng)
    test = tables["X_test"]
    if is_frame(test):
        tables = {name: matched(X, test, name, "X_test") if is_frame(X) else X for name, X in tables.items()}
    return seeded(estimator, rng), tables


def _apart(X: Any, y: Any, name: str) -> tuple[Any, np.ndarray]:
    """Return a table without its target, and the target."""
    if isinstance(y, str | int | np.integer):
        X = as_table(X)
        [position] = chosen_positions(X, y, f"y_{name}")
        others = [place for place in range(X.shape[1]) if place != position]
        if not others:
            raise ValueError(f"X_{name} has no column but the target {y!r}")
        return safe_indexing(X, others, axis=1), _plain(column(X, position), name)
    if y is None:
        raise ValueError(f"y_{name} is None: expected targets, or the name of their column in X_{name}")
    target = _plain(column_or_1d(np.asarray(y)), name)
    check_consistent_length(X, target)
    return X, target


def _plain(y: np.ndarray, name: str) -> np.ndarray:
    """Return targets in an array of NumPy's own dtype, none of them missing."""
    if y.dtype == object or y.dtype.kind == "f":
        missing = np.flatnonzero([is_missing(value) for value in y.tolist()])
        if len(missing):
            raise ValueError(f"y_{name} has a missing value in sample {missing[0]}")
    if y.dtype != object:
        return y
    plain = np.array([float(value) if isinstance(value, Decimal) else value for value in y.tolist()])
    if plain.dtype == object or plain.ndim > 1:
        value = y.tolist()[0]
        raise ValueError(
            f"y_{name} has the value {value!r} ({type(value).__name__}) in sample 0: expected numbers or labels, which "
            "are text, bools or whole numbers"
        )
    return plain


def _whole(y: np.ndarray) -> bool:
    return y.dtype.kind in "biu" or (y.dtype.kind == "f" and bool((y == np.rint(y)).all()))


def _are_labels(targets: dict[str, np.ndarray]) -> bool:
    """Return whether the real targets are labels rather than numbers."""
    real = np.concatenate([y for name, y in targets.items() if name != "synthetic"])
    return real.dtype.kind not in "biuf" or real.dtype.kind == "b" or (_whole(real) and len(np.unique(real)) <= _LABELS)


def _checked(targets: dict[str, np.ndarray], classes: bool) -> dict[str, np.ndarray]:
    """Return targets for a classifier or a regressor, those of samples of the same kind as the real ones."""
    synthetic, test = targets["synthetic"], targets["test"]
    if not classes:
        try:
            return {name: y.astype(np.float64) for name, y in targets.items()}
        except ValueError as error:
            raise ValueError(f"y_synthetic, y_test or y_train has a target that is no number: {error}") from error
    if synthetic.dtype.kind == "f" and _whole(test) and not _whole(synthetic):
        odd, label = synthetic[synthetic != np.rint(synthetic)][0], test.tolist()[0]
        raise ValueError(
            f"y_synthetic has numbers with fractions, such as {odd}, but y_test has labels, such as {label!r}: round "
            "them, draw samples of given labels, or give a regressor as estimator"
        )
    if set(synthetic.tolist()).isdisjoint(test.tolist()):
        raise ValueError(
            f"No label of y_synthetic is in y_test: {synthetic.tolist()[0]!r} ({type(synthetic.tolist()[0]).__name__}) "
            f"against {test.tolist()[0]!r} ({type(test.tolist()[0]).__name__})"
        )
    return targets
