"""The life cycle: a plan is prepared, trained and stored; what fails on the way changes nothing."""

import numpy as np
import pytest
import torch
from discovery import BRIEF, NEURAL, name_of
from leaves import DenseClassifier
from sklearn.exceptions import NotFittedError
from test_promises import Recorder, same_weights

from sklearn_ann import AutoEncoderOutlierDetector, AutoEncoderTransformer

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

every_estimator = pytest.mark.parametrize("estimator", NEURAL, ids=name_of)


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


STAGES = ["_reader", "_targets", "_examples", "_auto", "_network", "_error", "_step", "_train", "_take"]


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
    from sklearn_ann.autoencoder import outliers

    def fail(X, share):
        raise np.linalg.LinAlgError("no inverse")

    detector = AutoEncoderOutlierDetector(max_epochs=3, random_state=0).fit(points(0))
    expected = detector.score_samples(points(0))
    monkeypatch.setattr(outliers, "concentrated_covariance", fail)
    with pytest.raises(np.linalg.LinAlgError):
        detector.fit(points(50))
    np.testing.assert_array_equal(detector.score_samples(points(0)), expected)


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
