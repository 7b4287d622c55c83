"""The variational auto-encoder as a torch module."""

from __future__ import annotations

import math
from typing import Any, ClassVar, NamedTuple

import torch
from sklearn.utils import Bunch
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann.base.parameters import check_image_shape
from sklearn_ann.generative.likelihoods import Likelihood
from sklearn_ann.generative.prior import Mixture, Normal
from sklearn_ann.layers import (
    ConvolutionalDecoder,
    ConvolutionalEncoder,
    Stochastic,
    WarmUp,
    convolution_layers,
    dense_stack,
    image_grid,
    image_layers,
    layer_widths,
    layers_of,
    linear_layers,
    standard_normal,
)
from sklearn_ann.reading import ConditionedBatch

# Bounds of log variances and of what the encoder reads. No ordinary sample comes near them; without them, the score of
# a sample far from all others would be infinity minus infinity.
_MOST_LOG_VARIANCE = 20.0
_FARTHEST = 1e6
_LOG_2_PI = math.log(2 * math.pi)


class Posterior(NamedTuple):
    """``q(z | x) = N(mean, exp(log_variance))``."""

    mean: Tensor  # (batch, q)
    log_variance: Tensor  # (batch, q)

    def at(self, noise: Tensor) -> Tensor:
        """Map standard normal `noise` to a code (Kingma and Welling 2013, equation 4)."""
        return self.mean + (0.5 * self.log_variance).exp() * noise

    def divergence(self) -> Tensor:
        """Return ``KL(q(z_k | x) || N(0, 1))`` of each latent unit k (appendix B), shape (batch, q)."""
        return 0.5 * (self.mean.square() + self.log_variance.exp() - 1 - self.log_variance)

    def at_full_weight(self, beta: float) -> Posterior:
        """Return what this posterior would be if its divergence had had the weight 1 in training, not `beta`.

        For a decoder that is linear around the mean, the best variance v satisfies ``1 / v = J / beta + 1``, where J is
        what the likelihood adds to the precision.
        """
        if beta in (0, 1):
            return self
        precision = beta * (-self.log_variance).expm1() + 1
        return Posterior(self.mean, -precision.clamp(min=math.exp(-_MOST_LOG_VARIANCE)).log())

    def log_prob(self, noise: Tensor) -> Tensor:
        """Return ``log q(z | x)`` of the code at `noise`, shape (batch,)."""
        return -0.5 * (noise.square() + self.log_variance + _LOG_2_PI).sum(dim=1)


class Noise(Stochastic):
    """Draws standard normal numbers."""

    stacked_numbers: ClassVar[tuple[str, ...]] = ()

    def forward(self, like: Tensor) -> Tensor:
        return self.drawn(like, standard_normal)


class Bound(NamedTuple):
    """The two parts of the evidence lower bound of each sample."""

    log_likelihood: Tensor  # (batch,), log p(x | z) for one draw of z
    divergence: Tensor  # (batch,), the penalised KL divergence of q(z | x) from the prior


def negative_bound(bound: Bound, _: Any) -> Tensor:
    """Return ``KL - log p(x | z)`` of each sample."""
    return bound.divergence - bound.log_likelihood


class MeanEncoder(nn.Module):
    """The encoder alone: it maps samples to the means of ``q(z | x)``.

    Parameters
    ----------
    network : VariationalAutoEncoder
    """

    def __init__(self, network: VariationalAutoEncoder) -> None:
        super().__init__()
        self.encoder, self.likelihood = network.encoder, network.likelihood

    def forward(self, x: Tensor) -> Tensor:
        """Map samples of shape (batch, p) to codes of shape (batch, q)."""
        return posterior(self.encoder, self.likelihood, x).mean

    def depths(self) -> dict[str, list[nn.Module | nn.Parameter]]:
        """Return the layers of the encoder; of the likelihood, it reads the means and scales of the features."""
        return layers_of(self.encoder)


def posterior(encoder: nn.Module, likelihood: Likelihood, x: Tensor) -> Posterior:
    """Map samples of shape (batch, p) to ``q(z | x)``, in the type of `x`."""
    standardized = likelihood.standardized(x).clamp(-_FARTHEST, _FARTHEST)
    mean, log_variance = encoder(standardized).to(x.dtype).chunk(2, dim=1)
    return Posterior(mean, log_variance.clamp(-_MOST_LOG_VARIANCE, _MOST_LOG_VARIANCE))


