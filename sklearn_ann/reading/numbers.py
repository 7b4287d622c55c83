"""Numbers of a column on a scale that a generative network can model, and back: the column keeps its distribution."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri
from sklearn.exceptions import ConvergenceWarning

NumberScaling = Literal["auto", "quantile", "modes", "standard"]

_EDGE = 1e-6  # probability beyond which no normal score lies
_TIED = 1.5  # times the weight of the rarest value: several samples have the value
_MOST_DECIMALS = 6
_MOST_MODES = 10  # Xu et al. 2019, section 4.2
_LEAST_SHARE = 0.005  # of the samples in a mode
_MOST_SAMPLES = 10_000  # that a mixture is fitted to
_FARTHEST = 4.0  # standard deviations off its mode that a number is taken for
_WIDE = 2.0  # times the standard deviation of the groups beside it, and any gap in a group, is a gap between groups
_LEAST_OF_GROUP = 10  # samples


class Numbers(ABC):
    """The numbers of one column, none of them missing.

    Attributes
    ----------
    n_modes : int
        Number of modes that a score is relative to; 1 if there is one scale for all numbers.
    """

    n_modes = 1

    @abstractmethod
    def __init__(self, values: np.ndarray, weight: np.ndarray) -> None:
        """Learn from values of shape (n,) and their weights."""

    @abstractmethod
    def encode(self, values: np.ndarray, chance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the score and the mode of each value.

        Parameters
        ----------
        values : float64 array of shape (n,)
        chance : array of shape (n,)
            A number in [0, 1] for each value, which decides where the score of a value is not unique.
        """

    @abstractmethod
    def decode(self, scores: np.ndarray, modes: np.ndarray) -> np.ndarray:
        """Return the values of scores, relative to their modes."""


