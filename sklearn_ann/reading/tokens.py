"""Sequences of tokens over a vocabulary that is learned in ``fit``: letters of strings, words, or given tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sklearn_ann.reading.kinds import as_strings, column_names, entries, is_list, is_text
from sklearn_ann.reading.reader import Learned, Reader
from sklearn_ann.reading.texts import Texts, in_vocabulary, tokenize
from sklearn_ann.training import Rows, Samples

Tokenizer = Callable[[str], list[str]]
UnknownToken = Literal["error", "token"]


class TokenBatch(NamedTuple):
    """Sequences of codes; arbitrary codes pad shorter ones at the end."""

    codes: Tensor  # (batch, length)
    lengths: Tensor | None  # (batch,); None if all sequences fill the tensor


class TokenSamples(Samples):
    """Sequences of codes, concatenated.

    Parameters
    ----------
    codes : int64 Tensor of shape (total_length,)
    starts : int64 Tensor of shape (n_samples + 1,)
        Where each sequence starts in `codes`; the last entry is the total length.
    extents : int64 Tensor of shape (n_samples,) or None
        What samples of a batch should have in common; None for their lengths.
    """

    multiple = Rows.multiple

    def __init__(self, codes: Tensor, starts: Tensor, extents: Tensor | None = None) -> None:
        self.codes, self.starts = codes, starts
        self.lengths = starts.diff()
        self.extents = self.lengths if extents is None else extents
        self.device = codes.device
        self.nbytes = codes.nbytes + 3 * starts.nbytes

    def __len__(self) -> int:
        return len(self.lengths)

    def to(self, device: torch.device) -> TokenSamples:
        """Return the same samples on `device`."""
        assert self.extents is not None
        return TokenSamples(self.codes.to(device), self.starts.to(device), self.extents.to(device))

    def alike(self, others: Tensor) -> TokenSamples:
        """Return the same samples; batches of them have similar lengths, then similar `others`, (n_samples,)."""
        return TokenSamples(self.codes, self.starts, self.lengths * (int(others.max()) + 1) + others)

    def __getitem__(self, index: Tensor) -> TokenBatch:
        lengths = self.lengths.index_select(0, index)
        least, most = (int(bound) for bound in lengths.aminmax())
        return self.filled(index, most, None if least == most else lengths)

    def filled(self, index: Tensor, length: int, lengths: Tensor | None) -> TokenBatch:
        """Return a batch whose tensor is `length` wide."""
        place = torch.arange(length, device=self.device)
        position = self.starts.index_select(0, index)[:, None] + place  # padding: tokens of the next sequences
        codes = self.codes.index_select(0, position.clamp(max=len(self.codes) - 1).flatten())
        return TokenBatch(codes.view(position.shape), lengths)


class Vocabulary(Learned):
    """The tokens of a fit and their codes.

    Parameters
    ----------
    what : str
        What the sequences are called in messages.
    tokenizer : callable or None
        Splits a string into tokens; None takes its letters. Lists are tokens already.
    unknown : {"error", "token"}
        Whether to refuse tokens outside the vocabulary, or to read all as one token that is the last.

    Attributes
    ----------
    codes : dict of str to int
        Code of each token, in alphabetical order from `first` on.
    strings : bool
        Whether the sequences in the fit were strings.
    """

    codes: dict[str, int]
    strings: bool

    def __init__(
        self,
        *,
        owner: str,
        dtype: torch.dtype,
        what: str = "X",
        tokenizer: Tokenizer | None = None,
        unknown: UnknownToken = "error",
        first: int = 0,
    ) -> None:
        super().__init__(owner=owner, dtype=dtype)
        self.what, self.tokenizer, self.unknown, self.first = what, tokenizer, unknown, first

    def learn(self, sequences: Any) -> tuple[np.ndarray, np.ndarray]:
        """Learn the tokens; return the codes of all, (total_length,), and where each sequence starts."""
        texts = self._tokenized(sequences)
        samples = entries(sequences)
        self.strings = bool(samples) and is_text(samples[0])  # type: ignore[index]  # not empty
        self.codes = {word: code for code, word in enumerate(sorted(texts.words), start=self.first)}
        return in_vocabulary(texts, self.codes), texts.starts

    def read(self, sequences: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return codes and starts of sequences over the same tokens.

        Raises
        ------
        ValueError
            If a token is not in the vocabulary, naming it and its sequence, unless `unknown` allows it.
        """
        texts = self._tokenized(sequences)
        codes = in_vocabulary(texts, self.codes)
        strange = codes < 0
        if strange.any():
            if self.unknown == "error":
                place = int(strange.argmax())
                sample = int(np.searchsorted(texts.starts, place, side="right")) - 1
                others = len(np.unique(texts.ids[strange])) - 1
                raise ValueError(
                    f"{self.what}: sequence {sample} has the token {texts.words[texts.ids[place]]!r}, which was not in "
                    f"fit{f', and X has {others} more such tokens' if others and self.what == 'X' else ''}"
                    + ("; unknown='token' reads such tokens as one unknown token" if self.what == "X" else "")
                )
            codes[strange] = self.first + len(self.codes)
        return codes, texts.starts

    def _tokenized(self, sequences: Any) -> Texts:
        samples = entries(sequences)
        if self.what != "X" and not is_text(sequences) and samples is None:
            shape = f" of shape {sequences.shape}" if hasattr(sequences, "shape") else ""
            raise TypeError(
                f"{self.what} must be a list of strings or of lists of tokens, got a {type(sequences).__name__}{shape}"
            )
        for index, sample in enumerate(samples or []):
            if is_list(sample) and is_text(samples[0]):  # type: ignore[index]  # not empty
                raise TypeError(
                    f"{self.what}: sequence {index} is a {type(sample).__name__} and sequence 0 is a string: expected "
                    "strings alone, or lists of tokens alone"
                )
            if isinstance(sample, set | frozenset):
                raise TypeError(
                    f"{self.what}: sequence {index} is a {type(sample).__name__}: several valid targets of one sample "
                    "are for score alone; in fit give one of them, or repeat the sample"
                )
        try:
            if self.tokenizer is not None and samples and not is_list(samples[0]):
                return tokenize([self._split(string, i) for i, string in enumerate(as_strings(sequences))], 1)
            return tokenize(sequences, 1)
        except (TypeError, ValueError) as error:
            if self.what == "X":
                raise
            raise type(error)(f"{self.what}: {error}".replace("X must be", "it must be")) from error

    def _split(self, string: str, index: int) -> list[str]:
        assert self.tokenizer is not None
        tokens = self.tokenizer(string)
        if not isinstance(tokens, list | tuple) or not tokens:
            raise ValueError(
                f"sequence {index} is {string!r}, of which the tokenizer made {tokens!r}: expected a list of tokens, "
                "one or more"
            )
        return list(tokens)

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def words(self) -> list[str]:
        """The tokens in the order of their codes."""
        return list(self.codes)

    def texts(self, samples: TokenSamples, unknown: str = "?") -> list[list[str]]:
        """Return the tokens of encoded samples."""
        names = np.array([""] * self.first + [*self.words, unknown], dtype=object)
        parts = np.split(names[samples.codes.numpy(force=True)], samples.starts[1:-1].numpy(force=True))
        return [part.tolist() for part in parts]


