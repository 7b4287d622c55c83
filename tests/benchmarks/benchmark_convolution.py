"""Convolution on sequences and images: accuracy on real data compared with classical baselines, and speed.

    python tests/benchmarks/benchmark_convolution.py [part ...]

The parts with real data read ``../shared/data`` beside the checkout. Accuracies are those of the default settings
unless a row says otherwise, as mean and range over the seeds. Times are ratios of runs that alternate in one process,
on one thread.
"""

from __future__ import annotations

from harness import row, run_parts  # isort: skip

import statistics
import time
from unittest.mock import patch

import numpy as np
import torch
from baselines import one_hot_forest, words_of_dna, words_of_peptides
from loaders import PEPTIDES, blood_cells, gue, peptides, scaled_mnist, splice
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, matthews_corrcoef, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from torch import nn
from torch.nn import functional as F

from sklearn_ann import CNNClassifier, CNNRegressor, PatternDetector
from sklearn_ann.convolution import matched_kernel
from sklearn_ann.datasets import gosper_gun, make_gliders, make_motif_sequences
from sklearn_ann.preprocessing import SequenceEncoder
from sklearn_ann.reading import GridBatch, GridSamples

SEEDS = 3
ROUNDS = 5


def folds(X, y, seed):
    return StratifiedKFold(5, shuffle=True, random_state=seed).split(X, y)


def part_splice():
    """Splice junctions, accuracy, mean of five folds."""
    X, y = splice()
    networks, forests = [], []
    for seed in range(SEEDS):
        parts = list(folds(X, y, seed))
        networks.append(np.mean([CNNClassifier(random_state=seed).fit(X[a], y[a]).score(X[b], y[b]) for a, b in parts]))
        forest = one_hot_forest(seed)
        forests.append(np.mean([forest.fit(X[a], y[a]).score(X[b], y[b]) for a, b in parts]))
    row("splice junctions, accuracy, five folds", networks, 0.965, beside=f"one-hot forest {np.mean(forests):.3f}")


def part_gue():
    """GUE, on the given parts; the validation data decide when training stops."""
    for name, bound in [("prom/prom_core_tata", 0.68), ("tf/3", 0.50), ("mouse/0", 0.58)]:
        (X, y), (X_val, y_val), (X_test, y_test) = (gue(name, part) for part in ("train", "dev", "test"))
        baseline = matthews_corrcoef(y_test, words_of_dna(0).fit(X, y).predict(X_test))
        scores = [
            matthews_corrcoef(
                y_test,
                CNNClassifier(random_state=seed).fit(X, y, X_val=X_val, y_val=y_val).predict(X_test),
            )
            for seed in range(SEEDS)
        ]
        row(
            f"GUE {name}, Matthews correlation",
            scores,
            bound,
            beside=f"3- to 6-mers, logistic regression {baseline:.3f}",
        )


def part_peptides():
    """PeptideReactor's sets, ROC AUC, mean of five folds."""
    for name in PEPTIDES:
        X, y = peptides(name)
        networks, forests = [], []
        for seed in range(SEEDS):
            network = CNNClassifier(unknown="ambiguous", random_state=seed)
            for model, scores in ((network, networks), (words_of_peptides(seed), forests)):
                scores.append(
                    np.mean(
                        [
                            roc_auc_score(y[b], model.fit(X[a], y[a]).predict_proba(X[b])[:, 1])
                            for a, b in folds(X, y, seed)
                        ]
                    )
                )
        bound = round(float(np.mean(forests)), 3)
        row(f"{name}, ROC AUC, five folds", networks, bound, beside=f"1- and 2-mers, forest {bound:.3f}")


def part_bccd(seeds=1):
    """Crops of any size, balanced accuracy, five folds, ten epochs; one seed, as a fold takes minutes."""
    images, y = blood_cells()
    crops = [np.asarray(image, dtype=np.float32) / 255 for image in images]
    small = np.array([np.asarray(image.resize((32, 32))).ravel() for image in images])
    networks, forests = [], []
    for seed in range(seeds):
        for a, b in folds(small, y, seed):
            network = CNNClassifier(max_epochs=10, learning_rate_schedule="cosine", random_state=seed)
            network.fit([crops[i] for i in a], y[a])
            networks.append(balanced_accuracy_score(y[b], network.predict([crops[i] for i in b])))
            forest = RandomForestClassifier(300, n_jobs=1, random_state=seed).fit(small[a], y[a])
            forests.append(balanced_accuracy_score(y[b], forest.predict(small[b])))
    row("blood cells, crops of any size, balanced accuracy of folds", networks, 0.97,
        beside=f"forest on 32 x 32 pixels {np.mean(forests):.3f}")  # fmt: skip


