"""
What a ribosome does, learned from pairs
========================================

A cell reads DNA from the first start codon on, three letters at a time, and writes one amino acid for each codon until
it meets a stop. Here a network gets pieces of DNA and the proteins that they stand for, and nothing else. It has to find
out where a gene begins, that codons have three letters, which amino acid each stands for, and where to stop.
"""

# %%
# The data: pieces of DNA, each with one gene between random letters. The gene begins in any of the three reading frames.
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklearn_ann import SequenceTranslator
from sklearn_ann.datasets import make_transcription
from sklearn_ann.inspection import AttentionMapDisplay
from sklearn_ann.metrics import edit_distances, sequence_error_rate, token_error_rate

X, y = make_transcription(6000, n_codons=(3, 8), margin=6, random_state=0)
X_test, y_test = make_transcription(300, n_codons=(3, 8), margin=6, random_state=1)
print(X_test[0], "->", y_test[0])

# %%
# What to beat: the protein of the most similar piece of DNA that is known, by edit distance. It cannot make a protein
# that it has not seen. The alphabet of the network's outputs is learned, so it can.
nearest = []
for piece in X_test:
    distances = edit_distances([piece] * len(X), X)
    nearest.append(y[int(distances.argmin())])
translator = SequenceTranslator(n_components=96, random_state=0).fit(X, y)
predicted = translator.predict(X_test)
print("                    amino acids in error  proteins in error")
for name, found in (("nearest neighbour", nearest), ("translator", predicted)):
    print(f"{name:18s} {token_error_rate(y_test, found):20.3f} {sequence_error_rate(y_test, found):19.3f}")

# %%
# The first piece with a mutated start: the network must begin at the next ATG, or it has learned places and no start.
letters = list(X_test[0])
start = X_test[0].index("ATG")
silenced = X_test[0][:start] + "ACG" + X_test[0][start + 3 :]
second = "ATGGCC" + silenced[6:] if start >= 6 else silenced
print(f"{X_test[0]} -> {predicted[0]}")

# %%
# Where it looked: rows are the amino acids that it wrote, columns the letters of the DNA, and the weights are the mean of
# the heads. The diagonal descends by three letters for each amino acid, from the start codon to the stop.
sample = int(np.argmax([len(protein) for protein in y_test[:20]]))
piece = X_test[sample : sample + 1]
weights = translator.attention_maps(piece)[0].mean(axis=(0, 1))
display = AttentionMapDisplay(
    weights, query_names=translator.query_names(piece)[0], key_names=translator.token_names(piece)[0]
)
_, ax = plt.subplots(figsize=(10, 3.6), layout="constrained")
display.plot(ax)
ax.tick_params(axis="x", rotation=0)
ax.set(xlabel="DNA", ylabel="protein", title="What each amino acid looked at")
begin = piece[0].index("ATG")
for codon in range(len(y_test[sample]) + 2):
    ax.axvline(begin + 3 * codon - 0.5, color="white", linewidth=0.8)
picture = Path(sys.argv[0]).with_suffix(".png") if sys.argv[0].endswith(".py") else Path("translation.png")
plt.savefig(picture, dpi=110)
print(f"Picture: {picture}")
