import torch

from sklearn_ann.reading.tokens import TokenBatch
from sklearn_ann.translation.recurrent import RecurrentTranslator


def test_an_odd_width_is_kept():
    torch.manual_seed(0)
    net = RecurrentTranslator(4, 5, 7, n_layers=2, n_heads=2, dropout=0.0)
    codes = TokenBatch(torch.tensor([[1, 2, 3]]), None)
    assert net.features(codes).shape == (1, 7)
    assert net(codes, codes).shape == (1, 3, 5)


def test_the_state_depends_on_the_order_of_the_source():
    torch.manual_seed(0)
    net = RecurrentTranslator(4, 5, 8, n_layers=1, n_heads=2, dropout=0.0).eval()
    one, other = (net.features(TokenBatch(torch.tensor([codes]), None)) for codes in ([1, 2, 3, 1], [1, 3, 2, 1]))
    assert not torch.allclose(one, other)
