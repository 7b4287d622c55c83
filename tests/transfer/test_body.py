"""Outputs of layers become rows of features."""

import pytest
import torch
from torch import nn

from sklearn_ann.reading import ShapeGroups
from sklearn_ann.transfer.body import PretrainedBody, tensor_in


def test_maps_are_pooled_over_their_positions():
    convolution = nn.Conv2d(2, 3, 1)
    x = torch.randn(4, 2, 5, 6)
    batch = ShapeGroups((x,), (torch.arange(4),))
    for pooling, expected in (
        ("mean", convolution(x).mean(dim=(2, 3))),
        ("max", convolution(x).amax(dim=(2, 3))),
        ("first", convolution(x)[:, :, 0, 0]),
    ):
        assert torch.allclose(PretrainedBody(convolution, [""], pooling, (0, 0))(batch), expected, atol=1e-6)
    assert PretrainedBody(convolution, [""], "flatten", (0, 0))(batch).shape == (4, 90)


def test_groups_of_shapes_come_back_in_their_order():
    pool = nn.AdaptiveAvgPool1d(1)
    batch = ShapeGroups((torch.ones(2, 1, 3), 2 * torch.ones(1, 1, 5)), (torch.tensor([0, 2]), torch.tensor([1])))
    assert PretrainedBody(pool, [""], "mean", (0, 0))(batch).flatten().tolist() == [1, 2, 1]
    with pytest.raises(ValueError, match="samples of different shapes have 3 and 5 features"):
        PretrainedBody(nn.Identity(), [""], "flatten", (0, 0))(batch)


def test_a_layer_that_takes_no_part_is_named():
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.idle = nn.Linear(1, 1)

        def forward(self, x):
            return x

    with pytest.raises(ValueError, match="layer 'idle' is not used"):
        PretrainedBody(Idle(), ["idle"], "mean", (0, 0)).outputs(torch.ones(1, 1))


def test_the_tensor_in_an_output():
    x = torch.ones(1)
    assert tensor_in({"loss": torch.zeros(1), "logits": x}, "") is x
    assert tensor_in({"other": x}, "") is x
    assert tensor_in((x, None), "") is x
    with pytest.raises(TypeError, match="layer 'a' returns a str that contains no tensor"):
        tensor_in("nothing", "a")
