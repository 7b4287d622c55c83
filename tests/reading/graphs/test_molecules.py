"""Features of atoms and bonds, against what chemistry says."""

import numpy as np
import pytest

from sklearn_ann.reading.graphs import GraphSet
from sklearn_ann.reading.graphs.molecules import ATOM_FEATURES, BOND_FEATURES, molecule_parts, read_molecules

Chem = pytest.importorskip("rdkit.Chem", reason="RDKit is the extra chem")


def encoded(smiles):
    return GraphSet.of_parts([molecule_parts(molecule) for molecule in read_molecules([smiles])])[0]


def test_ethanol():
    graph = encoded("CCO")
    X = dict(zip(ATOM_FEATURES, graph.X.T, strict=True))
    assert X["element_C"].tolist() == [1, 1, 0]
    assert X["element_O"].tolist() == [0, 0, 1]
    assert X["hydrogens_3"].tolist() == [1, 0, 0]
    assert X["degree_2"].tolist() == [0, 1, 0]
    assert X["mass"] == pytest.approx([0.12011, 0.12011, 0.15999], rel=1e-3)
    np.testing.assert_array_equal(graph.A.toarray(), [[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    assert graph.E[:, BOND_FEATURES.index("bond_single")].tolist() == [1, 1, 1, 1]


def test_rings_charges_and_stereo():
    X = dict(zip(ATOM_FEATURES, encoded("c1ccccc1[NH3+]").X.T, strict=True))
    assert X["aromatic"].tolist() == [1] * 6 + [0]
    assert X["in_ring_of_6"].tolist() == [1] * 6 + [0]
    assert X["charge"].tolist() == [0] * 6 + [1]
    left, right = (encoded(smiles).X for smiles in ("C[C@H](O)F", "C[C@@H](O)F"))
    assert (left != right).any()
    bonds = encoded("F/C=C/F").E
    assert bonds[:, BOND_FEATURES.index("bond_double")].sum() == 2
    assert bonds[:, BOND_FEATURES.index("stereoe")].sum() == 2


def test_the_order_of_atoms_in_a_smiles_does_not_matter():
    molecule = Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)O")
    order = np.random.RandomState(0).permutation(molecule.GetNumAtoms())
    one, other = encoded("CC(=O)Oc1ccccc1C(=O)O"), molecule_parts(Chem.RenumberAtoms(molecule, order.tolist()))
    np.testing.assert_array_equal(other.X, one.X[order])
    np.testing.assert_array_equal(GraphSet.of_parts([other])[0].A.toarray(), one.A.toarray()[order][:, order])


def test_each_atom_has_one_element_one_degree_and_one_number_of_hydrogens():
    X = encoded("C[Fe](C)(C)(C)(C)(C)C.[BH4-].CS(=O)(=O)Cl").X
    for kind in ("element_", "degree_", "hydrogens_"):
        columns = [name.startswith(kind) for name in ATOM_FEATURES]
        np.testing.assert_array_equal(X[:, columns].sum(axis=1), 1)


def test_only_one_column_of_molecules_is_read():
    assert len(read_molecules(np.array([["C"], ["CC"]]))) == 2
    with pytest.raises(ValueError, match=r"one column of SMILES strings or molecules, got shape \(1, 2\)"):
        read_molecules(np.array([["C", "CC"]]))
    with pytest.raises(ValueError, match="0 sample"):
        read_molecules([])
