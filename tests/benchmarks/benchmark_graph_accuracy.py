"""Accuracy of graph estimators on published splits of real data, each with a classical baseline on the same split.

    python tests/benchmarks/benchmark_graph_accuracy.py [part ...]

Reads ``../shared/data`` beside the checkout. Settings are chosen on validation data. The figures are on test data, as
mean and range over the seeds.
"""

from __future__ import annotations

from harness import DATA, row, run_parts  # isort: skip

from collections import Counter

import networkx as nx
import numpy as np
import pandas as pd
from rdkit.Chem import MolFromSmiles
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator
from rdkit.rdBase import BlockLogs
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score, root_mean_squared_error
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, normalize
from sklearn.svm import LinearSVC

from sklearn_ann import GCNClassifier, GCNNodeClassifier, GCNRegressor, GraphSet, MoleculeEncoder
from sklearn_ann.datasets import read_planetoid, read_tu_graphs

SEEDS = 3


def part_citeseer():
    """Citeseer, planetoid's split; GCN with Kipf and Welling's settings: 16 units, dropout .5, L2 5e-4, 200 epochs."""
    (X, A), y, split = read_planetoid(DATA / "planetoid_citeseer", "citeseer")
    train, test = split["train"], split["test"]
    accuracies = [
        GCNNodeClassifier(
            graph=GraphSet(X, A), conv_layer_sizes=16, dropout=0.5, input_dropout=0.5, normalization=None,
            residual=False, normalize_features=None, learning_rate_schedule="constant", weight_decay=5e-4,
            max_epochs=200, tol=0, n_iter_no_change=201, random_state=seed,
        ).fit(train, y[train]).score(test, y[test])
        for seed in range(10)
    ]  # fmt: skip
    linear = LogisticRegression(C=100, max_iter=1000).fit(X[train], y[train]).score(X[test], y[test])
    baseline = f"logistic regression on the features {linear:.3f}"
    row("Citeseer, accuracy, GCN as published", accuracies, 0.703, True, baseline)
    accuracies = [
        GCNNodeClassifier(graph=GraphSet(X, A), random_state=seed).fit(train, y[train]).score(test, y[test])
        for seed in range(10)
    ]
    row("Citeseer, accuracy, the defaults", accuracies, 0.72, True, baseline)
    # These settings have the highest accuracy of thirty on the validation nodes, which also decide when training stops.
    validation = split["validation"]
    accuracies = [
        GCNNodeClassifier(
            graph=GraphSet(normalize(X), A), conv_layer_sizes=64, dropout=0.5, input_dropout=0.5, normalization=None,
            residual=False, learning_rate=0.003, learning_rate_schedule="constant", weight_decay=7e-3, max_epochs=400,
            tol=0, n_iter_no_change=100, random_state=seed,
        ).fit(train, y[train], X_val=validation, y_val=y[validation]).score(test, y[test])
        for seed in range(10)
    ]  # fmt: skip
    row("Citeseer, accuracy, GCN with features of length 1 and stronger weight decay", accuracies, 0.72, True, baseline)


def molecules(name, target):
    """Return graphs, fingerprints, targets and the three parts of the scaffold split."""
    table = pd.read_csv(DATA / "moleculenet" / f"{name}.csv.gz")
    stored = np.load(DATA / "moleculenet" / f"{name}_graphs.npz")
    table = table.iloc[stored["row"]]  # the molecules that RDKit can read
    smiles = table["smiles"].str.strip().tolist()
    generator = GetMorganGenerator(radius=2, fpSize=2048)
    with BlockLogs():
        graphs = MoleculeEncoder().transform(smiles)
        fingerprints = np.array([generator.GetCountFingerprintAsNumPy(MolFromSmiles(text)) for text in smiles])
    parts = [np.flatnonzero(stored["scaffold_split"] == part) for part in range(3)]
    return graphs, fingerprints, table[target].to_numpy(), parts


def part_esol():
    """ESOL, scaffold split; the settings had the lowest validation error of the seven for which it was recorded."""
    graphs, fingerprints, y, (train, validation, test) = molecules("esol", "measured log solubility in mols per litre")
    bare, defaults, errors, forests = graphs.with_graph_features(None), [], [], []
    for seed in range(3):
        model = GCNRegressor(
            conv="gated", conv_layer_sizes=(64, 64), dropout=0.1, max_epochs=200, learning_rate_schedule="adaptive",
            n_iter_no_change=30, random_state=seed,
        ).fit(bare[train], y[train], X_val=bare[validation], y_val=y[validation])  # fmt: skip
        errors.append(root_mean_squared_error(y[test], model.predict(graphs[test])))
        model = GCNRegressor(random_state=seed).fit(graphs[train], y[train])
        defaults.append(root_mean_squared_error(y[test], model.predict(graphs[test])))
        forest = RandomForestRegressor(random_state=seed).fit(fingerprints[train], y[train])
        forests.append(root_mean_squared_error(y[test], forest.predict(fingerprints[test])))
    row("ESOL, RMSE, the defaults", defaults, 0.85, False, f"forest on Morgan fingerprints {np.mean(forests):.3f}")
    row("ESOL, RMSE, gated", errors, 0.90, False, f"forest on Morgan fingerprints {np.mean(forests):.3f}")


