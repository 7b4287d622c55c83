"""The map softmax(X Xᵀ) of a short peptide, whose letters have the vectors of BLOSUM62."""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_ann import AttentionTransformer, SequenceEncoder
from sklearn_ann.inspection import AttentionMapDisplay

peptide = "KLLDEVWYFHR"
X = (
    SequenceEncoder("protein", encoding="blosum62")
    .fit_transform([peptide])
    .reshape(len(peptide), -1)
    / 6
)
attention = AttentionTransformer().fit(X)
names = [f"{letter}{place}" for place, letter in enumerate(peptide, start=1)]

figure, (left, right) = plt.subplots(1, 2, figsize=(5.6, 3.6), layout="constrained")
shown = left.imshow(
    X @ X.T,
    cmap="RdBu_r",
    vmin=-np.abs(X @ X.T).max(),
    vmax=np.abs(X @ X.T).max(),
    aspect="auto",
)
left.set_xticks(range(len(names)), names, rotation=90, size=8)
left.set_yticks(range(len(names)), names, size=8)
left.set_title("kernel X Xᵀ")
figure.colorbar(shown, ax=left, location="bottom", label="product")
display = AttentionMapDisplay(
    attention.attention_maps(X), query_names=names, key_names=names
).plot(right, colorbar=False)
figure.colorbar(display.im_[0], ax=right, location="bottom", label="weight")
right.tick_params(labelsize=8)
right.set_title("softmax of each row")
