"""Letters of biological sequences as codes: what all that reads strings shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

Unknown = Literal["error", "ambiguous"]

# Letters that stand for several (Cornish-Bowden 1985 for nucleotides; IUPAC-IUB 1984 for amino acids).
_NUCLEOTIDES = {
    "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC", "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG",
    "N": "ACGT",
}  # fmt: skip
_AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
_COMPLEMENTS = dict(zip("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN", strict=True))


class Alphabet:
    """The letters of a kind of sequence.

    Small letters are read as capital ones. A letter of the IUPAC that stands for several, such as N or R, has the mean
    of their one-hot rows.

    Parameters
    ----------
    letters : str
        The unambiguous letters; their order is that of the one-hot columns.
    ambiguous : dict of str to str
        For further letters those that they stand for.
    complements : dict of str to str or None
        The letter on the other strand, for each letter; None where there is no other strand.

    Attributes
    ----------
    symbols : str
        All letters: the unambiguous ones, then the others; the place of a letter is its code.
    rows : float32 array of shape (n_symbols, n_letters)
        One-hot rows of the codes.
    complement : int array of shape (n_symbols,) or None
        The code on the other strand.
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
        """Turn strings into codes.

        Parameters
        ----------
        sequences : list, array or Series of str
        unknown : {"error", "ambiguous"}
            What a letter is that is not in the alphabet: an error, or the letter that stands for any other.

        Returns
        -------
        codes : uint8 array of shape (n_letters_in_all,)
            The sequences one after the other.
        starts : int array of shape (n_sequences + 1,)
            Where each begins.

        Raises
        ------
        TypeError
            If there is anything but strings.
        ValueError
            If a sequence is empty or has an unknown letter; its index and the position are named.
        """
        strings = as_strings(sequences)
        starts = np.cumsum([0, *map(len, strings)])
        # Four bytes for each character, where one is not ASCII, keep the others in their places. The last of the 256
        # codes is that of no letter.
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
                f"sequence {sequence} has the letter {strings[sequence][position]!r} at position {position}, which is "
                f"none of {self.symbols}; unknown='ambiguous' takes such a letter for any of {self.letters}"
            )
        if len(bad):
            codes[bad] = self.any_letter
        return codes.astype(np.uint8), starts

    @property
    def any_letter(self) -> int:
        """The code of the letter that stands for any other."""
        return int(np.argmax((self.rows > 0).sum(axis=1)))


def as_strings(sequences: Any) -> list[str]:
    """Check that `sequences` are strings, one or more, none of them empty."""
    if isinstance(sequences, str | bytes):
        raise TypeError(f"X must be a list of sequences, got a single {type(sequences).__name__}: put it into a list")
    array = np.asarray(sequences, dtype=object)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ValueError(f"X must be a list of sequences, of shape (n_samples,), got shape {array.shape}")
    if len(array) == 0:
        raise ValueError("Found array with 0 sample(s) (shape=(0,)) while a minimum of 1 is required.")
    for index, sequence in enumerate(array):
        if not isinstance(sequence, str):
            raise TypeError(f"sequence {index} is {sequence!r} of type {type(sequence).__name__}: a str was expected")
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
    """Look up ``"dna"``, ``"rna"`` or ``"protein"``; any other string is the letters themselves.

    Letters of one's own get ``?`` as the letter that stands for any.
    """
    if isinstance(alphabet, str) and alphabet in ALPHABETS:
        return ALPHABETS[alphabet]
    letters = "".join(alphabet).upper()
    if len(letters) < 2 or len(set(letters)) < len(letters) or not letters.isascii() or "?" in letters:
        raise ValueError(
            f"alphabet={alphabet!r}: expected 'dna', 'rna', 'protein', or two ASCII letters or more, each once and "
            "none of them '?'"
        )
    return Alphabet(letters, {"?": letters})


def guess_alphabet(sequences: Any) -> str:
    """The first of ``"dna"``, ``"rna"`` and ``"protein"`` that has all letters; only N counts of the ambiguous."""
    letters = set("".join(set(as_strings(sequences))).upper())
    return next((name for name, known in (("dna", "ACGTN"), ("rna", "ACGUN")) if letters <= set(known)), "protein")
