"""VAESampler with a mixture as prior, beside Gaussian mixtures: tables and digits.

    python tests/benchmarks/benchmark_samplers.py [part ...]

Reads ``../shared/data`` beside the checkout for the part `california`.
"""

from __future__ import annotations

from harness import row, run_parts  # isort: skip

import time

import numpy as np
from loaders import houses
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from sklearn_ann import VAESampler
from sklearn_ann.metrics import copy_share, two_sample_auc

SEEDS = 3


class Scaled:
    """A Gaussian mixture on a scale of its own."""

    def __init__(self, scaler, n_components, seed, shrunk=1e-6):
        self.scaler, self.seed = scaler, seed
        self.mixture = GaussianMixture(n_components, reg_covar=shrunk, random_state=seed)

    def fit(self, X):
        self.mixture.fit(self.scaler.fit_transform(X))
        return self

    def sample(self, n):
        rows = self.scaler.inverse_transform(self.mixture.sample(n)[0])
        return np.random.RandomState(self.seed).permutation(rows)


class PerClass:
    """A Gaussian distribution for each class, on standardised features."""

    def __init__(self, seed):
        self.seed = seed

    def fit(self, X, y):
        self.models = {label: Scaled(StandardScaler(), 1, self.seed, 1e-2).fit(X[y == label]) for label in set(y)}
        return self

    def sample(self, n, y, random_state=None):
        rows = np.empty((n, next(iter(self.models.values())).scaler.n_features_in_))
        for label, model in self.models.items():
            rows[y == label] = model.sample(int((y == label).sum()))
        return rows, y


def part_california():
    """Eight features and the target as one table: 8,000 rows to learn from, 4,000 others to compare with."""
    table = np.column_stack(houses())
    samplers = {
        "prior='mixture'": lambda seed: VAESampler(prior="mixture", random_state=seed),
        "prior='normal'": lambda seed: VAESampler(random_state=seed),
        "Gaussian mixture of 20": lambda seed: Scaled(StandardScaler(), 20, seed),
        "Gaussian mixture of 50 on quantiles": lambda seed: Scaled(
            QuantileTransformer(output_distribution="normal"), 50, seed
        ),
        "real rows": None,
    }
    for name, make in samplers.items():
        found = []
        for seed in range(SEEDS):
            order = np.random.RandomState(seed).permutation(len(table))
            train, test = table[order[:8000]], table[order[8000:12000]]
            begin = time.process_time()
            rows = train if make is None else make(seed).fit(train).sample(8000)
            seconds = time.process_time() - begin
            boosting = HistGradientBoostingRegressor(random_state=0).fit(rows[:, :-1], rows[:, -1])
            auc = 0.5 if make is None else two_sample_auc(rows[:4000], test)
            copied = 0.05 if make is None else copy_share(rows[:4000], train, test)
            found.append((boosting.score(test[:, :-1], test[:, -1]), auc, copied, seconds))
        r2, auc, copied, seconds = np.transpose(found)
        bounds = (0.71, 0.65, 0.07, 120.0) if name == "prior='mixture'" else (None,) * 4
        row(f"California, {name}: R² of boosting trained on samples", r2, bounds[0])
        if make is not None:
            row(f"California, {name}: AUROC of samples against real rows", auc, bounds[1], False)
            row(f"California, {name}: copies at the 5 % level", copied, bounds[2], False)
            row(f"California, {name}: seconds of processor time", seconds, bounds[3], False)


def part_classes():
    """Samples of given classes: accuracy of classifiers trained on them over that of real rows, and copies."""
    classifiers = {
        "logistic regression": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
        "forest": lambda: RandomForestClassifier(random_state=0),
    }
    samplers = {
        "prior='mixture'": lambda seed: VAESampler(prior="mixture", conditions="y", random_state=seed),
        "prior='normal'": lambda seed: VAESampler(conditions="y", random_state=seed),
        "a Gaussian for each class": PerClass,
    }
    for data, load in (("breast cancer", load_breast_cancer), ("wine", load_wine), ("digits", load_digits)):
        X, y = load(return_X_y=True)
        for name, make in samplers.items():
            ratios, copied, seconds = {key: [] for key in classifiers}, [], []
            for seed in range(SEEDS):
                X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.33, stratify=y, random_state=seed)
                begin = time.process_time()
                model = make(seed).fit(X_train, y_train)
                labels = np.random.RandomState(seed).choice(y_train, max(len(y_train), 1000))
                rows, _ = model.sample(len(labels), y=labels, random_state=seed)
                seconds.append(time.process_time() - begin)
                copied.append(copy_share(rows, X_train, X_test))
                for key, classifier in classifiers.items():
                    real = classifier().fit(X_train, y_train).score(X_test, y_test)
                    ratios[key].append(classifier().fit(rows, labels).score(X_test, y_test) / real)
            bound = 0.95 if name == "prior='mixture'" else None
            for key, values in ratios.items():
                row(f"{data}, {name}: accuracy of {key} trained on samples over real rows", values, bound)
            of_copies = 0.07 if name == "prior='mixture'" else None
            row(f"{data}, {name}: copies at the 5 % level", copied, of_copies, False, f"{np.mean(seconds):.1f} s")


if __name__ == "__main__":
    run_parts(globals(), __doc__, needless={"classes"})
