"""Tensor factorisation by defaults, beside means, a CP decomposition and boosting on the same splits.

    python tests/benchmarks/benchmark_factorization.py [part ...]

The IL-2 tensor and the Roadmap tensor are read from ``../shared/data`` beside the checkout.
"""

from __future__ import annotations

from harness import DATA, row, run_parts, steps_of  # isort: skip

import math
import statistics
import time
from functools import partial

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error, root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from torch import nn

from sklearn_ann import TensorFactorizationRegressor

SEEDS = 3
TRACKS = (("E065", "H3K4me3", 0.112), ("E017", "H3K4me3", 0.220), ("E065", "H3K27me3", 0.061))
POSITIONS = 20_000


class CP:
    """A CP decomposition of the known entries, by alternating ridge regressions.

    Parameters
    ----------
    rank : int
    ridge : float
    """

    def __init__(self, rank, ridge=1e-2, n_sweeps=60):
        self.rank, self.ridge, self.n_sweeps = rank, ridge, n_sweeps

    def fit(self, X, y):
        rng = np.random.default_rng(0)
        self.mean = y.mean()
        self.factors = [rng.normal(0.5, 0.5, (n, self.rank)) for n in X.max(axis=0) + 1]
        for _ in range(self.n_sweeps):
            for mode, codes in enumerate(X.T):
                others = self._products(X, but=mode)  # (n_samples, rank)
                n = len(self.factors[mode])
                moments, targets = np.zeros((n, self.rank, self.rank)), np.zeros((n, self.rank))
                for r in range(self.rank):
                    targets[:, r] = np.bincount(codes, others[:, r] * (y - self.mean), n)
                    for s in range(self.rank):
                        moments[:, r, s] = np.bincount(codes, others[:, r] * others[:, s], n)
                moments += self.ridge * np.eye(self.rank)
                self.factors[mode] = np.linalg.solve(moments, targets[:, :, None])[:, :, 0]
        return self

    def _products(self, X, but=None):
        product = np.ones((len(X), self.rank))
        for mode, codes in enumerate(X.T):
            if mode != but:
                product = product * self.factors[mode][codes]
        return product

    def predict(self, X):
        return self.mean + self._products(X).sum(axis=1)


