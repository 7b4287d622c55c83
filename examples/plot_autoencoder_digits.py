"""
Compress digits with AutoEncoderTransformer
===========================================

This example shows how to compress images with an auto-encoder and how to choose the size of
the code. :class:`~sklearn_ann.AutoEncoderTransformer` reconstructs digits from eight numbers
with a smaller error than principal components. Its code is no better as features of a random
forest.

Baseline: PCA with as many components.
"""

# %%
# The data: the first 1,400 digits are the training set, the others the test set.
import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import ProgressBar
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn_ann import AutoEncoderTransformer
from sklearn_ann.inspection import ReconstructionDisplay, TrainingCurveDisplay

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = X[:1400], X[1400:], y[:1400], y[1400:]

# %%
# The size of the code, ``n_components``, is a hyper-parameter like any other and can be
# searched. On a terminal, a progress bar shows every epoch.


def search_over(reducer: BaseEstimator, name: str) -> GridSearchCV:
    """Search for the width of the code that suits a forest best."""
    pipe = make_pipeline(MinMaxScaler(), reducer, RandomForestClassifier(random_state=0))
    search = GridSearchCV(pipe, {f"{name}__n_components": [4, 16]}, cv=3, n_jobs=2)
    if sys.stderr.isatty():
        search.set_callbacks(ProgressBar(max_propagation_depth=None))
    return search.fit(X_train, y_train)


network = search_over(AutoEncoderTransformer(random_state=0), "autoencodertransformer")
baseline = search_over(PCA(random_state=0), "pca")
print("Accuracy of a random forest on the code of 397 unseen digits")
for label, search in (("auto-encoder", network), ("PCA", baseline)):
    width = next(iter(search.best_params_.values()))
    print(f"  {label:13s} {search.score(X_test, y_test):.3f}  (best width {width})")

# %%
# The features have names, as ``set_output`` shows.
encoder = network.best_estimator_[:-1]
encoder[-1].set_output(transform="pandas")
print(encoder.transform(X_test).iloc[:3, :2].round(2))

# %%
# The reconstruction: each digit is rebuilt from eight numbers.
scaler = MinMaxScaler().fit(X_train)
train, test = scaler.transform(X_train), scaler.transform(X_test)
models = {
    "auto-encoder": AutoEncoderTransformer(n_components=8, random_state=0).fit(train),
    "PCA": PCA(n_components=8, random_state=0).fit(train),
}
rebuilt = {
    label: model.inverse_transform(model.transform(test)) for label, model in models.items()
}
errors = {
    label: float(np.square(test - image).sum(axis=1).mean())
    for label, image in rebuilt.items()
}
print("Squared error of 397 unseen digits rebuilt from 8 numbers")
for label, error in errors.items():
    print(f"  {label:13s} {error:.3f}")
print(f"  ratio         {errors['auto-encoder'] / errors['PCA']:.2f}")

# %%
# One digit of each class and its two reconstructions.
shown = [int(np.flatnonzero(y_test == digit)[0]) for digit in range(10)]
rows = {"original": test[shown]}
rows |= {f"{label}\nerror {errors[label]:.2f}": rebuilt[label][shown] for label in rebuilt}
display = ReconstructionDisplay(rows).plot()
display.figure_.suptitle("Unseen digits rebuilt from eight numbers")

# %%
# The loss of the auto-encoder by epoch. The learning rate falls to zero, so that the curve is
# flat in the end.
TrainingCurveDisplay.from_estimator(models["auto-encoder"])
plt.show()