class Standardized(Numbers):
    """Numbers with a mean of 0 and a standard deviation of 1; a constant column has zeros."""

    def __init__(self, values: np.ndarray, weight: np.ndarray) -> None:
        self.mean = float(np.average(values, weights=weight))
        scale = float(np.sqrt(np.average((values - self.mean) ** 2, weights=weight)))
        self.scale = scale if scale > 10 * np.finfo(float).eps * abs(self.mean) else 0.0

    def encode(self, values: np.ndarray, chance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores = (values - self.mean) / self.scale if self.scale else np.zeros(len(values))
        return scores, np.zeros(len(values), dtype=np.int64)

    def decode(self, scores: np.ndarray, modes: np.ndarray) -> np.ndarray:
        return self.mean + self.scale * scores


class NormalScores(Numbers):
    """Numbers as normal quantiles of their empirical probabilities.

    A value that many samples share, such as a zero or the limit of an instrument, covers an interval of
    probabilities: its score is drawn from the interval, so that scores are normally distributed whatever the ties are
    (the randomised probability integral transform; Smith 1985, section 3), and each score of the interval stands for
    this very value. Between values that occur once, scores are interpolated. No value lies outside the range of the
    fit.

    References
    ----------
    Smith, J. Q. (1985). Diagnostic checks of non-standard time series models. Journal of Forecasting, 4(3), 283-291.
    """

    def __init__(self, values: np.ndarray, weight: np.ndarray) -> None:
        self.values, inverse = np.unique(values, return_inverse=True)
        mass = np.bincount(inverse, weights=weight)
        ends = np.concatenate([[0.0], np.cumsum(mass) / mass.sum()])
        self.middle = (ends[:-1] + ends[1:]) / 2
        tied = (mass >= _TIED * mass.min()) | (2 * len(mass) <= len(values))
        self.low, self.high = np.where(tied, ends[:-1], self.middle), np.where(tied, ends[1:], self.middle)

    def encode(self, values: np.ndarray, chance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        modes = np.zeros(len(values), dtype=np.int64)
        if len(self.values) == 1:
            return np.zeros(len(values)), modes
        place = np.searchsorted(self.values, values).clip(max=len(self.values) - 1)
        low, high = self.low[place], self.high[place]
        known = self.values[place] == values
        share = np.where(known, low + chance * (high - low), np.interp(values, self.values, self.middle))
        return ndtri(share.clip(_EDGE, 1 - _EDGE)), modes

    def decode(self, scores: np.ndarray, modes: np.ndarray) -> np.ndarray:
        values: np.ndarray = np.interp(
            ndtr(scores), np.column_stack([self.low, self.high]).ravel(), self.values.repeat(2)
        )
        return values


class Modal(Numbers):
    """Numbers relative to the modes of their column: mode-specific normalisation.

    The modes are the components of a variational Gaussian mixture. A number is told by its mode, drawn by the
    probabilities of the modes, and by how many standard deviations it lies off the mean of this mode (Xu et al. 2019,
    section 4.2).

    References
    ----------
    Xu, L., Skoularidou, M., Cuesta-Infante, A. and Veeramachaneni, K. (2019). Modeling tabular data using conditional
    GAN. NeurIPS. arXiv:1907.00503.
    """

    def __init__(self, values: np.ndarray, weight: np.ndarray) -> None:
        scale = Standardized(values, weight)
        rows = scale.encode(_spread(values, weight), values)[0]
        if len(np.unique(rows)) == 1:  # a constant
            self.shares, self.means, self.scales = np.ones(1), values[:1], np.zeros(1)
            return
        from sklearn.mixture import BayesianGaussianMixture  # at use: it is slow to import, and each worker would

        mixture = BayesianGaussianMixture(
            n_components=min(_MOST_MODES, len(np.unique(rows))),
            weight_concentration_prior=1e-3,
            random_state=np.random.RandomState(0),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # modes that are not exact serve as well
            mixture.fit(rows[:, None])
        kept = mixture.weights_ >= _LEAST_SHARE
        self.shares = mixture.weights_[kept] / mixture.weights_[kept].sum()
        self.means = scale.mean + scale.scale * mixture.means_[kept, 0]
        self.scales = scale.scale * np.sqrt(mixture.covariances_[kept, 0, 0])
        self.n_modes = int(kept.sum())

    def encode(self, values: np.ndarray, chance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scales = np.where(self.scales > 0, self.scales, 1.0)  # 0 of a constant column
        offsets = (values[:, None] - self.means) / scales  # (n, n_modes)
        logits = np.log(self.shares / scales) - offsets.clip(-1e6, 1e6) ** 2 / 2
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        below = np.cumsum(odds / odds.sum(axis=1, keepdims=True), axis=1)
        modes = (below < chance[:, None]).sum(axis=1).clip(max=self.n_modes - 1)
        return offsets[np.arange(len(values)), modes].clip(-_FARTHEST, _FARTHEST), modes

    def decode(self, scores: np.ndarray, modes: np.ndarray) -> np.ndarray:
        values: np.ndarray = self.means[modes] + self.scales[modes] * scores.clip(-_FARTHEST, _FARTHEST)
        return values


class GroupedScores(Numbers):
    """Normal scores, apart for each group of numbers if the column falls into groups with wide gaps between them.

    The normal scores of such a column leave no gap, and what two columns have in common becomes a chequerboard with
    hard edges. As a category, the group is exact. See `gaps` for what a group is; most columns are one.
    """

    def __init__(self, values: np.ndarray, weight: np.ndarray) -> None:
        self.edges = gaps(values, weight)
        self.n_modes = len(self.edges) + 1
        group = np.searchsorted(self.edges, values)
        self.groups = [NormalScores(values[group == i], weight[group == i]) for i in range(self.n_modes)]

    def encode(self, values: np.ndarray, chance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        modes = np.searchsorted(self.edges, values)
        scores = np.zeros(len(values))
        for mode, group in enumerate(self.groups):
            here = modes == mode
            scores[here] = group.encode(values[here], chance[here])[0]
        return scores, modes.astype(np.int64)

    def decode(self, scores: np.ndarray, modes: np.ndarray) -> np.ndarray:
        values = np.zeros(len(scores))
        for mode, group in enumerate(self.groups):
            here = modes == mode
            values[here] = group.decode(scores[here], modes[here])
        return values


def gaps(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the middles of the gaps between groups of numbers, from none to nine.

    Groups are what the widest gaps leave. There are as many as can be, so that each has ten times the smallest weight
    and a two-hundredth of all weight, and each gap is twice as wide as the standard deviation of the groups beside it
    and as any gap within a group, so that counts are no groups.
    """
    order = np.argsort(values, kind="stable")
    x, mass = values[order], weight[order]
    least = max(_LEAST_OF_GROUP * mass.min(), _LEAST_SHARE * mass.sum())
    u = x / max(abs(x[0]), abs(x[-1]), np.finfo(float).tiny)  # whose squares are finite
    width = np.diff(u)
    widest = np.argsort(-width, kind="stable")[:_MOST_MODES]
    falling = np.append(width[widest], 0.0)
    for n_gaps in range(min(len(widest), _MOST_MODES - 1), 0, -1):
        ends = np.sort(widest[:n_gaps])
        starts = np.concatenate([[0], ends + 1])
        masses = np.add.reduceat(mass, starts)
        if masses.min() < least or falling[n_gaps - 1] <= _WIDE * falling[n_gaps]:
            continue
        means = np.add.reduceat(mass * u, starts) / masses
        offsets = u - means.repeat(np.diff(np.append(starts, len(u))))
        spread = np.sqrt(np.add.reduceat(mass * offsets**2, starts) / masses)
        if (width[ends] > _WIDE * np.maximum(spread[1:], spread[:-1])).all():
            below: np.ndarray = np.nextafter(x[ends + 1], -np.inf)
            return below.clip(max=x[ends] / 2 + x[ends + 1] / 2)
    return np.empty(0)


NUMBERS: dict[str, type[Numbers]] = {
    "auto": GroupedScores,
    "quantile": NormalScores,
    "modes": Modal,
    "standard": Standardized,
}


def _spread(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return values that stand for weighted ones, each as often as it weighs: quantiles at even steps."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weight[order])
    n = min(len(values), _MOST_SAMPLES)
    place = np.searchsorted(below / below[-1], (np.arange(n) + 0.5) / n)
    spread: np.ndarray = values[order][place.clip(max=len(values) - 1)]
    return spread


def decimals(values: np.ndarray) -> int | None:
    """Return the number of decimals that all `values` have at most, from 0; None for more than six.

    Values that are read as float32 have the decimals of this type.
    """
    for places in range(_MOST_DECIMALS + 1):
        with np.errstate(over="ignore", invalid="ignore"):  # in float16, what is shifted by some decimals is infinite
            rounded = np.round(values, places)
        if np.array_equal(rounded, values):
            return places
    return None
