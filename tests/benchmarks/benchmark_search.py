"""Searches in two processes against one, and the memory that a worker takes for samples that it shares.

    python tests/benchmarks/benchmark_search.py [part ...]

Each part prints rows of a Markdown table: the quantity, its figure, the bound and the figures behind it. `jobs` needs
two cores that have nothing else to do. `memory` needs Linux and 2 GiB of memory.
"""

from __future__ import annotations

from harness import row, run_parts  # isort: skip

import os
import threading
import time
from contextlib import suppress
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


def children():
    """Seconds of the processor that each process which this one has started has had, by number."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended
            words = path.read_text().rpartition(")")[2].split()
            if int(words[1]) == os.getpid():
                found[path.parent.name] = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return found


def seconds(search, X, y):
    """Fit; return the seconds that passed, and those that this process and the busiest of its children computed."""
    before, begin, own = children(), time.perf_counter(), time.process_time()
    search.fit(X, y)
    passed, own = time.perf_counter() - begin, time.process_time() - own
    return np.array([passed, own + max((had - before.get(number, 0) for number, had in children().items()), default=0)])


def part_jobs():
    """Time of GridSearchCV in two processes against one, with the refit, in turn.

    What the processor has had hardly depends on what else the machine does. On cores that have nothing else to do, what
    passes is less than this process and the busier worker compute together, because they compute at the same time.
    """
    for name, (model, grid, folds, X, y, bound) in searches().items():
        times = {"one": [], "new": [], "old": []}
        for _ in range(ROUNDS):
            one, two = (GridSearchCV(model, grid, cv=folds, n_jobs=n_jobs) for n_jobs in (1, 2))
            get_reusable_executor().shutdown(wait=True)
            times["one"].append(seconds(one, X, y))
            times["new"].append(seconds(two, X, y))
            times["old"].append(seconds(two, X, y))
            np.testing.assert_array_equal(one.cv_results_["mean_test_score"], two.cv_results_["mean_test_score"])
        median = {key: np.median(values, axis=0) for key, values in times.items()}
        for key, workers in (("new", "that have to start"), ("old", "that are there")):
            ratios = np.divide(times[key], times["one"])
            for kind, what in enumerate(("time", "processor time")):
                beside = f"{median[key][kind]:.1f} against {median['one'][kind]:.1f} s"
                asked = bound if key == "old" or bound < 1 else None
                row(f"{name}: two processes {workers}, {what} against one", ratios[:, kind], asked, False, beside)


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
