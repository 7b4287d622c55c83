"""Errors of single outputs, and of targets of which some are missing."""

from functools import partial

import numpy as np
import pytest
import torch
from sklearn.metrics import mean_pinball_loss, mean_poisson_deviance

from sklearn_ann.base.losses import (
    WeightedRows,
    absolute_error,
    cross_entropy,
    error_of,
    huber_error,
    independent_cross_entropy,
    masked,
    over_members,
    plain,
    squared_error,
)

OUTPUT = torch.randn(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
TARGET = torch.rand(7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_errors_are_those_of_scikit_learn():
    output, target = OUTPUT.numpy().ravel(), TARGET.numpy().ravel()
    for quantile in (0.1, 0.5, 0.9):
        found = error_of("quantile", quantile)(OUTPUT, TARGET).mean()
        assert found == pytest.approx(mean_pinball_loss(target, output, alpha=quantile))
    found = error_of("poisson", 0.5)(OUTPUT, TARGET).mean()
    assert found == pytest.approx(mean_poisson_deviance(target, np.exp(output)) / 2)
    assert torch.equal(error_of("absolute_error", 0.5)(OUTPUT, TARGET), absolute_error(OUTPUT, TARGET))


def test_huber_is_squared_near_zero_and_linear_far_away():
    error = huber_error(torch.tensor([0.5, 10.0]), torch.zeros(2))
    assert error.tolist() == [0.125, pytest.approx(1.35 * (10 - 0.675))]


@pytest.mark.parametrize("error", [squared_error, absolute_error, huber_error, independent_cross_entropy])
def test_a_missing_target_has_no_part_in_loss_or_gradient(error):
    target = TARGET.clone()
    target[2, 1] = target[4] = torch.nan
    output = OUTPUT.clone().requires_grad_()
    losses = masked(error, 3, output, target)
    losses.sum().backward()
    assert losses[2].item() == pytest.approx(float(error(OUTPUT, TARGET)[2, [0, 2]].sum()) / 3)
    assert losses[4].item() == 0
    assert output.grad[2, 1] == 0
    assert torch.isfinite(output.grad).all()
    assert torch.allclose(masked(error, 3, OUTPUT, TARGET), plain(error, 3, OUTPUT, TARGET))


def test_weights_of_outputs():
    weight = torch.tensor([[1.0, 0, 2]], dtype=torch.float64).expand(7, 3)
    batch = WeightedRows(TARGET, weight)[torch.tensor([5, 0])]
    losses = partial(masked, squared_error, 1)(OUTPUT[[5, 0]], batch)
    expected = (squared_error(OUTPUT, TARGET) * weight).sum(dim=1)[[5, 0]]
    assert torch.allclose(losses, expected)


MEMBERS = torch.randn(4, 7, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
HOLES = torch.where(TARGET > 0.8, torch.nan, TARGET)
WEIGHTED = WeightedRows(HOLES, 2 * TARGET)[torch.arange(7)]


@pytest.mark.parametrize(
    ("error", "target"),
    [
        (cross_entropy, torch.arange(7) % 3),
        (partial(plain, squared_error, 3), TARGET),
        (partial(plain, huber_error, 3), TARGET),
        (partial(plain, independent_cross_entropy, 1), TARGET),
        (partial(masked, independent_cross_entropy, 1), HOLES),
        (partial(masked, absolute_error, 3), WEIGHTED),
    ],
)
def test_members_have_each_the_loss_of_a_network_and_a_sample_their_mean(error, target):
    each = torch.stack([error(output, target) for output in MEMBERS])
    torch.testing.assert_close(error(MEMBERS, target), each)
    torch.testing.assert_close(over_members(error, MEMBERS, target), each.mean(dim=0))
    torch.testing.assert_close(over_members(error, MEMBERS[0], target), each[0])
