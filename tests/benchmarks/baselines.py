"""What a user of each field has already: the classical models beside which the proving ground sets the networks."""

from __future__ import annotations

from collections import Counter

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin, TransformerMixin
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV, RidgeCV
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, Normalizer, StandardScaler, normalize
from sklearn.svm import SVC, LinearSVC

from sklearn_ann import SequenceEncoder

# --- Signals ---------------------------------------------------------------------------------------------------------


class RandomKernels(TransformerMixin, BaseEstimator):
    """The greatest response and the share of positive responses of random dilated kernels (Dempster et al. 2020).

    Each kernel has 7, 9 or 11 normal weights of mean zero, a uniform bias, a dilation up to the length of the series,
    and reads a random subset of the channels. Half of the kernels see zeros beyond the ends of a series.
    """

    def __init__(self, n_kernels=500, random_state=None):
        self.n_kernels = n_kernels
        self.random_state = random_state

    def fit(self, X, y=None):
        X = [np.asarray(x).reshape(len(x), -1) for x in X]
        rng = np.random.default_rng(self.random_state)
        longest, n_channels = max(map(len, X)), X[0].shape[1]
        values = np.concatenate(X)
        self.mean_, self.scale_ = values.mean(axis=0), values.std(axis=0) + 1e-8
        self.kernels_ = []
        for _ in range(self.n_kernels):
            width = min(rng.choice([7, 9, 11]), longest)
            dilation = int(2 ** rng.uniform(0, np.log2(max(1, (longest - 1) / max(1, width - 1)))))
            n_read = int(2 ** rng.uniform(0, np.log2(min(n_channels, width) + 1)))
            channels = rng.choice(n_channels, size=n_read, replace=False)
            weights = rng.normal(size=(width, n_read)).astype(np.float32)
            padding = dilation * (width - 1) // 2 * rng.integers(2)
            self.kernels_.append((channels, weights - weights.mean(axis=0), rng.uniform(-1, 1), dilation, padding))
        return self

    def transform(self, X):
        X = [(np.asarray(x, dtype=np.float32).reshape(len(x), -1) - self.mean_) / self.scale_ for x in X]
        lengths = np.array([len(x) for x in X])
        padded = np.zeros((X[0].shape[1], len(X), lengths.max()), dtype=np.float32)  # (channel, series, time)
        for i, x in enumerate(X):
            padded[:, i, : len(x)] = x.T
        features = np.empty((len(X), 2 * self.n_kernels), dtype=np.float32)
        for number, (channels, weights, bias, dilation, padding) in enumerate(self.kernels_):
            x = np.pad(padded[channels], ((0, 0), (0, 0), (padding, padding)))
            reach = dilation * (len(weights) - 1)
            n_out = max(1, x.shape[2] - reach)
            if x.shape[2] < reach + n_out:
                x = np.pad(x, ((0, 0), (0, 0), (0, reach + n_out - x.shape[2])))
            response = np.full((len(X), n_out), bias, dtype=np.float32)
            for tap, row in enumerate(weights):
                for channel, weight in enumerate(row):
                    response += weight * x[channel, :, tap * dilation : tap * dilation + n_out]
            valid = np.arange(n_out) < np.clip(lengths + 2 * padding - reach, 1, n_out)[:, None]
            features[:, 2 * number] = np.where(valid, response, -np.inf).max(axis=1)
            features[:, 2 * number + 1] = ((response > 0) & valid).sum(axis=1) / valid.sum(axis=1)
        return features


def random_kernels(seed):
    return make_pipeline(RandomKernels(random_state=seed), StandardScaler(), RidgeClassifierCV(np.logspace(-3, 3, 10)))


# --- Strings ---------------------------------------------------------------------------------------------------------


def words_of_dna(seed):
    """Counts of 3- to 6-mers and logistic regression."""
    return make_pipeline(TfidfVectorizer(analyzer="char", ngram_range=(3, 6)), LogisticRegression(max_iter=1000))


def one_hot_forest(seed):
    return make_pipeline(SequenceEncoder("dna"), RandomForestClassifier(random_state=seed))


def letters_and_words_forest(seed):
    """One-hot letters, for what has a fixed place, beside counts of 4-mers, and a forest."""
    both = make_union(SequenceEncoder("dna"), SequenceEncoder("dna", encoding="kmer", k=4))
    return make_pipeline(both, RandomForestClassifier(random_state=seed))


DNA = {
    "3- to 6-mers + LR": words_of_dna,
    "one-hot forest": one_hot_forest,
    "one-hot and 4-mers + forest": letters_and_words_forest,
}


def one_hot_ridge(seed):
    return make_pipeline(SequenceEncoder("protein"), RidgeCV(np.logspace(-2, 3, 6)))


def one_hot_regression_forest(seed):
    return make_pipeline(SequenceEncoder("protein"), RandomForestRegressor(random_state=seed))


VARIANTS = {"one-hot ridge": one_hot_ridge, "one-hot forest": one_hot_regression_forest}


def words_of_peptides(seed):
    """Counts of amino acids and their pairs, and a forest."""
    counts = [SequenceEncoder("protein", encoding="kmer", k=k, unknown="ambiguous") for k in (1, 2)]
    return make_pipeline(make_union(*counts), RandomForestClassifier(500, random_state=seed))


# --- Molecules and graphs --------------------------------------------------------------------------------------------


