"""Samplers of a table with categories and missing values, whose truth is known.

    python tests/benchmarks/benchmark_mixed.py [part ...]

GANSampler and VAESampler with a mixture as prior have their defaults. Beside them is what people do with a Gaussian
mixture: categories as columns of zeros and ones, missing numbers by their mean and a column that tells them, samples
rounded. CTGAN is no dependency: its rows say so if it is not installed. Times are of one processor.
"""

from __future__ import annotations

from harness import row, run_parts  # isort: skip

import importlib.util
import time

import numpy as np
import pandas as pd
import torch
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import QuantileTransformer

from sklearn_ann import GANSampler, VAESampler
from sklearn_ann.metrics import copy_share, train_on_synthetic_score, two_sample_auc

SITES = ("Aachen", "Bonn", "Celle", "Essen", "Ulm")
KINDS = ("acute", "chronic", "relapsing")


def clinic(n, seed):
    """Return a table of patients: categories decide how numbers are distributed, and values which of them are missing.

    What the marker depends on differs between kinds: nothing, the sex (in two peaks), or a wave of the age. High
    markers are the ones that are missing. A dose is missing where there is no treatment, and falls into steps where
    there is.
    """
    rng = np.random.RandomState(seed)
    site = rng.choice(5, size=n, p=[0.4, 0.25, 0.2, 0.1, 0.05])
    female = rng.uniform(size=n) < 0.5
    of_site = np.array([[0.6, 0.3, 0.1], [0.3, 0.6, 0.1], [0.2, 0.3, 0.5], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    kind = (of_site[site].cumsum(axis=1) < rng.uniform(size=(n, 1))).sum(axis=1).clip(max=2)
    age = (np.array([35, 60, 50])[kind] + np.array([8, 10, 20])[kind] * rng.normal(size=n)).clip(18, 95).round()
    noise = rng.normal(size=n)
    marker = np.select(
        [kind == 0, kind == 1],
        [np.exp(1 + 0.6 * noise), np.where(female, 3, 8) + 0.4 * noise],
        5 + 3 * np.sin(age / 6) + 0.5 * noise,
    )
    treated = rng.uniform(size=n) < 1 / (1 + np.exp(-(marker - 4) * np.where(kind == 2, -1, 1)))
    strong = treated & (age < 60) & (kind > 0)
    dose = np.where(strong, 4.0, 1.5) * (50 + age / 4 + 15 * ~female + 8 * rng.normal(size=n))
    logit = np.where(treated, 1, -1) * np.array([2, -1, 1])[kind] + (marker - 5) / 2 * np.where(female, 1, -1)
    outcome = rng.uniform(size=n) < 1 / (1 + np.exp(-1.5 * logit))
    unseen = rng.uniform(size=n) < 0.6 / (1 + np.exp(-2 * (marker - 7))) + 0.3 * (site == 2)
    return pd.DataFrame(
        {
            "site": np.array(SITES)[site],
            "sex": np.where(female, "f", "m"),
            "kind": np.array(KINDS)[kind],
            "age": age.astype(int),
            "marker": np.where(unseen, np.nan, marker.round(2)),
            "treatment": np.select([strong, treated], ["strong", "plain"], "none"),
            "dose": np.where(treated, 10 * (dose / 10).round(), np.nan),
            "outcome": np.where(outcome, "good", "poor"),
        }
    )


# --- Samplers: table, number of rows, seed -> table -----------------------------------------------------------------


def gan(table, n, seed):
    return GANSampler(random_state=seed).fit(table).sample(n)


def vae(table, n, seed):
    return VAESampler(prior="mixture", random_state=seed).fit(table).sample(n)


def mixture(table, n, seed, n_components=50):
    numeric = [name for name in table if pd.api.types.is_numeric_dtype(table[name])]
    others = [name for name in table if name not in numeric]
    blocks = {name: pd.get_dummies(table[name], dtype=float) for name in others}
    missing = table[numeric].isna().astype(float)
    scaler = QuantileTransformer(output_distribution="normal", random_state=seed).fit(table[numeric])
    scores = np.nan_to_num(scaler.transform(table[numeric]))  # the mean of a normal score is zero
    columns = np.hstack([scores, missing, *blocks.values()])
    model = GaussianMixture(n_components, reg_covar=1e-3, random_state=seed).fit(columns)
    drawn = np.random.RandomState(seed).permutation(model.sample(n)[0])
    k = len(numeric)
    numbers = pd.DataFrame(scaler.inverse_transform(drawn[:, :k]), columns=numeric)
    numbers = numbers.mask(drawn[:, k : 2 * k] > 0.5).round({"age": 0, "marker": 2, "dose": -1})
    at, samples = 2 * k, {}
    for name, block in blocks.items():
        samples[name] = block.columns.to_numpy()[drawn[:, at : at + block.shape[1]].argmax(axis=1)]
        at += block.shape[1]
    return pd.DataFrame(samples | dict(numbers))[list(table)].astype({"age": int})


def ctgan(table, n, seed):
    """CTGAN reads no missing number: it is given the mean, and a column that tells them, as is usual."""
    from ctgan import CTGAN

    torch.manual_seed(seed)
    np.random.seed(seed)
    holes = [name for name in table if table[name].isna().any()]
    filled = table.fillna({name: table[name].mean() for name in holes})
    for name in holes:
        filled[name + " is missing"] = table[name].isna().astype(str)
    model = CTGAN()
    model.fit(filled, [name for name in filled if not pd.api.types.is_numeric_dtype(filled[name])])
    drawn = model.sample(n)
    for name in holes:
        drawn[name] = drawn[name].mask(drawn.pop(name + " is missing") == "True")
    return drawn


def real(table, n, seed):
    return clinic(n, 1000 + seed)


# --- The parts ------------------------------------------------------------------------------------------------------


def _rows_of(samplers, n_seeds, n=4000):
    for name, sampler in samplers.items():
        found = []
        for seed in range(SEED, SEED + n_seeds):
            train, test = clinic(n, 2 * seed), clinic(n, 2 * seed + 1)
            begin = time.process_time()
            samples = sampler(train, n, seed)
            seconds = time.process_time() - begin
            ratio = train_on_synthetic_score(samples, "outcome", test, "outcome", train, scoring="roc_auc").ratio
            found.append((ratio, two_sample_auc(samples, test), copy_share(samples, train, test), seconds))
        ratios, areas, copies, seconds = zip(*found, strict=True)
        row(f"table of patients, {name}: AUROC of boosting trained on samples over that of real rows", ratios)
        row(f"the same, {name}: AUROC of telling samples from real rows", areas)
        row(f"the same, {name}: copies at the 5 % level", copies, None, False, f"{np.mean(seconds):.0f} s")


SEED = 20


def part_samplers(n_seeds=2):
    """4,000 patients to learn from, 4,000 others to test on."""
    _rows_of({"Gaussian mixture of 50": mixture, "VAESampler(prior='mixture')": vae, "GANSampler": gan}, n_seeds)
    _rows_of({"new patients": real}, 1)


def part_ctgan(n_seeds=1):
    """The same by CTGAN."""
    if importlib.util.find_spec("ctgan") is None:
        print("| CTGAN | | | | skipped: it is not installed |", flush=True)
    else:
        _rows_of({"CTGAN": ctgan}, n_seeds)


if __name__ == "__main__":
    run_parts(globals(), __doc__, needless=("samplers", "ctgan"))
