"""
Learn vectors of amino acids with SequenceEmbeddingTransformer
==============================================================

This example shows how to learn vectors of amino acids and of 3-mers from sequences without
labels. Amino acids that occur in the same contexts get similar vectors, and the vectors show
the physico-chemical classes. The mean vector of a peptide's 3-mers then separates helices from
strands when few peptides have a label.

Baseline: logistic regression on counts of letters and on counts of 3-mers.
"""

# %%
# The data: simulated peptides. A helix turns its hydrophobic side inwards every 3.6 letters, a
# strand every second letter. Charges on the outside tend to alternate. One position in seven
# breaks this rule. The letter within a class is random, but helices and strands prefer some
# letters.
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn_ann import SequenceEmbeddingTransformer
from sklearn_ann.inspection import EmbeddingMapDisplay
from sklearn_ann.preprocessing import SequenceEncoder

CLASSES = {
    "aliphatic": "AILMV",
    "aromatic": "FWY",
    "polar": "NQST",
    "positive": "HKR",
    "negative": "DE",
}
NEXT = {  # the probability of each class, given the previous class on the same side
    "aliphatic": {"aliphatic": 0.8, "aromatic": 0.2},
    "aromatic": {"aliphatic": 0.3, "aromatic": 0.7},
    "polar": {"polar": 0.8, "positive": 0.1, "negative": 0.1},
    "positive": {"polar": 0.2, "positive": 0.1, "negative": 0.7},
    "negative": {"polar": 0.2, "positive": 0.7, "negative": 0.1},
}
PREFERRED = {True: "ALMQEKH", False: "IVFYWT"}
rng = np.random.default_rng(0)


def peptide(is_helix: bool) -> str:
    """Draw a peptide of 30 to 60 letters."""
    place = np.arange(rng.integers(30, 60)) + rng.uniform(0, 18)
    inside = np.cos(2 * np.pi * place / (3.6 if is_helix else 2.0)) > 0
    inside ^= rng.uniform(size=len(inside)) < 1 / 7
    last = {True: "aliphatic", False: "polar"}
    letters = []
    for side in inside:
        last[side] = rng.choice(list(NEXT[last[side]]), p=list(NEXT[last[side]].values()))
        members = CLASSES[last[side]]
        chance = np.array(
            [1.6 if letter in PREFERRED[is_helix] else 1.0 for letter in members]
        )
        letters.append(rng.choice(list(members), p=chance / chance.sum()))
    return "".join(letters)


is_helix = rng.integers(0, 2, 4000).astype(bool)
peptides = [peptide(bool(helix)) for helix in is_helix]
unlabelled, X_test, y_test = peptides[:3000], peptides[3000:], is_helix[3000:]

# %%
# The letters: each letter has a vector of 16 numbers, which is learned from the letters around
# it.
letters = SequenceEmbeddingTransformer(n_components=16, window=4, random_state=0).fit(
    unlabelled
)
for letter in "WKD":
    near = ", ".join(
        f"{other} {cosine:.2f}" for other, cosine in letters.most_similar(letter, n=3)
    )
    print(f"{letter} is most like {near}")

# %%
# The 3-mers: a part of the 3,000 peptides get a label. Three encodings go to the same
# classifier: the mean vector of a peptide's 3-mers, learned from all 3,000 peptides; counts of
# 3-mers; and counts of letters.
words = SequenceEmbeddingTransformer(
    n_components=32, k=3, max_epochs=30, learning_rate_schedule="cosine", random_state=0
).fit(unlabelled)
encodings: dict[str, tuple[Any, Any]] = {
    "vectors of 3-mers, pooled": (words, StandardScaler()),
    "counts of 3-mers": (
        SequenceEncoder("protein", encoding="kmer", k=3).fit(unlabelled),
        MaxAbsScaler(),
    ),
    "counts of letters": (
        SequenceEncoder("protein", encoding="kmer", k=1).fit(unlabelled),
        MaxAbsScaler(),
    ),
}
n_labels = [20, 50, 100, 200, 500, 1000]
accuracy = {}
for name, (encoding, scaler) in encodings.items():
    train, test = encoding.transform(unlabelled), encoding.transform(X_test)
    model = make_pipeline(scaler, LogisticRegression(max_iter=1000))
    accuracy[name] = [model.fit(train[:n], is_helix[:n]).score(test, y_test) for n in n_labels]
    print(
        f"{name:26s}",
        "  ".join(
            f"{n}: {value:.3f}" for n, value in zip(n_labels, accuracy[name], strict=True)
        ),
    )

# %%
# Left: the vectors of the letters on their first two principal components, by
# ``EmbeddingMapDisplay``; the colours are the chemical classes. Right: the accuracy on 1,000
# new peptides.
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
EmbeddingMapDisplay.from_estimator(letters, ax=left)
colours = dict(
    zip(CLASSES, ["#4c72b0", "#8172b3", "#55a868", "#c44e52", "#dd8452"], strict=True)
)
class_of = {letter: name for name, members in CLASSES.items() for letter in members}
for text in left.texts:
    text.set(color=colours[class_of[text.get_text()]], weight="bold")
for name, colour in colours.items():
    left.scatter([], [], color=colour, label=name)
left.set_title("Letters, learned from 3,000 peptides")
left.legend(frameon=False)
for name, values in accuracy.items():
    right.plot(n_labels, values, marker="o", label=name)
right.axhline(0.5, color="0.7", linewidth=1, zorder=0, label="chance")
right.set(
    xscale="log",
    title="Helix or strand",
    xlabel="peptides with a label",
    ylabel="accuracy on new peptides",
)
right.set_xticks(n_labels, n_labels, minor=False)
right.minorticks_off()
right.legend(frameon=False)
for axis in (left, right):
    axis.spines[["top", "right"]].set_visible(False)
plt.show()
