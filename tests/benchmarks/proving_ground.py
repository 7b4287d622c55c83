"""The proving ground: tasks on real data, our estimators by defaults, and what a user of each field has already.

A task is a function of a seed that returns ``X_train, y_train, X_test, y_test[, groups]``, or a list of such tuples for
several folds; a metric; classical baselines; and entrants, our estimators with nothing set but `random_state` and what
the data demand. To add a task or an entrant, add a line to `TASKS`.
"""

from __future__ import annotations

from harness import DATA  # isort: skip

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import baselines
import loaders
import numpy as np
from scipy.stats import spearmanr
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import (
    accuracy_score,
    adjusted_rand_score,
    balanced_accuracy_score,
    matthews_corrcoef,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ann import (
    AttentionClassifier,
    AttentionRegressor,
    AutoEncoderOutlierDetector,
    AutoEncoderTransformer,
    CNNClassifier,
    CNNRegressor,
    GCNClassifier,
    GCNNodeClassifier,
    GCNRegressor,
    GraphSet,
    MoleculeEncoder,
    RNNClassifier,
    TabularClassifier,
    TabularRegressor,
    VAESampler,
)

# --- Metrics: what a fitted model is asked for, and how it is scored; more is better ---------------------------------


def predicted(model, X, _y):
    return model.predict(X)


def probability(model, X, _y):
    return model.predict_proba(X)[:, 1]


def outlyingness(model, X, _y):
    return -model.score_samples(X)


def unexplained(model, X, _y):
    """Return the squared error of what is rebuilt, as a share of the variance."""
    return np.square(X - model.inverse_transform(model.transform(X))).sum() / np.square(X - X.mean(axis=0)).sum()


def clusters(model, X, y):
    """Return clusters of the codes, as many as there are types."""
    return KMeans(len(np.unique(y)), n_init=10, random_state=0).fit_predict(model.transform(X))


# name: (what the model is asked for, score of truth and answer); the seconds of the first count
METRICS: dict[str, tuple[Callable, Callable]] = {
    "accuracy": (predicted, accuracy_score),
    "balanced accuracy": (predicted, balanced_accuracy_score),
    "MCC": (predicted, matthews_corrcoef),
    "AUROC": (probability, roc_auc_score),
    "Spearman": (predicted, lambda y, found: spearmanr(y, found).statistic if np.ptp(found) > 0 else 0.0),
    "R2": (predicted, r2_score),
    "-RMSE": (predicted, lambda y, found: -root_mean_squared_error(y, found)),
    "AUROC of outliers": (outlyingness, roc_auc_score),
    "-error": (unexplained, lambda _, found: -found),
    "ARI": (clusters, adjusted_rand_score),
}


@dataclass(frozen=True)
class Task:
    """A data set with its split and metric, the baselines and the entrants; each makes an estimator from a seed."""

    name: str
    metric: str
    load: Callable[[int, bool], Any]  # of the seed and of whether to take all the data
    baselines: dict[str, Callable[[int], Any]]
    entrants: dict[str, Callable[[int], Any]]
    cost: float = 5.0  # seconds of a fit of ours, roughly: the cheapest run first


# --- Splits ----------------------------------------------------------------------------------------------------------


def divided(load, seed, full, *, stratify=False, **sizes):
    """Divide what `load` returns at random."""
    X, y = load()
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, random_state=seed, stratify=y if stratify else None, **sizes
    )
    return X_train, y_train, X_test, y_test


def series(name, seed, full):
    return *loaders.series(name, "TRAIN"), *loaders.series(name, "TEST")


def splice(seed, full):
    X, y = loaders.splice()
    return X[:2000], y[:2000], X[2000:], y[2000:]


def gue(name, seed, full, most=4000):
    X, y = loaders.gue(name, "train")
    if not full and len(X) > most:
        X, _, y, _ = train_test_split(X, y, train_size=most, stratify=y, random_state=seed)
    return X, y, *loaders.gue(name, "test")


def gb1_random(seed, full, n=400):
    (X, y), test = loaders.gb1("sampled")
    chosen = np.random.default_rng(seed).choice(len(X), size=n, replace=False)
    return X[chosen], y[chosen], *test


def gb1_two_vs_rest(seed, full):
    train, test = loaders.gb1("two_vs_rest")
    return *train, *test


def scaffolds(name, seed, full):
    X, y, groups, (train, _, test) = loaders.molecules(name)
    return X[train], y[train], X[test], y[test], groups[train]


