"""ONNX graphs: onnxruntime returns what the estimator returns, for any number of samples, or there is no file."""

import functools
import importlib
import json
import logging
import random
import sys
import warnings

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from discovery import BRIEF, NEURAL, PUBLIC, CNNClassifierOfStrings, name_of
from leaves import DenseClassifier, DenseRegressor
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_ann
from sklearn_ann import (
    AutoEncoderOutlierDetector,
    AutoEncoderTransformer,
    CNNRegressor,
    MaskedSequenceModel,
    RNNRegressor,
    TabularClassifier,
    VAESampler,
    to_onnx,
)
from sklearn_ann.base import NeuralEstimator
from sklearn_ann.files import exchange, onnx_inputs

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
USUAL = ("predict", "predict_proba", "transform")
GRAPHS = {
    "AttentionClassifier", "AttentionRegressor", "AutoEncoderOutlierDetector", "AutoEncoderTransformer",
    "CNNClassifier", "CNNRegressor", "EntityEmbeddingTransformer", "MaskedSequenceModel", "RNNClassifier",
    "RNNRegressor", "TabularClassifier", "TabularRegressor", "VAESampler",
    "AttentionClassifierOfStrings", "CNNClassifierOfStrings", "CNNRegressorOfImages", "RNNClassifierOfStrings",
    "RNNRegressorOfSeries",
}  # fmt: skip
SMALL = {
    "n_layers": 1, "n_heads": 2, "n_components": 4, "hidden_layer_sizes": (6,), "hidden_size": 5, "n_members": 2,
    "conv_layers": ((4, 3, 2),), "max_epochs": 1,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _one_registry():
    """The exporter reads its list of translations, which does not change, anew for each graph: a second of time."""
    registry = getattr(importlib.import_module("torch.onnx._internal.exporter._registration"), "ONNXRegistry", None)
    with pytest.MonkeyPatch.context() as patch:
        if hasattr(registry, "from_torchlib"):
            patch.setattr(registry, "from_torchlib", staticmethod(functools.cache(registry.from_torchlib)))
        yield


def small(estimator):
    names = estimator().get_params()
    several = {"n_estimators": 2} if estimator is AutoEncoderOutlierDetector else {}
    return BRIEF | several | {name: value for name, value in SMALL.items() if name in names}


def run(path, model, X):
    session = onnxruntime.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, onnx_inputs(model, X)), strict=True))


def assert_equal(found, model, X):
    for name, values in found.items():
        own = np.asarray(getattr(model, name)(X))
        assert values.shape == own.shape
        if own.dtype.kind == "f":
            unit = own.std(axis=0) if name == "predict" else 1.0
            assert (np.abs(values - own) <= 1e-5 * np.maximum(unit, np.abs(own))).all()
        else:
            np.testing.assert_array_equal(values, own)


@pytest.mark.parametrize("estimator", [e for e in NEURAL if e not in (DenseClassifier, DenseRegressor)], ids=name_of)
def test_every_network_has_an_equal_graph_or_is_refused(estimator, data, tmp_path):
    X, y = data[0][:60], data[1][:60]
    model = estimator(**small(estimator)).fit(X, y)
    path = tmp_path / "model.onnx"
    if estimator.__name__ not in GRAPHS:
        with pytest.raises(
            NotImplementedError, match=rf"{estimator.__name__} cannot be converted to ONNX: .+ Graphs can be made"
        ):
            to_onnx(model, X[:1], path)
        assert not list(tmp_path.iterdir())
        return
    to_onnx(model, X[:2], path)
    found = run(path, model, X[:17])
    # What a masked model predicts is asked for by places, which are no part of the samples.
    usual = USUAL if estimator is not MaskedSequenceModel else ("transform",)
    assert set(found) == {name for name in usual if hasattr(model, name)}
    assert_equal(found, model, X[:17])
    assert_equal(run(path, model, X[:1]), model, X[:1])
    proto = onnx.load(path)
    onnx.checker.check_model(proto)
    assert {opset.domain: opset.version for opset in proto.opset_import}[""] == exchange.OPSET
    assert all(
        value.type.tensor_type.shape.dim[0].dim_param == "n_samples"
        for value in (*proto.graph.input, *proto.graph.output)
    )
    assert str(tmp_path.anchor + "tmp") not in str(proto)  # no paths of this machine
    assert sklearn_ann.__path__[0] not in str(proto)


@pytest.mark.parametrize("estimator", [e for e in PUBLIC if not issubclass(e, NeuralEstimator)], ids=name_of)
def test_what_has_no_network_is_refused(estimator, tmp_path):
    with pytest.raises(NotImplementedError, match=f"{estimator.__name__} has no network"):
        to_onnx(estimator.__new__(estimator), [[0.0]], tmp_path / "model.onnx")


