"""Searches over networks: `StackedSearchCV` and successive halving against ``GridSearchCV`` on two processes.

    python tests/benchmarks/benchmark_stacked.py [part ...]

Reads ``../shared/data`` beside the checkout. All ratios are of times in one run, one after the other, on two cores with
a thread each.
"""

from __future__ import annotations

from harness import row, run_parts  # isort: skip

import time

import numpy as np
import torch
from benchmark_search import seconds
from loaders import splice
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, ParameterSampler
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_ann import AutoEncoderTransformer, CNNClassifier, TabularClassifier
from sklearn_ann.datasets import make_motif_sequences
from sklearn_ann.model_selection import StackedSearchCV

DRAWS = 3
RATES = {"learning_rate": np.logspace(-4, -2, 20).tolist()}


def timed(search, *data):
    begin = time.perf_counter()
    search.fit(*data)
    return time.perf_counter() - begin, search


def warm(n_jobs=2):
    """Start the worker processes, which import the packages, before the clock does."""
    GridSearchCV(AutoEncoderTransformer(max_epochs=1), {"learning_rate": [1e-3] * 4}, cv=2, n_jobs=n_jobs).fit(
        np.random.default_rng(0).normal(size=(64, 4))
    )


def difference(one, other):
    """Return the largest difference of the scores of two searches."""
    return max(
        np.abs(one.cv_results_[name] - other.cv_results_[name]).max()
        for name in one.cv_results_
        if name.startswith("split")
    )


def compare(what, model, grid, data, bound, **options):
    """Report the time of a stacked search as a part of that of ``GridSearchCV``, both on two processes."""
    warm()
    grid_time, found = timed(GridSearchCV(model, grid, n_jobs=2, refit=False, **options), *data)
    stacked_time, ours = timed(StackedSearchCV(model, grid, n_jobs=2, refit=False, **options), *data)
    beside = f"{stacked_time:.1f} s against {grid_time:.1f} s; scores differ by {difference(ours, found):.2g} at most"
    row(f"{what}: time against GridSearchCV(n_jobs=2)", stacked_time / grid_time, bound, at_least=False, beside=beside)


def part_digits():
    """20 learning rates of the auto-encoder on five folds of digits."""
    X = load_digits().data / 16
    compare("auto-encoder, digits, 20 candidates x 5 folds", AutoEncoderTransformer(random_state=0), RATES, (X,), 0.3)


def part_splice():
    """Eight learning rates of the CNN on three folds of 1,000 splice junctions."""
    X, y = splice()
    chosen = np.random.default_rng(0).permutation(len(X))[:1000]
    data = [X[i] for i in chosen], np.asarray(y)[chosen]
    grid = {"learning_rate": np.logspace(-3.5, -2, 8).tolist()}
    compare("CNN, splice junctions, 8 candidates x 3 folds", CNNClassifier(random_state=0), grid, data, 0.6, cv=3)


def part_small():
    """Searches with little to stack are not slower."""
    X, y = load_digits(return_X_y=True)
    X = X / 16
    one = {"learning_rate": [1e-3]}
    compare("one candidate x 2 folds", AutoEncoderTransformer(random_state=0), one, (X,), 1.05, cv=2)
    shapes = {"hidden_layer_sizes": [(16 * width,) for width in range(1, 6)]}
    compare("five shapes x 2 folds", AutoEncoderTransformer(random_state=0), shapes, (X,), 1.05, cv=2)
    compare("TabularClassifier, four candidates x 2 folds", TabularClassifier(random_state=0), {
        "learning_rate": [3e-4, 1e-3, 3e-3, 1e-2]
    }, (X, y), 1.05, cv=2)  # fmt: skip


