"""Networks that begin from another one: accuracy with few labels, and the time of a frozen body.

    python tests/benchmarks/benchmark_transfer.py [part ...]

Reads ``../shared/data`` beside the checkout. All settings are the defaults unless a row says otherwise; accuracies are
means over five seeds, each with a source, labels and a fit of its own.
"""

from __future__ import annotations

from harness import mnist, row, run_parts, steps_of  # isort: skip

import time

import numpy as np
from loaders import PEPTIDES, peptides
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from sklearn_ann import (
    AttentionClassifier,
    AutoEncoderTransformer,
    CNNClassifier,
    MaskedSequenceModel,
    SequenceEmbeddingTransformer,
    TabularClassifier,
)

SEEDS = 5
MARGIN = 0.005  # what a beginning may cost, at most


def few(labels, n, rng, least=0):
    """Return the positions of `n` samples of each class from `least` on."""
    classes = [label for label in np.unique(labels) if label >= least]
    return np.concatenate([rng.permutation(np.flatnonzero(labels == label))[:n] for label in classes])


def scaled(part):
    """Return MNIST's images as rows in [0, 1], and their labels."""
    images, labels = mnist(part)
    return images.reshape(len(images), -1) / np.float32(255), labels


WAYS = {
    "freeze='body'": {"freeze": "body"},
    "freeze=['blocks']": {"freeze": ["blocks"]},
    "freeze='none'": {},
    "body_learning_rate=0.1": {"body_learning_rate": 0.1},
}


def digits(seed):
    """Digits 0 to 4 of 2,000 images to digits 5 to 9; return scores by number of labels a class and model."""
    (X, y), (X_test, y_test) = scaled("train"), scaled("t10k")
    X_test, y_test = X_test[y_test >= 5][:2000], y_test[y_test >= 5][:2000]
    rng, size, scores = np.random.default_rng(seed), {"image_shape": (28, 28), "random_state": seed}, {}
    known = rng.permutation(np.flatnonzero(y < 5))[:2000]
    source = CNNClassifier(max_epochs=5, **size).fit(X[known], y[known])
    for n in (5, 20):
        chosen = few(y, n, rng, least=5)
        models = {"from scratch": CNNClassifier(**size)}
        models |= {name: CNNClassifier(init_from=FrozenEstimator(source), **how, **size) for name, how in WAYS.items()}
        models["logistic regression on pixels"] = LogisticRegression(max_iter=1000)
        linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        models["logistic regression on source.transform"] = linear
        for name, model in models.items():
            read = source.transform if name.endswith("transform") else np.asarray
            scores[n, name] = model.fit(read(X[chosen]), y[chosen]).score(read(X_test), y_test)
    return scores


def part_digits():
    """MNIST, digits 0 to 4 (2,000 images) to digits 5 to 9 (5 and 20 labels a class, 2,000 test images)."""
    found = [digits(seed) for seed in range(SEEDS)]
    for n, name in found[0]:
        gains = [scores[n, name] - scores[n, "from scratch"] for scores in found]
        beside = f"seed by seed {min(gains):+.3f} to {max(gains):+.3f}" if name in WAYS else ""
        least = np.mean([scores[n, "from scratch"] for scores in found]) - MARGIN if name in WAYS else None
        row(f"MNIST 5 to 9, {n} labels a class, {name}", [scores[n, name] for scores in found], least, beside=beside)


def part_small():
    """Digits of 8 x 8 pixels, 0 to 4 (900 images) to 5 to 9 (5 labels a class): too little to learn from."""
    X, y = load_digits(return_X_y=True)
    low, size, scores = y < 5, {"image_shape": (8, 8)}, {}
    for seed in range(SEEDS):
        how = size | {"random_state": seed, "max_epochs": 60}
        source = FrozenEstimator(CNNClassifier(**how | {"max_epochs": 20}).fit(X[low], y[low]))
        chosen = few(y, 5, np.random.default_rng(seed), least=5)
        rest = np.setdiff1d(np.flatnonzero(~low), chosen)
        models = {"from scratch": CNNClassifier(**how)}
        models |= {name: CNNClassifier(init_from=source, **ways, **how) for name, ways in WAYS.items()}
        for name, model in models.items():
            scores.setdefault(name, []).append(model.fit(X[chosen], y[chosen]).score(X[rest], y[rest]))
    least = np.mean(scores["from scratch"]) - MARGIN
    for name, found in scores.items():
        row(f"8 x 8 digits, 5 labels a class, {name}", found, least if name in WAYS else None)


