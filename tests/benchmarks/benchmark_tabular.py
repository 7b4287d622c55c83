"""Dense members on tables, by defaults, beside boosting, a forest and a linear model on the same splits.

    python tests/benchmarks/benchmark_tabular.py [part ...]

California housing and the sets of ADBench, whose outliers are one of two classes here, are read from ``../shared/data``
beside the checkout. Asked is the best of the three baselines minus the standard deviation of its scores.
"""

from __future__ import annotations

from harness import row, run_parts  # isort: skip

import time

import numpy as np
from loaders import houses, outliers, splice
from sklearn import datasets
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from sklearn_ann import TabularClassifier, TabularRegressor

SEEDS = 3
ROWS = 2500  # of larger sets a sample
OUTLIER_SETS = (
    "12_fault", "2_annthyroid", "27_PageBlocks", "30_satellite", "35_SpamBase", "37_Stamps", "40_vowels", "44_Wilt",
    "47_yeast", "7_Cardiotocography",
)  # fmt: skip


def models(seed, classify, y, categories):
    """Return the network and the three baselines."""
    ours = (TabularClassifier if classify else TabularRegressor)(random_state=seed)
    boosting = (HistGradientBoostingClassifier if classify else HistGradientBoostingRegressor)(random_state=seed)
    forest = (RandomForestClassifier if classify else RandomForestRegressor)(random_state=seed)
    linear = LogisticRegression(max_iter=1000) if classify else RidgeCV()
    linear = make_pipeline(OneHotEncoder(handle_unknown="ignore") if categories else StandardScaler(), linear)
    if categories:
        boosting, forest = (make_pipeline(OrdinalEncoder(), model) for model in (boosting, forest))
    if np.ndim(y) > 1:
        boosting = MultiOutputRegressor(boosting)
    return {"network": ours, "boosting": boosting, "forest": forest, "linear": linear}


def compare(name, X, y, *, classify, categories=False):
    """Print a row: accuracy or R² of the network, what is asked of it, and the baselines with their seconds."""
    scores, seconds = {}, {}
    if len(X) > ROWS:
        chosen = np.random.default_rng(0).permutation(len(X))[:ROWS]
        X, y = X[chosen], y[chosen]
    for seed in range(SEEDS):
        strata = y if classify else None
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=seed, stratify=strata)
        for model, made in models(seed, classify, y, categories).items():
            begin = time.process_time()
            made.fit(X_train, y_train)
            seconds.setdefault(model, []).append(time.process_time() - begin)
            scores.setdefault(model, []).append(made.score(X_test, y_test))
    means = {model: np.mean(values) for model, values in scores.items()}
    best = max(("boosting", "forest", "linear"), key=means.__getitem__)
    beside = ", ".join(f"{model} {means[model]:.3f}" for model in means if model != "network")
    times = " / ".join(f"{np.mean(values):.2f}" for values in seconds.values())
    asked = means[best] - np.std(scores[best])
    what = f"{name}, {len(X)} rows, {'accuracy' if classify else 'R2'}"
    row(what, scores["network"], asked, beside=f"{beside}; seconds {times}")


def part_scikit_learn():
    """The sets that come with scikit-learn."""
    for name in ("breast_cancer", "wine", "digits", "iris"):
        compare(name, *getattr(datasets, f"load_{name}")(return_X_y=True), classify=True)
    for name in ("diabetes", "linnerud"):
        compare(name, *getattr(datasets, f"load_{name}")(return_X_y=True), classify=False)


def part_generated():
    """Sets of known truth."""
    compare("friedman1", *datasets.make_friedman1(1000, noise=1.0, random_state=0), classify=False)
    compare("friedman3", *datasets.make_friedman3(800, noise=0.1, random_state=0), classify=False)
    X, y = datasets.make_regression(400, 30, n_informative=8, noise=40.0, random_state=0)
    compare("linear", X, y, classify=False)
    X, y = datasets.make_classification(
        1200, 20, n_informative=6, n_redundant=4, n_clusters_per_class=3, n_classes=3, flip_y=0.05, random_state=0
    )
    compare("nine clusters", X, y, classify=True)


def part_outlier_sets():
    """Outliers as one of two classes."""
    for name in OUTLIER_SETS:
        compare(name.split("_")[1], *outliers(name), classify=True)


def part_splice():
    """Sixty categorical columns: the letters around splice junctions."""
    sequences, y = splice()
    X = np.array([list(sequence) for sequence in sequences], dtype=object)
    compare("splice junctions", X, y, classify=True, categories=True)


def part_houses():
    """A sample of California's districts."""
    compare("California housing", *houses(), classify=False)


def part_california(seeds=SEEDS):
    """64 % train, 16 % choose the epoch, 20 % test; the baselines do not use the 16 %."""
    X, y = houses()
    errors, seconds = {}, {}
    for seed in range(seeds):
        rest, test = train_test_split(np.arange(len(X)), test_size=0.2, random_state=seed)
        train, val = train_test_split(rest, test_size=0.2, random_state=seed)
        for name, model in models(seed, False, y, False).items():
            begin = time.process_time()
            model.fit(X[train], y[train], **({"X_val": X[val], "y_val": y[val]} if name == "network" else {}))
            seconds.setdefault(name, []).append(time.process_time() - begin)
            errors.setdefault(name, []).append(root_mean_squared_error(y[test], model.predict(X[test])))
    for name, values in errors.items():
        bound = 0.43 if name == "network" else None
        beside = f"{np.mean(seconds[name]):.1f} seconds"
        row(f"California housing, {name}, error", values, bound, at_least=False, beside=beside)


if __name__ == "__main__":
    run_parts(globals(), __doc__, needless={"scikit_learn", "generated"})
