"""Attention among columns, to rows and among tokens: accuracy compared with classical baselines, speed and memory.

    python tests/benchmarks/benchmark_attention.py [part ...]

The parts with real data read ``../shared/data`` beside the checkout. Accuracies are those of the default settings, as
mean and range over the seeds.
"""

from __future__ import annotations

from harness import race, row, run_parts  # isort: skip

import contextlib
import logging
import resource
import tempfile

import numpy as np
import pandas as pd
import torch
from loaders import gue, houses, peptides, splice
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import matthews_corrcoef, roc_auc_score, root_mean_squared_error
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional as F

from sklearn_ann import AttentionClassifier, AttentionRegressor, SequenceEncoder

SEEDS = 3


def part_california(seeds=5):
    """64 % train, 16 % choose the epoch, 20 % test; the baselines do not use the 16 %."""
    X, y = houses()
    errors = {}
    for seed in range(seeds):
        rest, test = train_test_split(np.arange(len(X)), test_size=0.2, random_state=seed)
        train, val = train_test_split(rest, test_size=0.2, random_state=seed)
        models = {
            "columns": AttentionRegressor(random_state=seed),
            "rows": AttentionRegressor(attend="rows", random_state=seed),
            "histogram gradient boosting": HistGradientBoostingRegressor(random_state=seed),
            "random forest": RandomForestRegressor(random_state=seed),
            "MLP": make_pipeline(StandardScaler(), MLPRegressor(early_stopping=True, random_state=seed)),
        }
        for name, model in models.items():
            own = {"X_val": X[val], "y_val": y[val]} if isinstance(model, AttentionRegressor) else {}
            predicted = model.fit(X[train], y[train], **own).predict(X[test])
            errors.setdefault(name, []).append(root_mean_squared_error(y[test], predicted))
    for name, bound in (("columns", 0.470), ("rows", 0.425)):
        row(f"California housing, {name}, error", errors.pop(name), bound, at_least=False)
    for name, values in errors.items():
        row(f"California housing, {name}, error", values)


def part_small():
    """R² on a few hundred rows without preparation: diabetes and a sample of the houses."""
    for name, (X, y), n in (("diabetes", load_diabetes(return_X_y=True), 350), ("houses", houses(), 500)):
        scores = {}
        for seed in range(SEEDS):
            X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=n, random_state=seed)
            for model, of in (
                ("columns", AttentionRegressor(random_state=seed)),
                ("rows", AttentionRegressor(attend="rows", random_state=seed)),
                ("histogram gradient boosting", HistGradientBoostingRegressor(random_state=seed)),
                ("linear regression", LinearRegression()),
            ):
                scores.setdefault(model, []).append(of.fit(X_train, y_train).score(X_test, y_test))
        for model, values in scores.items():
            row(f"{name}, {n} rows, {model}, R2", values)


def part_splice():
    """Splice junctions, accuracy, mean of five folds."""
    X, y = splice()
    networks, forests = [], []
    for seed in range(SEEDS):
        parts = list(StratifiedKFold(5, shuffle=True, random_state=seed).split(X, y))
        network = AttentionClassifier(random_state=seed)
        forest = make_pipeline(SequenceEncoder("dna"), RandomForestClassifier(random_state=seed))
        for model, scores in ((network, networks), (forest, forests)):
            scores.append(np.mean([model.fit(X[a], y[a]).score(X[b], y[b]) for a, b in parts]))
    row("splice junctions, tokens, accuracy, five folds", networks, 0.955, beside=f"forest {np.mean(forests):.3f}")


def part_promoters():
    """GUE's core promoters with a TATA box, on the given parts; the validation data choose the epoch."""
    (X, y), (X_val, y_val), (X_test, y_test) = (gue("prom/prom_core_tata", part) for part in ("train", "dev", "test"))
    scores = []
    for seed in range(SEEDS):
        model = AttentionClassifier(random_state=seed).fit(X, y, X_val=X_val, y_val=y_val)
        scores.append(matthews_corrcoef(y_test, model.predict(X_test)))
    row("GUE prom_core_tata, tokens, Matthews correlation", scores)


def part_peptides():
    """Antimicrobial peptides, ROC AUC, mean of five folds."""
    X, y = peptides("amp_modlamp")
    scores = []
    for seed in range(SEEDS):
        model = AttentionClassifier(unknown="ambiguous", random_state=seed)
        parts = StratifiedKFold(5, shuffle=True, random_state=seed).split(X, y)
        scores.append(np.mean([roc_auc_score(y[b], model.fit(X[a], y[a]).predict_proba(X[b])[:, 1]) for a, b in parts]))
    row("amp_modlamp, tokens, ROC AUC, five folds", scores)


