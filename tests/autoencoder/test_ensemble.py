"""Auto-encoders side by side: each is a network of its own, and each kind reads what its name says."""

import numpy as np
import pytest
import torch
from scipy.stats import norm, rankdata
from torch.nn import functional as F

from sklearn_ann.autoencoder.ensemble import (
    AutoEncoderEnsemble,
    StackedLinear,
    compressed,
    normal_quantiles,
    quantile_knots,
)

X = torch.as_tensor(np.random.default_rng(0).normal(size=(50, 5)))


def ensemble(views=("quantiles", "values", "compressed"), n_features=5):
    torch.manual_seed(0)
    x = torch.as_tensor(np.random.default_rng(1).normal(size=(40, n_features)))
    return AutoEncoderEnsemble(views, 2, (n_features, 4, 3), "tanh", 0.0, quantile_knots(x)).double(), x


def test_a_stack_of_linear_maps_is_each_of_them():
    torch.manual_seed(0)
    layer = StackedLinear(3, 5, 4).double()
    x = torch.rand(3, 7, 5, dtype=torch.float64)
    expected = [F.linear(x[i], layer.weight[i].t(), layer.bias[i, 0]) for i in range(3)]
    torch.testing.assert_close(layer(x), torch.stack(expected))
    assert float(layer.weight.detach().abs().max()) <= 5**-0.5


def test_members_do_not_know_of_each_other():
    module, x = ensemble()
    module(x).square().sum(dim=(1, 2))[3].backward()
    for parameter in module.parameters():
        others = [i for i in range(6) if i != 3]
        assert (parameter.grad[others] == 0).all()
        assert (parameter.grad[3] != 0).any()


def test_kinds_read_quantiles_values_and_compressed_values():
    module, x = ensemble()
    inputs = module.read(x)
    torch.testing.assert_close(inputs[0], normal_quantiles(x, module.knots))
    torch.testing.assert_close(inputs[2], x)
    torch.testing.assert_close(inputs[5], compressed(x))
    torch.testing.assert_close(compressed(torch.tensor([0.0, np.e - 1, 1 - np.e])), torch.tensor([0.0, 1.0, -1.0]))


def test_quantiles_are_those_of_the_ranks():
    quantiles = normal_quantiles(X, quantile_knots(X))
    share = (rankdata(X, axis=0) - 1) / 49
    np.testing.assert_allclose(quantiles, norm.ppf(share.clip(1e-3, 1 - 1e-3)), atol=1e-5)
    beyond = normal_quantiles(torch.full((1, 5), 1e9).double(), quantile_knots(X))
    np.testing.assert_allclose(beyond, norm.ppf(1 - 1e-3), rtol=1e-5)


def test_quantiles_of_ties_lie_in_their_middle_and_of_others_between_knots():
    knots = quantile_knots(torch.tensor([[0.0], [1.0], [1.0], [1.0], [2.0]]))
    x = torch.tensor([[1.0], [0.5], [-1.0], [3.0]])
    expected = norm.ppf([0.5, 0.125, 1e-3, 1 - 1e-3])
    np.testing.assert_allclose(normal_quantiles(x, knots)[:, 0], expected, rtol=1e-5, atol=1e-6)
    many = torch.arange(10_000.0)[:, None]
    np.testing.assert_allclose(normal_quantiles(many, quantile_knots(many))[5000], 0, atol=1e-2)
    constant = quantile_knots(torch.zeros(4, 1))
    np.testing.assert_allclose(normal_quantiles(torch.zeros(1, 1), constant), 0, atol=1e-6)


@pytest.mark.parametrize("n_features", [5, 100])
def test_descriptions_are_codes_of_quantiles_and_residuals_of_the_others(n_features):
    module, x = ensemble(n_features=n_features)
    described = module.describe(x)
    n_columns = min(n_features, 64)
    assert module.described_widths == [3, 3] + [n_columns] * 4
    assert described.shape == (40, sum(module.described_widths))
    torch.testing.assert_close(described[:, :3], module.encode(x))
    torch.testing.assert_close(described[:, 3:6], module.encoder(module.read(x))[1])
    torch.testing.assert_close(described[:, 6 : 6 + n_columns], module.sketch(module(x))[2])


def test_a_sketch_keeps_lengths_on_average():
    torch.manual_seed(0)
    module = AutoEncoderEnsemble(("values",), 200, (100, 2), "tanh", 0.0, torch.zeros(100, 2))
    residual = torch.rand(1, 3, 100).expand(200, 3, 100)
    sketched = module.sketch(residual)
    assert sketched.shape == (200, 3, 64)
    torch.testing.assert_close(sketched.square().sum(2).mean(0), residual[0].square().sum(1), rtol=0.1, atol=0)
    short = torch.rand(200, 3, 64)
    assert module.sketch(short) is short
