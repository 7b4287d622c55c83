"""Layers by name and depth."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_ann.layers import (
    FROZEN,
    BorrowedBody,
    Ensemble,
    WithHead,
    chosen_layers,
    freeze_layers,
    layers_of,
    learning_rates,
)
from sklearn_ann.layers.head import mean_number


class Body(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(4, affine=False)
        self.first = nn.Parameter(torch.ones(4))
        self.blocks = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
        self.dropout = nn.Dropout(0.5)
        self.dense = nn.Sequential(nn.Linear(4, 3), nn.ReLU())

    def forward(self, x):
        return self.dense(self.dropout(self.blocks[1](self.blocks[0](self.norm(x) * self.first))))


NAMES = ["first", "blocks.0", "blocks.1", "dense.0"]


def test_layers_are_in_order_from_the_input():
    body = Body()
    layers = layers_of(body)
    assert list(layers) == NAMES
    assert layers["blocks.0"] == [body.norm, body.blocks[0]]  # what has no weights belongs to the layer after it
    assert layers_of(BorrowedBody(body, "Other")).keys() == layers.keys()
    assert layers_of(nn.Identity()) == {}


def test_layers_are_chosen_by_number_and_by_name():
    body = Body()
    assert chosen_layers(body, "none") == chosen_layers(body, 0) == chosen_layers(body, []) == ()
    assert chosen_layers(body, "body") == chosen_layers(body, 4) == tuple(NAMES)
    assert chosen_layers(body, 2) == ("first", "blocks.0")
    assert chosen_layers(body, ["dense", "blocks.1"]) == ("blocks.1", "dense.0")
    assert chosen_layers(body, ("blocks",)) == ("blocks.0", "blocks.1")
    with pytest.raises(ValueError, match=r"from the input on: first, blocks\.0, blocks\.1, dense\.0"):
        chosen_layers(body, ["block"])
    with pytest.raises(ValueError, match="freeze has the name 3"):
        chosen_layers(body, [3])
    with pytest.raises(ValueError, match="freeze=5, but the body has 4 layers"):
        chosen_layers(body, 5)
    with pytest.raises(ValueError, match="freeze=False: expected"):
        chosen_layers(body, False)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda body: pickle.loads(pickle.dumps(body))])
def test_frozen_layers_are_marked_and_can_learn_again(copied):
    body = Body()
    freeze_layers(body, ["first", "blocks.0"])
    body = copied(body)
    assert [weight.requires_grad for weight in body.parameters()] == [False, False, False, True, True, True, True]
    assert getattr(body.norm, FROZEN)
    freeze_layers(body, (), whole=True)
    assert getattr(body, FROZEN)
    assert not any(weight.requires_grad for weight in body.parameters())
    freeze_layers(body, ())
    assert all(weight.requires_grad for weight in body.parameters())
    assert not any(hasattr(part, FROZEN) for part in body.modules())


def test_learning_rates_of_layers_and_networks():
    network = WithHead(Body(), 3, 2)
    assert learning_rates(network, 1.0, None) == {}
    assert learning_rates(network, 1.0, 1.0) == {}
    decayed = learning_rates(network, 1.0, 0.5)
    assert decayed["body.first"] == 0.5**4
    assert decayed["body.dense.0.bias"] == 0.5
    assert not any(name.startswith("head") for name in decayed)
    named = learning_rates(network, 0.1, {"blocks": 2.0, "head": 5.0})
    assert named["body.blocks.1.weight"] == 0.2
    assert named["body.first"] == 0.1
    assert named["head.weight"] == 5.0
    both = learning_rates(Ensemble([network, WithHead(Body(), 3, 2)], mean_number), 0.5, None)
    assert {name.split(".")[1] for name in both} == {"0", "1"}
    with pytest.raises(ValueError, match="has the name 'tail'"):
        learning_rates(network, 1.0, {"tail": 1.0})
    for wrong in (0, -1.0, True, "fast"):
        with pytest.raises(ValueError, match="expected a number above zero"):
            learning_rates(network, 1.0, {"head": wrong})


def test_borrowed_body_says_whose_it_is():
    body = BorrowedBody(Body(), "AutoEncoder").eval()
    assert body(torch.ones(2, 4)).shape == (2, 3)
    with pytest.raises(AttributeError, match="the body of this network is that of AutoEncoder, which has no 'maps'"):
        body.maps  # noqa: B018
    assert isinstance(pickle.loads(pickle.dumps(body)).module, Body)


@pytest.mark.parametrize("rates", [{"blocks.1": 0.5, "blocks": 0.1}, {"blocks": 0.1, "blocks.1": 0.5}])
def test_the_longest_name_of_a_layer_counts_whatever_the_order(rates):
    found = learning_rates(WithHead(Body(), 3, 2), 1.0, rates)
    assert {found["body.blocks.0.weight"], found["body.blocks.1.weight"]} == {0.1, 0.5}
    assert found["body.blocks.1.weight"] == 0.5


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ({1: 0.5}, "layer_learning_rates has the name 1, but"),
        ({"blocks": float("inf")}, r"layer_learning_rates\['blocks'\]=inf: expected a number above zero"),
        (1e-300, "let the layer 'first' learn at 0.0 times"),
        (1e200, "let the layer 'first' learn at inf times"),
    ],
)
def test_rates_at_which_nothing_learns_are_refused(rates, message):
    with pytest.raises(ValueError, match=message):
        learning_rates(WithHead(Body(), 3, 2), 1.0, rates)


def test_rates_may_be_numbers_of_numpy():
    assert learning_rates(WithHead(Body(), 3, 2), 1.0, {"first": np.float32(0.5)})["body.first"] == 0.5


def test_an_attribute_of_others_that_is_called_frozen_stays():
    body = Body()
    body.dense.frozen = True
    freeze_layers(body, ["first"])
    assert body.dense.frozen
    assert all(weight.requires_grad for weight in body.dense.parameters())
