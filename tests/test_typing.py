"""What a user's type checker and editor see."""

import json
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import numpy as np
import pytest
import shown_code
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


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """What mypy, run once and without our configuration, says of all code that is shown and of the two files above."""
    folder = tmp_path_factory.mktemp("shown")
    (folder / "user.py").write_text(USER)
    (folder / "wrong.py").write_text(WRONG)
    assert shown_code.write(folder) > 50
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(folder / "cache")]
    # Libraries without types, extras that are not installed, and functions without annotations in typed libraries.
    command += ["--disable-error-code=import-untyped", "--disable-error-code=import-not-found"]
    command += [f"--untyped-calls-exclude={library}" for library in ("dask", "distributed", "torch")]
    command += ["--follow-imports=silent"]
    result = subprocess.run([*command, "."], capture_output=True, text=True, cwd=folder, check=False)
    assert "checked" in result.stdout, result.stdout + result.stderr
    return [line for line in result.stdout.splitlines() if "error:" in line]


@pytest.mark.skipif(
    tuple(map(int, np.__version__.split(".")[:2])) < (2, 4), reason="before NumPy 2.4, types of arrays need arguments"
)
def test_a_users_file_and_all_code_that_is_shown_pass_mypy_strict(report):
    assert [line for line in report if not line.startswith("wrong.py")] == []


def test_a_wrong_file_does_not_pass(report):
    (error,) = [line for line in report if line.startswith("wrong.py")]
    assert error.startswith('wrong.py:3: error: Argument "dropout" to "CNNClassifier"')


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
