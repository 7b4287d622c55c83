"""Tables of numbers, categories and missing values, to be sampled."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.utils import estimator_checks as checks

from sklearn_ann import VAESampler
from sklearn_ann.generative.prior import Normal
from sklearn_ann.generative.tables import table_scaling
from sklearn_ann.reading import MixedReader, RowReader

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def people():
    """Age, a weight that rises with it and by site and is missing by site, a site, and whether someone smokes."""
    rng = np.random.RandomState(0)
    site, age = rng.choice(["Bonn", "Kiel", "Ulm"], 900, p=[0.5, 0.2, 0.3]), rng.randint(20, 80, 900)
    weight = 40 + age / 2 + 20 * (site == "Ulm") + rng.normal(scale=4, size=900)
    weight[rng.uniform(size=900) < np.where(site == "Kiel", 0.5, 0.1)] = np.nan
    smoker = rng.uniform(size=900) < np.where(age < 50, 0.6, 0.1)
    return pd.DataFrame({"age": age, "weight": weight, "site": pd.Categorical(site), "smoker": smoker})


@pytest.fixture(scope="module")
def model(people):
    return VAESampler(prior="mixture", random_state=0).fit(people)


def test_samples_are_rows_like_those_of_the_table(people, model):
    drawn = model.sample(4000, random_state=0)
    pd.testing.assert_series_equal(drawn.dtypes, people.dtypes)
    assert drawn["age"].between(20, 79).all()
    shares, expected = (frame["site"].value_counts(normalize=True).sort_index() for frame in (drawn, people))
    np.testing.assert_allclose(shares, expected, atol=0.06)
    by_site, expected = (frame.groupby("site", observed=True)["weight"] for frame in (drawn, people))
    np.testing.assert_allclose(by_site.mean(), expected.mean(), atol=3)
    missing, as_expected = (
        frame["weight"].isna().groupby(frame["site"], observed=True).mean() for frame in (drawn, people)
    )
    np.testing.assert_allclose(missing, as_expected, atol=0.1)
    slope, as_it_is = (frame[["age", "weight"]].corr().iloc[0, 1] for frame in (drawn, people))
    assert slope == pytest.approx(as_it_is, abs=0.08)
    young, old = (drawn.loc[drawn["age"] < 50, "smoker"].mean(), drawn.loc[drawn["age"] >= 50, "smoker"].mean())
    assert young > old + 0.3


def test_a_mixture_draws_better_codes_than_the_normal_prior(people, model):
    normal = clone(model).set_params(prior="normal", scaling="quantile", max_epochs=60).fit(people)
    pair, truth = ["age", "weight"], people[["age", "weight"]].corr().iloc[0, 1]
    gap = [abs(m.sample(4000, random_state=0)[pair].corr().iloc[0, 1] - truth) for m in (model, normal)]
    assert gap[0] < gap[1]


def test_scores_go_by_the_mixture(people, model):
    weighted, elbo = model.score_samples(people), model.elbo(people)
    assert elbo.mean() < weighted.mean()
    mixed_up = people.assign(site=people["site"].sample(frac=1, random_state=0).to_numpy())
    assert weighted.mean() > model.score(mixed_up) + 1
    module = copy.deepcopy(model).module_
    module.prior = Normal()
    assert model.score(people) > VAESampler.score(_with(model, module), people)


def _with(model, module):
    other = copy.copy(model)
    other.module_ = module
    return other


def test_decoded_codes_are_rows_with_the_most_probable_categories(people, model):
    rebuilt = model.inverse_transform(model.transform(people))
    pd.testing.assert_series_equal(rebuilt.dtypes, people.dtypes)
    assert (rebuilt["site"] == people["site"]).mean() > 0.95
    assert (rebuilt["age"] - people["age"]).abs().median() < 4


def test_a_model_of_tables_survives_a_pickle_and_a_warm_start(people, model):
    opened = pickle.loads(pickle.dumps(model))
    pd.testing.assert_frame_equal(opened.sample(5, random_state=0), model.sample(5, random_state=0))
    np.testing.assert_allclose(opened.score_samples(people[:9]), model.score_samples(people[:9]))
    warm = (
        VAESampler(prior="mixture", max_epochs=2, warm_start=True, random_state=0).fit(people[:200]).fit(people[:200])
    )
    assert len(warm.sample(3)) == 3
    assert len(warm.partial_fit(people[:200]).sample(3)) == 3


def test_conditions_are_columns_that_are_not_modelled(people):
    model = VAESampler(prior="mixture", conditions="site", max_epochs=20, random_state=0).fit(people)
    drawn, site = model.sample(400, y=np.repeat(["Ulm", "Bonn"], 200), random_state=0)
    assert list(drawn) == ["age", "weight", "smoker"]
    assert drawn["weight"][site == "Ulm"].mean() > drawn["weight"][site == "Bonn"].mean() + 10


def test_weights_decide_which_rows_are_drawn(people):
    weight = (people["site"] != "Ulm").to_numpy().astype(float)
    model = VAESampler(prior="mixture", max_epochs=5, random_state=0).fit(people, sample_weight=weight)
    assert set(model.sample(500)["site"]) == {"Bonn", "Kiel"}


def test_modes_are_a_block_of_their_own(people):
    two = pd.DataFrame(
        {"x": np.r_[np.random.RandomState(0).normal(-5, size=300), np.random.RandomState(1).normal(5, size=300)]}
    )
    model = VAESampler(prior="mixture", scaling="modes", n_components=2, random_state=0).fit(two)
    drawn = model.sample(1000)["x"]
    assert (drawn.abs() > 2).mean() > 0.97
    assert (drawn > 0).mean() == pytest.approx(0.5, abs=0.06)


def test_frames_of_plain_numbers_are_read_as_before_and_come_back_as_frames():
    frame = pd.DataFrame(np.random.RandomState(0).normal(size=(60, 2)), columns=["a", "b"]).assign(n=range(60))
    model = VAESampler(max_epochs=2, random_state=0).fit(frame)
    assert isinstance(model.reader_.rows, RowReader)
    array = VAESampler(max_epochs=2, random_state=0).fit(frame.to_numpy())
    pd.testing.assert_series_equal(model.sample(4).dtypes, frame.dtypes)
    np.testing.assert_allclose(model.sample(4)[["a", "b"]], array.sample(4)[:, :2], rtol=1e-6)
    assert list(model.inverse_transform(model.transform(frame))) == ["a", "b", "n"]
    pl = pytest.importorskip("polars")
    assert VAESampler(max_epochs=2).fit(pl.from_pandas(frame)).sample(4).schema == pl.from_pandas(frame).schema


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({}, RowReader),
        ({"scaling": "standard", "prior": "mixture"}, RowReader),
        ({"prior": "mixture"}, MixedReader),
        ({"scaling": "quantile"}, MixedReader),
        ({"categorical_features": [0]}, MixedReader),
        ({"prior": "mixture", "likelihood": "poisson"}, RowReader),
        ({"prior": "mixture", "image_shape": (2, 2)}, RowReader),
    ],
)
def test_settings_decide_how_an_array_is_read(settings, kind):
    X = np.random.RandomState(0).randint(3, size=(30, 4)).astype(float)
    model = VAESampler(max_epochs=1, random_state=0, **settings).fit(X)
    assert type(model.reader_.rows) is kind
    assert model.sample(3).shape == (3, 4)


def test_sparse_counts_may_have_a_mixture_too():
    X = sp.csr_array(np.random.RandomState(0).poisson(2.0, size=(50, 6)).astype(float))
    model = VAESampler(likelihood="poisson", prior="mixture", max_epochs=2, random_state=0).fit(X)
    assert model.sample(4).shape == (4, 6)
    assert model.resolved_parameters_.beta == 1.0  # what tables get is for tables


def test_what_cannot_be_modelled_is_refused(people):
    cases = [
        ({"likelihood": "poisson"}, people, "column 'site' of X holds categories, which likelihood='poisson'"),
        ({"scaling": "modes"}, sp.csr_array(np.eye(9)), "scaling='modes' is for frames and dense arrays"),
        ({"scaling": "modes", "likelihood": "bernoulli"}, np.eye(9), "scaling='modes' is for tables"),
        ({"categorical_features": [0]}, sp.csr_array(np.eye(9)), r"categorical_features=\[0\] is for frames and dense"),
        ({"categorical_features": [0], "likelihood": "poisson"}, sp.csr_array(np.eye(9)), "is for frames and dense"),
        ({"categorical_features": [0], "image_shape": (3, 3)}, np.ones((4, 3, 3)), "is for frames and dense arrays"),
        ({}, np.array([[0.0, np.nan], [1.0, 2.0]]), "contains NaN"),
        ({"prior": "mixture"}, np.array([[0.0, np.nan], [1.0, 2.0]]), "contains NaN"),
    ]
    for settings, X, message in cases:
        with pytest.raises(ValueError, match=message):
            VAESampler(**settings).fit(X)
    model = VAESampler(max_epochs=1, random_state=0).fit(people)
    with pytest.raises(ValueError, match="the unknown category 'Rome'"):
        model.score_samples(people.astype({"site": object}).replace({"site": {"Ulm": "Rome"}}))


def test_a_frame_that_misses_numbers_is_a_table():
    how = {"categorical_features": "auto", "scaling": "auto", "conditions": None, "shaped": False}
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, np.nan]})
    assert table_scaling(frame, **how) == "quantile"
    assert table_scaling(frame, **how | {"scaling": "standard"}) == "standard"
    assert table_scaling(frame[["a"]], **how) is None
    assert table_scaling(frame, **how | {"conditions": "b"}) is None
    assert table_scaling(frame[["a"]], **how | {"shaped": True}) == "quantile"
    assert table_scaling([[1.0, None], [2.0, 3.0]], **how) == "quantile"  # and so is a list with None
    assert table_scaling([[1.0, 4.0], [2.0, 3.0]], **how) is None


def test_what_was_guessed_is_told(people):
    model = VAESampler(max_epochs=1, random_state=0).fit(people)
    assert model.categorical_features_ == ["site", "smoker"]
    assert model.resolved_parameters_.scaling == "quantile"
    numbers = VAESampler(max_epochs=1, random_state=0).fit(people[["age"]])
    assert numbers.categorical_features_ is None
    assert numbers.resolved_parameters_.scaling == "standard"


def test_conditions_of_several_types_are_drawn_as_they_are_given(people):
    model = VAESampler(conditions=["site", "smoker"], max_epochs=1, random_state=0).fit(people)
    drawn, labels = model.sample(5, random_state=0)
    assert {type(value) for value in labels[:, 1]} == {bool}
    assert model.sample(5, y=labels, random_state=0)[1].tolist() == labels.tolist()
    assert model.sample(5, y=tuple(labels[0]))[0].shape == (5, 2)
    assert np.isfinite(model.score_samples(drawn.assign(site=labels[:, 0], smoker=labels[:, 1])[list(people)])).all()


def test_a_bool_is_a_number_of_samples(people):
    assert len(VAESampler(max_epochs=1, random_state=0).fit(people).sample(True)) == 1


@pytest.mark.parametrize("estimator", [VAESampler(prior="mixture", max_epochs=2, random_state=0)])
@pytest.mark.parametrize(
    "check",
    [checks.check_dtype_object, checks.check_estimators_nan_inf, checks.check_estimators_pickle,
     checks.check_fit_idempotent, checks.check_methods_sample_order_invariance, checks.check_dict_unchanged],
    ids=lambda check: check.__name__,
)  # fmt: skip
def test_a_sampler_of_tables_keeps_the_contract_of_scikit_learn(estimator, check):
    check("VAESampler", clone(estimator))


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_mixture_has_the_precision_of_the_fit(people, precision):
    model = VAESampler(prior="mixture", precision=precision, max_epochs=1, random_state=0).fit(people[:100])
    assert {str(buffer.dtype) for buffer in model.prior_.buffers()} == {f"torch.{precision}"}
    assert model.score_samples(people[:3], n_draws=3).dtype == precision


@pytest.mark.parametrize("prior", ["normal", "mixture"])
def test_a_warm_start_goes_on_without_missing_values(prior):
    full = pd.DataFrame(np.random.RandomState(0).normal(size=(40, 2)), columns=["x", "y"])
    some = full.mask(np.random.RandomState(1).uniform(size=(40, 2)) < 0.2)
    model = VAESampler(prior=prior, warm_start=True, max_epochs=1, random_state=0).fit(some).fit(full)
    assert model.sample(200)["x"].isna().any()
    with pytest.raises(ValueError, match="which had scaling='quantile'; now scaling='modes'"):
        model.set_params(scaling="modes").fit(full)
