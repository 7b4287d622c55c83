"""
Correct batch effects in single-cell counts with VAESampler
===========================================================

This example shows how to remove the difference between laboratories from single-cell counts.
Cells of one type differ so much between two batches that the nearest neighbours of a cell are
all from its own batch. The decoder of :class:`~sklearn_ann.VAESampler` can take the batch as a
condition (``conditions="y"``), so that the code need not contain the batch. The cells are
simulated, and the types are known.

Baseline: truncated SVD of the logarithms of normalised counts.
"""

# %%
# The data: negative binomial counts of 300 genes in 2,000 cells, of five types and in two
# batches. Each batch measures too many molecules of some genes and too few of others.
import matplotlib.pyplot as plt
import numpy as np
import scipy.sparse as sp
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.manifold import TSNE
from sklearn.metrics import adjusted_rand_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize
from sklearn_ann import VAESampler

rng = np.random.default_rng(0)
n_cells, n_genes = 2000, 300
kinds, batches = rng.integers(5, size=n_cells), rng.integers(2, size=n_cells)
logits = rng.normal(size=n_genes) + rng.normal(scale=0.7, size=(5, n_genes))[kinds]
logits += rng.normal(scale=0.4, size=(2, n_genes))[batches]
means = (
    rng.lognormal(7, 0.3, size=(n_cells, 1))
    * np.exp(logits)
    / np.exp(logits).sum(axis=1, keepdims=True)
)
counts = sp.csr_array(rng.poisson(rng.gamma(2, means / 2)).astype(np.float32))

# %%
# Three codes of ten numbers: the SVD, a variational auto-encoder, and one whose decoder takes
# the batch as a condition.
logarithms = normalize(counts, norm="l1") * 1e4
logarithms.data = np.log1p(logarithms.data)
vae = VAESampler(
    likelihood="negative_binomial",
    max_epochs=120,
    learning_rate_schedule="cosine",
    random_state=0,
)
codes = {
    "SVD of logarithms": TruncatedSVD(10, random_state=0).fit_transform(logarithms),
    "VAE": vae.fit_transform(counts),
    "VAE, conditional on the batch": vae.set_params(conditions="y")
    .fit(counts, batches)
    .transform(counts),
}

# %%
# Two figures describe each code: the share of neighbours from the other batch (one half if the
# batches are mixed), and the agreement of five clusters with the five types.
found = {}
for name, code in codes.items():
    neighbours = NearestNeighbors(n_neighbors=30).fit(code).kneighbors(return_distance=False)
    mixing = (batches[neighbours] != batches[:, None]).mean()
    clusters = KMeans(5, n_init=10, random_state=0).fit_predict(code)
    found[name] = f"mixing {mixing:.2f}, types {adjusted_rand_score(kinds, clusters):.2f}"
    print(f"{name:30s} {found[name]}")

# %%
# All codes are decoded under one condition: the result are counts as if the first laboratory
# had measured all cells.
corrected = vae.inverse_transform(codes["VAE, conditional on the batch"], y=0)
apart = [
    np.log(mean[batches == 0].mean(axis=0) / mean[batches == 1].mean(axis=0))
    for mean in (counts.toarray(), corrected)
]
print("Standard deviation of the log ratio of the batches' means, over the genes:")
print(f"  counts {apart[0].std():.2f}, decoded under one condition {apart[1].std():.2f}")

# %%
# The codes on a plane by t-SNE, which keeps neighbours together. Colours are types, markers
# are batches.
figure, axes = plt.subplots(1, 3, figsize=(10, 4.2), layout="constrained")
for axis, (name, code) in zip(axes, codes.items(), strict=True):
    places = TSNE(random_state=0).fit_transform(code)
    for batch, marker in enumerate("ox"):
        rows = batches == batch
        axis.scatter(
            *places[rows].T,
            c=kinds[rows],
            cmap="tab10",
            vmax=9,
            s=8,
            marker=marker,
            linewidths=0.7,
        )
    axis.set(title=f"{name}\n{found[name]}", xticks=[], yticks=[], xlabel="t-SNE 1")
axes[0].set_ylabel("t-SNE 2")
for batch, marker in enumerate("ox"):
    axes[0].scatter([], [], color="black", marker=marker, label=f"batch {batch}")
figure.legend(loc="outside lower center", ncols=2, frameon=False)
plt.show()
