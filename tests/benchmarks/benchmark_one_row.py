"""Prediction of one sample, and fits of one epoch on twenty samples, against scikit-learn's MLPClassifier.

    python tests/benchmarks/benchmark_one_row.py [part ...]

Each part prints rows of a Markdown table: the quantity, its figure, the bound and the figures behind it. Times are
ratios of the medians of calls that alternate in one process, on one thread; they are times of the processor, because
other processes interrupt a call of two milliseconds more often than one of a fifth of a millisecond.
"""

from __future__ import annotations

from harness import row, run_parts  # isort: skip

import statistics
import time

from sklearn.datasets import load_breast_cancer
from sklearn.neural_network import MLPClassifier

import sklearn_ann
from sklearn_ann.datasets import make_motif_graphs, make_motif_sequences

CALLS = 300
FITS = 40


def samples():
    """Return, by kind, an estimator with few epochs, the samples and their labels."""
    X, y = load_breast_cancer(return_X_y=True)
    strings, has_motif, _ = make_motif_sequences(100, random_state=0)
    graphs, has_triangle = make_motif_graphs(100, random_state=0)
    return {
        "columns": (sklearn_ann.AttentionClassifier(attend="columns"), X, y),
        "rows": (sklearn_ann.AttentionClassifier(attend="rows"), X, y),
        "tabular": (sklearn_ann.TabularClassifier(), X, y),
        "tokens": (sklearn_ann.AttentionClassifier(), strings, has_motif),
        "GCN": (sklearn_ann.GCNClassifier(), graphs, has_triangle),
        "CNN": (sklearn_ann.CNNClassifier(), strings, has_motif),
    }


def _against(peer, ours, calls):
    """Call two functions with their arguments in turn; return the medians of their seconds."""
    times = [], []
    for _ in range(calls):
        for (function, *args), own in zip((ours, peer), times, strict=True):
            begin = time.process_time()
            function(*args)
            own.append(time.process_time() - begin)
    return map(statistics.median, times)


def part_predict():
    """Time of a prediction for one sample."""
    X, y = load_breast_cancer(return_X_y=True)
    peer = MLPClassifier(max_iter=2, random_state=0).fit(X, y)
    bounds = {"columns": 6, "rows": 6, "GCN": 4, "CNN": 4}
    for kind, (model, several, labels) in samples().items():
        model.set_params(max_epochs=2, random_state=0).fit(several, labels)
        ours, its = _against((peer.predict, X[:1]), (model.predict, several[:1]), CALLS)
        beside = f"{1e6 * ours:.0f} against {1e6 * its:.0f} µs"
        row(f"{kind}: predict of one sample, time against MLPClassifier", ours / its, bounds.get(kind), False, beside)


def part_fit():
    """Time of a fit that has next to nothing to learn."""
    X, y = load_breast_cancer(return_X_y=True)
    peer = MLPClassifier(max_iter=1, random_state=0)
    for kind, (model, several, labels) in samples().items():
        model.set_params(max_epochs=1, random_state=0)
        ours, its = _against((peer.fit, X[:20], y[:20]), (model.fit, several[:20], labels[:20]), FITS)
        beside = f"{1e3 * ours:.0f} against {1e3 * its:.1f} ms"
        row(f"{kind}: fit of one epoch on 20 samples, time against MLPClassifier", ours / its, beside=beside)


if __name__ == "__main__":
    run_parts(globals(), __doc__, needless={"predict", "fit"})
