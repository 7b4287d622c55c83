"""Clusters of digits in pixels, in codes and in restored images, and outliers among digits."""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, roc_auc_score

from sklearn_ann import AutoEncoderOutlierDetector, AutoEncoderTransformer

X, y = load_digits(return_X_y=True)
X = X / 16
train, test, digit = X[:1000], X[1000:], y[1000:]
found = {}  # (noise of the images, what is clustered): agreement of k-means with the digits
for seed in range(3):
    for noise in (0.0, 0.5):
        images = test + np.random.default_rng(seed).normal(scale=noise, size=test.shape)
        model = AutoEncoderTransformer(
            n_components=16, hidden_layer_sizes=(256,), noise=noise, max_epochs=80, random_state=seed
        ).fit(train)
        spaces = {"pixels": images, "PCA": PCA(16, random_state=0).fit(train).transform(images)}
        spaces |= {"codes": model.transform(images), "restored": model.reconstruct(images)}
        for name, space in spaces.items():
            labels = KMeans(10, n_init=5, random_state=seed).fit_predict(space)
            found.setdefault((noise, name), []).append(adjusted_rand_score(digit, labels))

turned = test[:100].reshape(-1, 8, 8).transpose(0, 2, 1)[:, ::-1].reshape(-1, 64)  # by a quarter
detector = AutoEncoderOutlierDetector(random_state=0).fit(train)
usual, strange = detector.score_samples(test[100:]), detector.score_samples(turned)
auroc = roc_auc_score(np.repeat([1, 0], [len(usual), len(strange)]), np.r_[usual, strange])

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
for place, (noise, label) in enumerate(((0.0, "digits"), (0.5, "with noise"))):
    means = [np.mean(found[noise, name]) for name in spaces]
    bars = left.bar(np.arange(4) + 0.4 * place - 0.2, means, 0.38, label=label, color=("#4477aa", "#bbccee")[place])
    left.bar_label(bars, fmt="%.2f", size=8)
left.set_xticks(range(4), list(spaces))
left.set(ylim=(0, 1), ylabel="adjusted Rand index", title="k-means and the digits, three seeds")
left.legend(frameon=False, ncols=2)
bins = np.histogram_bin_edges(np.r_[usual, strange], 30)
for scores, name, colour in ((usual, "digits", "#4477aa"), (strange, "turned by a quarter", "#ee6677")):
    right.hist(scores, bins, density=True, alpha=0.6, label=name, color=colour)
right.set(xlabel="score, low for outliers", title=f"outlier detector, AUROC {auroc:.2f}", yticks=[])
right.legend(frameon=False)
for axis in (left, right):
    axis.spines[["top", "right"]].set_visible(False)
