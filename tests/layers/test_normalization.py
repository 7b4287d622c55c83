"""Normalisation of places: what is filled up does not count."""

import pytest
import torch

from sklearn_ann.layers import BatchNorm, LayerNorm


@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("affine", [True, False])
def test_statistics_are_those_of_the_places_that_count(momentum, affine):
    torch.manual_seed(0)
    settings = {"momentum": momentum, "affine": affine, "dtype": torch.float64}
    masked, picked = BatchNorm(2, **settings), BatchNorm(2, **settings)
    for _ in range(3):
        x, mask = torch.randn(5, 2, 4, 6, dtype=torch.float64), torch.rand(5, 4, 6) < 0.6
        found = masked(x, mask).movedim(1, -1)
        assert not found[~mask].any()
        found = found[mask]
        torch.testing.assert_close(found, picked(x.movedim(1, -1)[mask]))
    torch.testing.assert_close(masked.running_mean, picked.running_mean)
    torch.testing.assert_close(masked.running_var, picked.running_var)


def test_layer_normalisation_of_a_sample_is_that_of_it_alone():
    torch.manual_seed(0)
    norm = LayerNorm(3).double()
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x, mask = torch.randn(2, 3, 7, 5, dtype=torch.float64), torch.zeros(2, 7, 5, dtype=torch.bool)
    mask[0, :4, :2] = mask[1, :7, :5] = True
    found = norm(x, mask)
    torch.testing.assert_close(found[:1, :, :4, :2], norm(x[:1, :, :4, :2]))
    torch.testing.assert_close(found[1:], norm(x[1:]))
    assert not found[0, :, ~mask[0]].any()


@pytest.mark.parametrize("kind", [BatchNorm, LayerNorm])
def test_gradient_is_that_of_the_places_that_count(kind):
    torch.manual_seed(0)
    x, mask = torch.randn(3, 2, 5, dtype=torch.float64, requires_grad=True), torch.rand(3, 5) < 0.6
    norm = kind(2).double()
    torch.nn.init.normal_(norm.weight)

    def normalized(x, weight, bias):
        return torch.func.functional_call(norm, {"weight": weight, "bias": bias}, (x, mask))

    assert torch.autograd.gradcheck(normalized, (x, *norm.parameters()))
