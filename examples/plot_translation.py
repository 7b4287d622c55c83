"""
Translate DNA into proteins with SequenceTranslator
===================================================

This example shows how to learn a map from sequences to sequences. A cell reads DNA from the
first start codon on, three letters at a time, and translates each codon into one amino acid
until a stop codon. :class:`~sklearn_ann.SequenceTranslator` is trained on pairs of DNA and
protein only. The network must learn where a gene begins, the genetic code, and where to stop.

Baseline: the protein of the nearest training sequence by edit distance.
"""

# %%
# The data: pieces of DNA, each with one gene between random letters. A gene begins in any of
# the three reading frames.
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
# The nearest neighbour returns a protein of the training set and is wrong about every protein
# that is not in that set. The network writes new proteins letter by letter.
nearest = []
for piece in X_test:
    distances = edit_distances([piece] * len(X), X)
    nearest.append(y[int(distances.argmin())])
translator = SequenceTranslator(random_state=0).fit(X, y)
predicted = translator.predict(X_test)
print("                    amino acids in error  proteins in error")
for name, found in (("nearest neighbour", nearest), ("translator", predicted)):
    acids, proteins = token_error_rate(y_test, found), sequence_error_rate(y_test, found)
    print(f"{name:18s} {acids:20.3f} {proteins:19.3f}")

# %%
# A deleted letter shifts the reading frame, so that all later amino acids change. No sequence
# of the training set was made in this way. The genetic code gives the right protein.
shifted = []
for piece in X_test:
    place = piece.index("ATG") + 5
    piece = piece[:place] + piece[place + 1 :]
    rna = piece.replace("T", "U")
    chain = [GENETIC_CODE[rna[i : i + 3]] for i in range(rna.index("AUG"), len(rna) - 2, 3)]
    if "*" in chain[:9]:  # no longer than those in training
        shifted.append((piece, "".join(chain[: chain.index("*")])))
pieces, expected = zip(*shifted, strict=True)
print(f"{len(pieces)} pieces with a letter deleted, proteins in error:", end=" ")
print(f"{sequence_error_rate(expected, translator.predict(pieces)):.3f}")

# %%
# The attention map: rows are the amino acids of the predicted protein, columns the letters of
# the DNA. The weights are means over heads and layers. The weights move by three letters for
# each amino acid, in the reading frame that the start codon sets. The first amino acid is the
# same in all proteins. White lines are the borders of codons.
sample = int(
    np.argmax(
        [
            len(protein) + (piece.index("ATG") % 3 > 0)
            for piece, protein in zip(X_test, y_test, strict=True)
        ]
    )
)
longest = X_test[sample : sample + 1]
weights = translator.attention_maps(longest)[0].mean(axis=(0, 1))
display = AttentionMapDisplay(
    weights,
    query_names=translator.query_names(longest)[0],
    key_names=translator.token_names(longest)[0],
)
_, ax = plt.subplots(figsize=(10, 3.6), layout="constrained")
display.plot(ax)
ax.tick_params(axis="x", rotation=0)
ax.set(xlabel="DNA", ylabel="protein", title="Attention weights of each amino acid")
begin = longest[0].index("ATG")
for codon in range(len(y_test[sample]) + 2):  # with the stop
    ax.axvline(begin + 3 * codon - 0.5, color="white", linewidth=0.8)
plt.show()
