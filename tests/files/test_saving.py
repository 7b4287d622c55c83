"""Saving and loading: the model that comes back is the model that went."""

import json
import subprocess
import sys
import zipfile

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from discovery import BRIEF, NEURAL, PUBLIC, name_of
from forging import forge, members
from scipy.stats import uniform
from sklearn.base import BaseEstimator, clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_ann import (
    AttentionClassifier,
    AutoEncoderTransformer,
    CNNClassifier,
    ModelFileError,
    MoleculeEncoder,
    PatternDetector,
    SequenceEncoder,
    TabularClassifier,
    load,
    save,
)
from sklearn_ann.model_selection import StackedSearchCV

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.*outputs were cut:UserWarning"),  # of a translator that has learned nothing
]
every_estimator = pytest.mark.parametrize("estimator", NEURAL, ids=name_of)
STAND_INS = [estimator for estimator in NEURAL if estimator not in PUBLIC]
OUTPUTS = ("predict", "predict_proba", "transform", "decision_function", "score_samples", "inverse_transform")


def equal(one, other):
    if sp.issparse(one):
        one, other = one.toarray(), other.toarray()
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    one, other = np.asarray(one), np.asarray(other)
    if one.dtype == object and one.ndim:
        return one.shape == other.shape and all(map(equal, one.ravel().tolist(), other.ravel().tolist()))
    return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def outputs(model, X):
    found = {name: getattr(model, name)(X) for name in OUTPUTS[:-1] if hasattr(model, name)}
    if hasattr(model, "inverse_transform") and "transform" in found:
        found["inverse_transform"] = model.inverse_transform(found["transform"])
    if hasattr(model, "sample"):
        found["sample"] = model.sample(5, random_state=1)
    return found


def assert_same(one, other, X):
    before, after = outputs(one, X), outputs(other, X)
    assert set(before) == set(after)
    assert [name for name in before if not equal(before[name], after[name])] == []


def tripped(model, folder, **options):
    save(model, folder / "model.sklann", **options)
    return load(folder / "model.sklann", trusted=options.get("trusted", ()))


@every_estimator
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_all_outputs_are_bit_equal(estimator, precision, data, tmp_path):
    X, y = data[0][:60], data[1][:60]
    model = estimator(**BRIEF | {"max_epochs": 1}, precision=precision).fit(X, y)
    again = tripped(model, tmp_path, trusted=STAND_INS)
    assert type(again) is estimator
    assert_same(model, again, X)
    assert repr(model.get_params()) == repr(again.get_params())
    assert model.history_ == again.history_
    assert sorted(vars(model)) == sorted(vars(again))
    joblib.dump(model, tmp_path / "model.joblib")
    assert (tmp_path / "model.sklann").stat().st_size <= 1.1 * (tmp_path / "model.joblib").stat().st_size


@every_estimator
def test_training_goes_on(estimator, data, tmp_path):
    X, y = data[0][:60], data[1][:60]
    model = estimator(**BRIEF | {"max_epochs": 1}).fit(X, y)
    with_optimizer = tripped(model, tmp_path, trusted=STAND_INS, optimizer=True)
    without = tripped(model, tmp_path, trusted=STAND_INS)
    assert_same(model.partial_fit(X, y), with_optimizer.partial_fit(X, y), X)
    assert without.partial_fit(X, y).n_iter_ == model.n_iter_
    assert without.set_params(warm_start=True).fit(X, y).n_iter_ > model.n_iter_


@pytest.mark.parametrize("estimator", PUBLIC, ids=name_of)
def test_what_is_not_fitted(estimator, tmp_path):
    model = estimator(np.ones((3, 3))) if estimator is PatternDetector else estimator()
    again = tripped(model, tmp_path)
    assert repr(again.get_params()) == repr(model.get_params())


X, Y = load_iris(return_X_y=True)
QUICK = {"max_epochs": 3, "random_state": 0}


def scaled_network():
    return make_pipeline(StandardScaler(), TabularClassifier(**QUICK))


