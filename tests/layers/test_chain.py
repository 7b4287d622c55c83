"""A chain of layers for all members at once: outputs and gradients are those of each network by itself."""

import copy

import pytest
import torch
from torch import nn

from sklearn_ann.layers import Dropout, Generators, TiedLinear, chain_of, chains_in, dense_stack, linear_layers
from sklearn_ann.layers.chain import links_of


def networks(make, n=3):
    torch.manual_seed(0)
    return [make().double() for _ in range(n)]


def as_stack(modules):
    """Return the chain's forward for one member, and the weights of all by the template's parameters."""
    template = copy.deepcopy(modules[0])
    ((chain, links),) = chains_in(template)
    assert chain is template
    pairs = zip(template.parameters(), *(module.parameters() for module in modules), strict=True)
    whole = {id(own): torch.stack([*each]).detach().requires_grad_() for own, *each in pairs}
    return template, chain_of(links, lambda parameter: whole[id(parameter)]), list(whole.values())


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu", "elu", "gelu", "silu"])
@pytest.mark.parametrize("rows", [(5,), (5, 3)])
def test_outputs_and_gradients(activation, rows):
    modules = networks(lambda: dense_stack(linear_layers([4, 9, 2, 3]), activation, activate_last=True))
    _, forward, weights = as_stack(modules)
    x = torch.randn(3, *rows, 4, dtype=torch.float64, requires_grad=True)
    y = torch.vmap(forward)(x)
    y.square().sum().backward()
    alone = x.detach().clone().requires_grad_()
    for member, module in enumerate(modules):
        own = module(alone[member])
        torch.testing.assert_close(y[member], own)
        own.square().sum().backward()
        for whole, parameter in zip(weights, module.parameters(), strict=True):
            torch.testing.assert_close(whole.grad[member], parameter.grad)
    torch.testing.assert_close(x.grad, alone.grad)


def tied():
    first, second = linear_layers([6, 4, 2])
    return nn.Sequential(
        dense_stack([first, second], "tanh"), dense_stack([TiedLinear(second), TiedLinear(first)], "tanh")
    )


def test_a_shared_matrix_gets_both_gradients():
    modules = networks(tied)
    _, forward, weights = as_stack(modules)
    x = torch.randn(3, 5, 6, dtype=torch.float64)
    torch.vmap(forward)(x).square().sum().backward()
    for member, module in enumerate(modules):
        module(x[member]).square().sum().backward()
        for whole, parameter in zip(weights, module.parameters(), strict=True):
            torch.testing.assert_close(whole.grad[member], parameter.grad)


def test_each_member_drops_what_it_drops_alone():
    modules = networks(lambda: dense_stack(linear_layers([4, 8, 3]), "relu", 0.5))
    template, forward, _ = as_stack(modules)
    x = torch.randn(3, 6, 4, dtype=torch.float64)
    sizes = [6, 5, 6]
    generators = Generators([torch.Generator().manual_seed(seed) for seed in range(3)])
    generators.sizes = sizes
    layer = next(part for part in template.modules() if isinstance(part, Dropout))
    layer.generator, layer.p = generators, [0.5, 0.2, 0.0]
    y = torch.vmap(forward)(x)
    for member, (module, p, size) in enumerate(zip(modules, layer.p, sizes, strict=True)):
        own = next(part for part in module.modules() if isinstance(part, Dropout))
        own.generator, own.p = torch.Generator().manual_seed(member), p
        torch.testing.assert_close(y[member, :size], module(x[member, :size]))


def test_other_modules_are_no_chains():
    assert links_of(nn.Sequential(nn.Linear(2, 2), nn.Softmax())) is None
    assert [*chains_in(nn.Sequential(nn.ReLU(), nn.Softmax()))] == []
    found = [module for module, _ in chains_in(nn.ModuleList([nn.Linear(2, 2), nn.Conv1d(1, 1, 1)]))]
    assert [type(module) for module in found] == [nn.Linear]
