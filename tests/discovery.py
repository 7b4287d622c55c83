"""Every public estimator, found and not listed, the leaves that stand for classes to come, and data for each."""

import inspect
from typing import Any

import numpy as np
import pytest
from leaves import DenseClassifier, DenseRegressor
from sklearn.base import BaseEstimator
from sklearn.datasets import load_digits
from sklearn.preprocessing import minmax_scale
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

import sklearn_ann
from sklearn_ann import (
    AttentionClassifier,
    CNNClassifier,
    CNNRegressor,
    EntityEmbeddingTransformer,
    GCNNodeClassifier,
    GCNNodeRegressor,
    GraphSet,
    RNNClassifier,
    RNNRegressor,
    SequenceEmbeddingTransformer,
    SequenceTranslator,
    TensorFactorizationRegressor,
    VAESampler,
)
from sklearn_ann.base import NeuralEstimator
from sklearn_ann.datasets import make_block_graph, make_motif_graphs


def digits():
    """The first 300 digits, scaled to [0, 1], and what they are."""
    X, y = load_digits(return_X_y=True)
    X = minmax_scale(X[:300]).astype(np.float32)
    X.flags.writeable = False
    return X, y[:300]


def coarse_digits():
    """The first 150 digits as 4 x 4 pixels: each column is a token or a time step of some networks."""
    X, y = digits()
    X = X[:150].reshape(150, 4, 2, 4, 2).mean(axis=(2, 4)).reshape(150, 16)
    X.flags.writeable = False
    return X, y[:150]


_graphs, _motif = make_motif_graphs(120, n_nodes=(3, 8), random_state=0)
GRAPHS = GraphSet.from_list(_graphs), _motif
_blocks, _community = make_block_graph([70, 80], random_state=0)
NODES = np.arange(150), _community

_rng = np.random.default_rng(0)
_letters = _rng.choice(list("abcdefghijkl"), size=(150, 1))
CATEGORIES = _letters.astype(object), (_letters[:, 0] < "g") + _rng.normal(0, 0.1, 150)
_entries = np.argwhere(np.ones((10, 6, 5)))
ENTRIES = np.random.default_rng(1).permutation(_entries), np.zeros(300)
ENTRIES[1][:] = np.cos(ENTRIES[0] @ [0.3, 0.7, 1.1])
TEXTS = np.array(["abcd" * n + "xyz" * m for n, m in _rng.integers(8, 24, size=(150, 2))], dtype=object), np.zeros(150)

_strings = [
    "".join(_rng.choice(list("ACGT"), size=n)) + "GATTACA" * (i % 2) for i, n in enumerate(_rng.integers(5, 30, 150))
]
STRINGS = np.array(_strings, dtype=object), np.arange(150) % 2
_shorter = [string[:8] for string in _strings]
PAIRS = np.array(_shorter, dtype=object), np.array([string[::-1].lower() for string in _shorter], dtype=object)
IMAGES = np.empty(150, dtype=object), _rng.uniform(0.2, 0.8, size=150)
for _i, _size in enumerate(_rng.integers(3, 9, size=(150, 2))):
    IMAGES[0][_i] = (_rng.uniform(size=_size) < IMAGES[1][_i]).astype(float)
SERIES = np.empty(150, dtype=object), np.zeros(150)
for _i, _length in enumerate(_rng.integers(1, 12, size=150)):
    SERIES[0][_i] = _rng.normal(size=(_length, 2))
    SERIES[1][_i] = SERIES[0][_i][:, 0].mean()
    SERIES[0][_i][_rng.uniform(size=(_length, 2)) < 0.1] = np.nan


class NodeClassifierOfBlocks(GCNNodeClassifier):
    """GCNNodeClassifier with the graph that it cannot be fitted without."""

    graph: Any = GraphSet(*_blocks)


class NodeRegressorOfBlocks(GCNNodeRegressor):
    """GCNNodeRegressor with the graph that it cannot be fitted without."""

    graph: Any = GraphSet(*_blocks)


class AttentionClassifierOfStrings(AttentionClassifier):
    """AttentionClassifier on DNA of any length; by itself it is tested on rows, whose columns attend."""


class CNNClassifierOfStrings(CNNClassifier):
    """CNNClassifier on DNA of any length; by itself it is tested on rows, which are signals."""


