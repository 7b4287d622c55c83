"""Batch normalisation of places: what is filled up does not count."""

import pytest
import torch

from sklearn_ann.layers import BatchNorm


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


def test_gradient_is_that_of_the_places_that_count():
    torch.manual_seed(0)
    x, mask = torch.randn(3, 2, 5, dtype=torch.float64, requires_grad=True), torch.rand(3, 5) < 0.6
    norm = BatchNorm(2, dtype=torch.float64)
    torch.nn.init.normal_(norm.weight)

    def normalized(x, weight, bias):
        return torch.func.functional_call(norm, {"weight": weight, "bias": bias}, (x, mask))

    assert torch.autograd.gradcheck(normalized, (x, *norm.parameters()))