def frame(n=90):
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    return pandas.DataFrame(
        {
            "leaf": rng.choice(["round", "long", None], n),
            "height": np.where(rng.uniform(size=n) < 0.2, np.nan, rng.normal(size=n).round(1)),
            "rings": rng.integers(0, 4, n),
        }
    )


def test_several_networks_name_the_classes_of_a_frame(tmp_path):
    X = frame()
    y = np.where(X["rings"] > 1, "old", np.where(X["leaf"] == "long", "new", "young"))
    model = TabularClassifier(n_estimators=2, **small(TabularClassifier)).fit(X, y)
    to_onnx(model, X[:1], tmp_path / "model.onnx")
    found = run(tmp_path / "model.onnx", model, X)
    assert_equal(found, model, X)
    assert set(found["predict"]) <= {"new", "old", "young"}
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    about = json.loads(session.get_modelmeta().custom_metadata_map["sklearn_ann"])
    assert about["classes"] == ["new", "old", "young"]
    assert about["inputs"]["X"]["columns"] == ["height", "rings"]
    assert about["inputs"]["codes"]["categories"] == [["long", "round"]]
    other = X[:3].assign(leaf=["square", None, "long"])  # unknown, missing, known
    assert onnx_inputs(model, X[:3].assign(leaf=["square", None, "long"]))["codes"].ravel().tolist() == [3, 2, 0]
    assert_equal(run(tmp_path / "model.onnx", model, other), model, other)


def test_several_labels_and_a_decision_function(digits, tmp_path):
    X, y = digits
    labels = np.column_stack([y == 3, y % 2])
    model = sklearn_ann.CNNClassifier(image_shape=(8, 8), **small(sklearn_ann.CNNClassifier)).fit(X, labels)
    to_onnx(model, X[:1], tmp_path / "model.onnx", methods=["predict", "predict_proba", "decision_function"])
    found = run(tmp_path / "model.onnx", model, X)
    assert set(found) == {"predict", "predict_proba", "decision_function"}
    assert_equal(found, model, X)


def test_several_targets_in_their_own_units(tmp_path):
    X, _ = load_iris(return_X_y=True)
    y = np.column_stack([1e6 * X[:, 0], 1e-6 * X[:, 1]])
    model = RNNRegressor(**small(RNNRegressor) | {"conv_layers": (), "cell": "gru", "n_estimators": 2}).fit(X, y)
    to_onnx(model, X[:1], tmp_path / "model.onnx")
    assert_equal(run(tmp_path / "model.onnx", model, X), model, X)


def test_neighbours_are_in_the_graph(tmp_path):
    X, y = load_iris(return_X_y=True)
    model = sklearn_ann.AttentionClassifier(attend="rows", **small(sklearn_ann.AttentionClassifier)).fit(X, y)
    to_onnx(model, X[:1], tmp_path / "model.onnx", methods=["predict_proba"])
    assert_equal(run(tmp_path / "model.onnx", model, X), model, X)


def test_images_are_rebuilt_in_their_shape_and_codes_decoded(digits, tmp_path):
    X = digits[0].reshape(-1, 8, 8)
    model = AutoEncoderTransformer(
        architecture="conv", image_shape=(8, 8), **small(AutoEncoderTransformer) | {"n_components": 3}
    ).fit(X)
    to_onnx(model, X[:1], tmp_path / "model.onnx", methods=["transform", "reconstruct"])
    found = run(tmp_path / "model.onnx", model, X[:9])
    assert found["reconstruct"].shape == (9, 8, 8)
    assert_equal(found, model, X[:9])
    to_onnx(model, found["transform"][:2], tmp_path / "decoder.onnx", methods=["inverse_transform"])
    session = onnxruntime.InferenceSession(tmp_path / "decoder.onnx")
    (decoded,) = session.run(None, {"X": found["transform"]})
    np.testing.assert_allclose(decoded.reshape(-1, 8, 8), found["reconstruct"], atol=1e-5)


def tiny():
    X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    return VAESampler(**small(VAESampler)).fit(X), X


def test_nothing_is_disturbed(tmp_path):
    model, X = tiny()
    model.module_.train()
    before = {name: value.clone() for name, value in model.module_.state_dict().items()}
    attributes, given = dict(vars(model)), [p.requires_grad for p in model.module_.parameters()]
    levels = {name: logging.getLogger(name).level for name in exchange._LOGGERS}
    np.random.seed(0), torch.manual_seed(0), random.seed(0)
    states = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    to_onnx(model, X[:1], tmp_path / "model.onnx")  # warnings are errors here
    assert random.getstate() == states[0]
    assert np.array_equal(np.random.get_state()[1], states[1])
    assert torch.equal(torch.get_rng_state(), states[2])
    assert model.module_.training
    assert [p.requires_grad for p in model.module_.parameters()] == given
    assert vars(model) == attributes
    assert all(torch.equal(value, before[name]) for name, value in model.module_.state_dict().items())
    assert {name: logging.getLogger(name).level for name in exchange._LOGGERS} == levels
    assert torch.is_grad_enabled()


