"""Recurrent networks: speed against bare torch loops, memory, what is remembered, and accuracy on real series.

    python tests/benchmarks/benchmark_recurrent.py [part ...]

The parts with real data read ``../shared/data`` beside the checkout. Accuracies are those of the default settings, as
mean and range over three seeds, beside classical baselines and a CNN on the same split.
"""

from __future__ import annotations

from harness import race, row, run_parts  # isort: skip

import subprocess
import sys
import time

import numpy as np
import torch
from baselines import one_hot_forest, random_kernels, words_of_dna, words_of_peptides
from loaders import gue, peptides, series, splice
from scipy import stats
from sklearn.linear_model import RidgeClassifierCV
from sklearn.metrics import accuracy_score, matthews_corrcoef, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from sklearn_ann import CNNClassifier, RNNClassifier
from sklearn_ann.datasets import make_marker_recall
from sklearn_ann.layers import recurrent_layer

SEEDS = 3


# --- Speed -----------------------------------------------------------------------------------------------------------


class Bare(nn.Module):
    """One LSTM and a linear layer on the last state, over padded or packed batches, as torch's tutorials write it."""

    def __init__(self, n_channels, n_classes, packed):
        super().__init__()
        self.rnn = recurrent_layer("lstm", n_channels, 64)  # torch's own LSTM with our initial weights
        self.head = nn.Linear(64, n_classes)
        self.packed = packed

    def forward(self, x, lengths):
        if self.packed:
            x = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        states = self.rnn(x)[0]
        if self.packed:
            states = pad_packed_sequence(states, batch_first=True)[0]
        return self.head(states[torch.arange(len(lengths)), lengths - 1])


def bare_loop(X, y, n_epochs, packed=False, batch_size=32):
    """Train on batches of similar length, in random order."""
    torch.manual_seed(0)
    network = Bare(X[0].shape[1], int(y.max()) + 1, packed)
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.0, fused=True)
    flat = np.concatenate(X)
    samples = [torch.as_tensor((one - flat.mean(axis=0)) / flat.std(axis=0), dtype=torch.float32) for one in X]
    lengths, target = torch.tensor([len(one) for one in X]), torch.as_tensor(y)
    n_batches = -(-len(X) // batch_size)
    for _ in range(n_epochs):
        total = 0.0
        order = torch.randperm(len(X))
        batches = order[lengths[order].argsort(stable=True)].tensor_split(n_batches)
        for number in torch.randperm(n_batches).tolist():
            index = batches[number]
            x = pad_sequence([samples[i] for i in index.tolist()], batch_first=True)
            loss = nn.functional.cross_entropy(network(x, lengths[index]), target[index])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            total += float(loss.detach()) * len(index)
    return total / len(X)


def ours(X, y, n_epochs):
    """The same network by the estimator."""
    model = RNNClassifier(
        conv_layers=(),
        n_layers=1,
        bidirectional=False,
        pooling="last",
        dropout=0.0,
        max_epochs=n_epochs,
        batch_size=32,
        learning_rate=3e-3,
        learning_rate_schedule="constant",
        n_iter_no_change=n_epochs,
        random_state=0,
    )
    return model.fit(X, y).loss_


def walks(n, least, greatest, seed=0):
    """Random walks, and in which third of the lengths their end is."""
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=(length, 12)).cumsum(axis=0) / 10 for length in rng.integers(least, greatest + 1, size=n)]
    ends = np.array([one[-1, 0] for one in X])
    return X, np.searchsorted(np.quantile(ends, [1 / 3, 2 / 3]), ends)


def race_on(X, y, n_epochs, rounds, packed=False):
    """Ours against the bare loop."""
    return race(lambda: ours(X, y, n_epochs), lambda: bare_loop(X, y, n_epochs, packed), rounds, alike=0.3)


def part_speed():
    """Fits of the same network, the same steps, in turn."""
    for least, greatest, n, epochs, rounds in ((7, 29, 300, 6, 5), (100, 1000, 128, 3, 3)):
        ratio, beside = race_on(*walks(n, least, greatest), epochs, rounds)
        row(f"fit, time against a bare padded loop, lengths {least} to {greatest}", ratio, 1.10, False, beside)
    ratio, beside = race_on(*walks(64, 50, 500), 2, 3, packed=True)
    row("fit, time against a bare loop over packed sequences, lengths 50 to 500", ratio, 0.15, False, beside)


def part_cells(rounds=3):
    """Fits by an LSTM and by a GRU of the same size; losses are not compared."""
    X, y = walks(300, 50, 150)
    settings = {"conv_layers": (), "max_epochs": 3, "batch_size": 32, "random_state": 0}
    lstm, gru = (RNNClassifier(cell=cell, **settings) for cell in ("lstm", "gru"))
    ratios = []
    for _ in range(rounds):
        seconds = []
        for model in (lstm, gru):
            begin = time.process_time()
            model.fit(X, y)
            seconds.append(time.process_time() - begin)
        ratios.append(seconds[0] / seconds[1])
    row("fit by an LSTM, time against a GRU, lengths 50 to 150", np.median(ratios))


def growth_of(length):
    """Peak memory, in MiB, that a fit of 16 series of this length adds in a process of its own."""
    code = (
        "import sys, resource; sys.path.insert(0, sys.argv[1]); import harness, benchmark_recurrent as b, numpy as np;"
        f"b.ours([np.zeros((8, 1))] * 16, np.arange(16) % 2, 1);"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        f"b.ours([np.zeros(({length}, 1))] * 16, np.arange(16) % 2, 1);"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)"
    )
    run = subprocess.run([sys.executable, "-c", code, sys.path[0]], capture_output=True, text=True, check=True)
    return float(run.stdout)


