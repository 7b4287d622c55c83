"""Auto-encoders: outliers, restored images, compression, samples from the latent space, and speed against PyOD.

    python tests/benchmarks/benchmark_latent.py [part ...]

Reads ``../shared/data`` beside the checkout, except for the parts `speed`, `rare` and `wide`; most rows of
`speed` need PyOD.
"""

from __future__ import annotations

from harness import mnist, race, row, run_parts  # isort: skip

import importlib.util
import time
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from baselines import DETECTORS
from loaders import outliers
from sklearn.covariance import MinCovDet
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional as F

from sklearn_ann import AutoEncoderOutlierDetector, AutoEncoderTransformer, VAESampler

SEEDS = 3
TRIALS = 3
MOST_ROWS = 4000

# Two halves of the sets: those of PyOD's published tables, and the others.
PUBLISHED = (
    "odds_arrhythmia", "6_cardio", "14_glass", "20_letter", "28_pendigits", "30_satellite", "32_shuttle", "40_vowels",
)  # fmt: skip
OTHERS = (
    "2_annthyroid", "4_breastw", "7_Cardiotocography", "12_fault", "15_Hepatitis", "27_PageBlocks", "35_SpamBase",
    "37_Stamps", "41_Waveform", "42_WBC", "43_WDBC", "44_Wilt", "47_yeast",
)  # fmt: skip

# Among these the defaults are chosen: the first are the defaults.
CANDIDATES: tuple[dict[str, Any], ...] = (
    {}, {"trimming": 0.1}, {"trimming": 0.4}, {"n_components": 1}, {"score_on": "reconstruction"},
)  # fmt: skip


# --- Outliers --------------------------------------------------------------------------------------------------------


def auto_encoder(train, test, seed, **settings):
    return -AutoEncoderOutlierDetector(random_state=seed, **settings).fit(train).score_samples(test)


def forest(train, test, seed):
    return -DETECTORS["isolation forest"](seed).fit(train).score_samples(test)


def neighbours(train, test, seed):
    return -DETECTORS["nearest neighbours"](seed).fit(train).score_samples(test)


def determinant(train, test, seed):
    return MinCovDet(random_state=seed).fit(train).mahalanobis(test)


def splits(name):
    """Yield the standardised 60 and 40 % of the rows, of at most 4,000, and which of the latter are outliers."""
    X, y = outliers(name)
    for trial in range(TRIALS):
        rows = np.arange(len(X))
        if len(X) > MOST_ROWS:
            rows = np.random.default_rng(trial).permutation(len(X))[:MOST_ROWS]
        train, test, _, truth = train_test_split(X[rows], y[rows], test_size=0.4, random_state=trial)
        scaler = StandardScaler().fit(train)
        yield scaler.transform(train), scaler.transform(test), truth


def areas(name, detectors):
    """Return the ROC AUC of each detector on the held-out rows, as mean over the trials."""
    found = [
        [roc_auc_score(truth, detector(train, test, trial)) for detector in detectors]
        for trial, (train, test, truth) in enumerate(splits(name))
    ]
    return np.mean(found, axis=0)


def part_outliers():
    """PyOD's protocol: 60/40, standardised by the training rows, default settings on all sets."""
    detectors = (auto_encoder, forest, neighbours, determinant)
    beside = "Isolation Forest {:.3f}, 5 nearest neighbours {:.3f}, minimum covariance determinant {:.3f}"
    for title, names in (("the eight sets of the published tables", PUBLISHED), ("the thirteen other sets", OTHERS)):
        table = []
        for name in names:
            table.append(areas(name, detectors))
            ours, *others = table[-1]
            row(f"outliers, {name}, ROC AUC, mean of {TRIALS} trials", ours, beside=beside.format(*others))
        ours, *others = np.mean(table, axis=0)
        row(f"outliers, mean over {title}", ours, max(others[:2]), beside=beside.format(*others))


def part_choice():
    """Leave one set out: the settings that are best on average on all other sets, on each set in turn."""
    names = PUBLISHED + OTHERS
    candidates = [partial(auto_encoder, **settings) for settings in CANDIDATES]
    table = np.array([areas(name, [*candidates, forest, neighbours]) for name in names])
    ours, others = table[:, : len(candidates)], table[:, len(candidates) :]
    chosen = [np.delete(ours, left_out, axis=0).mean(axis=0).argmax() for left_out in range(len(names))]
    left_out = ours[np.arange(len(names)), chosen]
    for title, half in (("published", slice(len(PUBLISHED))), ("other", slice(len(PUBLISHED), None))):
        means = others[half].mean(axis=0)
        beside = "Isolation Forest {:.3f}, 5 nearest neighbours {:.3f}; ".format(*means) + ", ".join(
            f"{settings or 'defaults'} {mean:.3f}"
            for settings, mean in zip(CANDIDATES, ours[half].mean(axis=0), strict=True)
        )
        row(
            f"outliers, settings chosen on all other sets, {title} half",
            left_out[half].mean(),
            means.max(),
            True,
            beside,
        )


