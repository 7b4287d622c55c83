"""
Classify time series by the order of events with RNNClassifier
==============================================================

This example shows how to classify time series of different lengths by the order of two events.
Each series has a pulse in one channel and a pulse in the other, at random times. The label is
the channel with the earlier pulse. :class:`~sklearn_ann.RNNClassifier` reads the series as
they are, and the states of an LSTM over time show what the network stores.

Baseline: a random forest on the values, and one on the times of the maxima, which are the
right features.
"""

# %%
# The data: series of 40 to 80 steps with two noisy channels.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn_ann import RNNClassifier
from sklearn_ann.inspection import HiddenStateDisplay

rng = np.random.default_rng(0)
series, pulses = [], []
for length in rng.integers(40, 81, size=800):
    one = rng.normal(0, 0.3, size=(length, 2))
    times = np.sort(rng.choice(length, size=2, replace=False))
    first = rng.integers(2)
    one[times[0], first] += 2
    one[times[1], 1 - first] += 2
    series.append(one)
    pulses.append((*times, first))
y = np.array(["AB"[first] for *_, first in pulses])
train, test = slice(600), slice(600, 800)

# %%
# The recurrent networks read the steps one after another. The first forest gets the values as
# columns, padded with zeros. The second forest gets the time of the maximum of each channel.
# The second forest solves the task: with the right features no network is needed.
padded = np.array([np.pad(one, ((0, 80 - len(one)), (0, 0))).ravel() for one in series])
peaks = np.array([one.argmax(axis=0) for one in series])
print("Accuracy on new series")
for name, X in (("forest on values", padded), ("forest on times of the maxima", peaks)):
    forest = RandomForestClassifier(random_state=0).fit(X[train], y[train])
    print(f"  {name:30s} {forest.score(X[test], y[test]):.3f}")
models = {}
for cell in ("plain", "gru", "lstm"):
    model = RNNClassifier(
        cell=cell,
        conv_layers=(),
        bidirectional=False,
        pooling="last",
        n_layers=1,
        hidden_size=32,
        max_epochs=20,
        random_state=0,
    )
    models[cell] = model.fit(series[train], y[train])
    print(f"  {f'recurrent network, {cell}':30s} {model.score(series[test], y[test]):.3f}")

# %%
# The states of the LSTM over two new series, one of each class. Dashed lines mark the pulses.
# The states change at a pulse and stay until the end.
chosen = [600 + int(np.flatnonzero(y[test] == label)[0]) for label in "AB"]
figure, axes = plt.subplots(
    4, 1, figsize=(9, 8), layout="constrained", height_ratios=[1, 2, 1, 2]
)
for (above, below), sample in zip(axes.reshape(2, 2), chosen, strict=True):
    above.plot(series[sample], label=["A", "B"])
    above.set(
        xlim=(-0.5, len(series[sample]) - 0.5), ylabel="value", title=f"{y[sample]} came first"
    )
    above.legend(loc="upper right")
    display = HiddenStateDisplay.from_estimator(
        models["lstm"], series, sample=sample, ax=below, colorbar=False
    )
    display.im_.set_clim(-1, 1)
    below.set_xticks(range(0, len(series[sample]), 10))
    for ax in (above, below):
        for time in pulses[sample][:2]:
            ax.axvline(time, color="black", linewidth=0.8, linestyle="--")
figure.colorbar(axes[1].images[0], ax=axes[[1, 3]], label="state", shrink=0.6)
plt.show()
