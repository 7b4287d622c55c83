"""Groups of samples that must not be parted between training and test, for ``GroupKFold`` and its like."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from sklearn.utils import check_scalar

from sklearn_ann.graph.molecules import read_molecules
from sklearn_ann.preprocessing.alphabets import Alphabet, as_strings, find_alphabet, guess_alphabet
from sklearn_ann.preprocessing.sequences import MOST_KMERS, count_kmers

__all__ = ["scaffold_groups", "sequence_groups"]

_CHANCE = 20
_CHUNK = 500  # sequences that are compared with all others at a time


def sequence_groups(
    sequences: Any, *, alphabet: str = "auto", k: int | None = None, similarity: float = 0.3, both_strands: bool = False
) -> np.ndarray:
    """Group sequences so that alike ones are in one group.

    Homologous sequences resemble each other and have the same label: in a random split a model is asked for what it has
    seen. With these groups ``GroupKFold`` keeps relatives on one side. Two sequences are alike if they share at least
    the part `similarity` of the distinct words of `k` letters of that with fewer of them; groups are what is connected
    by a chain of alike ones. Sequences of which each letter is the same with probability p share about ``p**k`` of
    their words.

    Parameters
    ----------
    sequences : list, array or Series of str
        Letters that are not in the alphabet match nothing.
    alphabet : {"auto", "dna", "rna", "protein"} or str
        The letters; ``"auto"`` is the first of the three that has all of them.
    k : int or None
        Letters in a word, 1 or more; None for so many that by chance the longest sequence has at most one in twenty of
        all words.
    similarity : float in (0, 1]
        The share of words above which sequences are alike.
    both_strands : bool
        Whether a sequence is alike to the reverse complement of another, for DNA.

    Returns
    -------
    int array of shape (n_samples,)
        The group of each sequence, numbered in the order of their first ones.

    Raises
    ------
    TypeError
        If there is anything but strings.
    ValueError
        If a sequence is empty, if a parameter is out of bounds, or if there are more than 10 million words.

    Notes
    -----
    It compares all pairs, some hundreds of sequences at a time: 10,000 take about a minute. Words are counted without
    an alignment, as tools for clustering do first (Edgar 2004, Nucleic Acids Research 32, 380-385).

    Examples
    --------
    >>> from sklearn_ann.model_selection import sequence_groups
    >>> sequence_groups(["MKVLAWHHEE", "MKVLAWHHED", "GGSSTTPPQQ"])
    array([0, 0, 1])
    """
    strings = as_strings(sequences)
    letters = find_alphabet(guess_alphabet(strings) if alphabet == "auto" else alphabet)
    if k is None:
        k = max(1, math.ceil(math.log(_CHANCE * max(map(len, strings)), len(letters))))
    check_scalar(k, "k", Integral, min_val=1)
    check_scalar(similarity, "similarity", Real, min_val=0, max_val=1, include_boundaries="right")
    if both_strands and letters.complement is None:
        raise ValueError(f"both_strands=True is for DNA, got the letters {letters.letters}")
    if len(letters) ** min(k, 24) > MOST_KMERS:
        raise ValueError(f"k={k} makes more than {MOST_KMERS:,} words of the letters {letters.letters}")
    codes, starts = letters.encode(strings, "ambiguous")
    words = _distinct_words(codes, starts, letters, k)
    strands = [words]
    if both_strands:
        assert letters.complement is not None
        strands.append(_distinct_words(letters.complement[codes[::-1]], starts[-1] - starts[::-1], letters, k)[::-1])
    n_words = np.asarray(words.sum(axis=1)).ravel()
    _, same = np.unique(strings, return_inverse=True)  # also those too short for a word
    alike = [sp.coo_array((np.ones(len(same)), (np.arange(len(same)), _first_of(same))), shape=(len(same),) * 2)]
    for begin in range(0, len(strings), _CHUNK):
        for other in strands:
            shared = (words[begin : begin + _CHUNK] @ other.T).tocoo()
            row = shared.row + begin
            enough = shared.data >= similarity * np.minimum(n_words[row], n_words[shared.col])
            pairs = row[enough], shared.col[enough]
            alike.append(sp.coo_array((np.ones(enough.sum()), pairs), shape=(len(same),) * 2))
    return _in_order(connected_components(sum(alike, sp.csr_array((len(same),) * 2)), directed=False)[1])


def _distinct_words(codes: np.ndarray, starts: np.ndarray, letters: Alphabet, k: int) -> sp.csr_matrix:
    words = count_kmers(codes, starts, len(letters), k)
    words.data[:] = 1
    return words


def _first_of(labels: np.ndarray) -> np.ndarray:
    """For each sample the first one with its label."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(first[inverse])


def _in_order(labels: np.ndarray) -> np.ndarray:
    """Number groups in the order of their first members."""
    _, numbers = np.unique(_first_of(labels), return_inverse=True)
    return np.asarray(numbers)


def scaffold_groups(molecules: Any) -> np.ndarray:
    """Group molecules by their scaffold: rings and what links them, without side chains (Bemis and Murcko 1996).

    Molecules with one scaffold often stem from one series and have like properties: in a random split a model is asked
    for the neighbours of what it has seen. With these groups ``GroupKFold`` keeps a series on one side. Molecules
    without a ring are one group each, unless they are the same.

    Needs RDKit: ``pip install "sklearn-ann-architectures[chem]"``.

    Parameters
    ----------
    molecules : sequence, array, series or one-column frame of SMILES strings or RDKit molecules
        The molecules.

    Returns
    -------
    int array of shape (n_samples,)
        The group of each molecule, numbered in the order of their first ones.

    Raises
    ------
    ImportError
        If RDKit is missing.
    TypeError
        If there is anything but strings and molecules.
    ValueError
        If RDKit cannot read a SMILES.

    Examples
    --------
    >>> from sklearn_ann.model_selection import scaffold_groups
    >>> scaffold_groups(["c1ccccc1C", "CCO", "OC1=CC=CC=C1", "CCN", "OCC"])
    array([0, 1, 0, 2, 1])
    """
    found = read_molecules(molecules)
    from rdkit import Chem
    from rdkit.Chem.Scaffolds import MurckoScaffold

    scaffold_of: Any = MurckoScaffold.MurckoScaffoldSmiles
    names = []
    for molecule in found:
        scaffold = scaffold_of(mol=molecule)
        names.append(scaffold or f"without a ring: {Chem.MolToSmiles(molecule)}")
    return _in_order(np.unique(names, return_inverse=True)[1])
