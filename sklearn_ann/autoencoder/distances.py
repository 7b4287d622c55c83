"""How far samples are from most others: robust Mahalanobis distances, and their logarithms in standard units."""

from __future__ import annotations

from typing import Self

import numpy as np
from sklearn.covariance import LedoitWolf

_MOST_STEPS = 20  # concentration steps; a handful is usual
_NEAREST = 1e-6  # smaller distances count as this: a sample in the very centre is no more usual than one beside it


def concentrated_covariance(X: np.ndarray, share: float) -> LedoitWolf:
    """Estimate the covariance of the samples nearest to the centre.

    The concentration steps of Rousseeuw and Van Driessen (1999), theorem 1, start from all samples. They use the
    shrunken covariance of Ledoit and Wolf (2004), which has an inverse even with fewer samples than features.

    Parameters
    ----------
    X : array of shape (n_samples, n_features)
        The samples.
    share : float in [0, 1)
        Share of the samples to leave out.
    """
    kept = np.ones(len(X), dtype=bool)
    for _ in range(_MOST_STEPS):
        estimate = LedoitWolf().fit(X[kept])
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
    covariances : list of LedoitWolf
        Mean and covariance of each description.
    mean, deviation : float
        Mean and standard deviation of the mean logarithm over all samples of the fit.
    """

    covariances: list[LedoitWolf]
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
        self.deviation = deviation if deviation > _NEAREST else 1.0
        return self

    def __call__(self, parts: list[np.ndarray]) -> np.ndarray:
        """Return the standardised mean logarithms, shape (n_samples,)."""
        standardised: np.ndarray = (self._logs(parts) - self.mean) / self.deviation
        return standardised

    def _logs(self, parts: list[np.ndarray]) -> np.ndarray:
        squares = [estimate.mahalanobis(part) for estimate, part in zip(self.covariances, parts, strict=True)]
        logs: np.ndarray = np.mean([0.5 * np.log(np.maximum(square, _NEAREST**2)) for square in squares], axis=0)
        return logs
