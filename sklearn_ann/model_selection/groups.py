"""Groups of related samples, for splitters such as ``GroupKFold`` that keep a group on one side."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from sklearn.utils import check_scalar

from sklearn_ann.preprocessing.sequences import MOST_KMERS, count_kmers
from sklearn_ann.reading.alphabets import GAPS, Alphabet, find_alphabet, guess_alphabet
from sklearn_ann.reading.graphs.molecules import read_molecules
from sklearn_ann.reading.kinds import as_strings

__all__ = ["scaffold_groups", "sequence_groups"]

_CHANCE = 20  # possible k-mers for each k-mer of the longest sequence, by default
_ENOUGH = 200  # letters in all, from which on those that do not occur do not count
_WITHOUT = "leave it out, for instance by the mask MoleculeEncoder(invalid='empty').fit_transform(smiles).n_nodes > 0"
_CHUNK = 500  # number of sequences compared with all others at a time


def sequence_groups(
    sequences: Any, *, alphabet: str = "auto", k: int | None = None, similarity: float = 0.3, both_strands: bool = False
) -> np.ndarray:
    """Group sequences by similarity.

    Homologous sequences resemble each other and often have the same label: after a random split, the test set is not
    new to the model. With these groups, ``GroupKFold`` keeps homologous sequences on one side. Two sequences are alike
    if they share at least the fraction `similarity` of the distinct k-mers of the sequence that has fewer of them.
    Sequences that a chain of alike sequences connects are one group. If each letter of two sequences is the same with
    probability p, they share about ``p**k`` of their k-mers.

    Parameters
    ----------
    sequences : list, array or Series of str
        The sequences. Letters outside the alphabet match nothing. Lower-case letters are read as capitals, and U as T.
        Gaps and white space are left out.
    alphabet : {"auto", "dna", "rna", "protein"} or str
        The letters; ``"auto"`` goes by their bulk, as in `CNNClassifier`.
    k : int or None
        Length of a k-mer, at least 1. None takes the least k with at least twenty times as many possible k-mers as the
        longest sequence has letters; if less than half of the alphabet occurs, of the letters that do.
    similarity : float in (0, 1]
        Least fraction of shared k-mers of sequences that are alike.
    both_strands : bool
        Whether to compare each sequence also with the reverse complements of the others, for DNA.

    Returns
    -------
    int array of shape (n_samples,)
        The group of each sequence, numbered in order of first appearance.

    Raises
    ------
    TypeError
        If an item is not a string.
    ValueError
        If a sequence is empty or has gaps alone, if a parameter is out of bounds, if ``alphabet="auto"`` fits no
        letters, or if there are more than 10 million possible k-mers.

    Notes
    -----
    All pairs are compared, some hundreds of sequences at a time: 10,000 sequences take about a minute. The k-mers are
    counted without an alignment, as clustering tools do first (Edgar 2004, Nucleic Acids Research 32, 380-385).

    Examples
    --------
    >>> from sklearn_ann.model_selection import sequence_groups
    >>> sequence_groups(["MKVLAWHHEE", "MKVLAWHHED", "GGSSTTPPQQ"])
    array([0, 0, 1])
    """
    strings = [string.upper() for string in as_strings(sequences)]
    letters = find_alphabet(guess_alphabet(strings, compared=True) if alphabet == "auto" else alphabet)
    strings = _without_gaps(strings, letters)
    letters = _narrowed(strings, letters)
    if k is None:
        k = max(1, math.ceil(math.log(_CHANCE * max(map(len, strings)), len(letters))))
    check_scalar(k, "k", Integral, min_val=1)
    check_scalar(similarity, "similarity", Real, min_val=0, max_val=1, include_boundaries="right")
    if both_strands and letters.complement is None:
        raise ValueError(f"both_strands=True is for DNA, got the letters {letters.letters}")
    if len(letters) ** min(k, 24) > MOST_KMERS:
        raise ValueError(f"k={k} makes more than {MOST_KMERS:,} k-mers of the letters {letters.letters}")
    codes, starts = letters.encode(strings, "ambiguous")
    kmers = _distinct_kmers(codes, starts, letters, k)
    strands = [kmers]
    if both_strands:
        assert letters.complement is not None
        strands.append(_distinct_kmers(letters.complement[codes[::-1]], starts[-1] - starts[::-1], letters, k)[::-1])
    n_kmers = np.asarray(kmers.sum(axis=1)).ravel()
    _, same = np.unique(strings, return_inverse=True)  # equal sequences are alike even if they are shorter than k
    alike = [sp.coo_array((np.ones(len(same)), (np.arange(len(same)), _first_of(same))), shape=(len(same),) * 2)]
    for begin in range(0, len(strings), _CHUNK):
        for other in strands:
            shared = (kmers[begin : begin + _CHUNK] @ other.T).tocoo()
            row = shared.row + begin
            enough = shared.data >= similarity * np.minimum(n_kmers[row], n_kmers[shared.col])
            pairs = row[enough], shared.col[enough]
            alike.append(sp.coo_array((np.ones(enough.sum()), pairs), shape=(len(same),) * 2))
    return _in_order(connected_components(sum(alike, sp.csr_array((len(same),) * 2)), directed=False)[1])


def _without_gaps(strings: list[str], letters: Alphabet) -> list[str]:
    """Return sequences without gaps and white space, all of DNA or all of RNA."""
    if letters.letters in ("ACGT", "ACGU"):
        strings = [string.translate(str.maketrans("TU", 2 * letters.letters[3])) for string in strings]
    gaps = str.maketrans("", "", "".join(set(GAPS) - set(letters.letters)))
    found = ["".join(string.translate(gaps).split()) for string in strings]
    if not all(found):
        raise ValueError(f"sequence {found.index('')} has no letters, but gaps or white space alone")
    return found


def _narrowed(strings: list[str], letters: Alphabet) -> Alphabet:
    """Return the alphabet of the letters that occur, if most of a large alphabet do not: k-mers are then longer."""
    codes, _ = letters.encode(strings, "ambiguous")
    used = np.unique(codes[codes < len(letters)])
    few = 2 <= len(used) < len(letters) / 2 and len(codes) >= _ENOUGH
    return find_alphabet([letters.letters[code] for code in used]) if few else letters


def _distinct_kmers(codes: np.ndarray, starts: np.ndarray, letters: Alphabet, k: int) -> sp.csr_matrix:
    kmers = count_kmers(codes, starts, len(letters), k)
    kmers.data[:] = 1
    return kmers


def _first_of(labels: np.ndarray) -> np.ndarray:
    """Return for each sample the first sample with the same label."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(first[inverse])


