"""VAESampler on real data and on data with known truth, compared with a bare torch loop and the truncated SVD.

    python tests/benchmarks/benchmark_vae.py [part ...]

Reads ``../shared/data`` beside the checkout, except for the parts `speed` and `zinb`. Times are ratios of runs that
alternate in one process, on one thread. Both sides take the same number of optimiser steps and reach similar losses.
"""

from __future__ import annotations

from harness import mnist, race, row, run_parts  # isort: skip

import importlib.util
import time
from functools import partial

import numpy as np
import scipy.sparse as sp
import torch
from baselines import log_svd
from loaders import cells
from scipy.stats import spearmanr
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors
from torch import nn
from torch.nn import functional as F

from sklearn_ann import VAESampler

# --- Digits ----------------------------------------------------------------------------------------------------------


def binary_mnist():
    """Return training and test images, each pixel drawn once with its brightness as probability."""
    rng = np.random.RandomState(0)
    parts = [mnist(part)[0].reshape(-1, 784) / 255 for part in ("train", "t10k")]
    return [(rng.uniform(size=images.shape) < images).astype(np.float32) for images in parts]


def part_mnist(epochs=250):
    """Statically binarised MNIST: one hidden layer of 400 units, 40 latent units, batches of 100."""
    train, test = binary_mnist()
    begin = time.perf_counter()
    model = VAESampler(
        n_components=40, hidden_layer_sizes=400, likelihood="bernoulli", dropout=0.0, batch_size=100, max_epochs=epochs,
        activation="gelu", learning_rate=3e-3, learning_rate_schedule="cosine", early_stopping=False,
        n_iter_no_change=epochs, random_state=0,
    ).fit(train)  # fmt: skip
    spent = f"{epochs} epochs, cosine from 3e-3, {(time.perf_counter() - begin) / 60:.1f} minutes"
    nll = -model.score_samples(test, n_draws=200).mean()
    beside = (
        f"bound {-model.elbo(test).mean():.2f}, training {model.loss_:.2f}, {model.active_units_.sum()} active units"
    )
    row(f"binary MNIST, test negative log-likelihood in nats, 200 draws ({spent})", [nll], 89.9, False, beside)


# --- Cells -----------------------------------------------------------------------------------------------------------


def clusters_score(codes, kinds, seed):
    clusters = KMeans(len(np.unique(kinds)), n_init=10, random_state=seed).fit_predict(codes)
    return adjusted_rand_score(kinds, clusters)


def cells_part(name, counts, kinds, **settings):
    """Five seeds: the likelihood of a held-out tenth of the cells, and clusters of all cells."""
    baseline = [clusters_score(log_svd(seed).fit_transform(counts), kinds, seed) for seed in range(5)]
    svd = f"log-normalised SVD-20 {np.mean(baseline):.3f} ({min(baseline):.3f} to {max(baseline):.3f})"
    for likelihood in ("negative_binomial", "poisson"):
        scores, nlls, bounds, epochs = [], [], [], []
        for seed in range(5 if likelihood == "negative_binomial" else 1):
            train, test = train_test_split(np.arange(len(kinds)), test_size=0.1, random_state=seed)
            model = VAESampler(likelihood=likelihood, random_state=seed, **settings).fit(counts[train])
            scores.append(clusters_score(model.transform(counts), kinds, seed))
            nlls.append(-model.score_samples(counts[test], n_draws=50).mean())
            bounds.append(-model.elbo(counts[test], n_draws=10).mean())
            epochs.append(model.n_iter_)
        about = f"{name}, {likelihood.replace('_', ' ')}, {np.mean(epochs):.0f} epochs"
        row(f"{about}: adjusted Rand index of k-means", scores, np.mean(baseline), True, svd)
        row(f"{about}: held-out negative log-likelihood in nats, 50 draws", nlls, None, False,
            f"negative bound {np.mean(bounds):.1f}")  # fmt: skip
    if importlib.util.find_spec("scvi") is None:
        print(f"| {name}, scvi-tools with its defaults | | | | skipped: scvi-tools is not installed |", flush=True)
    else:
        scvi_row(name, counts, kinds)


def scvi_row(name, counts, kinds):
    import anndata
    import scvi

    train, test = train_test_split(np.arange(len(kinds)), test_size=0.1, random_state=0)
    scvi.settings.seed = 0
    data = anndata.AnnData(sp.csr_matrix(counts))
    seen = data[train].copy()
    scvi.model.SCVI.setup_anndata(seen)
    fitted = scvi.model.SCVI(seen)
    fitted.train()
    nll = -fitted.get_marginal_ll(data[test].copy(), n_mc_samples=50)
    score = clusters_score(fitted.get_latent_representation(data), kinds, 0)
    row(f"{name}, scvi-tools with its defaults: adjusted Rand index", [score], None, True, f"nats {nll:.1f}")


def part_worm():
    """Neurons of the worm: 4,186 cells of ten types."""
    cells_part("worm", *cells("worm"))


def part_pbmc():
    """Blood cells: 700 cells of ten types."""
    cells_part("pbmc68k", *cells("pbmc68k"))


