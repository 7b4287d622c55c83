"""
Learn from few labels with a pretrained CNNClassifier
=====================================================

This example shows how to train a network on a few labelled sequences when many related
sequences have another label. The factor that binds a piece of DNA is known for 2,000
sequences. Whether a sequence switches a gene on is known for 20 to 200. The convolutions of a
:class:`~sklearn_ann.CNNClassifier` that knows the factors are frozen (``init_from``,
``freeze``), and only the layers after them are trained.

Baseline: logistic regression on counts of 6-mers, and the same network without pretraining.
"""

# %%
# The data: six factors have a motif of eight letters each. The source set has 2,000 sequences
# with one motif, labelled by the factor. The target set has sequences with two motifs. Factors
# 0, 1 and 2 switch the gene on unless factor 5, a repressor, is present; factors 3 and 4 have
# no effect.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn_ann import CNNClassifier

rng = np.random.default_rng(0)
LETTERS = np.array(list("ACGT"))
MOTIFS = rng.choice(4, size=(6, 8))


def sequence(factors: list[int] | np.ndarray) -> str:
    """Draw DNA of 60 letters with a motif of each factor; a letter may be mutated."""
    codes = rng.choice(4, size=60)
    starts = 8 + 24 * np.arange(len(factors)) + rng.integers(0, 12, size=len(factors))
    for factor, start in zip(factors, starts, strict=True):
        other = rng.uniform(size=8) < 0.1
        codes[start : start + 8] = np.where(other, rng.choice(4, size=8), MOTIFS[factor])
    return "".join(LETTERS[codes])


factor = rng.integers(0, 6, size=2000)
bound = [sequence([one]) for one in factor]

pairs = rng.integers(0, 6, size=(2000, 2))
is_on = (pairs < 3).any(axis=1) & (pairs != 5).all(axis=1)
switches = [sequence(pair) for pair in pairs]
X_test, y_test = switches[1000:], is_on[1000:]

# %%
# The source network learns the factors. The second network begins with the weights of the
# source network; its convolutions are frozen.
source = CNNClassifier(max_epochs=6, random_state=0).fit(bound, factor)
print(f"accuracy of the source network: {source.score(bound, factor):.3f} on its training set")

models = {
    "pretrained, convolutions frozen": CNNClassifier(
        init_from=FrozenEstimator(source), freeze=["blocks"], max_epochs=40, random_state=0
    ),
    "from scratch": CNNClassifier(max_epochs=40, random_state=0),
    "6-mer counts, logistic regression": make_pipeline(
        CountVectorizer(analyzer="char", ngram_range=(6, 6)), LogisticRegression(max_iter=1000)
    ),
}
numbers = [20, 50, 100, 200]
scores = {
    name: [model.fit(switches[:n], is_on[:n]).score(X_test, y_test) for n in numbers]
    for name, model in models.items()
}

# %%
# With 50 labels the pretrained network is more accurate than the two other models with 200.
figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
for (name, found), style in zip(scores.items(), ("o-", "s--", "^:"), strict=True):
    axes.plot(numbers, found, style, label=name)
axes.axhline(
    max(y_test.mean(), 1 - y_test.mean()),
    color="0.7",
    linewidth=1,
    label="the more frequent class",
)
axes.set(
    xscale="log",
    xticks=numbers,
    xlabel="labelled switches",
    ylabel="accuracy on 1,000 others",
    ylim=(0.5, 0.95),
)
axes.set_xticklabels([str(n) for n in numbers])
axes.minorticks_off()
axes.legend(loc="lower right", fontsize="small")
plt.show()
for name, found in scores.items():
    print(f"{name:36}" + " ".join(f"{score:.3f}" for score in found))
