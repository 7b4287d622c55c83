"""What every estimator promises beyond scikit-learn's checks; each test fails when its promise is broken."""

import copy
import os
import pickle
import random
import subprocess
import sys
import textwrap
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from discovery import BRIEF, NEURAL, RANDOM_ERROR, ROWS, drawing, exact, name_of, steady
from sklearn import config_context
from sklearn.base import clone, is_outlier_detector
from sklearn.exceptions import InconsistentVersionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from sklearn_ann import AutoEncoderTransformer, GANSampler, VAESampler
from sklearn_ann.training import Step

every_estimator = pytest.mark.parametrize("estimator", NEURAL, ids=name_of)
every_estimator_of_rows = pytest.mark.parametrize("estimator", ROWS, ids=name_of)


def every_estimator_with(name, among=NEURAL):
    """Those that have a method, or a parameter of fit, of this name."""
    having = [estimator for estimator in among if hasattr(estimator, name) or has_fit_parameter(estimator(), name)]
    return pytest.mark.parametrize("estimator", having, ids=name_of)


def is_supervised(estimator):
    """Whether it predicts a target."""
    return get_tags(estimator()).target_tags.required


pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.* outputs were cut:UserWarning"),  # by networks that are hardly trained
]


def weights_of(model):
    return [tensor.clone() for tensor in model.module_.state_dict().values()]


def same_weights(one, other):
    return all(torch.equal(a, b) for a, b in zip(weights_of(one), weights_of(other), strict=True))


