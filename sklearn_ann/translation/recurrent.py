"""Recurrent encoder and decoder with attention between two layers of the decoder."""

from __future__ import annotations

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


class RecurrentTranslator(EncoderDecoder):
    """Gated recurrent units that read the source in both directions, and others that write the target.

    The first layer of the decoder reads the target so far, its states query the source, and the second layer reads
    both. Bahdanau et al. (2014) let one layer do all, so that each step waits for the attention of the step before;
    with two (Wu et al. 2016, section 3) the attention of all steps is one product.

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
        self.reader = recurrent_layer("gru", width, width)
        self.cross = CrossAttention(width, n_heads)
        self.writer = recurrent_layer("gru", 2 * width, width)
        self.output = nn.Linear(width, n_targets)

    def encode(self, source: TokenBatch) -> Memory:
        """Return a state for each token."""
        mask = mask_of(source)
        states = self.encoder(self.dropout(self.source(source.codes, mask)), source.lengths)
        return Memory(self.dropout(self.joined(states)), mask)

    def decode(self, memory: Memory, tokens: Tensor, maps: list[Tensor] | None = None) -> Tensor:
        """Return the logits of the token after each of `tokens`; see `EncoderDecoder`."""
        # No dropout here: a decoder that cannot rely on the tokens before mixes outputs that are right by themselves.
        read = self.reader(self.target(tokens))[0]  # (batch, n_target, width)
        looked = self.cross(read, *self.cross.prepare(memory.states), memory.mask, maps)
        written = self.writer(torch.cat([read, looked], dim=2))[0]
        logits: Tensor = self.output(self.dropout(written + looked))
        return logits

    def begin(self, source: TokenBatch, n_beams: int) -> Cache:
        """Encode sources, and prepare what all steps share."""
        memory = self.encode(source)
        assert memory.mask is not None
        start = memory.states.new_zeros(len(memory.states), n_beams, memory.states.shape[2])
        return Cache([memory.mask, *self.cross.prepare(memory.states)], [start, start])

    def advance(self, tokens: Tensor, cache: Cache) -> Tensor:
        """Return the logits after one more token."""
        mask, key, value = cache.of_samples
        before, written_before = (part.flatten(0, 1)[None] for part in cache.of_beams)
        read = self.reader(self.target(tokens.flatten()[:, None]), before)[0]  # (batch * n_beams, 1, width)
        looked = self.cross(read.view(*tokens.shape, -1), key, value, mask).flatten(0, 1)[:, None]
        written = self.writer(torch.cat([read, looked], dim=2), written_before)[0]
        cache.of_beams = [part.view(*tokens.shape, -1) for part in (read, written)]
        cache.n_tokens += 1
        logits: Tensor = self.output(written + looked).view(*tokens.shape, -1)
        return logits
