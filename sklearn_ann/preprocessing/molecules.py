"""MoleculeEncoder: converts molecules to graphs for graph estimators."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags

from sklearn_ann.base.parameters import declared
from sklearn_ann.reading.graphs import GraphSet
from sklearn_ann.reading.graphs.conversion import Origin
from sklearn_ann.reading.graphs.molecules import ATOM_FEATURES, molecule_parts, read_molecules


@declared
class MoleculeEncoder(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[call-arg]
    """Convert molecules to graphs: the nodes are the heavy atoms, the edges are the bonds.

    Needs RDKit: ``pip install "sklearn-ann-architectures[chem]"``.

    All features are properties of the molecule: they do not depend on how its SMILES string is written or in which
    order its atoms are numbered. Explicit hydrogens are counted at their heavy atom; isotopes such as ``[2H]``, protons
    and the hydrogen molecule stay atoms.

    Features of an atom, 0 or 1 unless stated otherwise:

    - ``element_*``: the element, one of B, C, N, O, F, Si, P, S, Cl, Se, Br, I or another;
    - ``degree_0`` to ``degree_5``: number of bonds to heavy atoms, at most 5;
    - ``hydrogens_0`` to ``hydrogens_4``: number of bound hydrogens, at most 4;
    - ``hybridization_*``: sp, sp², sp³, sp³d, sp³d²;
    - ``charge``: formal charge, in elementary charges; ``radical_electrons``: number of radical electrons;
    - ``aromatic``, ``in_ring``, ``in_ring_of_3`` to ``in_ring_of_7``;
    - ``chirality_r``, ``chirality_s``: stereo centre, by the rules of Cahn, Ingold and Prelog;
    - ``mass``: mass in units of 100 daltons.

    Features of a bond: ``bond_single``, ``bond_double``, ``bond_triple``, ``bond_aromatic``, ``conjugated``,
    ``in_ring``, ``stereoz``, ``stereoe`` (by the same rules).

    Parameters
    ----------
    invalid : {"raise", "empty"}
        How to treat a sample without a molecule: None, NaN, an empty string, or a SMILES string that RDKit cannot read.
        ``"raise"`` raises an error with its index and value. ``"empty"`` returns a graph without atoms, which
        ``n_nodes == 0`` finds; predictions for such a graph are NaN.

    Examples
    --------
    >>> from sklearn_ann import MoleculeEncoder
    >>> MoleculeEncoder().fit_transform(["CCO", "c1ccccc1"])
    GraphSet(2 graphs, 9 nodes, 16 edges, 41 node features, 8 edge features)
    """

    invalid: Literal["raise", "empty"] = "raise"

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check the parameters; the encoder learns nothing.

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
            One graph for each molecule. A bond is two entries of the adjacency matrix.

        Raises
        ------
        ImportError
            If RDKit is missing.
        TypeError
            If an item is neither a string nor a molecule.
        ValueError
            If a sample has no molecule, or a molecule is not sanitised.
        """
        self._validate_params()
        parts = [molecule_parts(molecule) for molecule in read_molecules(X, self.invalid)]
        return GraphSet.of_parts(parts, Origin("molecule", "molecule"))

    def set_output(self, *, transform: Any = None) -> Self:
        """Do nothing, because graphs are not tabular; a pipeline calls it for all its steps.

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
        """Return the names of the atom features.

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
