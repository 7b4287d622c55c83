"""Graph estimators against PyTorch Geometric: time per epoch, scaling, and the container.

    python tests/benchmarks/benchmark_graphs.py [part ...]

Needs PyTorch Geometric (extra ``bench``). Times are ratios of runs that alternate in one process, on one thread. Both
sides take the same number of optimiser steps through the same layers, and each row says which.
"""

from __future__ import annotations

from harness import DATA, row, run_parts  # isort: skip

import statistics
import time
from functools import partial
from itertools import product

import numpy as np
import scipy.sparse as sp
import torch
import torch_geometric.nn as pyg
from torch import nn
from torch.nn import functional as F
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

from sklearn_ann import GCNClassifier, GCNNodeClassifier, GraphSet
from sklearn_ann.datasets import read_planetoid
from sklearn_ann.layers import Groups, reduce
from sklearn_ann.layers.reduction import softmax

ROUNDS = 5


def fixed(epochs):
    """Return settings that run exactly `epochs` epochs."""
    return {"max_epochs": epochs, "learning_rate_schedule": "cosine", "device": "cpu", "random_state": 0}


def edges_of(A):
    A = sp.coo_array(A)
    return torch.tensor(np.stack(A.coords), dtype=torch.int64)


def part_nodes():
    """Time of a full-batch epoch on Citeseer: sparse features against dense ones, as in PyG's examples."""
    folder = DATA / "planetoid_citeseer"
    (X, A), y, split = read_planetoid(folder, "citeseer")
    train, epochs = split["train"], 20

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = pyg.GCNConv(X.shape[1], 16, cached=True), pyg.GCNConv(16, 6, cached=True)

        def forward(self, x, edges):
            h = self.one(F.dropout(x, 0.5, self.training), edges).relu()
            return self.two(F.dropout(h, 0.5, self.training), edges)

    x, edges, labels = torch.tensor(X.toarray(), dtype=torch.float32), edges_of(A), torch.tensor(y)

    def theirs():
        torch.manual_seed(0)
        net = Net().train()
        optimizer = torch.optim.Adam(net.parameters(), lr=0.01, weight_decay=5e-4)
        for epoch in range(epochs + 1):
            if epoch == 1:
                begin = time.perf_counter()
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x, edges)[train], labels[train])
            loss.backward()
            optimizer.step()
        return (time.perf_counter() - begin) / epochs, loss.item()

    graph = GraphSet(X, A)

    def ours():
        model = GCNNodeClassifier(
            graph=graph, conv_layer_sizes=16, optimizer="adam", weight_decay=5e-4, learning_rate=0.01, dropout=0.5,
            input_dropout=0.5, normalization=None, residual=False, **fixed(epochs + 1),
        ).fit(train, y[train])  # fmt: skip
        return statistics.mean(model.history_["duration"][1:]), model.loss_

    pairs = [(theirs(), ours()) for _ in range(ROUNDS)]
    ratio = statistics.median(a[0] / b[0] for a, b in pairs)
    a, b = (statistics.median(pair[k][0] for pair in pairs) * 1e3 for k in (0, 1))
    details = (
        f"{a:.1f} against {b:.2f} ms; loss after {epochs + 1} epochs {pairs[0][0][1]:.3f} and {pairs[0][1][1]:.3f}"
    )
    row("one epoch, Citeseer, GCN: times as fast as PyTorch Geometric with dense features", ratio, 20, beside=details)


