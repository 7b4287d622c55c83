"""The convolutional network: what is read out of the feature maps, that padding does not count, both strands."""

import numpy as np
import pytest
import torch

from sklearn_ann.convolution.augmentation import Shift, reverse_complement
from sklearn_ann.convolution.network import ConvolutionalBody
from sklearn_ann.layers import ConvolutionLayer
from sklearn_ann.reading import GridBatch

SETTINGS = {
    "position_bias": False, "normalize_input": False, "pooling": "max", "global_pooling": ["max", "mean"],
    "normalization": None, "residual": False, "hidden": (), "dropout": 0.0, "augmentation": (), "both_strands": False,
}  # fmt: skip


def body(n_channels=2, n_dimensions=2, size=None, layers=((3, 3, 2), (4, 3, 2)), **changes):
    torch.manual_seed(0)
    layers = [ConvolutionLayer(*layer) for layer in layers]
    return ConvolutionalBody(layers, n_channels, n_dimensions, size, **SETTINGS | changes).double().eval()


def padded(sizes, channels=2):
    """Images of random numbers, padded with zeros, and each of them alone."""
    rng = np.random.default_rng(0)
    alone = [torch.from_numpy(rng.normal(size=(1, channels, *size))) for size in sizes]
    x = torch.zeros(len(sizes), channels, *np.max(sizes, axis=0), dtype=torch.float64)
    for image, one in zip(x, alone, strict=True):
        image[tuple(slice(length) for length in one.shape[1:])] = one[0]
    return GridBatch(x, torch.tensor(sizes)), [GridBatch(one, None) for one in alone]


@pytest.mark.parametrize("normalization", [None, "layer", "batch"])
@pytest.mark.parametrize("pooling", ["max", "mean"])
def test_padding_never_leaks(normalization, pooling):
    network = body(normalization=normalization, pooling=pooling, residual=True, normalize_input=True, hidden=(5,))
    batch, alone = padded([(5, 9), (8, 3), (1, 1)])
    torch.testing.assert_close(network(batch), torch.cat([network(one) for one in alone]))


def test_the_feature_maps_are_read_out_by_maximum_mean_and_in_full():
    network = body(size=(6, 5), global_pooling=["flatten", "mean", "max"])
    x = torch.randn(3, 2, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    batch = GridBatch(x, None)
    ((_, _), (maps, sizes)) = network.maps(batch)
    assert sizes is None
    assert maps.shape == (3, 4, 2, 2)  # pooled by two, twice, with the ends
    expected = torch.cat([maps.flatten(1), maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))], dim=1)
    torch.testing.assert_close(network(batch), expected)
    assert network.n_features == expected.shape[1] == 4 * 4 + 4 + 4


def test_maps_say_the_sizes_of_the_samples_in_them():
    batch, _ = padded([(5, 9), (8, 3)])
    sizes = [sizes.tolist() for _, sizes in body().maps(batch)]
    assert sizes == [[[3, 5], [4, 2]], [[2, 3], [2, 1]]]


def test_both_strands_have_the_same_features():
    x = torch.nn.functional.one_hot(torch.tensor([[0, 1, 3, 3, 2, 0], [2, 2, 1, 0, 3, 1]]), 4).movedim(-1, 1).double()
    batch = GridBatch(x, None)
    both, one = (body(4, 1, both_strands=both, hidden=(6,)) for both in (True, False))
    assert torch.equal(both(batch), both(reverse_complement(batch)))
    torch.testing.assert_close(both(batch), (one(batch) + one(reverse_complement(batch))) / 2)
    assert not torch.allclose(one(batch), one(reverse_complement(batch)))


def test_samples_are_augmented_in_training_only():
    x = torch.zeros(1, 2, 8, 8, dtype=torch.float64)
    x[:, :, 2, 3] = 1
    network = body(augmentation=[Shift(3)], global_pooling=["flatten"], size=(8, 8))
    assert torch.equal(network(GridBatch(x, None)), network(GridBatch(x, None)))
    network.train()
    assert len({tuple(network(GridBatch(x, None))[0].tolist()) for _ in range(20)}) > 1
