"""
Predict a number from a table with TabularRegressor
===================================================

This example shows regression on a table and intervals of the predictions.
:class:`~sklearn_ann.TabularRegressor` is compared with gradient boosting on a smooth function
of ten columns (Friedman 1991), of which five have no effect. With ``loss="quantile"`` the same
estimator predicts quantiles.

Baseline: gradient boosting and a linear model.
"""

# %%
# The data: 1,000 rows are the training set, 1,000 the test set.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_friedman1
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import root_mean_squared_error
from sklearn_ann import TabularRegressor

X, y = make_friedman1(2000, noise=1.0, random_state=0)
X_train, X_test, y_train, y_test = X[:1000], X[1000:], y[:1000], y[1000:]

# %%
# The standard deviation of the noise, 1, is the smallest error that is possible.
models = {
    "TabularRegressor": TabularRegressor(random_state=0),
    "gradient boosting": HistGradientBoostingRegressor(random_state=0),
    "linear model": LinearRegression(),
}
predicted = {
    name: model.fit(X_train, y_train).predict(X_test) for name, model in models.items()
}
for name, values in predicted.items():
    print(f"{name:18s} root mean squared error {root_mean_squared_error(y_test, values):.2f}")

# %%
# Two networks predict the quantiles 0.05 and 0.95. Nine of ten new values should lie between.
low, high = (
    TabularRegressor(loss="quantile", quantile=q, random_state=0)
    .fit(X_train, y_train)
    .predict(X_test)
    for q in (0.05, 0.95)
)
inside = ((low <= y_test) & (y_test <= high)).mean()
print(f"Share of new values between the quantiles 0.05 and 0.95: {inside:.2f}")

# %%
# Left: the errors of the three models. Right: the intervals of 60 new rows, sorted by
# prediction.
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.boxplot(
    [np.abs(y_test - values) for values in predicted.values()],
    sym="",
    orientation="horizontal",
)
left.set_yticks(range(1, 4), predicted)
left.set_xlabel("absolute error")
rows = np.argsort(predicted["TabularRegressor"][:60])
right.vlines(range(60), low[rows], high[rows], color="#56b4e9", label="quantiles 0.05 to 0.95")
right.plot(y_test[rows], ".", color="black", label="new values")
right.set(xlabel="row", ylabel="y")
right.legend()
plt.show()
