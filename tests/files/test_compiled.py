"""What scikit-learn computes in compiled code, and every estimator of scikit-learn that files keep."""

import importlib
import inspect

import numpy as np
import pytest
import scipy.sparse as sp
import sklearn.base
import torch
from forging import tripped
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import BallTree, KDTree, NearestNeighbors
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

from sklearn_ann import GraphSet, ModelFileError
from sklearn_ann.files.names import CLASSES
from sklearn_ann.layers.ragged import Groups
from sklearn_ann.reading.graphs import GraphSamples

X, Y = load_iris(return_X_y=True)
X, Y = X[::3], Y[::3]


def test_trees_come_back(tmp_path):
    model = DecisionTreeRegressor(random_state=0).fit(X, X[:, :2])
    found = tripped(model.tree_, tmp_path)
    before, after = model.tree_.__getstate__(), found.__getstate__()
    assert before["nodes"].tobytes() == after["nodes"].tobytes()
    assert (before["values"] == after["values"]).all()


@pytest.mark.parametrize("kind", [KDTree, BallTree])
@pytest.mark.parametrize(
    "metric", [{"metric": "euclidean"}, {"metric": "minkowski", "p": 3}, {"metric": "chebyshev"}], ids=str
)
def test_indices_of_neighbors_are_built_again(kind, metric, tmp_path):
    index = kind(X, leaf_size=3, **metric)
    found = tripped(index, tmp_path)
    for one, other in zip(index.query(X, k=4), found.query(X, k=4), strict=True):
        assert (one == other).all()


def test_points_of_another_number_of_features(tmp_path):
    for model in (KMeans(2, n_init=1).fit(X), NearestNeighbors().fit(X), RandomForestClassifier(2).fit(X, Y)):
        model.n_features_in_ = 7
        with pytest.raises(ModelFileError, match="7"):
            tripped(model, tmp_path)


def test_words_and_categories_have_columns_that_exist(tmp_path):
    words = CountVectorizer().fit(["red green", "blue"])
    words.vocabulary_["red"] = 10**6
    with pytest.raises(ModelFileError, match="must number its words from 0"):
        tripped(words, tmp_path)
    table = np.array([["a", "x"], ["a", "y"], ["b", "z"], ["c", "z"]])
    for options in ({}, {"drop": "first"}, {"min_frequency": 2}, {"drop": "first", "min_frequency": 2}):
        encoder = OneHotEncoder(**options).fit(table)
        found = tripped(encoder, tmp_path).transform(table)
        assert (found != encoder.transform(table)).nnz == 0
        encoder._n_features_outs[0] -= 1
        with pytest.raises(ModelFileError, match="columns for the"):
            tripped(encoder, tmp_path)
    linear = LogisticRegression().fit(X, Y)
    linear.coef_ = linear.coef_[:, :2]
    with pytest.raises(ModelFileError, match="one column for each of 4 features"):
        tripped(linear, tmp_path)


def test_edges_stay_in_their_graph(tmp_path):
    samples = GraphSet.from_list([(np.eye(3), np.ones((3, 3)))])
    adjacency = GraphSamples(samples, "sym", True, torch.float32, n_heads=0)[torch.tensor([0])].adjacency
    found = tripped(adjacency, tmp_path)
    assert torch.equal(found @ torch.eye(3), adjacency @ torch.eye(3))
    for name in ("rows", "columns", "pointers", "backward_columns", "backward_pointers"):
        for value in (10**6, -1):
            wrong = getattr(adjacency, name).clone()
            wrong[1] = value
            with pytest.raises(ModelFileError, match="outside its graph"):
                tripped(adjacency._replace(**{name: wrong}), tmp_path)
    with pytest.raises(ModelFileError, match="outside its graph"):
        tripped(Groups(torch.tensor([0, 5]), torch.tensor([0, 1, 2])), tmp_path)


@pytest.mark.parametrize("model", [SVC(), GradientBoostingClassifier(n_estimators=1)], ids=repr)
def test_what_runs_unchecked_is_refused_by_name(model, tmp_path):
    with pytest.raises(ModelFileError, match=f"{type(model).__name__}, which is not among"):
        tripped(model.fit(X, Y), tmp_path)


def estimators():
    for name in sorted(CLASSES):
        module, _, cls = name.rpartition(".")
        if module.startswith("sklearn.") and not cls.startswith("_"):
            item = getattr(importlib.import_module(module), cls)
            if inspect.isclass(item) and issubclass(item, sklearn.base.BaseEstimator):
                yield item


def made(cls):
    """An estimator with what it cannot be made without, and samples that it takes."""
    name, signature = cls.__name__, inspect.signature(cls).parameters
    one, other = (Ridge(1), Ridge(2)) if "Regress" in name or name == "RegressorChain" else (
        LogisticRegression(C=1), LogisticRegression(C=2)
    )  # fmt: skip
    needed = {
        "estimator": LogisticRegression().fit(X, Y) if name == "FrozenEstimator" else one,
        "estimators": [("a", one), ("b", other)],
        "param_grid": {"C": [1, 2]},
        "param_distributions": {"C": [1, 2]},
        "transformers": [("a", StandardScaler(), [0, 1])],
        "steps": [("a", StandardScaler()), ("b", one)],
        "transformer_list": [("a", StandardScaler())],
    }
    given = {
        key: value for key, value in needed.items() if key in signature and signature[key].default is inspect._empty
    }
    fixed = {"random_state": 0, "n_iter": 2 if name == "RandomizedSearchCV" else None, "n_components": 2}
    for key, value in fixed.items():
        if key in signature and value is not None and (key != "n_components" or "Projection" in name):
            given[key] = value
    samples, target = X, Y
    if "Threshold" in name and "Classifier" in name:
        target = (Y > 0).astype(int)
    if "Vectorizer" in name and name != "DictVectorizer":
        samples = ["red green", "green blue", "blue"] * 17
        samples = samples[: len(Y)]
    elif name in ("LabelBinarizer", "LabelEncoder"):
        samples = Y
    elif name == "MultiLabelBinarizer":
        samples = [(int(value),) for value in Y]
    elif name in ("DictVectorizer", "FeatureHasher"):
        samples = [{"a": 1.0, "b": float(value)} for value in Y]
    elif name == "KernelCenterer":
        samples = X @ X.T
    if name.startswith("MultiTask") or name in ("CCA", "PLSCanonical", "RegressorChain", "MultiOutputRegressor"):
        target = X[:, :2]
    elif name in ("ClassifierChain", "MultiOutputClassifier"):
        target = np.c_[Y > 0, Y > 1].astype(int)
    return cls(**given), samples, target


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("cls", list(estimators()), ids=lambda cls: cls.__name__)
def test_every_listed_estimator_of_scikit_learn_comes_back(cls, tmp_path):
    model, samples, target = made(cls)
    try:
        model.fit(samples, target)
    except TypeError:  # the encoders of targets
        model.fit(samples)
    found = tripped(model, tmp_path)
    for name in ("predict", "predict_proba", "transform", "decision_function"):
        if hasattr(model, name):
            one, other = getattr(model, name)(samples), getattr(found, name)(samples)
            pairs = zip(one, other, strict=True) if isinstance(one, list) else [(one, other)]
            for before, after in pairs:
                if sp.issparse(before):
                    assert (before != after).nnz == 0
                else:
                    np.testing.assert_array_equal(before, after)
