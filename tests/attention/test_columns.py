"""Attention among the columns of a table."""

import numpy as np
import pandas as pd
import pytest

from sklearn_ann import AttentionClassifier, AttentionRegressor

QUICK = {"max_epochs": 30, "random_state": 0}


@pytest.fixture
def table():
    """A target that depends on the product of two numbers, and on a category."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(400, 3)), columns=["a", "b", "c"])
    frame["kind"] = rng.choice(["u", "v", "w"], 400)
    return frame, frame["a"] * frame["b"] + 2 * (frame["kind"] == "v")


def test_products_and_categories_are_learned(table):
    X, y = table
    model = AttentionRegressor(**QUICK | {"max_epochs": 60}).fit(X[:300], y[:300])
    assert model.score(X[300:], y[300:]) > 0.8


def test_maps_name_the_columns(table):
    X, y = table
    model = AttentionClassifier(**QUICK | {"max_epochs": 2}).fit(X, y > 1)
    maps = model.attention_maps(X[:7])
    assert maps.shape == (7, 3, 8, 5, 5)
    np.testing.assert_allclose(maps.sum(axis=-1), 1, rtol=1e-5)
    assert model.token_names(X[:1]) == [["CLS", "a", "b", "c", "kind"]]
    assert model.attention_maps(X[:7], kind="rollout").shape == (7, 5, 5)


@pytest.mark.parametrize("attend", ["columns", "rows"])
def test_missing_and_unseen_values_are_values(table, attend):
    X, y = table
    X = X.copy()
    X.loc[X["a"] > 0.5, "a"] = np.nan
    y = X["a"].isna().to_numpy()
    model = AttentionClassifier(attend=attend, **QUICK).fit(X[:300], y[:300])
    assert model.score(X[300:], y[300:]) > 0.95
    odd = X[:2].assign(kind=["never", None], b=[np.nan, 1e9])
    assert np.isfinite(model.predict_proba(odd)).all()


@pytest.mark.parametrize("attend", ["columns", "rows"])
@pytest.mark.parametrize("numeric", ["periodic", "linear"])
def test_columns_of_one_value_one_column_and_few_rows(attend, numeric):
    X = np.c_[np.ones(6), np.arange(6.0)]
    y = np.arange(6) % 2
    settings = {"attend": attend, "numeric": numeric, "max_epochs": 2, "random_state": 0}
    for rows, columns in ((6, [0, 1]), (6, [0]), (6, [1]), (2, [1])):
        probabilities = AttentionClassifier(**settings).fit(X[:rows, columns], y[:rows]).predict_proba(X[:, columns])
        assert np.isfinite(probabilities).all()


def test_infinity_and_dates_are_refused(table):
    X, y = table
    with pytest.raises(ValueError, match="infinity"):
        AttentionRegressor(**QUICK).fit(X.assign(a=np.inf), y)
    with pytest.raises(ValueError, match="column 'day' is of datetime64"):
        AttentionRegressor(**QUICK).fit(X.assign(day=pd.Timestamp("2026-01-01")), y)
    model = AttentionRegressor(**QUICK | {"max_epochs": 1}).fit(X, y)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X.rename(columns={"a": "z"}))
