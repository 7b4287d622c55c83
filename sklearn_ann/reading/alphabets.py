"""Alphabets of biological sequences: letters become codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

Unknown = Literal["error", "ambiguous"]

# Ambiguous letters (Cornish-Bowden 1985 for nucleotides; IUPAC-IUB 1984 for amino acids).
_NUCLEOTIDES = {
    "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC", "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG",
    "N": "ACGT",
}  # fmt: skip
_AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
_COMPLEMENTS = dict(zip("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN", strict=True))


class Alphabet:
    """The letters of a kind of sequence.

    Lower-case letters are read as upper-case ones. An ambiguous IUPAC letter, such as N or R, stands for
    several letters and has the mean of their one-hot rows.

    Parameters
    ----------
    letters : str
        The unambiguous letters, in the order of the one-hot columns.
    ambiguous : dict of str to str
        The letters that each ambiguous letter stands for.
    complements : dict of str to str or None
        The complement of each letter; None if sequences have no opposite strand.

    Attributes
    ----------
    symbols : str
        All letters, the unambiguous ones first. The index of a letter is its code.
    rows : float32 array of shape (n_symbols, n_letters)
        One-hot row of each code.
    complement : int array of shape (n_symbols,) or None
        Code of each letter's complement.
    """

    def __init__(
        self, letters: str, ambiguous: dict[str, str] | None = None, complements: dict[str, str] | None = None
    ) -> None:
        ambiguous = ambiguous or {}
        self.letters = letters
        self.symbols = letters + "".join(ambiguous)
        place = {letter: code for code, letter in enumerate(letters)}
        self.rows = np.zeros((len(self.symbols), len(letters)), dtype=np.float32)
        for code, symbol in enumerate(self.symbols):
            members = ambiguous.get(symbol, symbol)
            self.rows[code, [place[letter] for letter in members]] = 1 / len(members)
        self.complement = (
            None if complements is None else np.array([self.symbols.index(complements[s]) for s in self.symbols])
        )
        self._codes = np.full(256, -1, dtype=np.int16)
        for code, symbol in enumerate(self.symbols):
            self._codes[[ord(symbol), ord(symbol.lower())]] = code

    def __len__(self) -> int:
        return len(self.letters)

    def encode(self, sequences: Any, unknown: Unknown = "error") -> tuple[np.ndarray, np.ndarray]:
        """Encode strings as codes.

        Parameters
        ----------
        sequences : list, array or Series of str
        unknown : {"error", "ambiguous"}
            How to treat letters outside the alphabet: raise an error, or read them as the letter for any letter.

        Returns
        -------
        codes : uint8 array of shape (total_length,)
            All sequences, concatenated.
        starts : int array of shape (n_sequences + 1,)
            Where each sequence starts in `codes`; the last entry is the total length.

        Raises
        ------
        TypeError
            If an item is not a string.
        ValueError
            If a sequence is empty or has an unknown letter. The message names the sequence and the position.
        """
        strings = as_strings(sequences)
        starts = np.cumsum([0, *map(len, strings)])
        # With a character that is not ASCII, the fixed width of UTF-32 keeps the positions. Entry 255 of `_codes` stays
        # -1, so larger characters are unknown too.
        text = "".join(strings)
        wide = not text.isascii()
        characters = np.frombuffer(
            text.encode("utf-32-le" if wide else "ascii", errors="surrogatepass"), dtype="<u4" if wide else np.uint8
        )
        codes = self._codes[np.minimum(characters, 255)]
        bad = np.flatnonzero(codes < 0)
        if len(bad) and unknown == "error":
            sequence = int(np.searchsorted(starts, bad[0], side="right")) - 1
            position = int(bad[0] - starts[sequence])
            raise ValueError(
                f"sequence {sequence} has the letter {strings[sequence][position]!r} at position {position}, but the "
                f"alphabet is {self.symbols}; unknown='ambiguous' reads such a letter as any of {self.letters}"
            )
        if len(bad):
            codes[bad] = self.any_letter
        return codes.astype(np.uint8), starts

    @property
    def any_letter(self) -> int:
        """Code of the letter that stands for any letter."""
        return int(np.argmax((self.rows > 0).sum(axis=1)))


def as_strings(sequences: Any) -> list[str]:
    """Check that `sequences` is a list of one or more strings, none of them empty, and return it."""
    if isinstance(sequences, str | bytes):
        raise TypeError(f"X must be a list of sequences, got a single {type(sequences).__name__}: wrap it in a list")
    array = np.asarray(sequences, dtype=object)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(f"X must be a list of sequences, of shape (n_samples,), got shape {array.shape}")
    if len(array) == 0:
        raise ValueError("Found array with 0 sample(s) (shape=(0,)) while a minimum of 1 is required.")
    for index, sequence in enumerate(array):
        if not isinstance(sequence, str):
            raise TypeError(f"sequence {index} is {sequence!r} of type {type(sequence).__name__}: expected a str")
        if not sequence:
            raise ValueError(f"sequence {index} is empty")
    strings: list[str] = array.tolist()
    return strings


ALPHABETS = {
    "dna": Alphabet("ACGT", _NUCLEOTIDES, _COMPLEMENTS),
    "rna": Alphabet("ACGU", {symbol: of.replace("T", "U") for symbol, of in _NUCLEOTIDES.items()}),
    "protein": Alphabet(
        _AMINO_ACIDS, {"B": "DN", "Z": "EQ", "J": "IL", "U": _AMINO_ACIDS, "O": _AMINO_ACIDS, "X": _AMINO_ACIDS}
    ),
}


def find_alphabet(alphabet: str | Sequence[str]) -> Alphabet:
    """Return the alphabet ``"dna"``, ``"rna"`` or ``"protein"``, or make one of the given letters.

    A custom alphabet gets ``?`` as the letter that stands for any letter.
    """
    if isinstance(alphabet, str) and alphabet in ALPHABETS:
        return ALPHABETS[alphabet]
    letters = "".join(alphabet).upper()
    if len(letters) < 2 or len(set(letters)) < len(letters) or not letters.isascii() or "?" in letters:
        raise ValueError(
            f"alphabet={alphabet!r}: expected 'dna', 'rna', 'protein', or at least two ASCII letters, each once and "
            "none of them '?'"
        )
    return Alphabet(letters, {"?": letters})


def guess_alphabet(sequences: Any) -> str:
    """Return ``"dna"`` if all letters are in ACGTN, ``"rna"`` if they are in ACGUN, else ``"protein"``."""
    letters = set("".join(set(as_strings(sequences))).upper())
    return next((name for name, known in (("dna", "ACGTN"), ("rna", "ACGUN")) if letters <= set(known)), "protein")
