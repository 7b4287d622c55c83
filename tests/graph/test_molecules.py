"""MoleculeEncoder."""

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from sklearn_ann import GCNRegressor, MoleculeEncoder
from sklearn_ann.graph.molecules import ATOM_FEATURES, BOND_FEATURES

Chem = pytest.importorskip("rdkit.Chem", reason="RDKit is the extra chem")


def test_ethanol():
    graph = MoleculeEncoder().fit_transform(["CCO"])[0]
    X = dict(zip(ATOM_FEATURES, graph.X.T, strict=True))
    assert X["element_C"].tolist() == [1, 1, 0]
    assert X["element_O"].tolist() == [0, 0, 1]
    assert X["hydrogens_3"].tolist() == [1, 0, 0]
    assert X["degree_2"].tolist() == [0, 1, 0]
    assert X["mass"] == pytest.approx([0.12011, 0.12011, 0.15999], rel=1e-3)
    np.testing.assert_array_equal(graph.A.toarray(), [[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    assert graph.E[:, BOND_FEATURES.index("bond_single")].tolist() == [1, 1, 1, 1]


def test_rings_charges_and_stereo():
    X = dict(zip(ATOM_FEATURES, MoleculeEncoder().transform(["c1ccccc1[NH3+]"])[0].X.T, strict=True))
    assert X["aromatic"].tolist() == [1] * 6 + [0]
    assert X["in_ring_of_6"].tolist() == [1] * 6 + [0]
    assert X["charge"].tolist() == [0] * 6 + [1]
    left, right = (MoleculeEncoder().transform([s])[0].X for s in ("C[C@H](O)F", "C[C@@H](O)F"))
    assert (left != right).any()
    bonds = MoleculeEncoder().transform(["F/C=C/F"])[0].E
    assert bonds[:, BOND_FEATURES.index("bond_double")].sum() == 2
    assert bonds[:, BOND_FEATURES.index("stereoe")].sum() == 2


def test_names_match_the_columns():
    encoder = MoleculeEncoder()
    graphs = encoder.transform(["C", "[Fe]", "[Na+].[Cl-]"])
    assert graphs.node_features.shape[1] == len(encoder.get_feature_names_out())
    assert graphs.edge_features.shape == (0, len(BOND_FEATURES))
    assert graphs.n_nodes.tolist() == [1, 1, 2]


def test_molecules_are_taken_too():
    smiles = ["CCO", "c1ccccc1"]
    molecules = [Chem.MolFromSmiles(text) for text in smiles]
    one, other = MoleculeEncoder().transform(smiles), MoleculeEncoder().transform(molecules)
    np.testing.assert_array_equal(one.node_features, other.node_features)
    y = [0.0, 1.0]
    settings = {"max_epochs": 2, "learning_rate_schedule": "cosine", "random_state": 0}
    direct = GCNRegressor(**settings).fit(molecules, y).predict(molecules)
    piped = make_pipeline(MoleculeEncoder(), GCNRegressor(**settings)).fit(np.array(smiles), y).predict(smiles)
    np.testing.assert_array_equal(direct, piped)


def test_smiles_in_a_table():
    table = pd.DataFrame({"smiles": ["CCO", "C"]}, index=[7, 9])
    for X in (table, table["smiles"], table.to_numpy()):
        assert MoleculeEncoder().transform(X).n_nodes.tolist() == [3, 1]


def test_pipelines_that_return_tables_pass():
    smiles, y = ["CCO", "CC", "C", "CN"], [0.0, 1.0, 0.0, 1.0]
    settings = {"max_epochs": 2, "learning_rate_schedule": "cosine", "random_state": 0}
    pipe = make_pipeline(MoleculeEncoder(), GCNRegressor(**settings)).set_output(transform="pandas").fit(smiles, y)
    assert isinstance(pipe.transform(smiles), pd.DataFrame)
    with config_context(transform_output="pandas"):
        make_pipeline(MoleculeEncoder(), GCNRegressor(**settings)).fit(smiles, y)


def test_invalid_smiles_are_named_or_flagged(capfd):
    with pytest.raises(ValueError, match="molecule 1 is 'C1CC', which RDKit cannot read as SMILES"):
        MoleculeEncoder().transform(["CC", "C1CC"])
    assert MoleculeEncoder(invalid="empty").fit_transform(["CC", "C1CC"]).n_nodes.tolist() == [2, 0]
    assert capfd.readouterr().err == ""
    with pytest.raises(TypeError, match="molecule 0 is 3; expected a SMILES"):
        MoleculeEncoder().transform([3])
    with pytest.raises(TypeError, match="got the string 'CCO'"):
        MoleculeEncoder().transform("CCO")
    with pytest.raises(ValueError, match="'invalid' parameter of MoleculeEncoder"):
        MoleculeEncoder(invalid="skip").fit(["C"])
    assert clone(MoleculeEncoder(invalid="empty")).invalid == "empty"


def test_a_missing_rdkit_names_the_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "rdkit", None)
    with pytest.raises(ImportError, match=r"sklearn-ann-architectures\[chem\]"):
        MoleculeEncoder().transform(["C"])
