"""GANSampler beside Gaussian mixtures, VAESampler and, where it is installed, CTGAN, all with their defaults.

    python tests/benchmarks/benchmark_gan.py [part ...]

The defaults of GANSampler were chosen with other seeds. The part `california` reads ``../shared/data`` beside the
checkout. Times are of one processor and contain no judging. CTGAN is no dependency: its rows say so if it is not
installed.
"""

from __future__ import annotations

from harness import row, run_parts  # isort: skip

import importlib.util
import time

import numpy as np
import torch
from loaders import houses
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from sklearn_ann import GANSampler, VAESampler
from sklearn_ann.metrics import copy_share, mode_coverage, train_on_synthetic_score, two_sample_auc

FIRST_SEED = 20

# --- Samplers: X, labels or None, number of rows, seed -> rows, labels or None --------------------------------------


def gan(X, y, n, seed, **settings):
    model = GANSampler(conditions=None if y is None else "y", random_state=seed, **settings).fit(X, y)
    return (model.sample(n), None) if y is None else model.sample(n)


def vae(X, y, n, seed, **settings):
    model = VAESampler(prior="mixture", conditions=None if y is None else "y", random_state=seed, **settings).fit(X, y)
    return (model.sample(n), None) if y is None else model.sample(n)


def mixture(X, y, n, seed, n_components=3):
    """A Gaussian mixture of standardised rows, one for each class."""
    rng = np.random.RandomState(seed)
    labels = np.zeros(len(X), dtype=int) if y is None else y
    parts, drawn = [], labels[rng.randint(len(X), size=n)]
    for label, size in zip(*np.unique(drawn, return_counts=True), strict=True):
        own = X[labels == label]
        spread = np.where(own.std(axis=0) > 0, own.std(axis=0), 1.0)
        model = GaussianMixture(min(n_components, len(own)), reg_covar=1e-3, random_state=seed).fit(own / spread)
        parts.append(rng.permutation(model.sample(size)[0]) * spread)
    return np.vstack(parts)[rng.permutation(n)] if y is None else np.vstack(parts), None if y is None else np.sort(
        drawn
    )


def on_quantiles(X, _, n, seed):
    """A Gaussian mixture of 50 components, of the normal scores of each column."""
    scaler = QuantileTransformer(output_distribution="normal", random_state=seed)
    model = GaussianMixture(50, random_state=seed).fit(scaler.fit_transform(X))
    return scaler.inverse_transform(np.random.RandomState(seed).permutation(model.sample(n)[0])), None


def ctgan(X, y, n, seed):
    import pandas as pd
    from ctgan import CTGAN

    torch.manual_seed(seed)
    np.random.seed(seed)
    table = pd.DataFrame(X).add_prefix("x")
    if y is not None:
        table["label"] = y
    model = CTGAN()
    model.fit(table, [] if y is None else ["label"])
    drawn = model.sample(n)
    labels = None if y is None else drawn.pop("label").to_numpy().astype(np.asarray(y).dtype)
    return drawn.to_numpy(), labels


def timed(sampler, *data):
    begin = time.process_time()
    found = sampler(*data)
    return *found, time.process_time() - begin


def peers(*names):
    """Yield name and sampler; CTGAN only where it is installed."""
    known = {
        "GANSampler": gan,
        "Gaussian mixture": mixture,
        "Gaussian mixture of 50 on quantiles": on_quantiles,
        "VAESampler(prior='mixture')": vae,
        "CTGAN": ctgan,
    }
    for name in names:
        if name == "CTGAN" and importlib.util.find_spec("ctgan") is None:
            print("| CTGAN | | | | skipped: it is not installed |", flush=True)
        else:
            yield name, known[name]


# --- The parts ------------------------------------------------------------------------------------------------------


def part_ring(n_seeds=3, spread=0.05):
    """Eight Gaussians of standard deviation .05 on a circle of radius 2, 2,000 points."""
    angles = np.arange(8) * np.pi / 4
    centers = 2 * np.column_stack([np.cos(angles), np.sin(angles)])
    for name, sampler in peers("GANSampler", "Gaussian mixture"):
        modes, inside, seconds = [], [], []
        for seed in range(FIRST_SEED, FIRST_SEED + (n_seeds if name == "GANSampler" else 1)):
            rng = np.random.RandomState(seed)
            X = centers[rng.randint(8, size=2000)] + rng.normal(scale=spread, size=(2000, 2))
            samples, _, spent = timed(sampler, X, None, 2000, seed, *([8] if name == "Gaussian mixture" else []))
            found = mode_coverage(samples, centers, spread)
            modes.append(8 * found.modes)
            inside.append(found.samples)
            seconds.append(spent)
        ours = name == "GANSampler"
        row(f"ring of eight Gaussians, {name}: modes found", modes, 8 if ours else None)
        row("the same: share of samples within 3 sd", inside, 0.9 if ours else None, True, f"{np.mean(seconds):.0f} s")


