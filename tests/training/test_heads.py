"""Heads on a frozen body: the body runs before the epochs."""

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_ann.layers import Ensemble, WithHead, freeze_layers
from sklearn_ann.layers.head import mean_number
from sklearn_ann.training import Examples, HeadStep, Rows, Settings, Step

X = torch.from_numpy(np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32))
SETTINGS = Settings(
    max_epochs=3, batch_size=8, learning_rate=1e-2, learning_rate_schedule="constant", optimizer="adamw",
    weight_decay=0.0, max_grad_norm=None, n_iter_no_change=5, tol=1e-3, precision="float32",
)  # fmt: skip


class Members(nn.Module):
    """Three members with a leading axis."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 5, 4))

    def forward(self, x):
        return x @ self.weight


def networks():
    torch.manual_seed(0)
    one = WithHead(nn.Linear(5, 4), 4, 2)
    members = WithHead(Members(), 4, 2, 3, mean_number)
    several = Ensemble([WithHead(nn.Linear(5, 4), 4, 2) for _ in range(2)], mean_number)
    of_members = Ensemble([WithHead(Members(), 4, 2, 3, mean_number) for _ in range(2)], mean_number)
    return [one, members, several, of_members]


def squared(output, target):
    return (output - target).square().mean(dim=-1)


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("training", [True, False])
def test_heads_on_prepared_features_are_the_network(number, training):
    network = networks()[number]
    for part in network.parts:
        freeze_layers(part.body, (), whole=True)
    step = HeadStep(network, squared, SETTINGS)
    prepared = step.prepared(Examples(Rows(X), target=Rows(X[:, :2])))
    assert len(prepared) == len(X)
    assert prepared.target.values.shape == (40, 2)
    step.switch(training)
    with torch.no_grad():
        torch.testing.assert_close(network.concluded(prepared.samples.values), network(X), rtol=0, atol=1e-6)
    heads = {id(weight) for part in network.parts for weight in part.head.parameters()}
    assert {id(weight) for weight in step.trained[0]} == heads
    assert sum(tensor.numel() for tensor in step.member_states()[0]) < sum(p.numel() for p in network.parameters())


def test_other_steps_prepare_nothing():
    examples = Examples(Rows(X))
    assert Step(nn.Linear(5, 5), squared, SETTINGS).prepared(examples) is examples
