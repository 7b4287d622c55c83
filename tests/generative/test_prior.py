"""Distributions of codes."""

import pickle

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.mixture import GaussianMixture

from sklearn_ann.generative.prior import Components, Mixture, Normal, fitted_mixture


def blobs(n=900, seed=0):
    """Three blobs in a plane, of shares .5, .3 and .2."""
    rng = np.random.RandomState(seed)
    kind = rng.choice(3, n, p=[0.5, 0.3, 0.2])
    return np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 9.0]])[kind] + rng.normal(size=(n, 2)) * [0.5, 1.0], kind


def fitted(codes, conditions=None, weight=None, seed=0):
    conditions = np.empty((len(codes), 0)) if conditions is None else conditions
    return fitted_mixture(codes, np.full(codes.shape, 1e-3), conditions, weight, np.random.RandomState(seed))


def scores(mixture, codes, conditions=None):
    conditions = torch.empty((len(codes), 0)) if conditions is None else torch.as_tensor(conditions)
    return mixture.log_prob(torch.as_tensor(codes), conditions).numpy()


def test_the_normal_prior_is_scipys():
    z = np.random.RandomState(0).normal(size=(9, 3))
    found = Normal().log_prob(torch.as_tensor(z), torch.empty(9, 0))
    np.testing.assert_allclose(found, stats.multivariate_normal(np.zeros(3)).logpdf(z))


def test_the_density_is_that_of_scipy():
    rng = np.random.RandomState(0)
    factors = np.tril(rng.normal(size=(2, 3, 3))) + 3 * np.eye(3)
    part = Components(np.array([0.3, 0.7]), rng.normal(size=(2, 3)), factors)
    z = rng.normal(size=(8, 3))
    expected = np.log(
        sum(
            share * stats.multivariate_normal(mean, factor @ factor.T).pdf(z)
            for share, mean, factor in zip(*part, strict=True)
        )
    )
    np.testing.assert_allclose(np.logaddexp.reduce(part.log_joint(z), axis=1), expected)
    np.testing.assert_allclose(scores(Mixture([part], np.empty((1, 0)), np.ones(1)), z), expected)


def test_a_mixture_finds_the_blobs_and_is_as_likely_as_scikit_learns():
    train, (test, _) = blobs()[0], blobs(seed=1)
    mixture = fitted(train)
    best = GaussianMixture(3, random_state=0, n_init=3).fit(train).score(test)
    assert scores(mixture, test).mean() == pytest.approx(best, abs=0.05)
    assert scores(mixture, test).mean() > GaussianMixture(1).fit(train).score(test) + 0.5
    drawn = mixture.draw(torch.empty(3000, 0), 2, np.random.RandomState(0))
    near = np.linalg.norm(drawn[:, None] - [[0, 0], [6, 0], [0, 9]], axis=2).argmin(axis=1)
    np.testing.assert_allclose(np.bincount(near) / 3000, [0.5, 0.3, 0.2], atol=0.05)


def test_normal_codes_get_one_normal_distribution():
    codes = np.random.RandomState(0).normal(size=(500, 4)) * [1, 2, 3, 4]
    assert len(fitted(codes).means) == 1


def test_weights_count_as_repeated_samples():
    codes, kind = blobs()
    mixture = fitted(codes, weight=(kind != 2).astype(float))  # the third blob is as if it were not there
    drawn = mixture.draw(torch.empty(500, 0), 2, np.random.RandomState(0))
    assert (drawn[:, 1] < 5).all()
    heavy = fitted(codes, weight=np.where(kind == 2, 4.0, 1.0)).draw(torch.empty(3000, 0), 2, np.random.RandomState(0))
    assert (heavy[:, 1] > 4.5).mean() == pytest.approx(0.8 / 1.6, abs=0.06)


def test_each_combination_of_conditions_has_a_mixture_and_an_unseen_one_that_of_all():
    codes, kind = blobs()
    one_hot = np.hstack([np.eye(2)[(kind == 1).astype(int)], np.eye(2)[(kind == 2).astype(int)]])
    mixture = fitted(codes, one_hot)
    rng = np.random.RandomState(0)

    def drawn(*row):
        return mixture.draw(torch.tensor([row], dtype=torch.float32).expand(500, -1), 2, rng)

    assert (drawn(0, 1, 1, 0)[:, 0] > 3).all()
    assert (drawn(1, 0, 0, 1)[:, 1] > 4).all()
    of_all = drawn(0, 1, 0, 1)
    assert 0.2 < (of_all[:, 0] > 3).mean() < 0.4
    assert scores(mixture, codes, one_hot).mean() > scores(mixture, codes, one_hot[:, [1, 0, 3, 2]]).mean() + 1


def test_groups_of_one_sample_and_codes_on_a_line_have_densities():
    codes = np.column_stack([np.linspace(0, 1, 40), np.zeros(40)])
    conditions = np.eye(2)[[0] * 39 + [1]]
    mixture = fitted_mixture(codes, np.zeros(codes.shape), conditions, None, np.random.RandomState(0))
    assert np.isfinite(scores(mixture, codes, conditions)).all()
    assert np.isfinite(mixture.draw(torch.as_tensor(conditions), 2, np.random.RandomState(0))).all()


def test_a_seed_gives_the_same_mixture_which_no_state_dict_holds():
    codes = blobs()[0]
    mixture = fitted(codes)
    torch.testing.assert_close(mixture.means, fitted(codes).means, rtol=0, atol=0)
    assert not mixture.state_dict()  # a warm start must not compare its shapes
    torch.testing.assert_close(pickle.loads(pickle.dumps(mixture)).factors, mixture.factors)
