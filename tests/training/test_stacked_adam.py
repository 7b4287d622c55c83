"""Adam for all networks of a stack takes the steps that the optimiser of each takes."""

import pytest
import torch
from torch import nn

from sklearn_ann.training.optimizers import FusedAdam
from sklearn_ann.training.stacked_adam import StackedAdam

RATES = (0.1, 0.1, 0.02)
BOUNDS = (None, 0.5, 0.5)


def networks():
    torch.manual_seed(0)
    modules = [nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2), nn.Linear(2, 5)).double() for _ in RATES]
    optimizers = [
        FusedAdam(module.parameters(), rate, 0.02, decoupled=True) for module, rate in zip(modules, RATES, strict=True)
    ]
    return modules, optimizers


def drawn(generator, module):
    """Gradients of all parameters but those of the second layer."""
    return [
        None if name.startswith("1") else torch.randn(one.shape, generator=generator, dtype=torch.float64)
        for name, one in module.named_parameters()
    ]


def take_steps(modules, optimizers, gradients):
    for module, optimizer, bound, own in zip(modules, optimizers, BOUNDS, gradients, strict=True):
        for parameter, gradient in zip(module.parameters(), own, strict=True):
            parameter.grad = None if gradient is None else gradient.clone()
        if bound is not None:
            nn.utils.clip_grad_norm_(module.parameters(), bound)
        optimizer.step()


@pytest.mark.parametrize("in_place", [False, True])
def test_members_are_moved_as_they_are_alone(in_place):
    alone, stacked = networks(), networks()
    generator = torch.Generator().manual_seed(1)
    every = [[drawn(generator, module) for module in alone[0]] for _ in range(6)]
    for gradients in every[:2]:  # the averages go into the stack, and out again
        take_steps(*alone, gradients)
        take_steps(*stacked, gradients)
    own = [list(module.parameters()) for module in stacked[0]]
    for number, gradients in enumerate(every[2:]):
        if number % 2 == 0:
            adam = StackedAdam(own, stacked[1], BOUNDS)
            adam.begin_epoch()
        take_steps(*alone, gradients)
        joined = [None if None in each else torch.stack(each) for each in map(list, zip(*gradients, strict=True))]
        if in_place:
            for place, gradient in zip(adam.gradients, joined, strict=True):
                if gradient is not None:
                    place.copy_(gradient)
            joined = [None if one is None else place for one, place in zip(joined, adam.gradients, strict=True)]
        adam.step(joined)
        if number % 2:
            adam.leave()
    for mine, theirs in zip(stacked[0], alone[0], strict=True):
        for one, other in zip(mine.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    for mine, theirs in zip(stacked[1], alone[1], strict=True):
        one, other = mine.state_dict()["state"], theirs.state_dict()["state"]
        assert one.keys() == other.keys()  # what never moved has no averages
        for key in one:
            torch.testing.assert_close(one[key], other[key], rtol=1e-12, atol=1e-12)


def test_in_the_stack_weights_are_views_and_outside_they_are_not():
    modules, optimizers = networks()
    adam = StackedAdam([list(module.parameters()) for module in modules], optimizers, BOUNDS)
    weight = modules[1][0].weight
    assert weight.data_ptr() == adam.whole[0][1].data_ptr()
    assert [one.shape for one in adam.whole][:2] == [(3, 4, 3), (3, 4)]
    adam.leave()
    with torch.no_grad():
        adam.whole[0].zero_()
    assert weight.abs().min() > 0
    assert not optimizers[1].state


def test_who_has_one_learning_rate_is_moved_at_once():
    modules, optimizers = networks()
    adam = StackedAdam([list(module.parameters()) for module in modules], optimizers, BOUNDS)
    adam.begin_epoch()
    assert [part.members for part in adam._parts] == [slice(0, 2), slice(2, 3)]
    optimizers[2].param_groups[0]["lr"] = 0.1
    adam.begin_epoch()
    assert [part.members for part in adam._parts] == [slice(0, 3)]
