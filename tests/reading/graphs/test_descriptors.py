"""Features of whole molecules, against RDKit's own tables and what chemistry says."""

import numpy as np
import pytest

from sklearn_ann.reading.graphs.descriptors import N_FINGERPRINT, chosen_features, molecule_features
from sklearn_ann.reading.graphs.molecules import read_molecules

Chem = pytest.importorskip("rdkit.Chem", reason="RDKit is the extra chem")


def described(smiles, chosen=("descriptors",), invalid="raise"):
    return molecule_features(read_molecules(smiles, invalid), chosen)


def test_descriptors_are_those_of_rdkit():
    from rdkit.Chem import Descriptors

    smiles = ["CC(=O)Oc1ccccc1C(=O)O", "C[N+](C)(C)CC(=O)[O-]", "C1CC2(C1)CCC2"]
    values, names = described(smiles)
    assert values.shape == (3, 72)
    assert len(set(names)) == 72
    there = dict(Descriptors.descList)
    shared = [name for name in names if name in there]
    assert len(shared) > 50
    for molecule, row in zip(map(Chem.MolFromSmiles, smiles), values, strict=True):
        for name in shared:
            assert row[names.index(name)] == pytest.approx(there[name](molecule), rel=1e-5, abs=1e-6), name
    assert values[:, names.index("AromaticProportion")] == pytest.approx([6 / 13, 0, 0])
    assert values[:, names.index("NumSpiroAtoms")].tolist() == [0, 0, 1]


def test_fingerprints_count_substructures():
    values, names = described(["CCO", "OCC", "CCCCCCO"], ["fingerprints"])
    assert values.shape == (3, N_FINGERPRINT)
    assert names[:2] == ["Morgan0", "Morgan1"]
    np.testing.assert_array_equal(values[0], values[1])
    assert values[2].max() == pytest.approx(np.log1p(5))  # five CH2


def test_features_do_not_depend_on_the_spelling():
    molecule = Chem.MolFromSmiles("CC(=O)Oc1ccccc1C(=O)N[C@@H](C)C(=O)O")
    spellings = [Chem.MolToSmiles(molecule, doRandom=True) for _ in range(5)]
    values, _ = described([molecule, Chem.AddHs(molecule), *spellings], ["descriptors", "fingerprints"])
    np.testing.assert_allclose(values, np.tile(values[0], (7, 1)), rtol=1e-5, atol=1e-5)


def test_odd_molecules_have_finite_features():
    odd = ["[Na+].[Cl-]", "*CC", "[H][H]", "[Fe+2]", "N[Pt](Cl)(Cl)N", "C" * 500, None]
    values, _ = described(odd, ["descriptors", "fingerprints", "MaxPartialCharge", "Ipc", "SPS"], invalid="empty")
    assert np.isfinite(values).all()
    assert not values[-1].any()


def test_what_to_compute_is_chosen():
    assert chosen_features(None) == []
    assert chosen_features("descriptors") == ["descriptors"]
    assert chosen_features(("qed", "MolLogP")) == ["qed", "MolLogP"]
    assert described(["c1ccccc1"], ["MolLogP"])[0][0] == pytest.approx(1.6866)
    with pytest.raises(ValueError, match="graph_features has 'logp', which is neither"):
        described(["C"], ["logp"])
    for wrong in (3, [1], {"qed"}):
        with pytest.raises(TypeError, match="graph_features must be 'auto'"):
            chosen_features(wrong)