def _in_order(labels: np.ndarray) -> np.ndarray:
    """Number groups in order of first appearance."""
    _, numbers = np.unique(_first_of(labels), return_inverse=True)
    return np.asarray(numbers)


def scaffold_groups(molecules: Any) -> np.ndarray:
    """Group molecules by scaffold: the rings and their linkers, without side chains (Bemis and Murcko 1996).

    Molecules with the same scaffold often stem from one series and have similar properties: after a random split, the
    test set is not new to the model. With these groups, ``GroupKFold`` keeps a series on one side. A molecule without
    a ring is a group of its own, together with equal molecules. Stereo centres, isotopes and atom maps do not count.

    Needs RDKit: ``pip install "sklearn-ann-architectures[chem]"``.

    Parameters
    ----------
    molecules : sequence, array, series or one-column frame of SMILES strings or RDKit molecules
        The molecules.

    Returns
    -------
    int array of shape (n_samples,)
        The group of each molecule, numbered in order of first appearance.

    Raises
    ------
    ImportError
        If RDKit is missing.
    TypeError
        If an item is neither a string nor a molecule.
    ValueError
        If RDKit cannot read a SMILES string.

    Examples
    --------
    >>> from sklearn_ann.model_selection import scaffold_groups
    >>> scaffold_groups(["c1ccccc1C", "CCO", "OC1=CC=CC=C1", "CCN", "OCC"])
    array([0, 1, 0, 2, 1])
    """
    found = read_molecules(molecules, advice=_WITHOUT)
    from rdkit import Chem
    from rdkit.Chem.Scaffolds import MurckoScaffold

    scaffold_of: Any = MurckoScaffold.MurckoScaffoldSmiles
    names = []
    for molecule in found:
        plain = Chem.Mol(molecule)
        for atom in plain.GetAtoms():
            atom.SetAtomMapNum(0)
            atom.SetIsotope(0)
        scaffold = scaffold_of(mol=plain)
        names.append(scaffold or f"without a ring: {Chem.MolToSmiles(plain, isomericSmiles=False)}")
    return _in_order(np.unique(names, return_inverse=True)[1])
