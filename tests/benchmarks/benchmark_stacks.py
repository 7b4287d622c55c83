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

from sklearn_ann import (
    AttentionClassifier,
    AutoEncoderTransformer,
    CNNClassifier,
    TabularClassifier,
    VAESampler,
    training,
)
from sklearn_ann.training.alike import alike

ROUNDS = 5


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
        model = AutoEncoderTransformer(batch_size=size, max_epochs=6)
        compare(f"auto-encoder, batches of {size}", model, (X,), (2, 5, 20, 50), (1, 1, 3.3, 3.3))
    noisy = AutoEncoderTransformer(dropout=0.1, noise=0.1, sparsity=0.01, max_epochs=6)
    compare("auto-encoder with dropout, noise and penalty", noisy, (X,), (2, 5, 20), (1, 1, 1))
    compare(
        "wide auto-encoder", AutoEncoderTransformer(hidden_layer_sizes=(1024, 512), max_epochs=3), (X,), (2, 8), (1, 1)
    )


def part_tables():
    """Other networks of dense layers."""
    X, y = load_digits(return_X_y=True)
    X = X.astype(np.float32)[:600]
    compare("variational auto-encoder", VAESampler(max_epochs=20), (X,), (2, 5, 20), (1, 1, 1))
    compare("dense classifier", TabularClassifier(max_epochs=6), (X[:, 8:24], y[:600]), (2, 5, 20), (1, 1, 1), 3)
    compare("columns by attention", AttentionClassifier(max_epochs=2), (X[:200, 8:24], y[:200]), (3,), (0.95,), 3)


def part_strings():
    """Convolutions on splice junctions."""
    X, y = splice()
    X, y = X[:640], y[:640]
    compare("convolutions on DNA", CNNClassifier(max_epochs=2), (X, y), (2, 5, 10), (1, 1.8, 1.8), 3)
    compare("tokens by attention", AttentionClassifier(max_epochs=1), (X[:128], y[:128]), (3,), (0.95,), 3)


def part_images():
    """Convolutions on images."""
    images, labels = mnist("t10k")
    digits = load_digits()
    compare(
        "convolutions on 28 x 28", CNNClassifier(max_epochs=1), (images[:256] / 255.0, labels[:256]), (2, 5), (1, 1), 3
    )
    compare(
        "convolutions on 8 x 8",
        CNNClassifier(max_epochs=2),
        (digits.images[:512], digits.target[:512]),
        (2, 5),
        (1, 1),
        3,
    )


if __name__ == "__main__":
    run_parts(globals(), __doc__, needless=("autoencoder", "tables"))
