"""How the gradient of recurrent networks falls with the distance, and what they remember, beside attention."""

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_ann import AttentionClassifier, RNNClassifier
from sklearn_ann.datasets import make_marker_recall

warnings.simplefilter("ignore", ConvergenceWarning)
shape = {"conv_layers": (), "bidirectional": False, "pooling": "last", "n_layers": 1, "dropout": 0}
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")

# Left: before the training, the derivative of the output by the input, from the last step back to the first.
X, y = make_marker_recall(200, delay=100, random_state=0)
for cell in ("plain", "gru", "lstm"):
    start = RNNClassifier(cell=cell, max_epochs=1, learning_rate=1e-6, random_state=0, **shape).fit(X, y)
    size = np.linalg.norm(start.saliency(X), axis=-1).mean(axis=0)[::-1]
    left.semilogy(size / size[0], label=cell)
left.set(xlabel="steps back", title="gradient, the last step's being 1")


# Right: the first letter is to be named after a number of other letters.
def recall(lag, n, seed):
    """Return strings that begin with one of four letters, and the number of this letter."""
    rng = np.random.default_rng(seed)
    first, rest = rng.integers(4, size=n), rng.choice(list("ACDE"), size=(n, lag))
    return ["WYFH"[number] + "".join(letters) for number, letters in zip(first, rest, strict=True)], first


models = {
    cell: RNNClassifier(cell=cell, alphabet="protein", hidden_size=32, max_epochs=12, random_state=0, **shape)
    for cell in ("plain", "gru", "lstm")
}
models["attention"] = AttentionClassifier(alphabet="protein", k=1, mutation=0, max_epochs=12, random_state=0)
lags = [10, 30, 100]
for name, model in models.items():
    scores = [
        np.mean([model.set_params(random_state=seed).fit(*recall(lag, 400, seed)).score(*recall(lag, 300, 9)) for seed in range(3)])
        for lag in lags
    ]
    right.plot(lags, scores, "o-", label=name)
right.axhline(0.25, color="0.7", linewidth=1)
right.set(xscale="log", xlabel="letters between", title="right on new strings, three seeds", ylim=(0, 1.05))
right.set_xticks(lags, lags)
right.minorticks_off()
for axis in (left, right):
    axis.legend(frameon=False)
    axis.spines[["top", "right"]].set_visible(False)
