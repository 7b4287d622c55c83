"""
Motifs read out of a network
============================

Random DNA contains one of three motifs somewhere, and the motif is its class. A convolutional network that learns to
tell the classes apart must find the motifs. Its filters, read as position weight matrices, show them.
"""

# %%
# The data: 2,000 sequences train the models and 1,000 test them. A quarter of the sequences has no motif.
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

from sklearn_ann import CNNClassifier
from sklearn_ann.datasets import make_motif_sequences
from sklearn_ann.inspection import MotifDisplay
from sklearn_ann.preprocessing import SequenceEncoder

sequences, y, planted = make_motif_sequences(3000, length=(80, 120), motifs=3, random_state=0)
X_train, X_test, y_train, y_test = sequences[:2000], sequences[2000:], y[:2000], y[2000:]

# %%
# The network has one layer of filters a little wider than the motifs, and the position of a response does not matter.
# The baseline is logistic regression on counts of 6-mers.
network = CNNClassifier(
    conv_layers=((32, 13),),
    global_pooling="max",
    dropout=0.0,
    learning_rate=3e-3,
    learning_rate_schedule="cosine",
    max_epochs=40,
    random_state=0,
).fit(X_train, y_train)
words = make_pipeline(
    SequenceEncoder("dna", encoding="kmer", k=6), MaxAbsScaler(), LogisticRegression(max_iter=1000)
).fit(X_train, y_train)
accuracy = {"filters": network.score(X_test, y_test), "words of six letters": words.score(X_test, y_test)}
for name, value in accuracy.items():
    print(f"{name:21s} right on {value:.3f} of 1,000 new sequences")

# %%
# For each planted motif, find the most similar filter by Pearson's correlation, and the offset between the two. Beyond
# its ends a filter says nothing about the letters.


def window(matrix, start, width):
    """Return `width` rows of a matrix from `start` on; they may reach beyond its ends."""
    return np.pad(matrix, ((width, width), (0, 0)), constant_values=0.25)[start + width :][:width]


def alignment(matrix, motif):
    """Return the greatest correlation of `motif` with a window of `matrix`, and the start of that window."""
    width = len(motif)
    starts = range(-(width // 2), len(matrix) - width // 2)
    windows = [window(matrix, start, width) for start in starts]
    likeness = [np.corrcoef(part.ravel(), motif.ravel())[0, 1] if part.std() > 0 else 0 for part in windows]
    best = int(np.argmax(likeness))
    return likeness[best], starts[best]


found = []
for number, motif in enumerate(planted):
    alignments = [alignment(matrix, motif) for matrix in network.motifs()]
    best = max(range(len(alignments)), key=lambda k: alignments[k][0])
    likeness, start = alignments[best]
    found.append((window(network.motifs()[best], start, len(motif)), likeness, best))
    print(f"motif {number + 1}: filter {best}, correlation {likeness:.3f}")

# %%
# The picture: a logo stacks the letters, the most probable on top. The height of a stack is the information at that
# position in bits, ``2 + sum(p log2 p)``, and each letter has its share (Schneider and Stephens 1990).
# `MotifDisplay.from_estimator(network)` draws the filters as they are; here each filter stands beside its motif.
figure, axes = plt.subplots(3, 2, figsize=(9.5, 5.6), layout="constrained", sharey=True)
names = [f"motif {number + 1} as planted" for number in range(3)]
MotifDisplay(planted, names=names).plot(ax=axes[:, 0])
names = [f"filter {best}: correlation {likeness:.3f}" for _, likeness, best in found]
MotifDisplay([matrix for matrix, *_ in found], names=names).plot(ax=axes[:, 1])
figure.suptitle(
    f"Right on new sequences: {accuracy['filters']:.1%} with filters, "
    f"{accuracy['words of six letters']:.1%} with words of six letters"
)
picture = Path(sys.argv[0]).with_suffix(".png") if sys.argv[0].endswith(".py") else Path("motif_logos.png")
figure.savefig(picture, dpi=130)
print(f"Picture: {picture}")
