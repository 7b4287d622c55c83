"""
Detect outliers among digits with AutoEncoderOutlierDetector
============================================================

This example shows how to find outliers when the training set itself contains a few. A sample
is an outlier if the auto-encoder does not reconstruct it or if its code is far from the
others. The training set has sevens and, by mistake, five other digits. No detector is the best
on all data: here the local outlier factor is.

Baseline: isolation forest and local outlier factor.
"""

# %%
# The data: 8 x 8 digits. The training set has 100 sevens and five other digits.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import IsolationForest
from sklearn.metrics import RocCurveDisplay, roc_auc_score
from sklearn.neighbors import LocalOutlierFactor
from sklearn_ann import AutoEncoderOutlierDetector

X, y = load_digits(return_X_y=True)
rng = np.random.default_rng(0)
sevens, others = (
    rng.permutation(np.flatnonzero(y == 7)),
    rng.permutation(np.flatnonzero(y != 7)),
)
train = np.r_[sevens[:100], others[:5]]
test = np.r_[sevens[100:], others[5:205]]
is_seven = y[test] == 7

# %%
# Three detectors with scikit-learn's sign: the higher the score, the more normal the sample.
detectors = {
    "auto-encoder": AutoEncoderOutlierDetector(contamination=0.05, random_state=0),
    "Isolation Forest": IsolationForest(contamination=0.05, random_state=0),
    "local outlier factor": LocalOutlierFactor(contamination=0.05, novelty=True),
}
scores = {
    name: detector.fit(X[train]).score_samples(X[test]) for name, detector in detectors.items()
}
for name, score in scores.items():
    print(f"{name:22s} ROC AUC {roc_auc_score(is_seven, score):.3f}")
flagged = detectors["auto-encoder"].predict(X[train]) == -1
print(f"Flagged in the training set: {flagged.sum()}, {flagged[100:].sum()} of the 5 others")

# %%
# Left: the ROC curves. Right: the digits with the lowest and the highest scores of the
# auto-encoder.
figure = plt.figure(figsize=(9, 4.2), layout="constrained")
((left, right),) = figure.subfigures(1, 2, squeeze=False, width_ratios=(1, 1.2))
axis = left.subplots()
for name, score in scores.items():
    RocCurveDisplay.from_predictions(is_seven, score, name=name, ax=axis)
axis.plot([0, 1], [0, 1], color="0.7", linewidth=1)
order = np.argsort(scores["auto-encoder"])
rows = {
    "lowest scores": test[order[:8]],
    "sevens with the lowest scores": test[order[is_seven[order]][:8]],
    "highest scores": test[order[::-1][:8]],
}
for axis, (name, chosen) in zip(right.subplots(3, 1), rows.items(), strict=True):
    tiles = np.pad(X[chosen].reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1)))
    axis.imshow(np.hstack(list(tiles)), cmap="gray_r")
    axis.set(xticks=[], yticks=[], title=name)
plt.show()
