"""A fit that is killed and run again ends in the bits of one that was not; a file that is wrong is refused by name."""

import copy
import errno
import io
import os
import signal

import discovery
import numpy as np
import pytest
import torch
from launching import together
from leaves import DenseClassifier
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV

from sklearn_ann import (
    AttentionClassifier,
    CNNClassifier,
    EntityEmbeddingTransformer,
    GANSampler,
    GCNClassifier,
    TensorFactorizationRegressor,
    VAESampler,
    load,
    save,
)
from sklearn_ann.model_selection import StackedSearchCV
from sklearn_ann.training import checkpoints

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Fails:
    """A callback that does something after an epoch."""

    def __init__(self, epoch, what):
        self.epoch, self.what = epoch, what

    def setup(self, *args, **kwargs):
        """Do nothing."""

    teardown = on_fit_task_begin = setup

    def on_fit_task_end(self, estimator, context, **kwargs):
        if context.task_name == "epoch" and context.task_id == self.epoch:
            self.what()


def power_cut():
    raise SystemError("the power is out")


@pytest.fixture
def each_epoch(monkeypatch):
    monkeypatch.setattr(checkpoints, "_PATIENCE", 0)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def all_of(model):
    """All numbers that a fit leaves and that later fits go by."""
    history = {name: values for name, values in model.history_.items() if name != "duration"}
    step = model._learner
    pairs = zip(step.optimizers, step.trained, strict=True)
    states = [optimizer.state[parameter] for optimizer, trained in pairs for parameter in trained]
    numbers = [np.asarray(value) for state in states for value in state.values()]
    weights = [value.numpy() for value in model.module_.state_dict().values()]
    rest = [model.best_epoch_, model.n_iter_, model.loss_, copy.deepcopy(model._rng).randint(2**31, size=3)]
    return [np.asarray(part) for part in (*history.values(), *numbers, *weights, *rest)]


def hold_equal(first, second):
    pairs = list(zip(all_of(first), all_of(second), strict=True))
    assert len(pairs) > 8
    for one, other in pairs:
        np.testing.assert_array_equal(one, other)


def stopped(model, X, y, epoch=2, what=power_cut):
    with pytest.raises(SystemError, match="the power is out"):
        model.set_callbacks(Fails(epoch, what)).fit(X, y)
    return model


