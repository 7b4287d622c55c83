"""Networks."""

import pytest
import torch
from forging import tripped
from torch import nn

from sklearn_ann import ModelFileError
from sklearn_ann.files.modules import check_attributes, declared_shapes, n_weights
from sklearn_ann.layers import BatchNorm, Dropout

LAYERS = [
    nn.Linear(2, 3), nn.Linear(2, 3, bias=False), nn.Linear(1, 1), nn.Embedding(5, 2), nn.Conv1d(4, 6, 3, groups=2),
    nn.Conv2d(1, 2, (3, 5)), nn.ConvTranspose2d(4, 6, 3, groups=2), nn.LayerNorm((2, 3)), nn.BatchNorm1d(4),
    nn.LSTM(2, 3, 2, bidirectional=True), nn.GRU(2, 3, bias=False), nn.RNN(2, 3, 2), BatchNorm(3),
]  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_declared_shapes_are_those_of_torch(layer, tmp_path):
    shapes = declared_shapes(layer)
    for name, tensor in (*layer.named_parameters(), *layer.named_buffers()):
        assert shapes[name] == tuple(tensor.shape)
    found = tripped(layer, tmp_path)
    assert repr(found) == repr(layer)
    assert all(
        torch.equal(one, two) for one, two in zip(layer.state_dict().values(), found.state_dict().values(), strict=True)
    )


def test_recurrent_layers_compute_after_loading(tmp_path):
    layer, x = nn.LSTM(2, 3, 2, bidirectional=True), torch.randn(4, 1, 2)
    found = tripped(layer, tmp_path)
    assert torch.equal(found(x)[0], layer(x)[0])
    assert found._flat_weights[0] is found.weight_ih_l0


def test_shared_weights_buffers_modes_and_frozen_parts(tmp_path):
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), Dropout(0.5)).eval()
    network[1].weight = network[0].weight
    network[0].bias.requires_grad_(False)
    network[1].register_buffer("hidden", torch.tensor([float("nan")]), persistent=False)
    network[2].generator = torch.Generator()
    found = tripped(network, tmp_path)
    assert found[1].weight is found[0].weight
    assert not found[0].bias.requires_grad
    assert found[1].hidden.isnan()
    assert "1.hidden" not in found.state_dict()
    assert found[2].generator is None
    assert not found.training
    assert n_weights(found) == 4 + 2 + 2


def test_running_statistics_are_finite(tmp_path):
    layer = nn.BatchNorm1d(2)
    layer.running_mean[0] = float("inf")
    with pytest.raises(ModelFileError, match="running_mean is NaN or infinite"):
        tripped(layer, tmp_path)


def test_a_weight_of_another_shape(tmp_path):
    layer = nn.Linear(2, 3)
    layer.weight = nn.Parameter(torch.ones(2, 3))
    with pytest.raises(
        ModelFileError, match=r"weight has the shape \(2, 3\), but a Linear of these sizes has \(3, 2\)"
    ):
        tripped(layer, tmp_path)


def test_attributes_that_stand_before_methods():
    check_attributes(nn.Linear, {"in_features": 1, "training": True}, "it")
    for name in ("forward", "__call__", "train", "a b", "__dict__"):
        with pytest.raises(ModelFileError, match="has the attribute"):
            check_attributes(nn.Linear, {name: None}, "it")


def test_the_usual_layers_of_torch_come_back(tmp_path):
    module = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4), nn.LeakyReLU(), nn.MaxPool2d(2),
        nn.PReLU(4), nn.Dropout2d(0.1), nn.AvgPool2d(1), nn.Hardswish(), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Softmax(dim=1),
    ).eval()  # fmt: skip
    x = torch.rand(3, 64)
    assert torch.equal(tripped(module, tmp_path)(x), module(x))