def part_classes(n_seeds=3):
    """Breast cancer and wine: accuracy of classifiers trained on 1,000 samples over that of real rows."""
    judges = {
        "random forest": lambda: RandomForestClassifier(random_state=0),
        "logistic regression": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
    }
    for data, load in (("breast cancer", load_breast_cancer), ("wine", load_wine)):
        X, y = load(return_X_y=True)
        for name, sampler in peers("GANSampler", "Gaussian mixture", "VAESampler(prior='mixture')", "CTGAN"):
            ratios, copies, seconds = [], [], []
            for seed in range(FIRST_SEED, FIRST_SEED + n_seeds):
                a, b, c, d = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
                samples, labels, spent = timed(sampler, a, c, 1000, seed)
                scores = [train_on_synthetic_score(samples, labels, b, d, a, c, estimator=judges[j]()) for j in judges]
                ratios.append(np.mean([score.ratio for score in scores]))
                copies.append(copy_share(samples, a, b))
                seconds.append(spent)
            ours = name == "GANSampler"
            row(f"{data}, {name}: accuracy over that of real rows, mean of {' and '.join(judges)}", ratios,
                0.95 if ours else None, True, f"{np.mean(seconds):.0f} s")  # fmt: skip
            row(f"{data}, {name}: samples closer than real rows, 5 % level", copies, 0.07 if ours else None, False)


def part_california(n_seeds=1, n_train=8000, n_test=4000):
    """California: boosting trained on samples, and the classifier that tells samples from real rows."""
    X, y = houses()
    table = np.column_stack([X, y])
    for name, sampler in peers("GANSampler", "Gaussian mixture of 50 on quantiles", "VAESampler(prior='mixture')"):
        found = []
        for seed in range(FIRST_SEED, FIRST_SEED + n_seeds):
            order = np.random.RandomState(seed).permutation(len(table))
            train, test = table[order[:n_train]], table[order[n_train : n_train + n_test]]
            samples, _, spent = timed(sampler, train, None, n_train, seed)
            model = HistGradientBoostingRegressor(random_state=0)
            score = model.fit(samples[:, :-1], samples[:, -1]).score(test[:, :-1], test[:, -1])
            real = model.fit(train[:, :-1], train[:, -1]).score(test[:, :-1], test[:, -1])
            found.append((score, two_sample_auc(samples[:n_test], test), copy_share(samples[:n_test], train, test),
                          spent, real))  # fmt: skip
        scores, areas, copies, seconds, reals = zip(*found, strict=True)
        ours = name == "GANSampler"
        row(f"California, {name}: R² of boosting trained on samples", scores, 0.68 if ours else None, True,
            f"real rows {np.mean(reals):.3f}")  # fmt: skip
        row(f"California, {name}: AUROC of telling samples from real rows", areas, 0.8 if ours else None, False)
        row(f"California, {name}: samples closer than real rows, 5 % level", copies, 0.07 if ours else None, False)
        row(f"California, {name}: seconds of one processor", seconds, 120 if ours else None, False)


def part_digits(n_seeds=2):
    """Digits by class: logistic regression trained on samples, tested on real digits, over real ones."""
    _digits({"GANSampler": (gan, {"image_shape": (8, 8)}), "Gaussian mixture": (mixture, {"n_components": 2}),
             "VAESampler(prior='mixture')": (vae, {})}, n_seeds)  # fmt: skip


def part_convolutions(n_seeds=1):
    """The same by convolutions."""
    _digits({"GANSampler(architecture='conv')": (gan, {"image_shape": (8, 8), "architecture": "conv"})}, n_seeds)


def _digits(samplers, n_seeds):
    X, y = load_digits(return_X_y=True)
    X = X / 16
    for name, (sampler, settings) in samplers.items():
        ratios, copies, seconds = [], [], []
        for seed in range(FIRST_SEED, FIRST_SEED + n_seeds):
            a, b, c, d = train_test_split(X, y, test_size=0.3, stratify=y, random_state=seed)
            begin = time.process_time()
            samples, labels = sampler(a, c, len(a), seed, **settings)
            seconds.append(time.process_time() - begin)
            judge = LogisticRegression(max_iter=3000)
            ratios.append(train_on_synthetic_score(samples, labels, b, d, a, c, estimator=judge).ratio)
            copies.append(copy_share(samples, a, b))
        ours = name.startswith("GANSampler")
        row(f"digits, {name}: accuracy of logistic regression over that of real rows", ratios,
            0.95 if ours else None, True, f"{np.mean(seconds):.0f} s")  # fmt: skip
        row(f"digits, {name}: samples closer than real rows, 5 % level", copies, 0.07 if ours else None, False)


if __name__ == "__main__":
    run_parts(globals(), __doc__, needless=("ring", "classes", "digits", "convolutions"))
