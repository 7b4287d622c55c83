"""Texts: sequences of tokens, which are the k-mers of a string or the entries of a list."""

from __future__ import annotations

from itertools import chain
from string import ascii_lowercase, ascii_uppercase
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch

from sklearn_ann.reading.alphabets import likely_alphabet
from sklearn_ann.reading.kinds import as_strings, column_names, entries, holds_strings, is_letters, is_list, is_text
from sklearn_ann.reading.reader import Reader
from sklearn_ann.training import Rows

_CAPITALS = str.maketrans(ascii_lowercase, ascii_uppercase)
_SPELLINGS = {
    "dna": _CAPITALS | str.maketrans("Uu", "TT"),
    "rna": _CAPITALS | str.maketrans("Tt", "UU"),
    "protein": _CAPITALS,
}
_ROW = 128  # maximum number of tokens in a row


class Texts(NamedTuple):
    """Sequences of tokens, concatenated."""

    words: list[str]  # the distinct tokens
    ids: np.ndarray  # (total_length,), indices into `words`
    starts: np.ndarray  # (n_sequences + 1,), where each sequence starts in `ids`


def spelled(string: str, alphabet: str | None) -> str:
    """Return DNA, RNA and proteins in capitals, U in DNA as T, and T in RNA as U; other texts as they are."""
    return string if alphabet is None else string.translate(_SPELLINGS[alphabet])


def tokenize(X: Any, k: int, *, alphabet: str | None = None) -> Texts:
    """Split strings into their overlapping k-mers; lists of strings are tokens already.

    Strings are read as `spelled` does.

    Raises
    ------
    TypeError
        If `X` mixes strings and lists, or has a token that is not a string.
    ValueError
        If a sequence is empty, or if `k` is greater than 1 and the sequences are lists of anything but letters.
    """
    lists = _lists_in(X)
    letters = lists is not None and (k > 1 or alphabet is not None) and all(map(is_letters, lists))
    if lists is None or letters:
        strings = as_strings(X if lists is None else lists)
        return _words_of_strings([spelled(string, alphabet) for string in strings], k)
    if k > 1:
        raise ValueError(
            f"k={k} is for strings, but sequence 0 is a {type(lists[0]).__name__} of tokens: expected k=1, or letters"
        )
    return _words_of_lists(lists)


def _lists_in(X: Any) -> list[Any] | None:
    """Return the samples if they are lists of tokens, else None."""
    if is_text(X):
        return None
    samples = list(X) if isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] > 1 else entries(X)
    return samples if samples and is_list(samples[0]) else None


def _words_of_lists(X: Any) -> Texts:
    for index, tokens in enumerate(X):
        if not isinstance(tokens, list | tuple | np.ndarray):
            raise TypeError(f"sequence {index} is {tokens!r} of type {type(tokens).__name__}: expected a list")
        if len(tokens) == 0:
            raise ValueError(f"sequence {index} is empty")
        for token in tokens:
            if not isinstance(token, str):
                raise TypeError(
                    f"sequence {index} has the token {token!r} of type {type(token).__name__}: expected a str"
                )
    place: dict[str, int] = {}
    ids = [place.setdefault(token, len(place)) for token in chain.from_iterable(X)]
    return Texts([str(word) for word in place], np.array(ids), np.cumsum([0, *map(len, X)]))


def _words_of_strings(strings: list[str], k: int) -> Texts:
    text = "".join(strings)
    characters = np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype="<u4")
    lengths = np.array([len(string) for string in strings])
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(text))  # letters from here to the end of the sequence
    letters, code = np.unique(characters, return_inverse=True)
    word, n_words = code, len(letters)
    for shift in range(1, min(k, len(text) + 1)):
        if n_words * len(letters) > 2**62:  # renumber, so that the codes of longer words fit in 64 bits
            seen, word = np.unique(word, return_inverse=True)
            n_words = len(seen)
        word, n_words = word[:-1] * len(letters) + code[shift:], n_words * len(letters)
    begin = np.flatnonzero(left >= k)
    _, first, ids = np.unique(word[begin], return_index=True, return_inverse=True)
    words = [text[place : place + k] for place in begin[first].tolist()]
    return Texts(words, ids, np.cumsum([0, *np.maximum(lengths - k + 1, 0)]))


def in_vocabulary(texts: Texts, vocabulary: dict[str, int]) -> np.ndarray:
    """Return the code of each token, shape (total_length,); -1 outside the vocabulary."""
    of_word = np.array([vocabulary.get(word, -1) for word in texts.words], dtype=np.int64)
    codes: np.ndarray = of_word[texts.ids]
    return codes


