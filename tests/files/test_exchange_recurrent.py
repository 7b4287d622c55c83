"""Recurrent layers as operators."""

import pytest
import torch
from torch import nn

from sklearn_ann.files.exchange_recurrent import RecurrentOperator, with_operators


def test_layers_are_replaced_where_they_are():
    module = with_operators(nn.Sequential(nn.ModuleList([nn.GRU(2, 3)]), nn.Linear(3, 1)))
    assert isinstance(module[0][0], RecurrentOperator)
    assert isinstance(module[1], nn.Linear)
    again = with_operators(module)
    assert isinstance(again[0][0].layer, nn.GRU)


@pytest.mark.parametrize("cell", [nn.LSTM, nn.GRU, nn.RNN])
def test_a_layer_is_one_operator_of_any_length_and_otherwise_itself(cell):
    layer = cell(2, 3, batch_first=True)
    operator, x = RecurrentOperator(layer), torch.randn(2, 5, 2)
    assert torch.equal(operator(x)[0], layer(x)[0])
    axes = ({0: torch.export.Dim("n"), 1: torch.export.Dim("length")},)
    graph = torch.export.export(operator, (x,), dynamic_shapes=axes).graph
    assert sum("symbolic" in str(node.target) for node in graph.nodes) == 1
