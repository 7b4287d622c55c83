import torch

from sklearn_ann.reading.tokens import TokenBatch
from sklearn_ann.translation.transformer import DecoderBlock, Transformer, with_waves


def test_waves_go_on_where_they_left_off():
    x = torch.zeros(2, 6, 8)
    whole = with_waves(x)
    assert torch.allclose(whole[:, 4:], with_waves(x[:, :2], first=4))
    assert torch.unique(whole[0], dim=0).shape[0] == 6  # all positions differ
    assert with_waves(torch.zeros(1, 3, 5)).shape == (1, 3, 5)


def test_a_block_of_the_decoder_has_heads_of_any_width():
    torch.manual_seed(0)
    block = DecoderBlock(7, 3, 14, dropout=0.0)
    query, key, value = block.projected(torch.randn(2, 5, 7))
    assert query.shape == key.shape == value.shape == (2, 3, 5, 4)


def test_the_decoder_has_one_layer_less_than_the_encoder_and_one_at_least():
    settings = {"n_heads": 2, "dropout": 0.0}
    sizes = [
        (len(net.encoder), len(net.decoder)) for net in (Transformer(4, 4, 8, n_layers=n, **settings) for n in (1, 3))
    ]
    assert sizes == [(1, 1), (3, 2)]


def test_a_layer_of_the_decoder_has_a_map_each():
    torch.manual_seed(0)
    net = Transformer(4, 4, 8, n_layers=3, n_heads=2, dropout=0.0).eval()
    codes = TokenBatch(torch.tensor([[1, 2, 3]]), None)
    assert net.attention(codes, codes).shape == (1, 2, 2, 3, 3)
