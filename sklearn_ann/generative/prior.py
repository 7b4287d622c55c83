"""Distributions of codes: the normal distribution that training goes by, and a mixture that is fitted afterwards.

Training makes the codes of all samples together roughly normal, and what is left of their shape is lost in samples
that are decoded from normal codes. A mixture of normal distributions that is fitted to the codes of the training data
draws codes where samples have theirs (Ghosh et al. 2020, ex-post density estimation).
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import torch
from scipy.linalg import solve_triangular
from scipy.special import logsumexp
from torch import Tensor, nn

PriorName = Literal["normal", "mixture"]

_LOG_2_PI = math.log(2 * math.pi)
_CANDIDATES = (1, 2, 4, 8, 16, 32, 48, 64, 96, 128)
_HELD_OUT = 0.2
_TRIALS, _RUNS = 2, 4  # mixtures from different starts, averaged, to choose their size by and to keep
_ENOUGH = 2000  # codes to fit to; of few samples, several are drawn of each
_MOST = 10_000  # samples to fit to
_ITERATIONS, _PROGRESS = 100, 1e-3
_PSEUDO = 1.0
_LEAST_SPREAD = 1e-6  # of the average variance, which keeps codes on a plane invertible


class Normal(nn.Module):
    """The standard normal distribution."""

    stacked_numbers: ClassVar[tuple[str, ...]] = ()

    def log_prob(self, z: Tensor, conditions: Tensor) -> Tensor:
        """Return ``log p(z)`` of codes of shape (batch, q), shape (batch,)."""
        return -0.5 * (z.square() + _LOG_2_PI).sum(dim=1)

    def draw(self, conditions: Tensor, n_components: int, rng: np.random.RandomState) -> np.ndarray:
        """Draw a code for each row of `conditions`, shape (n_samples, n_components)."""
        drawn: np.ndarray = rng.standard_normal((len(conditions), n_components))
        return drawn


class Mixture(nn.Module):
    """Mixtures of normal distributions, one for each combination of conditions that occurs.

    They are buffers, so that they move with the network, but no part of its ``state_dict``: their shapes follow from
    the data, and a network that is trained further gets new ones.

    Parameters
    ----------
    parts : list of Components
        One mixture for each combination.
    combinations : array of shape (n_combinations, n_levels)
        One-hot conditions of each mixture.
    shares : array of shape (n_combinations,)
        Share of the samples that have each combination. A combination that did not occur gets all mixtures by these.

    Attributes
    ----------
    weights : Tensor of shape (n_combinations + 1, n_normals)
        Share of each normal distribution in the mixture of each combination, and in that of all.
    means : Tensor of shape (n_normals, q)
    factors : Tensor of shape (n_normals, q, q)
        Lower triangular factors of the covariances.
    """

    weights: Tensor
    means: Tensor
    factors: Tensor
    inverses: Tensor
    combinations: Tensor

    def __init__(self, parts: list[Components], combinations: np.ndarray, shares: np.ndarray) -> None:
        super().__init__()
        sizes = [len(part.weights) for part in parts]
        weights, start = np.zeros((len(parts) + 1, sum(sizes))), 0
        for place, (part, size) in enumerate(zip(parts, sizes, strict=True)):
            weights[place, start : start + size] = part.weights
            start += size
        weights[-1] = shares @ weights[:-1]
        factors = np.concatenate([part.factors for part in parts])
        buffers = {
            "weights": weights,
            "means": np.concatenate([part.means for part in parts]),
            "factors": factors,
            "inverses": np.linalg.inv(factors),
            "combinations": combinations,
        }
        for name, values in buffers.items():
            self.register_buffer(name, torch.as_tensor(values), persistent=False)

    def places(self, conditions: Tensor) -> Tensor:
        """Return which mixture belongs to each row of one-hot `conditions`, (batch, n_levels)."""
        known = self.combinations.to(conditions)
        # Two combinations are the same if they share all their levels.
        same = (conditions @ known.T == known.sum(dim=1)) & (known.sum(dim=1) == conditions.sum(dim=1, keepdim=True))
        return torch.where(same.any(dim=1), same.to(torch.int8).argmax(dim=1), len(known))

    def log_prob(self, z: Tensor, conditions: Tensor) -> Tensor:
        """Return ``log p(z)`` of codes of shape (batch, q) under their conditions, shape (batch,)."""
        places = self.places(conditions)
        result = torch.empty_like(z[:, 0])
        for place in places.unique():
            rows = (places == place).nonzero()[:, 0]
            result[rows] = self._log_prob(z[rows], self.weights[place])
        return result

    def _log_prob(self, z: Tensor, weights: Tensor) -> Tensor:
        own = weights.nonzero()[:, 0]
        inverses = self.inverses[own].to(z)
        with torch.autocast(z.device.type, enabled=False):  # the digits of bfloat16 are too few for squares
            scaled = torch.einsum("nkj,kij->nki", z[:, None, :] - self.means[own].to(z), inverses)
        constant = inverses.diagonal(dim1=1, dim2=2).log().sum(dim=1) + weights[own].log().to(z)
        return (constant - 0.5 * (scaled.square() + _LOG_2_PI).sum(dim=2)).logsumexp(dim=1)

    def draw(self, conditions: Tensor, n_components: int, rng: np.random.RandomState) -> np.ndarray:
        """Draw a code for each row of `conditions`, shape (n_samples, n_components)."""
        cumulated = self.weights.cumsum(dim=1).numpy(force=True)
        bounds = cumulated[self.places(conditions.to(self.combinations.device)).numpy(force=True)]
        chance = rng.uniform(size=(len(bounds), 1)) * bounds[:, -1:]
        normal = (bounds <= chance).sum(axis=1)
        noise = rng.standard_normal((len(bounds), n_components))
        means, factors = self.means.numpy(force=True), self.factors.numpy(force=True)
        codes: np.ndarray = means[normal] + np.einsum("nij,nj->ni", factors[normal], noise)
        return codes


class Components(NamedTuple):
    """A mixture of normal distributions."""

    weights: np.ndarray  # (k,)
    means: np.ndarray  # (k, q)
    factors: np.ndarray  # (k, q, q), lower triangular

    def log_joint(self, codes: np.ndarray) -> np.ndarray:
        """Return ``log w_k + log N(z; m_k, C_k)``, shape (n_codes, k)."""
        result = np.empty((len(codes), len(self.weights)))
        with np.errstate(divide="ignore"):
            log_weights = np.log(self.weights)
        for k, (mean, factor) in enumerate(zip(self.means, self.factors, strict=True)):
            inverse = solve_triangular(factor, np.eye(len(factor)), lower=True, check_finite=False)
            scaled = codes @ inverse.T - inverse @ mean
            squares = np.einsum("nq,nq->n", scaled, scaled)
            result[:, k] = log_weights[k] - np.log(np.diag(factor)).sum() - 0.5 * (squares + len(mean) * _LOG_2_PI)
        return result


def fitted_mixture(
    means: np.ndarray,
    deviations: np.ndarray,
    conditions: np.ndarray,
    weight: np.ndarray | None,
    rng: np.random.RandomState,
) -> Mixture:
    """Fit a mixture to codes drawn from ``q(z | x)`` of the training data, one for each combination of conditions.

    The number of normal distributions, up to 128, is that from which on the likelihood of a fifth of the samples, held
    out, no longer rises. Four mixtures of this size, from different starts, are averaged (Smyth and Wolpert 1999).

    Parameters
    ----------
    means, deviations : arrays of shape (n_samples, q)
        Of ``q(z | x)``.
    conditions : array of shape (n_samples, n_levels)
        One-hot conditions; n_levels is 0 without conditions.
    weight : array of shape (n_samples,) or None
    rng : RandomState
    """
    weight = np.ones(len(means)) if weight is None else weight / weight.mean()
    if len(means) > _MOST:
        some = rng.choice(len(means), _MOST, replace=False)
        means, deviations, conditions, weight = means[some], deviations[some], conditions[some], weight[some]
    combinations, group = np.unique(conditions, axis=0, return_inverse=True)
    n_groups = len(combinations)
    group = group.ravel()
    totals = np.bincount(group, weight, n_groups)
    n_draws = max(1, math.ceil(_ENOUGH / len(means)))
    codes = means[None] + deviations[None] * rng.standard_normal((n_draws, *means.shape))  # (n_draws, n_samples, q)
    # The spread of a small group is taken from all groups, around their own means.
    own = np.stack([np.average(codes[:, group == g], axis=(0, 1), weights=_repeated(weight[group == g], n_draws))
                    for g in range(n_groups)])  # fmt: skip
    spread = _covariance((codes - own[group]).reshape(-1, means.shape[1]), np.tile(weight, n_draws))
    spread += _LEAST_SPREAD * max(np.trace(spread) / len(spread), np.finfo(float).tiny) * np.eye(len(spread))
    parts = [_best(codes[:, group == g], weight[group == g], spread, rng) for g in range(n_groups)]
    return Mixture(parts, combinations, totals / totals.sum())


def _repeated(weight: np.ndarray, n_draws: int) -> np.ndarray:
    return np.broadcast_to(weight, (n_draws, len(weight)))


def _covariance(deviations: np.ndarray, weight: np.ndarray) -> np.ndarray:
    covariance: np.ndarray = (deviations.T * weight) @ deviations / weight.sum()
    return covariance


def _best(codes: np.ndarray, weight: np.ndarray, spread: np.ndarray, rng: np.random.RandomState) -> Components:
    """Return the mixture whose number of normal distributions suits held-out samples; codes: (n_draws, n, q)."""
    n_draws, n_samples, _ = codes.shape
    order, n_out = rng.permutation(n_samples), round(_HELD_OUT * n_samples)
    out, kept = order[:n_out], order[n_out:]
    best, best_score = 1, -math.inf
    for k in _CANDIDATES:
        if 2 * k > len(kept) or n_out == 0:
            break
        tried = _average(codes[:, kept], weight[kept], k, spread, rng, _TRIALS)
        joint = tried.log_joint(codes[:, out].reshape(-1, codes.shape[2]))
        score = np.average(logsumexp(joint, axis=1), weights=np.tile(weight[out], n_draws))
        if score <= best_score:
            break
        best, best_score = k, score
    return _average(codes, weight, best, spread, rng, _RUNS)


def _average(
    codes: np.ndarray, weight: np.ndarray, k: int, spread: np.ndarray, rng: np.random.RandomState, runs: int
) -> Components:
    """Return the average of mixtures of k normal distributions from different starts: one is an accident of its own."""
    parts = [_fit(codes, weight, k, spread, rng) for _ in range(1 if k == 1 else runs)]
    weights, means, factors = (np.concatenate(values) for values in zip(*parts, strict=True))
    return Components(weights / len(parts), means, factors)


def _fit(codes: np.ndarray, weight: np.ndarray, k: int, spread: np.ndarray, rng: np.random.RandomState) -> Components:
    """Fit k normal distributions by expectation and maximisation; codes: (n_draws, n_samples, q)."""
    n_draws, _, q = codes.shape
    weight = np.tile(weight, n_draws) / n_draws
    # On a scale on which the codes are around 0 and of unit covariance, sums of squares keep their digits.
    middle, factor = codes.mean(axis=(0, 1)), np.linalg.cholesky(spread)
    codes = solve_triangular(factor, (codes.reshape(-1, q) - middle).T, lower=True).T.copy()
    # A covariance is that of its own codes and, as one further code, that of all codes in proportion to the volume of
    # one of k shares (compare Fraley and Raftery 2007).
    of_all = _PSEUDO * np.eye(q) * k ** (-2 / q)
    labels = np.zeros(len(codes), dtype=int)
    if k > 1:
        from sklearn.cluster import KMeans  # at use: it is slow to import, and each worker would

        seed = rng.randint(np.iinfo(np.int32).max)
        labels = KMeans(k, n_init=1, random_state=seed).fit_predict(codes, sample_weight=weight)
    shares, before = np.eye(k)[labels], -math.inf
    for _ in range(_ITERATIONS):
        found = _normals(codes, shares * weight[:, None], of_all)
        joint = found.log_joint(codes)
        total = logsumexp(joint, axis=1)
        score = np.average(total, weights=weight)
        if k == 1 or score - before < _PROGRESS:
            break
        shares, before = np.exp(joint - total[:, None]), score
    return Components(found.weights, middle + found.means @ factor.T, factor @ found.factors)


def _normals(codes: np.ndarray, shares: np.ndarray, of_all: np.ndarray) -> Components:
    """Return the normal distributions of codes that belong to them by `shares`, shape (n_codes, k)."""
    sums = shares.sum(axis=0)
    means = (shares.T @ codes) / np.maximum(sums, np.finfo(float).tiny)[:, None]
    covariances = []
    for total, mean, root in zip(sums, means, np.sqrt(shares).T, strict=True):
        weighted = codes * root[:, None]
        scatter = weighted.T @ weighted - total * np.outer(mean, mean)
        covariances.append((scatter + of_all) / (total + _PSEUDO))
    return Components(sums / sums.sum(), means, np.linalg.cholesky(np.stack(covariances)))
