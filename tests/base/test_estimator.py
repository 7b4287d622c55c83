"""The life cycle: a plan is prepared, trained and stored; what fails on the way changes nothing."""

import numpy as np
import pytest
import torch
from discovery import BRIEF, every_estimator
from leaves import DenseClassifier, DenseRegressor
from observing import Recorder, same_weights
from sklearn.exceptions import NotFittedError

from sklearn_ann import AttentionClassifier, AutoEncoderOutlierDetector, AutoEncoderTransformer, CNNClassifier, training

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@every_estimator
def test_plans_are_prepared_without_touching_the_estimator(estimator, data):
    X, y = data
    settings = BRIEF | {"early_stopping": True}
    candidates = [estimator(**settings, learning_rate=rate) for rate in (1e-3, 1e-2)]
    before = [dict(vars(candidate)) for candidate in candidates]
    plans = [candidate._prepare(X, y) for candidate in candidates]
    assert [dict(vars(candidate)) for candidate in candidates] == before
    for candidate, plan in zip(candidates, plans, strict=True):
        run = plan.start(candidate._loss_floor)
        run.run()
        fitted = estimator(**candidate.get_params(deep=False)).fit(X, y)
        assert [record["loss"] for record in run.history] == fitted.history_["loss"]
        weights = zip(plan.step.module.parameters(), fitted.module_.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in weights)


STAGES = ["_reader", "_targets", "_auto", "_network", "_error", "_step", "_train", "_take"]


@every_estimator
@pytest.mark.parametrize("warm_start", [False, True])
def test_a_fit_that_fails_at_any_stage_leaves_the_estimator_as_it_was(estimator, warm_start, data, monkeypatch):
    X, y = (part[:40] for part in data)
    model, fresh = estimator(**BRIEF, warm_start=warm_start).fit(X, y), estimator(**BRIEF)
    before = {name: id(value) for name, value in vars(model).items()}
    expected = model.transform(X)

    def fail(self, *args, **kwargs):
        raise MemoryError

    for stage in STAGES:
        with monkeypatch.context() as patched:
            patched.setattr(estimator, stage, fail)
            for one in (model, fresh):
                if one is model and warm_start and stage in ("_reader", "_targets"):
                    continue  # a warm start keeps them
                with pytest.raises(MemoryError):
                    one.fit(X, y)
        assert {name: id(value) for name, value in vars(model).items()} == before, stage
        np.testing.assert_array_equal(model.transform(X), expected)
        with pytest.raises(NotFittedError):
            fresh.transform(X)


# --- What an estimator takes from its network goes the same way ------------------------------------------------------


def points(shift):
    return np.random.default_rng(0).normal(shift, 1.0, size=(80, 4))


def test_an_interrupted_detector_has_the_offset_of_its_own_network():
    def interrupt(epoch, fitted):
        assert np.isfinite(fitted.score_samples(points(0))).all()  # a copy for callbacks is complete
        if epoch == 2:
            raise KeyboardInterrupt

    detector = AutoEncoderOutlierDetector(max_epochs=20, random_state=0).set_callbacks(Recorder(interrupt))
    for shift in (0, 50):  # a first fit and a refit
        with pytest.raises(KeyboardInterrupt):
            detector.fit(points(shift))
        assert detector.n_iter_ == 2
        assert (detector.predict(points(shift)) == 1).mean() > 0.8
    assert (detector.predict(points(0)) == -1).all()


def test_a_detector_whose_covariance_fails_keeps_its_network(monkeypatch):
    from sklearn_ann.autoencoder import distances

    def fail(X, share):
        raise np.linalg.LinAlgError("no inverse")

    detector = AutoEncoderOutlierDetector(max_epochs=3, random_state=0).fit(points(0))
    expected = detector.score_samples(points(0))
    monkeypatch.setattr(distances, "concentrated_covariance", fail)
    with pytest.raises(np.linalg.LinAlgError):
        detector.fit(points(50))
    np.testing.assert_array_equal(detector.score_samples(points(0)), expected)