class CNNRegressorOfImages(CNNRegressor):
    """CNNRegressor on images of any size."""


class RNNClassifierOfStrings(RNNClassifier):
    """RNNClassifier on DNA of any length; by itself it is tested on rows, which are series."""


class RNNRegressorOfSeries(RNNRegressor):
    """RNNRegressor on series of two channels, of any length and with gaps."""


PUBLIC = [
    member
    for name in sklearn_ann.__all__
    if inspect.isclass(member := getattr(sklearn_ann, name)) and issubclass(member, BaseEstimator)
]
_STAND_INS = {GCNNodeClassifier: NodeClassifierOfBlocks, GCNNodeRegressor: NodeRegressorOfBlocks}
NEURAL = [_STAND_INS.get(estimator, estimator) for estimator in PUBLIC if issubclass(estimator, NeuralEstimator)]
NEURAL += [DenseClassifier, DenseRegressor]
ROWS = [estimator for estimator in NEURAL if get_tags(estimator()).input_tags.two_d_array]
NEURAL += [
    AttentionClassifierOfStrings,
    CNNClassifierOfStrings,
    CNNRegressorOfImages,
    RNNClassifierOfStrings,
    RNNRegressorOfSeries,
]


_DATA = {
    AttentionClassifierOfStrings: STRINGS,
    CNNClassifierOfStrings: STRINGS,
    CNNRegressorOfImages: IMAGES,
    EntityEmbeddingTransformer: CATEGORIES,
    RNNClassifierOfStrings: STRINGS,
    RNNRegressorOfSeries: SERIES,
    SequenceEmbeddingTransformer: TEXTS,
    SequenceTranslator: PAIRS,
    TensorFactorizationRegressor: ENTRIES,
    VAESampler: digits(),  # of coarse ones its likelihood is a density above one, and the loss negative
}


def data_for(estimator):
    """Samples of the kind that `estimator` takes, and targets."""
    if estimator in _DATA:
        return _DATA[estimator]
    if estimator in ROWS:
        return coarse_digits()
    return NODES if estimator in _STAND_INS.values() else GRAPHS


# Where the error itself is random, a weight of two is a row that is there twice on average only.
RANDOM_ERROR = {VAESampler}

# scikit-learn compares some results at a relative 1e-7, for instance those of weighted and of repeated samples. That
# takes float64 and one batch; everything else must hold with the defaults too.
EXACT = {"precision": "float64", "batch_size": None}


def exact(estimator):
    """The settings under which `estimator` is exact: dropout draws for a row, not for its weight."""
    dropout = {"dropout": 0.0} if "dropout" in estimator().get_params() else {}
    return EXACT | dropout | short(estimator, 80 if issubclass(estimator, RNNRegressor) else 40)  # an epoch is a step


def short(estimator, max_epochs):
    """Settings with fewer epochs than ``max_epochs="auto"`` stands for."""
    return {"max_epochs": max_epochs} if estimator().get_params().get("max_epochs") == "auto" else {}


# Enough training for checks that only ask whether something works.
BRIEF = {"max_epochs": 3, "tol": 0.9, "n_iter_no_change": 1, "random_state": 0}


def drawing(estimator):
    """Settings with which the training of `estimator` draws random numbers."""
    return {"dropout": 0.3} if "dropout" in estimator().get_params() else {}


def steady(estimator):
    """Settings under which no epoch of `estimator` depends on how many there will be."""
    steady = {"learning_rate_schedule": "constant", "learning_rate_warmup": 0.0, "kl_warmup": 0.0}
    return {name: value for name, value in steady.items() if name in estimator().get_params()}


def name_of(value):
    """A readable test id."""
    return value.__name__ if inspect.isclass(value) else None


every_estimator = pytest.mark.parametrize("estimator", NEURAL, ids=name_of)
every_estimator_of_rows = pytest.mark.parametrize("estimator", ROWS, ids=name_of)


def every_estimator_with(name, among=NEURAL):
    """Those that have a method, or a parameter of fit, of this name."""
    having = [estimator for estimator in among if hasattr(estimator, name) or has_fit_parameter(estimator(), name)]
    return pytest.mark.parametrize("estimator", having, ids=name_of)


def is_supervised(estimator):
    """Whether it predicts a target."""
    return get_tags(estimator()).target_tags.required
