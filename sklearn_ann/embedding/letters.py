"""Vectors of k-mers as sums over their letters: how other networks begin from them."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from sklearn_ann.reading.alphabets import Alphabet


def letters_of_words(words: list[str], alphabet: Alphabet, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which words have k letters of the alphabet, and of these the shares of letters at each place.

    Returns
    -------
    is_known : bool array of shape (n_words,)
    shares : array of shape (n_known, k * n_letters)
        One-hot rows of the letters, side by side; ambiguous letters have shares of several.
    """
    is_known = np.array([len(word) == k and set(word) <= set(alphabet.symbols) for word in words])
    codes, _ = alphabet.encode([word for word, known in zip(words, is_known, strict=True) if known])
    return is_known, alphabet.rows[codes].reshape(int(is_known.sum()), -1).astype(np.float64)


def additive(shares: np.ndarray, vectors: np.ndarray, counts: np.ndarray) -> np.ndarray:
    r"""Return the vectors of letters whose sums are nearest to those of words.

    .. math:: \min_E \sum_w n_w \|u_w - \sum_j E_{j, w_j}\|^2

    Of several solutions this is the smallest. For words of one letter the sums are the vectors themselves.

    Parameters
    ----------
    shares : array of shape (n_words, k * n_letters)
    vectors : array of shape (n_words, width)
    counts : array of shape (n_words,)

    Returns
    -------
    array of shape (k * n_letters, width)
    """
    root = np.sqrt(counts)[:, None]
    found: np.ndarray = np.linalg.lstsq(root * shares, root * vectors, rcond=None)[0]
    return found


def letter_embedding(
    words: list[str], vectors: np.ndarray, counts: np.ndarray, alphabet: Alphabet, k: int
) -> nn.ParameterDict:
    """Return the vectors of letters at each place of a k-mer, as the first layer of a network that reads letters.

    They are centred and scaled, so that the components of the sums have mean 0 and variance 1 over the text, as those
    of a new network have. A letter that does not occur gets zeros, the mean.

    Parameters
    ----------
    words : list of str
    vectors : array of shape (n_words, width)
    counts : array of shape (n_words,)
        How often each word occurs.
    alphabet : Alphabet
    k : int
        Number of letters in a word.

    Returns
    -------
    nn.ParameterDict
        ``"embedding"``, of shape (width, n_letters, k).
    """
    is_known, shares = letters_of_words(words, alphabet, k)
    vectors, counts = vectors[is_known].astype(np.float64), counts[is_known].astype(np.float64)
    frequency = counts / counts.sum()
    letters = additive(shares, vectors - frequency @ vectors, counts)
    spread = np.sqrt(frequency @ ((shares @ letters) ** 2).mean(axis=1))
    letters = letters / spread if spread > 0 else letters
    weight = letters.reshape(k, len(alphabet), -1).transpose(2, 1, 0)
    return nn.ParameterDict({"embedding": nn.Parameter(torch.from_numpy(np.ascontiguousarray(weight)).float())})
