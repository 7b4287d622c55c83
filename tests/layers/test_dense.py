"""Dense stacks."""

import copy

import torch

from sklearn_ann.layers import TiedLinear, dense_stack, layer_widths, linear_layers


def kinds(stack):
    return [type(block).__name__ for block in stack]


def test_activation_and_dropout_stand_between_the_maps():
    assert kinds(dense_stack(linear_layers([5, 4, 3]), "tanh")) == ["Linear", "Tanh", "Linear"]
    assert kinds(dense_stack(linear_layers([5, 4]), "relu", 0.5, activate_last=True)) == ["Linear", "ReLU", "Dropout"]
    assert kinds(dense_stack(linear_layers([5]), "relu")) == []


def test_widths():
    assert layer_widths(7) == layer_widths([7]) == (7,)
    assert layer_widths(()) == ()


def test_a_tied_layer_shares_the_weight_even_when_copied():
    source = torch.nn.Linear(5, 3)
    pair = torch.nn.ModuleDict({"down": source, "up": TiedLinear(source)})
    assert len(list(pair.parameters())) == 3
    z = torch.randn(2, 3)
    for module in (pair, copy.deepcopy(pair), copy.deepcopy(pair).double().float()):
        with torch.no_grad():
            module["down"].weight += 1
            module["up"].bias += 1
        assert torch.allclose(module["up"](z), z @ module["down"].weight + module["up"].bias, atol=1e-6)
