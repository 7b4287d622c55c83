"""Encoder and decoder of images: sizes, layout, and that samples do not mix."""

import pytest
import torch

from sklearn_ann.layers import ConvolutionalDecoder, ConvolutionalEncoder, ConvolutionLayer

LAYERS = [ConvolutionLayer(4, 3, 2), ConvolutionLayer(6, 3, 3)]


def pair(grid, layers=LAYERS, widths=(8, 2)):
    torch.manual_seed(0)
    encoder = ConvolutionalEncoder(layers, grid, widths, "tanh", 0.0)
    return encoder, ConvolutionalDecoder(encoder, layers, widths, "tanh", 0.0)


@pytest.mark.parametrize("grid", [(12, 12, 1), (7, 11, 3), (1, 5, 2)])
def test_images_of_any_size_have_reconstructions_of_their_size(grid):
    encoder, decoder = pair(grid)
    height, width, channels = grid
    x = torch.randn(5, height * width * channels)
    z = encoder(x)
    assert z.shape == (5, 2)
    assert decoder(z).shape == x.shape
    (h1, w1), (h2, w2) = encoder.sizes[1:]
    assert (h1, w1) == (-(-height // 2), -(-width // 2))
    assert (h2, w2) == (-(-h1 // 3), -(-w1 // 3))


def test_a_sample_does_not_depend_on_its_batch():
    encoder, decoder = pair((6, 5, 2))
    x = torch.randn(4, 60)
    together = decoder(encoder(x))
    alone = torch.cat([decoder(encoder(one[None])) for one in x])
    torch.testing.assert_close(together, alone)


def test_rows_are_read_and_written_with_channels_last():
    encoder, decoder = pair((4, 5, 3), [ConvolutionLayer(3, 1)], (2,))
    images = torch.rand(2, 4, 5, 3)
    with torch.no_grad():  # both convolutions permute the channels
        turn = torch.eye(3)[[1, 2, 0]]
        encoder.blocks[0].weight.copy_(turn[:, :, None, None])
        decoder.blocks[0].weight.copy_(turn.T[:, :, None, None])
        encoder.dense, decoder.dense = torch.nn.Identity(), torch.nn.Identity()
        code = encoder(images.flatten(1))
        assert torch.equal(code.view(2, 3, 4, 5), images[..., [1, 2, 0]].movedim(-1, 1))
        torch.testing.assert_close(decoder(code), images.flatten(1))


def test_the_decoder_repeats_the_nearest_value_where_the_encoder_pooled():
    _, decoder = pair((4, 4, 1), [ConvolutionLayer(1, 1, 2)], (2,))
    with torch.no_grad():
        decoder.blocks[0].weight.fill_(1.0)
        decoder.dense = torch.nn.Identity()
        image = decoder(torch.tensor([[1.0, 2.0, 3.0, 4.0]])).view(4, 4)
    assert image.tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
