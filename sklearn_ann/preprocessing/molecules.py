"""MoleculeEncoder: converts molecules to graphs for graph estimators."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags

from sklearn_ann.base.links import DocumentedMixin
from sklearn_ann.base.parameters import declared
from sklearn_ann.reading.graphs import GraphSet
from sklearn_ann.reading.graphs.conversion import graphs_of_molecules
from sklearn_ann.reading.graphs.descriptors import chosen_features
from sklearn_ann.reading.graphs.molecules import ATOM_FEATURES, read_molecules


@declared
class MoleculeEncoder(TransformerMixin, DocumentedMixin, BaseEstimator, auto_wrap_output_keys=None):  # type: ignore[call-arg]
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

    graph_features : {"auto", "descriptors", "fingerprints"}, list of str or None
        Features of whole molecules, which estimators for graphs read beside the atoms. ``"descriptors"`` are 72 numbers
        that RDKit computes in less than a millisecond: the partition coefficient and the molar refractivity of Wildman
        and Crippen (1999), polar surface, molecular weight, counts of rings, bonds and donors of hydrogen bonds,
        indices of shape and connectivity, and surface areas by partial charge, refractivity and solubility.
        ``"fingerprints"`` are the logarithms of 1 + the number of times that each circular substructure of radius 2
        occurs (Morgan fingerprints: Rogers and Hahn 2010), folded to 1,024 columns. A list joins several of these and
        names of RDKit's descriptors, such as ``"qed"``. None adds nothing. ``"auto"`` is
        ``["descriptors", "fingerprints"]``.

    References
    ----------
    Wildman, S. A. and Crippen, G. M. (1999). Prediction of physicochemical parameters by atomic contributions. Journal
    of Chemical Information and Computer Sciences 39.

    Rogers, D. and Hahn, M. (2010). Extended-connectivity fingerprints. Journal of Chemical Information and Modeling 50.

    Examples
    --------
    >>> from sklearn_ann import MoleculeEncoder
    >>> MoleculeEncoder(graph_features="descriptors").fit_transform(["CCO", "c1ccccc1"])
    GraphSet(2 graphs, 9 nodes, 16 edges, 41 node features, 8 edge features, 72 graph features)
    """

    invalid: Literal["raise", "empty"] = "raise"
    graph_features: Any = "auto"

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
        chosen_features(self.graph_features)
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
            If an item is neither a string nor a molecule, or `graph_features` is of another type.
        ValueError
            If a sample has no molecule, a molecule is not sanitised, or RDKit has no descriptor of a name.
        """
        self._validate_params()
        chosen = chosen_features(self.graph_features)
        return GraphSet.of_parts(*graphs_of_molecules(read_molecules(X, self.invalid), chosen))

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
