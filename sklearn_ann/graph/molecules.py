"""Molecules as graphs, by RDKit (extra ``chem``)."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils import Tags

from sklearn_ann.base.parameters import DeclaredParameters
from sklearn_ann.graph.container import GraphSet
from sklearn_ann.graph.conversion import _gather, _Parts

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
    """Read SMILES strings; molecules stay as they are. `invalid` as in `MoleculeEncoder`."""
    try:
        from rdkit import Chem, rdBase
    except ImportError as error:
        raise ImportError("molecules need RDKit: pip install 'sklearn-ann-architectures[chem]'") from error
    if isinstance(X, str):
        raise TypeError(f"X must be a sequence of SMILES strings or molecules, got the string {X!r}")
    X = X.to_numpy() if hasattr(X, "to_numpy") else X  # a series, or a frame of one column
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


class MoleculeEncoder(TransformerMixin, DeclaredParameters, auto_wrap_output_keys=None):
    """Turn molecules into graphs whose nodes are the heavy atoms and whose edges are the bonds.

    Needs RDKit: ``pip install "sklearn-ann-architectures[chem]"``.

    Features of an atom, 0 or 1 unless said otherwise:

    - ``element_*``: its element, one of B, C, N, O, F, Si, P, S, Cl, Se, Br, I or another;
    - ``degree_0`` to ``degree_5``: bonds to heavy atoms, 5 for more;
    - ``hydrogens_0`` to ``hydrogens_4``: hydrogens at it, 4 for more;
    - ``hybridization_*``: sp, sp², sp³, sp³d, sp³d²;
    - ``charge``: formal charge, in elementary charges; ``radical_electrons``: their number;
    - ``aromatic``, ``in_ring``, ``in_ring_of_3`` to ``in_ring_of_7``;
    - ``chi_tetrahedral_cw``, ``chi_tetrahedral_ccw``: stereo centre as written in the SMILES;
    - ``mass``: in units of 100 daltons.

    Features of a bond: ``bond_single``, ``bond_double``, ``bond_triple``, ``bond_aromatic``, ``conjugated``,
    ``in_ring``, ``stereoz``, ``stereoe``.

    Parameters
    ----------
    invalid : {"raise", "empty"}
        What to do with a SMILES that RDKit cannot read: raise an error that names its index and text, or make a graph
        without atoms of it, which ``n_nodes == 0`` finds.

    Examples
    --------
    >>> from sklearn_ann import MoleculeEncoder
    >>> MoleculeEncoder().fit_transform(["CCO", "c1ccccc1"])
    GraphSet(2 graphs, 9 nodes, 16 edges, 41 node features, 8 edge features)
    """

    invalid: Literal["raise", "empty"] = "raise"

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters; there is nothing to learn.

        Parameters
        ----------
        X : ignored
            Not used; part of scikit-learn's interface.
        y : ignored
            Not used; part of scikit-learn's interface.

        Returns
        -------
        self
        """
        self._validate_params()
        return self

    def transform(self, X: Any) -> GraphSet:
        """Encode molecules.

        Parameters
        ----------
        X : sequence, array, series or one-column frame of SMILES strings or RDKit molecules
            The samples.

        Returns
        -------
        GraphSet
            One graph for each molecule; an undirected bond is two entries of the adjacency matrix.

        Raises
        ------
        ImportError
            If RDKit is missing.
        TypeError
            If an item is neither a string nor a molecule.
        ValueError
            If a SMILES is invalid.
        """
        return _gather([_as_graph(molecule) for molecule in read_molecules(X, self.invalid)])

    def set_output(self, *, transform: Any = None) -> Self:
        """Do nothing: graphs are no table. A pipeline that is told to return tables passes it on.

        Parameters
        ----------
        transform : ignored
            Not used; part of scikit-learn's interface.

        Returns
        -------
        self
        """
        return self

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the atoms' features.

        Parameters
        ----------
        input_features : ignored
            Not used; part of scikit-learn's interface.

        Returns
        -------
        array of str
        """
        return np.array(ATOM_FEATURES, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags


def _as_graph(molecule: Any) -> _Parts:
    n = molecule.GetNumAtoms()
    X = np.array([_atom(atom) for atom in molecule.GetAtoms()], dtype=np.float32).reshape(n, len(ATOM_FEATURES))
    bonds = list(molecule.GetBonds())
    begin = np.array([bond.GetBeginAtomIdx() for bond in bonds], dtype=np.int64)
    end = np.array([bond.GetEndAtomIdx() for bond in bonds], dtype=np.int64)
    E = np.array([_bond(bond) for bond in bonds], dtype=np.float32).reshape(len(bonds), len(BOND_FEATURES))
    return _Parts(X, np.r_[begin, end], np.r_[end, begin], None, np.concatenate([E, E]), n)


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
