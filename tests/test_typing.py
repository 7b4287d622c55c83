"""What a user's type checker and editor see."""

import json
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest
from sklearn.base import BaseEstimator

import sklearn_ann
from sklearn_ann.base.docstrings import split_entries, split_sections

USER = """
from typing import Any

import numpy as np
from sklearn_ann import (
    AttentionClassifier, AttentionRegressor, AttentionTransformer, AutoEncoderOutlierDetector, AutoEncoderTransformer,
    CNNClassifier, CNNRegressor, EntityEmbeddingTransformer, GANSampler, GCNClassifier, GCNNodeClassifier,
    GCNNodeRegressor, GCNRegressor, GraphConvolutionTransformer, GraphSet, MaskedSequenceModel, MoleculeEncoder,
    PatternDetector, PretrainedTransformer, RNNClassifier, RNNRegressor,
    SequenceEmbeddingTransformer, SequenceEncoder, SequenceTranslator, TabularClassifier, TabularRegressor,
    TensorFactorizationRegressor, VAESampler,
)

models = (
    AttentionClassifier(), AttentionRegressor(), AttentionTransformer(), AutoEncoderOutlierDetector(),
    AutoEncoderTransformer(), CNNClassifier(), CNNRegressor(), EntityEmbeddingTransformer(), GANSampler(),
    GCNClassifier(), GCNNodeClassifier(), GCNNodeRegressor(), GCNRegressor(),
    GraphConvolutionTransformer(pooling="sum"), MaskedSequenceModel(), MoleculeEncoder(),
    PatternDetector([np.ones((2, 2))]), PretrainedTransformer(print, list, pooling="max"), RNNClassifier(),
    RNNRegressor(cell="gru"), SequenceEmbeddingTransformer(), SequenceEncoder("dna"), SequenceTranslator(),
    TabularClassifier(), TabularRegressor(), TensorFactorizationRegressor(), VAESampler(),
)
model: CNNClassifier = CNNClassifier(max_epochs=3, conv_layers=((8, 3),), dropout=0.1, device="cpu", random_state=0)
labels: np.ndarray[Any, Any] = model.fit(["ACGT", "TTTT"] * 10, [0, 1] * 10).predict(["ACGT"])
wide = AutoEncoderTransformer(hidden_layer_sizes=(64, 32), loss="absolute_error", batch_size=None)
graphs: GraphSet = MoleculeEncoder(invalid="empty").fit_transform(["CCO"])
wide.fit(np.ones((3, 2))).transform(np.ones((3, 2))).round(2)
"""

# scikit-learn has no types, so that mypy lets unknown names pass.
WRONG = """
from sklearn_ann import CNNClassifier
CNNClassifier(dropout="much")
"""


def test_a_users_file_passes_mypy_strict_and_a_wrong_one_does_not(tmp_path):
    (tmp_path / "user.py").write_text(USER)
    (tmp_path / "wrong.py").write_text(WRONG)
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "user.py", "wrong.py"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    errors = [line for line in result.stdout.splitlines() if "error:" in line]
    assert len(errors) == 1, result.stdout
    assert errors[0].startswith('wrong.py:3: error: Argument "dropout" to "CNNClassifier"')


ESTIMATORS = [
    item
    for item in (getattr(sklearn_ann, name) for name in sklearn_ann.__all__)
    if isinstance(item, type) and issubclass(item, BaseEstimator)
]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_each_documented_attribute_is_declared_with_its_type_and_does_not_exist_before_fit(estimator):
    declared = {
        name
        for ancestor in estimator.__mro__
        for name in vars(ancestor).get("__annotations__", {})
        if name.endswith("_") and not name.startswith("_")
    }
    computed = {name for name in dir(estimator) if isinstance(getattr(estimator, name, None), property)}
    documented = split_entries(split_sections(estimator.__doc__).get("Attributes", ""))
    assert not documented.keys() - declared - computed
    assert not [name for name in declared - computed if hasattr(estimator, name)]


def test_an_editable_install_is_a_path_that_editors_follow():
    root = Path(sklearn_ann.__file__).parents[1]
    texts = [found.read_text("direct_url.json") for found in distributions(name="sklearn-ann-architectures")]
    origins = [json.loads(text) for text in texts if text]
    if not any(one["url"] == root.as_uri() and one.get("dir_info", {}).get("editable") for one in origins):
        pytest.skip("what is tested is no editable install")
    folders = [Path(folder) for folder in sys.path if Path(folder).name == "site-packages"]
    lines = [line for folder in folders for file in folder.glob("*.pth") for line in file.read_text().splitlines()]
    assert str(root) in lines