def test_an_interrupt_wins_over_whatever_fails_after_it(monkeypatch):
    from sklearn_ann.autoencoder import distances

    def fail(X, share):
        raise np.linalg.LinAlgError("no inverse")

    def interrupt(epoch, fitted):
        monkeypatch.setattr(distances, "concentrated_covariance", fail)
        raise KeyboardInterrupt

    detector = AutoEncoderOutlierDetector(max_epochs=3, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        detector.set_callbacks(Recorder(interrupt)).fit(points(0))
    with pytest.raises(NotFittedError):
        detector.predict(points(0))


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
def test_a_partial_fit_that_fails_after_its_epoch_changes_nothing(error, monkeypatch):
    X = points(0)
    model = AutoEncoderTransformer(**BRIEF).fit(X)
    twin = AutoEncoderTransformer(**BRIEF).fit(X)
    expected = model.transform(X)

    def fail(self, *args, **kwargs):
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(AutoEncoderTransformer, "_take", fail)
        with pytest.raises(error):
            model.partial_fit(X)
    np.testing.assert_array_equal(model.transform(X), expected)
    np.testing.assert_array_equal(model.partial_fit(X).transform(X), twin.partial_fit(X).transform(X))
    assert model.n_iter_ == twin.n_iter_


# --- Going on --------------------------------------------------------------------------------------------------------


def test_a_warm_start_refuses_to_read_in_another_way_and_takes_other_class_weights():
    X, y = points(0), np.arange(80) % 2
    strings = ["ACGT" * 5, "TTGA" * 5] * 40
    for model, data, changed in (
        (CNNClassifier(**BRIEF, warm_start=True), strings, {"alphabet": "protein"}),
        (AttentionClassifier(**BRIEF, warm_start=True), X, {"scaling": "standard"}),
        (AttentionClassifier(**BRIEF, warm_start=True), strings, {"attend": "columns"}),
        (DenseRegressor(**BRIEF, warm_start=True), X, {"loss": "absolute_error"}),
    ):
        model.fit(data, y)
        kept = dict(vars(model))
        ((name, _),) = changed.items()
        with pytest.raises(ValueError, match="warm_start=True continues the previous fit"):
            model.set_params(**changed).fit(data, y)
        assert model.resolved_parameters_ is kept["resolved_parameters_"]
        model.partial_fit(data, y)  # which keeps what was
        assert model.resolved_parameters_[name] == kept["resolved_parameters_"][name]
    plain, weighted = (DenseClassifier(**BRIEF, warm_start=True).fit(X, y) for _ in range(2))
    weighted.set_params(class_weight={0: 1.0, 1: 100.0})
    assert plain.fit(X, y).loss_ != weighted.fit(X, y).loss_
    assert plain.partial_fit(X, y).loss_ != weighted.partial_fit(X, y).loss_


def test_auto_goes_on_to_stand_for_what_it_stood_for():
    ragged = ["ACGT" * n for n in (3, 4, 5, 6)] * 10
    model = CNNClassifier(**BRIEF, warm_start=True).fit(ragged, np.arange(40) % 2)
    model.fit(["ACGTACGT"] * 40, np.arange(40) % 2)  # of one length, for which a new fit would choose a position bias
    assert model.resolved_parameters_.position_bias == 0


def test_a_warm_start_in_float64_keeps_every_digit():
    X = points(0)
    settings = BRIEF | {"precision": "float64", "warm_start": True}
    model = AutoEncoderTransformer(**settings).fit(X)
    before = model.transform(X)
    model.set_params(learning_rate=1e-300).fit(X)
    np.testing.assert_array_equal(model.transform(X), before)


def test_what_an_earlier_fit_left_is_gone():
    y = np.arange(40) % 2
    model = CNNClassifier(**BRIEF).fit(["ACGT", "TTGA"] * 20, y)
    assert hasattr(model, "_letter_counts")
    model.fit(np.random.default_rng(0).normal(size=(40, 8, 8)), y)
    assert not hasattr(model, "_letter_counts")


class Hiding(DenseClassifier):
    """A classifier whose own signature hides the others' parameters."""

    def __init__(self, dropout=0.2):
        super().__init__(dropout=dropout, max_epochs=2)


def test_a_subclass_with_a_signature_of_its_own():
    X, y = points(0), np.arange(80) % 2
    model = Hiding().fit(X, y)
    assert model.n_iter_ == 2
    assert model.get_params() == {"dropout": 0.2}


def test_weights_that_the_last_step_makes_infinite_raise():
    X = points(0)
    model = AutoEncoderTransformer(**BRIEF).fit(X)
    expected = model.transform(X)
    with pytest.raises(ValueError, match=r"(weights are not finite after|in) epoch"):
        model.set_params(learning_rate=1e38, batch_size=None).partial_fit(X * 1e18)
    np.testing.assert_array_equal(model.transform(X), expected)


# --- What a fit leaves -----------------------------------------------------------------------------------------------


def test_resolved_parameters_are_those_of_the_fit():
    X = points(0)
    model = AutoEncoderOutlierDetector(max_epochs=2, random_state=0).fit(X)
    assert model.resolved_parameters_.n_components == 2  # the square root of four
    assert model.resolved_parameters_["max_epochs"] == 2
    model.set_params(max_epochs=5)
    assert model.resolved_parameters_.max_epochs == 2


def test_partial_fit_takes_todays_training_and_the_fitted_network():
    X, y = points(0), np.arange(80) % 3
    model = DenseClassifier(**BRIEF, hidden_layer_sizes=(8,)).fit(X, y)
    model.set_params(hidden_layer_sizes=(99,), learning_rate=0.5, precision="float64").partial_fit(X, y)
    kept = model.resolved_parameters_
    assert (kept.hidden_layer_sizes, kept.learning_rate, kept.precision) == ((8,), 0.5, "float32")
    assert model.history_["learning_rate"][-1] == 0.5


def test_a_copy_for_callbacks_goes_on_training_by_itself():
    X = points(0)
    copies = []
    model = AutoEncoderTransformer(**BRIEF).set_callbacks(Recorder(lambda _epoch, fitted: copies.append(fitted)))
    model.fit(X)
    weights = [parameter.clone() for parameter in model.module_.parameters()]
    copies[0].partial_fit(X)
    assert copies[0].n_iter_ == 2
    assert all(torch.equal(a, b) for a, b in zip(weights, model.module_.parameters(), strict=True))
    assert not same_weights(copies[0], model)


def test_a_read_only_memory_map_is_trained_on_without_a_copy(tmp_path):
    from pathlib import Path

    status = Path("/proc/self/status")
    if not status.exists():
        pytest.skip("reads /proc, which is Linux only")

    def private_mib():
        line = next(line for line in status.read_text().splitlines() if line.startswith("RssAnon"))
        return int(line.split()[1]) / 1024

    path = tmp_path / "X.npy"
    shape = (100_000, 160)  # 61 MiB
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    array[:] = np.random.default_rng(0).normal(size=(1, 160))
    array.flush()
    del array
    X = np.load(path, mmap_mode="r")
    peaks = []
    watch = Recorder(lambda _epoch, _fitted: peaks.append(private_mib()))
    settings = {"max_epochs": 1, "batch_size": 4096, "hidden_layer_sizes": (4,), "learning_rate_schedule": "cosine"}
    model = AutoEncoderTransformer(**settings, random_state=0).fit(X[:5000])
    before = private_mib()
    model.set_callbacks(watch).fit(X)
    assert max(peaks) - before < 30
    assert path.stat().st_size > 60 * 2**20


@every_estimator
def test_auto_is_refused_where_nothing_stands_for_it(estimator, data, monkeypatch):
    """What the validation of parameters lets pass as "auto" must be resolved by the fit."""
    monkeypatch.setattr(training.Training, "over", property(lambda run: run.epoch > 0))  # however many are asked for
    X, y = (part[:40] for part in data)
    narrow = {"n_components": 4} if "n_components" in estimator().get_params() else {}
    for name in ("max_epochs", "batch_size", "learning_rate"):
        model = estimator(**BRIEF | narrow | {"max_epochs": 1, name: "auto"})
        refusal = None
        try:
            model.fit(X, y)
        except ValueError as error:
            refusal = str(error)
        assert f"The '{name}' parameter" in refusal if refusal else model.resolved_parameters_[name] != "auto"
