"""MoleculeEncoder takes molecules in every form and passes through pipelines."""

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from sklearn_ann import GCNRegressor, MoleculeEncoder
from sklearn_ann.reading.graphs.molecules import BOND_FEATURES

Chem = pytest.importorskip("rdkit.Chem", reason="RDKit is the extra chem")


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
    missing = ["CC", None, float("nan"), pd.NA, "", " ", "C1CC", Chem.Mol()]
    for X in (missing, np.array(missing, dtype=object), pd.Series(missing), pd.DataFrame({"smiles": missing})):
        assert MoleculeEncoder(invalid="empty").fit_transform(X).n_nodes.tolist() == [2] + [0] * 7
    for value in missing[1:]:
        with pytest.raises(ValueError, match=r"molecule 1 is .*invalid='empty'.*n_nodes > 0"):
            MoleculeEncoder().fit_transform(["CC", value])
    with pytest.raises(TypeError, match="molecule 0 is 3; expected a SMILES"):
        MoleculeEncoder().transform([3])
    with pytest.raises(TypeError, match="got the string 'CCO'"):
        MoleculeEncoder().transform("CCO")
    with pytest.raises(ValueError, match="'invalid' parameter of MoleculeEncoder"):
        MoleculeEncoder(invalid="skip").fit(["C"])
    with pytest.raises(ValueError, match="'invalid' parameter of MoleculeEncoder"):
        MoleculeEncoder(invalid="skip").transform(["C"])
    assert clone(MoleculeEncoder(invalid="empty")).invalid == "empty"


def test_two_columns_of_smiles_are_refused():
    with pytest.raises(ValueError, match=r"one column of SMILES strings or molecules, got shape \(2, 2\)"):
        MoleculeEncoder().transform(pd.DataFrame({"a": ["C", "CC"], "b": ["O", "N"]}))


def test_predictions_without_a_molecule_are_missing():
    settings = {"max_epochs": 2, "learning_rate_schedule": "cosine", "random_state": 0}
    pipe = make_pipeline(MoleculeEncoder(invalid="empty"), GCNRegressor(**settings)).fit(
        ["CCO", "CC", "C"], [0.0, 1, 2]
    )
    predicted = pipe.predict(["CCO", None, "C1CC"])
    assert np.isnan(predicted).tolist() == [False, True, True]


def test_one_molecule_has_one_prediction():
    smiles = ["N[C@@H](C)C(=O)O", "N[C@H](C)C(=O)O"]
    settings = {"max_epochs": 20, "learning_rate_schedule": "cosine", "random_state": 0}
    pipe = make_pipeline(MoleculeEncoder(), GCNRegressor(**settings)).fit(smiles * 8, [0.0, 1] * 8)
    one, other = pipe.predict(["N[C@@H](C)C(=O)O", "C[C@H](N)C(=O)O"])
    assert one == pytest.approx(other, abs=1e-5)
    assert abs(pipe.predict(smiles[1:])[0] - one) > 0.3


def test_a_missing_rdkit_names_the_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "rdkit", None)
    with pytest.raises(ImportError, match=r"sklearn-ann-architectures\[chem\]"):
        MoleculeEncoder().transform(["C"])


def test_features_of_whole_molecules_are_chosen():
    smiles = ["CCO", "c1ccccc1", None]
    graphs = MoleculeEncoder(graph_features=["descriptors", "qed"], invalid="empty").fit_transform(smiles)
    assert graphs.graph_features.shape == (3, 73)
    assert graphs.graph_feature_names[-1] == "qed"
    assert MoleculeEncoder(graph_features=None).fit_transform(smiles[:2]).graph_features is None
    np.testing.assert_array_equal(graphs[2].graph_features, 0)
    for wrong, kind in (("weight", ValueError), (3, TypeError)):
        for call in (MoleculeEncoder(graph_features=wrong).fit, MoleculeEncoder(graph_features=wrong).transform):
            with pytest.raises(kind, match="graph_features"):
                call(["C"])
    settings = {"max_epochs": 2, "learning_rate_schedule": "cosine", "random_state": 0}
    pipe = make_pipeline(MoleculeEncoder(graph_features="descriptors"), GCNRegressor(**settings))
    assert np.isfinite(pipe.fit(smiles[:2], [0.0, 1.0]).predict(smiles[:2])).all()
