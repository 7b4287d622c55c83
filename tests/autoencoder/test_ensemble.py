"""Auto-encoders side by side: each is a network of its own, and each kind reads what its name says."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from sklearn_ann.autoencoder.ensemble import AutoEncoderEnsemble, compressed
from sklearn_ann.layers import MemberLinear


def ensemble(n_features=5):
    torch.manual_seed(0)
    members = {"quantiles": 3, "values": 2, "compressed": 1}
    x = torch.as_tensor(np.random.default_rng(1).normal(size=(40, 2 * n_features)))
    return AutoEncoderEnsemble(members, (n_features, 4, 3), "tanh", 0.0).double(), x


def test_a_stack_of_linear_maps_is_each_of_them():
    torch.manual_seed(0)
    layer = MemberLinear(3, 5, 4).double()
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
    assert inputs.shape == (6, 40, 5)
    torch.testing.assert_close(inputs[2], x[:, 5:])
    torch.testing.assert_close(inputs[3], x[:, :5])
    torch.testing.assert_close(inputs[5], compressed(x[:, :5]))
    torch.testing.assert_close(compressed(torch.tensor([0.0, np.e - 1, 1 - np.e])), torch.tensor([0.0, 1.0, -1.0]))


@pytest.mark.parametrize("n_features", [5, 100])
def test_descriptions_are_codes_of_quantiles_and_residuals_of_the_others(n_features):
    module, x = ensemble(n_features)
    parts = module.by_view(module.describe(x).detach().numpy())
    assert {view: len(members) for view, members in parts.items()} == module.members
    codes, residuals = module.encoder(module.read(x)).detach(), module.sketch(module(x)).detach()
    assert residuals.shape == (6, 40, min(n_features, 64))
    np.testing.assert_array_equal(parts["quantiles"], codes[:3])
    np.testing.assert_array_equal(parts["quantiles"][0], module.encode(x).detach())
    np.testing.assert_array_equal(parts["values"], residuals[3:5])
    np.testing.assert_array_equal(parts["compressed"], residuals[5:])


def test_a_sketch_keeps_lengths_on_average():
    torch.manual_seed(0)
    module = AutoEncoderEnsemble({"values": 200}, (100, 2), "tanh", 0.0)
    residual = torch.rand(1, 3, 100).expand(200, 3, 100)
    sketched = module.sketch(residual)
    assert sketched.shape == (200, 3, 64)
    torch.testing.assert_close(sketched.square().sum(2).mean(0), residual[0].square().sum(1), rtol=0.1, atol=0)
    short = torch.rand(200, 3, 64)
    assert module.sketch(short) is short
