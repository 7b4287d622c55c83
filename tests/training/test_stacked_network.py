"""Losses and gradients of all networks of a stack are those of each by itself, by autograd and written out."""

import copy

import pytest
import torch
from torch import nn

from sklearn_ann.autoencoder.losses import LOSSES
from sklearn_ann.layers import dense_stack, linear_layers
from sklearn_ann.layers.dense import TiedLinear
from sklearn_ann.training.stacked_network import _Recorded, _WrittenOut, slots_of, stacked_network


def without_derivative(output, x):
    return (output - x).pow(4).sum(dim=1)


def chain():
    return dense_stack(linear_layers([6, 9, 2, 6]), "tanh")


def no_chain():
    return nn.Sequential(chain(), nn.Hardtanh(), nn.BatchNorm1d(6, track_running_stats=True))


def tied():
    (first,) = linear_layers([6, 4])
    return nn.Sequential(first, TiedLinear(first))


def stacked(make, error):
    """Return networks, what computes them as one, and its parameters."""
    torch.manual_seed(0)
    modules = [make().double() for _ in range(3)]
    template = copy.deepcopy(modules[0])
    slots = slots_of(template)
    network = stacked_network(template, error, slots)
    network.whole = [
        torch.stack([slot.place(module)[slot.name].detach() for module in modules]).requires_grad_(not slot.buffer)
        for slot in slots
    ]
    network.set_numbers(modules)
    return modules, network, [whole for whole, slot in zip(network.whole, slots, strict=True) if not slot.buffer]


@pytest.mark.parametrize("error", [*(loss.error for loss in LOSSES.values()), without_derivative])
@pytest.mark.parametrize("make", [chain, tied])
@pytest.mark.parametrize("own_target", [True, False])
def test_losses_and_gradients(make, error, own_target):
    modules, network, parameters = stacked(make, error)
    assert type(network) is (_WrittenOut if make is chain else _Recorded)
    x = torch.rand(3, 5, 6, dtype=torch.float64)
    target = x if own_target else torch.rand_like(x)
    share = torch.rand(3, 5, dtype=torch.float64)
    losses = network.losses(x, target, None)
    into = [torch.full_like(one, torch.nan) for one in parameters]
    found = network.gradients(losses, share, into)
    for member, module in enumerate(modules):
        own = error(module(x[member]), target[member])
        torch.testing.assert_close(losses[member].detach(), own.detach())
        own.backward(share[member])
        for whole, parameter in zip(found, module.parameters(), strict=True):
            torch.testing.assert_close(whole[member], parameter.grad)


def test_nothing_is_kept_of_batches_that_are_not_learned_from():
    modules, network, _ = stacked(chain, without_derivative)
    x = torch.rand(3, 5, 6, dtype=torch.float64)
    with torch.no_grad():
        losses = network.losses(x, x, None)
    assert not losses.requires_grad
    assert network._kept == []
    torch.testing.assert_close(losses[1], without_derivative(modules[1](x[1]), x[1]).detach())


def test_other_networks_are_left_to_autograd():
    template = no_chain()
    assert type(stacked_network(template, without_derivative, slots_of(template))) is _Recorded


def test_slots_are_the_parameters_and_buffers():
    module = no_chain()
    slots = slots_of(module)
    names = {".".join(filter(None, (slot.path, slot.name))) for slot in slots}
    assert names == set(module.state_dict())
    assert {slot.name for slot in slots if slot.buffer} == {"running_mean", "running_var", "num_batches_tracked"}