def part_zinb(n_cells=4000, n_genes=200, seed=0):
    """Zero-inflated counts of five types in two batches: mixing of the batches, types, and dispersions."""
    rng = np.random.RandomState(seed)
    kinds, batches = rng.randint(5, size=n_cells), rng.randint(2, size=n_cells)
    logits = rng.normal(size=n_genes) + rng.normal(size=(5, n_genes))[kinds]
    logits += rng.normal(scale=0.5, size=(2, n_genes))[batches]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    means = shares * rng.lognormal(7, 0.3, size=(n_cells, 1))
    theta = np.exp(rng.uniform(np.log(0.5), np.log(10), size=n_genes))
    counts = rng.poisson(rng.gamma(theta, means / theta)) * (rng.uniform(size=means.shape) > 0.1)
    counts = sp.csr_array(counts.astype(np.float32))
    for name, conditions in (("without conditions", None), ("conditional on the batch", "y")):
        model = VAESampler(likelihood="zero_inflated_negative_binomial", conditions=conditions, random_state=0)
        codes = model.fit(counts, batches).transform(counts)
        neighbours = NearestNeighbors(n_neighbors=30).fit(codes).kneighbors(return_distance=False)
        other = float((batches[neighbours] != batches[:, None]).mean())
        ratio = np.log(model.dispersion_ / theta)
        quartiles = ", ".join(f"{value:.2f}" for value in np.exp(np.quantile(ratio, [0.25, 0.5, 0.75])))
        beside = (
            f"dispersions: rank correlation {spearmanr(model.dispersion_, theta).statistic:.3f}, quartiles "
            f"of the ratio to it {quartiles}; types: adjusted Rand index {clusters_score(codes, kinds, 0):.3f}; "
            f"{model.n_iter_} epochs"
        )
        row(f"simulated ZINB {name}: neighbours of the other batch (perfectly mixed: .5)", [other], None, True, beside)


# --- Speed -----------------------------------------------------------------------------------------------------------


def ours(X, likelihood, epochs):
    model = VAESampler(
        n_components=10, hidden_layer_sizes=128, likelihood=likelihood, dropout=0.0, kl_warmup=0.0, batch_size=128,
        max_epochs=epochs, tol=0, n_iter_no_change=epochs + 1, early_stopping=False, device="cpu", random_state=0,
    )  # fmt: skip
    return model.fit(X).history_["loss"][-1]


class Bare(nn.Module):
    """The same network as one would write it by hand."""

    def __init__(self, p, likelihood, means):
        super().__init__()
        self.counts = likelihood == "negative_binomial"
        self.encoder = nn.Sequential(nn.Linear(p, 128), nn.ReLU(), nn.Linear(128, 20))
        self.decoder = nn.Sequential(nn.Linear(10, 128), nn.ReLU(), nn.Linear(128, p))
        self.log_theta = nn.Parameter(torch.zeros(p))
        self.offset = (means / means.sum()).clamp(min=1e-8).log() if self.counts else torch.logit(means, eps=1e-4)

    def forward(self, x):
        read = (x / x.sum(1, keepdim=True) * 1e3).log1p() if self.counts else x
        mean, log_variance = self.encoder(read).chunk(2, dim=1)
        z = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        output = self.decoder(z) + self.offset
        if self.counts:
            mu, theta = x.sum(1, keepdim=True) * output.softmax(1), self.log_theta.exp()
            error = -(
                torch.lgamma(x + theta) - torch.lgamma(theta) - torch.lgamma(x + 1)
                + theta * (theta / (theta + mu)).log() + x * (mu / (theta + mu) + 1e-12).log()
            ).sum()  # fmt: skip
        else:
            error = F.binary_cross_entropy_with_logits(output, x, reduction="sum")
        return error - 0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()


def bare_loop(X, likelihood, epochs):
    torch.manual_seed(0)
    data = torch.from_numpy(X.toarray() if sp.issparse(X) else X)
    module = Bare(data.shape[1], likelihood, data.mean(dim=0))
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3, weight_decay=1e-6, fused=True)
    for _ in range(epochs):
        total = torch.zeros(())
        for index in torch.randperm(len(data)).split(128):
            batch = data[index]
            optimizer.zero_grad()
            loss = module(batch)
            (loss / len(index)).backward()
            optimizer.step()
            total += loss.detach()
    return float(total) / len(data)


def part_speed(rounds=7):
    """Time of fit against a bare torch loop with the same network."""
    rng = np.random.RandomState(0)
    digits = np.tile(load_digits().data.astype(np.float32) / 16, (5, 1))
    rates = np.exp(rng.normal(size=(2000, 5)) @ rng.normal(size=(5, 2000)) / 2 - 3)
    cells = rng.poisson(rng.gamma(2, rates / 2)).astype(np.float32)
    for name, X, likelihood, epochs in (
        ("8,985 x 64, Bernoulli", digits, "bernoulli", 5),
        ("2,000 x 2,000 counts as CSR, negative binomial", sp.csr_array(cells), "negative_binomial", 5),
    ):
        ratio, beside = race(partial(ours, X, likelihood, epochs), partial(bare_loop, X, likelihood, epochs), rounds)
        row(f"fit time, ratio to a bare torch loop, {name}", ratio, 1.10, False, beside)


if __name__ == "__main__":
    run_parts(globals(), __doc__, needless={"speed", "zinb"})
