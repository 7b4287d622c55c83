"""Whether samples are distributed as real rows: a classifier between them, their marginals, their modes."""

from __future__ import annotations

from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance
from sklearn.base import BaseEstimator
from sklearn.model_selection import PredefinedSplit, cross_val_score
from sklearn.utils import check_scalar
from sklearn.utils.validation import check_array

from sklearn_ann import training
from sklearn_ann.metrics.judges import boosting, one_hot, seeded
from sklearn_ann.metrics.tables import read_together, standardisation

_DISTINCT = 0.9  # share of different rows among the real ones, above which equal rows are copies


def two_sample_auc(
    X_synthetic: Any,
    X_real: Any,
    *,
    estimator: BaseEstimator | None = None,
    cv: Any = 5,
    categorical_features: Any = "auto",
    random_state: int | np.random.RandomState | None = 0,
) -> float:
    """Return how well a classifier tells samples from real rows: the classifier two-sample test.

    The test is that of Lopez-Paz and Oquab [1]_. Its statistic is the area under the ROC curve, the mean over the folds
    of a cross-validation. 0.5 is perfect: no difference was found. At 1 each sample is recognised.

    Parameters
    ----------
    X_synthetic : array-like or frame of shape (n_synthetic, n_features)
        The samples. Columns of two frames are matched by name.
    X_real : array-like or frame of shape (n_real, n_features)
        Real rows, best ones that the sampler has not seen. They say which columns are categorical.
    estimator : classifier, default=None
        None means gradient boosted trees, which read categories and missing values. Other classifiers are given a
        column of zeros and ones for each category, then the numbers, NaN where they are missing.
    cv : int or cross-validation splitter, default=5
        Number of stratified folds, whose rows are shuffled. If at least nine tenths of the real rows are different, a
        real row and a copy of it are in one fold. A splitter is taken as it is.
    categorical_features : "auto", int, str, or list of int, str or bool, default="auto"
        The categorical columns. ``"auto"`` goes by the dtype.
    random_state : int, RandomState instance or None, default=0
        Seed of the folds and of an estimator that has none. None takes one from the operating system.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError
        If the tables have different columns, if a value cannot be read, or if there are fewer rows than folds.

    Notes
    -----
    A number is compared in the coarsest precision that it has in one of the tables: float32 samples are not recognised
    by their last digits.

    Copies of the real rows are not told from them, and have 0.5; `copy_share` finds them. A value clearly below 0.5
    means near copies: a row has one, of the other class, in another fold.

    The value depends on the classifier and rises with the number of rows: compare samplers with the same. The boosted
    trees read 255 bins of a column, and see no difference within a bin.

    References
    ----------
    .. [1] Lopez-Paz, D. and Oquab, M. (2017). Revisiting classifier two-sample tests. ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ann.metrics import two_sample_auc
    >>> rng = np.random.default_rng(0)
    >>> real = rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], size=500)
    >>> independent = rng.normal(size=(500, 2))  # the right marginals, but no correlation
    >>> print(f"{two_sample_auc(independent, real):.2f}")
    0.76
    """
    tables = {"X_synthetic": X_synthetic, "X_real": X_real}
    layout, rows = read_together(tables, "X_real", categorical_features)
    rng = training.as_random_state(random_state)
    is_real = np.repeat([0, 1], [len(rows[name].codes) for name in tables])
    judge: Any
    if estimator is None:
        n_samples = sum(len(part.codes) for part in rows.values())
        judge, matrices = boosting("classifier", layout, rows, n_samples, rng, class_weight="balanced")
    else:
        judge, matrices = seeded(estimator, rng), one_hot(layout, rows)
    synthetic, real = (matrices[name] for name in tables)
    if isinstance(cv, int | np.integer):
        cv = PredefinedSplit(_folds(synthetic, real, int(cv), rng))
    X, is_real = np.vstack([synthetic, real]), np.repeat([0, 1], [len(synthetic), len(real)])
    return float(cross_val_score(judge, X, is_real, cv=cv, scoring="roc_auc", error_score="raise").mean())