def part_rare(n_splits=2):
    """Sets that nothing was chosen on: one class of wine or digits is rare, all others are usual."""
    for name, load, classes, n_rare in (("wine", load_wine, (0, 1, 2), 10), ("digits", load_digits, (0, 3, 6, 9), 50)):
        X, y = load(return_X_y=True)
        table = []
        for rare in classes:
            for trial in range(n_splits):
                outliers = np.random.default_rng(trial).permutation(np.flatnonzero(y == rare))[:n_rare]
                rows = np.r_[np.flatnonzero(y != rare), outliers]
                train, test, _, truth = train_test_split(X[rows], y[rows] == rare, test_size=0.4, random_state=trial)
                scaler = StandardScaler().fit(train)
                train, test = scaler.transform(train), scaler.transform(test)
                detectors = (auto_encoder, forest, neighbours)
                table.append([roc_auc_score(truth, detector(train, test, trial)) for detector in detectors])
        ours, *others = np.mean(table, axis=0)
        beside = "Isolation Forest {:.3f}, 5 nearest neighbours {:.3f}".format(*others)
        row(f"outliers, a rare class of {name}, mean over the classes", ours, max(others), True, beside)


def part_wide(n=1000, narrow=100, wide=2000):
    """Time of a fit over the number of features: 1 is linear. One warm-up, then the median of three."""
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(n, 10)) @ rng.normal(size=(10, wide)) + rng.normal(size=(n, wide))).astype(np.float32)
    seconds = {}
    for n_features in (narrow, narrow, wide):
        seconds[n_features] = []
        for seed in range(SEEDS):
            begin = time.process_time()
            AutoEncoderOutlierDetector(random_state=seed).fit(X[:, :n_features])
            seconds[n_features].append(time.process_time() - begin)
    few, many = (float(np.median(seconds[n_features])) for n_features in (narrow, wide))
    beside = f"{few:.2f} and {many:.2f} s, {n} rows"
    row(f"outliers, time per feature, {wide} features by {narrow}", many / few / (wide / narrow), 1.5, False, beside)


# --- Images ----------------------------------------------------------------------------------------------------------


def signal_to_noise(truth, restored):
    """Return the peak signal-to-noise ratio in decibels, as mean over the images; the peak is 1."""
    return float(np.mean(-10 * np.log10(np.square(truth - restored).mean(axis=1))))


def part_denoising(n=10_000, scale=0.5):
    """MNIST with Gaussian noise: the networks learn from clean images, and PCA has the best number of components."""
    (train, _), (test, _) = mnist("train"), mnist("t10k")
    train, test = (images.reshape(len(images), -1).astype(np.float32) / 255 for images in (train[:n], test[:2000]))
    noisy = test + np.random.default_rng(0).normal(scale=scale, size=test.shape).astype(np.float32)
    pca = max(
        signal_to_noise(test, fitted.inverse_transform(fitted.transform(noisy)))
        for fitted in (PCA(k, random_state=0).fit(train) for k in (10, 20, 30, 50, 80))
    )
    beside = f"noisy {signal_to_noise(test, noisy):.2f}, the best of five PCAs {pca:.2f}"
    for name, settings in (
        ("dense", {"hidden_layer_sizes": (512,), "n_components": 64}),
        ("conv", {"architecture": "conv", "image_shape": (28, 28), "n_components": 64}),
    ):
        restored = [
            AutoEncoderTransformer(noise=scale, max_epochs=30, random_state=seed, **settings)
            .fit(train).reconstruct(noisy)
            for seed in range(SEEDS)
        ]  # fmt: skip
        row(
            f"denoised MNIST, {name}, decibels",
            [signal_to_noise(test, images) for images in restored],
            pca,
            True,
            beside,
        )


def part_compression(epochs=90):
    """784-1000-500-250-30 and back (Hinton and Salakhutdinov 2006), one seed."""
    (train, _), (test, _) = mnist("train"), mnist("t10k")
    train, test = (images.reshape(len(images), -1).astype(np.float32) / 255 for images in (train, test))
    model = AutoEncoderTransformer(
        n_components=30, hidden_layer_sizes=(1000, 500, 250), activation="gelu", batch_size=128, max_epochs=epochs,
        learning_rate=1e-3, learning_rate_schedule="cosine", n_iter_no_change=epochs, random_state=0,
    ).fit(train)  # fmt: skip
    pca = PCA(30, random_state=0).fit(train)
    errors = [
        np.square(test - restored).sum(axis=1).mean()
        for restored in (model.reconstruct(test), pca.inverse_transform(pca.transform(test)))
    ]
    about = f"MNIST, 30 numbers an image, squared error, {model.n_iter_} epochs"
    row(about, errors[0], 3.0, False, f"PCA {errors[1]:.2f}")


