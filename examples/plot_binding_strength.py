"""
Predict binding strength from DNA with CNNRegressor
===================================================

This example shows how to predict a number from DNA sequences and to see which letters the
prediction uses. A protein binds DNA where the sequence is similar to its motif, and several
weak sites add up. :class:`~sklearn_ann.CNNRegressor` learns the binding strength from 1,500
measured sequences, and its saliency marks the binding sites.

Baseline: ridge regression on counts of 4-mers.
"""

# %%
# The data: random sequences of 60 letters and a motif of eight positions. The strength is the
# logarithm of the sum of ``exp(score)`` over all positions, plus noise.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.metrics import PredictionErrorDisplay
from sklearn.pipeline import make_pipeline
from sklearn_ann import CNNRegressor, SequenceEncoder

rng = np.random.default_rng(0)
LETTERS = np.array(list("ACGT"))
motif = np.log(rng.dirichlet([0.4] * 4, size=8) + 0.02) - np.log(0.25)  # (position, letter)
codes = rng.integers(4, size=(2000, 60))
windows = np.lib.stride_tricks.sliding_window_view(codes, 8, axis=1)  # (sequence, start, 8)
scores = motif[np.arange(8), windows].sum(axis=2)
strength = np.log(np.exp(scores).sum(axis=1)) + rng.normal(scale=0.3, size=2000)
sequences = np.array(["".join(row) for row in LETTERS[codes]])
X_train, X_test, y_train, y_test = (
    sequences[:1500],
    sequences[1500:],
    strength[:1500],
    strength[1500:],
)

# %%
# The two models. The target needs no scaling: the estimator standardises it in ``fit``.
models = {
    "CNNRegressor": CNNRegressor(max_epochs=20, random_state=0),
    "4-mer counts, ridge": make_pipeline(
        SequenceEncoder("dna", encoding="kmer", k=4), RidgeCV(np.logspace(-1, 4, 11))
    ),
}
r2 = {
    name: model.fit(X_train, y_train).score(X_test, y_test) for name, model in models.items()
}
for name, value in r2.items():
    print(f"{name:20s} R² {value:.3f} on 500 new sequences")

# %%
# Left and middle: measured against predicted strength. Right: the saliency of one sequence,
# the change of the prediction with each letter, beside the score of the motif at each
# position.
figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), layout="constrained")
for ax, (name, model) in zip(axes, models.items(), strict=False):
    PredictionErrorDisplay.from_estimator(
        model, X_test, y_test, kind="actual_vs_predicted", ax=ax, scatter_kwargs={"s": 6}
    )
    ax.set(title=f"{name}: R² {r2[name]:.2f}", xticks=range(3, 7), yticks=range(3, 7))
    ax.set(xlabel="predicted strength", ylabel="measured strength")
strongest = int(y_test.argmax())
saliency = np.abs(models["CNNRegressor"].saliency(X_test[[strongest]])[0]).max(axis=1)
axes[2].plot(saliency / saliency.max(), color="#0072b2", label="saliency")
best = int(scores[1500 + strongest].argmax())
axes[2].axvspan(best - 0.5, best + 7.5, color="#e69f00", alpha=0.4, label="strongest site")
axes[2].set(
    xlabel="position", ylabel="saliency / greatest", title="strongest sequence", ylim=(0, 1.25)
)
axes[2].legend(loc="upper center", fontsize="small", ncols=2)
plt.show()
