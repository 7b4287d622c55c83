"""The same promises on a GPU; skipped where torch sees none."""

import pickle
import subprocess
import sys
import textwrap
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
import torch
from discovery import (
    BRIEF,
    NEURAL,
    PUBLIC,
    drawing,
    every_estimator,
)
from sklearn.model_selection import GridSearchCV

import sklearn_ann
from sklearn_ann import (
    AutoEncoderTransformer,
    CNNClassifier,
    GANSampler,
    GCNRegressor,
    SequenceEmbeddingTransformer,
    TabularClassifier,
    TensorFactorizationRegressor,
    VAESampler,
)
from sklearn_ann.layers import Stochastic
from sklearn_ann.model_selection import StackedSearchCV
from sklearn_ann.training import stack

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device on this machine"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@pytest.fixture
def noise_of_the_cpu(monkeypatch):
    """Layers that draw random numbers draw the same ones on each device, from a generator that the test sets."""
    source = torch.Generator()

    def drawn(self, like, fill, number=0.0, **_):
        empty = torch.empty(like.shape, dtype=like.dtype)
        fill(empty, source, number)
        return empty.to(like.device)

    monkeypatch.setattr(Stochastic, "drawn", drawn)
    return source


# Convolutions on CUDA round float32 to ten bits (TF32), products of bfloat16 to seven.
_TOLERANCE = {"float32": 1e-2, "float64": 1e-6, "bfloat16": 0.2}
# They also draw in other ways: levels and pairs of tokens on the device of the batch, rows of a packed batch.
_TOLERANCE_OF = {GANSampler: 0.1, SequenceEmbeddingTransformer: 0.01, TensorFactorizationRegressor: 0.01}


@every_estimator
@pytest.mark.parametrize("precision", _TOLERANCE)
def test_cuda_learns_what_the_cpu_learns(estimator, precision, data, noise_of_the_cpu):
    X, y = data
    losses = []
    for device in ("cpu", "cuda"):
        noise_of_the_cpu.manual_seed(0)
        losses.append(estimator(**BRIEF | {"tol": 0}, precision=precision, device=device).fit(X, y).loss_)
    assert losses[1] == pytest.approx(losses[0], rel=max(_TOLERANCE[precision], _TOLERANCE_OF.get(estimator, 0)))


