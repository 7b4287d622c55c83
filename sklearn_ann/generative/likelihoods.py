"""Likelihoods: densities, means and draws of ``p(x | z)``, given the output of a decoder.

Each likelihood starts at the marginal distribution of the features: an output of zeros stands for their means.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann import training
from sklearn_ann.reading import RunningMoments

LikelihoodName = Literal["gaussian", "bernoulli", "poisson", "negative_binomial", "zero_inflated_negative_binomial"]

_LOG_2_PI = math.log(2 * math.pi)
_PER_TEN_THOUSAND = math.log(1e4)  # the usual library size to scale counts to before the logarithm
_LEAST_SCALE = 1e-2
_FARTHEST = 1e15  # standard deviations: the square of no error is infinite
_LEAST_SHARE = 1e-4
_GREATEST_LOG_DISPERSION = math.log(1e4)  # beyond it, as good as Poisson, lgamma(x + θ) - lgamma(θ) loses its digits


class Moments(NamedTuple):
    """Moments of the training data, which a likelihood is built from."""

    mean: Tensor  # (p,)
    scale: Tensor  # (p,), standard deviations; 0 for constant features
    log_library: Tensor  # (2,), mean and standard deviation of the logarithm of the positive sums of samples


def _weighted(values: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return weighted mean and standard deviation of the rows of `values`."""
    mean = weight @ values / weight.sum()
    return mean, (weight @ (values - mean).square() / weight.sum()).sqrt()


def moments(samples: training.Samples, weight: Tensor | None, *, of_sums: bool) -> Moments:
    """Return mean and standard deviation of each feature and, with `of_sums`, of the logarithms of the samples' sums.

    Raises
    ------
    ValueError
        If the squares of the values are not finite.
    """
    if samples.streamed:
        return _checked(*_streamed(samples, weight, of_sums))
    assert isinstance(samples, training.Rows | training.SparseRows)
    values = samples.values
    weight = values.new_ones(len(samples)) if weight is None else weight
    if isinstance(samples, training.Rows):
        mean, scale = _weighted(values, weight)
        sums = values.sum(dim=1) if of_sums else None
    else:
        rows, columns = torch.repeat_interleave(samples.starts.diff()), samples.columns.long()
        shares, none = weight.index_select(0, rows) / weight.sum(), values.new_zeros(samples.n_columns)
        mean = none.index_add(0, columns, shares * values)
        squares = none.index_add(0, columns, shares * (values - mean.index_select(0, columns)).square())
        zeros = 1 - none.index_add(0, columns, shares)  # the share of entries that are not stored
        scale = (squares + zeros * mean.square()).sqrt()
        sums = values.new_zeros(len(samples)).index_add(0, rows, values) if of_sums else None
    log_library = values.new_zeros(2)
    if sums is not None and (counted := (sums > 0) & (weight > 0)).any():
        log_library = torch.stack(_weighted(sums[counted].log(), weight[counted]))
    return _checked(mean, scale, log_library)


def _checked(mean: Tensor, scale: Tensor, log_library: Tensor) -> Moments:
    if not torch.isfinite(scale).all():
        feature = int((~torch.isfinite(scale)).nonzero()[0])
        raise ValueError(f"feature {feature} of X has values too large to standardise: their squares are not finite")
    varies = scale > 10 * torch.finfo(scale.dtype).eps * mean.abs()
    return Moments(mean, scale * varies, log_library)


