"""Marginal means of a tensor: for an entry, the mean target of the other entries that share some of its levels."""

from __future__ import annotations

from itertools import combinations

import numpy as np

_EXCEPTIONS = 1e-3  # share of the entries of the fit that may share a subset of their levels with no other
_ALL = 5  # modes up to which all subsets of modes have a mean; with more modes, single modes and pairs


def subsets(n_modes: int) -> list[tuple[int, ...]]:
    """Return the sets of modes whose levels entries share: all proper ones, or those of one and two modes."""
    sizes = range(1, n_modes if n_modes <= _ALL else 3)
    return [subset for size in sizes for subset in combinations(range(n_modes), size)]


class Groups:
    """Numbers the distinct tuples of codes, for subsets of the modes.

    A tuple is numbered by the number of the tuple without its last code, and this code: no key exceeds the number of
    tuples times the number of levels.

    Parameters
    ----------
    sizes : list of int
        Number of levels of each mode.
    """

    def __init__(self, sizes: list[int]) -> None:
        self._sizes = sizes
        self._known: dict[tuple[int, ...], np.ndarray] = {}

    def learn(self, codes: np.ndarray, wanted: list[tuple[int, ...]]) -> dict[tuple[int, ...], np.ndarray]:
        """Return the number of the tuple of each row of `codes`, for each subset of modes."""
        found: dict[tuple[int, ...], np.ndarray] = {}
        for subset in wanted:
            for length in range(1, len(subset) + 1):
                part = subset[:length]
                if part not in found:
                    self._known[part], found[part] = np.unique(self._keys(codes, part, found), return_inverse=True)
        return {subset: found[subset] for subset in wanted}

    def read(self, codes: np.ndarray, wanted: list[tuple[int, ...]]) -> dict[tuple[int, ...], np.ndarray]:
        """Return the numbers of known tuples, and -1 for others."""
        found: dict[tuple[int, ...], np.ndarray] = {}
        for part, known in self._known.items():  # in the order of learning: the shorter ones first
            keys = self._keys(codes, part, found)
            place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
            inside = (known[place] == keys) & (codes[:, part[-1]] < self._sizes[part[-1]])
            if len(part) > 1:
                inside &= found[part[:-1]] >= 0
            found[part] = np.where(inside, place, -1)
        return {subset: found[subset] for subset in wanted}

    def _keys(self, codes: np.ndarray, part: tuple[int, ...], found: dict[tuple[int, ...], np.ndarray]) -> np.ndarray:
        last = codes[:, part[-1]]
        return last if len(part) == 1 else found[part[:-1]] * self._sizes[part[-1]] + last

    def n_groups(self, subset: tuple[int, ...]) -> int:
        """Return the number of distinct tuples."""
        return len(self._known[subset])


class Marginals:
    r"""The mean target of the other entries that share the levels of an entry in a subset of the modes.

    With the entries E of the fit, their targets y and weights w, the mean of entry e over a subset S of the modes is

    .. math:: m_S(e) = \frac{\sum_{e' \in E, \, e'_S = e_S, \, e' \ne e} w_{e'} y_{e'}}{1 + c}, \quad
        c = \sum_{e' \in E, \, e'_S = e_S, \, e' \ne e} w_{e'},

    the weights scaled to a mean of one over the distinct entries. An entry never counts itself, nor samples of the same
    entry, so that the means of an entry in the fit and of one that is missing there are alike. Where nothing is known
    the mean is zero, the mean of all targets; the mass c tells it.

    Parameters
    ----------
    codes : array of shape (n_samples, n_modes)
        Samples of the fit.
    targets, weight : arrays of shape (n_samples, n_outputs)
        A weight of zero is a target that is missing.
    sizes : list of int
        Number of levels of each mode.
    """

    def __init__(self, codes: np.ndarray, targets: np.ndarray, weight: np.ndarray, sizes: list[int]) -> None:
        self._subsets = subsets(len(sizes))
        self._whole = tuple(range(len(sizes)))
        self._groups = Groups(sizes)
        numbers = self._groups.learn(codes, [*self._subsets, self._whole])
        mass = weight * (self._groups.n_groups(self._whole) / weight.sum(axis=0))
        values = targets * mass
        self._sums = {
            subset: np.stack([_totals(number, part) for part in (values, mass)]) for subset, number in numbers.items()
        }

    @property
    def subsets(self) -> list[tuple[int, ...]]:
        """The subsets of the modes, in the order of the means."""
        return self._subsets

    def read(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return means and their masses, both of shape (n_samples, n_subsets * n_outputs)."""
        numbers = self._groups.read(codes, [*self._subsets, self._whole])
        own = self._of(self._whole, numbers[self._whole])
        means, masses = [], []
        for subset in self._subsets:
            total, mass = self._of(subset, numbers[subset]) - own  # (n_samples, n_outputs) each
            mass = np.where(mass < 1e-9, 0.0, mass)  # what is left of a difference
            means.append(np.where(mass > 0, total, 0.0) / (1 + mass))
            masses.append(mass)
        return np.hstack(means), np.hstack(masses)

    def _of(self, subset: tuple[int, ...], number: np.ndarray) -> np.ndarray:
        found = self._sums[subset][:, number]
        found[:, number < 0] = 0.0
        return found


def concealed(marginals: Marginals | None, masses: np.ndarray, least: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Return what is not known of an entry of a held-out fibre: a case for each subset of the modes that may be one.

    A subset of the modes is a case if nearly all entries of the fit share their levels there with others: an
    entry that does not is one of a fibre that was held out as a whole. In a sparse tensor there may be no such subset.

    Were the fibre of an entry over the subset S missing, its mean over T would lack the entries that share its levels
    in both S and T: those that count in its mean over their union. If S is a part of T, these are all.

    Parameters
    ----------
    marginals : Marginals or None
    masses : array of shape (n_samples, n_subsets * n_outputs)
        Masses of the means of the entries of the fit.
    least : int, default=2
        Number of modes of the smallest subsets. A single mode is a case where levels may be new.

    Returns
    -------
    places : int64 array of shape (n_cases,)
        The subset of each case.
    lacking : int64 array of shape (n_cases, n_subsets * n_outputs)
        For each mean the column of the mean of those entries that it lacks in a case; the number of columns where
        it lacks none, or where there is no such mean.
    """
    if marginals is None:
        return np.zeros(0, dtype=np.int64), np.zeros((0, 0), dtype=np.int64)
    n_subsets = len(marginals.subsets)
    n_outputs = masses.shape[1] // n_subsets
    known = masses.reshape(len(masses), n_subsets, n_outputs).max(axis=2) > 0  # (n_samples, n_subsets)
    cases = [
        number
        for number, subset in enumerate(marginals.subsets)
        if len(subset) >= least and known[:, number].mean() > 1 - _EXCEPTIONS
    ]
    place = {subset: number for number, subset in enumerate(marginals.subsets)}
    unions = [[tuple(sorted({*marginals.subsets[case], *other})) for other in marginals.subsets] for case in cases]
    # An entry alone shares its levels of all modes, and no mean counts the entry itself.
    found = np.array([[place.get(union, n_subsets) for union in row] for row in unions], dtype=np.int64)
    columns = found.reshape(len(cases), n_subsets, 1) * n_outputs + np.arange(n_outputs)
    lacking = np.minimum(columns, n_subsets * n_outputs).reshape(len(cases), n_subsets * n_outputs)
    return np.array(cases, dtype=np.int64), lacking


def _totals(number: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the sums of the rows of `values`, (n_samples, n_outputs), in each group."""
    return np.stack([np.bincount(number, column) for column in values.T], axis=1)
