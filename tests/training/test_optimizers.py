"""The optimiser that calls torch's fused kernel takes the steps of torch's own."""

import copy
import pickle

import pytest
import torch
from torch import nn

from sklearn_ann.training.optimizers import FusedAdam

OURS = {"adamw": True, "adam": False}
THEIRS = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}


def steps(module, optimizer, n, rate=None):
    generator = torch.Generator().manual_seed(1)
    for _ in range(n):
        x = torch.randn(5, 3, generator=generator, dtype=torch.float64)
        module.zero_grad(set_to_none=True)
        module[0](x).square().sum().backward()  # the second layer gets no gradient
        if rate is not None:
            optimizer.param_groups[0]["lr"] = rate
        optimizer.step()


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).double()


@pytest.mark.parametrize("kind", ["adamw", "adam"])
def test_its_steps_are_those_of_torch(kind):
    ours, theirs = network(), network()
    one = FusedAdam(ours.parameters(), 0.1, 0.02, decoupled=OURS[kind])
    other = THEIRS[kind](theirs.parameters(), lr=0.1, weight_decay=0.02, fused=True)
    for rate in (None, 0.01):  # a schedule changes the rate
        steps(ours, one, 4, rate)
        steps(theirs, other, 4, rate)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_copies_go_on_alike(copied):
    module = network()
    optimizer = FusedAdam(module.parameters(), 0.1, 0.0, decoupled=True)
    steps(module, optimizer, 3)
    twin, its = copied((module, optimizer))
    steps(module, optimizer, 3)
    assert not torch.equal(module[0].weight, twin[0].weight)
    steps(twin, its, 3)
    assert torch.equal(module[0].weight, twin[0].weight)
