"""Series with known truth."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state, check_scalar


def make_marker_recall(
    n_samples: int = 500,
    *,
    delay: int = 100,
    n_markers: int = 4,
    noise: float = 0.1,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Make series that begin with a marker, which must be remembered over `delay` steps of noise.

    In the first step one of `n_markers` channels is raised by 1; all values have Gaussian noise. The target is the
    number of this channel. The task shows what a recurrent network forgets (Hochreiter and Schmidhuber 1997, section
    5).

    Parameters
    ----------
    n_samples : int
        Number of series to make.
    delay : int
        Number of steps after the first one.
    n_markers : int
        Number of channels.
    noise : float
        Standard deviation of the noise.
    random_state : int, RandomState instance or None
        Seed or generator.

    Returns
    -------
    X : array of shape (n_samples, delay + 1, n_markers)
    y : int array of shape (n_samples,)
        Channel of the marker.

    Examples
    --------
    >>> from sklearn_ann.datasets import make_marker_recall
    >>> X, y = make_marker_recall(3, delay=5, random_state=0)
    >>> X.shape, y
    ((3, 6, 4), array([0, 3, 1]))
    """
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    check_scalar(delay, "delay", Integral, min_val=0)
    check_scalar(n_markers, "n_markers", Integral, min_val=2)
    check_scalar(noise, "noise", Real, min_val=0)
    if not np.isfinite(noise):
        raise ValueError(f"noise={noise}: expected a finite standard deviation")
    rng = check_random_state(random_state)
    y = rng.randint(n_markers, size=n_samples)
    X = rng.normal(0, noise, size=(n_samples, delay + 1, n_markers))
    X[np.arange(n_samples), 0, y] += 1
    return X, y