class VariationalAutoEncoder(nn.Module):
    """An encoder for ``q(z | x)``, and a decoder with a likelihood for ``p(x | z)``.

    Parameters
    ----------
    encoder : nn.Module
        Maps samples of shape (batch, p) to means and logarithms of variances, (batch, 2 * q).
    decoder : nn.Module
        Maps (batch, q + n_levels) to (batch, n_outputs * p).
    likelihood : Likelihood
        Turns the decoder's output into ``p(x | z)``.
    beta : float
        Weight of the divergence.
    kl_warmup : float
        Share of the epochs in which this weight rises from zero.
    free_bits : float
        A latent unit whose mean divergence over a batch is below this many nats is not penalised.

    Attributes
    ----------
    prior : Normal or Mixture
        What codes are drawn from. Training goes by the normal distribution; a mixture takes its place afterwards.
    """

    stacked_numbers: ClassVar[tuple[str, ...]] = ("beta",)

    prior: Normal | Mixture

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        likelihood: Likelihood,
        beta: float = 1.0,
        kl_warmup: float = 0.0,
        free_bits: float = 0.0,
    ) -> None:
        super().__init__()
        self.encoder, self.decoder, self.likelihood = encoder, decoder, likelihood
        self.beta, self.free_bits = beta, free_bits
        self.warm_up = WarmUp(kl_warmup)
        self.noise = Noise()
        self.prior = Normal()

    @property
    def mixes_samples(self) -> bool:
        """Whether the loss of a sample depends on the other samples of its batch."""
        return self.free_bits > 0

    def posterior(self, x: Tensor) -> Posterior:
        """Map samples of shape (batch, p) to ``q(z | x)``, in the type of `x`."""
        return posterior(self.encoder, self.likelihood, x)

    def decode(self, z: Tensor, conditions: Tensor) -> Tensor:
        """Map codes of shape (batch, q) to the input of the likelihood, in the type of `z`."""
        inputs = torch.cat([z, conditions], dim=1) if conditions.shape[1] else z
        output: Tensor = self.decoder(inputs).to(z.dtype)
        return output

    def forward(self, batch: ConditionedBatch) -> Bound:
        """Draw one z for each sample of a batch and return the parts of the bound."""
        posterior = self.posterior(batch.x)
        z = posterior.at(self.noise(posterior.mean))
        return Bound(
            self.likelihood.log_prob(batch.x, self.decode(z, batch.conditions)), self._penalty(posterior.divergence())
        )

    def _penalty(self, divergence: Tensor) -> Tensor:
        if self.free_bits:  # Kingma et al. 2016, equation 15: max(free_bits, mean over the batch), of each unit
            free = training.of_whole_batch(divergence.detach().T).T.mean(dim=0) < self.free_bits
            divergence = divergence.masked_fill(free, self.free_bits)
        penalty = self.beta * divergence.sum(dim=1)
        weight: Any = self.warm_up.weight  # a tensor in a stack
        if self.training and (
            isinstance(weight, Tensor) or weight < 1
        ):  # only the gradient is scaled, so that the losses of epochs compare
            penalty = weight * penalty + (1 - weight) * penalty.detach()
        return penalty

    def log_likelihood(self, batch: ConditionedBatch, posterior: Posterior, noise: Tensor) -> Tensor:
        """Return ``log p(x | z)`` of each sample for one draw of `noise`, of shape (q,)."""
        return self.likelihood.log_prob(batch.x, self.decode(posterior.at(noise), batch.conditions))

    def _proposal(self, x: Tensor) -> Posterior:
        """Return what scores draw codes from: under a mixture, of as much spread as the divergence in full asks for."""
        posterior = self.posterior(x)
        return posterior if isinstance(self.prior, Normal) else posterior.at_full_weight(self.beta)

    def evidence_bound(self, batch: ConditionedBatch, draws: Tensor) -> Tensor:
        """Return the evidence lower bound (Kingma and Welling 2013, equation 3), averaged over `draws`, (k, q)."""
        posterior = self._proposal(batch.x)
        exact = isinstance(self.prior, Normal)
        total = torch.zeros_like(posterior.mean[:, 0])
        for noise in draws:
            total = total + self.log_likelihood(batch, posterior, noise)
            if not exact:
                total = total + self._log_ratio(batch, posterior, noise)
        mean = total / len(draws)
        return mean - posterior.divergence().sum(dim=1) if exact else mean

    def _log_ratio(self, batch: ConditionedBatch, posterior: Posterior, noise: Tensor) -> Tensor:
        """Return ``log p(z) - log q(z | x)`` of the code at `noise`."""
        return self.prior.log_prob(posterior.at(noise), batch.conditions) - posterior.log_prob(noise)

    def importance_bound(self, batch: ConditionedBatch, draws: Tensor) -> Tensor:
        """Return ``log mean_i p(x | z_i) p(z_i) / q(z_i | x)`` over `draws`, (k, q) (Burda et al. 2016, equation 8)."""
        posterior = self._proposal(batch.x)
        log_weights = [
            self.log_likelihood(batch, posterior, noise) + self._log_ratio(batch, posterior, noise) for noise in draws
        ]
        return torch.stack(log_weights).logsumexp(dim=0) - math.log(len(draws))

    def mean(self, batch: ConditionedBatch) -> Tensor:
        """Return ``E[x | z]`` for a batch of codes, shape (batch, p)."""
        return self.likelihood.mean(self.decode(*batch))


def coders(p: Bunch, likelihood: Likelihood, n_levels: int) -> tuple[nn.Module, nn.Module]:
    """Build encoder and decoder from hyper-parameters `p`; conditions have `n_levels` one-hot columns."""
    n_features, n_outputs = likelihood.n_features, likelihood.n_outputs
    n_codes = p.n_components + n_levels
    hidden = layer_widths(p.hidden_layer_sizes)
    widths = (*hidden, 2 * p.n_components)
    encoder: nn.Module
    decoder: nn.Module
    if p.architecture == "conv":
        check_image_shape(p.image_shape)
        if n_outputs > 1:
            raise ValueError(f"likelihood={p.likelihood!r} is for architecture='dense', got 'conv'")
        grid = image_grid(tuple(p.image_shape), n_features)
        layers = convolution_layers(p.conv_layers, image_layers(min(grid[:2])))
        encoder = ConvolutionalEncoder(layers, grid, widths, p.activation, p.dropout)
        decoder = ConvolutionalDecoder(encoder, layers, (*hidden, n_codes), p.activation, 0.0)
    else:
        encoder = dense_stack(linear_layers((n_features, *widths)), p.activation, p.dropout)
        decoder = dense_stack(linear_layers((n_codes, *hidden[::-1], n_outputs * n_features)), p.activation)
    if p.decoder == "linear":
        decoder = nn.Linear(n_codes, n_outputs * n_features)
    return encoder, decoder