CASES = {
    "early stopping": (
        DenseClassifier,
        {
            "early_stopping": True,
            "dropout": 0.2,
            "max_epochs": 30,
            "tol": 0.05,
            "n_iter_no_change": 2,
            "validation_fraction": 0.2,
        },
    ),
    "adaptive": (
        DenseClassifier,
        {"learning_rate_schedule": "adaptive", "learning_rate": 0.05, "n_iter_no_change": 3, "max_epochs": 30},
    ),
    "cosine, warm-up": (AttentionClassifier, {"attend": "columns", "learning_rate_schedule": "cosine"}),
    "normalised": (CNNClassifier, {}),
    "unfreezing": (
        DenseClassifier,
        {"init_from": FrozenEstimator(DenseClassifier(max_epochs=1)), "freeze": "body", "unfreeze_every": 2},
    ),
    "warming up": (VAESampler, {"kl_warmup": 0.5}),
    "adversaries": (GANSampler, {}),
    "graphs": (GCNClassifier, {"dropout": 0.2}),
    "levels": (TensorFactorizationRegressor, {}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.usefixtures("each_epoch")
def test_a_fit_goes_on_where_it_was(case, tmp_path):
    estimator, settings = CASES[case]
    X, y = discovery.data_for(estimator)
    X, y = X[:80], y[:80]
    settings = {"max_epochs": 6, "random_state": 0, "batch_size": 32} | settings
    if "init_from" in settings:
        settings["init_from"].estimator.fit(X, y)
    whole = estimator(**settings).fit(X, y)
    path = str(tmp_path / "fit.checkpoint")
    stopped(estimator(**settings, checkpoint=path), X, y, epoch=whole.n_iter_ - 2)
    resumed = estimator(**settings, checkpoint=path)
    seen = []
    resumed.set_callbacks(Fails(0, lambda: seen.append(0))).fit(X, y)
    hold_equal(whole, resumed)
    again = estimator(**settings, checkpoint=path).fit(X, y)  # nothing is left to do
    hold_equal(whole, again)
    assert again.history_["duration"] == resumed.history_["duration"]
    if hasattr(estimator, "partial_fit") and case != "adversaries":
        hold_equal(whole.partial_fit(X, y), resumed.partial_fit(X, y))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_killed_process_on_one_or_two_processes(tmp_path, iris):
    X, y = iris
    settings = {"max_epochs": 5, "batch_size": 16, "random_state": 0, "precision": "float64"}
    path = str(tmp_path / "fit.checkpoint")

    def killed(_):
        model = DenseClassifier(**settings, checkpoint=path)
        model.set_callbacks(Fails(3, lambda: os.kill(os.getpid(), signal.SIGKILL))).fit(X, y)

    assert together(killed, tmp_path, n=1) == [None]
    assert [path.name for path in tmp_path.iterdir()] == ["fit.checkpoint"]
    kept = (tmp_path / "fit.checkpoint").read_bytes()
    alone = DenseClassifier(**settings).fit(X, y)
    hold_equal(DenseClassifier(**settings, checkpoint=path).fit(X, y), alone)
    (tmp_path / "fit.checkpoint").write_bytes(kept)
    for answer in together(lambda _: all_of(DenseClassifier(**settings, checkpoint=path).fit(X, y)), tmp_path):
        for one, other in zip(answer, all_of(alone), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.usefixtures("each_epoch")
def test_a_seed_that_nobody_has_set_is_kept(tmp_path, iris):
    X, y = iris
    settings = {"max_epochs": 4, "early_stopping": True, "checkpoint": str(tmp_path / "fit")}
    first = stopped(DenseClassifier(**settings), X, y, epoch=1)
    records = torch.load(_content(tmp_path / "fit"), weights_only=True)["run"]["history"]
    second = DenseClassifier(**settings).fit(X, y)
    assert second._records[: len(records)] == records
    assert not hasattr(first, "module_")
    with_state = DenseClassifier(**settings | {"random_state": np.random.RandomState(3)})
    with pytest.raises(ValueError, match="random_state is absent there and one of digest"):
        with_state.fit(X, y)


def _content(path):
    return io.BytesIO(path.read_bytes()[len(checkpoints._MAGIC) + checkpoints._DIGEST :])


def test_what_differs_is_said(tmp_path, iris):
    X, y = iris
    path = str(tmp_path / "fit")
    settings = {"max_epochs": 1, "random_state": 0, "checkpoint": path}
    model = DenseClassifier(**settings).fit(X, y)

    def refused(match, X=X, y=y, model=None, **changed):
        with pytest.raises(ValueError, match=match):
            (model or DenseClassifier()).set_params(**settings | changed).fit(X, y)

    refused(
        "checkpoint='.*fit' is of another fit: learning_rate is 0.001 there and 0.1 here. Remove", learning_rate=0.1
    )
    refused("random_state is one of digest .* there and", random_state=1)
    refused("samples is one of digest", X=X * 2)
    refused("targets is one of digest", y=y[::-1])
    refused("estimator is DenseClassifier there and CNNClassifier here", model=CNNClassifier())
    refused("earlier fit is one of digest", model=copy.deepcopy(model), warm_start=True)
    model.set_params(verbose=1, distributed=False, device="cpu").fit(X, y)  # which change nothing


def test_files_that_are_no_whole_checkpoint_are_refused_and_left(tmp_path, iris):
    X, y = iris
    path = tmp_path / "fit"
    model = DenseClassifier(max_epochs=1, random_state=0, checkpoint=str(path)).fit(X, y)
    whole = path.read_bytes()
    for damaged in (whole[:-100], whole[:40], whole[:-9] + b"x" + whole[-8:], whole + b"x"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="fit' is truncated or damaged: its"):
            model.fit(X, y)
        assert path.read_bytes() == damaged
    path.write_bytes(b"the only copy of a thesis")
    with pytest.raises(ValueError, match="fit' is not a checkpoint of this package; the file was left unchanged"):
        model.fit(X, y)
    assert path.read_bytes() == b"the only copy of a thesis"


@pytest.mark.usefixtures("each_epoch")
def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, iris, monkeypatch):
    X, y = iris
    path = tmp_path / "fit"
    settings = {"max_epochs": 5, "random_state": 0}
    calls = []

    def fsync(_):
        calls.append(0)
        if len(calls) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match=r"fit' could not be written after epoch 3 .*No space.*; the one before is still"):
        DenseClassifier(**settings, checkpoint=str(path)).fit(X, y)
    assert [path.name for path in tmp_path.iterdir()] == ["fit"]
    monkeypatch.undo()
    hold_equal(DenseClassifier(**settings, checkpoint=str(path)).fit(X, y), DenseClassifier(**settings).fit(X, y))


def test_each_fit_of_a_search_has_a_file_in_a_folder(tmp_path, iris):
    X, y = iris
    order = np.random.default_rng(0).permutation(150)
    X, y = X[order], y[order]
    folder = str(tmp_path / "search") + os.sep
    grid = {"learning_rate": [1e-3, 1e-2]}
    settings = {"max_epochs": 2, "random_state": 0}
    search = GridSearchCV(DenseClassifier(**settings, checkpoint=folder), grid, cv=2).fit(X, y)
    paths = sorted((tmp_path / "search").iterdir())
    assert len(paths) == 5
    assert all(path.name.startswith("DenseClassifier-") for path in paths)
    times = [path.stat().st_mtime_ns for path in paths]
    again = GridSearchCV(DenseClassifier(**settings, checkpoint=folder), grid, cv=2).fit(X, y)
    assert times == [path.stat().st_mtime_ns for path in paths]  # all of them were there
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], again.cv_results_["mean_test_score"])
    one_file = DenseClassifier(**settings, checkpoint=str(tmp_path / "one"))
    with pytest.raises(ValueError, match="set checkpoint to a folder"):
        GridSearchCV(one_file, grid, cv=2, error_score="raise").fit(X, y)


