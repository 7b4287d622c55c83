"""Peptides in random folds and in folds of groups of similar sequences: a forest on 2-mers, and the CNN by defaults.

    python tests/benchmarks/benchmark_groups.py [part ...]

Reads ``../shared/data`` beside the checkout. Figures are ROC AUC, means over five folds; the range is over the seeds
of folds and models. The last column has the processor seconds of one cross-validation.
"""

from __future__ import annotations

from harness import row, run_parts  # isort: skip

import time

import numpy as np
from loaders import peptides
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline

from sklearn_ann import CNNClassifier, SequenceEncoder
from sklearn_ann.model_selection import sequence_groups

SEEDS = 3


def forest(seed):
    """Return a forest on counts of pairs of letters."""
    counts = SequenceEncoder("protein", encoding="kmer", k=2, unknown="ambiguous")
    return make_pipeline(counts, RandomForestClassifier(random_state=seed))


def cnn(seed):
    """Return the network by defaults."""
    return CNNClassifier(unknown="ambiguous", random_state=seed)


def compare(name, what, model):
    """Print the scores of a model in random folds and in folds of groups of one of PeptideReactor's sets."""
    X, y = peptides(name)
    groups = sequence_groups(X)
    about = f"{len(X):,} peptides, {len(np.unique(groups)):,} groups"
    for splits, splitter in (("random folds", StratifiedKFold), ("folds of groups", StratifiedGroupKFold)):
        scores, begin = [], time.process_time()
        for seed in range(SEEDS):
            folds = splitter(5, shuffle=True, random_state=seed)
            scores.append(cross_val_score(model(seed), X, y, groups=groups, cv=folds, scoring="roc_auc").mean())
        seconds = (time.process_time() - begin) / SEEDS
        row(f"{name}, {what}, {splits}", scores, beside=f"{about}; {seconds:.0f} s")


def part_forest():
    """The classical model on three sets."""
    for name in ("amp_modlamp", "hem_hemopi", "avp_avppred"):
        compare(name, "forest", forest)


def part_network():
    """The network on the set whose score depends most on the folds."""
    compare("avp_avppred", "CNN", cnn)


if __name__ == "__main__":
    run_parts(globals(), __doc__)