def folds(name, seed, full):
    graphs, y, parts = loaders.tu_graphs(name)
    return [
        ([graphs[i] for i in train], y[train], [graphs[i] for i in test], y[test])
        for train, test in parts[: 10 if full else 3]
    ]


def citeseer(seed, full):
    _, y, split = loaders.citeseer()
    train, test = split["train"], split["test"]
    return train, y[train], test, y[test]


def mnist(seed, full, n=1000, n_test=2000):
    (X, y), (X_test, y_test) = map(loaders.scaled_mnist, ("train", "t10k"))
    if full:
        return X, y, X_test, y_test
    X, _, y, _ = train_test_split(X, y, train_size=n, stratify=y, random_state=seed)
    return X, y, X_test[:n_test], y_test[:n_test]


def blood_cells(seed, full, n=600):
    images, y = loaders.blood_cells()
    which = np.arange(len(y))
    if not full:
        which, _ = train_test_split(which, train_size=n, stratify=y, random_state=seed)
    train, test = train_test_split(which, train_size=2 / 3, stratify=y[which], random_state=seed)
    crops = {i: np.asarray(images[i], dtype=np.float32) / 255 for i in which}
    return [crops[i] for i in train], y[train], [crops[i] for i in test], y[test]


def houses(seed, full):
    sizes = {"test_size": 0.2} if full else {"train_size": 2000, "test_size": 3000}
    return divided(loaders.houses, seed, full, **sizes)


def flat_digits(seed, full, n=1400):
    X = load_digits().data / 16
    return X[:n], None, X[n:], None


def flat_mnist(seed, full, n=2000):
    X, _, X_test, _ = mnist(seed, full, n)
    return X.reshape(len(X), -1), None, X_test.reshape(len(X_test), -1), None


def outliers(name, seed, full):
    """PyOD's protocol: 60 % of the rows train, standardised by themselves."""
    X, _, X_test, y_test = divided(partial(loaders.outliers, name), seed, full, test_size=0.4)
    scaler = StandardScaler().fit(X)
    return scaler.transform(X), None, scaler.transform(X_test), y_test


def cells(name, seed, full):
    counts, kinds = loaders.cells(name)
    return counts, None, counts, kinds


# --- Entrants --------------------------------------------------------------------------------------------------------


def makes(kind, **demanded):
    """Return a function of a seed that makes an estimator with nothing set but what the data demand."""
    return lambda seed: kind(**demanded, random_state=seed)


def of_molecules(kind):
    return lambda seed: make_pipeline(MoleculeEncoder(), kind(random_state=seed))


def of_citeseer(seed):
    return GCNNodeClassifier(graph=GraphSet(*loaders.citeseer()[0]), random_state=seed)


def smoothed(seed):
    return baselines.smoothed_words(loaders.citeseer()[0])


def principal(n):
    return {"PCA": lambda seed: PCA(n, random_state=seed)}


KERNELS = {"random kernels + ridge": baselines.random_kernels}
SUBTREES = {"WL subtrees + SVM": baselines.subtree_kernel}
SIGNALS = {"cnn": makes(CNNClassifier), "rnn": makes(RNNClassifier)}
CHANNELS = {"cnn": makes(CNNClassifier, sample_type="signal"), "rnn": makes(RNNClassifier)}
STRINGS = {"cnn": makes(CNNClassifier), "rnn": makes(RNNClassifier)}
PEPTIDES = {"cnn": makes(CNNClassifier, unknown="ambiguous")}
GRAPHS = {"gcn": makes(GCNClassifier)}
CLASSES = {"tabular": makes(TabularClassifier), "columns": makes(AttentionClassifier)}
NUMBERS = {
    "tabular": makes(TabularRegressor),
    "columns": makes(AttentionRegressor),
    "rows": makes(AttentionRegressor, attend="rows"),
}
COUNTS = {"vae": makes(VAESampler, likelihood="negative_binomial")}


def table(load):
    return partial(divided, partial(load, return_X_y=True), stratify=True, test_size=0.2)