class Bare(nn.Module):
    """The network of ``attend="columns"``, made of torch's modules."""

    def __init__(self, n_columns, width, n_heads, n_layers):
        super().__init__()
        self.weight, self.bias = (
            nn.Parameter(torch.randn(n_columns, width)),
            nn.Parameter(torch.randn(n_columns, width)),
        )
        self.cls = nn.Parameter(torch.zeros(width))
        self.n_heads, hidden = n_heads, 4 * width // 3
        self.blocks = nn.ModuleList(
            nn.ModuleList([
                nn.LayerNorm(width), nn.Linear(width, width), nn.Linear(width, 2 * width), nn.Linear(width, width),
                nn.LayerNorm(width), nn.Linear(width, 2 * hidden), nn.Linear(hidden, width),
            ])
            for _ in range(n_layers)
        )  # fmt: skip
        self.head = nn.Sequential(nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, 1))

    def forward(self, x):
        x = x[:, :, None] * self.weight + self.bias
        x = torch.cat([self.cls.expand(len(x), 1, -1), x], dim=1)
        for number, (norm, query, keys_values, answer, other, up, down) in enumerate(self.blocks, start=1):
            n_queries = 1 if number == len(self.blocks) else None
            inner = norm(x)
            q = query(inner[:, :n_queries]).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
            k, v = keys_values(inner).unflatten(-1, (2, self.n_heads, -1)).permute(2, 0, 3, 1, 4)
            mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
            x = x[:, :n_queries] + answer(mixed)
            value, gate = up(other(x)).chunk(2, dim=-1)
            x = x + down(value * gate.relu())
        return self.head(x[:, 0])


def part_speed(n=8000, n_columns=10, epochs=5, batch=128):
    """Time of the whole fit against a bare loop over scaled data with the same network, without dropout."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, n_columns)).astype(np.float32)
    y = X[:, 0] * X[:, 1]

    def ours():
        model = AttentionRegressor(
            numeric="linear", scaling="standard", dropout=0.0, max_epochs=epochs, batch_size=batch, tol=0,
            n_iter_no_change=epochs + 1, learning_rate=1e-3, learning_rate_schedule="constant",
            learning_rate_warmup=0.0, device="cpu", random_state=0,
        )  # fmt: skip
        model.fit(X, y)

    def bare():
        net = Bare(n_columns, 64, 8, 3)
        optimizer = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0, fused=True)
        x, target = torch.from_numpy(X), torch.from_numpy((y - y.mean()) / y.std())
        for _ in range(epochs):
            for index in torch.randperm(n).split(batch):
                optimizer.zero_grad()
                F.mse_loss(net(x[index])[:, 0], target[index]).backward()
                nn.utils.clip_grad_norm_(net.parameters(), 1.0)
                optimizer.step()

    ratio, beside = race(ours, bare)
    row("columns, seconds of fit by seconds of a bare loop", ratio, 1.10, at_least=False, beside=beside)


def part_deeptab(n=8000, n_columns=10, epochs=3, batch=128):
    """Time of the whole fit against DeepTab's FT-Transformer with the same widths; 1,000 more rows validate both."""
    try:
        from deeptab.configs import FTTransformerConfig, PreprocessingConfig, TrainerConfig
        from deeptab.models import FTTransformerRegressor
    except ImportError:
        print("| columns against DeepTab | | | | skipped: deeptab is not installed |", flush=True)
        return
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(n + 1000, n_columns)), columns=[f"column {i}" for i in range(n_columns)])
    y = (X.iloc[:, 0] * X.iloc[:, 1]).to_numpy()
    train, val = (X[:n], y[:n]), {"X_val": X[n:], "y_val": y[n:]}

    def ours():
        AttentionRegressor(
            numeric="linear", scaling="standard", n_layers=3, dropout=0.0, max_epochs=epochs, batch_size=batch, tol=0,
            n_iter_no_change=epochs + 1, learning_rate=1e-3, learning_rate_schedule="constant",
            learning_rate_warmup=0.0, device="cpu", random_state=0,
        ).fit(*train, **val)  # fmt: skip

    def theirs():
        model = FTTransformerRegressor(
            FTTransformerConfig(
                d_model=64, n_layers=3, n_heads=8, transformer_dim_feedforward=85, norm_first=True, attn_dropout=0.0,
                ff_dropout=0.0, head_dropout=0.0, use_cls=True, pooling_method="cls",
            ),
            PreprocessingConfig(numerical_preprocessing="standardization"),
            TrainerConfig(max_epochs=epochs, batch_size=batch, lr=1e-3, patience=epochs + 1, optimizer_type="AdamW"),
            random_state=0,
        )  # fmt: skip
        model.fit(*train, **val, accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False)

    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):  # where DeepTab leaves its checkpoints
        ratio, beside = race(ours, theirs)
    row("columns, seconds of fit by those of DeepTab's FT-Transformer", ratio, 0.6, at_least=False, beside=beside)


def part_memory(n=1_000_000, n_queries=10_000):
    """Peak memory of the process while a model with a million training rows of ten columns predicts."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 10)).astype(np.float32)
    model = AttentionRegressor(attend="rows", max_epochs=1, random_state=0).fit(X, X[:, 0])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    model.predict(X[:n_queries])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    row("rows, GiB at most, 1,000,000 rows and 10,000 queries", peak, 4.0, at_least=False, beside=f"fit {before:.2f}")


if __name__ == "__main__":
    run_parts(globals(), __doc__, needless={"speed", "deeptab", "memory"})
