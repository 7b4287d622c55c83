"""Texts as numbers: tokens of strings and of lists, rows of tokens for the network, pooled vectors."""

from __future__ import annotations

from itertools import chain
from typing import Any, Literal, NamedTuple

import numpy as np
import scipy.sparse as sp

from sklearn_ann.preprocessing.alphabets import as_strings

Pooling = Literal["mean", "max", "tfidf"]

_ROW = 128  # tokens in a row, at most
_CHUNK = 1024  # sequences whose greatest values are taken at a time


class Texts(NamedTuple):
    """Sequences of tokens, one after the other."""

    words: list[str]  # those that there are, each once
    ids: np.ndarray  # (n_tokens,), places in `words`
    starts: np.ndarray  # (n_sequences + 1,), where each sequence begins


def tokenize(X: Any, k: int) -> Texts:
    """Split strings into their overlapping words of `k` letters; lists of strings are split already.

    Raises
    ------
    TypeError
        If `X` has anything but strings, or anything but lists of strings.
    ValueError
        If a sequence is empty, or if `k` is above 1 and the sequences are lists.
    """
    if hasattr(X, "to_numpy"):  # a series, or a frame
        X = X.to_numpy()
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] == 1:
        X = X[:, 0]
    if isinstance(X, list | tuple | np.ndarray) and len(X) and isinstance(X[0], list | tuple | np.ndarray):
        if k > 1:
            raise ValueError(f"k={k} is for strings, but sequence 0 is a {type(X[0]).__name__} of tokens: set k=1")
        return _words_of_lists(X)
    return _words_of_strings(as_strings(X), k)


def _words_of_lists(X: Any) -> Texts:
    for index, tokens in enumerate(X):
        if not isinstance(tokens, list | tuple | np.ndarray):
            raise TypeError(f"sequence {index} is {tokens!r} of type {type(tokens).__name__}: a list was expected")
        if len(tokens) == 0:
            raise ValueError(f"sequence {index} is empty")
        for token in tokens:
            if not isinstance(token, str):
                raise TypeError(
                    f"sequence {index} has the token {token!r} of type {type(token).__name__}: a str was expected"
                )
    place: dict[str, int] = {}
    ids = [place.setdefault(token, len(place)) for token in chain.from_iterable(X)]
    return Texts([str(word) for word in place], np.array(ids), np.cumsum([0, *map(len, X)]))


def _words_of_strings(strings: list[str], k: int) -> Texts:
    text = "".join(strings)
    characters = np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype="<u4")
    lengths = np.array([len(string) for string in strings])
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(text))  # letters to the end of the sequence
    letters, code = np.unique(characters, return_inverse=True)
    word, n_words = code, len(letters)
    for shift in range(1, min(k, len(text) + 1)):
        if n_words * len(letters) > 2**62:  # counted anew, so that the number of a word fits in 64 bits
            seen, word = np.unique(word, return_inverse=True)
            n_words = len(seen)
        word, n_words = word[:-1] * len(letters) + code[shift:], n_words * len(letters)
    begin = np.flatnonzero(left >= k)
    _, first, ids = np.unique(word[begin], return_index=True, return_inverse=True)
    words = [text[place : place + k] for place in begin[first].tolist()]
    return Texts(words, ids, np.cumsum([0, *np.maximum(lengths - k + 1, 0)]))


def in_vocabulary(texts: Texts, vocabulary: dict[str, int]) -> np.ndarray:
    """Codes of the tokens, shape (n_tokens,); -1 for those that the vocabulary does not have."""
    of_word = np.array([vocabulary.get(word, -1) for word in texts.words], dtype=np.int64)
    codes: np.ndarray = of_word[texts.ids]
    return codes


def text_rows(codes: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Lay texts out in rows of at most 128 tokens, a table that is filled as evenly as it can be.

    Returns
    -------
    int32 array of shape (n_rows, length, 2)
        The code of each token, and the number in its row of the sequence that it is from. Tokens that the vocabulary
        does not have are left out; the last row is filled up with the number -1.
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
    """How often each token is in each sequence, shape (n_sequences, n_tokens)."""
    sequence = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    known = codes >= 0
    ones = np.ones(int(known.sum()), dtype=np.int64)
    counts: sp.csr_array = sp.coo_array(
        (ones, (sequence[known], codes[known])), shape=(len(starts) - 1, n_tokens)
    ).tocsr()
    return counts


def inverse_document_frequency(counts: sp.csr_array) -> np.ndarray:
    """``1 + log((1 + n) / (1 + d))`` of each token, which is in ``d`` of ``n`` sequences, as scikit-learn has it."""
    n_with = np.bincount(counts.indices, minlength=counts.shape[1])
    weight: np.ndarray = 1 + np.log((1 + counts.shape[0]) / (1 + n_with))
    return weight


def pool(counts: sp.csr_array, table: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """Mean of the vectors of each sequence's tokens, weighted; zeros for a sequence without any."""
    weighted = counts.astype(table.dtype)
    if weight is not None:
        weighted = weighted * weight.astype(table.dtype)
        weighted = weighted.tocsr()
    total = np.asarray(weighted.sum(axis=1))
    mean: np.ndarray = (weighted @ table) / np.where(total > 0, total, 1)[:, None]
    return mean


def pool_greatest(counts: sp.csr_array, table: np.ndarray) -> np.ndarray:
    """Greatest value in each column over the vectors of each sequence's tokens; zeros for a sequence without any."""
    pooled = np.zeros((counts.shape[0], table.shape[1]), dtype=table.dtype)
    filled = np.flatnonzero(np.diff(counts.indptr))
    for rows in np.array_split(filled, -(-len(filled) // _CHUNK)) if len(filled) else []:
        part = counts[rows]
        pooled[rows] = np.maximum.reduceat(table[part.indices], part.indptr[:-1], axis=0)
    return pooled
