"""One fit on several processes: the same network as by one, and no process that waits for ever."""

import os
import signal
import subprocess
import sys
from datetime import timedelta

import discovery
import joblib
import numpy as np
import pytest
import torch
from launching import free_port, together
from leaves import DenseClassifier, DenseRegressor
from sklearn.datasets import load_digits, load_iris
from sklearn.model_selection import GridSearchCV

from sklearn_ann import (
    AttentionClassifier,
    AutoEncoderOutlierDetector,
    AutoEncoderTransformer,
    CNNClassifier,
    GANSampler,
    GCNClassifier,
    MaskedSequenceModel,
    SequenceTranslator,
    VAESampler,
)
from sklearn_ann.training import ranks

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.skipif(not torch.distributed.is_available() or not hasattr(os, "fork"), reason="needs gloo and forks"),
]
EXACT = {"max_epochs": 2, "precision": "float64", "random_state": 0, "batch_size": 17}
SCRIPT = """
import os
import sys
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn_ann import AutoEncoderTransformer
X = load_digits().data / 16
model = AutoEncoderTransformer(n_components=8, max_epochs=3, random_state=0, verbose=1).fit(X)
assert not torch.distributed.is_initialized()
weights = [weight.numpy() for weight in model.module_.state_dict().values()]
np.savez(sys.argv[1] + os.environ["RANK"], *weights, model.transform(X[:9]))
"""


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def weights(model):
    return [value.numpy() for value in model.module_.state_dict().values()]


def furthest(first, second):
    """The largest difference of two lists of arrays."""
    return max(np.abs(a.astype(float) - b.astype(float)).max(initial=0) for a, b in zip(first, second, strict=True))


def fitted_alone(precision):
    X = load_digits().data / 16
    model = AutoEncoderTransformer(n_components=8, max_epochs=3, random_state=0, precision=precision).fit(X)
    return [*weights(model), model.transform(X[:9])]


