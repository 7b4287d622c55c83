"""The choice of defaults of tensor factorisation, by entries of the training parts of `benchmark_factorization`.

    python tests/benchmarks/benchmark_factorization_defaults.py [set ...]

Four kinds of tensors: IL-2 with random entries and with whole pairs of ligand and cell held out, Roadmap with a track
held out, a CP tensor of which two fifths are known, and dose-response curves with random entries and whole curves held
out. Networks for Roadmap are smaller and see fewer positions than the defaults would, so that all takes a quarter of an
hour. A row is a candidate, its errors by those of the first, their geometric mean, its mean rank over the sets, and its
time by that of the first. At the end, the candidate that would be chosen without each set in turn.
"""

from __future__ import annotations

from harness import DATA  # isort: skip

import sys
import time

import numpy as np
import torch
from benchmark_factorization import TRACKS
from scipy.stats import gmean, rankdata

from sklearn_ann import TensorFactorizationRegressor

CANDIDATES = {
    "rate 0.005": {"learning_rate": 0.005},
    "rate 0.01": {"learning_rate": 0.01},
    "rate 0.02": {"learning_rate": 0.02},
}
SMALL = {"hidden_layer_sizes": (64, 64), "batch_size": 512, "max_epochs": 4}  # for Roadmap


def il2(seed):
    """Hold out a tenth of the IL-2 entries; none of them is tested on with any seed."""
    tensor = np.load(DATA / "tensor_il2_response" / "il2_response.npz")["tensor"]
    X = np.argwhere(~np.isnan(tensor))
    y = tensor[tuple(X.T)]
    tests = [np.random.RandomState(s).permutation(len(y))[: len(y) // 5] for s in range(3)]
    free = np.setdiff1d(np.arange(len(y)), np.concatenate(tests))
    held_out = np.random.RandomState(100 + seed).permutation(free)[: len(y) // 10]
    train = np.setdiff1d(np.arange(len(y)), np.r_[tests[seed], held_out])
    return X[train], y[train], {"il2": (X[held_out], y[held_out])}


def il2_fibres(seed):
    """Hold out an eighth of the pairs of ligand and cell, all times and doses, without the test entries of the seed."""
    tensor = np.load(DATA / "tensor_il2_response" / "il2_response.npz")["tensor"]
    X = np.argwhere(~np.isnan(tensor))
    y = tensor[tuple(X.T)]
    test = np.isin(np.arange(len(y)), np.random.RandomState(seed).permutation(len(y))[: len(y) // 5])
    pairs = np.random.RandomState(50 + seed).rand(tensor.shape[0], tensor.shape[3]) < 0.12
    held_out = pairs[X[:, 0], X[:, 3]]
    train, held_out = ~test & ~held_out, ~test & held_out
    return X[train], y[train], {"il2 fibres": (X[held_out], y[held_out])}


def roadmap(seed, n_positions=3000):
    """Hold out a track of the Roadmap tensor; the tracks that are tested on are left out altogether."""
    data = np.load(DATA / "tensor_avocado_epigenome" / "roadmap_pilot_200k.npz")
    tensor = data["signal_milli"][:, :, :n_positions] / 1000
    cells, assays = data["celltypes"].tolist(), data["assays"].tolist()
    tested = np.zeros((len(cells), len(assays)), dtype=bool)
    for cell, assay, _ in TRACKS:
        tested[cells.index(cell), assays.index(assay)] = True
    free = np.argwhere(~tested)
    cell, assay = free[np.random.RandomState(7).permutation(len(free))[seed]]
    X, y = np.indices(tensor.shape).reshape(3, -1).T, tensor.ravel()
    held_out = (X[:, 0] == cell) & (X[:, 1] == assay)
    train = ~tested[X[:, 0], X[:, 1]] & ~held_out
    return X[train], y[train], {f"roadmap {seed}": (X[held_out], y[held_out])}


def cp(seed):
    """Hold out three fifths of a tensor of rank 3."""
    rng = np.random.default_rng([5, seed])
    tensor = np.einsum("ir,jr,kr->ijk", *(rng.normal(size=(n, 3)) for n in (20, 15, 10)))
    tensor /= tensor.std()
    known = rng.uniform(size=tensor.shape) < 0.4
    noisy = tensor[known] + 0.1 * rng.normal(size=known.sum())
    return np.argwhere(known), noisy, {"cp": (np.argwhere(~known), tensor[~known])}


def doses(seed):
    """Hold out random entries and whole curves of drug x cell x dose."""
    rng = np.random.default_rng([6, seed])
    target, receptor = rng.gamma(1.5, size=(24, 2)), rng.gamma(1.5, size=(16, 2))
    strength = (target @ receptor.T)[:, :, None]
    dose = np.linspace(-3, 3, 10) + rng.normal(size=(24, 1, 1)) + 0.5 * np.log(strength)
    tensor = strength / (2 + strength) / (1 + np.exp(-2 * dose))
    curves = np.broadcast_to((rng.uniform(size=(24, 16)) < 0.15)[:, :, None], tensor.shape)
    missing = (rng.uniform(size=tensor.shape) < 0.2) | curves
    noisy = tensor[~missing] + 0.02 * rng.normal(size=(~missing).sum())
    random = missing & ~curves
    held_out = {"doses": (np.argwhere(random), tensor[random]), "curves": (np.argwhere(curves), tensor[curves])}
    return np.argwhere(~missing), noisy, held_out


PARTS = {"il2": (il2, 3), "il2 fibres": (il2_fibres, 2), "roadmap": (roadmap, 5), "cp": (cp, 2), "doses": (doses, 2)}
SETS = {"il2": ["il2", "il2 fibres"], "roadmap": ["roadmap"], "cp": ["cp"], "doses": ["doses"]}
COLUMNS = {
    "il2": ["il2", "il2 fibres"],
    "roadmap": [f"roadmap {seed}" for seed in range(PARTS["roadmap"][1])],
    "cp": ["cp"],
    "doses": ["doses", "curves"],
}


def errors_of(settings, chosen):
    """Return the root mean squared error on each column, a mean over the seeds, and the seconds of all fits."""
    found, seconds = {}, 0.0
    for name in (part for one in chosen for part in SETS[one]):
        make, n_seeds = PARTS[name]
        how = settings | SMALL if name == "roadmap" else settings
        for seed in range(n_seeds):
            X, y, held_out = make(seed)
            begin = time.process_time()
            model = TensorFactorizationRegressor(random_state=seed, **how).fit(X, y)
            seconds += time.process_time() - begin
            for column, (X_test, y_test) in held_out.items():
                found.setdefault(column, []).append(np.sqrt(np.mean((model.predict(X_test) - y_test) ** 2)))
    return {column: np.mean(values) for column, values in found.items()}, seconds


def main():
    """Print a row for each candidate, and the mean ranks at the end."""
    torch.set_num_threads(1)
    chosen = sys.argv[1:] or list(SETS)
    rows, beside, baseline = [], [], None
    for name, settings in CANDIDATES.items():
        errors, seconds = errors_of(settings, chosen)
        baseline = (errors, seconds) if baseline is None else baseline
        ratios = [error / baseline[0][column] for column, error in errors.items()]
        rows.append(list(errors.values()))
        beside.append((name, gmean(ratios), seconds / baseline[1]))
        each = ", ".join(f"{column} {ratio:.3f}" for column, ratio in zip(errors, ratios, strict=True))
        print(f"{name:20} mean {gmean(ratios):.3f}, time {seconds / baseline[1]:.2f}: {each}", flush=True)
    of_columns = dict(zip(errors, map(rankdata, np.transpose(rows)), strict=True))
    of_sets = [np.mean([of_columns[column] for column in COLUMNS[name]], axis=0) for name in chosen]
    ranks = np.mean(of_sets, axis=0)  # a set with several columns counts once
    for left_out, of_set in zip(chosen, of_sets, strict=True):
        best = list(CANDIDATES)[int(np.argmin(ranks * len(chosen) - of_set))]
        print(f"without {left_out}: {best}")
    print("| candidate | mean rank | geometric mean | time |\n| --- | --- | --- | --- |")
    for place in np.argsort(ranks):
        name, mean, seconds = beside[place]
        print(f"| {name} | {ranks[place]:.1f} | {mean:.3f} | {seconds:.2f} |")


if __name__ == "__main__":
    main()
