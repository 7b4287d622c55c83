"""How far samples are from most others: robust Mahalanobis distances, and their logarithms in standard units."""

from __future__ import annotations

from typing import Self

import numpy as np
from scipy.linalg import pinvh

_MOST_STEPS = 20  # concentration steps; a handful is usual
_LEAST_VARIANCE = 1e-9  # of a direction, in mean variances of all samples
NEAREST = 1e-6  # smaller distances count as this: a sample in the very centre is no more usual than one beside it


class ShrunkenCovariance:
    """Mean and covariance of samples, shrunken towards a multiple of the identity (Ledoit and Wolf 2004).

    It has an inverse even with fewer samples than features. These are the values of scikit-learn's ``LedoitWolf``, in a
    fraction of its time: the sum of the squares of all products of two features is, sample by sample, the square of one
    sum.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
    least : float, default=0
        Variance that is added in each direction, so that samples without any variance have distances too.

    Attributes
    ----------
    location : array of shape (n_features,)
    covariance, precision : array of shape (n_features, n_features)
    """

    def __init__(self, X: np.ndarray, least: float = 0.0) -> None:
        n, p = X.shape
        self.location = X.mean(axis=0)
        centred = X - self.location
        empirical = centred.T @ centred / n
        variance = np.trace(empirical) / p
        square = np.square(empirical).sum()
        away = (square - p * variance**2) / p  # δ: how far the covariance is from the identity
        fourth = np.square(np.square(centred).sum(axis=1)).mean()
        noise = (fourth - square) / (p * n)  # β: how far it may be by chance
        shrinkage = min(noise, away) / away if noise > 0 and away > 0 else 0.0
        self.covariance = (1 - shrinkage) * empirical
        self.covariance.flat[:: p + 1] += shrinkage * variance + least
        self.precision = pinvh(self.covariance)

    def mahalanobis(self, X: np.ndarray) -> np.ndarray:
        """Return the squared distances from the mean, shape (n_samples,)."""
        centred = X - self.location
        squares: np.ndarray = ((centred @ self.precision) * centred).sum(axis=1)
        return squares


def concentrated_covariance(X: np.ndarray, share: float) -> ShrunkenCovariance:
    """Estimate the covariance of the samples nearest to the centre.

    The concentration steps of Rousseeuw and Van Driessen (1999), theorem 1, start from all samples. Where the nearest
    samples are all alike, others are very far: no direction has less than a billionth of the variance of all samples.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        The samples.
    share : float in [0, 1)
        Share of the samples to leave out.
    """
    kept = np.ones(len(X), dtype=bool)
    least = _LEAST_VARIANCE * (X.var(axis=0).mean() or 1.0)
    for _ in range(_MOST_STEPS):
        estimate = ShrunkenCovariance(X[kept], least)
        distances = estimate.mahalanobis(X)
        nearest = distances <= np.quantile(distances, 1 - share)
        if (nearest == kept).all() or nearest.sum() < 2:
            break
        kept = nearest
    return estimate


class LogDistance:
    """The logarithm of the Mahalanobis distance, as mean over several descriptions of a sample, standardised.

    Parameters
    ----------
    share : float in [0, 1)
        Share of the samples that means and covariances do not learn from, the most distant ones.

    Attributes
    ----------
    covariances : list of ShrunkenCovariance
        Mean and covariance of each description.
    mean, deviation : float
        Mean and standard deviation of the mean logarithm over all samples of the fit.
    """

    covariances: list[ShrunkenCovariance]
    mean: float
    deviation: float

    def __init__(self, share: float) -> None:
        self.share = share

    def fit(self, parts: list[np.ndarray]) -> Self:
        """Learn from descriptions, each of shape (n_samples, n_columns)."""
        self.covariances = [concentrated_covariance(part, self.share) for part in parts]
        logs = self._logs(parts)
        deviation = float(logs.std())
        self.mean = float(logs.mean())
        self.deviation = deviation if deviation > NEAREST else 1.0
        return self

    def __call__(self, parts: list[np.ndarray]) -> np.ndarray:
        """Return the standardised mean logarithms, shape (n_samples,)."""
        standardised: np.ndarray = (self._logs(parts) - self.mean) / self.deviation
        return standardised

    def _logs(self, parts: list[np.ndarray]) -> np.ndarray:
        squares = [estimate.mahalanobis(part) for estimate, part in zip(self.covariances, parts, strict=True)]
        logs: np.ndarray = np.mean([0.5 * np.log(np.maximum(square, NEAREST**2)) for square in squares], axis=0)
        return logs
