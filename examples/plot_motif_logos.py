"""
Find motifs in DNA with CNNClassifier
=====================================

This example shows how to find the motifs that separate classes of DNA sequences. Each random
sequence contains one of three planted motifs, or none, and the motif is the class.
:class:`~sklearn_ann.CNNClassifier` learns the classes, and its filters are read as position
weight matrices.

Baseline: logistic regression on counts of 6-mers.
"""

# %%
# The data: 2,000 sequences are the training set and 1,000 the test set. A quarter of the
# sequences has no motif.
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
# The network has one layer of filters, which are a little wider than the motifs. The position
# of a match does not matter, because global max pooling keeps the strongest response only.
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
    SequenceEncoder("dna", encoding="kmer", k=6),
    MaxAbsScaler(),
    LogisticRegression(max_iter=1000),
).fit(X_train, y_train)
accuracy = {
    "CNNClassifier": network.score(X_test, y_test),
    "6-mer counts": words.score(X_test, y_test),
}
for name, value in accuracy.items():
    print(f"{name:14s} accuracy {value:.3f} on 1,000 new sequences")

# %%
# For each planted motif, the filter with the greatest Pearson correlation is found, and the
# offset between the two. Beyond the ends of a filter all letters are equally likely.


def window(matrix, start, width):
    """Return `width` rows of a matrix from `start` on; they may reach beyond its ends."""
    padded = np.pad(matrix, ((width, width), (0, 0)), constant_values=0.25)
    return padded[start + width : start + 2 * width]


def alignment(matrix, motif):
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
    print(f"motif {number + 1}: filter {best}, correlation {likeness:.3f}")

# %%
# Each planted motif stands beside the filter that found it, as a sequence logo. The height of
# a stack is the information at that position in bits, ``2 + sum(p log2 p)``, and the height of
# a letter is its share (Schneider and Stephens 1990). ``MotifDisplay.from_estimator(network)``
# draws all filters as they are.
figure, axes = plt.subplots(3, 2, figsize=(9.5, 5.6), layout="constrained", sharey=True)
names = [f"motif {number + 1} as planted" for number in range(3)]
MotifDisplay(planted, names=names).plot(ax=axes[:, 0])
names = [f"filter {best}: correlation {likeness:.3f}" for _, likeness, best in found]
MotifDisplay([matrix for matrix, *_ in found], names=names).plot(ax=axes[:, 1])
figure.suptitle(
    f"Accuracy on new sequences: {accuracy['CNNClassifier']:.1%} by CNNClassifier, "
    f"{accuracy['6-mer counts']:.1%} by 6-mer counts"
)
plt.show()
