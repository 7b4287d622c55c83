"""Recurrent layers against torch's packed sequences."""

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from sklearn_ann.layers import Recurrent, recurrent_layer

LENGTHS = torch.tensor([1, 7, 4, 9])


def batch(width=3):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(len(LENGTHS), 9, width, dtype=torch.float64, generator=generator)


def of_torch(network, cell, n_layers, bidirectional):
    """The same network as torch writes it, over packed sequences."""
    kinds = {"lstm": nn.LSTM, "gru": nn.GRU, "plain": nn.RNN}
    model = kinds[cell](3, 5, n_layers, batch_first=True, bidirectional=bidirectional).double()
    for i, directions in enumerate(network.layers):
        for layer, suffix in zip(directions, ("", "_reverse"), strict=False):
            for name, parameter in layer.named_parameters():
                getattr(model, f"{name[:-1]}{i}{suffix}").data.copy_(parameter)
    return model


@pytest.mark.parametrize("cell", ["lstm", "gru", "plain"])
@pytest.mark.parametrize(("n_layers", "bidirectional"), [(1, False), (2, True)])
def test_padded_sequences_are_what_packed_ones_are(cell, n_layers, bidirectional):
    network = Recurrent(cell, 3, 5, n_layers, bidirectional).double()
    x = batch().requires_grad_()
    states = network(x, LENGTHS)
    model, y = of_torch(network, cell, n_layers, bidirectional), batch().requires_grad_()
    packed = model(pack_padded_sequence(y, LENGTHS, batch_first=True, enforce_sorted=False))[0]
    expected = pad_packed_sequence(packed, batch_first=True)[0]
    torch.testing.assert_close(states, expected, rtol=1e-10, atol=1e-12)
    (states**2).sum().backward()
    (expected**2).sum().backward()
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_last_state_is_that_after_the_last_letter_in_each_direction(bidirectional):
    network = Recurrent("gru", 3, 5, bidirectional=bidirectional).double()
    x = batch()
    last = network.last(network(x, LENGTHS), LENGTHS)
    for one, length, found in zip(x, LENGTHS.tolist(), last, strict=True):
        alone = one[None, :length]
        torch.testing.assert_close(network.last(network(alone))[0], found)
        torch.testing.assert_close(network.layers[0][0](alone)[1][0, 0], found[:5])
        if bidirectional:
            torch.testing.assert_close(network.layers[0][1](alone.flip(1))[1][0, 0], found[5:])


def test_padding_is_never_seen():
    network, x = Recurrent("lstm", 3, 5, 2, True).double(), batch()
    states = network(x, LENGTHS)
    for index, length in enumerate(LENGTHS.tolist()):
        assert (states[index, length:] == 0).all()
        x[index, length:] = 1e6
    assert torch.equal(network(x, LENGTHS), states)


def test_initial_weights():
    layer = recurrent_layer("lstm", 3, 8)
    torch.testing.assert_close(layer.bias_ih_l0 + layer.bias_hh_l0, torch.tensor([0.0] * 8 + [1.0] * 8 + [0.0] * 16))
    for block in layer.weight_hh_l0.chunk(4):
        torch.testing.assert_close(block @ block.T, torch.eye(8), rtol=1e-5, atol=1e-5)


def test_dropout_between_layers_draws_from_its_own_generator():
    network, x = Recurrent("gru", 3, 5, 2, dropout=0.5).double(), batch()
    network.dropout.generator = torch.Generator().manual_seed(1)
    state = torch.get_rng_state()
    first = network(x)
    assert torch.equal(torch.get_rng_state(), state)
    network.dropout.generator = torch.Generator().manual_seed(1)
    assert torch.equal(network(x), first)
    assert not torch.equal(network(x), first)
