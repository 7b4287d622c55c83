"""Matrix products that do not depend on the number of rows."""

import pytest
import torch
from torch import nn

from sklearn_ann.layers import Linear, MemberLinear, convolve, filled

GENERATOR = torch.Generator().manual_seed(0)
numbers = pytest.mark.parametrize("n", [1, 2, 3, 5, 15, 16, 17, 31])
types = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def test_rows_of_zeros_fill_up_to_a_multiple_of_sixteen():
    x = torch.ones(3, 17, 2)
    assert filled(x).shape == (3, 32, 2)
    assert filled(x).sum() == x.sum()
    assert filled(x[:, :16]).shape == (3, 16, 2)


@numbers
@types
@pytest.mark.parametrize("n_outputs", [1, 8])
def test_a_row_has_the_same_digits_among_any_number_of_rows(n, dtype, n_outputs):
    x = torch.randn(48, 30, generator=GENERATOR, dtype=dtype)
    for layer in (Linear(30, n_outputs), Linear(30, n_outputs, bias=False)):
        layer = layer.to(dtype).eval()
        assert torch.equal(layer(x[:n]), layer(x)[:n])
    members = MemberLinear(3, 30, n_outputs).to(dtype).eval()
    stacked = x.expand(3, 48, 30)
    assert torch.equal(members(stacked[:, :n]), members(stacked)[:, :n])


def test_a_linear_layer_takes_any_shape_and_trains_like_torchs():
    ours = Linear(4, 3)
    torchs = nn.Linear(4, 3)
    torchs.load_state_dict(ours.state_dict())
    x = torch.randn(5, 7, 4, generator=GENERATOR)
    for layer in (ours, ours.eval()):
        torch.testing.assert_close(layer(x), torchs(x))
        torch.testing.assert_close(layer(x.transpose(0, 1)), torchs(x).transpose(0, 1))
        assert layer(x[0, 0]).shape == (3,)
        assert layer(x[:0]).shape == (0, 7, 3)
    assert repr(ours) == repr(torchs)


@numbers
@types
@pytest.mark.parametrize(("n_inputs", "width"), [(4, 9), (64, 4), (3, 1)])
def test_a_convolution_gives_a_sample_the_same_digits_in_any_batch(n, dtype, n_inputs, width):
    x = torch.randn(48, n_inputs, 30, generator=GENERATOR, dtype=dtype)
    weight = torch.randn(8, n_inputs, width, generator=GENERATOR, dtype=dtype)
    assert torch.equal(convolve(x[:n], weight), convolve(x, weight)[:n])
