"""Alphabets of biological sequences: letters become codes."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters, ascii_uppercase
from typing import Any, Literal

import numpy as np

from sklearn_ann._warnings import warn
from sklearn_ann.reading.kinds import as_strings

Unknown = Literal["error", "ambiguous"]

GAPS = "-.~"
_OF_SMILES = "()=#[]@+/\\%"
# Ambiguous letters (Cornish-Bowden 1985 for nucleotides; IUPAC-IUB 1984 for amino acids).
_NUCLEOTIDES = {
    "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC", "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG",
    "N": "ACGT",
}  # fmt: skip
_DOUBTFUL, _SEVERAL = 0.4, 20  # share and number of ambiguous letters other than N that proteins have, and hardly DNA
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

        Warns
        -----
        UserWarning
            If so many letters are ambiguous that the sequences may be of another kind, such as proteins read as DNA.
        """
        strings = as_strings(sequences)
        starts = np.cumsum([0, *map(len, strings)])
        codes = self._codes[_characters(strings)]
        bad = np.flatnonzero(codes < 0)
        if len(bad) and unknown == "error":
            sequence = int(np.searchsorted(starts, bad[0], side="right")) - 1
            position = int(bad[0] - starts[sequence])
            letter = strings[sequence][position]
            what = _what_it_is(letter, self.letters)
            raise ValueError(
                f"sequence {sequence} has the letter {letter!r} at position {position}, which is not in the "
                f"alphabet {self.symbols}{what}. unknown='ambiguous' reads such a letter as any of {self.letters}"
            )
        if len(bad):
            codes[bad] = self.any_letter
        self._warn_of_ambiguous(codes, starts)
        return codes.astype(np.uint8), starts

    def _warn_of_ambiguous(self, codes: np.ndarray, starts: np.ndarray) -> None:
        """Warn of very many ambiguous letters, as proteins have that are read as DNA."""
        doubtful = (codes >= len(self.letters)) & (codes != self.any_letter)
        if doubtful.sum() < _SEVERAL or doubtful.mean() <= _DOUBTFUL:
            return
        first = int(doubtful.argmax())
        sequence = int(np.searchsorted(starts, first, side="right")) - 1
        letter = self.symbols[codes[first]]
        what = {"ACGT": "DNA", "ACGU": "RNA"}.get(self.letters, f"sequences of {self.letters}")
        warn(
            f"{doubtful.mean():.0%} of the letters are ambiguous codes of {what}, such as {letter!r} in sequence "
            f"{sequence}: are the sequences of another kind?"
        )

    @property
    def any_letter(self) -> int:
        """Code of the letter that stands for any letter."""
        return int(np.argmax((self.rows > 0).sum(axis=1)))


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

    Raises
    ------
    ValueError
        If the letters are no alphabet, or if they spell one of the names in capitals, such as ``"DNA"``.
    """
    if isinstance(alphabet, str) and alphabet in ALPHABETS:
        return ALPHABETS[alphabet]
    if isinstance(alphabet, str) and alphabet.lower() in (*ALPHABETS, "auto"):
        raise ValueError(f"alphabet={alphabet!r}: the names are 'dna', 'rna' and 'protein', in lower case")
    letters = "".join(alphabet).upper()
    if len(letters) < 2 or len(set(letters)) < len(letters) or not letters.isascii() or "?" in letters:
        raise ValueError(
            f"alphabet={alphabet!r}: expected 'dna', 'rna', 'protein', or at least two ASCII letters, each once and "
            "none of them '?'"
        )
    return Alphabet(letters, {"?": letters})


def _characters(strings: list[str]) -> np.ndarray:
    """Return the ASCII codes of all letters; 255 for letters that have none."""
    text = "".join(strings)
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    # The fixed width of UTF-32 keeps the positions.
    wide = np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), dtype="<u4")
    return np.where(wide < 128, wide, 255).astype(np.uint8)


def _what_it_is(letter: str, letters: str) -> str:
    """Say what a letter outside the alphabet `letters` is, and what to do."""
    nucleotides, upper = letters in ("ACGT", "ACGU"), letter.upper()
    if letter in GAPS:
        return ". It is a gap: remove gaps with .replace(), or write a letter that may be any"
    if letter == "*":
        return ". It is a stop codon: cut the sequence there, for instance with .split('*')[0]"
    if letter.isspace():
        return ". It is white space: remove it with ''.join(sequence.split())"
    if letter.isdigit():
        return ". It is a digit: sequences have letters only, and MoleculeEncoder reads SMILES"
    if letter in _OF_SMILES:
        return ". MoleculeEncoder reads SMILES"
    if not letter.isprintable():
        return ". It is an invisible character: remove it, for instance with .strip('\\ufeff\\u200b\\x00')"
    if nucleotides and upper in "UT":
        return f". It is a letter of {'RNA' if upper == 'U' else 'DNA'}: replace U by T or T by U"
    if nucleotides and upper in _AMINO_ACIDS:
        return ". It is an amino acid: alphabet='protein' reads proteins"
    return ""


_NUCLEIC, _BOTH = 0.95, 0.75  # least shares of A, C, G, T, U and N that are DNA or RNA, and that may be
_LONG, _MIXED = 20, 0.05  # letters that show what a sequence is; share of sequences of another kind that is no accident
_FEW, _ENOUGH = 6, 200  # letters of a code that is no protein, among so many in all
_LETTERS = ascii_letters + "-.*"
_T_AND_U = "the letters of X are those of nucleotides, but both T and U are frequent"
_ASK = "say what they are by alphabet='dna', 'rna', 'protein' or the letters"


def _share_of(letters: str, counts: np.ndarray) -> float:
    return float(counts[[ord(letter) for letter in letters]].sum() / max(1, counts.sum()))


def _guessed(strings: list[str]) -> tuple[str | None, str]:
    """Return the alphabet that the bulk of the letters tells, or None if none fits, and a reason for doubt, or ""."""
    characters = _characters(strings)
    counts = np.bincount(characters, minlength=256)
    counts[65:91] += counts[97:123]
    counts[:65] = counts[91:255] = 0  # gaps, stops and white space are no letters
    if not counts.any():
        return None, "X has no letters"
    core, ambiguous = _share_of("ACGTUN", counts), _share_of("RYSWKMBDHV", counts)
    found = f"the letters of X are {core:.0%} A, C, G, T, U and N"
    mixed = _two_kinds(strings, characters)
    if mixed:
        return None, mixed
    if core < _BOTH:
        known = ALPHABETS["protein"].symbols
        if _share_of(known, counts) < _NUCLEIC:
            return None, f"more than {1 - _NUCLEIC:.0%} of the letters of X are of no known alphabet"
        if core > 0.5 and core + ambiguous > 1 - 1e-9:
            return "protein", f"{found}, and the others are codes of nucleotides and of amino acids"
        return "protein", ""
    doubt = ""
    if core < _NUCLEIC:
        if core + ambiguous < _NUCLEIC:
            return None, f"{found}, too few for DNA or RNA, and many for a protein"
        doubt = f"{found}, and {ambiguous:.0%} are letters such as R that also are amino acids"
    uracil = _share_of("U", counts) / max(_share_of("TU", counts), 1e-12)
    if 1 - _NUCLEIC < uracil < _NUCLEIC:
        return None, _T_AND_U
    return "rna" if uracil >= _NUCLEIC else "dna", doubt


def _few_letters(strings: list[str]) -> str:
    """Return a doubt about proteins that have very few different letters; else ""."""
    counts = np.bincount(_characters([string.upper() for string in strings]), minlength=256)[65:91]
    kinds = "".join(ascii_uppercase[code] for code in np.flatnonzero(counts))
    if len(kinds) < 2 or len(kinds) > _FEW or counts.sum() < _ENOUGH:
        return ""
    return f"X has the letters {kinds} alone; alphabet={kinds!r} reads these"


def _two_kinds(strings: list[str], characters: np.ndarray) -> str:
    """Say which sequences are of nucleotides and which are not, if many are of either kind; else return ""."""
    capitals, starts = characters & 0xDF, np.cumsum([0, *map(len, strings[:-1])])
    is_letter = (capitals >= ord("A")) & (capitals <= ord("Z"))  # gaps and the like belong to either kind
    is_core = np.isin(capitals, np.frombuffer(b"ACGTUN", dtype=np.uint8))
    lengths = np.add.reduceat(is_letter, starts, dtype=np.int64)
    core = np.add.reduceat(is_core, starts, dtype=np.int64) / np.maximum(lengths, 1)
    nucleic, other = (lengths >= _LONG) & (core >= _NUCLEIC), (lengths >= _LONG) & (core < 0.6)
    if min(nucleic.sum(), other.sum()) < max(1, _MIXED * len(strings)):
        return ""
    return f"sequence {np.argmax(nucleic)} has the letters of nucleotides and sequence {np.argmax(other)} of a protein"


def _may_be_smiles(strings: list[str]) -> bool:
    """Whether many strings have the signs of SMILES: bonds, branches, brackets, charges, or digits for rings."""
    signs = set(_OF_SMILES + "0123456789")
    return sum(not signs.isdisjoint(string) for string in strings) >= len(strings) / 4


def guess_alphabet(sequences: Any, *, compared: bool = False) -> str:
    """Return ``"dna"``, ``"rna"`` or ``"protein"``, by the bulk of the letters of all sequences.

    Sequences are DNA or RNA if at least 95 % of their letters are A, C, G, T, U or N, or 75 % and the others are codes
    such as R; U in place of T makes RNA. They are proteins if less than 75 % are.

    With `compared`, the letters are compared, and not learned: U counts as T, so that a mixture of DNA and RNA is
    ``"dna"``, and letters that do not occur do not matter, so that few are no reason to warn.

    Raises
    ------
    ValueError
        If the letters are those of no alphabet, or if T and U, or sequences of nucleotides and of amino acids, are
        mixed.

    Warns
    -----
    UserWarning
        If two alphabets fit, or if proteins have very few different letters.
    """
    strings = as_strings(sequences)
    name, doubt = _guessed(strings)
    if compared and doubt == _T_AND_U:
        return "dna"
    if name == "protein" and not (compared or doubt):
        doubt = _few_letters(strings)
    if name is None:
        smiles = ". If X holds SMILES, use MoleculeEncoder" if _may_be_smiles(strings) else ""
        raise ValueError(f"alphabet='auto' cannot tell the alphabet: {doubt}; {_ASK}{smiles}")
    if doubt:
        warn(f"alphabet='auto' reads X as {name!r}, but {doubt}; {_ASK}")
    return name


def likely_alphabet(strings: list[str]) -> str | None:
    """Return the alphabet that `guess_alphabet` would, without a warning; None for texts of other characters.

    A mixture of DNA and RNA is ``"dna"``, for readers that take U for T.
    """
    text = "".join(strings)
    letters = sum(map(text.count, _LETTERS))
    if letters <= _NUCLEIC * len(text):
        return None
    name, doubt = _guessed(strings)
    return "dna" if doubt == _T_AND_U else name
