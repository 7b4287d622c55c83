"""Attention among the tokens of a string: its letters, each with or without its neighbours."""

from __future__ import annotations

from typing import Any, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann.attention.body import RATE, AttentionBody
from sklearn_ann.base import Plan
from sklearn_ann.layers import EncoderBlock, Mutation, Position, PositionalEncoding, convolve, inside
from sklearn_ann.reading import LetterBatch, LetterReader

TokenPooling = Literal["cls", "mean"]


class TokenBody(AttentionBody):
    """The encoder of a transformer: embedded tokens, positional encoding, blocks of attention, pooling.

    Parameters
    ----------
    rows : Tensor of shape (n_codes, n_letters)
        The letters that each code stands for, as shares that sum to one.
    max_length : int
        Greatest length for ``position="learned"``.
    width, k, n_layers, n_heads, position, pooling, dropout, mutation
        As in `AttentionClassifier`.
    """

    steady = True

    def __init__(
        self,
        rows: Tensor,
        max_length: int,
        width: int,
        *,
        k: int,
        n_layers: int,
        n_heads: int,
        position: Position,
        pooling: TokenPooling,
        dropout: float,
        mutation: float,
    ) -> None:
        super().__init__()
        self.mutation = Mutation(mutation)
        self.rows: Tensor
        self.register_buffer("rows", rows, persistent=False)
        self.embedding = nn.Parameter(torch.empty(width, rows.shape[1], k))
        nn.init.normal_(self.embedding, std=k**-0.5)
        self.position = PositionalEncoding(position, width, max_length)
        self.cls = nn.Parameter(torch.zeros(width)) if pooling == "cls" else None
        self.blocks = nn.ModuleList(
            EncoderBlock(
                width,
                n_heads,
                2 * width,
                dropout=dropout,
                attention_dropout=dropout,
                rotary=position == "rotary",
            )
            for _ in range(n_layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, batch: LetterBatch, maps: list[Tensor] | None = None) -> Tensor:
        """Return features of shape (batch, width)."""
        x = self.vectors(self._mutated(batch), batch.lengths)
        return self.pooled(self.states(x, batch.lengths, maps, pooled_only=True), batch.lengths)

    def states(
        self, x: Tensor, lengths: Tensor | None, maps: list[Tensor] | None = None, *, pooled_only: bool = False
    ) -> Tensor:
        """Return what the blocks make of the vectors of tokens.

        Parameters
        ----------
        x : Tensor of shape (batch, length, width)
            What `vectors` returns.
        lengths : int64 Tensor of shape (batch,) or None
        maps : list or None
            A list to which the attention weights of each layer are appended.
        pooled_only : bool
            Whether `pooled` alone reads the states, so that those it does not read need not be computed.

        Returns
        -------
        Tensor of shape (batch, n_states, width)
            States of the tokens, after that of the extra token with ``pooling="cls"``.
        """
        x = self.position(x)
        if self.cls is not None:
            x = torch.cat([self.cls.expand(x.shape[0], 1, -1), x], dim=1)
            lengths = None if lengths is None else lengths + 1
        mask = None if lengths is None else inside(lengths, x.shape[1])  # (batch, length)
        cls_only = pooled_only and self.cls is not None and maps is None
        for number, block in enumerate(self.blocks, start=1):
            x = block(x, mask, maps, 1 if cls_only and number == len(self.blocks) else None)
        normalized: Tensor = self.norm(x)
        return normalized

    def pooled(self, states: Tensor, lengths: Tensor | None) -> Tensor:
        """Return features of shape (batch, width): the state of the extra token, or the mean over the tokens."""
        if self.cls is not None:
            return states[:, 0]
        if lengths is None:
            return states.mean(dim=1)
        mask = inside(lengths, states.shape[1])
        return (states * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)

    def of_letters(self, states: Tensor) -> Tensor:
        """Return the states without that of the extra token, shape (batch, length, width)."""
        return states if self.cls is None else states[:, 1:]

    def _mutated(self, batch: LetterBatch) -> Tensor:
        codes = batch.codes
        positions = torch.arange(codes.shape[1], device=codes.device).expand(codes.shape)
        source = self.mutation(positions, batch.lengths)
        return codes if source is positions else codes.gather(1, source)

    def vectors(self, codes: Tensor, lengths: Tensor | None, mask: Tensor | None = None) -> Tensor:
        """Return the vector of each token: a sum over its letters, with an embedding matrix for each position in it.

        Parameters
        ----------
        codes : Tensor of shape (batch, length)
        lengths : int64 Tensor of shape (batch,) or None
        mask : Tensor of shape (width, 1, k) or None
            Vector of a masked letter, for each position in a token. The code ``len(rows)`` stands for such a letter, in
            the tokens of its neighbours too.

        Returns
        -------
        Tensor of shape (batch, length, width)
        """
        rows: Tensor = self.rows
        embedding: Tensor = self.embedding
        if mask is not None:  # one more letter
            rows = F.pad(rows, (0, 1, 0, 1))
            rows[-1, -1] = 1.0
            embedding = torch.cat([embedding, mask], dim=1)
        letters = rows.index_select(0, codes.flatten().int()).view(*codes.shape, -1)  # (batch, length, n_letters)
        if lengths is not None:
            letters = letters * inside(lengths, codes.shape[1])[:, :, None]
        return convolve(letters.transpose(1, 2), embedding).transpose(1, 2)

    def attention(self, batch: LetterBatch) -> list[Tensor]:
        """Return the attention weights of each layer, shape (batch, head, query, key)."""
        maps: list[Tensor] = []
        self(batch, maps)
        return maps

    @staticmethod
    def defaults(plan: Plan) -> dict[str, Any]:
        """Return the values that ``"auto"`` stands for."""
        return {"n_layers": 1, "dropout": 0.3, "max_epochs": 40, "batch_size": 32, "learning_rate": RATE}

    @classmethod
    def build(cls, plan: Plan) -> Self:
        """Build the network."""
        p, reader = plan.parameters, plan.reader
        return cls(
            torch.from_numpy(reader.alphabet.rows),
            reader.max_length,
            p.n_components,
            k=p.k,
            n_layers=p.n_layers,
            n_heads=p.n_heads,
            position=p.position,
            pooling=p.pooling,
            dropout=p.dropout,
            mutation=p.get("mutation", 0.0),
        )

    def key_names(self, reader: LetterReader, samples: Any) -> list[list[str]]:
        """Return the letters of each string, after ``"CLS"`` with ``pooling="cls"``."""
        first = [] if self.cls is None else ["CLS"]
        return [[*first, *letters] for letters in reader.letters_of(samples)]
