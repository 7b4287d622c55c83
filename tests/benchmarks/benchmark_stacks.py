"""Trainings computed as one stack against the same trainings one after the other, on one thread.

    python tests/benchmarks/benchmark_stacks.py [part ...]

A figure is how many times as fast the stack is, the median over rounds in which both sides run in turn, in seconds of
the processor. Both make the same number of optimiser steps and reach similar losses. The parts `strings` and `images`
read ``../shared/data`` beside the checkout.
"""

from __future__ import annotations

from harness import mnist, row, run_parts  # isort: skip

import statistics
import time

import numpy as np
from loaders import splice
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import KFold

from sklearn_ann import (
    AttentionClassifier,
    AutoEncoderTransformer,
    CNNClassifier,
    TabularClassifier,
    VAESampler,
    training,
)
from sklearn_ann.training.alike import alike

ROUNDS = 3


def runs_of(model, data, n):
    """Return trainings of candidates that differ in learning rate and seed."""
    models = [clone(model).set_params(random_state=i, learning_rate=1e-3 * (1 + i % 4)) for i in range(n)]
    return [own._prepare(*data).start(own._loss_floor) for own in models]


def trained(runs, together):
    """Train; return the seconds of the processor, the optimiser steps of each and the final losses."""
    begin = time.process_time()
    if together:
        failures = training.train_together(runs)
        assert not any(failures)
    else:
        for run in runs:
            run.advance()
    seconds = time.process_time() - begin
    steps = [float(next(iter(run.step.optimizers[0].state.values()))["step"]) for run in runs]
    return seconds, steps, np.array([run.history[-1]["loss"] for run in runs])


def compare(what, model, data, sizes, bounds=None, rounds=ROUNDS):
    """Print how many times as fast stacks of these sizes are."""
    for place, n in enumerate(sizes):
        ratios, each = [], ([], [])
        stacks, _ = alike(runs_of(model, data, n))
        for _ in range(rounds):
            one, other = (
                trained(runs_of(model, data, n), together=False),
                trained(runs_of(model, data, n), together=True),
            )
            assert one[1] == other[1], "not the same number of steps"
            assert np.allclose(one[2], other[2], rtol=0.1), f"losses {one[2]} and {other[2]}"
            ratios.append(one[0] / other[0])
            for own, (seconds, steps, _) in zip(each, (one, other), strict=True):
                own.append(1e6 * seconds / sum(steps))
        alone, stacked = map(statistics.median, each)
        beside = f"{alone:.0f} against {stacked:.0f} us a step; stacks of {[len(stack) for stack in stacks]}"
        row(
            f"{what}, {n} candidates",
            statistics.median(ratios),
            None if bounds is None else bounds[place],
            beside=beside,
        )


def part_autoencoder():
    """Dense auto-encoders of digits."""
    X = load_digits().data.astype(np.float32) / 16
    for size in (32, 64, 128):
        model = AutoEncoderTransformer(batch_size=size, max_epochs=8)
        compare(f"auto-encoder, batches of {size}", model, (X,), (4, 20, 50), (1, 3.3, 3.3))
    noisy = AutoEncoderTransformer(dropout=0.1, noise=0.1, sparsity=0.01, max_epochs=8)
    compare("auto-encoder with dropout, noise and penalty", noisy, (X,), (4, 20), (1, 1))
    wide = AutoEncoderTransformer(hidden_layer_sizes=(1024, 512), max_epochs=2)
    compare("auto-encoder of a million weights", wide, (X[:600],), (4,), (0.95,))


def part_folds():
    """Twenty candidates on five folds of digits: what a search trains."""
    X = load_digits().data.astype(np.float32) / 16
    folds = [X[train] for train, _ in KFold(5).split(X)]

    def runs():
        return [run for fold in folds for run in runs_of(AutoEncoderTransformer(max_epochs=8), (fold,), 20)]

    ratios = []
    for _ in range(ROUNDS):
        one, other = trained(runs(), together=False), trained(runs(), together=True)
        assert one[1] == other[1], "not the same number of steps"
        ratios.append(one[0] / other[0])
    row("auto-encoder, 20 candidates on 5 folds", ratios, 3.3)


def part_tables():
    """Other networks of dense layers."""
    X, y = load_digits(return_X_y=True)
    X, y = X.astype(np.float32)[:600], y[:600]
    compare("variational auto-encoder", VAESampler(max_epochs=20), (X,), (4, 20), (1, 1))
    compare("dense classifier", TabularClassifier(max_epochs=4), (X[:, 8:24], y), (4, 20), (1, 1))
    compare("columns by attention", AttentionClassifier(max_epochs=2), (X[:100, 8:24], y[:100]), (4,), (0.95,))


def part_strings():
    """Convolutions on splice junctions."""
    X, y = splice()
    compare("convolutions on DNA", CNNClassifier(max_epochs=2), (X[:640], y[:640]), (4, 10, 20), (1, 1.8, 1.8))
    compare("tokens by attention", AttentionClassifier(max_epochs=1), (X[:64], y[:64]), (4,), (0.95,))


def part_images():
    """Convolutions on images."""
    images, labels = mnist("t10k")
    digits = load_digits()
    small = (digits.images[:512], digits.target[:512])
    compare("convolutions on 8 x 8", CNNClassifier(max_epochs=2), small, (4, 10), (1, 1))
    compare("convolutions on 28 x 28", CNNClassifier(max_epochs=1), (images[:160] / 255, labels[:160]), (4,), (0.95,))


if __name__ == "__main__":
    run_parts(globals(), __doc__, needless=("autoencoder", "folds", "tables"))
