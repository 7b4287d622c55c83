"""Log-likelihoods against SciPy's, and the moments of what is drawn."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from scipy import stats
from scipy.special import expit, log_softmax, logit

from sklearn_ann import training
from sklearn_ann.generative.likelihoods import LIKELIHOODS, moments

RNG = np.random.RandomState(0)
COUNTS = RNG.poisson(RNG.gamma(0.5, 4, size=(50, 6))).astype(float)
COUNTS[3] = 0  # a cell without any count
PARTS = RNG.uniform(size=(50, 6))


def built(name, X):
    data = moments(training.Rows(torch.as_tensor(X)), None, of_sums=LIKELIHOODS[name].of_counts)
    likelihood = LIKELIHOODS[name](data)
    with torch.no_grad():
        for parameter in likelihood.parameters():
            parameter.copy_(torch.as_tensor(RNG.normal(size=parameter.shape)))
    return likelihood.requires_grad_(False).double()


def output_for(likelihood, X):
    return RNG.normal(size=(len(X), likelihood.n_outputs * X.shape[1]))


def count_means(X, output):
    library = np.maximum(X.sum(axis=1, keepdims=True), 1)
    return library * np.exp(log_softmax(np.log(X.mean(axis=0)) + output, axis=1))


def expected_log_prob(name, X, output, likelihood):
    """What SciPy says, summed over the features."""
    p = X.shape[1]
    if name == "gaussian":
        deviation = X.std(axis=0)
        scale = deviation * np.sqrt(1e-4 + np.exp(likelihood.log_variance.numpy()))
        return stats.norm.logpdf(X, X.mean(axis=0) + deviation * output, scale).sum(axis=1)
    if name == "bernoulli":
        chance = expit(output + logit(X.mean(axis=0)))
        return (X * np.log(chance) + (1 - X) * np.log1p(-chance)).sum(axis=1)
    mean = count_means(X, output[:, :p])
    if name == "poisson":
        return stats.poisson.logpmf(X, mean).sum(axis=1)
    theta = likelihood.dispersion().numpy()
    probability = stats.nbinom.pmf(X, theta, theta / (theta + mean))
    if name == "zero_inflated_negative_binomial":
        lost = expit(output[:, p:])
        probability = lost * (X == 0) + (1 - lost) * probability
    return np.log(probability).sum(axis=1)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_log_likelihoods_are_scipys(name):
    X = COUNTS if LIKELIHOODS[name].of_counts else PARTS
    likelihood = built(name, X)
    output = output_for(likelihood, X)
    found = likelihood.log_prob(torch.as_tensor(X), torch.as_tensor(output))
    np.testing.assert_allclose(found, expected_log_prob(name, X, output, likelihood), rtol=1e-9)


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_extreme_outputs_give_finite_densities_and_gradients(name):
    X = torch.as_tensor(COUNTS if LIKELIHOODS[name].of_counts else PARTS).float()
    likelihood = built(name, X.double().numpy()).float().requires_grad_(True)
    for extreme in (-80.0, 80.0):
        output = torch.zeros(len(X), likelihood.n_outputs * X.shape[1])
        output[:, ::2] = extreme
        output.requires_grad_()
        likelihood.log_prob(X, output).sum().backward()
        assert torch.isfinite(output.grad).all()
        assert all(torch.isfinite(parameter.grad).all() for parameter in likelihood.parameters())


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_draws_have_the_mean_and_the_variance_of_the_likelihood(name):
    X = COUNTS if LIKELIHOODS[name].of_counts else PARTS
    likelihood = built(name, X)
    output = torch.as_tensor(output_for(likelihood, X[:1])).repeat(200_000, 1)
    if likelihood.of_counts:
        likelihood.log_library[1] = 0  # one library size
    draws = likelihood.draw(output, np.random.RandomState(0)).numpy()
    mean = likelihood.mean(output[:1]).numpy()[0]
    np.testing.assert_allclose(draws.mean(axis=0), mean, rtol=0.05)
    if name == "gaussian":
        expected = (likelihood.variance() * likelihood.scale.square()).numpy()
    elif name == "bernoulli":
        expected = mean * (1 - mean)
    elif name == "poisson":
        expected = mean
    elif name == "negative_binomial":
        expected = mean + mean**2 / likelihood.dispersion().numpy()
    else:
        kept = expit(-output[0, 6:].numpy())
        whole = mean / kept
        expected = kept * (whole + whole**2 / likelihood.dispersion().numpy() + whole**2) - mean**2
    np.testing.assert_allclose(draws.var(axis=0), expected, rtol=0.05)


def test_an_output_of_zero_is_the_mean_of_the_data():
    for name in ("gaussian", "bernoulli"):
        likelihood = built(name, PARTS)
        np.testing.assert_allclose(likelihood.mean(torch.zeros(1, 6))[0], PARTS.mean(axis=0), rtol=1e-6)
    share = built("poisson", COUNTS).mean(torch.zeros(1, 6).double())[0].numpy()
    np.testing.assert_allclose(share / share.sum(), COUNTS.sum(axis=0) / COUNTS.sum(), rtol=1e-9)


def test_moments_of_sparse_data_and_of_weighted_rows():
    weight = np.arange(50) % 3
    expected = moments(training.Rows(torch.as_tensor(np.repeat(COUNTS, weight, axis=0))), None, of_sums=True)
    for samples in (training.Rows(torch.as_tensor(COUNTS)), training.SparseRows.from_scipy(sp.csr_array(COUNTS))):
        found = moments(samples, torch.as_tensor(weight, dtype=torch.float64), of_sums=True)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)
    assert expected.mean.numpy() == pytest.approx(np.average(COUNTS, axis=0, weights=weight))


def test_counts_of_all_zeros_are_a_uniform_distribution():
    likelihood = built("negative_binomial", np.zeros((5, 4)))
    np.testing.assert_allclose(likelihood.mean(torch.zeros(1, 4).double())[0], 0.25)
    assert torch.isfinite(likelihood.log_prob(torch.zeros(5, 4).double(), torch.zeros(5, 4).double())).all()


@pytest.mark.parametrize(("value", "text"), [(-2.0, "-2"), (1.3, "1.3"), (2.0000002384, "2.00000024"), (0.25, "0.25")])
def test_the_value_that_is_no_count_shows_its_digits(value, text):
    rows = training.Rows(torch.tensor([[1.0, value]]))
    with pytest.raises(ValueError, match=f"sample 0 of X has the value {text} in feature 1"):
        LIKELIHOODS["poisson"].check(rows)
