"""Convolution blocks: the lecture's formula, sizes, padding, position bias, and what the parameters refuse."""

import math

import numpy as np
import pytest
import torch
from scipy.signal import correlate

from sklearn_ann.layers import (
    ConvolutionBlock,
    ConvolutionLayer,
    convolution_layers,
    convolve,
    image_grid,
    image_layers,
)
from sklearn_ann.layers.convolution import PositionBias, places


def block(layer, n_dimensions, **changes):
    torch.manual_seed(0)
    settings = {"pooling": "max", "normalization": None, "residual": False} | changes
    return ConvolutionBlock(2, ConvolutionLayer(*layer), n_dimensions, **settings).double()


@pytest.mark.parametrize("n_dimensions", [1, 2])
def test_a_block_is_the_lectures_formula(n_dimensions):
    layer = block((3, 3), n_dimensions)
    x = np.random.default_rng(0).normal(size=(1, 2, *(7, 6)[:n_dimensions]))
    got = layer(torch.from_numpy(x), None)[0].detach().numpy()[0]
    for filter_, response in zip(layer.weight.detach().numpy(), got, strict=True):
        expected = sum(correlate(channel, w, mode="same") for channel, w in zip(x[0], filter_, strict=True))
        np.testing.assert_allclose(response, np.maximum(expected, 0), atol=1e-12)


@pytest.mark.parametrize("width", [1, 2, 4, 5])
def test_filters_of_any_width_keep_the_size(width):
    x = torch.randn(2, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    weight = torch.randn(4, 3, width, width, generator=torch.Generator().manual_seed(1))
    around = torch.nn.functional.pad(x, ((width - 1) // 2, width // 2) * 2)
    expected = torch.nn.functional.conv2d(around, weight)
    assert convolve(x, weight).shape == (2, 4, 9, 7)
    torch.testing.assert_close(convolve(x, weight), expected)


@pytest.mark.parametrize("pooling", ["max", "mean"])
@pytest.mark.parametrize("normalization", [None, "layer"])
def test_padding_never_leaks_and_stays_zero(pooling, normalization):
    layer = block((3, 4, 3), 1, pooling=pooling, normalization=normalization, residual=True)
    lengths = [7, 2, 11]
    x = (
        torch.randn(3, 2, 11, dtype=torch.float64)
        * places(torch.tensor(lengths)[:, None], torch.empty(3, 2, 11))[:, None]
    )
    maps, sizes = layer(x, torch.tensor(lengths)[:, None])
    assert sizes.ravel().tolist() == [math.ceil(length / 3) for length in lengths]
    for sample, found, length, size in zip(x, maps, lengths, sizes.ravel().tolist(), strict=True):
        alone, _ = layer(sample[None, :, :length], None)
        torch.testing.assert_close(found[:, :size], alone[0])
        assert not found[:, size:].any()


def test_a_residual_block_adds_its_input():
    layer = block((2, 3), 1, residual=True)
    x = torch.randn(1, 2, 5, dtype=torch.float64)
    torch.testing.assert_close(layer(x, None)[0], torch.relu(x + layer.responses(x)))


def test_places_are_those_of_the_samples():
    x = torch.empty(2, 1, 2, 3)
    assert places(None, x) is None
    found = places(torch.tensor([[1, 2], [2, 1]]), x).int()
    assert found.tolist() == [[[1, 1, 0], [0, 0, 0]], [[1, 0, 0], [1, 0, 0]]]


@pytest.mark.parametrize("size", [(5,), (4, 6)])
def test_position_bias_of_another_size_is_that_of_the_relative_position(size):
    torch.manual_seed(0)
    bias = PositionBias(3, size).double()
    here = torch.zeros(2, 3, *size, dtype=torch.float64)
    whole, longer = bias(here), torch.zeros(2, 3, *(2 * n for n in size), dtype=torch.float64)
    # The middle of the first position is the limit between the first two of twice as many.
    found = bias(longer)
    assert found.shape == longer.shape
    pairs = found[(0, 0, *(0 for _ in size[1:]))].view(-1, 2).mean(dim=1) if len(size) == 1 else None
    assert pairs is None or torch.corrcoef(torch.stack([pairs, whole[0, 0]]))[0, 1] > 0.9
    sizes = torch.tensor([size, [n - 1 for n in size]])
    padded = bias(longer, sizes)
    corner = (0, slice(None), *map(slice, size))
    torch.testing.assert_close(padded[corner], whole[0], rtol=1e-5, atol=1e-6)
    apart = bias(torch.zeros(1, 3, *(n - 1 for n in size), dtype=torch.float64))
    corner = (1, slice(None), *(slice(n - 1) for n in size))
    torch.testing.assert_close(padded[corner], apart[0], rtol=1e-5, atol=1e-6)


def test_position_bias_is_a_sum_of_cosines():
    torch.manual_seed(0)
    bias = PositionBias(3, (5,)).double()
    k, i = np.ogrid[:5, :5]
    expected = bias.weight.detach().numpy() @ np.cos(np.pi * k * (i + 0.5) / 5)
    found = bias(torch.zeros(2, 3, 5, dtype=torch.float64)).detach()
    np.testing.assert_allclose(found, [expected, expected], atol=1e-6)
    of_images = PositionBias(200, (30, 40))
    assert of_images(torch.zeros(1, 200, 30, 40)).std().item() == pytest.approx(0.3, rel=0.1)
    assert of_images.weight.shape == (200, 16, 16)  # smooth: no more waves than these


def test_layers_of_images_grow_with_their_side():
    assert [len(image_layers(side)) for side in (4, 16, 31, 32, 64, 128, 1000)] == [2, 2, 2, 3, 4, 5, 5]


def test_layers_are_tuples_of_integers():
    automatic = [ConvolutionLayer(8, 3)]
    assert convolution_layers("auto", automatic) is automatic
    assert convolution_layers([(np.int64(4), 3), [5, 2, 2]], automatic) == [(4, 3, 1), (5, 2, 2)]
    for bad in ("deep", 5, (), ((8,),), ((8, 0),), ((8, 2.5),), ((8, 3, 2, 1),), (8, 3)):
        with pytest.raises(ValueError, match="conv_layers="):
            convolution_layers(bad, automatic)


def test_image_shape_must_fit_the_features():
    assert image_grid((4, 3), 12) == (4, 3, 1)
    assert image_grid((2, 3, 2), 12) == (2, 3, 2)
    for bad in ((12,), (3, 3), (-4, -3), (4.0, 3), (2, 3, 2, 1)):
        with pytest.raises(ValueError, match=r"image_shape=\(.* does not fit X of 12 features"):
            image_grid(bad, 12)
