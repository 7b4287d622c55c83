"""The bound of a variational auto-encoder, term by term, and the networks that hyper-parameters ask for."""

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.utils import Bunch

from sklearn_ann import training
from sklearn_ann.generative.likelihoods import LIKELIHOODS, moments
from sklearn_ann.generative.network import Noise, Posterior, VariationalAutoEncoder, coders, negative_bound
from sklearn_ann.reading import ConditionedBatch

DENSE = {"n_components": 2, "hidden_layer_sizes": (8,), "activation": "tanh", "dropout": 0.0, "decoder": "mirror"}
X = np.random.RandomState(0).uniform(size=(7, 6))


def network(n_levels=0, likelihood="gaussian", hyper=None, **settings):
    torch.manual_seed(0)
    found = LIKELIHOODS[likelihood]
    likelihood = found(moments(training.Rows(torch.as_tensor(X)), None, of_sums=found.of_counts))
    p = Bunch(**DENSE | {"architecture": "dense", "likelihood": likelihood} | (hyper or {}))
    return VariationalAutoEncoder(*coders(p, likelihood, n_levels), likelihood, **settings).double()


def batch_of(rows, n_levels=0, level=0):
    """Samples, all with the same one of `n_levels` conditions."""
    conditions = torch.zeros(len(rows), n_levels, dtype=torch.float64)
    conditions[:, level : level + 1] = 1
    return ConditionedBatch(torch.as_tensor(rows), conditions)


def silent(model):
    """Replace the noise by zeros."""
    model.noise.forward = torch.zeros_like
    return model


def test_divergence_is_that_of_torch():
    rng = np.random.RandomState(0)
    posterior = Posterior(torch.as_tensor(rng.normal(size=(9, 4))), torch.as_tensor(rng.normal(size=(9, 4))))
    normal = torch.distributions.Normal
    exact = torch.distributions.kl_divergence(
        normal(posterior.mean, (posterior.log_variance / 2).exp()), normal(0.0, 1.0)
    )
    np.testing.assert_allclose(posterior.divergence(), exact, rtol=1e-12)


def test_a_posterior_of_a_weighted_divergence_is_widened_to_that_of_the_full_one():
    # The best posterior of x = a z + noise of variance s²: precision a² / s² / beta + 1.
    for beta in (0.1, 1.0, 3.0):
        learned = Posterior(torch.zeros(1, 1), -torch.tensor([[4.0 / 0.25 / beta + 1]]).log())
        found = learned.at_full_weight(beta).log_variance.exp()
        torch.testing.assert_close(found, torch.tensor([[1 / (4.0 / 0.25 + 1)]]))
    unused = Posterior(torch.zeros(1, 1), torch.zeros(1, 1))
    torch.testing.assert_close(unused.at_full_weight(0.1).log_variance, unused.log_variance)


def test_noise_becomes_a_code_of_the_posterior():
    posterior = Posterior(torch.tensor([[1.0, 2.0]]), torch.log(torch.tensor([[4.0, 9.0]])))
    torch.testing.assert_close(posterior.at(torch.tensor([1.0, -1.0])), torch.tensor([[3.0, -1.0]]))


def test_noise_has_a_generator_of_its_own():
    noise = Noise()
    noise.generator = torch.Generator().manual_seed(0)
    before = torch.get_rng_state()
    first = noise(torch.zeros(4, 3))
    assert torch.equal(torch.get_rng_state(), before)
    noise.generator = torch.Generator().manual_seed(0)
    assert torch.equal(noise(torch.zeros(4, 3)), first)


@torch.no_grad()
def test_the_loss_without_noise_is_the_bound_at_the_posterior_mean():
    model, batch = silent(network(beta=3.0)), batch_of(X)
    posterior = model.posterior(batch.x)
    output = model.decoder(posterior.mean)
    scale = X.std(axis=0) * model.likelihood.variance().sqrt().numpy()
    fit = stats.norm.logpdf(X, X.mean(axis=0) + X.std(axis=0) * output.numpy(), scale).sum(axis=1)
    expected = 3 * posterior.divergence().sum(dim=1).numpy() - fit
    np.testing.assert_allclose(negative_bound(model(batch), None), expected)


