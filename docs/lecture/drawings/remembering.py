"""The first letter of a string, named after a number of other letters."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_ann import AttentionClassifier, RNNClassifier

warnings.simplefilter("ignore", ConvergenceWarning)


def recall(lag, n, seed):
    """Return strings that begin with one of four letters, and the number of this letter."""
    rng = np.random.default_rng(seed)
    first, rest = rng.integers(4, size=n), rng.choice(list("ACDE"), size=(n, lag))
    return ["WYFH"[k] + "".join(row) for k, row in zip(first, rest, strict=True)], first


def right(model, lag, seed):
    """Return the share of new strings whose first letter is right."""
    model.set_params(random_state=seed).fit(*recall(lag, 400, seed))
    return model.score(*recall(lag, 300, 9))


shape = {"conv_layers": (), "bidirectional": False, "pooling": "last", "n_layers": 1}
shape |= {"hidden_size": 32, "dropout": 0}
training = {"alphabet": "protein", "max_epochs": 12}
cells = ("plain", "gru", "lstm")
models = {cell: RNNClassifier(cell=cell, **shape, **training) for cell in cells}
models["attention"] = AttentionClassifier(k=1, mutation=0, **training)
lags = [10, 30, 100]
figure, axis = plt.subplots(figsize=(5.6, 3.4), layout="constrained")
for name, model in models.items():
    scores = [np.mean([right(model, lag, seed) for seed in range(3)]) for lag in lags]
    axis.plot(lags, scores, "o-", label=name.upper() if name in ("gru", "lstm") else name)
axis.axhline(0.25, color="0.7", linewidth=1)
axis.set(xscale="log", xlabel="letters between", ylabel="right on new strings", ylim=(0, 1.05))
axis.set_title("After the training, mean of three seeds")
axis.set_xticks(lags, lags)
axis.minorticks_off()
axis.legend(frameon=False)
axis.spines[["top", "right"]].set_visible(False)