def _streamed(samples: training.Samples, weight: Tensor | None, of_sums: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean and standard deviation of each feature and of the logarithms of sums, in one pass."""
    features: RunningMoments | None = None
    sums = RunningMoments(1)
    for rows, part in samples.windows():
        assert isinstance(part, training.Rows | training.SparseRows)
        X: Any = part.values.numpy() if isinstance(part, training.Rows) else part.to_scipy()
        features = RunningMoments(X.shape[1]) if features is None else features
        own = np.ones(X.shape[0]) if weight is None else weight[rows].numpy()
        features.add(X, own)
        if of_sums:
            totals = np.asarray(X.sum(axis=1, dtype=np.float64)).reshape(-1, 1)
            counted = (totals[:, 0] > 0) & (own > 0)
            sums.add(np.log(totals[counted]), own[counted])
        dtype = part.values.dtype
    assert features is not None
    of_features = (features.mean, np.sqrt(features.variance), np.append(sums.mean, np.sqrt(sums.variance)))
    mean, scale, log_library = (torch.as_tensor(values, dtype=dtype) for values in of_features)
    return mean, scale, log_library


def _values(samples: training.Samples) -> Tensor:
    """Return the values of samples; for sparse samples the stored values."""
    assert isinstance(samples, training.Rows | training.SparseRows)
    return samples.values


def _check(samples: training.Samples, allowed: Tensor, expected: str) -> None:
    """Raise an error for the first value that is not allowed; `allowed` has a bool for each stored value."""
    if allowed.all():
        return
    assert isinstance(samples, training.Rows | training.SparseRows)
    first = int((~allowed.flatten()).nonzero()[0])
    value = float(samples.values.flatten()[first])
    text = f"{value:g}" if float(f"{value:g}") != round(value) or value == round(value) else f"{value:.9g}"
    if isinstance(samples, training.Rows):
        row, column = divmod(first, samples.values.shape[1])
    else:
        row = int(torch.searchsorted(samples.starts, first, right=True)) - 1
        column = int(samples.columns[first])
    raise ValueError(f"sample {row} of X has the value {text} in feature {column}, but {expected}")


class Likelihood(nn.Module):
    """A distribution ``p(x | z)`` whose features are independent given the decoder's output."""

    n_outputs: ClassVar[int] = 1
    """Number of decoder outputs for each feature."""
    n_features: int
    of_counts: ClassVar[bool] = False

    def __init__(self, data: Moments) -> None:
        super().__init__()
        self.n_features = len(data.mean)

    @classmethod
    def check(cls, samples: training.Samples) -> None:
        """Raise a ValueError if `samples` have a value outside the support."""

    def standardized(self, x: Tensor) -> Tensor:
        """Return the input of the encoder, for samples of shape (batch, p)."""
        return x

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        """Return ``log p(x | z)`` in nats, shape (batch,), for a decoder output of shape (batch, n_outputs * p)."""
        raise NotImplementedError

    def mean(self, output: Tensor) -> Tensor:
        """Return ``E[x | z]``, shape (batch, p); for counts, at the typical library size."""
        raise NotImplementedError

    def draw(self, output: Tensor, rng: np.random.RandomState) -> Tensor:
        """Draw one sample from each ``p(x | z)``, shape (batch, p)."""
        raise NotImplementedError


class Gaussian(Likelihood):
    """``N(m_j + s_j f_j(z), s_j² σ_j²)``, with ``m_j``, ``s_j`` mean and standard deviation of the training data.

    ``σ_j`` is learned and at least 0.01, because the density of a perfectly rebuilt feature has no upper bound. A
    feature with ``s_j = 0`` is constant and takes no part in the density.
    """

    stacked_numbers: ClassVar[tuple[str, ...]] = ()

    location: Tensor
    scale: Tensor

    def __init__(self, data: Moments) -> None:
        super().__init__(data)
        self.register_buffer("location", data.mean)
        self.register_buffer("scale", data.scale)
        self.log_variance = nn.Parameter(torch.zeros_like(data.mean))

    def variance(self) -> Tensor:
        """Return σ², shape (p,)."""
        return _LEAST_SCALE**2 + self.log_variance.exp()

    def standardized(self, x: Tensor) -> Tensor:
        varies = self.scale > 0
        return (x - self.location) * torch.where(varies, 1 / self.scale, varies.to(x))

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        variance, varies = self.variance(), self.scale > 0
        constant = (variance.log() + 2 * self.scale.log() + _LOG_2_PI).where(varies, 0.0).sum() / 2
        error = (self.standardized(x) - output).clamp(-_FARTHEST, _FARTHEST)
        return -(error.square() @ (varies / (2 * variance))) - constant

    def mean(self, output: Tensor) -> Tensor:
        return self.location + self.scale * output

    def draw(self, output: Tensor, rng: np.random.RandomState) -> Tensor:
        noise = torch.as_tensor(rng.standard_normal(output.shape)).to(output)
        return self.mean(output + self.variance().sqrt() * noise)


class Bernoulli(Likelihood):
    """A probability for each feature; values between 0 and 1 are read as expectations of zeros and ones."""

    stacked_numbers: ClassVar[tuple[str, ...]] = ()

    offset: Tensor

    def __init__(self, data: Moments) -> None:
        super().__init__(data)
        self.register_buffer("offset", torch.logit(data.mean, eps=_LEAST_SHARE))

    @classmethod
    def check(cls, samples: training.Samples) -> None:
        values = _values(samples)
        _check(
            samples,
            (values >= 0) & (values <= 1),
            "likelihood='bernoulli' is for data in [0, 1]: scale them, for instance with MinMaxScaler(clip=True)",
        )

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        return -F.binary_cross_entropy_with_logits(output + self.offset, x, reduction="none").sum(dim=1)

    def mean(self, output: Tensor) -> Tensor:
        return (output + self.offset).sigmoid()

    def draw(self, output: Tensor, rng: np.random.RandomState) -> Tensor:
        chances = torch.as_tensor(rng.uniform(size=output.shape)).to(output)
        return (chances < self.mean(output)).to(output)


class Poisson(Likelihood):
    """Counts with mean ``l(x) softmax(f(z))_j`` and library size ``l(x) = sum_j x_j``; a sample without counts has 1.

    The library size is observed, not modelled: densities are conditional on it (Lopez et al. 2018; the default of
    Gayoso et al. 2022).
    """

    stacked_numbers: ClassVar[tuple[str, ...]] = ()

    of_counts: ClassVar[bool] = True
    offset: Tensor
    log_library: Tensor

    def __init__(self, data: Moments) -> None:
        super().__init__(data)
        least = (_LEAST_SHARE * data.mean.mean()).clamp(min=torch.finfo(data.mean.dtype).tiny)
        self.register_buffer("offset", data.mean.clamp(min=least).log())
        self.register_buffer("log_library", data.log_library)

    @classmethod
    def check(cls, samples: training.Samples) -> None:
        values = _values(samples)
        _check(
            samples,
            (values >= 0) & (values == values.floor()),
            "this likelihood is for counts, whole numbers from 0: give it raw counts, neither normalised nor "
            "log-transformed; it takes account of the library size by itself. Counts that a correction or a model of "
            "reads has left fractional are rounded by np.rint(X)",
        )

    def standardized(self, x: Tensor) -> Tensor:
        return (x * (_PER_TEN_THOUSAND - self._log_sums(x)).exp()).log1p()

    def _log_sums(self, x: Tensor) -> Tensor:
        return x.sum(dim=1, keepdim=True).clamp(min=1).log()  # (batch, 1)

    def _log_share(self, output: Tensor) -> Tensor:
        return (output[:, : len(self.offset)] + self.offset).log_softmax(dim=1)  # (batch, p)

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        log_mean = self._log_sums(x) + self._log_share(output)
        return (x * log_mean - log_mean.exp() - torch.lgamma(x + 1)).sum(dim=1)

    def mean(self, output: Tensor) -> Tensor:
        return (self.log_library[0] + self._log_share(output)).exp()

    def draw(self, output: Tensor, rng: np.random.RandomState) -> Tensor:
        shares = self._log_share(output).exp().numpy(force=True).astype(np.float64)
        location, spread = self.log_library.tolist()
        library = rng.lognormal(location, spread, size=(len(shares), 1))
        return torch.as_tensor(self._counts(library * shares, output, rng)).to(output)

    def _counts(self, mean: np.ndarray, output: Tensor, rng: np.random.RandomState) -> np.ndarray:
        return rng.poisson(mean)


class NegativeBinomial(Poisson):
    """Counts with the mean μ of the Poisson likelihood and variance ``μ + μ² / θ_j``; ``θ_j`` is learned."""

    def __init__(self, data: Moments) -> None:
        super().__init__(data)
        self.log_dispersion = nn.Parameter(torch.zeros_like(data.mean))

    def dispersion(self) -> Tensor:
        """Return θ, shape (p,)."""
        return self.log_dispersion.clamp(max=_GREATEST_LOG_DISPERSION).exp()

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        odds, log_one = self._log_odds(x, output)
        positive = _Positive(x)
        of_positive = positive.log_ratio(self.dispersion(), odds, log_one)
        return -(log_one @ self.dispersion()) + positive.sums(of_positive)

    def _log_odds(self, x: Tensor, output: Tensor) -> tuple[Tensor, Tensor]:
        """Return ``log(μ / θ)`` and ``log(1 + μ / θ)``, each of shape (batch, p)."""
        dispersion = self.log_dispersion.clamp(max=_GREATEST_LOG_DISPERSION)
        odds = self._log_sums(x) + self._log_share(output) - dispersion
        return odds, F.softplus(odds)

    def _counts(self, mean: np.ndarray, output: Tensor, rng: np.random.RandomState) -> np.ndarray:
        dispersion = self.dispersion().numpy(force=True).astype(np.float64)
        return rng.poisson(rng.gamma(dispersion, mean / dispersion))


class ZeroInflatedNegativeBinomial(NegativeBinomial):
    """Zero with probability π_j(z), else the negative binomial (Lopez et al. 2018, equation 1)."""

    n_outputs: ClassVar[int] = 2

    def log_prob(self, x: Tensor, output: Tensor) -> Tensor:
        odds, log_one = self._log_odds(x, output)
        logit = output[:, len(self.offset) :]  # of π
        zero = F.softplus(-self.dispersion() * log_one - logit) - F.softplus(-logit)  # log p(0 | z)
        positive = _Positive(x)
        counted = positive.of(-self.dispersion() * log_one - F.softplus(logit) - zero)
        return zero.sum(dim=1) + positive.sums(counted + positive.log_ratio(self.dispersion(), odds, log_one))

    def mean(self, output: Tensor) -> Tensor:
        return super().mean(output) * (-output[:, len(self.offset) :]).sigmoid()

    def _counts(self, mean: np.ndarray, output: Tensor, rng: np.random.RandomState) -> np.ndarray:
        lost = output[:, len(self.offset) :].sigmoid().numpy(force=True)
        counts: np.ndarray = super()._counts(mean, output, rng) * (rng.uniform(size=mean.shape) >= lost)
        return counts


class _Positive:
    """The positive counts of a batch: they are few in single cells, so that lgamma is computed for them alone."""

    def __init__(self, x: Tensor) -> None:
        self.n_rows, self.n_columns = x.shape
        self.positions = x.flatten().nonzero()[:, 0]
        self.x = x.flatten().index_select(0, self.positions)
        self.columns = self.positions % self.n_columns

    def of(self, values: Tensor) -> Tensor:
        """Return the values of a tensor of shape (batch, p) at the positive counts."""
        return values.flatten().index_select(0, self.positions)

    def sums(self, values: Tensor) -> Tensor:
        """Sum values at the positive counts over each sample, shape (batch,)."""
        return values.new_zeros(self.n_rows).index_add(0, self.positions // self.n_columns, values)

    def log_ratio(self, dispersion: Tensor, odds: Tensor, log_one: Tensor) -> Tensor:
        """Return ``log NB(x) - log NB(0)`` at the positive counts; see `NegativeBinomial._log_odds`."""
        theta = dispersion.index_select(0, self.columns)
        factorials = torch.lgamma(self.x + theta) - torch.lgamma(theta) - torch.lgamma(self.x + 1)
        return self.x * (self.of(odds) - self.of(log_one)) + factorials


LIKELIHOODS: dict[str, type[Likelihood]] = {
    "gaussian": Gaussian,
    "bernoulli": Bernoulli,
    "poisson": Poisson,
    "negative_binomial": NegativeBinomial,
    "zero_inflated_negative_binomial": ZeroInflatedNegativeBinomial,
}
