"""Whether samples are copies of training rows: the distance to the closest record."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils import check_scalar

from sklearn_ann._warnings import warn
from sklearn_ann.metrics.tables import Layout, Rows, read_together, standardisation

_MISMATCH = 2.0  # squared distance of two categories; that of two numbers of one column has this mean
_AT_ONCE = 2**22  # distances that are computed at a time
_SAME = 6  # decimals to which distances are equal
_SURE = 3.0  # standard errors
_FACTOR = 1.5  # by which more samples are close to training rows than to held-out rows, if they are copies
_FEW_COPIES = 0.01  # share of samples


def closest_record_distances(X_synthetic: Any, X_train: Any, *, categorical_features: Any = "auto") -> np.ndarray:
    r"""Return the distance of each sample to the closest training row.

    With numbers x in units of their standard deviation and categories c,

    .. math:: d(a, b)^2 = \sum_j (x_{aj} - x_{bj})^2 + 2 \sum_k [c_{ak} \ne c_{bk}] .

    Two random rows have a mean squared difference of 2 in a standardised number, and so a category that differs
    counts as much as a number does on average. A missing value is a category of its own.

    Parameters
    ----------
    X_synthetic : array-like or frame of shape (n_synthetic, n_features)
        Rows to judge: samples, or held-out rows to compare with. Columns of two frames are matched by name.
    X_train : array-like or frame of shape (n_train, n_features)
        The rows that the sampler was fitted to. They say which columns are categorical, and their numbers give the
        standard deviations, in which numbers beyond the 1 % and 99 % quantiles count as these quantiles. A constant
        column keeps its unit.
    categorical_features : "auto", int, str, or list of int, str or bool, default="auto"
        The categorical columns. ``"auto"`` goes by the dtype.

    Returns
    -------
    array of shape (n_synthetic,)

    Raises
    ------
    ValueError
        If the tables have different columns, or if a value cannot be read.

    Notes
    -----
    The time grows with ``n_synthetic * n_train * n_features``; memory does not.

    References
    ----------
    Park, N. et al. (2018). Data synthesis based on generative adversarial networks. Proceedings of the VLDB Endowment
    11(10), 1071-1083. Section 5.1.3.

    Examples
    --------
    >>> from sklearn_ann.metrics import closest_record_distances
    >>> train = [[0.0, "a"], [1.0, "b"], [2.0, "b"]]
    >>> closest_record_distances([[1.0, "b"], [1.0, "a"], [3.0, "b"]], train).round(2)
    array([0.  , 1.25, 1.25])
    """
    layout, rows = read_together({"X_synthetic": X_synthetic, "X_train": X_train}, "X_train", categorical_features)
    synthetic, train = _points(layout, [rows["X_synthetic"], rows["X_train"]])
    return _nearest(synthetic, train)


def copy_share(
    X_synthetic: Any,
    X_train: Any,
    X_held_out: Any,
    *,
    level: float = 0.05,
    categorical_features: Any = "auto",
) -> float:
    r"""Return the share of samples that are closer to a training row than real rows usually are.

    With the distances d to the closest training row and h, those of the n held-out rows, it is the mean over samples of

    .. math:: P\Big(\frac{\#\{h < d\} + u \, (\#\{h = d\} + 1)}{n + 1} < \alpha\Big), \quad u \sim U(0, 1),

    the probability that a test at level α calls the sample too close [1]_. Samples that are distributed as held-out
    rows have an expected share of α, for any n and also if distances are tied, as in tables of few categories. A
    sampler that repeats training rows has a share up to 1.

    Parameters
    ----------
    X_synthetic : array-like or frame of shape (n_synthetic, n_features)
        The samples. Columns of frames are matched by name.
    X_train : array-like or frame of shape (n_train, n_features)
        The rows that the sampler was fitted to.
    X_held_out : array-like or frame of shape (n_held_out, n_features)
        Real rows that the sampler has not seen. With fewer than ``1 / level`` no sample is surely too close.
    level : float, default=0.05
        α, in (0, 1).
    categorical_features : "auto", int, str, or list of int, str or bool, default="auto"
        The categorical columns. ``"auto"`` goes by the dtype.

    Returns
    -------
    float
        In [0, 1].

    Raises
    ------
    ValueError
        If the tables have different columns, if a value cannot be read, or if `level` is not in (0, 1).

    Warns
    -----
    UserWarning
        If samples are copies of training rows: their share is above twice the level, beyond what chance explains, and
        they are not as close to held-out rows; or exact copies are too many. Also if all held-out rows are training
        rows, so that nothing can be said.

    See Also
    --------
    closest_record_distances : The distances.

    Notes
    -----
    A sampler that draws too many typical rows also has a high share. Its share stays high if training and held-out
    rows change their roles, ``copy_share(X_synthetic, X_held_out, X_train)``; that of copies does not. The warning
    looks at both.

    References
    ----------
    .. [1] Vovk, V., Gammerman, A. and Shafer, G. (2005). Algorithmic learning in a random world. Springer. Section 2.2,
       smoothed p-values.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ann.metrics import copy_share
    >>> rng = np.random.default_rng(0)
    >>> train, held_out, honest = rng.normal(size=(3, 500, 4))
    >>> print(f"{copy_share(honest, train, held_out):.3f}")
    0.038
    """
    check_scalar(level, "level", Real)
    if not 0 < level < 1:
        raise ValueError(f"level={level!r}: expected a number between 0 and 1")
    tables = {"X_synthetic": X_synthetic, "X_train": X_train, "X_held_out": X_held_out}
    layout, rows = read_together(tables, "X_train", categorical_features)
    synthetic, train, held_out = _points(layout, [rows[name] for name in tables])
    own, usual = (_nearest(points, train).round(_SAME) for points in (synthetic, held_out))
    share = _share_below(own, usual, level)
    if not usual.any():
        warn(
            "All rows of X_held_out are also in X_train: whether samples are copies cannot be said. Hold rows out "
            "before the fit; a table with few different rows has no copies to give away."
        )
    else:
        swapped = _nearest(synthetic, held_out).round(_SAME), _nearest(train, held_out).round(_SAME)
        _warn_of_copies(share, _share_below(*swapped, level), own, usual, level)
    return share


def _share_below(distances: np.ndarray, usual: np.ndarray, level: float) -> float:
    """Return the mean probability that a smoothed p-value of `distances` among `usual` is below `level`."""
    usual = np.sort(usual)
    below = np.searchsorted(usual, distances, side="left")
    equal = np.searchsorted(usual, distances, side="right") - below
    return float(np.clip((level * (len(usual) + 1) - below) / (equal + 1), 0, 1).mean())


def _warn_of_copies(share: float, swapped: float, own: np.ndarray, usual: np.ndarray, level: float) -> None:
    """Warn if the shares, or the number of distances of zero, show that samples are copies."""
    by_chance = level * (1 - level) * (1 / len(own) + 1 / len(usual))
    between = share * (1 - share) / len(own) + swapped * (1 - swapped) / len(own) + by_chance
    close = (
        share > max(2 * level, _FACTOR * swapped)
        and share - level > _SURE * np.sqrt(by_chance)
        and share - swapped > _SURE * np.sqrt(between)
    )
    copied, repeated = (float((distances == 0).mean()) for distances in (own, usual))
    pooled = (copied * len(own) + repeated * len(usual)) / (len(own) + len(usual))
    error = np.sqrt(pooled * (1 - pooled) * (1 / len(own) + 1 / len(usual)))
    same = copied > _FEW_COPIES + 3 * repeated and copied - repeated > _SURE * error
    if close or same:
        warn(
            f"Samples are copies of training rows: {share:.1%} are closer to one than {1 - level:.0%} of the held-out "
            f"rows are, where {level:.0%} are expected, and {copied:.1%} equal one ({repeated:.1%} of the held-out "
            "rows). They give away the rows that they were fitted to."
        )


def _points(layout: Layout, tables: list[Rows]) -> list[Rows]:
    """Standardise numbers by those of the second table, the training rows; missing ones get the code of a category."""
    mean, scale = standardisation(tables[1].numbers, layout.phrases)
    points = []
    for codes, numbers in tables:
        scaled, missing = (numbers - mean) / scale, np.isnan(numbers)
        points.append(Rows(np.hstack([codes, missing.astype(np.int64)]), np.where(missing, 0.0, scaled)))
    return points


def _nearest(rows: Rows, others: Rows) -> np.ndarray:
    """Return the distance of each row to the nearest of others."""
    # Columns without a difference anywhere cost as much as any other.
    differ = [
        place for place in range(rows.codes.shape[1]) if np.ptp(np.r_[rows.codes[:, place], others.codes[:, place]])
    ]
    squares = (others.numbers**2).sum(axis=1)
    distances = np.empty(len(rows.codes))
    step = max(1, _AT_ONCE // len(others.codes))
    for begin in range(0, len(distances), step):
        codes, numbers = (part[begin : begin + step] for part in rows)
        squared = squares - 2 * (numbers @ others.numbers.T)  # and the square of the row, which is the same for all
        for place in differ:
            squared += _MISMATCH * (codes[:, place, None] != others.codes[:, place])
        best = squared.argmin(axis=1)
        # Again, because differences of large squares are not exact, and equal rows have a distance of exactly zero.
        exact = ((numbers - others.numbers[best]) ** 2).sum(axis=1)
        exact += _MISMATCH * (codes != others.codes[best]).sum(axis=1)
        distances[begin : begin + step] = np.sqrt(exact)
    return distances
