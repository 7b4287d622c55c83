"""The head is linear in the features of the body."""

import torch
from torch import nn

from sklearn_ann.layers import WithHead


def test_outputs_are_a_linear_map_of_the_features():
    torch.manual_seed(0)
    model = WithHead(nn.Sequential(nn.Linear(3, 5), nn.Tanh()), 5, 2)
    x = torch.randn(4, 3)
    features = model.features(x)
    assert features.shape == (4, 5)
    torch.testing.assert_close(features, model.body(x))
    torch.testing.assert_close(model(x), features @ model.head.weight.T + model.head.bias)


def test_a_batch_goes_to_the_body_as_it_is():
    class Body(nn.Module):
        def forward(self, batch):
            x, scale = batch
            return x * scale

    model = WithHead(Body(), 2, 1)
    x = torch.ones(3, 2)
    torch.testing.assert_close(model.features((x, 2.0)), 2 * x)
    torch.testing.assert_close(model((x, 2.0)), model.head(2 * x))
