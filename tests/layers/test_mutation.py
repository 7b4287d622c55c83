"""Mutation: which letters are replaced, and by which."""

import pytest
import torch

from sklearn_ann.layers import Mutation

POSITIONS = torch.arange(400).expand(3, 400)
LENGTHS = torch.tensor([400, 100, 1])


def drawn(share, lengths=LENGTHS, seed=0):
    layer = Mutation(share)
    layer.generator = torch.Generator().manual_seed(seed)
    return layer(POSITIONS, lengths)


def test_letters_come_from_inside_the_sequence():
    found = drawn(1.0)
    assert (found >= 0).all()
    for row, length in zip(found, LENGTHS.tolist(), strict=True):
        assert (row < length).all()
    assert len(found[1].unique()) > 80  # from all over it
    assert (drawn(1.0, None) < 400).all()


def test_the_share_of_replaced_letters_is_as_asked():
    replaced = [(drawn(0.25, None, seed) != POSITIONS).float().mean().item() for seed in range(20)]
    assert sum(replaced) / 20 == pytest.approx(0.25, abs=0.01)


def test_nothing_is_replaced_in_prediction_or_with_a_share_of_zero():
    assert Mutation(0.0)(POSITIONS, LENGTHS) is POSITIONS
    assert Mutation(1.0).eval()(POSITIONS, LENGTHS) is POSITIONS


def test_the_generator_decides():
    assert torch.equal(drawn(0.5, seed=3), drawn(0.5, seed=3))
    assert not torch.equal(drawn(0.5, seed=3), drawn(0.5, seed=4))
