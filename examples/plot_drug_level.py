"""
Predict drug levels from doses with RNNRegressor
================================================

This example shows how to predict a number from time series of different lengths. Each patient
takes doses of a drug at irregular hours, and the level in the blood is measured at the end.
The enzyme that removes the drug saturates, so that the level is no sum over the doses.
:class:`~sklearn_ann.RNNRegressor` reads the hourly doses as they are.

Baseline: ridge regression and gradient boosting on the doses of the last 48 hours.
"""

# %%
# The data: 24 to 96 hours of doses. In each hour the level falls by ``Vmax C / (Km + C)``.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.metrics import root_mean_squared_error
from sklearn_ann import RNNRegressor

rng = np.random.default_rng(0)


def levels(
    doses: np.ndarray, fastest: float = 1.2, half_saturation: float = 3.0
) -> np.ndarray:
    """Return the level after each hour."""
    level, course = 0.0, []
    for dose in doses:
        level += dose
        level -= fastest * level / (half_saturation + level)
        course.append(level)
    return np.array(course)


doses = [
    rng.choice([0.0, 2.0, 4.0, 8.0], p=[0.82, 0.08, 0.06, 0.04], size=hours)
    for hours in rng.integers(24, 97, size=1500)
]
y = np.array([levels(series)[-1] for series in doses]) * rng.lognormal(0, 0.05, size=1500)
train, test = slice(1000), slice(1000, 1500)

# %%
# The network reads each series to its end. The baselines get 48 columns: the doses of the last
# 48 hours, with zeros before the first hour.
last = np.array([np.pad(series, (48, 0))[-48:] for series in doses])
network = RNNRegressor(
    conv_layers=(), bidirectional=False, pooling="last", max_epochs=40, random_state=0
).fit(doses[train], y[train])
predicted = {
    "RNNRegressor": network.predict(doses[test]),
    "ridge": RidgeCV().fit(last[train], y[train]).predict(last[test]),
    "gradient boosting": HistGradientBoostingRegressor(random_state=0)
    .fit(last[train], y[train])
    .predict(last[test]),
}
for name, values in predicted.items():
    print(f"{name:18s} root mean squared error {root_mean_squared_error(y[test], values):.2f}")
print(f"Standard deviation of the levels: {y[test].std():.2f}")

# %%
# Left: predicted against measured levels. Right: the predictions for the growing series of one
# new patient follow the true level, although the network has only seen levels at the end.
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
for (name, values), marker in zip(predicted.items(), "o^x", strict=True):
    left.scatter(y[test], values, s=10, marker=marker, alpha=0.6, label=name)
left.axline((0, 0), slope=1, color="0.5", linewidth=1)
left.set(xlabel="measured level", ylabel="predicted level")
left.legend()
series = max(doses[test], key=len)
hours = range(6, len(series) + 1)
right.plot(levels(series), color="0.75", linewidth=4, label="true level")
right.plot(
    [hour - 1 for hour in hours],
    network.predict([series[:hour] for hour in hours]),
    label="predicted from the doses until this hour",
)
right.vlines(
    np.flatnonzero(series), -1, series[series > 0] / 4 - 1, color="#d55e00", label="doses / 4"
)
right.set(xlabel="hour", ylabel="level")
right.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)
plt.show()
