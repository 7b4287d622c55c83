"""Searches in two processes against one, and the memory that a worker takes for samples that it shares.

    python tests/benchmarks/benchmark_search.py [part ...]

Each part prints rows of a Markdown table: the quantity, its figure, the bound and the figures behind it. `jobs` needs
two cores that have nothing else to do. `memory` needs Linux and 2 GiB of memory.
"""

from __future__ import annotations

from harness import row, run_parts  # isort: skip

import statistics
import threading
import time
from pathlib import Path

import joblib
import numpy as np
from joblib.externals.loky import get_reusable_executor
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from sklearn_ann import AutoEncoderTransformer, CNNClassifier, TabularClassifier
from sklearn_ann.datasets import make_motif_sequences

ROUNDS = 3
ROWS = 1_000_000  # of 100 float32: 381 MiB


def searches():
    """Return, by name, an estimator, its grid, samples, labels, and the ratio that is asked for."""
    X, y = load_digits(return_X_y=True)
    X = X / 16
    rates = {"learning_rate": [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2]}
    strings, has_motif, _ = make_motif_sequences(1000, random_state=0)
    known = {"learning_rate_schedule": "cosine", "random_state": 0}
    return {
        "auto-encoder, digits, 24 fits": (AutoEncoderTransformer(max_epochs=40, **known), rates, 4, X, None, 0.6),
        "CNN, 1,000 strings, 12 fits": (CNNClassifier(max_epochs=6, **known), rates, 2, strings, has_motif, 0.6),
        "TabularClassifier, 300 digits, 12 short fits": (
            TabularClassifier(n_members=1, max_epochs=2, **known), rates, 2, X[:300], y[:300], 1.0,
        ),
    }  # fmt: skip


def seconds(search, X, y):
    begin = time.perf_counter()
    search.fit(X, y)
    return time.perf_counter() - begin


def part_jobs():
    """Time of GridSearchCV in two processes against one, with the refit, in turn."""
    for name, (model, grid, folds, X, y, bound) in searches().items():
        times = {"one": [], "new": [], "old": []}
        for _ in range(ROUNDS):
            one, two = (GridSearchCV(model, grid, cv=folds, n_jobs=n_jobs) for n_jobs in (1, 2))
            times["one"].append(seconds(one, X, y))
            get_reusable_executor().shutdown(wait=True)
            times["new"].append(seconds(two, X, y))
            times["old"].append(seconds(two, X, y))
            np.testing.assert_array_equal(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"])
        one = statistics.median(times["one"])
        for key, workers in (("new", "that have to start"), ("old", "that are there")):
            ratios = [ours / its for ours, its in zip(times[key], times["one"], strict=True)]
            beside = f"{statistics.median(times[key]):.1f} against {one:.1f} s"
            asked = bound if key == "old" or bound < 1 else None
            row(f"{name}: two processes {workers}, time against one", ratios, asked, False, beside)


def private():
    """MiB of memory that this process shares with no other and with no file."""
    words = Path("/proc/self/status").read_text().split()
    return int(words[words.index("RssAnon:") + 1]) / 1024


def growth_of_fit(X, fold, **settings):
    """In a worker: fit a few to allocate what is allocated once, then fit all, or a fold as a search does."""
    model = AutoEncoderTransformer(max_epochs=1, batch_size=1024, random_state=0, **settings)
    model.fit(X[:2048])
    before, most, over = private(), [0.0], threading.Event()

    def watch():
        while not over.wait(0.002):
            most.append(private())

    watcher = threading.Thread(target=watch)
    watcher.start()
    model.fit(X if fold is None else X[fold])
    over.set()
    watcher.join()
    return max(most) - before, type(X).__name__


def part_memory():
    """Memory of one worker for the samples of a fit, against the samples."""
    X = np.random.default_rng(0).random((ROWS, 100), dtype=np.float32)
    size = X.nbytes / 2**20
    fold = np.arange(0, ROWS, 2)
    asks = {
        "float32": (X, None, {}, 0.1),
        "float32, early stopping": (X, None, {"early_stopping": True}, 0.1),
        "a fold of half of float32, which scikit-learn copies": (X, fold, {}, 0.6),
        "float64, which a network of float32 converts": (X[: ROWS // 2].astype(np.float64), None, {}, 0.6),
    }
    for name, (samples, rows, settings, bound) in asks.items():
        calls = [joblib.delayed(growth_of_fit)(samples, rows, **settings) for _ in range(2)]
        found = joblib.Parallel(n_jobs=2)(calls)
        beside = f"{max(grown for grown, _ in found):.0f} of {size:.0f} MiB, as {found[0][1]}"
        row(f"{name}: private memory of a worker against X", [grown / size for grown, _ in found], bound, False, beside)


if __name__ == "__main__":
    run_parts(globals(), __doc__, needless={"jobs", "memory"})
