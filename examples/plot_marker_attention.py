"""
Read attention maps of peptides with AttentionClassifier
========================================================

This example shows how to inspect the attention maps of a trained network. Each peptide
contains one W, and the label is whether the letter after W is charged. Counts of single
letters lose the order of the letters. :class:`~sklearn_ann.AttentionClassifier` with positions
learns the rule, and its attention maps show which letters it uses.

Baseline: a random forest on counts of letters, and one on counts of pairs of letters. The
latter is as accurate as the network; the maps are what attention adds.
"""

# %%
# The data: peptides of twelve letters with one W. The label is whether the letter after W is
# charged.
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn_ann import AttentionClassifier, SequenceEncoder
from sklearn_ann.inspection import AttentionMapDisplay

rng = np.random.default_rng(0)
LETTERS = np.array(list("ADEGKLRS"))
letters = rng.choice(LETTERS, size=(1500, 12))
places = rng.integers(11, size=1500)
letters[np.arange(1500), places] = "W"
peptides = np.array(["".join(row) for row in letters])
charged = np.isin(letters[np.arange(1500), places + 1], list("DEKR"))

# %%
# With ``k=1`` each token is a single letter, so a head must attend from one letter to its
# neighbour. Without positions the network does not see which letter is the neighbour.
SETTINGS: dict[str, Any] = {
    "alphabet": "protein",
    "k": 1,
    "n_layers": 2,
    "n_heads": 2,
    "mutation": 0,
    "dropout": 0.1,
    "random_state": 0,
}
models = {
    "attention with positions": AttentionClassifier(**SETTINGS),
    "attention without positions": AttentionClassifier(position="none", **SETTINGS),
    "forest on counts of letters": make_pipeline(
        SequenceEncoder("protein", encoding="kmer", k=1),
        RandomForestClassifier(random_state=0),
    ),
    "forest on pairs of letters": make_pipeline(
        SequenceEncoder("protein", encoding="kmer", k=2),
        RandomForestClassifier(random_state=0),
    ),
}
print("Accuracy on new peptides")
for name, model in models.items():
    model.fit(peptides[:1200], charged[:1200])
    print(f"  {name:28s} {model.score(peptides[1200:], charged[1200:]):.3f}")

# %%
# Two mean attention weights over new peptides are printed: from the letter after W to W, and
# from CLS, the token that is read out, to the letter after W. A head may attend for one class
# only.
model = models["attention with positions"]
maps = model.attention_maps(
    peptides[1200:]
)  # (sample, layer, head, query, key); CLS is token 0
rows, after = np.arange(300), places[1200:] + 2
for layer, head in np.ndindex(*maps.shape[1:3]):
    of_after = maps[rows, layer, head, after, after - 1]
    of_cls = maps[rows, layer, head, 0, after]
    for name, these in (("charged", charged[1200:]), ("not charged", ~charged[1200:])):
        print(
            f"layer {layer}, head {head}, {name:11s}: "
            f"letter after W to W {of_after[these].mean():.2f}, "
            f"CLS to that letter {of_cls[these].mean():.2f}"
        )

# %%
# The picture: all maps of the first new peptide whose letter after W is not charged.
sample = 1200 + int(np.argmin(charged[1200:]))
display = AttentionMapDisplay.from_estimator(model, peptides, sample=sample)
display.figure_.suptitle(f"{peptides[sample]}: not charged after W")
plt.show()
