"""Molecules as graphs of heavy atoms and bonds, read by RDKit (extra ``chem``)."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from sklearn_ann.reading.graphs.parts import GraphParts

ELEMENTS = ("B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Se", "Br", "I")
HYBRIDIZATIONS = ("SP", "SP2", "SP3", "SP3D", "SP3D2")
CHIRALITIES = ("CHI_TETRAHEDRAL_CW", "CHI_TETRAHEDRAL_CCW")
BONDS = ("SINGLE", "DOUBLE", "TRIPLE", "AROMATIC")
STEREOS = ("STEREOZ", "STEREOE")

ATOM_FEATURES = [
    *(f"element_{symbol}" for symbol in ELEMENTS), "element_other",
    *(f"degree_{k}" for k in range(6)),
    *(f"hydrogens_{k}" for k in range(5)),
    *(f"hybridization_{name}" for name in HYBRIDIZATIONS),
    "charge", "radical_electrons", "aromatic", "in_ring", *(f"in_ring_of_{k}" for k in range(3, 8)),
    *(name.lower() for name in CHIRALITIES), "mass",
]  # fmt: skip
BOND_FEATURES = [
    *(f"bond_{name.lower()}" for name in BONDS), "conjugated", "in_ring", *(name.lower() for name in STEREOS)
]  # fmt: skip


def read_molecules(X: Any, invalid: Literal["raise", "empty"] = "raise") -> list[Any]:
    """Read SMILES strings and leave molecules as they are; `invalid` as in `MoleculeEncoder`."""
    try:
        from rdkit import Chem, rdBase
    except ImportError as error:
        raise ImportError("molecules need RDKit: pip install 'sklearn-ann-architectures[chem]'") from error
    if isinstance(X, str):
        raise TypeError(f"X must be a sequence of SMILES strings or molecules, got the string {X!r}")
    X = X.to_numpy() if hasattr(X, "to_numpy") else X  # a series, or a frame of one column
    if np.ndim(X) == 2 and np.shape(X)[1] != 1:
        raise ValueError(f"X must have one column of SMILES strings or molecules, got shape {np.shape(X)}")
    items = list(np.ravel(X)) if isinstance(X, np.ndarray) else list(X)
    if not items:
        raise ValueError("Found array with 0 sample(s) (shape=(0,)) while a minimum of 1 is required.")
    molecules = []
    for index, item in enumerate(items):
        molecule: Any = item
        if isinstance(item, str):
            with rdBase.BlockLogs():
                molecule = Chem.MolFromSmiles(item)
            if molecule is None:
                if invalid == "raise":
                    raise ValueError(f"molecule {index} is {item!r}, which RDKit cannot read as SMILES")
                molecule = Chem.Mol()
        elif not hasattr(item, "GetAtoms"):
            raise TypeError(f"molecule {index} is {item!r}; expected a SMILES string or an RDKit molecule")
        molecules.append(molecule)
    return molecules


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
        *_one_of(atom.GetChiralTag().name, CHIRALITIES), atom.GetMass() / 100,
    ]  # fmt: skip


def _bond(bond: Any) -> list[float]:
    return [
        *_one_of(bond.GetBondType().name, BONDS), bond.GetIsConjugated(), bond.IsInRing(),
        *_one_of(bond.GetStereo().name, STEREOS),
    ]  # fmt: skip