def fingerprints(smiles):
    """Count Morgan's environments of radius 2 in each molecule."""
    from rdkit.Chem import MolFromSmiles
    from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator
    from rdkit.rdBase import BlockLogs

    generator = GetMorganGenerator(radius=2, fpSize=2048)
    with BlockLogs():
        return np.array([generator.GetCountFingerprintAsNumPy(MolFromSmiles(text)) for text in smiles])


def descriptors(smiles):
    """Compute RDKit's descriptors of each molecule; what is not finite is 0."""
    from rdkit.Chem import MolFromSmiles
    from rdkit.Chem.Descriptors import CalcMolDescriptors
    from rdkit.rdBase import BlockLogs

    with BlockLogs():
        values = np.array([list(CalcMolDescriptors(MolFromSmiles(text)).values()) for text in smiles])
    return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0).clip(-1e9, 1e9)


def forests_of_molecules(kind):
    """Return forests of a kind on descriptors and on fingerprints."""
    return {
        f"{name} + forest": lambda seed, features=features: make_pipeline(
            FunctionTransformer(features), kind(500, random_state=seed)
        )
        for name, features in (("descriptors", descriptors), ("Morgan", fingerprints))
    }


def subtrees(graphs, iterations=3):
    """Count each Weisfeiler-Lehman subtree in each graph: the features of the WL subtree kernel."""
    found = []
    for X, A in graphs:
        neighbours = np.split(A.indices, A.indptr[1:-1])
        labels = [hash(tuple(row)) for row in np.asarray(X).tolist()]
        counts = Counter((0, label) for label in labels)
        for depth in range(1, iterations + 1):
            labels = [hash((labels[i], *sorted(labels[j] for j in near))) for i, near in enumerate(neighbours)]
            counts.update((depth, label) for label in labels)
        found.append({f"{depth}:{label}": count for (depth, label), count in counts.items()})
    return found


def subtree_kernel(seed):
    """Subtree counts and a linear support vector machine, whose C is chosen by three folds."""
    machine = make_pipeline(DictVectorizer(), MaxAbsScaler(), LinearSVC(max_iter=20_000))
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    return make_pipeline(
        FunctionTransformer(subtrees), GridSearchCV(machine, {"linearsvc__C": [0.01, 0.1, 1]}, cv=folds)
    )


class SmoothedFeatures(TransformerMixin, BaseEstimator):
    """Features of nodes after two steps to the neighbours, by number (Wu et al. 2019)."""

    def __init__(self, graph):
        self.graph = graph

    def fit(self, X, y=None):
        import scipy.sparse as sp

        features, A = self.graph
        A = A + sp.eye_array(A.shape[0])
        scale = sp.diags_array(1 / np.sqrt(np.asarray(A.sum(axis=1)).ravel()))
        A = scale @ A @ scale
        self.smoothed_ = sp.csr_array(A @ (A @ normalize(features, norm="l1")))
        return self

    def transform(self, X):
        return self.smoothed_[X]


def smoothed_words(graph):
    return make_pipeline(SmoothedFeatures(graph), LogisticRegression(C=100, max_iter=1000))


# --- Images, tables, outliers and cells ------------------------------------------------------------------------------


def flattened(images):
    return np.asarray(images).reshape(len(images), -1)


def resized(images, side=32):
    """Return the pixels of images of any size, with values from 0 to 1, after resizing."""
    from PIL import Image

    images = [Image.fromarray((image * 255).astype(np.uint8)) for image in images]
    return np.array([np.asarray(image.resize((side, side))).ravel() for image in images])


def of_pixels(pixels):
    """Return the usual classifiers of pixels, which a function makes of images."""
    return {
        "pixels + forest": lambda seed: make_pipeline(
            FunctionTransformer(pixels), RandomForestClassifier(300, random_state=seed)
        ),
        "pixels + SVM": lambda _: make_pipeline(FunctionTransformer(pixels), SVC(C=10)),
    }


TABLE_CLASSIFIERS = {
    "boosting": lambda seed: HistGradientBoostingClassifier(random_state=seed),
    "forest": lambda seed: RandomForestClassifier(random_state=seed),
    "linear": lambda _: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
}
TABLE_REGRESSORS = {
    "boosting": lambda seed: HistGradientBoostingRegressor(random_state=seed),
    "forest": lambda seed: RandomForestRegressor(random_state=seed),
    "linear": lambda _: make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 3, 7))),
}


class Neighbours(OutlierMixin, BaseEstimator):
    """Minus the distance to the fifth nearest neighbour in the training data."""

    def fit(self, X, y=None):
        self.search_ = NearestNeighbors(n_neighbors=5).fit(X)
        return self

    def score_samples(self, X):
        return -self.search_.kneighbors(X)[0][:, -1]


DETECTORS = {
    "isolation forest": lambda seed: IsolationForest(random_state=seed),
    "nearest neighbours": lambda _: Neighbours(),
}


def logarithms(counts, *, total=None):
    """Return the logarithm of counts, after all cells have the same total; by default, the median of the totals."""
    total = np.median(counts.sum(axis=1)) if total is None else total
    rates = normalize(counts, norm="l1") * total
    rates.data = np.log1p(rates.data)
    return rates


def log_svd(seed, *after, total=None):
    scaled = FunctionTransformer(logarithms, kw_args={"total": total})
    return make_pipeline(scaled, TruncatedSVD(20, random_state=seed), *after)


CELLS = {
    "logarithms per 10,000, SVD + k-means": lambda seed: log_svd(seed, total=1e4),
    "logarithms, SVD + k-means": log_svd,
    "logarithms, SVD to length one + k-means": lambda seed: log_svd(seed, Normalizer()),
}
