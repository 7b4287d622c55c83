"""
What a head looks at
====================

Each peptide contains one W, and the label depends on the letter after it. Counts of letters cannot tell, because they
lose the order. Attention can tell if it knows positions, and its maps show how it finds the letter.
"""

# %%
# The data: peptides of twelve letters with one W. The label says whether the letter after W is charged.
import sys
from pathlib import Path

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
# With ``k=1`` each token is a single letter, so a head must look from one letter to its neighbour. Without positions it
# cannot.
SETTINGS = {
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
        SequenceEncoder("protein", encoding="kmer", k=1), RandomForestClassifier(random_state=0)
    ),
    "forest on pairs of letters": make_pipeline(
        SequenceEncoder("protein", encoding="kmer", k=2), RandomForestClassifier(random_state=0)
    ),
}
print("Right on new peptides")
for name, model in models.items():
    print(f"  {name:28s} {model.fit(peptides[:1200], charged[:1200]).score(peptides[1200:], charged[1200:]):.3f}")

# %%
# Two mean attention weights over new peptides: of the letter after W to W, and of CLS, which is read out, to the letter
# after W. A network may look at one class only: if one answer is its default, it looks for evidence against it.
model = models["attention with positions"]
maps = model.attention_maps(peptides[1200:])  # (sample, layer, head, query, key); CLS is token 0
rows, after = np.arange(300), places[1200:] + 2
for layer, head in np.ndindex(*maps.shape[1:3]):
    of_after = maps[rows, layer, head, after, after - 1]
    of_cls = maps[rows, layer, head, 0, after]
    for name, these in (("charged", charged[1200:]), ("not charged", ~charged[1200:])):
        print(
            f"layer {layer}, head {head}, {name:11s}: the letter after W looks at W {of_after[these].mean():.2f}, "
            f"CLS at that letter {of_cls[these].mean():.2f}"
        )

# %%
# The picture: all maps of the first new peptide whose letter after W is not charged.
sample = 1200 + int(np.argmin(charged[1200:]))
display = AttentionMapDisplay.from_estimator(model, peptides, sample=sample)
display.figure_.suptitle(f"{peptides[sample]}: not charged after W")
picture = Path(sys.argv[0]).with_suffix(".png") if sys.argv[0].endswith(".py") else Path("marker_attention.png")
plt.savefig(picture, dpi=110)
print(f"Picture: {picture}")
