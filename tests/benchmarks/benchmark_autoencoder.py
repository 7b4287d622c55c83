"""AutoEncoderTransformer against a bare torch loop, skorch as it comes and scikit-learn's MLP.

    python tests/benchmarks/benchmark_autoencoder.py [part ...]

Each part prints rows of a Markdown table: the quantity, its figure, the bound and the figures behind it. Times are
ratios of runs that alternate in one process, on one thread, as the median over the rounds. If the two sides take
different numbers of optimiser steps or reach different losses, the part fails.
"""

from __future__ import annotations

from harness import row, run_parts, steps_of  # isort: skip

import os
import statistics
import subprocess
import sys
import time
import warnings

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from skorch import NeuralNetRegressor
from torch import nn
from torch.nn import functional as F

from sklearn_ann import AutoEncoderTransformer

WIDTHS = (64, 128, 8, 128, 64)
ROUNDS = 7


def network():
    """Return the auto-encoder's network as one would write it by hand."""
    a, b, c, d, e = WIDTHS
    return nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, c), nn.Linear(c, d), nn.ReLU(), nn.Linear(d, e))


def ours(X, batch_size, epochs):
    model = AutoEncoderTransformer(
        n_components=8, hidden_layer_sizes=(128,), learning_rate=1e-3, learning_rate_schedule="constant",
        batch_size=batch_size, max_epochs=epochs, tol=0, n_iter_no_change=epochs + 1, device="cpu", random_state=0,
    )  # fmt: skip
    return model.fit(X).history_["loss"][-1] / X.shape[1]


def bare_loop(X, batch_size, epochs):
    torch.manual_seed(0)
    data = torch.from_numpy(X)
    module = network()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, fused=True)
    for _ in range(epochs):
        total = torch.zeros(())
        for index in torch.randperm(len(data)).split(batch_size):
            batch = data[index]
            optimizer.zero_grad()
            loss = F.mse_loss(module(batch), batch)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(index)
    return float(total) / len(data)


def plain_skorch(X, batch_size, epochs):
    torch.manual_seed(0)
    net = NeuralNetRegressor(
        network, optimizer=torch.optim.Adam, lr=1e-3, batch_size=batch_size, max_epochs=epochs, train_split=None,
        iterator_train__shuffle=True, verbose=0,
    )  # fmt: skip
    return net.fit(X, X).history[-1, "train_loss"]


def mlp(X, batch_size, epochs):
    model = MLPRegressor(
        hidden_layer_sizes=WIDTHS[1:-1], batch_size=batch_size, max_iter=epochs, alpha=0, tol=0,
        n_iter_no_change=epochs + 1, random_state=0,
    )  # fmt: skip
    model.fit(X, X)
    assert model.t_ == epochs * len(X)  # the samples that its optimiser has seen
    return 2 * model.loss_  # it halves the squared error


def seconds(function, *args):
    begin = time.perf_counter()
    function(*args)
    return time.perf_counter() - begin


