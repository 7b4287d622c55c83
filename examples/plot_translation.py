"""
What a ribosome does, learned from pairs
========================================

A cell reads DNA from the first start codon on, three letters at a time, and writes one amino acid for each codon until
it meets a stop. Here a network gets pieces of DNA and the proteins that they stand for, and nothing else. It must find
out where a gene begins, that codons have three letters, which amino acid each stands for, and where to stop.
"""

# %%
# The data: pieces of DNA, each with one gene between random letters. A gene begins in any of the three reading frames.
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklearn_ann import SequenceTranslator
from sklearn_ann.datasets import GENETIC_CODE, make_transcription
from sklearn_ann.inspection import AttentionMapDisplay
from sklearn_ann.metrics import edit_distances, sequence_error_rate, token_error_rate

X, y = make_transcription(4000, n_codons=(3, 8), margin=6, random_state=0)
X_test, y_test = make_transcription(200, n_codons=(3, 8), margin=6, random_state=1)
print(X_test[0], "->", y_test[0])

# %%
# What to beat: the protein of the most similar piece of DNA that is known, by edit distance. It cannot make a protein
# that it has not seen. The alphabet of the network's outputs is learned, so it can.
nearest = []
for piece in X_test:
    distances = edit_distances([piece] * len(X), X)
    nearest.append(y[int(distances.argmin())])
translator = SequenceTranslator(random_state=0).fit(X, y)
predicted = translator.predict(X_test)
print("                    amino acids in error  proteins in error")
for name, found in (("nearest neighbour", nearest), ("translator", predicted)):
    print(f"{name:18s} {token_error_rate(y_test, found):20.3f} {sequence_error_rate(y_test, found):19.3f}")

# %%
# A deleted letter shifts the reading frame, and everything after it is another protein. If the network has learned the
# rule, it knows that too, although no piece was made in this way. The genetic code tells what is right.
shifted = []
for piece in X_test:
    place = piece.index("ATG") + 5
    piece = piece[:place] + piece[place + 1 :]
    rna = piece.replace("T", "U")
    acids = [GENETIC_CODE[rna[i : i + 3]] for i in range(rna.index("AUG"), len(rna) - 2, 3)]
    if "*" in acids[:9]:  # no longer than those in training
        shifted.append((piece, "".join(acids[: acids.index("*")])))
pieces, proteins = zip(*shifted, strict=True)
print(f"{len(pieces)} pieces with a letter deleted, proteins in error:", end=" ")
print(f"{sequence_error_rate(proteins, translator.predict(pieces)):.3f}")

# %%
# Where it looked: rows are the amino acids that it wrote, columns the letters of the DNA, and the weights are the mean
# of the heads and layers. They descend by three letters for each amino acid, in the reading frame that the start codon
# sets. The first amino acid needs no codon: all proteins begin with it. Lines are the bounds of the codons.
sample = int(
    np.argmax([len(protein) + (piece.index("ATG") % 3 > 0) for piece, protein in zip(X_test, y_test, strict=True)])
)
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
for codon in range(len(y_test[sample]) + 2):  # with the stop
    ax.axvline(begin + 3 * codon - 0.5, color="white", linewidth=0.8)
picture = Path(sys.argv[0]).with_suffix(".png") if sys.argv[0].endswith(".py") else Path("translation.png")
plt.savefig(picture, dpi=110)
print(f"Picture: {picture}")
