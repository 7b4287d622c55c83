"""A transformer: attention in the encoder, in the decoder, and from the decoder to the encoder."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann.layers import Dropout, EncoderBlock
from sklearn_ann.layers.attention import wave_angles
from sklearn_ann.reading.tokens import TokenBatch
from sklearn_ann.translation.decoding import Cache
from sklearn_ann.translation.network import (
    ContextEmbedding,
    CrossAttention,
    EncoderDecoder,
    Forgetting,
    Memory,
    inner_width,
    mask_of,
)


def with_waves(x: Tensor, first: int = 0) -> Tensor:
    """Add sine and cosine of the positions, from `first` on, to (..., length, width) (Vaswani et al. 2017, 3.5)."""
    length, width = x.shape[-2:]
    angles = wave_angles(first + length, -(-width // 2), x)[first:]
    return x + torch.cat([angles.sin(), angles.cos()], dim=1)[:, :width].to(x.dtype)


class DecoderBlock(nn.Module):
    """Attention to the tokens before, to the source, then a dense layer, each with pre-normalisation and a shortcut.

    Parameters
    ----------
    width, n_heads, hidden : int
    dropout : float
    """

    def __init__(self, width: int, n_heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        inner = inner_width(width, n_heads)
        self.norm = nn.LayerNorm(width)
        self.projection = nn.Linear(width, 3 * inner)
        self.output = nn.Linear(inner, width)
        self.cross_norm = nn.LayerNorm(width)
        self.cross = CrossAttention(width, n_heads)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, hidden), nn.GELU(), Dropout(dropout), nn.Linear(hidden, width)
        )
        self.dropout = Dropout(dropout)

    def projected(self, x: Tensor) -> Tensor:
        """Return queries, keys and values of (..., length, width): shape (3, ..., n_heads, length, head_width)."""
        parts: Tensor = self.projection(self.norm(x)).unflatten(-1, (3, self.n_heads, -1))
        return parts.movedim(-3, 0).transpose(-3, -2)

    def finished(self, x: Tensor, mixed: Tensor, source: Any, maps: list[Tensor] | None = None) -> Tensor:
        """Add the mixed values, (..., n_heads, length, head_width), what is read in the source, and the dense layer."""
        x = x + self.dropout(self.output(mixed.transpose(-3, -2).flatten(-2)))
        shape = x.shape
        flat = x.flatten(1, -2)  # hypotheses of one sample and their tokens query the same keys
        flat = flat + self.dropout(self.cross(self.cross_norm(flat), *source, maps))
        flat = flat + self.dropout(self.feed_forward(flat))
        shaped: Tensor = flat.view(shape)
        return shaped

    def forward(self, x: Tensor, memory: Memory, maps: list[Tensor] | None) -> Tensor:
        """Map (batch, length, width) to the same shape; no token sees a later one."""
        query, key, value = self.projected(x)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.finished(x, mixed, (*self.cross.prepare(memory.states), memory.mask), maps)


class Transformer(EncoderDecoder):
    """Encoder and decoder of Vaswani et al. (2017), with pre-normalisation (Xiong et al. 2020).

    Parameters
    ----------
    n_sources, n_targets : int
        Number of codes.
    width, n_layers, n_heads : int
    dropout : float
    unknown : int or None
        Code of the unknown source token.
    """

    def __init__(
        self,
        n_sources: int,
        n_targets: int,
        width: int,
        *,
        n_layers: int,
        n_heads: int,
        dropout: float,
        unknown: int | None = None,
    ) -> None:
        super().__init__()
        self.forget = Forgetting(unknown, 0.02)
        self.source = ContextEmbedding(n_sources, width, 1, 1)
        self.target = ContextEmbedding(n_targets, width, 0, 0)
        self.dropout = Dropout(dropout)
        self.encoder: Any = nn.ModuleList(
            EncoderBlock(width, n_heads, 2 * width, dropout=dropout) for _ in range(n_layers)
        )
        self.decoder: Any = nn.ModuleList(
            DecoderBlock(width, n_heads, 2 * width, dropout) for _ in range(max(n_layers - 1, 1))
        )
        self.norm, self.last_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.output = nn.Linear(width, n_targets)

    def encode(self, source: TokenBatch) -> Memory:
        """Return a state for each token."""
        mask = mask_of(source)
        x = self.dropout(with_waves(self.source(source.codes, mask)))
        for block in self.encoder:
            x = block(x, mask)
        return Memory(self.norm(x), mask)

    def decode(self, memory: Memory, tokens: Tensor, maps: list[Tensor] | None = None) -> Tensor:
        """Return the logits of the token after each of `tokens`; see `EncoderDecoder`."""
        x = self.dropout(with_waves(self.target(tokens)))
        for block in self.decoder:
            x = block(x, memory, maps)
        logits: Tensor = self.output(self.last_norm(x))
        return logits

    def begin(self, source: TokenBatch, n_beams: int) -> Cache:
        """Encode sources, and prepare what all steps share."""
        memory = self.encode(source)
        assert memory.mask is not None
        of_samples = [part for block in self.decoder for part in block.cross.prepare(memory.states)]
        batch, n_heads = of_samples[0].shape[:2]
        nothing = memory.states.new_zeros(batch, n_beams, n_heads, 0, of_samples[0].shape[-1])
        return Cache([memory.mask, *of_samples], [nothing] * (2 * len(self.decoder)))

    def advance(self, tokens: Tensor, cache: Cache) -> Tensor:
        """Return the logits after one more token."""
        x = with_waves(self.target(tokens.flatten()[:, None]), cache.n_tokens).unflatten(0, tokens.shape)
        mask, *of_samples = cache.of_samples
        kept = []
        for number, block in enumerate(self.decoder):  # x: (batch, n_beams, 1, width)
            query, *new = block.projected(x)  # (batch, n_beams, n_heads, 1, head_width)
            key, value = (
                torch.cat([old, one], dim=-2)
                for old, one in zip(cache.of_beams[2 * number : 2 * number + 2], new, strict=True)
            )
            kept += [key, value]
            mixed = F.scaled_dot_product_attention(query.flatten(0, 1), key.flatten(0, 1), value.flatten(0, 1))
            source = (*of_samples[2 * number : 2 * number + 2], mask)
            x = block.finished(x, mixed.unflatten(0, tokens.shape), source)
        cache.of_beams, cache.n_tokens = kept, cache.n_tokens + 1
        logits: Tensor = self.output(self.last_norm(x))[:, :, 0]
        return logits