def random_graphs(n, rng, low=12, high=25):
    graphs = []
    for size in rng.randint(low, high + 1, size=n):
        tree = [(i, rng.randint(i)) for i in range(1, size)]
        extra = rng.randint(size, size=(size // 4, 2)).tolist()
        edges = np.array([(i, j) for i, j in [*tree, *extra] if i != j])
        A = sp.csr_array((np.ones(len(edges)), edges.T), shape=(size, size))
        A = sp.csr_array(A + A.T)
        A.data[:] = 1
        graphs.append((rng.normal(size=(size, 16)).astype(np.float32), A))
    return graphs


class GeometricNet(nn.Module):
    """Three convolutions of 64 units, a read-out and a linear map, made of PyTorch Geometric's modules.

    `whole` makes GCNClassifier's default network: batch normalisation, residuals, three read-outs, a dense layer.
    """

    def __init__(self, make, whole):
        super().__init__()
        self.whole = whole
        self.convs = nn.ModuleList([make(16, 64), make(64, 64), make(64, 64)])
        self.norms = nn.ModuleList([nn.BatchNorm1d(64) if whole else nn.Identity() for _ in range(3)])
        self.dense = nn.Sequential(nn.BatchNorm1d(192), nn.Linear(192, 64), nn.ReLU()) if whole else nn.Identity()
        self.head = nn.Linear(64, 1)

    def forward(self, batch):
        x = batch.x
        for conv, norm in zip(self.convs, self.norms, strict=True):
            h = norm(conv(x, batch.edge_index)).relu()
            x = h + x if self.whole and x.shape == h.shape else h
        pools = (pyg.global_add_pool, pyg.global_mean_pool, pyg.global_max_pool)[
            slice(3) if self.whole else slice(1, 2)
        ]
        read = [pool(x, batch.batch) for pool in pools]
        return self.head(self.dense(torch.cat(read, dim=1)))


PLAIN = {"normalization": None, "residual": False, "readout": "mean", "hidden_layer_sizes": ()}


def epoch_of_geometric(make, data, batch_size, whole):
    """Return the mean seconds of the second and third epoch, the steps of three epochs, and the number of weights."""
    torch.manual_seed(0)
    net = GeometricNet(make, whole).train()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, fused=True)
    loader = DataLoader(data, batch_size=batch_size, shuffle=True)
    steps = 0
    for epoch in range(3):
        if epoch == 1:
            begin = time.perf_counter()
        for batch in loader:
            optimizer.zero_grad()
            F.binary_cross_entropy_with_logits(net(batch)[:, 0], batch.y.float()).backward()
            optimizer.step()
            steps += 1
    return (time.perf_counter() - begin) / 2, steps, sum(p.numel() for p in net.parameters())


def epoch_of_ours(conv, container, y, batch_size, whole):
    """Return the same figures for GCNClassifier."""
    model = GCNClassifier(conv=conv, batch_size=batch_size, **fixed(3), **({} if whole else PLAIN)).fit(container, y)
    steps = int(next(iter(model.net_.optimizer_.state.values()))["step"])
    size = sum(p.numel() for p in model.module_.parameters())
    return statistics.mean(model.history_["duration"][1:]), steps, size


def part_graphs():
    """Time of an epoch over 1,000 graphs of 12 to 25 nodes: three convolutions of 64 alone, and the default network."""
    rng = np.random.RandomState(0)
    graphs = random_graphs(1000, rng)
    y = rng.randint(2, size=1000)
    container = GraphSet.from_list(graphs)
    data = [
        Data(x=torch.tensor(X), edge_index=edges_of(A), y=int(label)) for (X, A), label in zip(graphs, y, strict=True)
    ]
    makers = {
        "gcn": lambda a, b: pyg.GCNConv(a, b, bias=False),
        "gin": lambda a, b: pyg.GINConv(nn.Sequential(nn.Linear(a, b), nn.ReLU(), nn.Linear(b, b)), train_eps=True),
        "gat": lambda a, b: pyg.GATConv(a, b // 4, heads=4),
    }
    for whole, (conv, bound), batch_size in product((False, True), (("gcn", 3), ("gin", 2), ("gat", 2)), (32, 128)):
        theirs = partial(epoch_of_geometric, makers[conv], data, batch_size, whole)
        ours = partial(epoch_of_ours, conv, container, y, batch_size, whole)
        pairs = [(theirs(), ours()) for _ in range(ROUNDS)]
        assert pairs[0][0][1:] == pairs[0][1][1:]  # as many steps with as many weights
        ratio = statistics.median(a[0] / b[0] for a, b in pairs)
        a, b = (statistics.median(pair[k][0] for pair in pairs) * 1e3 for k in (0, 1))
        what = "default network" if whole else "three layers"
        details = f"{a:.0f} against {b:.0f} ms; {pairs[0][0][1]} steps with {pairs[0][0][2]:,} weights each"
        row(f"one epoch, 1,000 graphs, {conv}, {what}, batch {batch_size}: times as fast", ratio, bound, beside=details)


def part_reduction():
    """Time of both back ends of the reductions, forward and backward; needs the extra ``scatter``."""
    for how, n, width, size in product(("max", "softmax"), (600, 100_000), (1, 64), (3, 18)):
        if how == "softmax" and width > 1:
            continue
        groups = Groups.of(torch.full((n // size,), size))
        x = torch.randn(len(groups.members), width, requires_grad=True)

        def run(backend, how=how, x=x, groups=groups):
            begin = time.perf_counter()
            for _ in range(20):
                out = softmax(x[:, 0], groups, backend) if how == "softmax" else reduce(x, groups, how, backend)
                out.square().sum().backward()
            return time.perf_counter() - begin

        pairs = [(run("torch-scatter"), run("torch")) for _ in range(2 * ROUNDS)]
        ratio = statistics.median(a / b for a, b in pairs)
        row(f"{how}, {n:,} rows of {width} in groups of {size}: torch as fast as torch-scatter times", ratio, 1)


def part_scaling():
    """Time of an epoch for more and more edges."""
    rng = np.random.default_rng(0)
    per_edge = {}
    for n_edges in (10_000, 100_000, 1_000_000):
        n = n_edges // 5
        ends = rng.integers(n, size=(2, n_edges // 2))
        A = sp.csr_array((np.ones(n_edges // 2), ends), shape=(n, n))
        graph = GraphSet(rng.normal(size=(n, 16)), A + A.T)
        model = GCNNodeClassifier(graph=graph, conv_layer_sizes=16, **fixed(8)).fit(np.arange(n), np.arange(n) % 2)
        per_edge[n_edges] = statistics.median(model.history_["duration"]) / n_edges * 1e9
    details = ", ".join(f"{value:.0f} ns an edge at {n:,}" for n, value in per_edge.items())
    growth = per_edge[1_000_000] / per_edge[10_000]
    row("time per epoch and edge, 1,000,000 against 10,000 edges", growth, 1.5, at_least=False, beside=details)


def part_container():
    """Time to turn a list of 100,000 small graphs into the container, and to cut a fold out of it."""
    rng = np.random.RandomState(0)
    graphs = random_graphs(2000, rng) * 50
    begin = time.perf_counter()
    container = GraphSet.from_list(graphs)
    row(
        "100,000 graphs: seconds from list to container",
        time.perf_counter() - begin,
        10,
        at_least=False,
        beside=repr(container),
    )
    fold = rng.permutation(100_000)[:90_000]
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        container[fold]
        times.append(time.perf_counter() - begin)
    row("a fold of 90,000: seconds", statistics.median(times), 0.2, at_least=False)


if __name__ == "__main__":
    run_parts(globals(), __doc__, needless={"graphs", "reduction", "scaling", "container"})