def part_cuda():
    """Both kinds of search in one process, on a GPU, and the stacked one on one core of the same machine."""
    if not torch.cuda.is_available():
        print("torch sees no CUDA device here: the part cuda is left out")
        return
    X = (load_digits().data / 16).astype(np.float32)
    grid = {"learning_rate": [1e-3, 2e-3, 3e-3, 5e-3], "noise": [0.0, 0.05, 0.1, 0.2, 0.3]}
    strings, labels, _ = make_motif_sequences(1200, length=60, random_state=0)
    cases = {
        "auto-encoder, digits, 20 candidates x 5 folds, 10 epochs": (
            AutoEncoderTransformer(n_components=8, max_epochs=10, random_state=0), grid, (X,), 5,
        ),
        "CNN, 1,200 DNA strings, 8 candidates x 3 folds, 5 epochs": (
            CNNClassifier(global_pooling="max", max_epochs=5, random_state=0),
            {"learning_rate": [1e-3, 3e-3], "dropout": [0.0, 0.1, 0.2, 0.3]}, (strings, labels), 3,
        ),
    }  # fmt: skip
    for what, (model, grid, data, cv) in cases.items():
        model.set_params(device="cuda").fit(*data)  # starts CUDA
        stacked, _ = timed(StackedSearchCV(model, grid, cv=cv, refit=False), *data)
        alone, _ = timed(GridSearchCV(model, grid, cv=cv, refit=False), *data)
        of_cpu, _ = timed(StackedSearchCV(clone(model).set_params(device="cpu"), grid, cv=cv, refit=False), *data)
        beside = f"{stacked:.1f} against {alone:.1f} s; stacked on the CPU {of_cpu:.1f} s"
        row(f"{what}, on CUDA: time against GridSearchCV", stacked / alone, 0.6, at_least=False, beside=beside)


def part_equal():
    """The columns of ``cv_results_`` in float64, after all epochs."""
    X = load_digits().data
    model = AutoEncoderTransformer(precision="float64", early_stopping=True, random_state=0)
    grid = {"autoencodertransformer__learning_rate": [1e-3, 3e-3, 1e-2]}
    searches = [kind(make_pipeline(MinMaxScaler(), model), grid, cv=3) for kind in (StackedSearchCV, GridSearchCV)]
    for search in searches:
        search.fit(X)
    apart = difference(*searches)
    row("largest difference of scores in float64", apart, 1e-10, at_least=False, beside=f"{apart:.1e}")
    strings, labels = splice()
    network = CNNClassifier(max_epochs=3, precision="float64", random_state=0)
    grid = {"learning_rate": [1e-3, 3e-3], "dropout": [0.1, 0.3]}
    searches = [kind(network, grid, cv=2) for kind in (StackedSearchCV, GridSearchCV)]
    for search in searches:
        search.fit(strings[::8], labels[::8])
    apart = difference(*searches)
    row("the same for the CNN on strings", apart, 1e-10, at_least=False, beside=f"{apart:.1e}")


def part_halving():
    """60 random candidates by halving, with rounds and without, and in full; three draws of the candidates.

    Beside the time that passed there is that of the processor, which hardly depends on what else the machine does: what
    this process and the busier of the two workers computed.
    """
    X = load_digits().data / 16
    distributions = {"learning_rate": loguniform(1e-5, 1e-1), "weight_decay": loguniform(1e-4, 1)}
    model = AutoEncoderTransformer(hidden_layer_sizes=64, max_epochs=27, random_state=0)
    kinds = {"halving": {}, "asynchronous halving": {"asynchronous": True}}
    ratios, losses, spreads = {kind: [] for kind in kinds}, {kind: [] for kind in kinds}, []
    for seed in range(DRAWS):
        candidates = list(ParameterSampler(distributions, 60, random_state=seed))
        grid = [{name: [value] for name, value in candidate.items()} for candidate in candidates]
        warm()
        full = GridSearchCV(clone(model), grid, cv=3, n_jobs=2, refit=False)
        of_full = seconds(full, X, None)
        spreads.append(full.cv_results_["std_test_score"][full.best_index_])
        for kind, options in kinds.items():
            halving = StackedSearchCV(clone(model), grid, resource="epochs", cv=3, n_jobs=2, refit=False, **options)
            ratios[kind].append(seconds(halving, X, None) / of_full)
            losses[kind].append(full.best_score_ - halving.best_score_)
    for kind in kinds:
        passed, computed = np.transpose(ratios[kind])
        row(f"{kind} of 60 candidates: time against GridSearchCV(n_jobs=2)", passed, 0.15, at_least=False)
        row(f"{kind} of 60 candidates: processor time against GridSearchCV(n_jobs=2)", computed, 0.15, at_least=False)
        beside = f"scores of the best by folds spread by {np.mean(spreads):.3g}"
        row(f"what the winner of {kind} lacks", losses[kind], float(np.mean(spreads)), at_least=False, beside=beside)


if __name__ == "__main__":
    run_parts(globals(), __doc__, needless=("digits", "small", "halving"))
