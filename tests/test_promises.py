"""What every estimator promises beyond scikit-learn's checks; each test fails when its promise is broken."""

import os
import pickle
import random
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from discovery import (
    BRIEF,
    ROWS,
    drawing,
    every_estimator,
    every_estimator_of_rows,
    every_estimator_with,
    name_of,
    steady,
)
from observing import same_weights, weights_of
from sklearn.base import clone, is_outlier_detector
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from sklearn_ann import AutoEncoderTransformer

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.* outputs were cut:UserWarning"),  # by networks that are hardly trained
]


# --- Random state ----------------------------------------------------------------------------------------------------


@every_estimator
def test_same_random_state_same_bits(estimator, data):
    X, y = data
    settings = {**BRIEF, **drawing(estimator), "early_stopping": True}
    first, again = (estimator(**settings).fit(X, y) for _ in range(2))
    assert same_weights(first, again)
    assert not same_weights(first, estimator(**settings | {"random_state": 1}).fit(X, y))
    instances = (estimator(**settings | {"random_state": np.random.RandomState(7)}).fit(X, y) for _ in range(2))
    assert same_weights(*instances)


@every_estimator
@pytest.mark.parametrize("random_state", [0, None])
def test_global_generators_are_neither_read_nor_moved(estimator, random_state, data):
    X, y = data
    settings = {**BRIEF, **drawing(estimator), "early_stopping": True, "random_state": random_state}
    models = []
    for _ in range(2):
        random.seed(0)
        np.random.seed(0)
        torch.manual_seed(0)
        before = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
        models.append(estimator(**settings).fit(X, y))
        models[-1].transform(X)
        assert random.getstate() == before[0]
        np.testing.assert_array_equal(np.random.get_state()[1], before[1])
        assert torch.equal(torch.get_rng_state(), before[2])
    assert same_weights(*models) == (random_state is not None)


@every_estimator
def test_fits_on_parallel_threads_do_not_disturb_each_other(estimator, data):
    X, y = data
    settings = {**BRIEF, **drawing(estimator)}
    alone = [estimator(**settings | {"random_state": seed}).fit(X, y) for seed in range(4)]
    together = joblib.Parallel(n_jobs=4, backend="threading")(
        joblib.delayed(estimator(**settings | {"random_state": seed}).fit)(X, y) for seed in range(4)
    )
    assert all(map(same_weights, alone, together))


# --- Batches ---------------------------------------------------------------------------------------------------------


