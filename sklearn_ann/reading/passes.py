"""What a reader learns from samples that come piece by piece: moments of all, and some of them to keep."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import scipy.sparse as sp

from sklearn_ann.training import located

_SOME = 100_000  # samples whose quantiles stand for those of all
_VALUES = 2**20  # numbers that are computed with at once


@contextmanager
def numbered(start: int, n_samples: int) -> Iterator[None]:
    """Make errors within the context name the samples of a piece, which begins with sample `start`, by their place."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise located(error, range(start, start + n_samples)) from error


class Chosen:
    """Some samples of many, the same ones for the same number of samples.

    Parameters
    ----------
    n_samples : int
    """

    def __init__(self, n_samples: int) -> None:
        if n_samples <= _SOME:
            self.numbers = np.arange(n_samples)
        else:  # drawn, because every tenth of rows that come in tens says little
            self.numbers = np.sort(np.random.default_rng(0).choice(n_samples, _SOME, replace=False, shuffle=False))

    def within(self, start: int, n_samples: int) -> np.ndarray:
        """Return the places of chosen samples in a piece of `n_samples` that begins with sample `start`."""
        first, last = np.searchsorted(self.numbers, [start, start + n_samples])
        places: np.ndarray = self.numbers[first:last] - start
        return places


class RunningMoments:
    r"""Weighted means and variances of columns, from pieces of their rows.

    Sums of two sets of rows are joined by the rule of Chan et al. (1983, equation 2.1), in float64:

    .. math:: S = S_a + S_b + \frac{W_a W_b}{W_a + W_b} (m_b - m_a)^2

    Parameters
    ----------
    n_columns : int

    Attributes
    ----------
    weight, mean, squares : float64 arrays of shape (n_columns,)
        Sum of the weights of the values that are not missing, their mean, and the sum S of the squares of their
        deviations from it.

    References
    ----------
    Chan, T. F., Golub, G. H. and LeVeque, R. J. (1983). Algorithms for computing the sample variance: analysis and
    recommendations. The American Statistician 37(3), 242-247.
    """

    def __init__(self, n_columns: int) -> None:
        self.weight, self.mean, self.squares = np.zeros(n_columns), np.zeros(n_columns), np.zeros(n_columns)

    @property
    def variance(self) -> np.ndarray:
        """Variances, shape (n_columns,); 0 of a column without values."""
        variance: np.ndarray = self.squares / np.where(self.weight > 0, self.weight, 1.0)
        return variance

    def add(self, X: np.ndarray | sp.csr_matrix, weight: np.ndarray) -> None:
        """Take rows of shape (n, n_columns), dense with NaN for what is missing, or CSR, and their weights."""
        n_rows = X.shape[0]
        step = max(1, n_rows * _VALUES // max(1, X.size))  # of a sparse matrix, its stored values
        for start in range(0, n_rows, step):  # float64 copies of all rows may not be in memory
            rows, own = X[start : start + step], weight[start : start + step].astype(np.float64)
            if sp.issparse(rows):
                self._add_sparse(rows, own)
            else:
                self._add_dense(rows.astype(np.float64), own)

    def _add_dense(self, X: np.ndarray, weight: np.ndarray) -> None:
        missing = np.isnan(X)
        if missing.any():
            weights = np.where(missing, 0.0, weight[:, None])
            total = weights.sum(axis=0)
            X = np.where(missing, 0.0, X)
            mean = (weights * X).sum(axis=0) / np.where(total > 0, total, 1.0)
            self._join(total, mean, (weights * (X - mean) ** 2).sum(axis=0))
            return
        total = np.full(X.shape[1], weight.sum())
        mean = weight @ X / np.where(total > 0, total, 1.0)
        self._join(total, mean, weight @ (X - mean) ** 2)

    def _add_sparse(self, X: sp.csr_matrix, weight: np.ndarray) -> None:
        n, columns = len(self.mean), X.indices
        of_value = np.repeat(weight, np.diff(X.indptr))
        values, total = X.data.astype(np.float64), weight.sum()
        mean = np.bincount(columns, of_value * values, n) / (total or 1.0)
        squares = np.bincount(columns, of_value * (values - mean[columns]) ** 2, n)
        of_zeros = total - np.bincount(columns, of_value, n)  # entries that are not stored
        self._join(np.full(n, total), mean, squares + of_zeros * mean**2)

    def _join(self, weight: np.ndarray, mean: np.ndarray, squares: np.ndarray) -> None:
        with np.errstate(over="ignore", invalid="ignore"):  # squares that are not finite are for the caller to refuse
            total = self.weight + weight
            share = weight / np.where(total > 0, total, 1.0)
            gap = mean - self.mean
            self.mean = self.mean + share * gap
            self.squares = self.squares + squares + self.weight * share * gap**2
            self.weight = total
