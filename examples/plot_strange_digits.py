"""
Strange digits
==============

An auto-encoder that has learned sevens also sees other digits. A digit is an outlier if the auto-encoder cannot rebuild
it or if its code lies apart. As in real data, the training set contains a few digits that are no sevens. No detector is
the best everywhere: here it is the local outlier factor.
"""

# %%
# The data: 8 x 8 digits. The training set has 100 sevens and, by mistake, five other digits.
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import IsolationForest
from sklearn.metrics import RocCurveDisplay, roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

from sklearn_ann import AutoEncoderOutlierDetector

X, y = load_digits(return_X_y=True)
rng = np.random.default_rng(0)
sevens, others = rng.permutation(np.flatnonzero(y == 7)), rng.permutation(np.flatnonzero(y != 7))
train = np.r_[sevens[:100], others[:5]]
test = np.r_[sevens[100:], others[5:205]]
is_seven = y[test] == 7

# %%
# Three detectors, all with scikit-learn's sign: the higher the score, the more usual the sample.
detectors = {
    "auto-encoder": AutoEncoderOutlierDetector(contamination=0.05, random_state=0),
    "Isolation Forest": IsolationForest(contamination=0.05, random_state=0),
    "local outlier factor": LocalOutlierFactor(contamination=0.05, novelty=True),
}
scores = {name: detector.fit(X[train]).score_samples(X[test]) for name, detector in detectors.items()}
for name, score in scores.items():
    print(f"{name:22s} ROC AUC {roc_auc_score(is_seven, score):.3f}")
flagged = detectors["auto-encoder"].predict(X[train]) == -1
print(f"Flagged in the training set: {flagged.sum()}, of them no sevens: {flagged[100:].sum()} of 5")

# %%
# The picture: the ROC curves, and the digits that the auto-encoder finds strangest and most usual.
figure = plt.figure(figsize=(9, 4.2), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1, 1.2))
axis = left.subplots()
for name, score in scores.items():
    RocCurveDisplay.from_predictions(is_seven, score, name=name, ax=axis)
axis.plot([0, 1], [0, 1], color="0.7", linewidth=1)
order = np.argsort(scores["auto-encoder"])
rows = {
    "strangest": test[order[:8]],
    "strangest sevens": test[order[is_seven[order]][:8]],
    "most usual": test[order[::-1][:8]],
}
for axis, (name, chosen) in zip(right.subplots(3, 1), rows.items(), strict=True):
    axis.imshow(np.hstack(np.pad(X[chosen].reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))), cmap="gray_r")
    axis.set(xticks=[], yticks=[], title=name)
picture = Path(sys.argv[0]).with_suffix(".png") if sys.argv[0].endswith(".py") else Path("strange_digits.png")
figure.savefig(picture, dpi=130)
print(f"Picture: {picture}")