def same_parameters(one, other):
    """Without the running statistics of batch normalisation, which a fit settles at its end."""
    pairs = zip(one.module_.parameters(), other.module_.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


class Recorder:
    """A callback of scikit-learn's that does at the end of each epoch what it is told to."""

    max_propagation_depth = None

    def __init__(self, at_end=lambda _epoch, _fitted: None):
        self.at_end = at_end
        self.tasks = []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        self.tasks.append((context.estimator_name, context.task_name))
        if context.task_name == "epoch":
            return self.at_end(context.task_id + 1, fitted_estimator)
        return False


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


# --- Training that fails ---------------------------------------------------------------------------------------------


@every_estimator
def test_a_loss_that_is_not_finite_raises_and_loses_nothing(estimator, data):
    X, y = data
    model = estimator(**BRIEF | steady(estimator) | {"learning_rate": 1e38})
    with pytest.raises(ValueError, match=r"loss is (nan|inf) in epoch \d+ at learning_rate=1e\+38"):
        model.fit(X, y)
    with pytest.raises(NotFittedError):
        model.transform(X)
    model.set_params(learning_rate=1e-3).fit(X, y)
    kept = copy.deepcopy(model)
    with pytest.raises(ValueError, match="in epoch"):
        model.set_params(learning_rate=1e38).fit(X, y)
    assert same_weights(model, kept)
    model.set_params(warm_start=True)
    with pytest.raises(ValueError, match="in epoch"):
        model.fit(X, y)
    assert same_weights(model, kept)
    assert model.n_iter_ == kept.n_iter_


@every_estimator_with("partial_fit", among=ROWS)
def test_partial_fit_that_diverges_keeps_the_last_good_weights(estimator, digits):
    X, y = digits
    # Batch normalisation and quantiles would make an outlier of it, however large.
    plain = {"normalization": None, "scaling": "standard"}
    model = estimator(**BRIEF, **{name: value for name, value in plain.items() if name in estimator().get_params()})
    model.partial_fit(X, y)
    kept = copy.deepcopy(model)
    poisoned = X.copy()
    # Some look at how far from the mean values are, and states of a recurrent network stay below one.
    if estimator.__name__ in ("VAESampler", "AutoEncoderOutlierDetector", "RNNClassifier", "RNNRegressor"):
        model.set_params(learning_rate=1e38)
    else:
        poisoned[0] = 3e38  # finite, but what it is multiplied with is not
    with pytest.raises(ValueError, match="in epoch 2"):
        model.partial_fit(poisoned, y)
    assert same_weights(model, kept)
    assert model.n_iter_ == 1
    model.set_params(learning_rate=kept.learning_rate)
    assert np.isfinite(model.partial_fit(X, y).loss_)  # the optimiser has forgotten it too


@every_estimator_of_rows
def test_bad_data_leave_a_fitted_model_as_it_was(estimator, digits):
    X, y = digits
    model = estimator(**BRIEF).fit(pd.DataFrame(X).add_prefix("pixel"), y)
    kept = copy.deepcopy(model)
    bad = X[:, :5].copy()
    for value, message in ((np.inf, "infinity"), (np.nan, "NaN")):
        if np.isnan(value) and get_tags(model).input_tags.allow_nan:
            continue  # a missing value
        bad[3, 2] = value
        with pytest.raises(ValueError, match=message):
            model.fit(bad, y)
    assert same_weights(model, kept)
    assert model.n_features_in_ == X.shape[1]
    assert list(model.feature_names_in_) == list(kept.feature_names_in_)


@every_estimator
def test_interrupt_propagates_and_keeps_the_last_epoch(estimator, data):
    X, y = data

    def interrupt(epoch, fitted):
        if epoch == 2:
            raise KeyboardInterrupt

    settings = {**BRIEF, "max_epochs": 5, "tol": 0, **steady(estimator)}
    model = estimator(**settings).set_callbacks(Recorder(interrupt))
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert model.n_iter_ == 2
    assert same_parameters(model, estimator(**settings | {"max_epochs": 2}).fit(X, y))


@every_estimator
def test_interrupt_before_the_first_epoch_changes_nothing(estimator, data, monkeypatch):
    def interrupt(self, batch):
        raise KeyboardInterrupt

    X, y = data
    model = estimator(**BRIEF).fit(X, y)
    kept = copy.deepcopy(model)
    for step in steps_that_train():
        monkeypatch.setattr(step, "train", interrupt)
    fresh = estimator(**BRIEF)
    for interrupted in (model, fresh):
        with pytest.raises(KeyboardInterrupt):
            interrupted.fit(X, y)
    assert same_weights(model, kept)
    assert model.history_ == kept.history_
    with pytest.raises(NotFittedError):
        fresh.transform(X)


def steps_that_train():
    """The classes that say how networks learn from a batch."""
    kinds = [Step]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return [kind for kind in kinds if "train" in vars(kind)]


def interrupt_third_step(monkeypatch):
    """Let the training of every network be interrupted in the middle of its third step."""
    steps = []

    def interrupted(original):
        def train(self, batch):
            steps.append(batch.size)
            if len(steps) == 3:
                raise KeyboardInterrupt
            return original(self, batch)

        return train

    for step in steps_that_train():
        monkeypatch.setattr(step, "train", interrupted(step.train))


@every_estimator
def test_interrupt_in_the_middle_of_an_epoch(estimator, data, monkeypatch):
    X, y = data
    settings = {**BRIEF, "batch_size": -(-len(X) // 2), "tol": 0}  # two steps an epoch
    expected = estimator(**settings | {"max_epochs": 1}).fit(X, y)
    interrupt_third_step(monkeypatch)
    model = estimator(**settings)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert model.n_iter_ == 1
    assert same_parameters(model, expected)


@every_estimator_with("score")
def test_interrupt_stops_a_whole_search(estimator, data, monkeypatch):
    X, y = data
    interrupt_third_step(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        GridSearchCV(estimator(**BRIEF), {"learning_rate": [1e-3, 1e-2]}, cv=2, error_score=0.0).fit(X, y)


# --- Threads and processes -------------------------------------------------------------------------------------------


def threads_during_fit(estimator, X, y):
    seen = []
    model = estimator(**BRIEF).set_callbacks(Recorder(lambda _epoch, _fitted: seen.append(torch.get_num_threads())))
    model.fit(X, y)
    return max(seen)


def threads_in_worker(estimator, X, y):
    return threads_during_fit(estimator, X, y), torch.get_num_threads()


@every_estimator
def test_threads_are_capped_in_worker_threads_and_restored(estimator, data):
    X, y = data
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert threads_during_fit(estimator, X, y) == 2  # no worker, no cap
        with joblib.parallel_backend("threading"):
            inside = joblib.Parallel(n_jobs=2)(joblib.delayed(threads_during_fit)(estimator, X, y) for _ in range(4))
        assert inside == [1] * 4
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_threads_are_capped_in_worker_processes():
    n_jobs = 2
    code = f"""
        import joblib, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from sklearn.datasets import load_digits
        from test_promises import threads_in_worker
        from sklearn_ann import AutoEncoderTransformer
        X, y = load_digits(return_X_y=True)
        fit = joblib.delayed(threads_in_worker)
        workers = joblib.Parallel(n_jobs={n_jobs})(fit(AutoEncoderTransformer, X[:99], y[:99]) for _ in range(2))
        share = max(1, joblib.cpu_count() // {n_jobs})
        assert all(max(worker) <= share for worker in workers), workers
    """
    subprocess.run([sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)], check=True)


def test_import_and_fit_start_nothing():
    code = """
        import sys, threading
        started = []
        sys.addaudithook(lambda event, args: started.append(event) if event in {
            "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "subprocess.Popen"} else None)
        import torch
        import sklearn_ann
        started.clear()
        assert threading.active_count() == 1, threading.enumerate()
        assert not torch.cuda.is_initialized()
        sklearn_ann.AutoEncoderTransformer(max_epochs=1, device="cpu").fit([[0.0, 1.0], [1.0, 0.0]])
        assert not torch.cuda.is_initialized()
        assert not started, started
    """
    subprocess.run([sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)], check=True)


@every_estimator_with("score")
def test_two_jobs_score_like_one(estimator, data):
    X, y = data
    one, two = (cross_val_score(estimator(**BRIEF), X, y, cv=2, n_jobs=n_jobs) for n_jobs in (1, 2))
    np.testing.assert_allclose(one, two, rtol=1e-4)


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


# --- Callbacks and progress ------------------------------------------------------------------------------------------


@every_estimator
def test_callbacks_see_every_epoch_and_do_not_disturb_training(estimator, data):
    X, y = data

    def use(epoch, fitted):
        assert fitted.n_iter_ == epoch
        assert np.isfinite(fitted.transform(X)).all()
        fitted.module_.eval()
        with torch.no_grad():
            for parameter in fitted.module_.parameters():
                parameter.zero_()

    settings = {**BRIEF, "tol": 0, "n_iter_no_change": 9, **drawing(estimator)}
    recorder = Recorder(use)
    watched = estimator(**settings).set_callbacks(recorder).fit(X, y)
    assert recorder.tasks == [(estimator.__name__, "epoch")] * 3 + [(estimator.__name__, "fit")]
    assert same_weights(watched, estimator(**settings).fit(X, y))


@every_estimator
def test_a_callback_can_stop_the_training(estimator, data):
    X, y = data
    model = estimator(**BRIEF | {"max_epochs": 9, "tol": 0})
    model.set_callbacks(Recorder(lambda epoch, _fitted: epoch == 2)).fit(X, y)
    assert model.n_iter_ == 2


@every_estimator_with("score", among=ROWS)
def test_callbacks_reach_the_epochs_through_search_and_pipeline(estimator, digits):
    X, y = digits
    recorder = Recorder()
    pipe = make_pipeline(StandardScaler(), estimator(**BRIEF | {"tol": 0}))
    search = GridSearchCV(pipe, {f"{estimator.__name__.lower()}__learning_rate": [1e-3]}, cv=2)
    search.set_callbacks(recorder).fit(X, y)
    assert recorder.tasks.count((estimator.__name__, "epoch")) == 3 * (2 + 1)


def test_progress_bar_is_nested_down_to_the_epochs(digits, capfd):
    from sklearn.callback import ProgressBar

    X, y = digits
    name = AutoEncoderTransformer.__name__
    pipe = make_pipeline(StandardScaler(), AutoEncoderTransformer(**BRIEF))
    search = GridSearchCV(pipe, {f"{name.lower()}__learning_rate": [1e-3]}, cv=2, n_jobs=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, y)
    assert f"{name} - fit" in capfd.readouterr().out


@every_estimator
def test_verbose(estimator, data, capfd):
    X, y = data
    estimator(**BRIEF).fit(X, y).transform(X)
    assert capfd.readouterr() == ("", "")
    estimator(**BRIEF, verbose=1).fit(X, y)
    err = capfd.readouterr().err
    assert estimator.__name__ in err
    assert "loss=" in err


# --- Going on --------------------------------------------------------------------------------------------------------


@every_estimator_with("partial_fit")
def test_partial_fit_is_an_epoch_of_fit(estimator, data):
    X, y = data
    model = estimator(**BRIEF)
    for epoch in range(1, 4):
        model.partial_fit(X, y)
        assert model.n_iter_ == epoch
    assert len(model.history_["loss"]) == 3
    assert model.history_["loss"][2] < model.history_["loss"][0]


@every_estimator
def test_warm_start_goes_on(estimator, data):
    X, y = data
    settings = {**BRIEF, "tol": 0, "n_iter_no_change": 9, "learning_rate": 1e-2, "warm_start": True}
    model = estimator(**settings).fit(X, y)
    first, before = model.history_["loss"], [p.clone() for p in model.module_.parameters()]
    model.set_params(learning_rate=1e-12).fit(X, y)
    assert model.n_iter_ == 6
    assert model.history_["loss"][:3] == first
    assert all(torch.allclose(a, b, atol=1e-9) for a, b in zip(before, model.module_.parameters(), strict=True))
    cold = estimator(**settings | {"warm_start": False}).fit(X, y).fit(X, y)
    assert cold.history_["loss"] == first


@every_estimator_of_rows
def test_warm_start_refuses_another_shape(estimator, digits):
    X, y = digits
    model = estimator(**BRIEF, warm_start=True).fit(X, y)
    kept = copy.deepcopy(model)
    with pytest.raises(ValueError, match="warm_start=True"):
        model.set_params(hidden_layer_sizes=(7,)).fit(X, y)
    with pytest.raises(ValueError, match="features"):
        model.fit(X[:, :5], y)
    assert same_weights(model, kept)


@every_estimator_with("partial_fit")
def test_parameters_that_change_between_calls(estimator, data):
    X, y = data
    model = estimator(**BRIEF).fit(X, y)
    expected = model.transform(X)
    model.set_params(precision="float64")
    np.testing.assert_array_equal(model.transform(X), expected)  # until the next fit
    model.set_params(learning_rate=1e-12, weight_decay=0.5).partial_fit(X, y)
    assert model.history_["learning_rate"][-1] == 1e-12
    assert model.net_.optimizer_.param_groups[0]["weight_decay"] == 0.5
    assert model.set_params(warm_start=True, learning_rate=1e-3).fit(X, y).transform(X).dtype == np.float64


@every_estimator
def test_torchs_global_defaults_do_not_matter(estimator, data):
    X, y = data
    expected = estimator(**BRIEF).fit(X, y)
    torch.set_default_dtype(torch.float64)
    try:
        other = estimator(**BRIEF).fit(X, y)
    finally:
        torch.set_default_dtype(torch.float32)
    assert same_weights(expected, other)


@every_estimator_with("partial_fit")
def test_torchs_modes_around_fit_do_not_matter(estimator, data):
    X, y = data
    expected = estimator(**BRIEF).fit(X, y).transform(X)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            model = estimator(**BRIEF).fit(X, y)
            np.testing.assert_array_equal(model.transform(X), expected)
        np.testing.assert_array_equal(model.partial_fit(X, y).transform(X).shape, expected.shape)


# --- Validation ------------------------------------------------------------------------------------------------------


@every_estimator_of_rows
def test_early_stopping_returns_the_weights_of_the_best_epoch(estimator, digits):
    X, y = digits
    late = {"max_epochs": 60, "learning_rate": 0.03, "batch_size": 8, "tol": 0, "random_state": 0, **steady(estimator)}
    extra = {"y_val": y[:199:-1]} if is_supervised(estimator) else {}
    model = estimator(**late).fit(X[:60], y[:60], X_val=X[200:], **extra)
    losses = model.history_["validation_loss"]
    assert model.best_epoch_ == 1 + int(np.argmin(losses))
    assert model.best_epoch_ < model.n_iter_
    again = estimator(**late | {"max_epochs": model.best_epoch_}).fit(X[:60], y[:60], X_val=X[200:], **extra)
    assert same_weights(model, again)


@every_estimator_of_rows
def test_half_of_the_validation_data_is_refused(estimator, digits):
    X, y = digits
    if not has_fit_parameter(estimator(), "y_val"):
        with pytest.raises(TypeError, match="y_val"):
            estimator().fit(X, X_val=X, y_val=y)
        return
    if is_supervised(estimator):
        with pytest.raises(ValueError, match="X_val was given without y_val"):
            estimator(**BRIEF).fit(X, y, X_val=X)
    with pytest.raises(ValueError, match="y_val was given without X_val"):
        estimator(**BRIEF).fit(X, y, y_val=y)


@every_estimator
def test_early_stopping_holds_data_out(estimator, data):
    X, y = data
    model = estimator(**BRIEF, early_stopping=True, validation_fraction=0.2).fit(X, y)
    assert len(model.history_["validation_loss"]) == model.n_iter_
    with pytest.raises(ValueError, match=r"needs 2 of them at least, got 1|a minimum of 2 is required"):
        model.fit(X[:1], y[:1])


@every_estimator_of_rows
def test_validation_data_reach_the_last_step_of_a_pipeline(estimator, digits):
    X, y = digits
    X = X * 255  # unless the first step sees the validation data too, their loss is out of all proportion
    supervised = is_supervised(estimator)
    with config_context(enable_metadata_routing=True):
        step = estimator(**BRIEF).set_fit_request(X_val=True, **({"y_val": True} if supervised else {}))
        pipe = make_pipeline(FunctionTransformer(lambda X: X / 255), step, transform_input=["X_val"])
        pipe.fit(X[:200], y[:200], X_val=X[200:], **({"y_val": y[200:]} if supervised else {}))
    losses = pipe[-1].history_
    # Without the scaling a squared error would be 65,025 times as much. A critic's loss may be negative.
    times = {GANSampler: 5, VAESampler: 100}.get(estimator, 3)
    assert losses["validation_loss"][-1] < times * abs(losses["loss"][-1])


@every_estimator_with("sample_weight")
def test_weights_are_routed_through_a_search(estimator, data):
    X, y = data
    with config_context(enable_metadata_routing=True):
        step = estimator(**BRIEF).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = GridSearchCV(step, {"learning_rate": [1e-3]}, cv=2).fit(X, y, sample_weight=np.arange(len(X)) % 3)
    assert np.isfinite(search.best_score_)


@every_estimator_with("sample_weight", among=[e for e in ROWS if e not in RANDOM_ERROR])
def test_weight_two_is_a_row_twice_and_weight_zero_is_none(estimator, digits):
    X, y = digits
    X, y = X[:60].astype(float), y[:60] % 3
    weight = np.arange(60) % 3
    settings = exact(estimator) | {"batch_size": 1000, "max_epochs": 20, "tol": 0, "random_state": 0}
    kinds = [(X, np.asarray)] + [(sp.csr_array(X), sp.csr_array)] * get_tags(estimator()).input_tags.sparse
    for data, kind in kinds:
        weighted = estimator(**settings).fit(data, y, sample_weight=weight)
        repeated = estimator(**settings).fit(kind(np.repeat(X, weight, axis=0)), np.repeat(y, weight))
        np.testing.assert_allclose(weighted.transform(X), repeated.transform(X), rtol=1e-7, atol=1e-9)
        assert weighted.loss_ == pytest.approx(repeated.loss_, rel=1e-9)
        assert weighted.score(X, y, weight) == pytest.approx(
            weighted.score(np.repeat(X, weight, axis=0), np.repeat(y, weight)), rel=1e-9
        )


@every_estimator_with("sample_weight", among=[e for e in NEURAL if e not in ROWS and e not in RANDOM_ERROR])
def test_weight_two_is_a_string_an_image_or_a_graph_twice(estimator, data):
    some = np.arange(60) * 2
    X, y = (values[some] for values in data)
    weight = np.arange(60) % 3 + 1
    twice = np.repeat(np.arange(60), weight)
    settings = exact(estimator) | {"max_epochs": 20, "tol": 0, "random_state": 0}
    weighted = estimator(**settings).fit(X, y, sample_weight=weight)
    repeated = estimator(**settings).fit(X[twice], y[twice])
    np.testing.assert_allclose(weighted.transform(X), repeated.transform(X), rtol=1e-7, atol=1e-9)
    assert weighted.loss_ == pytest.approx(repeated.loss_, rel=1e-9)


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
def test_numeric_input_of_any_type(estimator, digits):
    X, y = digits
    for dtype in (np.float16, np.uint8, np.int64, bool, object):
        assert np.isfinite(estimator(**BRIEF).fit((X * 3).astype(dtype), y).transform((X * 3).astype(dtype))).all()
    constant = np.ones((20, 4))
    assert np.isfinite(estimator(**BRIEF).fit(constant, y[:20]).transform(constant)).all()


@every_estimator_of_rows
def test_input_that_is_refused_names_what_is_wrong(estimator, digits):
    X, y = digits
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
def test_sparse_rows_give_what_dense_rows_give(estimator, digits):
    X, y = digits
    exact = {**BRIEF, "precision": "float64", "batch_size": 1000}
    dense = estimator(**exact).fit(X, y)
    for kind in (sp.csr_array, sp.csc_matrix, sp.coo_array):
        sparse = estimator(**exact).fit(kind(X), y)
        np.testing.assert_allclose(sparse.transform(kind(X)), dense.transform(X), rtol=1e-9)


def test_wide_sparse_data_are_never_made_dense():
    """A matrix whose dense form would take 80 GB."""
    X = sp.random_array((100_000, 100_000), density=2e-6, format="csr", dtype=np.float32, rng=0)
    model = AutoEncoderTransformer(hidden_layer_sizes=(), max_epochs=1, batch_size=20, random_state=0)
    model.partial_fit(X[:400])
    assert model.transform(X[:100]).shape == (100, 2)


@every_estimator_of_rows
def test_repeated_fits_do_not_grow_memory(estimator, digits):
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("reads /proc, which is Linux only")

    def resident_mib():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    X, y = (part[:40] for part in digits)
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
def test_early_stopping_takes_groups(estimator, digits):
    X, y = (part[:40] for part in digits)
    assert has_fit_parameter(estimator, "groups")
    groups = np.arange(40) // 2
    plan = estimator(**BRIEF | {"early_stopping": True, "validation_fraction": 0.3})._prepare(X, y, groups=groups)
    watched = set(groups[plan.validation.rows.numpy()])
    assert watched
    assert not watched & set(groups[plan.examples.rows.numpy()])
