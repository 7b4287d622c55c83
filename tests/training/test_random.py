"""Drawing from generators of our own."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_ann.layers import Dropout
from sklearn_ann.training.random import as_random_state, drawing_from, noise_from

LAYERS = {
    "linear": lambda: nn.Linear(3, 4),
    "convolution": lambda: nn.Conv2d(2, 3, 3),
    "embedding": lambda: nn.Embedding(5, 3),
    "lstm": lambda: nn.LSTM(3, 4, num_layers=2, bidirectional=True),
    "attention": lambda: nn.MultiheadAttention(8, 2),
    "transformer": lambda: nn.TransformerEncoderLayer(8, 2, 16),
    "bilinear": lambda: nn.Bilinear(2, 3, 4),
    "parameter": lambda: nn.ParameterList([torch.randn(3), torch.rand(2), torch.empty(4).normal_()]),
    "xavier": lambda: nn.ParameterList([nn.init.xavier_normal_(torch.empty(3, 3))]),
    "kaiming": lambda: nn.ParameterList([nn.init.kaiming_normal_(torch.empty(3, 3))]),
    "orthogonal": lambda: nn.ParameterList([nn.init.orthogonal_(torch.empty(3, 3))]),
    "truncated": lambda: nn.ParameterList([nn.init.trunc_normal_(torch.empty(3, 3))]),
}


@pytest.mark.parametrize("build", LAYERS.values(), ids=LAYERS)
def test_initial_weights_come_from_the_generator_alone(build):
    built = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        before = torch.get_rng_state()
        with drawing_from(torch.Generator().manual_seed(0)):
            built.append(build())
        assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(*(m.state_dict().values() for m in built), strict=True))
    with drawing_from(torch.Generator().manual_seed(1)):
        other = build()
    assert any(not torch.equal(a, b) for a, b in zip(built[0].parameters(), other.parameters(), strict=True))


def test_random_states():
    assert as_random_state(3).randint(1000) == np.random.RandomState(3).randint(1000)
    state = np.random.RandomState(3)
    assert as_random_state(state) is state
    assert as_random_state(None).randint(2**31 - 1) != as_random_state(None).randint(2**31 - 1)


def test_dropout_draws_from_its_generator_and_keeps_the_mean():
    x = torch.ones(2000, 50)
    module = nn.Sequential(Dropout(0.25))
    with noise_from(module, torch.Generator().manual_seed(0)):
        dropped = module.train()(x)
        # Neither a copy nor a pickle takes the generator along.
        assert copy.deepcopy(module)[0].generator is None
        assert pickle.loads(pickle.dumps(module))[0].generator is None
    with noise_from(module, torch.Generator().manual_seed(0)):
        assert torch.equal(module(x), dropped)
    assert module[0].generator is None
    assert dropped.unique().tolist() == [0.0, pytest.approx(1 / 0.75)]
    assert dropped.mean() == pytest.approx(1, abs=0.01)
    assert torch.equal(module.eval()(x), x)
