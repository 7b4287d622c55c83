"""
Fill in a tensor of experiments with TensorFactorizationRegressor
=================================================================

This example shows how to predict missing entries of a tensor: the response of cell types to
drugs at several doses. Some entries are missing at random. Some pairs of drug and cell type
were never measured at any dose. :class:`~sklearn_ann.TensorFactorizationRegressor` predicts
both. The two kinds of missing entries are scored apart, because the second is harder.

Baseline: an additive model and a CP decomposition.
"""

# %%
# The data: dose-response curves. A drug has a potency and two targets, a cell type has
# receptors of both. The product of targets and receptors shifts and scales the curve, so that
# no sum of effects fits.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn_ann import TensorFactorizationRegressor

rng = np.random.default_rng(0)
n_drugs, n_cells, n_doses = 24, 16, 10
target, receptor = rng.gamma(1.5, size=(n_drugs, 2)), rng.gamma(1.5, size=(n_cells, 2))
strength = (target @ receptor.T)[:, :, None]  # (drug, cell, 1)
potency = rng.normal(size=(n_drugs, 1, 1))
dose = np.linspace(-3, 3, n_doses)
truth = (
    strength / (2 + strength) / (1 + np.exp(-2 * (dose + potency + 0.5 * np.log(strength))))
)
measured = truth + rng.normal(0, 0.02, truth.shape)

pair_missing = rng.uniform(size=(n_drugs, n_cells)) < 0.15
missing = (rng.uniform(size=truth.shape) < 0.2) | pair_missing[:, :, None]
entries = pd.DataFrame(np.argwhere(~missing), columns=["drug", "cell", "dose"])
y = measured[~missing]
print(f"{len(entries)} entries known, {missing.sum()} missing")
print(f"{pair_missing.sum()} pairs never measured")

# %%
# The network and the additive model read the entries as a table of levels.
network = TensorFactorizationRegressor(random_state=0).fit(entries, y)
everything = pd.DataFrame(np.argwhere(np.ones_like(missing)), columns=entries.columns)
additive = make_pipeline(OneHotEncoder(), Ridge(1e-2)).fit(entries, y)
filled = {
    "network": network.impute(),
    "additive model": additive.predict(everything).reshape(truth.shape),
}


# %%
# A CP decomposition is a sum of products of factors. If the factors of all modes but one are
# fixed, those of this mode are a linear regression for each level. Fifty rounds suffice.
def cp(rank: int, ridge: float = 0.05, n_rounds: int = 50) -> np.ndarray:
    factors = [rng.normal(0.5, 0.3, (n, rank)) for n in truth.shape]
    codes = entries.to_numpy()
    for _ in range(n_rounds):
        for mode in range(3):
            others = np.prod([factors[m][codes[:, m]] for m in range(3) if m != mode], axis=0)
            for level in range(truth.shape[mode]):
                here = codes[:, mode] == level
                moments = others[here].T @ others[here] + ridge * np.eye(rank)
                factors[mode][level] = np.linalg.solve(moments, others[here].T @ y[here])
    tensor: np.ndarray = np.einsum("ir,jr,kr->ijk", *factors)
    return tensor


filled["CP of rank 3"] = cp(3)

# %%
# Random entries are easy: all pairs of drug, cell type and dose have been measured. Pairs that
# were never measured are the question before an experiment.
random = missing & ~pair_missing[:, :, None]
fibres = missing & pair_missing[:, :, None]
scores = pd.DataFrame(
    {
        name: [r2_score(truth[where], values[where]) for where in (random, fibres)]
        for name, values in filled.items()
    },
    index=["random entries", "pairs never measured"],
)
print(scores.round(3))

# %%
# Three curves of pairs that were never measured, the scores, and the vectors of the drugs on
# two axes. The colour is the potency of the drug, which the model does not get.
figure, plots = plt.subplot_mosaic("aabbcc;rrrvvv", figsize=(10, 7), layout="constrained")
axes = [plots[name] for name in "abc"]
colours = {"network": "#0072b2", "additive model": "#999999", "CP of rank 3": "#d55e00"}
unmeasured = np.argwhere(pair_missing)
strong = unmeasured[np.argsort(-strength[pair_missing][:, 0])]
for ax, (drug, cell) in zip(
    axes, strong[[2, len(strong) // 3, 2 * len(strong) // 3]], strict=False
):
    for name, values in filled.items():
        ax.plot(dose, values[drug, cell], color=colours[name], label=name)
    ax.plot(dose, truth[drug, cell], "k.", label="truth")
    ax.set(title=f"drug {drug}, cell {cell}", xlabel="log dose", ylim=(-0.2, 1.1))
axes[0].set_ylabel("response")
figure.legend(
    *axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False
)
scores.T[::-1].plot.barh(ax=plots["r"], color=["#56b4e9", "#e69f00"], width=0.7)
plots["r"].set(title="missing entries", xlabel="R²", xlim=(0, 1))
plots["r"].legend(loc="upper center", bbox_to_anchor=(0.4, -0.2), ncols=2, frameon=False)
vectors = network.embeddings_["drug"]
centred = vectors - vectors.mean(axis=0)
plane = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
points = plots["v"].scatter(plane[:, 0], plane[:, 1], c=potency[:, 0, 0], cmap="viridis")
plots["v"].set(
    title="vectors of the drugs",
    xlabel="first principal component",
    ylabel="second principal component",
)
figure.colorbar(points, ax=plots["v"], label="potency")
plt.show()
