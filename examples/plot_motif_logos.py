"""
Find motifs in DNA with CNNClassifier
=====================================

This example shows how to find the motifs that separate classes of DNA sequences. Each sequence
contains one of three motifs, or none, and the motif is its class.
:class:`~sklearn_ann.CNNClassifier` learns the classes. Its filters, read as position weight
matrices, show the motifs.

Baseline: a random forest on counts of 6-mers.
"""

# %%
# Data
# ----
# The data are simulated, so that the motifs are known: 3,000 random sequences of 80 to 120
# letters. A quarter of the sequences has no motif. 2,000 sequences train the models and 1,000
# test them.
import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn_ann import CNNClassifier
from sklearn_ann.datasets import make_motif_sequences
from sklearn_ann.inspection import FeatureMapDisplay, MotifDisplay
from sklearn_ann.preprocessing import SequenceEncoder

sequences, y, planted = make_motif_sequences(3000, length=(80, 120), motifs=3, random_state=0)
X_train, X_test, y_train, y_test = sequences[:2000], sequences[2000:], y[:2000], y[2000:]

# %%
# Baseline and network
# --------------------
# The forest reads how often each of the 4,096 6-mers occurs; of 4-mers, 5-mers and 6-mers, the
# latter serve it best.
forest = make_pipeline(
    SequenceEncoder("dna", encoding="kmer", k=6), RandomForestClassifier(random_state=0)
)
accuracy_of_forest = forest.fit(X_train, y_train).score(X_test, y_test)
print(f"forest on 6-mers: {accuracy_of_forest:.1%} of 1,000 new sequences are correct")

# %%
# The network has 32 filters of 13 positions, a little wider than the motifs.
# ``global_pooling="max"`` keeps the greatest response of each filter in a sequence, wherever
# it occurs.
network = CNNClassifier(
    conv_layers=((32, 13),),
    global_pooling="max",
    dropout=0.0,
    learning_rate=3e-3,
    learning_rate_schedule="cosine",
    max_epochs=40,
    random_state=0,
).fit(X_train, y_train)
accuracy = network.score(X_test, y_test)
print(f"network:          {accuracy:.1%} of 1,000 new sequences are correct")

# %%
# Motifs
# ------
# ``network.motifs()`` returns the filters as position weight matrices. For each planted motif,
# this code looks for the filter with the greatest Pearson correlation, and for the offset
# between the two.


def window(matrix: np.ndarray, start: int, width: int) -> np.ndarray:
    """Return `width` rows of a matrix from `start` on; they may reach beyond its ends."""
    padded = np.pad(matrix, ((width, width), (0, 0)), constant_values=0.25)
    return padded[start + width : start + 2 * width]


def alignment(matrix: np.ndarray, motif: np.ndarray) -> tuple[float, int]:
    """Return the greatest correlation of `motif` with a window of `matrix`, and its start."""
    width = len(motif)
    starts = range(-(width // 2), len(matrix) - width // 2)
    windows = [window(matrix, start, width) for start in starts]
    likeness = [
        np.corrcoef(part.ravel(), motif.ravel())[0, 1] if part.std() > 0 else 0
        for part in windows
    ]
    best = int(np.argmax(likeness))
    return likeness[best], starts[best]


found = []
for number, motif in enumerate(planted):
    alignments = [alignment(matrix, motif) for matrix in network.motifs()]
    best = max(range(len(alignments)), key=lambda k: alignments[k][0])
    likeness, start = alignments[best]
    found.append((window(network.motifs()[best], start, len(motif)), likeness, best))
    print(f"motif {number + 1}: correlation {likeness:.3f} with filter {best}")

# %%
# A sequence logo draws the letters of each position on top of each other, the most probable
# letter on top. The height of a position is its information in bits, ``2 + sum(p log2 p)``
# (Schneider and Stephens 1990). A filter says nothing about the positions beyond its ends. To
# draw all filters of a network, use ``MotifDisplay.from_estimator(network)``.
figure, axes = plt.subplots(3, 2, figsize=(6.4, 5), layout="constrained", sharey=True)
names = [f"motif {number + 1} as planted" for number in range(3)]
MotifDisplay(planted, names=names).plot(ax=axes[:, 0])
names = [f"filter {best}: correlation {likeness:.3f}" for _, likeness, best in found]
MotifDisplay([matrix for matrix, *_ in found], names=names).plot(ax=axes[:, 1])
figure.suptitle(
    f"Correct on new sequences: {accuracy:.1%} with the network,\n"
    f"{accuracy_of_forest:.1%} with a forest on 6-mers"
)

# %%
# A sequence of class 1 contains motif 1. Along such a sequence, the filter of motif 1 has one
# response far above the others, at the position of the motif. The filters of the other motifs
# have none.
first = [X_test[int(np.flatnonzero(y_test == 1)[0])]]
filters = [best for *_, best in found]
FeatureMapDisplay.from_estimator(network, first, layer=0, filters=filters)
if len(sys.argv) > 1:  # `make demo` names a file
    figure.savefig(sys.argv[1], dpi=180)
    print(f"The picture is in {sys.argv[1]}.")
else:
    plt.show()