@pytest.mark.parametrize(
    "model",
    [
        scaled_network(),
        make_pipeline(AutoEncoderTransformer(**QUICK), RandomForestClassifier(5, random_state=0)),
        make_pipeline(AutoEncoderTransformer(**QUICK), KNeighborsClassifier(3, algorithm="ball_tree")),
        make_pipeline(
            ColumnTransformer(
                [("a", AutoEncoderTransformer(n_components=1, **QUICK), [0, 1]), ("b", "passthrough", [2])]
            ),
            LogisticRegression(),
        ),
        make_pipeline(
            FeatureUnion([("f", FunctionTransformer(np.log1p)), ("a", AutoEncoderTransformer(**QUICK))]),
            LogisticRegression(),
        ),
        GridSearchCV(scaled_network(), {"tabularclassifier__dropout": [0.0, 0.1]}, cv=2, scoring="accuracy"),
        StackedSearchCV(
            scaled_network(), {"tabularclassifier__dropout": [0.0, 0.1]}, cv=2, resource="epochs", factor=2
        ),
        VotingClassifier([("one", scaled_network()), ("two", LogisticRegression())], voting="soft"),
        AttentionClassifier(attend="rows", **QUICK),
        RandomizedSearchCV(TabularClassifier(**QUICK), {"dropout": uniform(0, 0.3)}, n_iter=2, random_state=0, cv=2),
        GridSearchCV(TabularClassifier(**QUICK), {"dropout": [0.1]}, cv=[(np.arange(30), np.arange(30, len(X)))]),
    ],
    ids=[
        *("pipeline", "forest", "neighbors", "columns", "union", "search", "stacked search", "votes", "rows"),
        *("drawn", "own splits"),
    ],
)
def test_models_of_scikit_learn_around_networks(model, tmp_path):
    model.fit(X, Y)
    assert_same(model, tripped(model, tmp_path), X)


def test_a_frozen_estimator_stays_frozen_and_fitted(tmp_path):
    model = FrozenEstimator(TabularClassifier(**QUICK).fit(X, Y))
    again = tripped(model, tmp_path)
    assert_same(model, clone(again), X)


def test_transformers_without_a_network(tmp_path):
    strings = ["ACGT", "GGTA"]
    encoder = SequenceEncoder("dna").fit(strings)
    assert equal(encoder.transform(strings), tripped(encoder, tmp_path).transform(strings))
    molecules = MoleculeEncoder().fit(["CCO", "CC"])
    assert repr(molecules.transform(["CO"])) == repr(tripped(molecules, tmp_path).transform(["CO"]))


def test_equal_models_make_equal_files(tmp_path):
    for name in "ab":
        save(scaled_network().fit(X, Y).set_params(tabularclassifier__verbose=0)[:1], tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_tensors_are_a_file_of_safetensors(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    model = TabularClassifier(**QUICK).fit(X, Y)
    save(model, tmp_path / "model.sklann")
    with zipfile.ZipFile(tmp_path / "model.sklann") as archive:
        assert archive.testzip() is None
        tensors = safetensors.load(archive.read("arrays.safetensors"))
    for parameter in model.module_.parameters():
        assert any(
            torch.equal(parameter.detach(), tensor) for tensor in tensors.values() if tensor.shape == parameter.shape
        )


def test_a_mapped_model_is_equal_and_learns_apart_from_its_file(tmp_path):
    model = TabularClassifier(**QUICK).fit(X, Y)
    path = tmp_path / "model.sklann"
    save(model, path)
    before = path.read_bytes()
    mapped = load(path, memory_map=True)
    assert_same(model, mapped, X)
    mapped.partial_fit(X, Y)
    assert path.read_bytes() == before
    save(mapped, path)  # a new file; the mapped one lives on
    assert_same(mapped, load(path), X)


def test_ambient_settings_of_torch_change_nothing(tmp_path):
    model = TabularClassifier(**QUICK).fit(X, Y)
    try:
        torch.set_default_device("meta")
        torch.set_default_dtype(torch.float64)
        again = tripped(model, tmp_path)
        mapped = load(tmp_path / "model.sklann", memory_map=True)
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)
    assert_same(model, again, X)
    assert_same(model, mapped, X)


def test_nothing_draws_from_the_global_generators(tmp_path):
    model = TabularClassifier(**QUICK).fit(X, Y)
    before = np.random.get_state()[1].copy(), torch.get_rng_state()
    tripped(model, tmp_path)
    assert (np.random.get_state()[1] == before[0]).all()
    assert torch.equal(torch.get_rng_state(), before[1])


def test_another_process_opens_it_without_a_warning(tmp_path):
    model = scaled_network().fit(X, Y)
    save(model, tmp_path / "model.sklann")
    code = "import sys, numpy as np, sklearn_ann; print(sklearn_ann.load(sys.argv[1]).predict([[5, 3, 4, 1]])[0])"
    run = [sys.executable, "-W", "error", "-c", code, str(tmp_path / "model.sklann")]
    found = subprocess.run(run, check=True, capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)})
    assert int(found.stdout) == model.predict([[5, 3, 4, 1]])[0]


