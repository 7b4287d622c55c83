"""The auto-encoder as a torch module: encoder, decoder and the corruption of their input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from sklearn_ann.autoencoder.losses import Penalized, squared_jacobian_norm
from sklearn_ann.layers import Activation, Stochastic, TiedLinear, bernoulli, dense_stack, is_set, linear_layers, normal

NoiseType = Literal["gaussian", "masking", "salt_and_pepper"]


class Corruption(Stochastic):
    """Corrupts samples before they are encoded, during training only (Vincent et al. 2010, section 3.3).

    Parameters
    ----------
    kind : {"gaussian", "masking", "salt_and_pepper"}
    level : float
        Standard deviation of the noise, or share of the features to change.
    lowest, highest : Tensor of shape (p,)
        The values of pepper and salt.
    """

    stacked_numbers: ClassVar[tuple[str, ...]] = ("level",)

    lowest: Tensor
    highest: Tensor

    def __init__(self, kind: NoiseType, level: float, lowest: Tensor, highest: Tensor) -> None:
        super().__init__()
        self.kind, self.level = kind, level
        self.register_buffer("lowest", lowest, persistent=False)  # they belong to the data, not to the weights
        self.register_buffer("highest", highest, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Corrupt samples of shape (batch, p)."""
        if not self.training:
            return x
        if self.kind == "gaussian":
            return self.drawn(x, normal, self.level).add_(x)
        hit = self.drawn(x, bernoulli, self.level).bool()
        if self.kind == "masking":
            return x.masked_fill(hit, 0.0)
        salt = self.drawn(x, bernoulli, 0.5).bool()
        return torch.where(hit, torch.where(salt, self.highest, self.lowest), x)


def dense_pair(
    widths: Sequence[int], activation: Activation, dropout: float, tied_weights: bool
) -> tuple[nn.Sequential, nn.Sequential]:
    """Build an encoder with these widths, from p to q, and a decoder with the same widths in reverse order.

    With `tied_weights` the decoder's matrices are the transposes of the encoder's.
    """
    down = linear_layers(widths)
    up = [TiedLinear(linear) for linear in reversed(down)] if tied_weights else linear_layers(widths[::-1])
    return dense_stack(down, activation, dropout), dense_stack(up, activation, dropout)


class AutoEncoder(nn.Module):
    """An encoder ``f_W`` and a decoder ``g_V``.

    ``forward`` leaves out the link function, because the error of probabilities is computed from logits.

    Parameters
    ----------
    encoder, decoder : nn.Module
    link : nn.Module
        Turns the decoder's output into a reconstruction.
    corruption : nn.Module
        Corrupts samples during training, before they are encoded.
    sparsity, contraction : float
        Weights of the penalties. If one is above zero, ``forward`` returns `Penalized`.
    """

    stacked_numbers: ClassVar[tuple[str, ...]] = ("sparsity",)

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        link: nn.Module,
        corruption: nn.Module,
        sparsity: float = 0.0,
        contraction: float = 0.0,
    ) -> None:
        super().__init__()
        # A ReLU makes the zeros of a code exact.
        self.encoder = nn.Sequential(encoder, nn.ReLU()) if sparsity else encoder
        self.decoder = decoder
        self.link = link
        self.corruption = corruption
        self.sparsity, self.contraction = sparsity, contraction

    @property
    def computed_alone(self) -> bool:
        """Whether a stack cannot compute it: a gradient within the loss needs autograd for each network."""
        return self.contraction > 0

    @property
    def parts_in_turn(self) -> nn.Sequential | None:
        """The modules that ``forward`` calls one after the other; None if it does more."""
        if is_set(self.sparsity) or self.contraction:
            return None
        return nn.Sequential(self.corruption, self.encoder, self.decoder)

    def forward(self, x: Tensor) -> Tensor | Penalized:
        """Map a batch of shape (batch, p) to the input of the error."""
        x = self.corruption(x)
        if not (is_set(self.sparsity) or self.contraction):
            return self.output(x)
        if self.contraction:
            with torch.enable_grad():  # validation needs the Jacobian too
                x = x.detach().requires_grad_()
                z = self.encode(x)  # (batch, q)
                penalty = self.contraction * squared_jacobian_norm(z, x)
        else:
            z = self.encode(x)
            penalty = z.new_zeros(len(z))
        if is_set(self.sparsity):
            penalty = penalty + self.sparsity * (z @ self._lengths())
        return Penalized(self.decoder(z), penalty)

    def _lengths(self) -> Tensor:
        """Return the lengths of the q columns of the decoder's first matrix."""
        first = next(module for module in self.decoder.modules() if isinstance(module, nn.Linear | TiedLinear))
        lengths: Tensor = torch.linalg.vector_norm(first.weight, dim=0)
        return lengths

    def output(self, x: Tensor) -> Tensor:
        """Map samples of shape (batch, p) to reconstructions before the link function, of the same shape."""
        output: Tensor = self.decoder(self.encode(x))
        return output

    def encode(self, x: Tensor) -> Tensor:
        """Map samples of shape (batch, p) to codes of shape (batch, q)."""
        code: Tensor = self.encoder(x)
        return code

    def decode(self, z: Tensor) -> Tensor:
        """Map codes of shape (batch, q) to reconstructions of shape (batch, p)."""
        reconstruction: Tensor = self.link(self.decoder(z))
        return reconstruction

    def reconstruct(self, x: Tensor) -> Tensor:
        """Map samples of shape (batch, p) to their reconstructions."""
        return self.decode(self.encode(x))
