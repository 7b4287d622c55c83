"""Strings as sequences of tokens, letters or words of several, and a transformer's encoder that reads them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_ann import training
from sklearn_ann.attention.mind import AttentionBody, Mind
from sklearn_ann.layers import EncoderBlock, Position, PositionalEncoding, Stochastic
from sklearn_ann.preprocessing.alphabets import Alphabet, Unknown, find_alphabet, guess_alphabet

_MOST_WORDS = 10**6

TokenPooling = Literal["cls", "mean"]


def words(codes: np.ndarray, starts: np.ndarray, n_letters: int, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes of the overlapping words of `k` letters.

    Parameters
    ----------
    codes : int array of shape (n_letters_in_all,)
        Letters, one sequence after the other; those from `n_letters` on may be any.
    starts : int array of shape (n_sequences + 1,)

    Returns
    -------
    words : int32 array of shape (n_words_in_all,)
        Numbers in the base of `n_letters`, its power of `k` for a word that may be any: one with a letter that may,
        and the only one of a sequence that is shorter than `k`.
    starts : int array of shape (n_sequences + 1,)
    """
    any_word = n_letters**k
    n_words = np.maximum(np.diff(starts) - k + 1, 1)
    word_starts = np.cumsum([0, *n_words])
    begin = np.arange(word_starts[-1]) + np.repeat(starts[:-1] - word_starts[:-1], n_words)
    place = begin[:, None] + np.arange(k)  # (n_words_in_all, k)
    letters = codes[np.minimum(place, len(codes) - 1)].astype(np.int64)
    found = letters @ n_letters ** np.arange(k)[::-1]
    may_be_any = (letters >= n_letters).any(axis=1) | (place[:, -1] >= np.repeat(starts[1:], n_words))
    return np.where(may_be_any, any_word, found).astype(np.int32), word_starts


class TokenBatch(NamedTuple):
    """Sequences of tokens, the shorter ones filled up at their ends."""

    codes: Tensor  # (batch, length)
    lengths: Tensor | None  # (batch,); None where all sequences fill the tensor


class TokenSamples(training.Samples):
    """Sequences of tokens, one after the other.

    Parameters
    ----------
    codes : int32 Tensor of shape (n_tokens,)
    starts : int64 Tensor of shape (n_samples + 1,)
    """

    least_batch = training.Rows.least_batch

    def __init__(self, codes: Tensor, starts: Tensor) -> None:
        self.codes, self.starts = codes, starts
        self.lengths = starts.diff()
        self.uniform = bool((self.lengths == self.lengths[0]).all())
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

    def arranged(self, order: Tensor, n_batches: int) -> Sequence[Tensor]:
        """Put sequences of like length into the same batch, which leaves little to fill up."""
        return super().arranged(order, n_batches) if self.uniform else training.alike(order, self.lengths, n_batches)


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
        chance, place = torch.rand((2, *codes.shape), device=codes.device, generator=self.generator)
        length = codes.shape[1] if batch.lengths is None else batch.lengths[:, None]
        return torch.where(chance < self.share, codes.gather(1, (place * length).long()), codes)


