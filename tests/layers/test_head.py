"""The head is linear in the features of the body, and networks side by side are averaged by their predictions."""

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from torch import nn

from sklearn_ann.layers import Ensemble, WithHead
from sklearn_ann.layers.head import mean_classes, mean_number, mean_odds, mean_rate


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


class Scaled(nn.Module):
    """Three bodies: multiples of the input."""

    def forward(self, x):
        return torch.stack([x, 2 * x, 3 * x])


def test_members_have_outputs_of_their_own_in_training_and_one_in_evaluation():
    torch.manual_seed(0)
    model = WithHead(Scaled(), 4, 2, 3, mean_number)
    x = torch.randn(5, 4)
    each = model(x)
    assert each.shape == (3, 5, 2)
    for m in range(3):
        torch.testing.assert_close(each[m], (m + 1) * x @ model.head.weight[m] + model.head.bias[m])
    torch.testing.assert_close(model.eval()(x), each.mean(dim=0))
    torch.testing.assert_close(model.members(x), each)
    torch.testing.assert_close(model.features(x), 2 * x)
    assert model.head.in_features == 4


LOGITS = 20 * torch.randn(4, 50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("average", "link"),
    [
        (mean_number, lambda z: z),
        (mean_rate, np.exp),
        (mean_odds, expit),
        (mean_classes, lambda z: softmax(z, axis=-1)),
    ],
)
def test_predictions_are_averaged_not_logits(average, link):
    together = average(LOGITS)
    assert together.shape == (50, 3)
    np.testing.assert_allclose(link(together.numpy()), link(LOGITS.numpy()).mean(axis=0), rtol=1e-9)


@pytest.mark.parametrize("average", [mean_number, mean_rate, mean_odds])
def test_an_average_does_not_depend_on_the_samples_beside_it(average):
    outputs = torch.randn(13, 533, 1, generator=torch.Generator().manual_seed(0))
    parts = torch.cat([average(part) for part in outputs.split(7, dim=1)])
    assert torch.equal(parts, average(outputs))


def test_averages_of_extreme_outputs_are_finite():
    extreme = torch.tensor([[[1e4, -1e4]], [[-1e4, 1e4]]], requires_grad=True)
    for average in (mean_odds, mean_classes, mean_rate):
        assert torch.isfinite(average(extreme)).all()


def test_a_network_is_steady_if_its_bodies_are():
    bodies = [nn.Identity(), nn.Identity()]
    bodies[0].steady = True
    networks = [WithHead(body, 2, 1) for body in bodies]
    assert [network.steady for network in networks] == [True, False]
    assert not Ensemble(networks, mean_number).steady
    assert Ensemble(networks[:1], mean_number).steady
