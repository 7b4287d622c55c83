"""One-hot vectors times an embedding matrix, and a learned embedding of amino acids."""

import matplotlib.pyplot as plt
import numpy as np
from Bio.Align import substitution_matrices
from cells import draw_cells, write

from sklearn_ann import EntityEmbeddingTransformer, SequenceEncoder
from sklearn_ann.inspection import EmbeddingMapDisplay

# Above: the one-hot matrix of a sequence, times a matrix with one row per letter.
sequence = "ACGTTA"
one_hot = SequenceEncoder("dna", encoding="onehot").fit_transform([sequence]).reshape(6, 4)
E = np.array(
    [[1, -1], [-1, 1], [1, 1], [-1, -1]]
)  # purine or not; three hydrogen bonds or two
figure = plt.figure(figsize=(5.6, 6.8), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=(1, 1.9))
axes = above.subplots(1, 5, width_ratios=(4, 0.4, 2.6, 0.4, 2))
draw_cells(axes[0], one_hot, "one-hot vectors", rows=list(sequence), columns=list("ACGT"))
write(axes[1], "·")
draw_cells(axes[2], E, "E", rows=list("ACGT"), columns=["purine", "strong"], size=8)
axes[2].tick_params(labelsize=8)
write(axes[3], "=")
draw_cells(axes[4], one_hot @ E, "embedding", rows=list(sequence))

# Below: amino acids and what took their place in related proteins, at BLOSUM62's rates.
scores = substitution_matrices.load("BLOSUM62")
letters = np.array(list("ARNDCQEGHILKMFPSTWYV"))
rates = 2.0 ** (np.array([[scores[a][b] for b in letters] for a in letters]) / 2)
rates /= rates.sum(axis=1, keepdims=True)
rng = np.random.default_rng(0)
before = rng.integers(20, size=20_000)
after = (rng.uniform(size=(20_000, 1)) > rates.cumsum(axis=1)[before]).sum(axis=1).clip(max=19)
model = EntityEmbeddingTransformer(
    n_components=3,
    hidden_layer_sizes=(),
    dropout=0,
    batch_size=256,
    learning_rate=0.02,
    random_state=0,
).fit(letters[before][:, None], letters[after])

axis = EmbeddingMapDisplay.from_estimator(model, ax=below.subplots()).ax_
classes = {
    "aliphatic": "AILMV",
    "aromatic": "FWY",
    "polar": "NQST",
    "positive": "HKR",
    "negative": "DE",
    "other": "CGP",
}
for name, members in classes.items():
    rows = [list(model.categories_[0]).index(letter) for letter in members]
    axis.scatter(*axis.collections[0].get_offsets()[rows].T, s=36, label=name)
axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
axis.set_title("Amino acids, from 20,000 replacements")