def _folds(synthetic: np.ndarray, real: np.ndarray, n_folds: int, rng: np.random.RandomState) -> np.ndarray:
    """Return a fold for each row, drawn so that each fold has its part of samples and of real rows.

    A copy of a real row that lies in another fold shows the classifier the row with the wrong label. The values of
    copies would be below 0.5, and those of bad samples among copies too good. A real row and a copy of it are therefore
    in one fold, unless real rows repeat among themselves; further copies are not, since repetition is a difference.
    """
    few = min(len(synthetic), len(real))
    if not 2 <= n_folds <= few:
        raise ValueError(f"cv={n_folds}: expected 2 or more folds, and at most the {few} rows of the smaller table")
    rows = np.nan_to_num(np.vstack([synthetic, real]), nan=np.inf)  # NaN differs from itself; none is infinite
    number = np.unique(rows, axis=0, return_inverse=True)[1].ravel()
    sampled, first_sample = np.unique(number[: len(synthetic)], return_index=True)
    there, first_real = np.unique(number[len(synthetic) :], return_index=True)
    _, copies, originals = np.intersect1d(sampled, there, return_indices=True)
    if len(there) < _DISTINCT * len(real):
        copies, originals = copies[:0], originals[:0]
    kind = np.repeat([0, 2], [len(synthetic), len(real)])  # in this order each fold gets some of both classes
    kind[first_real[originals] + len(synthetic)] = 1  # a real row with its copy
    leaders = np.delete(np.arange(len(kind)), first_sample[copies])
    order = leaders[np.lexsort((rng.permutation(len(leaders)), kind[leaders]))]
    folds = np.empty(len(kind), dtype=np.int64)
    folds[order] = np.arange(len(order)) % n_folds
    folds[first_sample[copies]] = folds[first_real[originals] + len(synthetic)]
    return folds


def marginal_distances(X_synthetic: Any, X_real: Any, *, categorical_features: Any = "auto") -> Any:
    r"""Return how far the distribution of each column of samples is from that of real rows.

    For categories the total variation distance :math:`\frac{1}{2} \sum_c |p_c - q_c|`, in [0, 1], where missing is a
    category. For numbers with distribution functions F and G the 1-Wasserstein distance
    :math:`\int |F(x) - G(x)| \, dx / s`, in units of the standard deviation s of the real ones, plus the difference of
    the shares of missing numbers; of this difference alone if one of the two columns has no number.

    Parameters
    ----------
    X_synthetic : array-like or frame of shape (n_synthetic, n_features)
        The samples. Columns of two frames are matched by name.
    X_real : array-like or frame of shape (n_real, n_features)
        Real rows. They say which columns are categorical, and give the standard deviations, in which numbers beyond
        the 1 % and 99 % quantiles count as these quantiles. A constant column keeps its unit.
    categorical_features : "auto", int, str, or list of int, str or bool, default="auto"
        The categorical columns. ``"auto"`` goes by the dtype.

    Returns
    -------
    array of shape (n_features,), pandas Series or dict
        0 is perfect. If `X_real` is a frame of pandas it is a Series, if one of polars a dict, by name of the column.

    Raises
    ------
    ValueError
        If the tables have different columns, or if a value cannot be read.

    Notes
    -----
    Two draws of n rows from one distribution have a distance of the order :math:`n^{-1/2}`. Marginals say nothing of
    how columns depend on each other; see `two_sample_auc`.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_ann.metrics import marginal_distances
    >>> real = pd.DataFrame({"age": [20.0, 30.0, 40.0, 50.0], "sex": ["f", "m", "f", "m"]})
    >>> samples = pd.DataFrame({"age": [25.0, 35.0, 45.0, None], "sex": ["f", "m", "f", "f"]})
    >>> marginal_distances(samples, real).round(2)
    age    0.71
    sex    0.25
    dtype: float64
    """
    tables = {"X_synthetic": X_synthetic, "X_real": X_real}
    layout, rows = read_together(tables, "X_real", categorical_features)
    synthetic, real = (rows[name] for name in tables)
    distances = np.empty(len(layout.categorical) + len(layout.numeric))
    for place, position in enumerate(layout.categorical):
        shares = [
            np.bincount(part.codes[:, place], minlength=layout.n_codes[place]) / len(part.codes)
            for part in (synthetic, real)
        ]
        distances[position] = np.abs(shares[0] - shares[1]).sum() / 2
    _, scale = standardisation(real.numbers, layout.phrases)
    for place, position in enumerate(layout.numeric):
        distances[position] = _of_numbers(synthetic.numbers[:, place], real.numbers[:, place], scale[place])
    if not layout.names:
        return distances
    if hasattr(X_real, "iloc"):
        return type(X_real)([distances], columns=layout.names).iloc[0].rename(None)
    return dict(zip(layout.names, distances.tolist(), strict=True))