def part_mnist(seeds=1):
    """MNIST, full; one seed, as it takes a quarter of an hour."""
    (X, y), (X_test, y_test) = map(scaled_mnist, ("train", "t10k"))
    scores = [CNNClassifier(random_state=seed).fit(X, y).score(X_test, y_test) for seed in range(seeds)]
    forest = RandomForestClassifier(random_state=0).fit(X.reshape(len(X), -1), y)
    row("MNIST, accuracy", scores, 0.992, beside=f"forest {forest.score(X_test.reshape(len(X_test), -1), y_test):.3f}")


def part_gliders(n=3000):
    """Glider guns among other patterns, moved and turned at random: given and learned kernels."""
    guns = PatternDetector([matched_kernel(gosper_gun(phase, turn)) for turn in range(8) for phase in range(30)])
    detected, learned, forests = [], [], []
    for seed in range(SEEDS):
        X, y = make_gliders(n, random_state=seed)
        X_test, y_test = make_gliders(1000, random_state=1000 + seed)
        detected.append(np.mean(guns.predict(X_test) == y_test))
        turned = [np.rot90(frames, k, axes=(1, 2)) for frames in (X, X[:, :, ::-1]) for k in range(4)]
        network = CNNClassifier(
            conv_layers=((8, 5, 2), (32, 5, 2), (64, 5, 2), (64, 5)), global_pooling="max", dropout=0.0,
            learning_rate=3e-3, learning_rate_schedule="cosine", max_epochs=3, random_state=seed,
        ).fit(np.concatenate(turned), np.tile(y, 8))  # fmt: skip
        learned.append(network.score(X_test, y_test))
        forest = RandomForestClassifier(300, random_state=seed).fit(X.reshape(n, -1), y)
        forests.append(forest.score(X_test.reshape(1000, -1), y_test))
    row("glider guns, PatternDetector, accuracy", detected, 1.0)
    row(f"glider guns, network trained on {n:,} frames in eight ways, accuracy", learned, 1.0,
        beside=f"forest {np.mean(forests):.3f}")  # fmt: skip


def similarity(found, planted):
    """Return the greatest correlation of a planted matrix with a found one over all offsets."""
    width, reach = len(planted), len(planted) // 2
    padded = np.pad(found, ((reach, reach), (0, 0)), constant_values=0.25)
    windows = [padded[start : start + width] for start in range(len(padded) - width + 1)]
    return max((np.corrcoef(w.ravel(), planted.ravel())[0, 1] for w in windows if np.ptp(w) > 1e-6), default=0.0)


def part_motifs(n=4000):
    """Planted motifs against the filters of a network with one convolution."""
    likeness, accuracies, linear = [], [], []
    for seed in range(SEEDS):
        X, y, motifs = make_motif_sequences(n + 1000, length=(80, 120), motifs=3, random_state=seed)
        model = CNNClassifier(
            conv_layers=((32, 13),), dropout=0, learning_rate=3e-3, max_epochs=40, learning_rate_schedule="cosine",
            random_state=seed,
        ).fit(X[:n], y[:n])  # fmt: skip
        accuracies.append(model.score(X[n:], y[n:]))
        likeness += [max(similarity(found, planted) for found in model.motifs()) for planted in motifs]
        words = make_pipeline(
            SequenceEncoder("dna", encoding="kmer", k=6), MaxAbsScaler(), LogisticRegression(max_iter=300)
        )
        linear.append(words.fit(X[:n], y[:n]).score(X[n:], y[n:]))
    row("planted motifs, correlation with the most similar filter", likeness, 0.9, beside=f"least {min(likeness):.3f}")
    row("planted motifs, accuracy", accuracies, beside=f"6-mers, logistic regression {np.mean(linear):.3f}")