@every_estimator
def test_a_prediction_does_not_depend_on_the_batch(estimator, data):
    X, y = data
    model = estimator(**BRIEF).fit(X, y)
    for method in (model.transform, getattr(model, "predict", model.transform)):
        together = method(X[:40])
        one_by_one = np.concatenate([method(X[i : i + 1]) for i in range(40)])
        if together.dtype == object:  # sequences
            np.testing.assert_array_equal(one_by_one, together)
            np.testing.assert_array_equal(method(X[:40][::-1])[::-1], together)
            continue
        np.testing.assert_allclose(one_by_one, together, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(method(X[:40][::-1])[::-1], together, rtol=1e-6, atol=1e-6)


@every_estimator
@pytest.mark.parametrize("n", [1, 2, 31, 33])
def test_any_number_of_samples(estimator, n, data):
    X, y = data
    model = estimator(**BRIEF, batch_size=32)
    if n == 1 and is_outlier_detector(model):
        with pytest.raises(ValueError, match="a minimum of 2 is required"):
            model.fit(X[:1])
        return
    model.fit(X[:n], y[:n])
    assert np.isfinite(model.transform(X[:n])).all()


@every_estimator
def test_predict_leaves_the_weights_alone(estimator, data):
    X, y = data
    model = estimator(**BRIEF, **drawing(estimator)).fit(X, y)
    before = weights_of(model)
    first = model.transform(X)
    np.testing.assert_array_equal(model.transform(X), first)
    assert all(map(torch.equal, before, weights_of(model)))


# --- Pickles ---------------------------------------------------------------------------------------------------------


@every_estimator_with("partial_fit")
def test_pickles_predict_and_go_on_training_as_the_original(estimator, data):
    X, y = data
    model = estimator(**BRIEF, **drawing(estimator)).fit(X, y)
    loaded = pickle.loads(pickle.dumps(model))
    assert loaded.net_.module_ is loaded.module_
    np.testing.assert_array_equal(loaded.transform(X), model.transform(X))
    model.partial_fit(X, y)
    loaded.partial_fit(X, y)
    assert same_weights(model, loaded)


@every_estimator_with("partial_fit")
def test_a_model_outlives_the_device_of_its_fit(estimator, data):
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA: test_cuda.py covers it")
    X, y = data
    model = estimator(**BRIEF).fit(X, y)
    expected = model.transform(X)
    loaded = pickle.loads(pickle.dumps(model.set_params(device="cuda")))
    np.testing.assert_array_equal(loaded.transform(X), expected)
    with pytest.raises(ValueError, match="device='cuda' was asked for"):
        loaded.fit(X, y)


@every_estimator
def test_a_pickle_of_another_version_warns(estimator, data):
    X, y = data
    state = estimator(**BRIEF).fit(X, y).__getstate__()
    with pytest.warns(InconsistentVersionWarning, match="sklearn_ann"):
        estimator().__setstate__({**state, "_sklearn_ann_version": "0.0.1"})


@every_estimator
def test_clone_forgets_the_fit(estimator, data):
    X, y = data
    copied = clone(estimator(**BRIEF).fit(X, y))
    assert not any(name.endswith("_") for name in vars(copied))


# --- Devices and precisions ------------------------------------------------------------------------------------------


@every_estimator
@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("gpu", "device must be 'auto', 'cpu', 'cuda', 'cuda:<number>' or 'mps', got 'gpu'"),
        ("cuda:x", "got 'cuda:x'"),
        ("cpu:1", "got 'cpu:1'"),
        ("cuda:99", "device='cuda:99' was asked for, but torch sees"),
        ("", "device must be"),
    ],
)
def test_unknown_devices(estimator, device, message, data):
    with pytest.raises(ValueError, match=message):
        estimator(**BRIEF, device=device).fit(*data)


@every_estimator
@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
def test_precisions(estimator, precision, data):
    X, y = data
    model = estimator(**BRIEF | {"max_epochs": 20, "tol": 0}, precision=precision).fit(X, y)
    expected = np.float64 if precision == "float64" else np.float32
    assert model.transform(X).dtype == expected
    assert {parameter.dtype for parameter in model.module_.parameters()} == {getattr(torch, np.dtype(expected).name)}
    assert min(model.history_["loss"]) < 0.95 * model.history_["loss"][0]


@every_estimator
def test_learning_rate_schedules(estimator, data):
    X, y = data
    rates = {}
    for schedule in ("constant", "cosine", "adaptive"):
        settings = {"max_epochs": 30, "tol": 0.999, "n_iter_no_change": 3, "random_state": 0, "learning_rate": 1e-5}
        model = estimator(**settings | steady(estimator) | {"learning_rate_schedule": schedule}).fit(X, y)
        rates[schedule] = model.history_["learning_rate"]
    assert set(rates["constant"]) == {1e-5}
    expected = 0.5e-5 * (1 + np.cos(np.pi * np.arange(30) / 30))
    np.testing.assert_allclose(rates["cosine"], expected)
    assert sorted(set(rates["adaptive"]))[-2] == pytest.approx(2e-6)


@every_estimator
def test_gradient_clipping_bounds_the_first_step(estimator, data):
    """With a norm far below the optimiser's epsilon the steps shrink; without they are of the learning rate."""
    X, y = data
    settings = {**BRIEF, "max_epochs": 1, "batch_size": 1000, "weight_decay": 0.0}  # its pull is not clipped
    start = estimator(**settings | {"learning_rate": 1e-12}).fit(X, y)
    moved = {}
    for norm in (None, 1e-10):
        model = estimator(**settings, max_grad_norm=norm).fit(X, y)
        pairs = zip(model.module_.parameters(), start.module_.parameters(), strict=True)
        moved[norm] = max((a - b).abs().max().item() for a, b in pairs if a.numel())
    assert moved[None] > 5e-4
    assert moved[1e-10] < 0.05 * moved[None]