def test_parts_of_a_cross_fit_keep_no_checkpoints(tmp_path):
    X, y = discovery.data_for(EntityEmbeddingTransformer)
    model = EntityEmbeddingTransformer(max_epochs=1, random_state=0, checkpoint=str(tmp_path / "fit"))
    assert np.isfinite(model.fit_transform(X, y)).all()


def test_writing_takes_a_small_part_of_the_time(tmp_path, iris, monkeypatch):
    X, y = iris
    written = []
    write = checkpoints.Checkpoint._write
    monkeypatch.setattr(
        checkpoints.Checkpoint, "_write", lambda self, run: written.append(run.epoch) or write(self, run)
    )
    model = DenseClassifier(max_epochs=40, tol=0, n_iter_no_change=40, checkpoint=str(tmp_path / "fit")).fit(X, y)
    assert model.n_iter_ == 40
    assert written[0] == 1
    assert written[-1] == 40
    assert len(written) < 30


def test_a_model_file_says_nothing_of_the_path(tmp_path, iris):
    model = DenseClassifier(max_epochs=1, checkpoint=str(tmp_path / "fit")).fit(*iris)
    save(model, tmp_path / "model.sklann", trusted=[DenseClassifier])
    again = load(tmp_path / "model.sklann", trusted=[DenseClassifier])
    assert again.checkpoint is again.resolved_parameters_.checkpoint is again._given["checkpoint"] is None
    assert b"tmp" not in (tmp_path / "model.sklann").read_bytes()
    assert model.checkpoint is not None


def test_a_path_is_as_good_as_its_name(tmp_path, iris):
    X, y = iris
    settings = {"max_epochs": 2, "random_state": 0}
    whole = DenseClassifier(**settings).fit(X, y)
    for path in (tmp_path / "fit", tmp_path):  # a file, and a folder that exists
        stopped(DenseClassifier(**settings, checkpoint=path), X, y, epoch=1)
        hold_equal(DenseClassifier(**settings, checkpoint=path).fit(X, y), whole)
    hold_equal(DenseClassifier(**settings, checkpoint=str(tmp_path / "fit")).fit(X, y), whole)
    assert len(list(tmp_path.iterdir())) == 2
    copied = copy.deepcopy(DenseClassifier(checkpoint=tmp_path))
    assert copied.checkpoint == tmp_path
    with pytest.raises(ValueError, match="'checkpoint' parameter of DenseClassifier must be an instance of 'str'"):
        DenseClassifier(checkpoint=3).fit(X, y)


def test_a_stack_keeps_no_checkpoints(tmp_path, iris):
    order = np.random.default_rng(0).permutation(150)
    X, y = (part[order] for part in iris)
    model = DenseClassifier(max_epochs=2, random_state=0, checkpoint=str(tmp_path / "search") + os.sep)
    search = StackedSearchCV(model, {"learning_rate": [1e-3, 1e-2]}, cv=2).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(list((tmp_path / "search").iterdir())) == 1  # of the best candidate, which is fitted by itself


def test_an_empty_path_is_refused_and_a_dot_is_the_current_folder(tmp_path, monkeypatch, iris):
    monkeypatch.chdir(tmp_path)
    X, y = iris
    with pytest.raises(ValueError, match=r"checkpoint='': expected None, a file, or a folder, '\./' for"):
        DenseClassifier(max_epochs=1, checkpoint="").fit(X, y)
    assert not list(tmp_path.iterdir())
    DenseClassifier(max_epochs=1, random_state=0, checkpoint="./").fit(X, y)
    assert [path.suffix for path in tmp_path.iterdir()] == [".checkpoint"]