def il2(seed):
    """Return indices and values of four fifths of the known entries of the IL-2 tensor, and of the others."""
    tensor = np.load(DATA / "tensor_il2_response" / "il2_response.npz")["tensor"]
    X = np.argwhere(~np.isnan(tensor))
    y = tensor[tuple(X.T)]
    order = np.random.RandomState(seed).permutation(len(y))
    test, train = np.split(order, [len(y) // 5])
    return X[train], y[train], X[test], y[test]


def roadmap(cell, assay):
    """Return the entries of all tracks but one, and those of this one."""
    data = np.load(DATA / "tensor_avocado_epigenome" / "roadmap_pilot_200k.npz")
    tensor = data["signal_milli"][:, :, :POSITIONS] / 1000
    X = np.indices(tensor.shape).reshape(3, -1).T
    track = (X[:, 0] == data["celltypes"].tolist().index(cell)) & (X[:, 1] == data["assays"].tolist().index(assay))
    y = tensor.ravel()
    return X[~track], y[~track], X[track], y[track]


def boosting(X):
    """Return boosting that takes the codes of modes of at most 255 levels for categories."""
    few = [mode for mode, codes in enumerate(X.T) if codes.max() < 255]
    return HistGradientBoostingRegressor(categorical_features=few, max_iter=500, random_state=0)


def part_il2():
    """Random entries of ligand x time x dose x cell."""
    scores = {}
    for seed in range(SEEDS):
        X, y, X_test, y_test = il2(seed)
        models = {
            "additive": make_pipeline(OneHotEncoder(), Ridge(1e-3)),
            "CP of rank 9": CP(9),
            "boosting": boosting(X),
            "network": TensorFactorizationRegressor(random_state=seed),
            "5 networks": TensorFactorizationRegressor(random_state=seed, n_estimators=5),
        }
        for name, model in models.items():
            begin = time.process_time()
            predicted = model.fit(X, y).predict(X_test)
            found = root_mean_squared_error(y_test, predicted), time.process_time() - begin
            scores.setdefault(name, []).append(found)
    beside = ", ".join(f"{name} {np.mean(found, axis=0)[0]:.4f}" for name, found in scores.items() if "net" not in name)
    for name, asked in (("network", 0.0275), ("5 networks", 0.026)):
        errors, seconds = np.transpose(scores[name])
        each = ", ".join(f"{error:.4f}" for error in errors)
        row(
            f"IL-2, RMSE, {name}",
            1e3 * errors,
            1e3 * asked,
            False,
            f"in thousandths; {each}; {seconds.mean():.0f} s; {beside}",
        )


def part_roadmap():
    """A held-out track of cell x assay x position."""
    for cell, assay, best in TRACKS:
        X, y, X_test, y_test = roadmap(cell, assay)
        tensor = np.full(X.max(axis=0) + 1, np.nan)
        tensor[tuple(X.T)] = y
        of_assay = np.nanmean(tensor[:, X_test[0, 1]], axis=0)
        predictions = {
            "mean of the assay": of_assay,
            "mean of cell and assay": (of_assay + np.nanmean(tensor[X_test[0, 0]], axis=0)) / 2,
            "CP of rank 4": CP(4, ridge=1.0, n_sweeps=15).fit(X, y).predict(X_test),
            "boosting": boosting(X).fit(X, y).predict(X_test),
        }
        beside = ", ".join(f"{name} {mean_squared_error(y_test, found):.3f}" for name, found in predictions.items())
        errors, seconds = [], []
        for seed in range(SEEDS):
            begin = time.process_time()
            model = TensorFactorizationRegressor(random_state=seed).fit(X, y)
            seconds.append(time.process_time() - begin)
            errors.append(mean_squared_error(y_test, model.predict(X_test)))
        row(f"Roadmap, {cell} {assay}, MSE", errors, best, False, f"{np.mean(seconds):.0f} s; {beside}")


def part_million(n_samples=1_000_000, n_steps=400):
    """Time of a step with a mode of a million levels against one of a thousand."""
    rng = np.random.default_rng(0)
    seconds, ratios = {}, []
    for _ in range(5):
        for n_levels in (1000, 1_000_000):
            first = rng.permutation(n_samples) % n_levels
            X = np.c_[first, rng.integers(0, 50, n_samples)]
            model = TensorFactorizationRegressor(max_epochs=1, random_state=0)
            plan = model._prepare(X, rng.normal(size=n_samples))
            plan.step.switch(training=True)
            batches = [batch for batch, _ in zip(_batches(plan), range(n_steps), strict=False)]
            for batch in batches[:10]:
                plan.step.train(batch)
            begin = time.perf_counter()
            for batch in batches[10:]:
                plan.step.train(batch)
            seconds[n_levels] = (time.perf_counter() - begin) / (n_steps - 10)
        ratios.append(seconds[1_000_000] / seconds[1000])
    beside = ", ".join(f"{n:,} levels {1e3 * time_:.2f} ms" for n, time_ in seconds.items())
    row("a step, 1,000,000 levels by 1,000", statistics.median(ratios), 1.5, False, beside)


def _batches(plan):
    from sklearn_ann.training.data import batches

    order = torch.randperm(len(plan.examples), generator=torch.Generator().manual_seed(0))
    return batches(plan.examples, plan.parameters.batch_size, plan.device, order)


class Bare(nn.Module):
    """The same network without this package."""

    def __init__(self, sizes, width=8, rank=16, hidden=256):
        super().__init__()
        self.widths = [width, rank, 1]
        self.embeddings = nn.ModuleList(nn.Embedding(n, sum(self.widths)) for n in sizes)
        for embedding in self.embeddings:
            nn.init.normal_(embedding.weight, std=0.1)
            nn.init.normal_(embedding.weight[:, width : width + rank], std=0.5)
        layers = [nn.Linear(width * len(sizes), hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()]
        self.dense = nn.Sequential(*layers)
        self.linear, self.head = nn.Linear(rank + len(sizes), hidden), nn.Linear(hidden, 1)

    def forward(self, codes):
        rows = [embedding(codes[:, mode]) for mode, embedding in enumerate(self.embeddings)]
        vectors, factors, biases = zip(*(row.split(self.widths, dim=1) for row in rows), strict=True)
        product = math.prod(factors) * 2 ** len(factors)
        return self.head(self.linear(torch.cat([*biases, product], dim=1)) + self.dense(torch.cat(vectors, dim=1)))


def bare_loop(X, y, epochs, batch_size):
    torch.manual_seed(0)
    codes, target = torch.from_numpy(X), torch.from_numpy((y - y.mean()) / y.std()).float()[:, None]
    module = Bare(X.max(axis=0) + 1)
    optimizer = torch.optim.AdamW(module.parameters(), lr=5e-3, weight_decay=0.0, fused=True)
    n_batches = -(-len(X) // batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        total = torch.zeros(())
        for index in torch.randperm(len(X)).tensor_split(n_batches):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(module(codes[index]), target[index])
            loss.backward()
            nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()
            total += loss.detach() * len(index)
        schedule.step()
    return float(total) / len(X)


def ours(X, y, epochs, batch_size):
    model = TensorFactorizationRegressor(
        max_epochs=epochs, batch_size=batch_size, marginal_means=False, random_state=0
    ).fit(X, y)
    return model.loss_


def part_speed(rounds=5):
    """Time of fit against a bare torch loop with the same network."""
    rng = np.random.default_rng(0)
    factors = [rng.normal(size=(n, 3)) for n in (40, 30, 20)]
    X = np.indices((40, 30, 20)).reshape(3, -1).T
    y = np.einsum("ir,jr,kr->ijk", *factors).ravel() + rng.normal(size=len(X))
    ratios = []
    for _ in range(rounds):
        both = [steps_of(partial(loop, X, y, 4, 128)) for loop in (ours, bare_loop)]
        (steps, loss, seconds), (peer_steps, peer_loss, peer_seconds) = both
        if steps != peer_steps or abs(loss / peer_loss - 1) > 0.15:
            raise RuntimeError(f"{steps} and {peer_steps} steps, losses {loss} and {peer_loss}: not the same work")
        ratios.append(seconds / peer_seconds)
    beside = f"{steps} steps each; {1e3 * seconds / steps:.2f} against {1e3 * peer_seconds / steps:.2f} ms a step"
    row("fit time, ratio to a bare torch loop", statistics.median(ratios), 1.10, False, beside)


if __name__ == "__main__":
    run_parts(globals(), __doc__, needless={"million", "speed"})
