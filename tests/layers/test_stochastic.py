"""Layers that draw random numbers: from their own generator, which no copy keeps; dropout."""

import copy
import pickle

import pytest
import torch

from sklearn_ann.layers import Dropout


def with_generator(p=0.4, seed=0):
    layer = Dropout(p)
    layer.generator = torch.Generator().manual_seed(seed)
    return layer


def test_a_layer_draws_from_its_generator_and_leaves_the_global_one_alone():
    x = torch.ones(1000)
    before = torch.get_rng_state()
    assert torch.equal(with_generator(seed=1)(x), with_generator(seed=1)(x))
    assert not torch.equal(with_generator(seed=1)(x), with_generator(seed=2)(x))
    assert torch.equal(torch.get_rng_state(), before)


def test_without_a_generator_it_draws_from_the_global_one():
    x, layer = torch.ones(1000), Dropout(0.4)
    torch.manual_seed(0)
    first = layer(x)
    assert not torch.equal(layer(x), first)
    torch.manual_seed(0)
    assert torch.equal(layer(x), first)


def test_copies_and_pickles_do_not_keep_the_generator():
    layer = torch.nn.Sequential(torch.nn.Linear(2, 2), with_generator())
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert other[1].generator is None
        assert other[1].p == 0.4
    assert layer[1].generator is not None


def test_dropout_keeps_the_mean():
    dropped = with_generator(0.25)(torch.ones(200_000))
    assert dropped.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert (dropped == 0).float().mean().item() == pytest.approx(0.25, abs=0.01)
    assert dropped.mean().item() == pytest.approx(1, abs=0.01)


def test_dropout_is_the_identity_in_prediction_and_says_its_probability():
    x = torch.ones(5)
    assert with_generator().eval()(x) is x
    assert Dropout(0.0)(x) is x
    assert repr(Dropout(0.3)) == "Dropout(p=0.3)"


class Third:
    """One of three processes, each with two of six samples."""

    def __init__(self, number):
        self.number = number

    def whole(self, part, axis):
        shape = list(part.shape)
        shape[axis] *= 3
        place = [slice(None)] * part.ndim
        place[axis] = slice(2 * self.number, 2 * self.number + 2)
        return part.new_empty(shape), tuple(place)


def test_parts_of_a_batch_draw_what_the_batch_would():
    whole = with_generator()(torch.ones(6, 5))
    parts = []
    for number in range(3):
        layer = with_generator()
        layer.division = Third(number)
        parts.append(layer(torch.ones(2, 5)))
        assert "division" not in copy.deepcopy(layer).__dict__
    assert torch.equal(torch.cat(parts), whole)