# --- Input -----------------------------------------------------------------------------------------------------------


@every_estimator_of_rows
def test_numeric_input_of_any_type(estimator, rows):
    X, y = rows
    for dtype in (np.float16, np.uint8, np.int64, bool, object):
        assert np.isfinite(estimator(**BRIEF).fit((X * 3).astype(dtype), y).transform((X * 3).astype(dtype))).all()
    constant = np.ones((20, 4))
    assert np.isfinite(estimator(**BRIEF).fit(constant, y[:20]).transform(constant)).all()


@every_estimator_of_rows
def test_input_that_is_refused_names_what_is_wrong(estimator, rows):
    X, y = rows
    model = estimator(**BRIEF).fit(pd.DataFrame(X).add_prefix("pixel"), y)
    bad = X.copy()
    bad[2, 3] = np.inf
    if not get_tags(model).input_tags.string:
        with pytest.raises(ValueError, match="could not convert string to float"):
            model.fit(X.astype(str).astype(object) + "x", y)
    if has_fit_parameter(model, "sample_weight"):
        with pytest.raises(ValueError, match="sample_weight"):
            model.fit(X, y, sample_weight=np.ones(3))
        with pytest.raises(ValueError, match=r"[Nn]egative"):
            model.fit(X, y, sample_weight=-np.ones(len(X)))
    for call, message in [
        (lambda: model.fit(bad, y), "infinity"),
        (lambda: model.fit(X[0], y), "Reshape your data"),
        (lambda: model.fit(X[:0], y[:0]), "0 sample"),
        (lambda: estimator(**BRIEF).fit(X, y).transform(X[:, :5]), "5 features"),
        (lambda: model.transform(pd.DataFrame(X[:, ::-1]).add_prefix("pixel").iloc[:, ::-1]), "same order"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize("estimator", [e for e in ROWS if get_tags(e()).input_tags.sparse], ids=name_of)
def test_sparse_rows_give_what_dense_rows_give(estimator, rows):
    X, y = rows
    exact = {**BRIEF, "precision": "float64", "batch_size": 1000}
    dense = estimator(**exact).fit(X, y)
    for kind in (sp.csr_array, sp.csc_matrix, sp.coo_array):
        sparse = estimator(**exact).fit(kind(X), y)
        np.testing.assert_allclose(sparse.transform(kind(X)), dense.transform(X), rtol=1e-9)


def test_wide_sparse_data_are_never_made_dense():
    """A matrix whose dense form would take 80 GB."""
    X = sp.random_array(
        (100_000, 100_000), density=2e-6, format="csr", dtype=np.float32, random_state=np.random.default_rng(0)
    )
    model = AutoEncoderTransformer(hidden_layer_sizes=(), max_epochs=1, batch_size=20, random_state=0)
    model.partial_fit(X[:400])
    assert model.transform(X[:100]).shape == (100, 2)


@every_estimator_of_rows
def test_repeated_fits_do_not_grow_memory(estimator, rows):
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("reads /proc, which is Linux only")

    def resident_mib():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    X, y = (part[:40] for part in rows)
    widths = {"hidden_layer_sizes": (2000,), "n_components": 256, "hidden_size": 384}
    name = next(name for name in widths if name in estimator().get_params())
    wide = {name: widths[name]}
    model = estimator(**BRIEF, **wide)
    for _ in range(5):
        model.fit(X, y)
    before = resident_mib()
    for _ in range(20):
        model.fit(X, y)
    # Kept from each fit, the weights alone would be twenty times these.
    weights = sum(tensor.nbytes for tensor in weights_of(model)) / 2**20
    assert resident_mib() - before < 10 * weights


@every_estimator_of_rows
def test_early_stopping_takes_groups(estimator, rows):
    X, y = (part[:40] for part in rows)
    assert has_fit_parameter(estimator, "groups")
    groups = np.arange(40) // 2
    plan = estimator(**BRIEF | {"early_stopping": True, "validation_fraction": 0.3})._prepare(X, y, groups=groups)
    watched = set(groups[plan.validation.rows.numpy()])
    assert watched
    assert not watched & set(groups[plan.examples.rows.numpy()])