class Bare(nn.Module):
    """The network of CNNRegressor with two convolutions and a global maximum, made of torch's modules."""

    def __init__(self, conv, norm, pool, n_channels, widths):
        super().__init__()
        (a, k), (b, m) = widths
        self.blocks = nn.Sequential(
            conv(n_channels, a, k, padding=k // 2, bias=False), norm(a), nn.ReLU(), pool(2, ceil_mode=True),
            conv(a, b, m, padding=m // 2, bias=False), norm(b), nn.ReLU(), pool(2, ceil_mode=True),
        )  # fmt: skip
        self.dense = nn.Sequential(nn.Dropout(0.5), nn.Linear(b, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 1))

    def forward(self, x):
        return self.dense(self.blocks(x).flatten(2).amax(dim=2))


def seconds_of_loop(net, x, y, epochs, batch=128):
    """Train with fused AdamW in a bare loop; return the seconds, and loss and steps of the last epoch."""
    optimizer = torch.optim.AdamW(net.train().parameters(), lr=1e-3, weight_decay=0, fused=True)
    begin = time.perf_counter()
    for _ in range(epochs):
        total, n_steps = 0.0, 0
        for index in torch.randperm(len(x)).split(batch):
            optimizer.zero_grad()
            loss = F.mse_loss(net(x[index])[:, 0], y[index])
            loss.backward()
            optimizer.step()
            total, n_steps = total + loss.detach() * len(index), n_steps + 1
    return time.perf_counter() - begin, float(total) / len(x), n_steps


def compared(what, X, x, y, net, epochs, **settings):
    """Print a row: the time of fit against that of a bare loop over encoded data."""
    y = (y - y.mean()) / y.std()
    target = torch.as_tensor(y, dtype=torch.float32)
    pairs = []
    for _ in range(ROUNDS):
        theirs, loss, n_steps = seconds_of_loop(net(), x, target, epochs)
        model = CNNRegressor(
            **settings, global_pooling="max", position_bias=False, max_epochs=epochs, tol=0, batch_size=128,
            n_iter_no_change=epochs + 1, optimizer="adamw", weight_decay=0, learning_rate=1e-3,
            learning_rate_schedule="constant", device="cpu", random_state=0,
        )  # fmt: skip
        begin = time.perf_counter()
        model.fit(X, y)
        pairs.append(((time.perf_counter() - begin) / theirs, loss, model.loss_))
        assert n_steps == -(-len(X) // 128)
    ratios, losses, ours = zip(*pairs, strict=True)
    print(
        f"| {what}: seconds of fit by seconds of a bare loop | {statistics.median(ratios):.3f} | ≤ 1.1 | "
        f"{'yes' if statistics.median(ratios) <= 1.1 else '**no**'} | {epochs} epochs of {n_steps} steps; losses "
        f"{statistics.mean(losses):.3f} and {statistics.mean(ours):.3f} |",
        flush=True,
    )


def part_speed():
    """Time of the whole fit against a bare loop with the same network: images, and DNA of one length."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(4000, 28, 28)).astype(np.float32)
    compared(
        "images", images, torch.from_numpy(images)[:, None], images[:, 10:14, 10:14].mean(axis=(1, 2)),
        lambda: Bare(nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, 1, ((32, 3), (64, 3))), 10,
        conv_layers=((32, 3, 2), (64, 3, 2)),
    )  # fmt: skip
    codes = rng.integers(4, size=(8000, 100))
    strings = ["".join(row) for row in np.array(list("ACGT"))[codes]]
    one_hot = F.one_hot(torch.from_numpy(codes), 4).float().movedim(-1, 1).contiguous()
    compared(
        "DNA of length 100", strings, one_hot, (codes[:, 40:60] == 1).mean(axis=1),
        lambda: Bare(nn.Conv1d, nn.BatchNorm1d, nn.MaxPool1d, 4, ((64, 9), (64, 5))), 10,
        conv_layers=((64, 9, 2), (64, 5, 2)),
    )  # fmt: skip


def part_bucketing():
    """Time of an epoch over strings of 50 to 1,000 letters: batches of similar length against padding to the longest.

    The first row pads with masks, as the batches of similar length do. The second pads with letters N and needs no
    masks, which is cheaper but gives other results.
    """
    rng = np.random.default_rng(0)
    strings = ["".join(rng.choice(list("ACGT"), size=n)) for n in rng.integers(50, 1001, size=1500)]
    strings[0] = "A" * 1000
    lettered = [string.ljust(1000, "N") for string in strings]
    y = rng.integers(2, size=len(strings))
    model = CNNClassifier(
        global_pooling="max", position_bias=False, max_epochs=2, tol=0, n_iter_no_change=3, device="cpu",
        random_state=0,
    )  # fmt: skip

    def seconds(X):
        return statistics.median(model.fit(X, y).history_["duration"])

    def filled(samples, index):
        """Pad the batch to the length of the longest sample, number 0, by cutting the two together."""
        x, sizes = cut(samples, torch.cat([index, index.new_zeros(1)]))
        return GridBatch(x[:-1], sizes[:-1])

    masked, plain = [], []
    for _ in range(ROUNDS):
        bucketed = seconds(strings)
        plain.append(bucketed / seconds(lettered))
        cut = GridSamples.__getitem__
        with patch.object(GridSamples, "__getitem__", filled):
            masked.append(bucketed / seconds(strings))
    row("an epoch of strings of 50 to 1,000 letters, against all filled up", masked, 0.6, at_least=False)
    row("the same, against strings filled up with N and no masks", plain, 0.6, at_least=False)


if __name__ == "__main__":
    run_parts(globals(), __doc__, needless={"gliders", "motifs", "speed", "bucketing"})