def part_bbbp():
    """BBBP, scaffold split, with ESOL's settings."""
    graphs, fingerprints, y, (train, validation, test) = molecules("bbbp", "p_np")
    bare, defaults, scores, forests = graphs.with_graph_features(None), [], [], []
    for seed in range(3):
        model = GCNClassifier(
            conv="gated", conv_layer_sizes=(64, 64), dropout=0.1, max_epochs=200, learning_rate_schedule="adaptive",
            n_iter_no_change=30, random_state=seed,
        ).fit(bare[train], y[train], X_val=bare[validation], y_val=y[validation])  # fmt: skip
        scores.append(roc_auc_score(y[test], model.predict_proba(graphs[test])[:, 1]))
        model = GCNClassifier(random_state=seed).fit(graphs[train], y[train])
        defaults.append(roc_auc_score(y[test], model.predict_proba(graphs[test])[:, 1]))
        forest = RandomForestClassifier(random_state=seed).fit(fingerprints[train], y[train])
        forests.append(roc_auc_score(y[test], forest.predict_proba(fingerprints[test])[:, 1]))
    row("BBBP, ROC AUC, the defaults", defaults, 0.73, True, f"forest on Morgan fingerprints {np.mean(forests):.3f}")
    row("BBBP, ROC AUC, gated", scores, None, True, f"forest on Morgan fingerprints {np.mean(forests):.3f}")


def subtree_counts(graphs, iterations=3):
    """Count each Weisfeiler-Lehman subtree in each graph: the features of the WL subtree kernel."""
    counts = []
    for X, A in graphs:
        network = nx.from_scipy_sparse_array(A)
        nx.set_node_attributes(network, {node: str(row) for node, row in enumerate(X.tolist())}, "label")
        hashes = nx.weisfeiler_lehman_subgraph_hashes(
            network, node_attr="label", iterations=iterations, include_initial_labels=True
        )
        counts.append(Counter(f"{depth}:{text}" for node in hashes.values() for depth, text in enumerate(node)))
    return DictVectorizer().fit_transform(counts)


def part_tu():
    """TU data on their published folds; three-fold cross-validation inside the training folds chooses the convolution
    and the number of epochs.
    """
    asked = {"MUTAG": 0.85, "PTC": None, "ENZYMES": 0.55, "IMDBBINARY": None}
    for name, bound in asked.items():
        folder = DATA / "tu_graphs" / name
        graphs, y = read_tu_graphs(folder / f"{name}.txt.gz")
        container, subtrees = GraphSet.from_list(graphs), subtree_counts(graphs)
        folds = [
            [np.loadtxt(folder / "10fold_idx" / f"{part}_idx-{k}.txt", dtype=int) for part in ("train", "test")]
            for k in range(1, 11)
        ]
        means, defaults, kernels = [], [], []
        for seed in range(SEEDS):
            network = GCNClassifier(every_layer=True, dropout=0.3, learning_rate_schedule="cosine", random_state=seed)
            inner = StratifiedKFold(3, shuffle=True, random_state=seed)
            search = GridSearchCV(network, {"conv": ["gcn", "gin"], "max_epochs": [50, 100]}, cv=inner)
            kernel = GridSearchCV(
                make_pipeline(MaxAbsScaler(), LinearSVC(max_iter=20_000)), {"linearsvc__C": [0.01, 0.1, 1]}, cv=inner
            )
            default = GCNClassifier(random_state=seed)
            defaults.append(np.mean([default.fit(container[a], y[a]).score(container[b], y[b]) for a, b in folds]))
            means.append(np.mean([search.fit(container[a], y[a]).score(container[b], y[b]) for a, b in folds]))
            kernels.append(np.mean([kernel.fit(subtrees[a], y[a]).score(subtrees[b], y[b]) for a, b in folds]))
        beside = f"WL subtree kernel {np.mean(kernels):.3f}"
        row(f"{name}, accuracy, the defaults, mean of ten folds", defaults, np.mean(kernels), True, beside)
        row(f"{name}, accuracy, mean of ten folds", means, bound, True, f"WL subtree kernel {np.mean(kernels):.3f}")


if __name__ == "__main__":
    run_parts(globals(), __doc__)
