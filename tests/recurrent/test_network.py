"""The network of recurrent estimators: pooling sees no padding."""

import pytest
import torch

from sklearn_ann.layers import ConvolutionLayer, Recurrent
from sklearn_ann.reading import GridBatch
from sklearn_ann.recurrent.network import RecurrentBody, convolution_blocks, steps_of

SIZES = torch.tensor([[2], [5], [1]])


def batch():
    x = torch.randn(3, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return GridBatch(x * (torch.arange(5) < SIZES)[:, None], SIZES)


def body(pooling):
    return RecurrentBody([], Recurrent("gru", 4, 3, bidirectional=True), pooling, 0.0).double()


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
def test_features_of_a_series_are_those_that_it_has_alone(pooling):
    network, ragged = body((pooling,)), batch()
    together = network(ragged)
    for i, length in enumerate(steps_of(ragged)):
        alone = network(GridBatch(ragged.x[i : i + 1, :, :length], None))
        torch.testing.assert_close(alone[0], together[i])


def test_poolings_are_what_they_are_called():
    network, ragged = body(("mean", "max", "last")), batch()
    mean, maximum, last = network(ragged).split(6, dim=1)
    states, lengths = network.states(ragged)
    torch.testing.assert_close(mean[1], states[1].mean(dim=0))
    torch.testing.assert_close(maximum[0], states[0, :2].amax(dim=0))
    torch.testing.assert_close(last, network.recurrent.last(states, lengths))


def test_without_pooling_there_is_a_row_for_each_step():
    network, ragged = body(None), batch()
    rows = network(ragged).split(steps_of(ragged))
    states, _ = network.states(ragged)
    for i, length in enumerate(SIZES[:, 0].tolist()):
        torch.testing.assert_close(rows[i], states[i, :length])
    uniform = network(GridBatch(ragged.x, None))
    assert uniform.shape == (15, 6)
    assert network.n_features == 6


def test_convolutions_make_a_step_of_several():
    layers = [ConvolutionLayer(6, 3, 2), ConvolutionLayer(5, 3, 1)]
    network = RecurrentBody(convolution_blocks(layers, 4, None, biased=True), Recurrent("gru", 5, 3), ("max",), 0.0)
    network = network.double().eval()
    ragged = batch()
    states, lengths = network.states(ragged)
    assert states.shape == (3, 3, 3)
    assert lengths is not None
    assert lengths.tolist() == [1, 3, 1]
    together = network(ragged)
    for i, length in enumerate(SIZES[:, 0].tolist()):
        torch.testing.assert_close(network(GridBatch(ragged.x[i : i + 1, :, :length], None))[0], together[i])
    assert [block.position is None for block in convolution_blocks(layers, 4, (5,), biased=True)] == [False, False]
    assert [block.position is None for block in convolution_blocks(layers, 4, (5,), biased=False)] == [True, True]
