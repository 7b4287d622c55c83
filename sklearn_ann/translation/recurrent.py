"""Recurrent encoder and decoder; each layer of the decoder looks at the source."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from sklearn_ann.layers import Dropout
from sklearn_ann.layers.recurrent import Recurrent, recurrent_layer
from sklearn_ann.reading.tokens import TokenBatch
from sklearn_ann.translation.decoding import Cache
from sklearn_ann.translation.network import (
    ContextEmbedding,
    CrossAttention,
    EncoderDecoder,
    Forgetting,
    Memory,
    mask_of,
)


class DecoderLayer(nn.Module):
    """Recurrent states, and what they look up in the source.

    Parameters
    ----------
    in_features, width, n_heads : int
    """

    def __init__(self, in_features: int, width: int, n_heads: int) -> None:
        super().__init__()
        self.recurrent = recurrent_layer("gru", in_features, width)
        self.cross = CrossAttention(width, n_heads)

    def forward(
        self, x: Tensor, before: Tensor | None, source: tuple[Any, ...], n_beams: int = 1, maps: Any = None
    ) -> tuple[Tensor, Tensor]:
        """Map (batch * n_beams, length, in_features), after states `before`, to states and what they looked up."""
        states = self.recurrent(x, before)[0]  # (batch * n_beams, length, width)
        # The hypotheses of one sample query the same keys.
        looked = self.cross(states.view(-1, n_beams * states.shape[1], states.shape[2]), *source, maps)
        return states, looked.view(states.shape)


class RecurrentTranslator(EncoderDecoder):
    """Gated recurrent units that read the source in both directions, and others that write the target.

    The decoder has two layers. The states of the first, which reads the target so far, query the source. The second
    reads these states and what they found, so it knows where the first has looked before, and queries the source again.
    Bahdanau et al. (2014) let one layer do all, so that each step waits for the attention of the step before; with
    attention above the states (Wu et al. 2016, section 3) that of all steps is one product.

    Parameters
    ----------
    n_sources, n_targets : int
        Number of codes.
    width, n_layers, n_heads : int
        The encoder has `n_layers` layers.
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
        self.encoder = Recurrent("gru", width, -(-width // 2), n_layers, bidirectional=True, dropout=dropout)
        self.joined = nn.Linear(self.encoder.n_features, width)
        self.reader = DecoderLayer(width, width, n_heads)
        self.writer = DecoderLayer(2 * width, width, n_heads)
        self.output = nn.Linear(width, n_targets)

    def encode(self, source: TokenBatch) -> Memory:
        """Return a state for each token."""
        mask = mask_of(source)
        states = self.encoder(self.dropout(self.source(source.codes, mask)), source.lengths)
        return Memory(self.dropout(self.joined(states)), mask)

    def decode(self, memory: Memory, tokens: Tensor, maps: list[Tensor] | None = None) -> Tensor:
        """Return the logits of the token after each of `tokens`; see `EncoderDecoder`."""
        sources = [(*layer.cross.prepare(memory.states), memory.mask) for layer in (self.reader, self.writer)]
        # No dropout here: a decoder that cannot rely on the tokens before mixes outputs that are right by themselves.
        read, looked = self.reader(self.target(tokens), None, sources[0], maps=maps)  # (batch, n_target, width)
        written, found = self.writer(torch.cat([read, looked], dim=2), None, sources[1], maps=maps)
        logits: Tensor = self.output(self.dropout(written + found))
        return logits

    def begin(self, source: TokenBatch, n_beams: int) -> Cache:
        """Encode sources, and prepare what all steps share."""
        memory = self.encode(source)
        assert memory.mask is not None
        start = memory.states.new_zeros(len(memory.states), n_beams, memory.states.shape[2])
        keys_values = [part for layer in (self.reader, self.writer) for part in layer.cross.prepare(memory.states)]
        return Cache([memory.mask, *keys_values], [start, start])

    def advance(self, tokens: Tensor, cache: Cache) -> Tensor:
        """Return the logits after one more token."""
        mask, *keys_values = cache.of_samples
        before = [part.flatten(0, 1)[None] for part in cache.of_beams]
        n_beams = tokens.shape[1]
        x = self.target(tokens.flatten()[:, None])  # (batch * n_beams, 1, width)
        read, looked = self.reader(x, before[0], (*keys_values[:2], mask), n_beams)
        written, found = self.writer(torch.cat([read, looked], dim=2), before[1], (*keys_values[2:], mask), n_beams)
        cache.of_beams = [part.view(*tokens.shape, -1) for part in (read, written)]
        cache.n_tokens += 1
        logits: Tensor = self.output(written + found).view(*tokens.shape, -1)
        return logits
