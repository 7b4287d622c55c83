"""Strings as sequences of tokens, letters with or without their neighbours, and the transformer that reads them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann.attention.mind import AttentionBody, Mind
from sklearn_ann.layers import EncoderBlock, Position, PositionalEncoding, Stochastic, convolve
from sklearn_ann.preprocessing.alphabets import Unknown, find_alphabet, guess_alphabet

TokenPooling = Literal["cls", "mean"]


class TokenBatch(NamedTuple):
    """Sequences of tokens, the shorter ones filled up at their ends."""

    codes: Tensor  # (batch, length)
    lengths: Tensor | None  # (batch,); None where all sequences fill the tensor


class TokenSamples(training.Samples):
    """Sequences of tokens, one after the other.

    Parameters
    ----------
    codes : uint8 Tensor of shape (n_tokens,)
    starts : int64 Tensor of shape (n_samples + 1,)
    """

    least_batch = training.Rows.least_batch

    def __init__(self, codes: Tensor, starts: Tensor) -> None:
        self.codes, self.starts = codes, starts
        self.lengths = starts.diff()
        self.uniform = bool((self.lengths == self.lengths[0]).all())
        self.extents = None if self.uniform else self.lengths
        self.device = codes.device
        self.nbytes = codes.nbytes + 2 * starts.nbytes

    def __len__(self) -> int:
        return len(self.lengths)

    def to(self, device: torch.device) -> TokenSamples:
        """The same samples on `device`."""
        return TokenSamples(self.codes.to(device), self.starts.to(device))

    def __getitem__(self, index: Tensor) -> TokenBatch:
        if self.uniform:
            return TokenBatch(self.codes.view(len(self), -1).index_select(0, index), None)
        lengths = self.lengths.index_select(0, index)
        place = torch.arange(int(lengths.max()), device=self.device)
        position = self.starts.index_select(0, index)[:, None] + place  # beyond a sequence's end: of some other
        codes = self.codes.index_select(0, position.clamp(max=len(self.codes) - 1).flatten())
        return TokenBatch(codes.view(position.shape), lengths)


class Mutation(Stochastic):
    """Put, at a share of the places, a token that is drawn from the same sequence, while training."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, batch: TokenBatch) -> Tensor:
        """Return codes of shape (batch, length)."""
        codes = batch.codes
        if not self.training or self.share == 0.0:
            return codes
        shape = (2, *codes.shape)
        chance, place = torch.rand(shape, dtype=torch.float32, device=codes.device, generator=self.generator)
        length = codes.shape[1] if batch.lengths is None else batch.lengths[:, None]
        return torch.where(chance < self.share, codes.gather(1, (place * length).long()), codes)


class TokenBody(AttentionBody):
    """The encoder of a transformer: vectors of tokens and of their places, blocks of attention, one row of features.

    Parameters
    ----------
    rows : Tensor of shape (n_codes, n_letters)
        What the codes stand for: shares of letters.
    max_length : int
        The greatest length that learned places can take.
    width, k, n_layers, n_heads, position, pooling, dropout, mutation
        As in `AttentionClassifier`.
    """

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
        self.table = nn.Parameter(torch.empty(width, rows.shape[1], k))
        nn.init.normal_(self.table, std=k**-0.5)
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

    def forward(self, batch: TokenBatch, maps: list[Tensor] | None = None) -> Tensor:
        """Return features of shape (batch, width)."""
        x: Tensor = self.position(self._vectors(self.mutation(batch), batch.lengths))  # (batch, length, width)
        sizes = batch.lengths
        if self.cls is not None:
            x = torch.cat([self.cls.expand(len(x), 1, -1), x], dim=1)
            sizes = None if sizes is None else sizes + 1
        mask = None if sizes is None else torch.arange(x.shape[1], device=x.device) < sizes[:, None]  # (batch, length)
        for number, block in enumerate(self.blocks, start=1):
            all_ask = self.cls is None or maps is not None or number < len(self.blocks)
            x = block(x, mask, maps, None if all_ask else 1)
        x = self.norm(x)
        if self.cls is not None:
            return x[:, 0]
        return x.mean(dim=1) if mask is None else (x * mask[:, :, None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)

    def _vectors(self, codes: Tensor, lengths: Tensor | None) -> Tensor:
        """The sum of the vectors of a letter and its neighbours, each for its place among them."""
        letters = self.rows.index_select(0, codes.flatten().int()).view(*codes.shape, -1)  # (batch, length, n_letters)
        if lengths is not None:
            letters = letters * (torch.arange(codes.shape[1], device=codes.device) < lengths[:, None])[:, :, None]
        return convolve(letters.transpose(1, 2), self.table).transpose(1, 2)

    def attention(self, batch: TokenBatch) -> list[Tensor]:
        """Return the weights of each layer, shape (batch, head, query, key)."""
        maps: list[Tensor] = []
        self(batch, maps)
        return maps


class Tokens(Mind):
    """Attention among the tokens of strings; the parameters are those of `AttentionClassifier`."""

    reads_tables = False

    def __init__(self, *, alphabet: str, unknown: Unknown, position: Position) -> None:
        self.alphabet, self.unknown, self.position = alphabet, unknown, position
        self.max_length = 0
        self.has_cls = False

    @property
    def auto(self) -> dict[str, Any]:
        """What ``"auto"`` stands for."""
        return {"n_layers": 1, "dropout": 0.3, "max_epochs": 40, "batch_size": 32}

    def read(self, X: Any, *, reset: bool, names: list[str] | None, dtype: torch.dtype) -> TokenSamples:
        """Strings as codes of their letters."""
        if reset and self.alphabet == "auto":
            self.alphabet = guess_alphabet(X)
        codes, starts = find_alphabet(self.alphabet).encode(X, self.unknown)
        lengths = np.diff(starts)
        if reset:
            self.max_length = int(lengths.max())
        elif self.position == "learned" and lengths.max() > self.max_length:
            index = int(np.argmax(lengths > self.max_length))
            raise ValueError(
                f"sequence {index} has {lengths[index]} letters, the longest in fit had {self.max_length}: with "
                "position='learned' there are no more, position='sinusoidal' and 'rotary' take any number"
            )
        return TokenSamples(torch.from_numpy(codes), torch.from_numpy(starts))

    def build(  # type: ignore[override]
        self,
        examples: training.Examples,
        *,
        n_components: int,
        k: int,
        n_layers: int,
        n_heads: int,
        pooling: TokenPooling,
        dropout: float,
        mutation: float,
    ) -> tuple[TokenBody, int]:
        """Return a new encoder and its width."""
        body = TokenBody(
            torch.from_numpy(find_alphabet(self.alphabet).rows),
            self.max_length,
            n_components,
            k=k,
            n_layers=n_layers,
            n_heads=n_heads,
            position=self.position,
            pooling=pooling,
            dropout=dropout,
            mutation=mutation,
        )
        self.has_cls = pooling == "cls"
        return body, n_components

    def token_names(self, samples: Any) -> list[list[str]]:
        """The letters of each sequence, after ``"CLS"`` where that is what is read out."""
        symbols = np.array(list(find_alphabet(self.alphabet).symbols))
        letters = symbols[samples.codes.numpy(force=True)].tolist()
        first = ["CLS"] if self.has_cls else []
        return [[*first, *letters[begin:end]] for begin, end in pairwise(samples.starts.tolist())]
