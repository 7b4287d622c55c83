"""
Predict sales from categories with EntityEmbeddingTransformer
=============================================================

This example shows how to encode categories with many levels as vectors. Sales depend on the
shop and on the article. One-hot columns hold little information about a rare level, and a mean
per level is a single number. :class:`~sklearn_ann.EntityEmbeddingTransformer` learns a vector
for each level, and levels with similar sales get similar vectors.

Baseline: the same random forest on one-hot columns and on scikit-learn's ``TargetEncoder``.
"""

# %%
# The data: simulated sales of 60 articles in 80 shops. A shop has a taste and an article has a
# character, two numbers each. Sales are the scalar product of the two plus noise. The set has
# 6,000 sales; there are 4,800 pairs of shop and article.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import KFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, TargetEncoder
from sklearn_ann import EntityEmbeddingTransformer

rng = np.random.default_rng(0)
taste, character = rng.normal(size=(80, 2)), rng.normal(size=(60, 2))
shop, article = rng.integers(80, size=6000), rng.integers(60, size=6000)
sales = (taste[shop] * character[article]).sum(axis=1) + 0.3 * rng.normal(size=6000)
table = pd.DataFrame(
    {"shop": [f"shop {i}" for i in shop], "article": [f"article {i}" for i in article]}
)
X_train, X_test, y_train, y_test = train_test_split(
    table, sales, test_size=0.25, random_state=0
)

# %%
# The same forest reads three encodings. The vectors are learned by predicting sales and are
# cross-fitted in the pipeline. A linear model on the same vectors is worse than the forest,
# because sales are a product and not a sum.
embedding = EntityEmbeddingTransformer(n_components=4, max_epochs=30, random_state=0)
models = {
    "one-hot columns, forest": make_pipeline(
        OneHotEncoder(handle_unknown="ignore"), RandomForestRegressor(20, random_state=0)
    ),
    "mean per name, forest": make_pipeline(
        TargetEncoder(cv=KFold(5, shuffle=True, random_state=0)),
        RandomForestRegressor(20, random_state=0),
    ),
    "vectors, forest": make_pipeline(embedding, RandomForestRegressor(20, random_state=0)),
    "vectors, linear": make_pipeline(embedding, LinearRegression()),
}
explained = {
    name: model.fit(X_train, y_train).score(X_test, y_test) for name, model in models.items()
}
for name, value in explained.items():
    print(f"{name:26s} explained variance of new pairs {value:.3f}")

# %%
# Left: the explained share of the variance. Right: distances between vectors of shops against
# distances between their tastes, for all pairs of shops.
fitted = models["vectors, forest"].named_steps["entityembeddingtransformer"]
number_of = [int(name.split()[1]) for name in fitted.categories_[0]]
vectors = fitted.embeddings_[0][: len(number_of)]
pairs = np.triu_indices(len(number_of), k=1)
apart = [
    np.linalg.norm(points[pairs[0]] - points[pairs[1]], axis=1)
    for points in (taste[number_of], vectors)
]
correlation = np.corrcoef(*apart)[0, 1]
print(f"Correlation of distances between shops, true and learned: {correlation:.2f}")

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4), layout="constrained")
left.barh(list(explained), list(explained.values()), color="#0072b2")
left.invert_yaxis()
left.axvline(0, color="black", linewidth=0.8)
left.set(
    xlabel="explained variance of new sales", xlim=(min(0, *explained.values()) - 0.05, 1)
)
right.scatter(*apart, s=3, color="#0072b2", alpha=0.3)
right.set(xlabel="distance of the tastes", ylabel="distance of the vectors")
plt.show()
