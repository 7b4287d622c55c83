"""Molecules as graphs of heavy atoms and bonds, read by RDKit (extra ``chem``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from sklearn_ann.reading.columns import in_pandas
from sklearn_ann.reading.graphs.parts import GraphParts

ELEMENTS = ("B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Se", "Br", "I")
HYBRIDIZATIONS = ("SP", "SP2", "SP3", "SP3D", "SP3D2")
CHIRALITIES = ("R", "S")
BONDS = ("SINGLE", "DOUBLE", "TRIPLE", "AROMATIC")
STEREOS = ("Z", "E")

ATOM_FEATURES = [
    *(f"element_{symbol}" for symbol in ELEMENTS), "element_other",
    *(f"degree_{k}" for k in range(6)),
    *(f"hydrogens_{k}" for k in range(5)),
    *(f"hybridization_{name}" for name in HYBRIDIZATIONS),
    "charge", "radical_electrons", "aromatic", "in_ring", *(f"in_ring_of_{k}" for k in range(3, 8)),
    *(f"chirality_{code.lower()}" for code in CHIRALITIES), "mass",
]  # fmt: skip
BOND_FEATURES = [
    *(f"bond_{name.lower()}" for name in BONDS), "conjugated", "in_ring", *(f"stereo{code.lower()}" for code in STEREOS)
]  # fmt: skip


_EMPTY = (
    "MoleculeEncoder(invalid='empty') makes it a graph without atoms, and graphs[graphs.n_nodes > 0] leaves "
    "such graphs out"
)


def read_molecules(X: Any, invalid: Literal["raise", "empty"] = "raise", *, advice: str = _EMPTY) -> list[Any]:
    """Read SMILES strings, and put molecules into the form that a SMILES string gives.

    `invalid` is as in `MoleculeEncoder`; an error of a sample without a molecule ends with `advice`.
    """
    try:
        from rdkit import Chem
    except ImportError as error:
        raise ImportError("molecules need RDKit: pip install 'sklearn-ann-architectures[chem]'") from error
    molecules = []
    for index, item in enumerate(_items(X)):
        if isinstance(item, str) or _is_missing(item):
            molecule = _read_smiles(item, Chem)
        elif hasattr(item, "GetAtoms"):
            molecule = _as_read(item, index, Chem)
        else:
            raise TypeError(f"molecule {index} is {item!r}; expected a SMILES string or an RDKit molecule")
        if molecule is None or molecule.GetNumAtoms() == 0:
            if invalid == "raise":
                text = "which RDKit cannot read as SMILES" if isinstance(item, str) and item.strip() else "no molecule"
                raise ValueError(f"molecule {index} is {item!r}, {text}; {advice}")
            molecule = Chem.Mol()
        molecules.append(molecule)
    return molecules


def _items(X: Any) -> list[Any]:
    """Return the molecules of a sequence, a series or one column."""
    X = in_pandas(X)
    sequence = hasattr(X, "__len__") and hasattr(X, "__getitem__") and not isinstance(X, str | bytes | Mapping)
    if not sequence or hasattr(X, "GetAtoms"):
        what = f"the string {X!r}" if isinstance(X, str) else f"one {type(X).__name__}"
        raise TypeError(f"X must be a sequence of SMILES strings or molecules, got {what}")
    X = X.to_numpy() if hasattr(X, "to_numpy") else X  # a series, or a frame of one column
    shape = np.shape(X) if isinstance(X, np.ndarray) else (len(X),)
    if all(isinstance(row, list | tuple) for row in X):  # a nested list
        shape = (len(X), max(map(len, X), default=1))
    if len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
        raise ValueError(f"X must have one column of SMILES strings or molecules, got shape {shape}")
    items = [row[0] for row in X] if len(shape) == 2 and shape[0] else list(X)
    if not items:
        raise ValueError("Found array with 0 sample(s) (shape=(0,)) while a minimum of 1 is required.")
    return items


def _is_missing(item: Any) -> bool:
    """Whether this is None, NaN, ``pandas.NA`` or ``pandas.NaT``."""
    return (
        item is None
        or type(item).__name__ in ("NAType", "NaTType")
        or bool(isinstance(item, float | np.floating) and np.isnan(item))
    )


def _read_smiles(text: Any, chem: Any) -> Any:
    """Return a molecule, or None if there is none to read."""
    from rdkit import rdBase

    if not isinstance(text, str) or not text.strip():
        return None
    with rdBase.BlockLogs():
        molecule = chem.MolFromSmiles(text)
    return None if molecule is None else _with_labels(molecule)


def _as_read(molecule: Any, index: int, chem: Any) -> Any:
    """Return a copy as a SMILES string gives it: aromatic, with hydrogens that are counted at heavy atoms."""
    from rdkit import rdBase

    if molecule.NeedsUpdatePropertyCache():
        raise ValueError(
            f"molecule {index} is a Mol that is not sanitised: call Chem.SanitizeMol, or read it with sanitize=True"
        )
    try:
        with rdBase.BlockLogs():
            plain = chem.RemoveHs(molecule)
            chem.AssignStereochemistry(plain, cleanIt=True, force=True)
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"molecule {index} is a Mol that Chem.SanitizeMol refuses: {error}") from error
    return _with_labels(plain)


def _with_labels(molecule: Any) -> Any:
    """Label the stereo centres by the rules of Cahn, Ingold and Prelog, which do not depend on the order of atoms."""
    from rdkit.Chem import rdCIPLabeler

    for part in (*molecule.GetAtoms(), *molecule.GetBonds()):
        part.ClearProp("_CIPCode")
    rdCIPLabeler.AssignCIPLabels(molecule)
    return molecule


def _label(part: Any) -> str:
    """Return the label of an atom or a bond; the pseudo-asymmetric r and s are R and S."""
    return str(part.GetProp("_CIPCode")).upper() if part.HasProp("_CIPCode") else ""


def molecule_parts(molecule: Any) -> GraphParts:
    """Return a molecule as a graph, with the features of its atoms and bonds."""
    n = molecule.GetNumAtoms()
    X = np.array([_atom(atom) for atom in molecule.GetAtoms()], dtype=np.float32).reshape(n, len(ATOM_FEATURES))
    bonds = list(molecule.GetBonds())
    begin = np.array([bond.GetBeginAtomIdx() for bond in bonds], dtype=np.int64)
    end = np.array([bond.GetEndAtomIdx() for bond in bonds], dtype=np.int64)
    E = np.array([_bond(bond) for bond in bonds], dtype=np.float32).reshape(len(bonds), len(BOND_FEATURES))
    return GraphParts(X, np.r_[begin, end], np.r_[end, begin], None, np.concatenate([E, E]), n)


def _one_of(value: object, options: tuple[str, ...]) -> list[bool]:
    return [value == option for option in options]


def _atom(atom: Any) -> list[float]:
    symbol = atom.GetSymbol()
    degree, hydrogens = min(atom.GetDegree(), 5), min(atom.GetTotalNumHs(), 4)
    return [
        *_one_of(symbol, ELEMENTS), symbol not in ELEMENTS,
        *(degree == k for k in range(6)),
        *(hydrogens == k for k in range(5)),
        *_one_of(atom.GetHybridization().name, HYBRIDIZATIONS),
        atom.GetFormalCharge(), atom.GetNumRadicalElectrons(), atom.GetIsAromatic(), atom.IsInRing(),
        *(atom.IsInRingSize(k) for k in range(3, 8)),
        *_one_of(_label(atom), CHIRALITIES), atom.GetMass() / 100,
    ]  # fmt: skip


def _bond(bond: Any) -> list[float]:
    return [
        *_one_of(bond.GetBondType().name, BONDS), bond.GetIsConjugated(), bond.IsInRing(),
        *_one_of(_label(bond), STEREOS),
    ]  # fmt: skip