class TokenBody(AttentionBody):
    """The encoder of a transformer: vectors of tokens and of their places, blocks of attention, one row of features.

    Parameters
    ----------
    n_words : int
        Different tokens; one more may be any of them and has the mean of their vectors.
    max_length : int
        The greatest length that learned places can take.
    width, n_layers, n_heads, position, pooling, dropout, mutation
        As in `AttentionClassifier`.
    """

    def __init__(
        self,
        n_words: int,
        max_length: int,
        width: int,
        *,
        n_layers: int,
        n_heads: int,
        position: Position,
        pooling: TokenPooling,
        dropout: float,
        mutation: float,
    ) -> None:
        super().__init__()
        self.mutation = Mutation(mutation)
        self.table = nn.Parameter(torch.empty(n_words, width))
        nn.init.normal_(self.table)
        self.position = PositionalEncoding(position, width, max_length)
        self.cls = nn.Parameter(torch.zeros(width)) if pooling == "cls" else None
        self.blocks = nn.ModuleList(
            EncoderBlock(width, n_heads, 2 * width, dropout=dropout, rotary=position == "rotary")
            for _ in range(n_layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, batch: TokenBatch, maps: list[Tensor] | None = None) -> Tensor:
        """Return features of shape (batch, width)."""
        table = torch.cat([self.table, self.table.mean(dim=0, keepdim=True)])
        codes = self.mutation(batch)
        x = table.index_select(0, codes.flatten()).view(*codes.shape, -1)  # (batch, length, width)
        x = self.position(x)
        if self.cls is not None:
            x = torch.cat([self.cls.expand(len(x), 1, -1), x], dim=1)
        sizes = self.sizes(batch)
        mask = None if sizes is None else torch.arange(x.shape[1], device=x.device) < sizes[:, None]  # (batch, length)
        for block in self.blocks:
            x = block(x, mask, maps)
        if self.cls is not None:
            features: Tensor = self.norm(x[:, 0])
            return features
        x = self.norm(x)
        return x.mean(dim=1) if sizes is None else (x * mask[:, :, None]).sum(dim=1) / sizes[:, None]  # type: ignore[index]

    def sizes(self, batch: TokenBatch) -> Tensor | None:
        """Number of tokens of each sample, that of the class counted."""
        return None if batch.lengths is None else batch.lengths + int(self.cls is not None)

    def attention(self, batch: TokenBatch) -> list[Tensor]:
        """Return the weights of each layer, shape (batch, head, query, key)."""
        maps: list[Tensor] = []
        self(batch, maps)
        return maps


class Tokens(Mind):
    """Attention among the tokens of strings; the parameters are those of `AttentionClassifier`."""

    reads_tables = False

    def __init__(self, *, alphabet: str, unknown: Unknown, k: int, position: Position) -> None:
        self.alphabet, self.unknown, self.k, self.position = alphabet, unknown, k, position
        self.max_length = 0

    @property
    def letters(self) -> Alphabet:
        """What `alphabet` names."""
        return find_alphabet(self.alphabet)

    def read(self, X: Any, *, reset: bool, names: list[str] | None, dtype: torch.dtype) -> TokenSamples:
        """Strings as codes of their letters or words."""
        if reset and self.alphabet == "auto":
            self.alphabet = guess_alphabet(X)
        alphabet = self.letters
        n_words = len(alphabet) ** self.k
        if n_words > _MOST_WORDS:
            raise ValueError(f"k={self.k} makes {n_words} different tokens of {len(alphabet)} letters, more than 10**6")
        codes, starts = words(*alphabet.encode(X, self.unknown), len(alphabet), self.k)
        lengths = np.diff(starts)
        if reset:
            self.max_length = int(lengths.max())
        elif self.position == "learned" and lengths.max() > self.max_length:
            index = int(np.argmax(lengths > self.max_length))
            raise ValueError(
                f"sequence {index} has {lengths[index]} tokens, the longest in fit had {self.max_length}: with "
                "position='learned' there is no more, position='sinusoidal' and 'rotary' take any length"
            )
        return TokenSamples(torch.from_numpy(codes), torch.from_numpy(starts))

    def build(
        self,
        examples: training.Examples,
        *,
        n_components: int,
        n_layers: int,
        n_heads: int,
        pooling: TokenPooling,
        dropout: float,
        mutation: float,
    ) -> tuple[TokenBody, int]:
        """Return a new encoder and its width."""
        body = TokenBody(
            len(self.letters) ** self.k,
            self.max_length,
            n_components,
            n_layers=n_layers,
            n_heads=n_heads,
            position=self.position,
            pooling=pooling,
            dropout=dropout,
            mutation=mutation,
        )
        self.has_cls = body.cls is not None
        return body, n_components

    def token_names(self, samples: Any) -> list[list[str]]:
        """The words of each sequence, after ``"CLS"`` where that is what is read; ``"?"`` for one that may be any."""
        letters = np.array(list(self.letters.letters))
        digits = len(letters) ** np.arange(self.k)[::-1]
        codes = samples.codes.numpy(force=True)
        text = letters[(codes[:, None] // digits) % len(letters)]  # (n_tokens, k)
        names = np.where(codes < len(letters) ** self.k, ["".join(word) for word in text], "?")
        starts = samples.starts.tolist()
        first = ["CLS"] if self.has_cls else []
        return [[*first, *names[begin:end].tolist()] for begin, end in pairwise(starts)]
