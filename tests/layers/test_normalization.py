"""Normalisation of places: what is filled up does not count, and weights do."""

import pytest
import torch

from sklearn_ann.layers import BatchNorm, LayerNorm, weighing


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
        with weighing(norm, torch.tensor([1.0, 3.0, 0.5])):
            return torch.func.functional_call(norm, {"weight": weight, "bias": bias}, (x, mask))

    assert torch.autograd.gradcheck(normalized, (x, *norm.parameters()))


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("owned", [True, False])
def test_a_weight_of_two_is_a_sample_twice(masked, owned):
    torch.manual_seed(0)
    weight = torch.tensor([1, 2, 0.5, 4], dtype=torch.float64)
    owners = torch.tensor([0, 0, 1, 2, 3, 3, 3]) if owned else None
    times = (2 * weight if owners is None else 2 * weight[owners]).long()
    x = torch.randn(len(times), 2, 3, 5, dtype=torch.float64, requires_grad=True)
    mask = torch.rand(len(times), 3, 5) < 0.6 if masked else None
    weighted, repeated = BatchNorm(2).double(), BatchNorm(2).double()
    with weighing(weighted, weight):
        found = weighted(x, mask, owners).relu_().repeat_interleave(times, dim=0)
    mask = None if mask is None else mask.repeat_interleave(times, dim=0)
    expected = repeated(x.repeat_interleave(times, dim=0), mask).relu_()
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(weighted.running_mean, repeated.running_mean)
    torch.testing.assert_close(weighted.running_var, repeated.running_var)
    pull = torch.randn_like(expected)
    for one, other in zip(
        torch.autograd.grad((found * pull).sum(), [x, *weighted.parameters()]),
        torch.autograd.grad((expected * pull).sum(), [x, *repeated.parameters()]),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_running_variance_is_that_of_the_training():
    torch.manual_seed(0)
    norm = BatchNorm(3, momentum=None).double()
    x = torch.randn(4, 3, dtype=torch.float64)
    norm(x)
    torch.testing.assert_close(norm.running_var, x.var(dim=0, correction=0))
    norm(2 * x)
    torch.testing.assert_close(norm.running_var, 2.5 * x.var(dim=0, correction=0))


@pytest.mark.parametrize("masked", [True, False])
def test_weights_of_any_scale_and_values_far_from_zero(masked):
    torch.manual_seed(0)
    x = torch.randn(6, 2, 50) + 1000
    mask = torch.ones(6, 50, dtype=torch.bool) if masked else None
    norm, plain = BatchNorm(2), BatchNorm(2)
    x.requires_grad_()
    for scale in (1e-38, 1.0, 1e30):
        with weighing(norm, torch.full((6,), scale)):
            y = norm(x, mask)
        torch.testing.assert_close(y, plain(x), atol=2e-3 if masked else 1e-4, rtol=0)
        assert torch.autograd.grad((y**3).sum(), x)[0].isfinite().all()


def test_weights_end_with_the_batch_also_after_an_error():
    norm = BatchNorm(2)
    with pytest.raises(RuntimeError), weighing(norm, torch.ones(3)):
        norm(torch.zeros(4, 5, 2))
    assert norm.sample_weight is None
