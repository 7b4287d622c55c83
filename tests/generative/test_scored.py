"""Bounds of the log-likelihood of samples."""

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import norm

from sklearn_ann import VAESampler

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("prior", ["normal", "mixture"])
def test_bounds_are_below_the_integral_over_the_code(prior):
    """With one latent unit, the likelihood is an integral that a grid computes."""
    rng = np.random.RandomState(0)
    X = np.column_stack([x := np.r_[rng.normal(-3, 0.5, 150), rng.normal(3, 0.5, 150)], x + rng.normal(size=300)])
    model = VAESampler(
        n_components=1, prior=prior, scaling="standard", max_epochs=100, learning_rate=1e-2,
        learning_rate_schedule="cosine", precision="float64", random_state=0,
    ).fit(X)  # fmt: skip
    grid = np.linspace(-8, 8, 4001)
    density = model.prior_.log_prob(torch.as_tensor(grid[:, None]), torch.empty((len(grid), 0))).numpy()
    assert np.exp(density).sum() * (grid[1] - grid[0]) == pytest.approx(1, abs=1e-3)
    means, noise = model.inverse_transform(grid[:, None]), np.sqrt(model.noise_variance_)
    likelihood = norm.logpdf(X[:40, None], means, noise).sum(axis=2)
    truth = logsumexp(likelihood + density, axis=1) + np.log(grid[1] - grid[0])
    weighted, elbo = (score(X[:40], n_draws=2000) for score in (model.score_samples, model.elbo))
    assert weighted.mean() == pytest.approx(truth.mean(), abs=0.05)
    assert elbo.mean() < truth.mean()


@pytest.mark.parametrize("prior", ["normal", "mixture"])
def test_scores_do_not_depend_on_ambient_settings_of_torch(prior):
    X = np.random.RandomState(0).normal(size=(20, 2))
    model = VAESampler(prior=prior, max_epochs=1, random_state=0).fit(X)
    expected = model.score_samples(X), model.elbo(X)
    torch.set_default_device("meta")  # on which nothing can be computed
    try:
        with torch.autocast("cpu", torch.bfloat16):
            found = model.score_samples(X), model.elbo(X)
    finally:
        torch.set_default_device(None)
    np.testing.assert_array_equal(found, expected)