def text_rows(codes: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Lay out texts in rows of equal length, at most 128 tokens; only the last row may need padding.

    Returns
    -------
    int32 array of shape (n_rows, length, 2)
        The code of each token, and the number of its sequence, counted from the first sequence of the row. Tokens
        outside the vocabulary are left out. The number -1 marks padding.
    """
    sequence = np.repeat(np.arange(len(starts) - 1), np.diff(starts))[codes >= 0]
    codes = codes[codes >= 0]
    n_rows = max(-(-len(codes) // _ROW), 1)
    length = max(-(-len(codes) // n_rows), 1)
    rows = np.zeros((n_rows, length, 2), dtype=np.int32)
    flat = rows.reshape(-1, 2)
    flat[: len(codes), 0] = codes
    flat[: len(codes), 1] = sequence
    rows[..., 1] -= rows[:, :1, 1]
    flat[len(codes) :, 1] = -1
    return rows


def count(codes: np.ndarray, starts: np.ndarray, n_tokens: int) -> sp.csr_array:
    """Count the occurrences of each token in each sequence; return shape (n_sequences, n_tokens)."""
    sequence = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    known = codes >= 0
    ones = np.ones(int(known.sum()), dtype=np.int64)
    counts: sp.csr_array = sp.coo_array(
        (ones, (sequence[known], codes[known])), shape=(len(starts) - 1, n_tokens)
    ).tocsr()
    return counts


def inverse_document_frequency(counts: sp.csr_array) -> np.ndarray:
    """Return ``1 + log((1 + n) / (1 + d))``, as in scikit-learn: ``d`` of the ``n`` sequences contain a token."""
    n_with = np.bincount(counts.indices, minlength=counts.shape[1])
    weight: np.ndarray = 1 + np.log((1 + counts.shape[0]) / (1 + n_with))
    return weight


class TextReader(Reader[Rows]):
    """Reads texts as rows of codes.

    Parameters
    ----------
    k : int
        Number of letters in a token of a string.
    min_count : int
        Minimum number of occurrences of a token in the vocabulary.

    Attributes
    ----------
    alphabet_name : str or None
        ``"dna"``, ``"rna"`` or ``"protein"`` for strings of such letters, which are read as `spelled` does; else None.
    vocabulary : dict of str to int
        Code of each token, in alphabetical order.
    counts : array of shape (n_tokens,)
        Number of occurrences of each token in the fit.
    idf : array of shape (n_tokens,)
        Inverse document frequency of each token.
    """

    alphabet_name: str | None
    vocabulary: dict[str, int]
    counts: np.ndarray
    idf: np.ndarray

    def __init__(self, *, owner: str, dtype: torch.dtype, k: int, min_count: int) -> None:
        super().__init__(owner=owner, dtype=dtype)
        self.k, self.min_count = k, min_count

    def learn(self, X: Any, y: Any = None) -> Rows:
        """Learn the vocabulary."""
        self.alphabet_name = None if _lists_in(X) is not None and self.k == 1 else self._alphabet_of(X)
        texts = self._tokenized(X)
        counts = np.bincount(texts.ids, minlength=len(texts.words))
        frequent = sorted(word for word, n in zip(texts.words, counts, strict=True) if n >= self.min_count)
        if not frequent:
            raise ValueError(
                f"X has no token of k={self.k} letters that occurs min_count={self.min_count} times or more"
            )
        self.vocabulary = {word: code for code, word in enumerate(frequent)}
        column_names(self.columns, X, learn=True)
        codes = in_vocabulary(texts, self.vocabulary)
        in_sequences = count(codes, texts.starts, len(frequent))
        self.counts = np.asarray(in_sequences.sum(axis=0))
        self.idf = inverse_document_frequency(in_sequences)
        return Rows(torch.from_numpy(text_rows(codes, texts.starts)))

    def read(self, X: Any, y: Any = None) -> Rows:
        """Return rows of codes; tokens outside the vocabulary are left out."""
        codes, texts = self.codes(X)
        return Rows(torch.from_numpy(text_rows(codes, texts.starts)))

    def codes(self, X: Any) -> tuple[np.ndarray, Texts]:
        """Return the code of each token, -1 outside the vocabulary, and the tokenised texts."""
        column_names(self.columns, X, learn=False)
        texts = self._tokenized(X)
        return in_vocabulary(texts, self.vocabulary), texts

    @staticmethod
    def _alphabet_of(X: Any) -> str | None:
        return likely_alphabet(as_strings(X)) if holds_strings(X) else None

    def _tokenized(self, X: Any) -> Texts:
        return tokenize(X, self.k, alphabet=self.alphabet_name)

    @property
    def attributes(self) -> dict[str, Any]:
        """Columns, alphabet and vocabulary."""
        return super().attributes | {"alphabet_": self.alphabet_name, "vocabulary_": dict(self.vocabulary)}
