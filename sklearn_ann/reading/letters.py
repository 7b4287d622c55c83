"""Sequences of letters, such as DNA, RNA and proteins, of equal or different lengths."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from sklearn_ann.reading.alphabets import Alphabet, Unknown, find_alphabet, guess_alphabet
from sklearn_ann.reading.kinds import as_strings, column_names
from sklearn_ann.reading.reader import Reader
from sklearn_ann.training import Rows, Samples


class LetterBatch(NamedTuple):
    """Sequences of codes; arbitrary codes pad shorter ones at the end."""

    codes: Tensor  # (batch, length)
    lengths: Tensor | None  # (batch,); None if all sequences fill the tensor


class LetterSamples(Samples):
    """Sequences of codes, concatenated.

    Parameters
    ----------
    codes : uint8 Tensor of shape (total_length,)
    starts : int64 Tensor of shape (n_samples + 1,)
        Where each sequence starts in `codes`; the last entry is the total length.
    """

    multiple = Rows.multiple

    def __init__(self, codes: Tensor, starts: Tensor) -> None:
        self.codes, self.starts = codes, starts
        self.lengths = starts.diff()
        self.uniform = bool((self.lengths == self.lengths[0]).all())
        self.extents = None if self.uniform else self.lengths
        self.one_shape = self.uniform
        self.device = codes.device
        self.nbytes = codes.nbytes + 2 * starts.nbytes

    def __len__(self) -> int:
        return len(self.lengths)

    def to(self, device: torch.device) -> LetterSamples:
        """Return the same samples on `device`."""
        return LetterSamples(self.codes.to(device), self.starts.to(device))

    def __getitem__(self, index: Tensor) -> LetterBatch:
        if self.uniform:
            return LetterBatch(self.codes.view(len(self), -1).index_select(0, index), None)
        lengths = self.lengths.index_select(0, index)
        place = torch.arange(int(lengths.max()), device=self.device)
        position = self.starts.index_select(0, index)[:, None] + place  # padding: letters of the next sequences
        codes = self.codes.index_select(0, position.clamp(max=len(self.codes) - 1).flatten())
        return LetterBatch(codes.view(position.shape), lengths)


class LetterReader(Reader[LetterSamples]):
    """Reads strings as sequences of codes.

    Parameters
    ----------
    alphabet : {"auto", "dna", "rna", "protein"} or str
    unknown : {"error", "ambiguous"}
        See `Alphabet.encode`.
    longest : bool
        Whether to refuse later sequences that are longer than the longest one in the fit.

    Attributes
    ----------
    alphabet_name : str
        ``"dna"``, ``"rna"``, ``"protein"``, or the letters themselves.
    max_length : int
        Length of the longest sequence in the fit.
    """

    alphabet_name: str
    max_length: int

    def __init__(
        self, *, owner: str, dtype: torch.dtype, alphabet: str, unknown: Unknown, longest: bool = False
    ) -> None:
        super().__init__(owner=owner, dtype=dtype)
        self.given_alphabet, self.unknown, self.longest = alphabet, unknown, longest

    def learn(self, X: Any, y: Any = None) -> LetterSamples:
        """Learn the alphabet and the maximum length."""
        self.alphabet_name = guess_alphabet(X) if self.given_alphabet == "auto" else self.given_alphabet
        samples = self._encoded(X)
        self.max_length = int(samples.lengths.max())
        column_names(self.columns, X, learn=True)
        return samples

    def read(self, X: Any, y: Any = None) -> LetterSamples:
        """Return sequences over the same alphabet."""
        column_names(self.columns, X, learn=False)
        return self._not_too_long(self._encoded(X))

    def read_masked(self, X: Any, mask: str) -> LetterSamples:
        """Return sequences in which the letter `mask` has the code ``len(alphabet.symbols)``, one more than all others.

        Parameters
        ----------
        X : list, array or Series of str
        mask : str
            A single letter that is not in the alphabet.
        """
        column_names(self.columns, X, learn=False)
        strings = as_strings(X)
        samples = self._not_too_long(
            self._encoded([string.replace(mask, self.alphabet.letters[0]) for string in strings])
        )
        letters = np.frombuffer("".join(strings).encode("utf-32-le", errors="surrogatepass"), dtype="<u4")
        masked = torch.from_numpy(letters == ord(mask))
        return LetterSamples(samples.codes.masked_fill(masked, len(self.alphabet.symbols)), samples.starts)

    def _not_too_long(self, samples: LetterSamples) -> LetterSamples:
        if self.longest and samples.lengths.max() > self.max_length:
            index = int((samples.lengths > self.max_length).nonzero()[0])
            raise ValueError(
                f"sequence {index} has {samples.lengths[index]} letters, but the longest sequence in fit had "
                f"{self.max_length}: position='learned' does not extend to longer ones; position='sinusoidal' and "
                "'rotary' do"
            )
        return samples

    def _encoded(self, X: Any) -> LetterSamples:
        codes, starts = self.alphabet.encode(X, self.unknown)
        return LetterSamples(torch.from_numpy(codes), torch.from_numpy(starts))

    @property
    def alphabet(self) -> Alphabet:
        """The alphabet of the fit."""
        return find_alphabet(self.alphabet_name)

    @property
    def attributes(self) -> dict[str, Any]:
        """Columns, the alphabet and its letters."""
        return super().attributes | {"alphabet_": self.alphabet_name, "letters_": self.alphabet.letters}

    def letters_of(self, samples: LetterSamples) -> list[list[str]]:
        """Return the letters of each sequence."""
        symbols = np.array(list(self.alphabet.symbols))
        letters = symbols[samples.codes.numpy(force=True)]
        return [part.tolist() for part in np.split(letters, samples.starts[1:-1].numpy(force=True))]
