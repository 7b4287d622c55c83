"""VAESampler."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from anndata import AnnData
from scipy import stats
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import FactorAnalysis
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_ann import VAESampler
from sklearn_ann.generative.network import Noise

QUICK = {"max_epochs": 20, "learning_rate_schedule": "cosine", "early_stopping": False, "random_state": 0}
COUNTS = ("poisson", "negative_binomial", "zero_inflated_negative_binomial")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def factors():
    """Two factors in six features of different scale: a linear-Gaussian model, whose likelihood is known."""
    rng = np.random.RandomState(0)
    W, noise = rng.normal(size=(6, 2)), rng.uniform(0.3, 0.8, size=6)
    unit = 10.0 ** np.arange(-2, 4)
    X = (rng.normal(size=(3000, 2)) @ W.T + noise * rng.normal(size=(3000, 6)) + 5) * unit
    return X[:2000], X[2000:]


@pytest.fixture(scope="module")
def linear(factors):
    return VAESampler(
        n_components=2, hidden_layer_sizes=(), decoder="linear", dropout=0.0, learning_rate=1e-2, max_epochs=150,
        learning_rate_schedule="cosine", early_stopping=False, random_state=0,
    ).fit(factors[0])  # fmt: skip


@pytest.fixture(scope="module")
def cells():
    """Counts of three types of cells, each in two batches with an effect of their own, types and batches."""
    rng = np.random.RandomState(0)
    kind, batch = rng.randint(3, size=600), rng.randint(2, size=600)
    rates = np.exp(rng.normal(size=(3, 40))[kind] + rng.normal(scale=0.7, size=(2, 40))[batch])
    rates *= rng.lognormal(4, 0.3, size=(600, 1)) / rates.sum(axis=1, keepdims=True)
    return rng.poisson(rng.gamma(3, rates / 3)).astype(float), kind, np.array(["first", "second"])[batch]


# --- The bound -------------------------------------------------------------------------------------------------------


def test_bounds_are_below_the_likelihood_that_is_known_and_come_near_it(factors, linear):
    X_train, X = factors
    module = linear.module_
    bias = module.decoder.bias.detach().numpy() * module.likelihood.scale.numpy() + module.likelihood.location.numpy()
    covariance = linear.loadings_ @ linear.loadings_.T + np.diag(linear.noise_variance_)
    scale = X_train.std(axis=0)
    truth = stats.multivariate_normal(bias / scale, covariance / np.outer(scale, scale)).logpdf(X / scale)
    truth -= np.log(scale).sum()
    elbo = linear.elbo(X, n_draws=300)
    weighted = linear.score_samples(X, n_draws=300)
    assert elbo.mean() < weighted.mean() < truth.mean() + 0.01
    assert weighted.mean() == pytest.approx(truth.mean(), abs=0.02)
    assert elbo.mean() == pytest.approx(truth.mean(), abs=0.3)
    # Maximum likelihood of this very model, in X's own units.
    best = FactorAnalysis(2).fit(X_train / scale).score(X / scale) - np.log(scale).sum()
    assert weighted.mean() == pytest.approx(best, abs=0.1)


def test_a_linear_decoder_finds_the_factors(factors, linear):
    scale = factors[0].std(axis=0)  # FactorAnalysis needs features of one scale
    expected = FactorAnalysis(2).fit(factors[0] / scale).components_.T
    found = linear.loadings_ / scale[:, None]
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=0.1)


def test_samples_have_the_moments_of_the_data(factors, linear):
    X, drawn = factors[0], linear.sample(20_000, random_state=0)
    np.testing.assert_allclose(drawn.mean(axis=0), X.mean(axis=0), atol=0.1 * X.std(axis=0).max(), rtol=0.05)
    np.testing.assert_allclose(drawn.std(axis=0), X.std(axis=0), rtol=0.08)
    np.testing.assert_allclose(np.corrcoef(drawn.T), np.corrcoef(X.T), atol=0.07)


def test_samples_are_those_of_the_random_state(linear):
    global_state = np.random.get_state()[1].copy(), torch.get_rng_state()
    np.testing.assert_array_equal(linear.sample(9, random_state=1), linear.sample(9, random_state=1))
    np.testing.assert_array_equal(linear.sample(9), linear.sample(9, random_state=linear.random_state))
    assert (linear.sample(9, random_state=1) != linear.sample(9, random_state=2)).all()
    np.testing.assert_array_equal(np.random.get_state()[1], global_state[0])
    assert torch.equal(torch.get_rng_state(), global_state[1])


def test_scores_depend_on_nothing_but_sample_and_random_state(factors, linear):
    X = factors[1]
    for score in (linear.elbo, linear.score_samples):
        np.testing.assert_array_equal(score(X), score(X))
        np.testing.assert_array_equal(score(X, random_state=3), score(X, random_state=np.random.RandomState(3)))
        assert (score(X, random_state=1) != score(X, random_state=2)).mean() > 0.99
        np.testing.assert_allclose(score(X[5:30]), score(X)[5:30], rtol=1e-5)
    assert linear.score(X) == pytest.approx(linear.score_samples(X).mean())
    weight = np.arange(len(X)) % 3
    assert linear.score(X, sample_weight=weight) == pytest.approx(linear.score(np.repeat(X, weight, axis=0)))


def test_digits_are_denser_than_under_a_gaussian_mixture_of_none():
    X = load_digits().data
    independent = stats.norm(X[:1400].mean(axis=0), X[:1400].std(axis=0) + 0.3).logpdf(X[1400:]).sum(axis=1).mean()
    assert VAESampler(**QUICK).fit(X[:1400]).score(X[1400:]) > independent


# --- What is minimised -----------------------------------------------------------------------------------------------


def test_without_noise_a_weight_of_two_is_a_row_twice(monkeypatch, cells):
    monkeypatch.setattr(Noise, "forward", lambda _, like: torch.zeros_like(like))
    X, _, batch = cells
    X, batch, weight = X[:60], batch[:60], np.arange(60) % 3
    settings = {"precision": "float64", "batch_size": None, "dropout": 0.0, "max_epochs": 20, "random_state": 0}
    for likelihood in ("gaussian", "zero_inflated_negative_binomial"):
        model = VAESampler(likelihood=likelihood, conditions="y", tol=0, **settings)
        weighted = clone(model).fit(sp.csr_array(X), batch, sample_weight=weight)
        repeated = clone(model).fit(np.repeat(X, weight, axis=0), np.repeat(batch, weight))
        np.testing.assert_allclose(weighted.transform(X), repeated.transform(X), rtol=1e-7, atol=1e-9)
        assert weighted.loss_ == pytest.approx(repeated.loss_, rel=1e-9)
        (drawn, labels), expected = (m.sample(9, random_state=0) for m in (weighted, repeated))
        np.testing.assert_allclose(drawn, expected[0], rtol=1e-7)
        np.testing.assert_array_equal(labels, expected[1])


def test_a_greater_beta_switches_units_off_and_free_bits_keep_them_on():
    X = load_digits().data / 16
    models = [
        VAESampler(likelihood="bernoulli", **settings, **QUICK | {"max_epochs": 40}).fit(X)
        for settings in ({"beta": 6.0}, {}, {"free_bits": 0.5})
    ]
    least = [model.transform(X).var(axis=0).min() for model in models]
    assert models[0].active_units_.sum() < models[1].active_units_.sum()
    assert least[0] < 0.01 < least[1] < 0.3 < least[2]


def test_collapse_warns():
    noise = np.random.RandomState(0).normal(size=(500, 3))
    with pytest.warns(ConvergenceWarning, match="collapsed to the prior"):
        model = VAESampler(beta=20.0, **QUICK).fit(noise)
    assert not model.active_units_.any()


def test_warm_up_is_a_share_of_the_epochs_and_training_outlasts_it():
    X = load_digits().data[:200] / 16
    settings = {"likelihood": "bernoulli", "random_state": 0, "max_epochs": 40, "n_iter_no_change": 1, "tol": 0.5}
    settings |= {"batch_size": 10, "learning_rate_schedule": "constant"}  # 20 steps an epoch
    assert VAESampler(**settings).fit(X).n_iter_ < 10
    assert VAESampler(kl_warmup=0.5, **settings).fit(X).n_iter_ > 20
    free = VAESampler(kl_warmup=1.0, **settings | {"max_epochs": 1}).fit(X)  # its only epoch has no penalty
    assert free.module_.warm_up.weight == 1.0
    none = VAESampler(beta=0.0, **settings | {"max_epochs": 1}).fit(X)
    np.testing.assert_array_equal(free.transform(X), none.transform(X))
    assert free.loss_ > none.loss_  # what is recorded has the divergence in full weight


def test_data_are_held_out_where_there_are_enough():
    X = np.random.RandomState(0).normal(size=(1000, 3))
    assert "validation_loss" in VAESampler(max_epochs=3).fit(X).history_
    assert "validation_loss" not in VAESampler(max_epochs=3).fit(X[:-1]).history_
    assert "validation_loss" not in VAESampler(max_epochs=3, early_stopping=False).fit(X).history_


def test_a_fit_by_defaults_ends_without_a_warning():
    X = load_digits().data / 16
    chosen = VAESampler(max_epochs=2).fit(X[:300]).resolved_parameters_
    assert (chosen.learning_rate_schedule, chosen.learning_rate, chosen.early_stopping) == ("cosine", 3e-3, False)
    with pytest.warns(ConvergenceWarning, match="still falling"):
        chosen = VAESampler(max_epochs=2, early_stopping=True).fit(X[:300]).resolved_parameters_
    assert (chosen.learning_rate_schedule, chosen.learning_rate) == ("constant", 1e-3)
    with pytest.warns(ConvergenceWarning, match="still falling"):
        chosen = VAESampler(max_epochs=2, learning_rate_schedule="constant").fit(X[:300]).resolved_parameters_
    assert chosen.learning_rate == 1e-3


# --- Counts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("likelihood", COUNTS)
def test_sparse_counts_give_what_dense_counts_give(likelihood, cells):
    X = cells[0]
    model = VAESampler(likelihood=likelihood, precision="float64", **QUICK)
    dense, sparse = clone(model).fit(X), clone(model).fit(sp.csr_array(X))
    np.testing.assert_allclose(sparse.transform(sp.csc_array(X)), dense.transform(X), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(sparse.elbo(sp.csr_array(X)), dense.elbo(X), rtol=1e-8)


def test_overdispersed_counts_are_likelier_under_the_negative_binomial(cells):
    X = cells[0]
    settings = {**QUICK, "max_epochs": 100}
    scores = {name: VAESampler(likelihood=name, **settings).fit(X[:500]).score(X[500:]) for name in COUNTS}
    assert scores["negative_binomial"] > scores["poisson"] + 0.5
    assert scores["zero_inflated_negative_binomial"] > scores["poisson"] + 0.5


def test_samples_of_counts_are_like_the_cells(cells):
    X = cells[0]
    model = VAESampler(likelihood="negative_binomial", **QUICK | {"max_epochs": 100}).fit(X)
    drawn = model.sample(4000, random_state=0)
    assert (drawn == np.floor(drawn)).all()
    assert np.median(drawn.sum(axis=1)) == pytest.approx(np.median(X.sum(axis=1)), rel=0.1)
    assert np.corrcoef(np.log1p(drawn.mean(axis=0)), np.log1p(X.mean(axis=0)))[0, 1] > 0.98
    assert (drawn == 0).mean() == pytest.approx((X == 0).mean(), abs=0.05)
    means = model.inverse_transform(model.transform(X))
    np.testing.assert_allclose(means.sum(axis=1), np.exp(np.log(X.sum(axis=1)).mean()), rtol=1e-4)
    assert model.dispersion_.shape == (40,)
    assert model.noise_variance_ is None


def test_cells_without_any_count_have_a_code_and_a_score(cells):
    X = np.vstack([cells[0], np.zeros((3, 40))])
    for likelihood in COUNTS:
        model = VAESampler(likelihood=likelihood, **QUICK).fit(sp.csr_array(X))
        assert np.isfinite(model.transform(X)).all()
        assert np.isfinite(model.score_samples(X, n_draws=3)).all()


# --- Conditions ------------------------------------------------------------------------------------------------------


def test_codes_are_of_cell_types_and_not_of_batches(cells):
    X, kind, batch = cells
    settings = {**QUICK, "max_epochs": 100, "likelihood": "negative_binomial", "n_components": 4}
    plain = VAESampler(**settings).fit(X)
    corrected = VAESampler(conditions="y", **settings).fit(sp.csr_array(X), batch)
    clusters = KMeans(3, n_init=10, random_state=0).fit_predict(corrected.transform(X))
    assert adjusted_rand_score(kind, clusters) > 0.9
    guesses = [LogisticRegression().fit(m.transform(X), batch).score(m.transform(X), batch) for m in (plain, corrected)]
    assert guesses[0] > 0.9 > 0.8 > guesses[1]
    # Decoded under one batch, cells of the other look as those of that one do.
    as_first = corrected.inverse_transform(corrected.transform(X), y="first")
    share = X / X.sum(axis=1, keepdims=True)
    profile = {name: share[batch == name].mean(axis=0) for name in ("first", "second")}
    found = as_first[batch == "second"].mean(axis=0)
    found = found / found.sum()
    assert np.abs(found - profile["first"]).sum() < 0.5 * np.abs(found - profile["second"]).sum()


def test_samples_under_a_condition_and_with_their_labels():
    X, y = load_digits(return_X_y=True)
    model = VAESampler(conditions="y", likelihood="bernoulli", **QUICK | {"max_epochs": 60}).fit(X / 16, y)
    drawn, labels = model.sample(200, y=np.repeat(np.arange(10), 20), random_state=0)
    assert LogisticRegression(max_iter=1000).fit(X / 16, y).score(drawn, labels) > 0.8
    np.testing.assert_array_equal(labels, np.repeat(np.arange(10), 20))
    _, labels = model.sample(2000, random_state=0)
    np.testing.assert_allclose(np.bincount(labels) / 2000, 0.1, atol=0.03)
    assert (model.sample(3, y=7)[1] == 7).all()
    assert model.score(X / 16, y) > model.score(X / 16, (y + 1) % 10)
    assert [list(known) for known in model.conditions_] == [list(range(10))]


def test_columns_of_a_frame_are_conditions_of_the_others(cells):
    X, _, batch = cells
    frame = pd.DataFrame(X).add_prefix("gene").assign(batch=batch, lane=np.arange(600) % 3)
    settings = {**QUICK, "likelihood": "poisson"}
    model = VAESampler(conditions=["batch", "lane"], **settings).fit(frame)
    by_target = VAESampler(conditions="y", **settings).fit(X, frame[["batch", "lane"]])
    np.testing.assert_array_equal(model.transform(frame), by_target.transform(X))
    np.testing.assert_array_equal(model.score_samples(frame), by_target.score_samples(X, frame[["batch", "lane"]]))
    assert model.n_features_in_ == 42
    drawn, labels = model.sample(5, y=("second", 2), random_state=0)
    assert drawn.shape == (5, 40)
    assert labels.tolist() == [["second", "2"]] * 5 or labels.tolist() == [["second", 2]] * 5
    array = VAESampler(conditions=[40, 41], **settings).fit(frame.to_numpy(dtype=object))
    np.testing.assert_array_equal(array.transform(frame.to_numpy(dtype=object)), model.transform(frame))
    np.testing.assert_array_equal(model.transform(frame.assign(batch="third")), model.transform(frame))
    with pytest.raises(
        ValueError, match=r"sample 0 has the unknown condition 'third': expected one of fit, \['first', 'second'\]"
    ):
        model.score_samples(frame.assign(batch="third"))
    with pytest.raises(ValueError, match="sample 4 has a missing condition"):
        model.fit(frame.assign(batch=[*batch[:4], None, *batch[5:]]))


def test_annotated_data(cells):
    X, _, batch = cells
    obs = pd.DataFrame({"batch": batch, "lane": 1}, index=[f"cell {i}" for i in range(len(X))])
    annotated = AnnData(np.log1p(X), obs=obs, layers={"counts": sp.csr_array(X)})
    settings = {**QUICK, "max_epochs": 3, "likelihood": "poisson"}
    model = VAESampler(conditions="batch", layer="counts", **settings).fit(annotated)
    expected = VAESampler(conditions="y", **settings).fit(sp.csr_array(X), batch)
    np.testing.assert_array_equal(model.transform(annotated), expected.transform(X))
    np.testing.assert_array_equal(model.elbo(annotated), expected.elbo(X, batch))
    with pytest.raises(ValueError, match="log-transformed"):
        model.set_params(layer=None).fit(annotated)
    with pytest.raises(ValueError, match=r"layer='raw': X has the layers \['counts'\]"):
        model.set_params(layer="raw").fit(annotated)


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
def test_counts_under_a_normal_distribution_get_a_hint(kind):
    rng = np.random.default_rng(0)
    counts = (rng.poisson(30, size=(60, 8)) * (rng.uniform(size=(60, 8)) < 0.5)).astype(np.float32)
    vae = VAESampler(max_epochs=1)
    with pytest.warns(UserWarning, match="likelihood='negative_binomial' models counts") as found:
        vae.fit(AnnData(kind(counts)))
    assert len(found) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vae.transform(AnnData(kind(counts)))
        vae.fit(kind(counts))  # may be pixels
        vae.fit(AnnData(kind(np.log1p(counts))))
        vae.fit(AnnData(kind((counts > 0).astype(np.float32))))
        VAESampler(likelihood="negative_binomial", max_epochs=1).fit(AnnData(kind(counts)))


@pytest.mark.filterwarnings("ignore:The 'mode.chained_assignment' option")  # of anndata, in views
def test_genes_of_annotated_data_are_found_by_name(cells):
    X, _, batch = cells
    genes = pd.DataFrame(index=[f"gene {i}" for i in range(40)])
    obs = pd.DataFrame({"batch": batch, "lane": np.arange(600) % 2}, index=[f"cell {i}" for i in range(600)])
    adata = AnnData(X.astype(np.float32), obs=obs, var=genes)
    adata.raw = adata.copy()
    settings = {**QUICK, "max_epochs": 1, "likelihood": "poisson"}
    model = VAESampler(**settings).fit(adata)
    assert model.feature_names_in_.tolist() == list(genes.index)
    expected = model.transform(adata)
    for same in (adata[:, ::-1].copy(), adata[:, ::-1], adata.raw, adata.raw.to_adata(), adata.to_df()):
        np.testing.assert_array_equal(model.transform(same), expected)
    np.testing.assert_array_equal(VAESampler(**settings).fit(adata.raw).transform(adata.raw), expected)
    with pytest.raises(ValueError, match="yet now missing:\n- gene 39"):
        model.transform(adata[:, :39])
    with pytest.raises(ValueError, match=r"conditions='batch': adata.raw has no obs, give adata.raw.to_adata\(\)"):
        VAESampler(conditions="batch", **settings).fit(adata.raw)
    with pytest.raises(ValueError, match=r"layer='raw': X has the layers \[\]; .*adata.raw.to_adata"):
        VAESampler(layer="raw", **settings).fit(adata)
    by_position = VAESampler(conditions=[0], **settings).fit(adata)
    other = AnnData(adata.X, obs=obs[["lane", "batch"]], var=genes)
    np.testing.assert_array_equal(by_position.elbo(other), by_position.elbo(adata))


def test_a_cell_without_weight_brings_no_condition(cells):
    X, _, batch = cells
    weight = np.r_[np.zeros(5), np.ones(295)]
    settings = {**QUICK, "max_epochs": 1, "conditions": "y"}
    model = VAESampler(**settings).fit(X[:300], [*["third"] * 4, None, *batch[5:300]], sample_weight=weight)
    assert model.conditions_[0].tolist() == ["first", "second"]
    expected = VAESampler(**settings).fit(X[5:300], batch[5:300])
    np.testing.assert_allclose(
        model.sample(2000, random_state=0)[1] == "first", expected.sample(2000, random_state=0)[1] == "first"
    )


def test_entries_that_are_stored_in_parts_are_summed(cells):
    X = sp.csr_array(cells[0][:200])
    twice = sp.csr_array((np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), 2 * X.indptr), shape=X.shape)
    settings = {**QUICK, "max_epochs": 1}
    one, two = (VAESampler(**settings).fit(Z) for Z in (X, twice))
    np.testing.assert_array_equal(two.module_.likelihood.scale, one.module_.likelihood.scale)
    np.testing.assert_array_equal(two.transform(twice), one.transform(X))
    assert twice.nnz == 2 * X.nnz
    VAESampler(likelihood="poisson", **settings).fit(twice)  # the halves are no counts, the sums are


@pytest.mark.parametrize("distance", [1e3, 1e4, 1e8, 1e25])
def test_a_sample_far_off_has_a_finite_score_that_is_very_low(factors, linear, distance):
    X = factors[0]
    deep = VAESampler(**QUICK | {"max_epochs": 2}).fit(X)
    far = X[:1] + distance * X.std(axis=0) * np.r_[np.ones(3), -np.ones(3)]
    for model in (linear, deep):
        for score in (model.score_samples, model.elbo):
            assert -np.inf < score(far)[0] < score(X).min() - min(distance, 1e20)


def test_conditions_go_through_searches_and_pipelines(cells):
    X, _, batch = cells
    search = GridSearchCV(VAESampler(conditions="y", **QUICK | {"max_epochs": 3}), {"beta": [1.0, 4.0]}, cv=2)
    assert np.isfinite(search.fit(X, batch).best_score_)
    frame = pd.DataFrame(X).add_prefix("gene").assign(batch=batch)
    pipe = make_pipeline(VAESampler(conditions="batch", likelihood="poisson", **QUICK), KMeans(3, random_state=0))
    assert set(pipe.fit_predict(frame)) == {0, 1, 2}


# --- Images ----------------------------------------------------------------------------------------------------------


def test_convolutions_of_images():
    images = load_digits().images / 16
    model = VAESampler(
        architecture="conv", image_shape=(8, 8), conv_layers=((8, 3, 2), (16, 3, 2)), likelihood="bernoulli",
        learning_rate=3e-3, **QUICK | {"kl_warmup": 0.5},
    ).fit(images)  # fmt: skip
    flat = images.reshape(len(images), -1)
    np.testing.assert_array_equal(model.transform(images[:50]), model.transform(flat[:50]))
    assert model.sample(5, random_state=0).shape == (5, 64)
    independent = VAESampler(n_components=1, beta=1e3, likelihood="bernoulli", **QUICK).fit(flat)
    assert model.score(flat[:300]) > independent.score(flat[:300]) + 1


# --- Input -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [np.asarray, sp.csr_array])
@pytest.mark.parametrize("likelihood", COUNTS)
def test_what_is_no_count_is_refused(likelihood, kind, cells):
    X = cells[0].copy()
    model = VAESampler(likelihood=likelihood, **QUICK | {"max_epochs": 1}).fit(X)
    with pytest.raises(
        ValueError, match=r"sample 0 of X has the value .* whole numbers.*raw counts, neither normalised"
    ):
        model.fit(kind(np.log1p(X / X.sum(axis=1, keepdims=True) * 1e4)))
    X[7, 3] = -2
    with pytest.raises(ValueError, match="sample 7 of X has the value -2 in feature 3"):
        model.transform(kind(X))


def test_input_that_is_refused(cells):
    X, _, batch = cells
    unit = X / X.max()
    plain, conditional = (
        VAESampler(**QUICK | {"max_epochs": 1}),
        VAESampler(conditions="y", **QUICK | {"max_epochs": 1}),
    )
    for call in (plain.sample, lambda: plain.score_samples(X), lambda: plain.inverse_transform(X)):
        with pytest.raises(NotFittedError):
            call()
    plain.fit(X)
    conditional.fit(X, batch)
    for call, message in [
        (lambda: plain.set_params(likelihood="bernoulli").fit(unit * 1.5), r"has the value .* data in \[0, 1\]"),
        (lambda: plain.sample(0), "n_samples == 0, must be >= 1"),
        (lambda: plain.sample(-3), "n_samples == -3"),
        (lambda: plain.sample(3, y="first"), "y='first', but this VAESampler was fitted without conditions"),
        (lambda: plain.score_samples(X, n_draws=0), "n_draws == 0, must be >= 1"),
        (lambda: plain.inverse_transform(X), "X has 40 columns, but the codes of this VAESampler have 10"),
        (lambda: clone(conditional).fit(X), "conditions='y' needs y"),
        (lambda: clone(conditional).fit(X, X[:, 0] + 0.5), "condition 0 has the value .*: expected categories"),
        (lambda: conditional.fit(X, batch[:-1]), "inconsistent numbers of samples"),
        (lambda: conditional.score_samples(X), "conditions='y' needs y"),
        (lambda: conditional.sample(3, y="third"), "unknown condition 'third': expected one of fit"),
        (lambda: conditional.sample(3, y=["first"]), "y has 1 labels, but there are 3 samples"),
        (lambda: conditional.sample(3, y=("first", 1)), "2 conditions were given, those of the fit were 1"),
        (lambda: conditional.inverse_transform(X[:, :10]), "y, a condition to decode under, is needed"),
        (lambda: VAESampler(conditions="batch").fit(X), "conditions='batch': 'batch' is not a column of X"),
        (lambda: VAESampler(conditions="auto").fit(X), "conditions='auto': 'auto' is not a column of X"),
        (lambda: VAESampler(likelihood="poisson").fit(1.3 * X), r"are rounded by np.rint\(X\)"),
        (lambda: VAESampler(conditions=[]).fit(X), r"conditions=\[\] are no columns"),
        (lambda: VAESampler(conditions=[0]).fit(X[:, :1]), "expected one further column"),
        (lambda: VAESampler(architecture="conv").fit(X), "needs image_shape"),
        (lambda: VAESampler(image_shape=(8, 5)).fit(X.reshape(-1, 5, 8)), r"images of shape \(5, 8\)"),
        (
            lambda: VAESampler().fit(np.full((9, 2), 1e30) * np.arange(9)[:, None]),
            "feature 0 of X has values too large",
        ),
        (
            lambda: VAESampler(
                architecture="conv", image_shape=(8, 5), likelihood="zero_inflated_negative_binomial"
            ).fit(X),
            "for architecture='dense'",
        ),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


def test_a_divergence_that_explodes_names_the_epoch():
    X = np.random.RandomState(0).normal(size=(100, 4))
    model = VAESampler(**QUICK | {"learning_rate": 1e3, "learning_rate_schedule": "constant"})
    with pytest.raises(ValueError, match=r"in epoch \d+ at learning_rate=1000"):
        model.fit(X)


def test_constant_features_and_more_units_than_features():
    X = np.random.RandomState(0).normal(size=(100, 3))
    X[:, 1] = 7.3
    model = VAESampler(n_components=12, **QUICK).fit(X)
    np.testing.assert_allclose(model.sample(500, random_state=0)[:, 1], 7.3, rtol=1e-5)
    assert model.score(X) == pytest.approx(
        VAESampler(n_components=12, **QUICK).fit(X[:, [0, 2]]).score(X[:, [0, 2]]), abs=0.2
    )
    assert model.transform(X).shape == (100, 12)
