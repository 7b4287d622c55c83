"""Features of published networks with few labels, beside raw pixels and a network trained from scratch.

    python tests/benchmarks/benchmark_pretrained.py [part ...]

The parts read ``../shared/data`` beside the checkout: the ResNet-20 that was trained on CIFAR-10, and blood cells. Each
seed draws ten labelled cells of each type; all other cells, at most 300 of a type, are the test set.
"""

from __future__ import annotations

from harness import DATA, row, run_parts  # isort: skip

import sys
import time
from pathlib import Path

import numpy as np
from loaders import blood_cells
from PIL import Image
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ann import CNNClassifier, PretrainedTransformer

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.pretrained import ResNet20, as_cifar

SEEDS, LABELS, MOST = 5, 10, 300
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
