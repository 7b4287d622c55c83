"""Classifier and regressor of tables: what members add, columns of any kind, and a fit with a known end."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import softmax
from sklearn.datasets import load_diabetes, load_wine
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score

from sklearn_ann import TabularClassifier, TabularRegressor
from sklearn_ann.base.budget import reduced_rate
from sklearn_ann.tabular.estimators import intervals

RNG = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {
        "size": RNG.normal(size=400),
        "kind": RNG.choice(["a", "b", "c"], size=400),
        "count": RNG.integers(0, 5, size=400),
        "place": pd.Categorical(RNG.choice(["north", "south"], size=400)),
        "same": 1.0,
    }
)
NUMBERS = TABLE["size"] * (TABLE["kind"] == "a") + (TABLE["place"] == "north") * 2.0 + 0.1 * RNG.normal(size=400)
BRIEF = {"max_epochs": 3, "random_state": 0}


@torch.no_grad()
def of_each_member(model, X):
    """Outputs, and features, of the members."""
    module, batch = model.module_.eval(), model.module_input(X)
    return module.members(batch).numpy(), module.body(batch).numpy()


def test_categories_and_numbers_act_together():
    model = TabularRegressor(random_state=0).fit(TABLE[:300], NUMBERS[:300])
    assert model.categorical_features_ == ["kind", "place"]
    assert model.score(TABLE[300:], NUMBERS[300:]) > 0.9
    plain = pd.get_dummies(TABLE).astype(float)
    assert LinearRegression().fit(plain[:300], NUMBERS[:300]).score(plain[300:], NUMBERS[300:]) < 0.85


def test_small_tables_are_not_learned_by_heart():
    X, y = load_diabetes(return_X_y=True)
    assert cross_val_score(TabularRegressor(random_state=0), X, y, cv=3).mean() > 0.4
    X, y = load_wine(return_X_y=True)
    assert cross_val_score(TabularClassifier(random_state=0), X, y, cv=3).mean() > 0.93


def test_a_fit_has_a_known_end_without_a_warning():
    model = TabularRegressor(random_state=0).fit(TABLE, NUMBERS)
    kept = model.resolved_parameters_
    assert kept.batch_size == 32
    assert model.n_iter_ == kept.max_epochs == 19  # 240 steps, 13 an epoch
    whole = TabularRegressor(batch_size=None, random_state=0).fit(TABLE[:20], NUMBERS[:20])
    assert whole.n_iter_ == 150


@pytest.mark.parametrize(("n_samples", "pieces"), [(1, 16), (3000, 30), (10**6, 64)])
def test_intervals_grow_with_the_samples_within_bounds(n_samples, pieces):
    assert intervals(n_samples) == pieces


def test_what_auto_stood_for_holds_in_a_warm_start():
    model = TabularRegressor(warm_start=True, max_epochs=1, random_state=0).fit(TABLE, NUMBERS)
    many = pd.concat([TABLE] * 5, ignore_index=True), pd.concat([NUMBERS] * 5, ignore_index=True)
    kept = model.fit(*many).resolved_parameters_
    assert (kept.n_pieces, kept.hidden_layer_sizes, kept.batch_size) == (16, (64, 64), 32)
    assert TabularRegressor(max_epochs=1, random_state=0).fit(*many).resolved_parameters_.n_pieces == 20


def test_few_samples_get_smaller_steps():
    model = TabularRegressor(**BRIEF).fit(TABLE, NUMBERS)
    assert model.resolved_parameters_.learning_rate == reduced_rate(8e-3, 400)


def test_probabilities_and_features_are_means_over_the_members():
    y = TABLE["kind"].to_numpy()
    X = TABLE.drop(columns="kind")
    model = TabularClassifier(n_members=4, **BRIEF).fit(X, y)
    each, features = of_each_member(model, X)
    assert each.shape == (4, 400, 3)
    np.testing.assert_allclose(model.predict_proba(X), softmax(each, axis=2).mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(model.transform(X), features.mean(axis=0), atol=1e-6)


def test_the_rate_of_counts_is_the_mean_of_the_members_rates():
    counts = TABLE["count"] + 1
    model = TabularRegressor(loss="poisson", n_members=4, **BRIEF).fit(TABLE, counts)
    each, _ = of_each_member(model, TABLE)
    rates = np.exp(each[:, :, 0]).mean(axis=0)
    np.testing.assert_allclose(model.predict(TABLE), rates * counts.mean(), rtol=1e-5)


def test_members_differ_and_together_are_better_than_one_on_average():
    X, y = load_diabetes(return_X_y=True)
    model = TabularRegressor(random_state=0).fit(X[:300], y[:300])
    each = of_each_member(model, X[300:])[0][:, :, 0]  # (member, sample)
    target = (y[300:] - y[:300].mean()) / y[:300].std()
    errors = ((each - target) ** 2).mean(axis=1)
    together = ((each.mean(axis=0) - target) ** 2).mean()
    assert each.std(axis=0).mean() > 0.02
    assert together < errors.mean()


def test_missing_numbers_unknown_categories_and_constant_columns():
    X = TABLE.copy()
    X.loc[::3, "size"] = np.nan
    X["kind"] = X["kind"].where(RNG.uniform(size=400) > 0.2, None)
    model = TabularClassifier(**BRIEF).fit(X, NUMBERS > 1)
    new = X[:2].assign(kind=["z", None], size=[np.nan, 1e9])
    assert np.isfinite(model.predict_proba(new)).all()


@pytest.mark.parametrize("numeric", ["piecewise", "periodic", "linear"])
@pytest.mark.parametrize("column", ["size", "kind"])
def test_one_column_is_a_table(numeric, column):
    model = TabularRegressor(numeric=numeric, **BRIEF).fit(TABLE[[column]], NUMBERS)
    assert model.predict(TABLE[[column]][:1]).shape == (1,)


def test_several_outputs_of_which_some_are_missing():
    Y = np.column_stack([NUMBERS, -NUMBERS])
    Y[::2, 1] = np.nan
    model = TabularRegressor(random_state=0).fit(TABLE, Y)
    assert model.score(TABLE, Y) > 0.9
    labels = np.where(np.isnan(Y), np.nan, Y > 1)
    assert TabularClassifier(random_state=0).fit(TABLE, labels).score(TABLE, labels) > 0.9


def test_quantiles_bracket_the_target():
    noisy = NUMBERS + np.random.default_rng(1).normal(size=400)
    low, high = (
        TabularRegressor(loss="quantile", quantile=q, random_state=0).fit(TABLE, noisy).predict(TABLE)
        for q in (0.1, 0.9)
    )
    inside = (low < noisy) & (high > noisy)
    assert 0.7 < inside.mean() < 0.95


def test_networks_may_have_one_member_or_no_hidden_layer():
    for settings in ({"n_members": 1}, {"hidden_layer_sizes": ()}, {"hidden_layer_sizes": 5}):
        model = TabularRegressor(**settings, **BRIEF).fit(TABLE, NUMBERS)
        assert model.transform(TABLE).shape == (400, len(model.get_feature_names_out()))


def test_samples_of_weight_two_are_as_many_as_they_count_for():
    X, y = RNG.normal(size=(900, 2)), RNG.normal(size=900)
    exact = {"batch_size": None, "precision": "float64", "dropout": 0.0, "max_epochs": 3, "random_state": 0}
    twice = TabularRegressor(**exact).fit(np.r_[X, X], np.r_[y, y])
    weighted = TabularRegressor(**exact).fit(X, y, sample_weight=np.full(900, 2.0))
    np.testing.assert_allclose(weighted.predict(X), twice.predict(X), rtol=1e-9)


@pytest.mark.parametrize("numeric", ["piecewise", "periodic", "linear"])
def test_a_number_that_is_infinite_in_units_of_the_fit_is_refused(numeric):
    X = RNG.normal(size=(50, 2))
    model = TabularRegressor(scaling="standard", numeric=numeric, **BRIEF).fit(X, X[:, 0])
    X[3, 1] = 1e300
    with pytest.raises(ValueError, match="the output for sample 3 is not finite"):
        model.predict(X)