def part_fit():
    """Fit times against three peers, on two data sets."""
    digits = load_digits().data.astype(np.float32) / 16
    rng = np.random.RandomState(0)
    synthetic = (np.tanh(rng.normal(size=(20_000, 8)) @ rng.normal(size=(8, 64)))).astype(np.float32)
    for name, X, batch_size, epochs in (
        ("20,000 x 64, batch 128", synthetic, 128, 5),
        ("digits, batch 32", digits, 32, 20),
    ):
        expected = -(-len(X) // batch_size) * epochs
        steps, loss, _ = steps_of(ours, X, batch_size, epochs)
        assert steps == expected, (steps, expected)
        peers = {
            "a bare torch loop": (bare_loop, 1.10),
            "skorch as it comes": (plain_skorch, 0.50),
            "MLPRegressor": (mlp, 1.15),
        }
        losses = {}
        for peer, (function, _) in peers.items():
            steps, losses[peer], _ = steps_of(function, X, batch_size, epochs)
            assert function is mlp or steps == expected, (peer, steps, expected)
            # MLPRegressor cannot have a linear layer in the middle: its ReLU on the code makes its fit worse.
            alike = 1.7 if function is mlp else 1.25
            assert 1 / alike < loss / losses[peer] < alike, (peer, loss, losses[peer])
        times = {peer: [] for peer in ("ours", *peers)}
        for _ in range(ROUNDS):
            times["ours"].append(seconds(ours, X, batch_size, epochs))
            for peer, (function, _) in peers.items():
                times[peer].append(seconds(function, X, batch_size, epochs))
        for peer, (_, bound) in peers.items():
            ratios = [a / b for a, b in zip(times["ours"], times[peer], strict=True)]
            details = (
                f"{expected} steps each; {1e3 * statistics.median(times['ours']) / expected:.2f} against "
                f"{1e3 * statistics.median(times[peer]) / expected:.2f} ms a step; final mean squared error "
                f"{loss:.4f} and {losses[peer]:.4f}; ratios {min(ratios):.2f} to {max(ratios):.2f}"
            )
            row(f"fit, {name}: time against {peer}", statistics.median(ratios), bound, False, details)


def part_accuracy():
    """Error of unseen digits rebuilt from eight numbers."""
    X = load_digits().data / 16
    train, test = X[:1400], X[1400:]
    pca = PCA(8).fit(train)
    baseline = np.square(test - pca.inverse_transform(pca.transform(test))).sum(axis=1).mean()
    for scale in (1, 16):
        errors = [
            -AutoEncoderTransformer(n_components=8, random_state=seed).fit(train * scale).score(test * scale) / scale**2
            for seed in range(3)
        ]
        details = (
            f"seeds 0, 1, 2: {', '.join(f'{error / baseline:.3f}' for error in errors)}; PCA's error {baseline:.3f}"
        )
        what = f"digits in [0, {scale}], 8 components: test squared error against PCA"
        row(what, statistics.median(errors) / baseline, 0.62, False, details)


def part_one_row():
    """Time of a call with a single row."""
    X = load_digits().data.astype(np.float32) / 16
    model = AutoEncoderTransformer(n_components=8, max_epochs=2, random_state=0).fit(X)
    peer = MLPRegressor(hidden_layer_sizes=WIDTHS[1:-1], max_iter=2, random_state=0).fit(X, X)
    ratios, times = [], []
    for _ in range(ROUNDS):
        pair = [seconds(lambda f=f: [f(X[:1]) for _ in range(300)]) / 300 for f in (model.transform, peer.predict)]
        ratios.append(pair[0] / pair[1])
        times.append(pair)
    a, b = np.median(times, axis=0) * 1e6
    row(
        "transform of one row: time against MLPRegressor.predict",
        statistics.median(ratios),
        3,
        False,
        f"{a:.0f} against {b:.0f} µs",
    )


def part_search():
    """Time of a grid search on two processes."""
    X = load_digits().data.astype(np.float32) / 16
    model = AutoEncoderTransformer(max_epochs=60, tol=0, n_iter_no_change=100, random_state=0)
    ratios, times = [], []
    for _ in range(3):
        pair = []
        for n_jobs in (2, 1):
            search = GridSearchCV(model, {"n_components": [2, 4, 8, 16]}, cv=2, n_jobs=n_jobs, refit=False)
            pair.append(seconds(search.fit, X))
        ratios.append(pair[0] / pair[1])
        times.append(pair)
    a, b = np.median(times, axis=0)
    row(
        "GridSearchCV, 8 fits: n_jobs=2 against n_jobs=1",
        statistics.median(ratios),
        0.75,
        False,
        f"{a:.1f} against {b:.1f} s",
    )


MEMORY = """
import warnings; warnings.simplefilter("ignore")
import numpy as np, pathlib, sys
from sklearn_ann import AutoEncoderTransformer
def status(name):
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))
def model(): return AutoEncoderTransformer(n_components=8, batch_size=1024, max_epochs=1, device="cpu", random_state=0)
model().fit(np.random.rand(3000, 64).astype(np.float32))
X = np.random.default_rng(0).random((1_000_000, 64), dtype=np.float32)
before = status("VmRSS")
pathlib.Path("/proc/self/clear_refs").write_text("5")
model().fit(X)
print((status("VmHWM") - before) / (X.nbytes / 2**20))
"""


def part_memory():
    """Peak memory of a large fit."""
    ratio = float(subprocess.run([sys.executable, "-c", MEMORY], check=True, capture_output=True, text=True).stdout)
    row(
        "fit on 1,000,000 x 64: peak memory above interpreter and data, in units of the data",
        ratio,
        1.2,
        False,
        "256 MB of data",
    )


def part_scaling():
    """Time per epoch and row for more and more rows."""
    rng = np.random.default_rng(0)
    X = rng.random((1_000_000, 64), dtype=np.float32)
    per_row = {}
    for _ in range(3):
        for n, epochs in ((10_000, 20), (100_000, 3), (1_000_000, 1)):
            model = AutoEncoderTransformer(
                n_components=8,
                batch_size=128,
                max_epochs=epochs,
                tol=0,
                n_iter_no_change=99,
                device="cpu",
                random_state=0,
            ).fit(X[:n])
            per_row.setdefault(n, []).append(statistics.median(model.history_["duration"]) / n)
    medians = {n: statistics.median(values) * 1e6 for n, values in per_row.items()}
    details = ", ".join(f"{value:.2f} µs a row at {n:,}" for n, value in medians.items())
    ratio = max(abs(medians[n] / medians[10_000] - 1) for n in (100_000, 1_000_000))
    row("time per epoch from 10,000 to 1,000,000 rows: departure from linear", ratio, 0.15, False, details)


def part_import():
    """Time of the import."""

    def timed(module):
        return seconds(subprocess.run, [sys.executable, "-c", f"import {module}"])

    timed("sklearn_ann")
    pairs = [(timed("sklearn_ann"), timed("skorch")) for _ in range(2 * ROUNDS)]
    a, b = np.median(pairs, axis=0)
    ratio = statistics.median(x / y for x, y in pairs)
    row("import sklearn_ann: time against import skorch", ratio, 1.15, False, f"{a:.2f} against {b:.2f} s")


if __name__ == "__main__":
    warnings.simplefilter("ignore", ConvergenceWarning)
    os.environ["PYTHONWARNINGS"] = "ignore"  # for the processes of the search
    run_parts(globals(), __doc__, needless={"fit", "accuracy", "one_row", "search", "memory", "scaling", "import"})