@torch.no_grad()
def test_divergences_below_the_free_bits_cost_as_much_as_the_free_bits():
    plain, free = silent(network()), silent(network(free_bits=1e3))
    assert (plain(batch_of(X)).divergence < 1e3).all()
    np.testing.assert_allclose(free(batch_of(X)).divergence, 2e3)  # two units
    few = silent(network(free_bits=1e-9))
    torch.testing.assert_close(few(batch_of(X)).divergence, plain(batch_of(X)).divergence)


def test_a_warm_up_scales_the_gradient_and_not_the_loss():
    bounds, gradients = [], []
    for weight in (1.0, 0.25):
        model = silent(network()).train()
        model.warm_up.weight = weight
        divergence = model(batch_of(X)).divergence
        divergence.sum().backward()
        bounds.append(divergence.detach())
        gradients.append(model.encoder[0].weight.grad)
    torch.testing.assert_close(bounds[0], bounds[1])
    torch.testing.assert_close(gradients[1], 0.25 * gradients[0])


@torch.no_grad()
def test_more_draws_raise_the_importance_bound_and_one_draw_is_log_p_over_q():
    model, batch = network(), batch_of(X)
    draws = torch.as_tensor(np.random.RandomState(0).normal(size=(500, 2)))
    posterior = model.posterior(batch.x)
    z = posterior.at(draws[0]).numpy()
    prior = stats.norm.logpdf(z).sum(axis=1)
    proposal = stats.norm.logpdf(z, posterior.mean, (posterior.log_variance / 2).exp()).sum(axis=1)
    fit = model.log_likelihood(batch, posterior, draws[0]).numpy()
    np.testing.assert_allclose(model.importance_bound(batch, draws[:1]), fit + prior - proposal)
    assert (model.importance_bound(batch, draws) > model.evidence_bound(batch, draws)).all()


@torch.no_grad()
def test_conditions_reach_the_decoder_and_not_the_encoder():
    model = network(n_levels=3)
    codes = np.zeros((1, 2))
    assert (model.mean(batch_of(codes, 3, 0)) != model.mean(batch_of(codes, 3, 1))).all()
    assert model.encoder[0].in_features == X.shape[1]


def test_hyper_parameters_decide_the_networks():
    linear = network(n_levels=3, hyper={"decoder": "linear"}).decoder
    assert (linear.in_features, linear.out_features) == (5, 6)
    mirrored = network(hyper={"hidden_layer_sizes": (8, 5)})
    assert [tuple(p.shape) for p in mirrored.encoder.parameters() if p.ndim == 2] == [(8, 6), (5, 8), (4, 5)]
    assert [tuple(p.shape) for p in mirrored.decoder.parameters() if p.ndim == 2] == [(5, 2), (8, 5), (6, 8)]
    twofold = network(likelihood="zero_inflated_negative_binomial")
    assert twofold.decoder[-1].out_features == 12  # a share and a logit of each feature
    images = {"architecture": "conv", "image_shape": (2, 3), "conv_layers": "auto"}
    assert network(hyper=images).decode(torch.zeros(4, 2).double(), torch.zeros(4, 0).double()).shape == (4, 6)


@pytest.mark.parametrize(
    ("hyper", "likelihood", "message"),
    [
        ({"image_shape": None}, "gaussian", "architecture='conv' needs image_shape"),
        ({"image_shape": (2, 3)}, "zero_inflated_negative_binomial", "for architecture='dense', got 'conv'"),
    ],
)
def test_images_that_cannot_be_are_refused(hyper, likelihood, message):
    with pytest.raises(ValueError, match=message):
        network(likelihood=likelihood, hyper={"architecture": "conv", "conv_layers": "auto"} | hyper)