def _of_numbers(one: np.ndarray, other: np.ndarray, scale: float) -> float:
    there = [values[~np.isnan(values)] / scale for values in (one, other)]
    missing = abs(np.isnan(one).mean() - np.isnan(other).mean())
    return float(missing + (wasserstein_distance(*there) if all(map(len, there)) else 0.0))


class ModeCoverage(NamedTuple):
    """What `mode_coverage` returns.

    Parameters
    ----------
    modes : float
        Share of the modes that have a sample.
    samples : float
        Share of the samples that are within the radius of a mode.
    counts : array of shape (n_modes,)
        Number of samples of each mode.
    """

    modes: float
    samples: float
    counts: np.ndarray


def mode_coverage(X_synthetic: Any, centers: Any, scale: Any, *, radius: float = 3.0) -> ModeCoverage:
    """Return the share of known modes that samples cover, and the share of samples that belong to a mode.

    A sample belongs to the nearest mode, in units of its scale, if it is within the radius; a mode is covered if a
    sample belongs to it [1]_. Mode collapse is a low share of modes, samples between the modes are a low share of
    samples.

    Parameters
    ----------
    X_synthetic : array-like of shape (n_synthetic, n_features)
        Samples of a mixture of spherical distributions.
    centers : array-like of shape (n_modes, n_features)
        Centres of the modes.
    scale : float or array-like of shape (n_modes,)
        Standard deviation of each feature in a mode; one for all modes or one for each.
    radius : float, default=3.0
        In units of the scale. Within it are ``scipy.stats.chi2.cdf(radius**2, n_features)`` of a normal distribution:
        98.9 % in two dimensions, but 47 % in ten.

    Returns
    -------
    ModeCoverage
        A named tuple of `modes`, `samples` and `counts`.

    Raises
    ------
    ValueError
        If shapes do not fit, if a number is missing or infinite, or if a scale or the radius is not above 0.

    References
    ----------
    .. [1] Lin, Z., Khetan, A., Fanti, G. and Oh, S. (2018). PacGAN: the power of two samples in generative adversarial
       networks. NeurIPS. Section 4.1, high quality samples and modes captured.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ann.metrics import mode_coverage
    >>> angles = np.arange(8) * np.pi / 4
    >>> centers = 2 * np.c_[np.cos(angles), np.sin(angles)]
    >>> rng = np.random.default_rng(0)
    >>> found = mode_coverage(
    ...     centers[rng.integers(7, size=500)] + rng.normal(0, 0.05, (500, 2)), centers, 0.05
    ... )
    >>> found.modes, found.samples
    (0.875, 0.99)
    >>> found.counts
    array([76, 58, 59, 70, 73, 71, 88,  0])
    """
    X, centers = (
        check_array(part, dtype=np.float64, input_name=name)
        for part, name in ((X_synthetic, "X_synthetic"), (centers, "centers"))
    )
    if X.shape[1] != centers.shape[1]:
        raise ValueError(f"X_synthetic has {X.shape[1]} columns, but centers has {centers.shape[1]}")
    scale = np.asarray(scale, dtype=np.float64)
    if scale.shape not in {(), (len(centers),)}:
        raise ValueError(
            f"scale has the shape {scale.shape}: expected a number, or one for each of {len(centers)} modes"
        )
    if not (np.isfinite(scale).all() and (scale > 0).all()):
        raise ValueError(f"scale={scale.tolist()!r}: expected finite numbers above 0")
    check_scalar(radius, "radius", Real)
    if not radius > 0:
        raise ValueError(f"radius={radius!r}: expected a number above 0")
    distances = cdist(X, centers) / scale  # (n_synthetic, n_modes)
    nearest = distances.argmin(axis=1)
    inside = distances.min(axis=1) <= radius
    counts = np.bincount(nearest[inside], minlength=len(centers))
    return ModeCoverage(float((counts > 0).mean()), float(inside.mean()), counts)
