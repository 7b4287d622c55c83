"""Fits with a second thread against fits with one, on an idle machine and beside other programs.

    python tests/benchmarks/benchmark_threads.py idle
    python tests/benchmarks/benchmark_threads.py busy

Each row is one estimator: the seconds of a fit with two threads, divided by those with one. ``busy`` starts as many
processes as there are cores, which compute without end, beside the fits. The last column has the work of a step, in
floating-point operations for each kernel of torch, and the bound from which a fit takes several threads is
``sklearn_ann.training.effort.WORTH``: here it is lowered, so that every fit has the threads that the row says.
``idle`` means something only on a machine that does nothing else.
"""

from __future__ import annotations

from harness import mnist, row, run_parts  # isort: skip

import contextlib
import multiprocessing
import os
import statistics
import time
from functools import partial
from unittest.mock import patch

import torch
from sklearn.datasets import load_digits, make_classification

import sklearn_ann
from sklearn_ann.datasets import make_motif_graphs, make_motif_sequences
from sklearn_ann.training import effort

ROUNDS = 3


def fits():
    """Return, by kind, a function that fits for some epochs."""
    sequences, has_motif, _ = make_motif_sequences(1000, length=60, random_state=0)
    few = sequences[:300], has_motif[:300]
    X, y = make_classification(1500, 20, random_state=0)
    graphs, has_triangle = make_motif_graphs(200, random_state=0)
    images, digits = (part[:500] for part in mnist("train"))
    samples = {
        "CNN, DNA of 60 letters": (sklearn_ann.CNNClassifier(max_epochs=3), sequences, has_motif),
        "CNN, images of 28 by 28": (sklearn_ann.CNNClassifier(max_epochs=2), images, digits),
        "attention, letters": (sklearn_ann.AttentionClassifier(max_epochs=2), sequences, has_motif),
        "attention, columns": (sklearn_ann.AttentionClassifier(max_epochs=1), X, y),
        "attention, rows": (sklearn_ann.AttentionClassifier(attend="rows", max_epochs=2), X, y),
        "TabularClassifier": (sklearn_ann.TabularClassifier(max_epochs=5), X, y),
        "LSTM of 64 units": (sklearn_ann.RNNClassifier(max_epochs=1), sequences, has_motif),
        "LSTM of 256 units": (sklearn_ann.RNNClassifier(hidden_size=256, max_epochs=1), *few),
        "graph convolutions": (sklearn_ann.GCNClassifier(max_epochs=5), graphs, has_triangle),
        "auto-encoder, 64 columns": (
            sklearn_ann.AutoEncoderTransformer(max_epochs=40), load_digits().data, None,
        ),
    }  # fmt: skip
    return {what: partial(model.set_params(random_state=0).fit, X, y) for what, (model, X, y) in samples.items()}


def measured(fit, n_threads):
    """Return the seconds of a fit with a number of threads, and the work of its steps."""
    works = []
    spend = effort.Effort.spend

    def noted(self, *args, **options):
        result = spend(self, *args, **options)
        works.append(self.work)
        return result

    torch.set_num_threads(n_threads)
    try:
        with patch.object(effort, "WORTH", 0.0), patch.object(effort.Effort, "spend", noted):
            begin = time.perf_counter()
            fit()
            return time.perf_counter() - begin, works[0]
    finally:
        torch.set_num_threads(1)


def compare(kind):
    for what, fit in fits().items():
        fit()
        rounds = [(measured(fit, 1), measured(fit, 2)) for _ in range(ROUNDS)]
        ratio = statistics.median(two / one for (one, _), (two, _) in rounds)
        (one, work), (two, _) = rounds[-1]
        row(f"{what}, {kind}", ratio, beside=f"{work / 1e6:.2f} million operations; {two:.2f} against {one:.2f} s")


def _spin():
    while True:
        pass


@contextlib.contextmanager
def busy():
    """Context with one process for each core that computes without end."""
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=_spin, daemon=True) for _ in range(os.cpu_count() or 1)]
    for other in others:
        other.start()
    try:
        time.sleep(3)
        yield
    finally:
        for other in others:
            other.kill()


def part_idle():
    compare("idle")


def part_busy():
    with busy():
        compare("busy")


if __name__ == "__main__":
    run_parts(globals(), __doc__)
