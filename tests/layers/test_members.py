"""A layer steps out of vmap to compute on all members at once, by names that torch promises or by others."""

import pytest
import torch

from sklearn_ann.layers import is_set, members
from sklearn_ann.layers.members import on_members


@pytest.mark.parametrize("direct", [True, False])
def test_members_come_first_and_gradients_pass(monkeypatch, direct):
    if direct and not members.DIRECT:
        pytest.skip("this torch has other names")
    monkeypatch.setattr(members, "DIRECT", direct)
    x = torch.arange(24.0).view(2, 3, 4).requires_grad_()  # three members in the middle
    factors = torch.tensor([1.0, 10.0, 100.0])
    shapes = []

    def whole(values):
        shapes.append(values.shape)
        return values * factors[:, None, None]

    y = torch.vmap(lambda own: on_members(whole, own.clone()) + 1, in_dims=1, out_dims=1)(x)
    assert shapes == [(3, 2, 4)]
    assert y.equal(x * factors[:, None] + 1)
    y.sum().backward()
    assert x.grad.equal(factors[:, None].expand_as(x))


def test_it_is_for_stacks_only():
    with pytest.raises(RuntimeError, match="outside of a stack"):
        on_members(torch.neg, torch.zeros(2))


def test_a_number_of_members_is_set():
    assert [is_set(0.0), is_set(0.5), is_set(torch.tensor(0.0))] == [False, True, True]