def test_a_file_of_another_version_says_so(tmp_path):
    save(scaled_network().fit(X, Y), tmp_path / "model.sklann")
    manifest, header, data = members(tmp_path / "model.sklann")
    manifest["versions"]["scikit-learn"] = "1.8.0"
    forge(tmp_path / "old", manifest, header, data)
    with pytest.warns(InconsistentVersionWarning, match=r"1\.8\.0"):
        load(tmp_path / "old")
    text = json.dumps(manifest).replace('"_sklearn_ann_version": "', '"_sklearn_ann_version": "0.0.')
    with pytest.warns(InconsistentVersionWarning) as told:
        load(forge(tmp_path / "old", json.loads(text), header, data))
    assert len(told) == 2


class Mine(BaseEstimator):
    """A class of a user."""

    def __init__(self, function=None):
        self.function = function


def upper(text):
    return text.upper()


def test_own_classes_and_functions_are_handed_over(tmp_path):
    model = Mine(upper)
    with pytest.raises(ModelFileError, match=r"Mine is or holds .*Mine, which is not among"):
        save(model, tmp_path / "model")
    with pytest.raises(ModelFileError, match="function"):
        save(model, tmp_path / "model", trusted=[Mine])
    save(model, tmp_path / "model", trusted=[Mine, upper])
    assert load(tmp_path / "model", trusted=[Mine, upper]).function is upper
    with pytest.raises(ModelFileError, match=r"Mine.*not among those that a file may name"):
        load(tmp_path / "model", trusted=[upper])
    with pytest.raises(TypeError, match="trusted must hold classes"):
        load(tmp_path / "model", trusted=["Mine"])


def test_what_files_do_not_keep_is_named_and_leaves_no_file(tmp_path):
    path = tmp_path / "model.sklann"
    with pytest.raises(TypeError, match="model must be an estimator, got dict"):
        save({}, path)
    model = TabularClassifier(**QUICK).fit(X, Y)
    handle = model.module_.register_forward_hook(lambda *_: None)
    with pytest.raises(ModelFileError, match="module_ has hooks"):
        save(model, path)
    handle.remove()
    for parameter in model.module_.parameters():
        parameter.data[:] = np.nan
    with pytest.raises(ModelFileError, match=r"module_.*NaN"):
        save(model, path)
    with pytest.raises(ModelFileError, match="<lambda>"):
        save(FunctionTransformer(lambda x: x), path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(TypeError, match="trusted must be a list of classes and functions"):
        save(FunctionTransformer(np.log1p), path, trusted=len)
    with pytest.raises(FileNotFoundError):
        load(path)


@pytest.mark.parametrize(
    "value",
    [np.zeros(2, [("name", "U3")]), np.ones((1,) * 40), pd.DataFrame({"a": [1j, 2]}), "x" * 2**26],
    ids=["records of text", "40 axes", "complex column", "long manifest"],
)
def test_what_could_not_be_opened_again_does_not_replace_what_can(value, tmp_path):
    path = tmp_path / "model.sklann"
    model = StandardScaler().fit(X)
    save(model, path)
    before, model.extra_ = path.read_bytes(), value
    with pytest.raises(ModelFileError, match="StandardScaler cannot be saved"):
        save(model, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_cache_of_a_pipeline_and_callbacks_stay_behind(tmp_path):
    model = make_pipeline(StandardScaler(), LogisticRegression(), memory=str(tmp_path / "cache")).fit(X, Y)
    assert tripped(model, tmp_path).memory is None


def test_strings_without_end_and_letters_of_any_alphabet(tmp_path):
    strings = np.array(["ACGT" * n for n in (1, 2, 3)] * 10, dtype=object)
    model = CNNClassifier(**QUICK).fit(strings, ["ä", "😀", "\ud800"] * 10)
    assert_same(model, tripped(model, tmp_path), strings)