@every_estimator
def test_cuda_is_reproducible_and_leaves_the_generators_alone(estimator, data):
    X, y = data
    torch.cuda.init()
    before = torch.cuda.get_rng_state()
    one, two = (estimator(**BRIEF, **drawing(estimator), device="cuda").fit(X, y).transform(X) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert torch.equal(torch.cuda.get_rng_state(), before)


@every_estimator
def test_auto_is_cuda(estimator, data):
    X, y = data
    model = estimator(**BRIEF).fit(X, y)
    assert next(model.module_.parameters()).is_cuda


@every_estimator
@pytest.mark.parametrize("optimizer", [False, True])
def test_a_file_of_a_cuda_model_goes_on_on_cuda_and_on_the_cpu(estimator, optimizer, data, tmp_path):
    X, y = data
    own = [item for item in NEURAL if item not in PUBLIC]
    model = estimator(**BRIEF, device="cuda").fit(X, y)
    expected = model.transform(X)
    sklearn_ann.save(model, tmp_path / "model.sklann", optimizer=optimizer, trusted=own)
    assert next(model.module_.parameters()).is_cuda  # saving left the model itself where it was
    loaded = sklearn_ann.load(tmp_path / "model.sklann", trusted=own)
    np.testing.assert_array_equal(loaded.transform(X), expected)
    assert np.isfinite(loaded.partial_fit(X, y).transform(X)).all()
    assert next(loaded.module_.parameters()).is_cuda
    with patch.object(torch.cuda, "is_available", return_value=False):
        loaded = sklearn_ann.load(tmp_path / "model.sklann", trusted=own)
        np.testing.assert_allclose(loaded.transform(X), expected, rtol=1e-3, atol=1e-3)
        assert np.isfinite(loaded.partial_fit(X, y).transform(X)).all()


@every_estimator
def test_a_cuda_pickle_loads_without_cuda(estimator, data, tmp_path):
    X, y = data
    model = estimator(**BRIEF, device="cuda").fit(X, y)
    expected = model.transform(X)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    assert next(model.module_.parameters()).is_cuda  # pickling left the model itself where it was
    (tmp_path / "X.pkl").write_bytes(pickle.dumps((X, y)))
    code = f"""
        import pickle, sys, numpy as np, torch
        sys.path[:0] = {sys.path!r}
        assert not torch.cuda.is_available()
        model = pickle.load(open({str(tmp_path / "model.pkl")!r}, "rb"))
        X, y = pickle.load(open({str(tmp_path / "X.pkl")!r}, "rb"))
        np.save({str(tmp_path / "out.npy")!r}, model.transform(X))
        model.set_params(device="cpu").partial_fit(X, y)
    """
    environment = {"CUDA_VISIBLE_DEVICES": "", "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, env=environment)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, rtol=1e-3, atol=1e-3)
    model.partial_fit(X, y)
    loaded = pickle.loads(pickle.dumps(model))
    assert np.isfinite(loaded.partial_fit(X, y).transform(X)).all()


@pytest.mark.parametrize("conditions", [None, "kind"])
def test_a_mixture_of_codes_of_a_table_is_fitted_on_cuda(conditions):
    rng = np.random.RandomState(0)
    table = pd.DataFrame({"x": rng.normal(size=60), "kind": rng.choice(["a", "b"], 60)})
    table.loc[::7, "x"] = np.nan
    model = VAESampler(prior="mixture", conditions=conditions, max_epochs=2, device="cuda", random_state=0)
    model.fit(table, sample_weight=rng.randint(3, size=60))
    assert all(buffer.is_cuda for buffer in model.prior_.buffers())
    drawn = model.sample(30) if conditions is None else model.sample(30)[0]
    assert drawn["x"].dtype == float
    assert np.isfinite(model.score_samples(table, n_draws=3)).all()
    assert len(model.inverse_transform(model.transform(table), y=None if conditions is None else "a")) == 60
    assert len(model.partial_fit(table).sample(3)[0] if conditions else model.partial_fit(table).sample(3)) == 3


def test_a_conditional_sampler_learns_from_weighted_rows_on_cuda():
    rng = np.random.RandomState(0)
    table = pd.DataFrame({"x": rng.normal(size=80), "kind": rng.choice(["a", "b"], 80)})
    weight = np.arange(80) % 3 + 1
    models = [GANSampler(conditions="kind", **BRIEF, device="cuda").fit(table, sample_weight=weight) for _ in range(2)]
    one, two = (model.sample(20)[0] for model in models)
    pd.testing.assert_frame_equal(one, two)


STACKED = {
    AutoEncoderTransformer: {"noise": [0.0, 0.2]},
    CNNClassifier: {"dropout": [0.1, 0.3]},
    TabularClassifier: {"learning_rate": [1e-3, 3e-3]},
    VAESampler: {"beta": [0.5, 1.0]},
}


@pytest.mark.parametrize("estimator", STACKED, ids=lambda estimator: estimator.__name__)
def test_stacks_on_cuda_are_their_members_alone(estimator, data):
    X, y = data
    grid = STACKED[estimator] | {"random_state": [0, 1]}
    model = estimator(**BRIEF | {"tol": 0}, precision="float64", device="cuda")
    scoring = None if hasattr(model, "score") else lambda fitted, *_: -fitted.loss_
    with patch.object(stack.Stack, "_run_epoch", autospec=True, side_effect=stack.Stack._run_epoch) as epochs:
        found = StackedSearchCV(model, grid, cv=2, scoring=scoring, refit=False).fit(X, y).cv_results_
    assert epochs.called
    alone = GridSearchCV(model, grid, cv=2, scoring=scoring, refit=False).fit(X, y).cv_results_
    for name in ("split0_test_score", "split1_test_score"):
        np.testing.assert_allclose(found[name], alone[name], rtol=1e-8)


def test_batches_with_one_node_are_normalised_by_the_statistics_so_far_on_cuda():
    graphs, y = [(np.ones((1, 2)), np.zeros((1, 1)))], np.zeros(1)
    one, two = (GCNRegressor(**BRIEF, device=device).fit(graphs, y).predict(graphs) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-3)