def test_a_graph_that_differs_leaves_no_file_and_keeps_the_old_one(tmp_path, monkeypatch):
    model, X = tiny()
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")
    posterior = type(model.module_).posterior

    def other(self, x):
        found = posterior(self, x)
        return found._replace(mean=found.mean + 3e-5 * torch.compiler.is_exporting())

    monkeypatch.setattr(type(model.module_), "posterior", other)
    with pytest.raises(RuntimeError, match=r"VAESampler returns transform=.* No file was written"):
        to_onnx(model, X[:1], path)
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


def test_a_network_that_is_for_one_number_of_samples_is_refused(tmp_path, monkeypatch):
    model, X = tiny()
    posterior = type(model.module_).posterior

    def of_one_size(self, x):
        return posterior(self, x.reshape(len(x), -1))

    monkeypatch.setattr(type(model.module_), "posterior", of_one_size)
    with pytest.raises(NotImplementedError, match=r"torch cannot export the network of this VAESampler.*n_samples"):
        to_onnx(model, X[:1], tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_bad_input(tmp_path):
    model, X = tiny()
    path = tmp_path / "model.onnx"
    with pytest.raises(NotFittedError):
        to_onnx(clone(model), X, path)
    with pytest.raises(ValueError, match="0 sample"):
        to_onnx(model, X[:0], path)
    with pytest.raises(ValueError, match="2 features"):
        to_onnx(model, X[:, :2], path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        to_onnx(model, X, tmp_path / "missing" / "model.onnx")
    with pytest.raises(ValueError, match=r"ends in '\.onnx'"):
        to_onnx(model, X, tmp_path / "model.sklann")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        to_onnx(model, X, tmp_path / "folder.onnx")
    with pytest.raises(TypeError, match="expected a list of names"):
        to_onnx(model, X, path, methods="transform")
    with pytest.raises(
        ValueError, match=r"methods=\['predict'\]: expected some of \['transform', 'inverse_transform'\]"
    ):
        to_onnx(model, X, path, methods=["predict"])
    with pytest.raises(ValueError, match="must be the only method"):
        to_onnx(model, X, path, methods=["transform", "inverse_transform"])
    other = VAESampler(**small(VAESampler), precision="bfloat16").fit(X)
    with pytest.raises(ValueError, match="precision='bfloat16'"):
        to_onnx(other, X, path)
    assert not path.exists()


def test_what_is_not_ours(tmp_path):
    X, y = load_iris(return_X_y=True)
    settings = {"max_epochs": 1, "random_state": 0}
    pipeline = make_pipeline(StandardScaler(), TabularClassifier(**settings)).fit(X, y)
    search = GridSearchCV(TabularClassifier(**settings), {"dropout": [0.1]}, cv=2).fit(X, y)
    for model, message in (
        (pipeline, r"only the last step.*model\[-1\].*skl2onnx"),
        (search, "got GridSearchCV: give the TabularClassifier in it"),
        (LogisticRegression(), "got LogisticRegression"),
        ("model", "got str"),
    ):
        with pytest.raises(TypeError, match=message):
            to_onnx(model, X, tmp_path / "model.onnx")


def test_what_onnxruntime_cannot_run_is_refused(tmp_path):
    X = np.random.default_rng(0).normal(size=(40, 12))
    model = CNNRegressor(**small(CNNRegressor), precision="float64").fit(X, X[:, 0])
    with pytest.raises(NotImplementedError, match=r"onnxruntime cannot run .* precision is 'float64'"):
        to_onnx(model, X[:1], tmp_path / "model.onnx", methods=["predict"])
    assert not list(tmp_path.iterdir())


def test_samples_of_another_size_than_those_of_a_graph(tmp_path):
    strings = ["ACGTA", "TTCCG", "GATTA", "CCCCC"] * 5
    model = CNNClassifierOfStrings(**small(CNNClassifierOfStrings)).fit(strings, [0, 1, 0, 1] * 5)
    with pytest.raises(ValueError, match="another size than those in fit"):
        to_onnx(model, ["ACG"], tmp_path / "model.onnx")


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime", "onnxscript"])
def test_the_extra_is_named(missing, tmp_path, monkeypatch):
    model, X = tiny()
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"sklearn-ann-architectures\[onnx\]"):
        to_onnx(model, X, tmp_path / "model.onnx")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_network_on_cuda_stays_there(tmp_path):
    X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    model = VAESampler(**small(VAESampler), device="cuda").fit(X)
    to_onnx(model, X[:1], tmp_path / "model.onnx")
    assert next(model.module_.parameters()).device.type == "cuda"
    with warnings.catch_warnings():
        assert_equal(run(tmp_path / "model.onnx", model, X), model, X)