def test_the_same_script_by_torchrun_and_alone(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(SCRIPT)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command = [*torchrun, "--master-port", str(free_port()), path, tmp_path / "rank"]
    done = subprocess.run(command, timeout=120, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("| 0/3 ") == 1  # one process shows the progress
    alone, exact = map(fitted_alone, ("float32", "float64"))
    first, second = ([*np.load(tmp_path / f"rank{rank}.npz").values()] for rank in (0, 1))
    assert furthest(first, second) == 0
    # Where a gradient is nearly zero, Adam makes a rounding error as large as a step.
    assert furthest(first, alone) < 2 * furthest(exact, alone) < 1e-4


CASES = {
    "dense": (
        DenseClassifier,
        {"dropout": 0.3, "early_stopping": True, "validation_fraction": 0.3, "max_grad_norm": 0.1},
    ),
    "networks": (DenseClassifier, {"n_estimators": 2, "dropout": 0.3}),
    "noise": (AutoEncoderTransformer, {"noise": 0.2, "noise_type": "salt_and_pepper", "dropout": 0.2}),
    "detector": (AutoEncoderOutlierDetector, {"dropout": 0.3}),
    "evidence": (VAESampler, {"free_bits": 0.2, "early_stopping": True, "validation_fraction": 0.3}),
    "columns": (AttentionClassifier, {"attend": "columns", "dropout": 0.3}),
    "rows": (AttentionClassifier, {"attend": "rows", "dropout": 0.3}),
    "strings": (discovery.AttentionClassifierOfStrings, {"dropout": 0.3}),
    "masked": (MaskedSequenceModel, {"dropout": 0.2, "max_length": 12}),
    "signals": (CNNClassifier, {"dropout": 0.3}),
    "augmented": (discovery.CNNClassifierOfStrings, {"augmentation": {"mutation": 0.2, "shift": 1}}),
    "images": (discovery.CNNRegressorOfImages, {"normalization": "batch", "dropout": 0.3}),
    "graphs": (GCNClassifier, {"dropout": 0.3, "input_dropout": 0.2, "normalization": "batch"}),
    "series": (discovery.RNNRegressorOfSeries, {"dropout": 0.3, "n_layers": 2}),
    "translator": (SequenceTranslator, {"dropout": 0.2}),
}


def data_of(estimator):
    X, y = discovery.data_for(estimator)
    return X[:60], y[:60]


def fitted(name):
    estimator, settings = CASES[name]
    known = estimator().get_params()
    settings = {key: value for key, value in (EXACT | settings).items() if key in known}
    X, y = data_of(estimator)
    weight = {"sample_weight": np.arange(60) % 4} if name in ("dense", "images", "columns") else {}
    model = estimator(**settings).fit(X, y, **weight)
    return [*weights(model), *(np.array(model.history_[key]) for key in model.history_ if key != "duration")]


def test_two_processes_fit_the_network_of_one(tmp_path):
    first, second = together(lambda _: {name: fitted(name) for name in CASES}, tmp_path, seconds=120)
    assert isinstance(first, dict), first
    for name in CASES:
        assert furthest(first[name], second[name]) == 0, name
        # A bias in front of batch normalisation has no gradient but rounding errors, which Adam scales up.
        assert furthest(first[name], fitted(name)) < (1e-7 if name in ("graphs", "images") else 1e-11), name


def test_processes_without_samples_and_numbers_that_nobody_has_set(tmp_path, iris):
    X, y = iris
    X, y = X[45:56], y[45:56]
    model = {"max_epochs": 2, "precision": "float64", "batch_size": 2, "dropout": 0.3}

    def fit(rank):
        one = DenseClassifier(**model, random_state=0).fit(X, y)
        open_seed = DenseClassifier(**model).fit(X, y)
        batch_norm = CNNClassifier(max_epochs=1, precision="float64", batch_size=2, random_state=0).fit(X, y)
        alone = DenseClassifier(**model, distributed=False, random_state=rank).fit(X, y)
        part = DenseClassifier(**model, random_state=0).partial_fit(X, y, classes=[0, 1]).partial_fit(X, y)
        return [weights(each) for each in (one, open_seed, batch_norm, alone, part)]

    answers = together(fit, tmp_path, n=3)
    assert isinstance(answers[0], list), answers
    for first, other in zip(answers[0], answers[1], strict=True):
        assert furthest(first, other) == 0 or first is answers[0][3]
    assert furthest(answers[0][3], answers[1][3]) > 0.01
    ones = [
        DenseClassifier(**model, random_state=0).fit(X, y),
        CNNClassifier(max_epochs=1, precision="float64", batch_size=2, random_state=0).fit(X, y),
        DenseClassifier(**model, random_state=0).partial_fit(X, y, classes=[0, 1]).partial_fit(X, y),
    ]
    for one, place in zip(ones, (0, 2, 4), strict=True):
        assert furthest(weights(one), answers[2][place]) < 1e-9


class Fails:
    """A callback that does something in one process at the end of the second epoch."""

    def __init__(self, what):
        self.what = what

    def setup(self, *args, **kwargs):
        """Do nothing."""

    teardown = on_fit_task_begin = setup

    def on_fit_task_end(self, estimator, context, **kwargs):
        if context.task_name == "epoch" and context.task_id == 1:
            self.what()


def refuse():
    raise OSError("no space left")


def test_what_goes_wrong_in_one_process_ends_all(tmp_path, iris, monkeypatch):
    X, y = iris
    monkeypatch.setattr(ranks, "TIMEOUT", timedelta(seconds=10))

    def fit(what):
        def on(rank):
            model = DenseClassifier(**EXACT | {"max_epochs": 30})
            if rank == 1:
                model.set_callbacks(Fails(what))
            try:
                model.fit(X, y)
            except KeyboardInterrupt:
                return model.n_iter_, weights(model)

        return together(on, tmp_path)

    told, failed = fit(refuse)
    assert isinstance(failed, OSError)
    assert isinstance(told, RuntimeError)
    assert "process 1 of this fit failed: OSError: no space left" in str(told)
    told, gone = fit(lambda: os._exit(1))
    assert gone is None
    assert isinstance(told, RuntimeError)
    assert "another process of this fit is gone" in str(told)
    first, second = fit(lambda: os.kill(os.getpid(), signal.SIGINT))  # Ctrl-C reaches one of them
    assert first[0] == second[0] == 2
    assert furthest(first[1], second[1]) == 0


def test_processes_that_cannot_train_together_say_so(tmp_path, iris):
    X, y = iris

    def fit(rank):
        said = []
        cases = [
            lambda: DenseClassifier(**EXACT).fit(X + 1e-9 * rank, y),
            lambda: DenseClassifier(**EXACT).fit(X[: 150 - rank], y[: 150 - rank]),
            lambda: DenseClassifier(**EXACT).fit(X, np.roll(y, rank)),
            lambda: DenseClassifier(**EXACT | {"learning_rate": 0.1 * (rank + 1)}).fit(X, y),
            lambda: DenseClassifier(**EXACT).fit(X if rank else X * np.nan, y),
            lambda: GANSampler(max_epochs=1).fit(X),
            lambda: AutoEncoderTransformer(**EXACT).fit(X * (1 + rank)),
        ]
        for case in cases:
            try:
                case()
                said.append("")
            except (RuntimeError, ValueError) as error:
                said.append(str(error))
        return said

    answers = together(fit, tmp_path)
    for said in answers:
        expected = ["samples", "numbers of samples", "targets", "hyper-parameters"]
        for message, what in zip(said, expected, strict=False):
            assert f"process 1 has other {what} than process 0: DenseClassifier" in message
        assert "contains NaN" in said[4]
        assert "GANSampler cannot be trained by several processes, because its two networks" in said[5]
        assert "process 1 has other samples than process 0" in said[6]
    assert answers[1][4].startswith("process 0 of this fit failed: ValueError")


def test_searches_and_groups_that_are_there_already(tmp_path, iris):
    X, y = iris
    order = np.random.default_rng(0).permutation(150)
    X, y = X[order], y[order]
    grid = {"learning_rate": [0.001, 0.01]}

    def search():
        return GridSearchCV(DenseClassifier(**EXACT), grid, cv=2).fit(X, y).cv_results_["mean_test_score"]

    def in_workers():
        with joblib.parallel_config("threading", n_jobs=2):
            return search()

    def fit(rank):
        fits = []

        def note(*args):
            fits.append(args)
            return connected(*args)

        connected, ranks._connected = ranks._connected, note
        by_all = search()
        n_by_all = len(fits)
        alone = in_workers()
        n_in_workers = len(fits) - n_by_all
        torch.distributed.init_process_group("gloo")
        model = DenseRegressor(**EXACT, distributed=True).fit(X, y)
        kept = torch.distributed.is_initialized()
        torch.distributed.destroy_process_group()
        return by_all, n_by_all, alone, n_in_workers, kept, weights(model)

    scores = search()
    alone = DenseRegressor(**EXACT).fit(X, y)
    for answer in together(fit, tmp_path):
        by_all, n_by_all, in_threads, n_in_workers, kept, found = answer
        assert n_by_all == 5  # four fits of candidates and the last one
        assert n_in_workers == 1  # the last one, which no worker makes
        assert kept
        np.testing.assert_array_equal(by_all, scores)
        np.testing.assert_array_equal(in_threads, scores)
        assert furthest(weights(alone), found) < 1e-12


def test_several_processes_are_asked_for_where_there_is_one(iris):
    with pytest.raises(ValueError, match="distributed=True, but DenseClassifier is fitted in a single process"):
        DenseClassifier(distributed=True).fit(*iris)