def denoising(seed):
    """Codes of 2,000 images without labels to 100 labels; return scores by model."""
    (X, y), (X_test, y_test) = scaled("train"), scaled("t10k")
    rng = np.random.default_rng(seed)
    unlabelled, chosen = rng.permutation(len(X))[:2000], few(y, 10, rng)
    width = {"n_components": 64, "hidden_layer_sizes": (256,), "random_state": seed}
    source = AutoEncoderTransformer(noise=0.3, noise_type="masking", **width).fit(X[unlabelled])
    # Weights as they are drawn: the same network from scratch.
    drawn = AutoEncoderTransformer(max_epochs=1, learning_rate=1e-9, **width).fit(X[unlabelled])
    models = {
        "the same network from scratch": TabularClassifier(init_from=FrozenEstimator(drawn), random_state=seed),
        "denoising encoder": TabularClassifier(init_from=FrozenEstimator(source), random_state=seed),
        "denoising encoder, freeze='body'": TabularClassifier(
            init_from=FrozenEstimator(source), freeze="body", random_state=seed
        ),
        "TabularClassifier": TabularClassifier(random_state=seed),
        "logistic regression on pixels": LogisticRegression(max_iter=1000),
    }
    return {name: model.fit(X[chosen], y[chosen]).score(X_test[:2000], y_test[:2000]) for name, model in models.items()}


def part_denoising():
    """MNIST, 100 labels: the encoder of a denoising auto-encoder of 2,000 images without labels."""
    found = [denoising(seed) for seed in range(SEEDS)]
    least = np.mean([scores["the same network from scratch"] for scores in found]) - MARGIN
    for name in found[0]:
        row(f"MNIST, 100 labels, {name}", [s[name] for s in found], least if name == "denoising encoder" else None)


def hairpins(n, rng):
    """Return strings whose second half is the first one in reverse, unless a letter is wrong, and which are whole."""
    whole, found = rng.uniform(size=n) < 0.5, []
    for half, is_whole in zip(rng.choice(list("ACGT"), size=(n, 4)), whole, strict=True):
        string = [*half, "T", "T", *half[::-1]]
        place = rng.integers(6, 10)
        if not is_whole:
            string[place] = rng.choice([letter for letter in "ACGT" if letter != string[place]])
        found.append("".join(string))
    return np.array(found, dtype=object), whole


def part_hairpins():
    """Known truth: hairpins without labels, then 100 labels, which of them are whole, and 1,000 test strings."""
    rng = np.random.default_rng(0)
    unlabelled, whole = hairpins(1000, rng)
    shape = {"k": 1, "position": "learned", "n_components": 32, "n_layers": 2, "pooling": "mean"}
    source = MaskedSequenceModel(alphabet="dna", max_epochs=60, random_state=0, **shape).fit(unlabelled[whole])
    X_test, y_test = hairpins(1000, rng)
    found = {}
    for seed in range(3):
        X, y = hairpins(100, rng)
        begun = {"init_from": FrozenEstimator(source), "random_state": seed}
        one_hot = make_pipeline(FunctionTransformer(lambda X: np.array([list(x) for x in X])), OneHotEncoder())
        surprise = FunctionTransformer(lambda X: source.score_samples(X)[:, None])
        models = {
            "the same network from scratch": AttentionClassifier(dropout=0.0, random_state=seed, **shape),
            "from masked letters": AttentionClassifier(**begun),
            "from masked letters, freeze='body'": AttentionClassifier(freeze="body", **begun),
            "AttentionClassifier": AttentionClassifier(random_state=seed),
            "one-hot letters, forest": make_pipeline(one_hot, RandomForestClassifier(500, random_state=seed)),
            "score_samples of the source alone, logistic regression": make_pipeline(surprise, LogisticRegression()),
        }
        for name, model in models.items():
            found.setdefault(name, []).append(model.fit(X, y).score(X_test, y_test))
    for name, scores in found.items():
        row(f"hairpins, 100 labels, {name}", scores)


