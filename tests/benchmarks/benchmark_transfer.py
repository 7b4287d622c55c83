"""Networks that begin from another one: accuracy with few labels, and the time of a frozen body.

    python tests/benchmarks/benchmark_transfer.py [part ...]

Reads ``../shared/data`` beside the checkout. All settings are the defaults unless a row says otherwise; accuracies are
means over five seeds, each with a source, labels and a fit of its own, on all test images.
"""

from __future__ import annotations

from harness import mnist, row, run_parts, steps_of  # isort: skip

import time

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ann import AutoEncoderTransformer, CNNClassifier, TabularClassifier

SEEDS = 5
MARGIN = 0.005  # what a beginning may cost, at most


def few(labels, n, rng):
    """Return the positions of `n` samples of each class."""
    return np.concatenate([rng.permutation(np.flatnonzero(labels == label))[:n] for label in np.unique(labels)])


def part_digits():
    """MNIST, digits 0 to 4 (5,000 images) to digits 5 to 9 (5 and 20 labels a class)."""
    (X, y), (X_test, y_test) = mnist("train"), mnist("t10k")
    X, X_test = (images.reshape(len(images), -1) / np.float32(255) for images in (X, X_test))
    X_test, y_test = X_test[y_test >= 5], y_test[y_test >= 5]
    ways = {
        "freeze='body'": {"freeze": "body"},
        "freeze='none'": {},
        "body_learning_rate=0.1": {"body_learning_rate": 0.1},
        "layer_learning_rates=0.4": {"layer_learning_rates": 0.4},
    }
    size = {"image_shape": (28, 28)}
    scores = {}
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        known = rng.permutation(np.flatnonzero(y < 5))[:5000]
        source = CNNClassifier(max_epochs=5, random_state=seed, **size).fit(X[known], y[known])
        for n in (5, 20):
            chosen = few(np.where(y < 5, 5, y), n, rng)
            models = {"from scratch": CNNClassifier(random_state=seed, **size)}
            for name, how in ways.items():
                models[name] = CNNClassifier(init_from=FrozenEstimator(source), random_state=seed, **how, **size)
            models["logistic regression on pixels"] = LogisticRegression(max_iter=1000)
            linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
            models["logistic regression on source.transform"] = linear
            for name, model in models.items():
                of_source = name.endswith("transform")
                read = source.transform if of_source else np.asarray
                model.fit(read(X[chosen]), y[chosen])
                scores.setdefault((n, name), []).append(model.score(read(X_test), y_test))
    for (n, name), found in scores.items():
        bound = np.mean(scores[n, "from scratch"]) - MARGIN if name in ways else None
        row(f"MNIST 5 to 9, {n} labels a class, {name}", found, bound)


def part_denoising():
    """MNIST, 100 labels: the encoder of a denoising auto-encoder of 5,000 images without labels."""
    (X, y), (X_test, y_test) = mnist("train"), mnist("t10k")
    X, X_test = (images.reshape(len(images), -1) / np.float32(255) for images in (X, X_test))
    width = {"n_components": 64, "hidden_layer_sizes": (256,), "activation": "relu"}
    scores = {}
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        unlabelled, chosen = rng.permutation(len(X))[:5000], few(y, 10, rng)
        source = AutoEncoderTransformer(**width, noise=0.3, noise_type="masking", random_state=seed).fit(X[unlabelled])
        untrained = AutoEncoderTransformer(**width, max_epochs=1, learning_rate=1e-9, random_state=seed)
        untrained.fit(X[unlabelled[:64]])
        how = {"random_state": seed, "learning_rate": 1e-3}
        models = {
            "the same network from scratch": TabularClassifier(init_from=FrozenEstimator(untrained), **how),
            "denoising encoder": TabularClassifier(init_from=FrozenEstimator(source), **how),
            "denoising encoder, freeze='body'": TabularClassifier(
                init_from=FrozenEstimator(source), freeze="body", random_state=seed
            ),
            "TabularClassifier from scratch": TabularClassifier(random_state=seed),
            "logistic regression on pixels": LogisticRegression(max_iter=1000),
        }
        for name, model in models.items():
            scores.setdefault(name, []).append(model.fit(X[chosen], y[chosen]).score(X_test, y_test))
    least = np.mean(scores["the same network from scratch"]) - MARGIN
    for name, found in scores.items():
        row(f"MNIST, 100 labels, {name}", found, least if name == "denoising encoder" else None)


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
    row("frozen body and head - head on source.transform", apart, 1e-5, at_least=False, beside=f"{seconds:.1f} s")


if __name__ == "__main__":
    run_parts(globals(), __doc__)
