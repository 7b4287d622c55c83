"""What the two architectures share: the contract of encoder and decoder, embeddings of tokens, cross-attention."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann.layers import Stochastic, attention_weights, bernoulli, inside
from sklearn_ann.reading.tokens import TokenBatch
from sklearn_ann.translation.decoding import Cache


class Memory(NamedTuple):
    """Encoded sources."""

    states: Tensor  # (batch, n_source, width)
    mask: Tensor | None  # (batch, n_source), which tokens exist; None for all


class EncoderDecoder(nn.Module, ABC):
    """An encoder of sources and a decoder that predicts each token of a target from those before."""

    forget: Forgetting

    @abstractmethod
    def encode(self, source: TokenBatch) -> Memory:
        """Return a state for each token."""

    @abstractmethod
    def decode(self, memory: Memory, tokens: Tensor, maps: list[Tensor] | None = None) -> Tensor:
        """Return the logits of the token after each of `tokens`.

        Parameters
        ----------
        memory : Memory
        tokens : Tensor of shape (batch, n_target)
            The end, and then the target.
        maps : list or None
            A list to which the weights of each cross-attention are appended, (batch, n_heads, n_target, n_source).

        Returns
        -------
        Tensor of shape (batch, n_target, n_tokens)
        """

    @abstractmethod
    def begin(self, source: TokenBatch, n_beams: int) -> Cache:
        """Encode sources to translate them, token by token, with `n_beams` hypotheses each."""

    @abstractmethod
    def advance(self, tokens: Tensor, cache: Cache) -> Tensor:
        """Return the logits after one more token; (batch, n_beams) to (batch, n_beams, n_tokens)."""

    def forward(self, source: TokenBatch, target: TokenBatch | None = None) -> Tensor:
        """Return logits, (batch, n_target, n_tokens), of targets that end with the end; without targets, `features`."""
        if target is None:
            return self.features(source)
        memory = self.encode(TokenBatch(self.forget(source.codes), source.lengths))
        return self.decode(memory, shifted(target.codes))

    def features(self, source: TokenBatch) -> Tensor:
        """Return the mean state of each source, (batch, width)."""
        states, mask = self.encode(source)
        if mask is None:
            return states.mean(dim=1)
        return (states * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)

    def attention(self, source: TokenBatch, target: TokenBatch) -> Tensor:
        """Return the weights of the cross-attention, (batch, n_layers, n_heads, n_target, n_source)."""
        maps: list[Tensor] = []
        self.decode(self.encode(source), shifted(target.codes), maps)
        return torch.stack(maps, dim=1)


def shifted(codes: Tensor) -> Tensor:
    """Move the tokens of (batch, length) one place on; the end, 0, comes first."""
    return F.pad(codes[:, :-1], (1, 0))


def mask_of(source: TokenBatch) -> Tensor | None:
    """Return which tokens exist, (batch, length)."""
    if source.lengths is None:
        return None
    return inside(source.lengths, source.codes.shape[1])


class Forgetting(Stochastic):
    """Replace, in training, some codes by that of an unknown token, so that its embedding is learned.

    Parameters
    ----------
    unknown : int or None
        Code of the unknown token; None forgets nothing.
    share : float
    """

    def __init__(self, unknown: int | None, share: float) -> None:
        super().__init__()
        self.unknown, self.share = unknown, share

    def forward(self, codes: Tensor) -> Tensor:
        """Map codes to codes."""
        if self.unknown is None or not self.training:
            return codes
        chosen = self.drawn(torch.empty(codes.shape, device=codes.device), bernoulli, self.share)
        return codes.masked_fill(chosen.bool(), self.unknown)


class ContextEmbedding(nn.Module):
    """The vector of a token and of its neighbours: a sum over the places of a window, each with a matrix of its own.

    Parameters
    ----------
    n_codes, width : int
    before, after : int
        Number of neighbours on each side. Where there is none, nothing is added.
    """

    def __init__(self, n_codes: int, width: int, before: int, after: int) -> None:
        super().__init__()
        self.places = range(-before, after + 1)
        self.vectors = nn.Parameter(torch.empty(n_codes, len(self.places), width))
        nn.init.normal_(self.vectors, std=len(self.places) ** -0.5)

    def forward(self, codes: Tensor, mask: Tensor | None = None) -> Tensor:
        """Map (batch, length), with a mask of the tokens that exist, to (batch, length, width)."""
        length = codes.shape[1]
        found = F.embedding(codes, self.vectors.flatten(1)).unflatten(-1, self.vectors.shape[1:])
        if mask is not None and len(self.places) > 1:
            found = found * mask[:, :, None, None]
        total: Any = 0.0
        for number, place in enumerate(self.places):  # found: (batch, length, place, width)
            if abs(place) < length:
                one = found[:, max(place, 0) : length + min(place, 0), number]
                total = total + (F.pad(one, (0, 0, max(-place, 0), max(place, 0))) if place else one)
        return total  # type: ignore[no-any-return]  # a window has a place


def inner_width(width: int, n_heads: int) -> int:
    """Return the width of all heads together: that of each is ``width / n_heads``, rounded up to a multiple of four.

    Torch's attention rounds samples whose rows do not begin at multiples of 16 bytes by their place in the batch.
    """
    return -(-width // (4 * n_heads)) * 4 * n_heads


class CrossAttention(nn.Module):
    """Several heads of attention of target tokens to source states (Vaswani et al. 2017, section 3.2.3).

    Parameters
    ----------
    width : int
    n_heads : int
        See `inner_width`.
    """

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        inner = inner_width(width, n_heads)
        self.query = nn.Linear(width, inner)
        self.keys_values = nn.Linear(width, 2 * inner)
        self.output = nn.Linear(inner, width)

    def prepare(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return keys and values of source states, (batch, n_heads, n_source, head_width)."""
        key, value = self.keys_values(states).unflatten(-1, (2, self.n_heads, -1)).permute(2, 0, 3, 1, 4)
        return key, value

    def forward(
        self, x: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, maps: list[Tensor] | None = None
    ) -> Tensor:
        """Map (batch, n_target, width) to the same shape; `mask` has the shape (batch, n_source)."""
        query = self.query(x).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
        keys = None if mask is None else mask[:, None, None, :]
        if maps is None:
            mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=keys)
        else:  # torch's own function does not return weights
            weights = attention_weights(query, key, keys)
            maps.append(weights)
            mixed = weights @ value
        output: Tensor = self.output(mixed.transpose(1, 2).flatten(2))
        return output