def part_memory():
    """Peak memory of the training in the length."""
    short, long = growth_of(5_000), growth_of(20_000)
    row("memory of a fit, 20,000 steps against 5,000", long / short, 4.4, False, f"{long:.0f} and {short:.0f} MiB")


# --- What is remembered ------------------------------------------------------------------------------------------


def part_marker():
    """A marker in the first step, then noise; chance is .25."""
    for delay in (20, 50, 100):
        for cell in ("plain", "gru", "lstm"):
            scores = []
            for seed in range(SEEDS):
                X, y = make_marker_recall(1000, delay=delay, random_state=seed)
                later, expected = make_marker_recall(500, delay=delay, random_state=seed + 100)
                settings = {"conv_layers": (), "n_layers": 1, "pooling": "last", "bidirectional": False}
                model = RNNClassifier(cell=cell, max_epochs=40, random_state=seed, **settings)
                scores.append(model.fit(X, y).score(later, expected))
            row(f"marker after {delay} steps, {cell}, accuracy", scores)


# --- Accuracy ----------------------------------------------------------------------------------------------------


def summary(X):
    """Mean, deviation, extremes, slope and ends of each channel."""
    features = []
    for one in X:
        values = np.atleast_2d(np.asarray(one, dtype=float).T).T
        parts = [values.mean(0), values.std(0), values.min(0), values.max(0), values[0], values[-1]]
        parts += [stats.skew(values, axis=0), np.median(values, axis=0), np.diff(values, axis=0).std(axis=0)]
        features.append(np.nan_to_num(np.concatenate(parts)))
    return np.array(features)


def part_series():
    """The archive's splits."""
    ridge = make_pipeline(StandardScaler(), RidgeClassifierCV(np.logspace(-3, 3, 13)))
    for name in ("JapaneseVowels", "BasicMotions", "GunPoint", "ItalyPowerDemand", "OSULeaf"):
        (X, y), (later, expected) = series(name, "TRAIN"), series(name, "TEST")
        of_summary = accuracy_score(expected, ridge.fit(summary(X), y).predict(summary(later)))
        scores = {"RNN": [], "CNN": [], "kernels": []}
        for seed in range(SEEDS):
            for label, model in (
                ("RNN", RNNClassifier(random_state=seed)),
                ("CNN", CNNClassifier(random_state=seed, sample_type="signal")),
                ("kernels", random_kernels(seed)),
            ):
                if label != "kernels" or isinstance(X, np.ndarray):
                    scores[label].append(model.fit(X, y).score(later, expected))
        beside = f"CNN {np.mean(scores['CNN']):.3f}, summary statistics and ridge {of_summary:.3f}"
        if scores["kernels"]:
            beside += f", random kernels and ridge {np.mean(scores['kernels']):.3f}"
        row(f"{name}, accuracy", scores["RNN"], 0.985 if name == "JapaneseVowels" else None, beside=beside)


def part_strings():
    """Splice junctions and a transcription factor on 2,000 sequences, and antimicrobial peptides."""
    tasks = {
        "splice junctions, accuracy": (*splice(), accuracy_score, 2000, one_hot_forest),
        "GUE tf/3, Matthews correlation": (*gue("tf/3", "train"), matthews_corrcoef, 2000, words_of_dna),
        "amp_modlamp, ROC AUC": (*peptides("amp_modlamp"), roc_auc_score, None, words_of_peptides),
    }
    for name, (X, y, metric, n, words) in tasks.items():
        scores = {"RNN": [], "CNN": [], "k-mers": []}
        for seed in range(SEEDS):
            index = np.random.default_rng(seed).permutation(len(y))[:n]
            train, test = next(StratifiedKFold(5, shuffle=True, random_state=seed).split(index, y[index]))
            train, test = index[train], index[test]
            for label, model in (
                ("RNN", RNNClassifier(random_state=seed)),
                ("CNN", CNNClassifier(random_state=seed)),
                ("k-mers", words(seed)),
            ):
                model.fit(X[train], y[train])
                ranks = metric is roc_auc_score
                predicted = model.predict_proba(X[test])[:, 1] if ranks else model.predict(X[test])
                scores[label].append(metric(y[test], predicted))
        cnn = np.mean(scores["CNN"])
        beside = f"CNN {cnn:.3f}, k-mers {np.mean(scores['k-mers']):.3f}"
        row(name, scores["RNN"], cnn - 0.02, beside=beside)


def part_convolutions():
    """Splice junctions by 800 strings, tested on 1,000, with the convolutions of the defaults and letter by letter."""
    X, y = splice()
    for name, settings in (("by defaults", {}), ("letter by letter", {"conv_layers": ()})):
        scores = []
        for seed in range(SEEDS):
            train, test, *_ = np.split(np.random.default_rng(seed).permutation(len(y)), [800, 1800])
            scores.append(RNNClassifier(random_state=seed, **settings).fit(X[train], y[train]).score(X[test], y[test]))
        row(f"splice junctions, 800 strings, {name}, accuracy", scores)


if __name__ == "__main__":
    run_parts(globals(), __doc__, {"speed", "cells", "memory", "marker"})
