"""Features of published networks with few labels, beside raw pixels and a network trained from scratch.

    python tests/benchmarks/benchmark_pretrained.py [part ...]

The parts read ``../shared/data`` beside the checkout.

- cells: the ResNet-20 that was trained on CIFAR-10, and blood cells. Each seed draws ten labelled cells of each type;
  all other cells, at most 300 of a type, are the test set.
- rates: the antibody language model Sapiens at several learning rates, on peptides and variants of GB1.
  Each seed draws 100 labelled strings and 400 for the test. None of the sets holds antibodies.
"""

from __future__ import annotations

from harness import DATA, row, run_parts  # isort: skip

import sys
import time
from pathlib import Path

import numpy as np
from loaders import blood_cells, gb1, peptides
from PIL import Image
from scipy.stats import rankdata, spearmanr
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ann import AttentionClassifier, AttentionRegressor, CNNClassifier, PretrainedTransformer

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.pretrained import ResNet20, antibody, antibody_codes, as_cifar

SEEDS, LABELS, MOST = 5, 10, 300
RATES = (0.003, 0.001, 0.0003, 0.0001)
STAGES = ["layer1", "layer2", "layer3"]


def part_cells():
    """Accuracy, balanced over the types, of blood cells with ten labels a type."""
    images, kinds = blood_cells()
    images = [np.asarray(image.convert("RGB").resize((32, 32), Image.Resampling.BILINEAR)) for image in images]
    resnet = {
        "module": ResNet20,
        "preprocess": as_cifar,
        "state": DATA / "pretrained_resnet20_cifar10/resnet20_cifar10.npz",
    }
    begin = time.process_time()
    every = PretrainedTransformer(**resnet, layer=STAGES).fit_transform(images)
    seconds = time.process_time() - begin
    last = every[:, -64:]
    pixels = np.stack(images).reshape(len(images), -1) / 255
    found = {
        name: [] for name in ("all stages", "last stage", "pixels, logistic", "pixels, forest", "CNN from scratch")
    }
    for seed in range(SEEDS):
        train, test = _split(kinds, seed)
        linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        for name, model, X in (
            ("all stages", linear, every),
            ("last stage", linear, last),
            ("pixels, logistic", linear, pixels),
            ("pixels, forest", RandomForestClassifier(300, random_state=seed), pixels),
            ("CNN from scratch", CNNClassifier(random_state=seed), np.stack(images) / 255),
        ):
            right = model.fit(X[train], kinds[train]).predict(X[test]) == kinds[test]
            found[name].append(np.mean([right[kinds[test] == kind].mean() for kind in np.unique(kinds)]))
    beside = "; ".join(f"{name} {np.mean(scores):.3f}" for name, scores in found.items() if name != "all stages")
    beside += f"; features of {len(images)} images in {seconds:.0f} s"
    what = "blood cells, 10 labels a type: ResNet-20, all stages, logistic regression"
    row(what, found["all stages"], beside=beside)


def rates(name, seed):
    """Return AUROC or Spearman's correlation by learning rate, after 100 labels, and from scratch."""
    regression = name == "GB1"
    if regression:  # letters 31 to 60; the rest is the same in all variants
        X, y = gb1("sampled")[0]
        X = np.array([string[30:60] for string in X], dtype=object)
    else:
        X, y = peptides(name)
    stratify = None if regression else y
    train, test = train_test_split(
        np.arange(len(X)), train_size=100, test_size=400, stratify=stratify, random_state=seed
    )
    architecture, state = antibody(DATA / "pretrained_sapiens_antibody_lm" / "sapiens_vh.npz")
    sapiens = PretrainedTransformer(
        architecture, antibody_codes, state=state, layer="layers.3", pooling="mean", special_tokens=(1, 1)
    )
    network, how = AttentionRegressor if regression else AttentionClassifier, {"random_state": seed, "device": "cpu"}
    models = {f"rate {rate}": network(init_from=sapiens, learning_rate=rate, **how) for rate in RATES}
    models["frozen"] = network(init_from=sapiens, freeze="body", learning_rate=0.003, **how)
    models["from scratch"] = network(**how)
    found = {}
    for kind, model in models.items():
        begin = time.perf_counter()
        model.fit(X[train], y[train])
        seconds = time.perf_counter() - begin
        if regression:
            score = spearmanr(y[test], model.predict(X[test])).statistic
        else:
            score = roc_auc_score(y[test], model.predict_proba(X[test])[:, 1])
        found[kind] = float(score), seconds
    return found


def part_rates():
    """Learning rates of an attention network that begins from Sapiens; ``"auto"`` is 0.001."""
    every = []
    for name in ("amp_modlamp", "hem_hemopi", "GB1"):
        found = [rates(name, seed) for seed in range(3)]
        every += found
        for kind in found[0]:
            scores, seconds = zip(*(one[kind] for one in found), strict=True)
            row(f"{name}, 100 labels, Sapiens, {kind}", scores, beside=f"{np.mean(seconds):.0f} s")
    ranks = rankdata([[-one[f"rate {rate}"][0] for rate in RATES] for one in every], axis=1).mean(axis=0)
    for rate, rank in zip(RATES, ranks, strict=True):
        row(f"mean rank of the rate {rate}, 1 is best", rank)


def _split(kinds, seed):
    """Return places of the labelled and of the other cells."""
    rng = np.random.default_rng(seed)
    train, test = [], []
    for kind in np.unique(kinds):
        places = rng.permutation(np.flatnonzero(kinds == kind))
        train.extend(places[:LABELS])
        test.extend(places[LABELS : LABELS + MOST])
    return np.array(train), np.array(test)


if __name__ == "__main__":
    run_parts(globals(), __doc__)