def letters(name, n_labels, seed, sources):
    """A few labels of a set of peptides; return AUROC by model."""
    X, y = peptides(name)
    n_test = min(400, len(X) - n_labels)
    train, test = train_test_split(
        np.arange(len(X)), train_size=n_labels, test_size=n_test, stratify=y, random_state=seed
    )
    begun = [{"init_from": FrozenEstimator(source), "random_state": seed} for source in sources]
    counts = CountVectorizer(analyzer="char", ngram_range=(1, 2), lowercase=False)
    linear = LogisticRegressionCV(Cs=np.logspace(-4, 1, 6), max_iter=2000)
    models = {
        "the same network from scratch": AttentionClassifier(k=1, random_state=seed),
        "from vectors of letters": AttentionClassifier(**begun[0]),
        "from vectors of letters, freeze=['embedding']": AttentionClassifier(freeze=["embedding"], **begun[0]),
        "AttentionClassifier": AttentionClassifier(random_state=seed),
        "from vectors of 3-mers": AttentionClassifier(**begun[1]),
        "k-mers, linear": make_pipeline(counts, StandardScaler(with_mean=False), linear),
        "k-mers, forest": make_pipeline(counts, RandomForestClassifier(500, random_state=seed)),
    }
    return {
        kind: roc_auc_score(y[test], model.fit(X[train], y[train]).predict_proba(X[test])[:, 1])
        for kind, model in models.items()
    }


def part_letters(n_labels=100):
    """Peptides, 100 labels: attention that begins from vectors of letters, learned from all strings of five sets."""
    strings = sorted({string for name in PEPTIDES for string in peptides(name)[0]})
    how = {"max_epochs": 10, "learning_rate_schedule": "cosine", "random_state": 0}
    sources = [SequenceEmbeddingTransformer(n_components=64, k=k, **how).fit(strings) for k in (1, 3)]
    found = {name: [letters(name, n_labels, seed, sources) for seed in range(3)] for name in PEPTIDES}
    for kind in found[PEPTIDES[0]][0]:
        scores = {name: [scores[kind] for scores in found[name]] for name in PEPTIDES}
        beside = ", ".join(f"{name} {np.mean(values):.3f}" for name, values in scores.items())
        row(f"peptides, {n_labels} labels, {kind}, AUROC", np.mean(list(scores.values()), axis=0), beside=beside)


def part_few_letters():
    """The same with 30 labels."""
    part_letters(30)


def part_time():
    """Time of a fit with a frozen body, as a share of a fit from the same body that learns; steps are equal."""
    X, y = mnist("train")
    X, y = X[:1500].reshape(1500, -1) / np.float32(255), y[:1500]
    size = {"image_shape": (28, 28), "max_epochs": 10, "random_state": 0}
    source = FrozenEstimator(CNNClassifier(**size | {"max_epochs": 1}).fit(X[y < 5], y[y < 5]))
    X, y = X[y >= 5], y[y >= 5]
    shares = []
    for _ in range(3):
        n_full, _, full = steps_of(CNNClassifier(init_from=source, **size).fit, X, y)
        n_frozen, _, frozen = steps_of(CNNClassifier(init_from=source, freeze="body", **size).fit, X, y)
        assert n_full == n_frozen
        shares.append(frozen / full)
    row("fit with a frozen body / fit with a body that learns, CNN, 10 epochs", shares, 0.3, at_least=False)


def part_equal():
    """The greatest difference of a probability from that of the same head on the features of the source."""
    from sklearn_ann.base import NeuralClassifier

    class Head(NeuralClassifier):
        def _body(self, plan):
            from torch import nn

            return nn.Identity(), plan.reader.columns.number

    X, y = mnist("train")
    X, y = X[:800].reshape(800, -1) / np.float32(255), y[:800]
    size = {"image_shape": (28, 28), "max_epochs": 1, "random_state": 0}
    source = CNNClassifier(**size).fit(X[y < 5], y[y < 5])
    X, y = X[y >= 5], y[y >= 5]
    how = {"max_epochs": 20, "random_state": 0, "learning_rate": 2e-3, "learning_rate_schedule": "cosine"}
    begun = time.perf_counter()
    model = CNNClassifier(init_from=FrozenEstimator(source), freeze="body", **size | how).fit(X, y)
    seconds = time.perf_counter() - begun
    head = Head(**how).fit(source.transform(X), y)
    apart = np.abs(model.predict_proba(X) - head.predict_proba(source.transform(X))).max()
    what = "greatest difference of a probability from that of the same head on source.transform"
    row(what, apart, 1e-5, at_least=False, beside=f"{apart:.1e}; fit {seconds:.1f} s")


if __name__ == "__main__":
    run_parts(globals(), __doc__, needless=("small", "hairpins"))
