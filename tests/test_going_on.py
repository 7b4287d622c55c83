"""What goes on during a fit and after it: callbacks, further epochs, validation data and weights."""

import copy

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from discovery import (
    BRIEF,
    NEURAL,
    RANDOM_ERROR,
    ROWS,
    drawing,
    every_estimator,
    every_estimator_of_rows,
    every_estimator_with,
    exact,
    is_supervised,
    steady,
)
from observing import Recorder, same_weights
from sklearn import config_context
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.validation import has_fit_parameter

from sklearn_ann import AutoEncoderTransformer, GANSampler, VAESampler

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.* outputs were cut:UserWarning"),  # by networks that are hardly trained
]


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
def test_callbacks_reach_the_epochs_through_search_and_pipeline(estimator, rows):
    X, y = rows
    recorder = Recorder()
    pipe = make_pipeline(StandardScaler(), estimator(**BRIEF | {"tol": 0}))
    search = GridSearchCV(pipe, {f"{estimator.__name__.lower()}__learning_rate": [1e-3]}, cv=2)
    search.set_callbacks(recorder).fit(X, y)
    assert recorder.tasks.count((estimator.__name__, "epoch")) == 3 * (2 + 1)


def test_progress_bar_is_nested_down_to_the_epochs(rows, capfd):
    from sklearn.callback import ProgressBar

    X, y = rows
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
def test_warm_start_refuses_another_shape(estimator, rows):
    X, y = rows
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
def test_early_stopping_returns_the_weights_of_the_best_epoch(estimator, rows):
    X, y = rows
    late = {"max_epochs": 60, "learning_rate": 0.03, "batch_size": 8, "tol": 0, "random_state": 0, **steady(estimator)}
    extra = {"y_val": y[:99:-1]} if is_supervised(estimator) else {}
    model = estimator(**late).fit(X[:60], y[:60], X_val=X[100:], **extra)
    losses = model.history_["validation_loss"]
    assert model.best_epoch_ == 1 + int(np.argmin(losses))
    assert model.best_epoch_ < model.n_iter_
    again = estimator(**late | {"max_epochs": model.best_epoch_}).fit(X[:60], y[:60], X_val=X[100:], **extra)
    assert same_weights(model, again)


@every_estimator_of_rows
def test_half_of_the_validation_data_is_refused(estimator, rows):
    X, y = rows
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
    with pytest.raises(ValueError, match=r"needs at least 2, got 1|a minimum of 2 is required"):
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
    # Without the scaling a squared error would be 65,025 times as much, a distance of normal scores 40 times its loss.
    times = {GANSampler: 15, VAESampler: 100}.get(estimator, 3)
    assert losses["validation_loss"][-1] < times * abs(losses["loss"][-1])


@every_estimator_with("sample_weight")
def test_weights_are_routed_through_a_search(estimator, data):
    X, y = data
    with config_context(enable_metadata_routing=True):
        step = estimator(**BRIEF).set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = GridSearchCV(step, {"learning_rate": [1e-3]}, cv=2).fit(X, y, sample_weight=np.arange(len(X)) % 3)
    assert np.isfinite(search.best_score_)


@every_estimator_with("sample_weight", among=[e for e in ROWS if e not in RANDOM_ERROR])
def test_weight_two_is_a_row_twice_and_weight_zero_is_none(estimator, rows):
    X, y = rows
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
