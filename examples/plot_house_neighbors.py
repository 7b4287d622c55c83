"""
Predict house prices from similar rows with AttentionRegressor
==============================================================

This example shows how to predict a target from similar rows of the training set and to see
these rows. :class:`~sklearn_ann.AttentionRegressor` with ``attend="rows"`` learns a similarity
of rows. Nearest neighbours in standardised columns give all columns the same weight.

Baseline: nearest neighbours and gradient boosting.
"""

# %%
# The data: a simulated town. The price of a square metre is highest near the centre and by the
# river. The year of construction has a small effect; the rooms, the house number and the width
# of the door have none.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn_ann import AttentionRegressor

rng = np.random.default_rng(0)
n = 3000
houses = pd.DataFrame(
    {
        "east": rng.uniform(-5, 5, n),  # kilometres from the centre
        "north": rng.uniform(-5, 5, n),
        "area": rng.gamma(9, 12, n),  # square metres
        "rooms": rng.integers(2, 8, n),
        "year": rng.integers(1900, 2025, n),
        "number": rng.integers(1, 200, n),  # in its street
        "door": rng.uniform(0.7, 1.1, n),  # width in metres
    }
)
river = (houses["north"] - 1.5 * np.sin(houses["east"])).abs() < 0.6
centre = np.exp(-(houses["east"] ** 2 + houses["north"] ** 2) / 4)
metre = 1500 + 4500 * centre + 2000 * river + 3 * (houses["year"] - 1900)  # euros
price = houses["area"] * metre / 1000 * rng.lognormal(0, 0.08, n)  # thousands of euros
train, test = train_test_split(houses.index, test_size=500, random_state=0)
X_train, X_test, y_train, y_test = (
    houses.loc[train],
    houses.loc[test],
    price.loc[train],
    price.loc[test],
)

# %%
# Three models predict the price.
models = {
    "attention to rows": AttentionRegressor(attend="rows", random_state=0),
    "nearest neighbours": make_pipeline(
        StandardScaler(), KNeighborsRegressor(10, weights="distance")
    ),
    "gradient boosting": HistGradientBoostingRegressor(random_state=0),
}
errors = {
    name: root_mean_squared_error(y_test, model.fit(X_train, y_train).predict(X_test))
    for name, model in models.items()
}
for name, error in errors.items():
    print(f"{name:20s} root mean squared error {error:.0f} thousand euros")
print(f"Standard deviation of the prices: {y_test.std():.0f} thousand euros")

# %%
# One house by the river, and the training rows with the greatest attention weights for this
# house.
model = models["attention to rows"]
by_river = np.flatnonzero(river.loc[X_test.index] & X_test["east"].between(1, 3))
house = X_test.iloc[[by_river[0]]]
indices, weights = model.neighbors(house)
used = X_train.iloc[indices[0]].assign(price=y_train.iloc[indices[0]], weight=weights[0])
print(house.round(1).assign(price=y_test.loc[house.index].round(0)).to_string(index=False))
print(used.round(2).head(6).to_string(index=False))

pipeline = models["nearest neighbours"]
nearest = pipeline[-1].kneighbors(
    pipeline[:-1].transform(house), len(used), return_distance=False
)[0]
near = X_train.iloc[nearest]

# %%
# The positions of these houses. Nearest neighbours in standardised columns must also agree in
# house number and door width, and are therefore far away.
figure, axes = plt.subplots(
    1, 2, figsize=(9.5, 6), layout="constrained", sharex=True, sharey=True
)
east = np.linspace(-5, 5, 200)
for ax, chosen, sizes, title in (
    (axes[0], used, 20 + 900 * used["weight"], "attention to rows: size is weight"),
    (axes[1], near, 60, "nearest neighbours in standardised columns"),
):
    ax.fill_between(
        east,
        1.5 * np.sin(east) - 0.6,
        1.5 * np.sin(east) + 0.6,
        color="#56b4e9",
        alpha=0.3,
        linewidth=0,
        label="river",
    )
    ax.scatter(X_train["east"], X_train["north"], s=2, color="0.75", label="training set")
    ax.scatter(
        chosen["east"],
        chosen["north"],
        s=sizes,
        color="#0072b2",
        edgecolor="white",
        label="similar rows",
    )
    ax.scatter(
        house["east"],
        house["north"],
        s=160,
        marker="*",
        color="#d55e00",
        edgecolor="white",
        label="house to predict",
    )
    ax.set(title=title, xlabel="kilometres east of the centre", aspect="equal")
axes[0].set_ylabel("kilometres north of the centre")
figure.legend(
    *axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False
)
figure.suptitle(
    "Error in thousands of euros: "
    + ", ".join(f"{name} {error:.0f}" for name, error in errors.items())
)
plt.show()
