"""
Use features of a PyTorch network with PretrainedTransformer
============================================================

This example shows how to use a network that was trained elsewhere as a transformer in a
pipeline. A small convolutional network in PyTorch has learned the digits 0 to 4. Its layers
are the features of a linear model for the digits 5 to 9, of which few have a label.
:class:`~sklearn_ann.PretrainedTransformer` takes the torch module as it is.

Baseline: the same linear model on pixels.
"""

# %%
# The data: the network of the source task sees the digits 0 to 4 only.
import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn_ann import PretrainedTransformer
from torch import nn

X, y = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)

# %%
# The source network and its training are plain PyTorch. Usually such a network comes with its
# weights in a file, which ``state="weights.safetensors"`` reads.
torch.manual_seed(0)
network = nn.Sequential(
    nn.Unflatten(1, (1, 8, 8)),
    nn.Conv2d(1, 32, 3, padding=1),
    nn.ReLU(),
    nn.Conv2d(32, 64, 3, padding=1),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(64 * 64, 5),
)
source = y < 5
images, digits = torch.from_numpy(X[source]), torch.from_numpy(y[source])
optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
for _ in range(10):
    for batch in torch.randperm(len(images)).split(32):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(images[batch]), digits[batch]).backward()
        optimizer.step()

# %%
# Two layers of the network are the features. Layers have the names of ``named_modules()``.
rng = np.random.default_rng(0)
target = rng.permutation(np.flatnonzero(~source))
X_test, y_test = X[target[500:]], y[target[500:]]
features = PretrainedTransformer(network, layer=["2", "4"], pooling="flatten")
models = {
    "network's features": make_pipeline(
        features, StandardScaler(), LogisticRegression(max_iter=1000)
    ),
    "pixels": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
}
numbers = [10, 20, 50, 100, 200]
accuracy: dict[str, list[float]] = {name: [] for name in models}
for name, model in models.items():
    for n in numbers:
        parts = [target[k * n : (k + 1) * n] for k in range(min(5, 500 // n))]
        found = [model.fit(X[p], y[p]).score(X_test, y_test) for p in parts]
        accuracy[name].append(float(np.mean(found)))
    print(
        f"{name:20s}",
        "  ".join(f"{n}: {a:.3f}" for n, a in zip(numbers, accuracy[name], strict=True)),
    )

# %%
# The accuracy on new digits 5 to 9, as mean over up to five training sets of each size. The
# features help most where fewest labels are known; with 200 labels pixels are as good.
figure, axes = plt.subplots(figsize=(6.5, 4), layout="constrained")
for (name, values), style in zip(accuracy.items(), ("o-", "s--"), strict=True):
    axes.plot(numbers, values, style, label=name)
axes.set(xscale="log", xlabel="labelled digits", ylabel="accuracy on new digits")
axes.set_xticks(numbers, [str(n) for n in numbers])
axes.minorticks_off()
axes.legend()
plt.show()