TASKS = [
    Task("signals/GunPoint", "accuracy", partial(series, "GunPoint"), KERNELS, SIGNALS, 2),
    Task("signals/ItalyPowerDemand", "accuracy", partial(series, "ItalyPowerDemand"), KERNELS, SIGNALS, 2),
    Task("signals/OSULeaf", "accuracy", partial(series, "OSULeaf"), KERNELS, SIGNALS, 10),
    Task("signals/JapaneseVowels", "accuracy", partial(series, "JapaneseVowels"), KERNELS, CHANNELS, 8),
    Task("signals/BasicMotions", "accuracy", partial(series, "BasicMotions"), KERNELS, CHANNELS, 2),
    Task("dna/tf3", "MCC", partial(gue, "tf/3"), baselines.DNA, STRINGS, 60),
    Task("dna/mouse0", "MCC", partial(gue, "mouse/0"), baselines.DNA, STRINGS, 60),
    Task("dna/prom_core_tata", "MCC", partial(gue, "prom/prom_core_tata"), baselines.DNA, STRINGS, 60),
    Task("dna/splice", "accuracy", splice, baselines.DNA, STRINGS, 60),
    Task("protein/GB1_400", "Spearman", gb1_random, baselines.VARIANTS, {"cnn": makes(CNNRegressor)}, 60),
    Task("protein/GB1_two_vs_rest", "Spearman", gb1_two_vs_rest, baselines.VARIANTS, {"cnn": makes(CNNRegressor)}, 60),
    *(
        Task(
            f"peptides/{name}", "AUROC",
            partial(divided, partial(loaders.peptides, name), stratify=True, test_size=0.2),
            {"1- and 2-mers + forest": baselines.words_of_peptides}, PEPTIDES, 40,
        )
        for name in loaders.PEPTIDES
    ),
    Task("graphs/MUTAG", "accuracy", partial(folds, "MUTAG"), SUBTREES, GRAPHS, 10),
    Task("graphs/PTC", "accuracy", partial(folds, "PTC"), SUBTREES, GRAPHS, 15),
    Task("graphs/ENZYMES", "accuracy", partial(folds, "ENZYMES"), SUBTREES, GRAPHS, 40),
    Task("graphs/IMDBBINARY", "accuracy", partial(folds, "IMDBBINARY"), SUBTREES, GRAPHS, 60),
    Task("molecules/ESOL", "-RMSE", partial(scaffolds, "esol"),
         baselines.forests_of_molecules(RandomForestRegressor), {"gcn": of_molecules(GCNRegressor)}, 20),
    Task("molecules/BBBP", "AUROC", partial(scaffolds, "bbbp"),
         baselines.forests_of_molecules(RandomForestClassifier), {"gcn": of_molecules(GCNClassifier)}, 40),
    Task("nodes/Citeseer", "accuracy", citeseer, {"two hops + LR": smoothed}, {"gcn": of_citeseer}, 3),
    Task("images/MNIST_1000", "accuracy", mnist, baselines.of_pixels(baselines.flattened),
         {"cnn": makes(CNNClassifier)}, 90),
    Task("images/blood_cells", "balanced accuracy", blood_cells, baselines.of_pixels(baselines.resized),
         {"cnn": makes(CNNClassifier)}, 200),
    Task("tables/breast_cancer", "accuracy", table(load_breast_cancer), baselines.TABLE_CLASSIFIERS, CLASSES, 12),
    Task("tables/wine", "accuracy", table(load_wine), baselines.TABLE_CLASSIFIERS, CLASSES, 4),
    Task("tables/digits", "accuracy", table(load_digits), baselines.TABLE_CLASSIFIERS, CLASSES, 90),
    Task("tables/diabetes", "R2", partial(divided, partial(load_diabetes, return_X_y=True), train_size=350),
         baselines.TABLE_REGRESSORS, NUMBERS, 8),
    Task("tables/california_2000", "-RMSE", houses, baselines.TABLE_REGRESSORS, NUMBERS, 30),
    Task("codes/digits_8", "-error", flat_digits, principal(8),
         {"autoencoder": makes(AutoEncoderTransformer, n_components=8)}, 7),
    Task("codes/MNIST_2000_16", "-error", flat_mnist, principal(16),
         {"autoencoder": makes(AutoEncoderTransformer, n_components=16)}, 30),
    *(
        Task(f"outliers/{name}", "AUROC of outliers", partial(outliers, name), baselines.DETECTORS,
             {"autoencoder": makes(AutoEncoderOutlierDetector)}, 4)
        for name in (loaders.outlier_names() if DATA.exists() else [])
    ),
    Task("cells/pbmc68k", "ARI", partial(cells, "pbmc68k"), baselines.CELLS, COUNTS, 30),
    Task("cells/worm", "ARI", partial(cells, "worm"), baselines.CELLS, COUNTS, 200),
]  # fmt: skip
