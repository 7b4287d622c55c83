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
    assert len(read_molecules([["C"], ["CC"]])) == 2
    with pytest.raises(ValueError, match=r"one column of SMILES strings or molecules, got shape \(1, 2\)"):
        read_molecules([["C", "CC"]])
    with pytest.raises(ValueError, match="0 sample"):
        read_molecules([])


def signature(graph):
    """Atoms with their surroundings, in an order that does not depend on numbers: Weisfeiler and Leman."""
    labels = [tuple(row) for row in graph.X.tolist()]
    ends = list(zip(*graph.A.tocoo().coords, strict=True))
    for _ in range(4):
        around = [[] for _ in labels]
        for (i, j), bond in zip(ends, graph.E.tolist(), strict=True):
            around[i].append((bond, labels[j]))
        labels = [hash((own, str(sorted(others)))) for own, others in zip(labels, around, strict=True)]
    return sorted(labels)


@pytest.mark.parametrize(
    "smiles",
    [
        "N[C@@H](C)C(=O)O", "C[C@H]1CC[C@@H](C)CC1", "F/C=C\\F", "C[C@@H](O)[C@H](O)[C@@H](C)O", "c1ccc2[nH]ccc2c1",
        "O=C1C[C@H]2OCC=C3CN4CC[C@@]56[C@@H]4C[C@H]3[C@H]2[C@@H]5N1c1ccccc16", "C[S@](=O)CC", "C/C=N/O", "[2H]OC",
        "[O-][n+]1ccccc1.[Na+]", "[H]/N=C(/C)CC", "C12C3C4C1C5C2C3C45",
    ],
)  # fmt: skip
def test_features_do_not_depend_on_the_spelling(smiles):
    molecule, expected = Chem.MolFromSmiles(smiles), signature(encoded(smiles))
    kekule = Chem.Mol(molecule)
    Chem.Kekulize(kekule, clearAromaticFlags=True)
    spellings = [Chem.MolToSmiles(molecule, doRandom=True) for _ in range(5)]
    forms = [*spellings, Chem.MolToSmiles(kekule, kekuleSmiles=True), kekule, Chem.AddHs(molecule)]
    forms += [Chem.AddHs(Chem.MolFromSmiles(spelling)) for spelling in spellings]
    for form in read_molecules(forms):
        assert signature(GraphSet.of_parts([molecule_parts(form)])[0]) == expected


def test_stereoisomers_differ():
    for one, other in [("N[C@@H](C)C", "N[C@H](C)CO"), ("F/C=C/F", "F/C=C\\F")]:
        assert signature(encoded(one)) != signature(encoded(other))
    assert signature(encoded("C[C@H]1CC[C@@H](C)CC1")) != signature(encoded("C[C@H]1CC[C@H](C)CC1"))  # trans and cis
    X = dict(zip(ATOM_FEATURES, encoded("N[C@@H](C)C(=O)O").X.T, strict=True))  # L-alanine
    assert (X["chirality_s"].sum(), X["chirality_r"].sum()) == (1, 0)


def test_hydrogens_are_counted_at_heavy_atoms():
    methanol = Chem.AddHs(Chem.MolFromSmiles("CO"))
    [graph] = [GraphSet.of_parts([molecule_parts(m)])[0] for m in read_molecules([methanol])]
    np.testing.assert_array_equal(graph.X, encoded("CO").X)
    assert methanol.GetNumAtoms() == 6  # the caller's molecule stays
    assert [m.GetNumAtoms() for m in read_molecules(["[H][H]", "[2H]OC", "[H]OC"])] == [2, 3, 2]


def test_a_molecule_that_is_not_sanitised_is_named():
    raw = Chem.MolFromSmiles("c1ccccc1", sanitize=False)
    with pytest.raises(ValueError, match=r"molecule 1 is a Mol that is not sanitised: call Chem.SanitizeMol"):
        read_molecules([Chem.MolFromSmiles("C"), raw])
    wrong = Chem.MolFromSmiles("C(C)(C)(C)(C)C", sanitize=False)
    wrong.UpdatePropertyCache(strict=False)
    with pytest.raises(ValueError, match=r"molecule 0 is a Mol that Chem.SanitizeMol refuses"):
        read_molecules([wrong])


def test_what_is_no_sequence_is_refused():
    for X in (Chem.MolFromSmiles("C"), {"a": "C"}, {"C"}, 3, None):
        with pytest.raises(TypeError, match="X must be a sequence of SMILES strings or molecules, got one"):
            read_molecules(X)


@pytest.mark.parametrize(
    ("smiles", "n_atoms"),
    [
        ("[Na+].[Cl-]", 2), ("C[N+](C)(C)CC(=O)[O-]", 8), ("[13CH4]", 1), ("[2H]C", 2), ("[Fe+2]", 1),
        ("N[Pt](Cl)(Cl)N", 5), ("*CC", 3), ("[*:1]C", 2), ("C" * 3000, 3000),
    ],
)  # fmt: skip
def test_odd_molecules_are_read(smiles, n_atoms):
    X = encoded(smiles).X
    assert len(X) == n_atoms
    assert np.isfinite(X).all()