def part_prior(n=10_000, n_drawn=2000, convincing=0.9):
    """Images decoded from drawn codes: normal codes for a VAE and for a plain auto-encoder.

    An image is convincing if a network trained on other digits gives a class a probability above `convincing`. The
    codes for the plain auto-encoder are drawn with the mean and standard deviation of its own codes, because a VAE
    has these in its prior. Images are means of the pixels on both sides.
    """
    (train, _), (others, labels) = mnist("train"), mnist("t10k")
    train, others = (images.reshape(len(images), -1).astype(np.float32) / 255 for images in (train[:n], others))
    judge = MLPClassifier(random_state=0).fit(others, labels)
    real = float((judge.predict_proba(train[:n_drawn]).max(axis=1) > convincing).mean())
    shares = {"VAESampler": [], "AutoEncoderTransformer": []}
    for seed in range(SEEDS):
        settings = {"n_components": 10, "hidden_layer_sizes": (400,), "max_epochs": 60, "random_state": seed}
        vae = VAESampler(likelihood="bernoulli", **settings).fit(train)
        plain = AutoEncoderTransformer(**settings).fit(train)
        codes = plain.transform(train)
        drawn = np.random.default_rng(seed).normal(codes.mean(axis=0), codes.std(axis=0), (n_drawn, codes.shape[1]))
        samples = {
            "VAESampler": vae.inverse_transform(np.random.default_rng(seed).normal(size=(n_drawn, codes.shape[1]))),
            "AutoEncoderTransformer": plain.inverse_transform(drawn.astype(np.float32)).clip(0, 1),
        }
        for name, images in samples.items():
            shares[name].append(float((judge.predict_proba(images).max(axis=1) > convincing).mean()))
    beside = f"real digits {real:.3f}, plain auto-encoder {np.mean(shares['AutoEncoderTransformer']):.3f}"
    row("samples that convince a classifier, VAE", shares["VAESampler"], None, True, beside)


# --- Speed -----------------------------------------------------------------------------------------------------------


def part_speed(epochs=10, sizes=(32, 256)):
    """Time against PyOD with the same network and number of steps, for batches of `sizes`; the first is PyOD's default.

    Our detector trims its error and trains three networks, one for each way to read a sample; PyOD's does neither.
    """
    rng = np.random.RandomState(0)
    X = StandardScaler().fit_transform(np.tile(load_digits().data, (5, 1)) + rng.normal(size=(8985, 64)))
    X = X[:8960].astype(np.float32)  # whole batches, because PyOD drops incomplete ones

    def ours(size):
        model = AutoEncoderOutlierDetector(
            hidden_layer_sizes=(64, 32), n_components=16, n_estimators=1, batch_size=size, max_epochs=epochs,
            dropout=0.0, device="cpu", tol=0, n_iter_no_change=epochs + 1, random_state=0,
        )  # fmt: skip
        model.fit(X)

    def bare():
        torch.manual_seed(0)
        widths = (64, 64, 32, 16, 32, 64, 64)
        layers = [layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
        module = nn.Sequential(*layers[:-1])
        optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3, fused=True)
        data = torch.from_numpy(X)
        for _ in range(epochs):
            for index in torch.randperm(len(data)).split(sizes[0]):
                optimizer.zero_grad()
                batch = data[index]
                F.mse_loss(module(batch), batch).backward()
                optimizer.step()

    ratio, beside = race(partial(ours, sizes[0]), bare)
    row("AutoEncoderOutlierDetector, fit, ratio to a bare torch loop", ratio, None, False, beside)
    if importlib.util.find_spec("pyod") is None:
        print("| the same, ratio to PyOD | | ≤ 0.35 | | skipped: pyod is not installed |", flush=True)
        return
    from pyod.models.auto_encoder import AutoEncoder
    from pyod.models.vae import VAE

    def pyod_auto_encoder(size):
        AutoEncoder(
            hidden_neuron_list=[64, 32, 16], epoch_num=epochs, batch_size=size, dropout_rate=0.0, batch_norm=False,
            preprocessing=False, verbose=0, random_state=0, device="cpu",
        ).fit(X)  # fmt: skip

    def our_vae(size):
        VAESampler(
            hidden_layer_sizes=(64, 32), n_components=2, batch_size=size, max_epochs=epochs, dropout=0.0, tol=0,
            likelihood="gaussian", n_iter_no_change=epochs + 1, early_stopping=False, device="cpu", random_state=0,
        ).fit(X)  # fmt: skip

    def pyod_vae(size):
        VAE(
            encoder_neuron_list=[64, 32], decoder_neuron_list=[32, 64], latent_dim=2, epoch_num=epochs, batch_size=size,
            dropout_rate=0.0, batch_norm=False, preprocessing=False, verbose=0, random_state=0, device="cpu",
        ).fit(X)  # fmt: skip

    for size in sizes:
        ratio, beside = race(partial(ours, size), partial(pyod_auto_encoder, size))
        row(f"AutoEncoderOutlierDetector, ratio to PyOD's AutoEncoder, batches of {size}", ratio, 0.35, False, beside)
        ratio, beside = race(partial(our_vae, size), partial(pyod_vae, size))
        row(f"VAESampler, ratio to PyOD's VAE, batches of {size}", ratio, 0.35, False, beside)


if __name__ == "__main__":
    run_parts(globals(), __doc__, needless=("speed", "wide", "rare"))