class TokenReader(Reader[TokenSamples]):
    """Reads strings or lists as sequences of tokens.

    Parameters
    ----------
    tokenizer : callable or None
    unknown : {"error", "token"}
        See `Vocabulary`.

    Attributes
    ----------
    vocabulary : Vocabulary
    """

    def __init__(
        self, *, owner: str, dtype: torch.dtype, tokenizer: Tokenizer | None = None, unknown: UnknownToken = "error"
    ) -> None:
        super().__init__(owner=owner, dtype=dtype)
        self.vocabulary = Vocabulary(owner=owner, dtype=dtype, tokenizer=tokenizer, unknown=unknown)

    def learn(self, X: Any, y: Any = None) -> TokenSamples:
        """Learn the vocabulary."""
        codes, starts = self.vocabulary.learn(X)
        column_names(self.columns, X, learn=True)
        return TokenSamples(torch.from_numpy(codes), torch.from_numpy(starts))

    def read(self, X: Any, y: Any = None) -> TokenSamples:
        """Return sequences over the same vocabulary."""
        column_names(self.columns, X, learn=False)
        codes, starts = self.vocabulary.read(X)
        return TokenSamples(torch.from_numpy(codes), torch.from_numpy(starts))

    @property
    def attributes(self) -> dict[str, Any]:
        """Columns and vocabulary."""
        return super().attributes | {"vocabulary_": dict(self.vocabulary.codes)}
