"""A prediction goes by what the fit kept: a hyper-parameter that is set afterwards counts from the next fit on."""

import inspect
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from discovery import BRIEF, NEURAL, PUBLIC, data_for, name_of
from sklearn.frozen import FrozenEstimator
from sklearn.utils import _param_validation as validation

from sklearn_ann import (
    AttentionClassifier,
    AttentionRegressor,
    AttentionTransformer,
    GCNClassifier,
    GraphConvolutionTransformer,
    GraphSet,
    MoleculeEncoder,
    PatternDetector,
    PretrainedTransformer,
    SequenceEncoder,
    VAESampler,
)
from sklearn_ann.base import NeuralEstimator

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.* outputs were cut:UserWarning"),  # by networks that are hardly trained
]

# Legal values of hyper-parameters whose bounds do not tell any.
OTHERS = {
    "alphabet": "protein",
    "augmentation": {"shift": 1},
    "categorical_features": [0],
    "class_weight": "balanced",
    "conditions": [0],
    "conv_layers": ((4, 3), (4, 3, 2)),
    "cv": 3,
    "device": "cpu",
    "edge_attributes": ["length"],
    "embedding_dim": 3,
    "global_pooling": "mean",
    "graph": GraphSet(np.eye(200), sp.csr_array((200, 200))),
    "image_shape": (2, 2),
    "init_from": FrozenEstimator(AttentionClassifier()),
    "kernels": [np.ones((2, 2))],
    "keys": np.ones((2, 3)),
    "layer": "counts",
    "layer_learning_rates": 0.5,
    "mask_token": "*",
    "node_attributes": ["size"],
    "pooling": "max",
    "readout": ("std",),
    "side_information": {"drug": None},
    "target_tokenizer": list,
    "threshold": 0.5,
    "tokenizer": list,
    "values": np.ones((2, 3)),
    "weights": np.ones((2, 3)),
    "random_state": 7,
}


def other_values(estimator):
    """Another legal value for every hyper-parameter."""
    others = {}
    for name, constraints in estimator._parameter_constraints.items():
        now = getattr(estimator, name)
        options = [OTHERS[name]] if name in OTHERS else []
        for constraint in [] if constraints == "no_validation" else map(validation.make_constraint, constraints):
            try:
                options.append(validation.generate_valid_param(constraint))
            except (ValueError, TypeError):  # of a type that scikit-learn knows no value of, or of an abstract one
                continue
            if isinstance(constraint, validation.StrOptions | validation.Options):
                options += constraint.options
            if isinstance(constraint, validation.Interval):
                options += [value for value in (1, 2, 0.25, 0.75) if constraint.is_satisfied_by(value)]
            options += [True, False] if isinstance(constraint, validation._Booleans) else []
        others[name] = next(option for option in options if not _same(option, now))
    return others


def _same(one, other):
    return type(one) is type(other) and not isinstance(one, np.ndarray | list | GraphSet) and one == other


MORE = [PatternDetector, SequenceEncoder, AttentionTransformer, GraphConvolutionTransformer]
CASES = [(estimator, {}) for estimator in [*NEURAL, *MORE]]
CASES += [
    (GCNClassifier, {"conv": "gat", "n_heads": 2}),
    (GCNClassifier, {"conv": "gated"}),
    (AttentionClassifier, {"attend": "rows"}),
    (AttentionRegressor, {"attend": "rows"}),
    (VAESampler, {"conditions": "y", "likelihood": "bernoulli"}),
    (VAESampler, {"conditions": "y", "prior": "mixture"}),
    (SequenceEncoder, {"encoding": "kmer"}),
    (GraphConvolutionTransformer, {"pooling": "mean"}),
]


def test_every_public_estimator_is_among_the_cases():
    # Nothing is kept by the fit of the first, which only checks the parameters; the second has a test of its own.
    stateless = {MoleculeEncoder, PretrainedTransformer}
    bases = {base for estimator, _ in CASES for base in (estimator, *estimator.__mro__)}
    assert set(PUBLIC) <= bases | stateless


def fitted(estimator, settings):
    if issubclass(estimator, NeuralEstimator):
        X, y = data_for(estimator)
        X, y = X[:60], y[:60]
        return estimator(**BRIEF | settings).fit(X, y), X, y
    if estimator is PatternDetector:
        X = (np.random.default_rng(0).uniform(size=(4, 6, 6)) > 0.5).astype(float)
        return PatternDetector([np.eye(3), np.fliplr(np.eye(3))]).fit(X), X, None
    if estimator is SequenceEncoder:
        X = ["ACGTA", "GGT", "TTACG"]
        return SequenceEncoder(**settings).fit(X), X, None
    X = np.random.default_rng(0).normal(size=(5, 3))
    if estimator is GraphConvolutionTransformer:
        graph = X, np.ones((5, 5)) - np.eye(5)
        return estimator(**settings).fit(graph), graph, None
    return estimator().fit(X), X, None


SKIPPED = {"set_output", "set_params", "get_params", "get_metadata_routing", "set_callbacks"}
ARGUMENTS = {"token": "a", "n_samples": 3}


def outputs(model, X, y, conditioned):
    """What all public methods return that do not fit, by their names; `conditioned` samples are drawn under y."""
    found = {}
    for name, method in inspect.getmembers(model, inspect.ismethod):
        if name.startswith(("_", "fit", "partial_fit")) or name in SKIPPED or name.endswith("_request"):
            continue
        known = {"X": X, "y": y, **ARGUMENTS}
        if name == "inverse_transform":
            known["X"] = np.zeros((60, model.transform(X).shape[1]), dtype=np.float32)
        parameters = inspect.signature(method).parameters
        arguments = {key: known[key] for key in parameters if key in known}
        if name in ("inverse_transform", "sample") and not conditioned:
            arguments.pop("y", None)
        try:
            found[name] = method(**arguments)
        except ValueError as error:  # such as motifs of images: the refusal must stay the same
            found[name] = str(error)
    assert found
    return found


def equal(one, other):
    if sp.issparse(one):
        return equal(one.toarray(), other.toarray())
    if isinstance(one, dict):
        return list(one) == list(other) and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return np.array_equal(np.asarray(one), np.asarray(other))


def readers_of_parameters(model, before, others, *data):
    """The methods that read a hyper-parameter, to say so."""
    found = []
    for name, value in others.items():
        kept = getattr(model, name)
        now = outputs(model.set_params(**{name: value}), *data)
        found += [f"{method} reads {name}={value!r}" for method in now if not equal(before.get(method), now[method])]
        model.set_params(**{name: kept})
    return found


@pytest.mark.parametrize(("estimator", "settings"), CASES, ids=name_of)
def test_parameters_set_after_fit_change_no_output(estimator, settings):
    model, *data = fitted(estimator, settings)
    data.append(settings.get("conditions") == "y")
    before, others, kept = outputs(model, *data), other_values(model), model.get_params()
    assert set(others) == set(kept)
    for changed in (model.set_params(**others), pickle.loads(pickle.dumps(model))):
        now = outputs(changed, *data)
        if set(now) != set(before) or not all(equal(before[method], now[method]) for method in before):
            pytest.fail("\n".join(readers_of_parameters(model.set_params(**kept), before, others, *data)))
