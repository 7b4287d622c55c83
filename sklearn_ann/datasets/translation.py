"""Pairs of sequences: translations whose rule is known, and a reader of pronouncing dictionaries."""

from __future__ import annotations

import gzip
import re
from numbers import Integral
from os import PathLike
from pathlib import Path

import numpy as np
from sklearn.utils import check_random_state, check_scalar

from sklearn_ann.datasets.bounds import bounds, letters_of

# The standard genetic code, the bases of a codon in the order U, C, A, G; "*" is a stop.
_AMINO_ACIDS = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
GENETIC_CODE = {
    first + second + third: _AMINO_ACIDS[16 * i + 4 * j + k]
    for i, first in enumerate("UCAG")
    for j, second in enumerate("UCAG")
    for k, third in enumerate("UCAG")
}
"""The amino acid of each codon of RNA, ``"*"`` for a stop."""


def make_reversal(
    n_samples: int = 1000,
    *,
    length: int | tuple[int, int] = (1, 20),
    letters: str = "abcdefghij",
    random_state: int | np.random.RandomState | None = None,
) -> tuple[list[str], list[str]]:
    """Make random strings and their reversals.

    A network that translates them must have learned where a letter stands: nothing else tells what comes next.

    Parameters
    ----------
    n_samples : int
        Number of strings.
    length : int or (int, int)
        Length of the strings, or least and greatest length; all lengths are equally likely.
    letters : str
        The letters, each equally likely.
    random_state : int, RandomState instance or None
        Seed or generator.

    Returns
    -------
    X, y : lists of n_samples str
        The strings and their reversals.

    Raises
    ------
    ValueError
        If a parameter is out of bounds.

    Examples
    --------
    >>> from sklearn_ann.datasets import make_reversal
    >>> make_reversal(3, length=(2, 5), random_state=0)
    (['fa', 'dhjdf', 'ehgi'], ['af', 'fdjhd', 'ighe'])
    """
    rng = check_random_state(random_state)
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    least, greatest = bounds(length, 1, "length")
    letters = letters_of(letters, 1)
    X = ["".join(rng.choice(list(letters), size=rng.randint(least, greatest + 1))) for _ in range(n_samples)]
    return X, [string[::-1] for string in X]


def make_transcription(
    n_samples: int = 1000,
    *,
    n_codons: int | tuple[int, int] = (3, 10),
    margin: int = 8,
    product: str = "protein",
    random_state: int | np.random.RandomState | None = None,
) -> tuple[list[str], list[str]]:
    """Make pieces of DNA with one gene each, and what a cell makes of them.

    A piece is read from left to right. The gene begins with the first start codon, ATG, is read three letters at a time
    and ends with a stop codon, TAA, TAG or TGA. Random letters are before and after it; those before hold no ATG, also
    together with the gene's first letters. The RNA of a gene is its letters with U for T, and its protein has one
    letter for each codon before the stop, M for the start.

    Parameters
    ----------
    n_samples : int
        Number of pieces.
    n_codons : int or (int, int)
        Number of codons with the start and without the stop, or least and greatest number; all are equally likely.
    margin : int
        Greatest number of letters on each side of the gene; all numbers from 0 are equally likely, so that the gene
        begins in any of the three reading frames.
    product : {"protein", "rna"}
        What to make.
    random_state : int, RandomState instance or None
        Seed or generator.

    Returns
    -------
    X, y : lists of n_samples str
        The pieces of DNA and what is made of them.

    Raises
    ------
    ValueError
        If a parameter is out of bounds.

    Examples
    --------
    >>> from sklearn_ann.datasets import make_transcription
    >>> make_transcription(2, n_codons=3, margin=4, random_state=0)
    (['ATGAGGGTATAGTTT', 'ATATGTACCCATAG'], ['MRV', 'MYP'])
    """
    rng = check_random_state(random_state)
    check_scalar(n_samples, "n_samples", Integral, min_val=1)
    check_scalar(margin, "margin", Integral, min_val=0)
    if product not in ("protein", "rna"):
        raise ValueError(f"product={product!r}: expected 'protein' or 'rna'")
    least, greatest = bounds(n_codons, 1, "n_codons")
    sense = [codon for codon, acid in GENETIC_CODE.items() if acid != "*"]
    stops = [codon for codon, acid in GENETIC_CODE.items() if acid == "*"]
    X, y = [], []
    for _ in range(n_samples):
        codons = ["AUG", *rng.choice(sense, size=rng.randint(least, greatest + 1) - 1), str(rng.choice(stops))]
        gene = "".join(codons)
        before, after = ("".join(rng.choice(list("ACGU"), size=rng.randint(margin + 1))) for _ in range(2))
        while (place := (before + gene).find("AUG")) < len(before):
            before = before[:place] + str(rng.choice(list("CGU"))) + before[place + 1 :]
        X.append((before + gene + after).replace("U", "T"))
        y.append(gene if product == "rna" else "".join(GENETIC_CODE[codon] for codon in codons[:-1]))
    return X, y


_VARIANT = re.compile(r"\(\d+\)$")


def read_pronunciations(
    path: str | PathLike[str], *, stress: bool = True, variants: bool = True
) -> tuple[list[str], list[list[str]]]:
    r"""Read a pronouncing dictionary in the format of the CMU Pronouncing Dictionary.

    A line is a word and its phonemes, separated by blanks. Lines that begin with ``;;;``, and what follows a ``#``, are
    comments. A further pronunciation of a word has its number after the word, ``READ(2)``.

    Parameters
    ----------
    path : str or path
        A text file, or one compressed by gzip whose name ends with ``.gz``.
    stress : bool
        Whether vowels keep the digit of their stress, ``AH0``; without it, ``AH``.
    variants : bool
        Whether to return the further pronunciations too; the word is then there once for each.

    Returns
    -------
    words : list of n_entries str
    pronunciations : list of n_entries lists of str
        The phonemes of each.

    Raises
    ------
    ValueError
        If a line has no phonemes, naming it.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn_ann.datasets import read_pronunciations
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "words.dict")
    ...     _ = path.write_text("read R EH1 D # past\nread(2) R IY1 D\nred R EH1 D\n")
    ...     read_pronunciations(path, stress=False, variants=False)
    (['read', 'red'], [['R', 'EH', 'D'], ['R', 'EH', 'D']])
    """
    path = Path(path)
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:  # older releases of the dictionary
        text = raw.decode("latin-1")
    words: list[str] = []
    pronunciations: list[list[str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.partition("#")[0] if not line.startswith("#") else ""
        fields = entry.split()
        if not fields or line.startswith(";;;"):
            continue
        word, *phones = fields
        if not phones:
            raise ValueError(f"line {number} of {path.name} has no phonemes: {line!r}")
        if _VARIANT.search(word) and not variants:
            continue
        words.append(_VARIANT.sub("", word))
        pronunciations.append(phones if stress else [phone.rstrip("012") for phone in phones])
    if not words:
        raise ValueError(f"{path.name} has no entry")
    return words, pronunciations
