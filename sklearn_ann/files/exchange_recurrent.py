"""Recurrent layers as single operators of ONNX; torch's exporter would write out each step of one length."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.compiler import is_exporting

# Where the gates of torch stand among those of ONNX, by cell: input, output, forget and cell; update, reset and new.
_OPERATORS: dict[type[nn.RNNBase], tuple[str, tuple[int, ...]]] = {
    nn.LSTM: ("LSTM", (0, 3, 1, 2)),
    nn.GRU: ("GRU", (1, 0, 2)),
    nn.RNN: ("RNN", (0,)),
}


class RecurrentOperator(nn.Module):
    """A recurrent layer of one direction that becomes one operator when it is exported.

    Parameters
    ----------
    layer : nn.LSTM, nn.GRU or nn.RNN
        With the batch in the first axis.
    """

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> tuple[Tensor, None]:
        """Map (batch, length, in_features) to the states at all steps, (batch, length, hidden_size)."""
        if not is_exporting():
            return self.layer(x)[0], None
        operator, order = _OPERATORS[type(self.layer)]
        weight, recurrent, *biases = (
            torch.cat([part.chunk(len(order))[gate] for gate in order])[None] for part in self.layer.parameters()
        )
        size = self.layer.hidden_size
        attributes: dict[str, Any] = {"hidden_size": size}
        if operator == "GRU":
            attributes["linear_before_reset"] = 1
        states = torch.onnx.ops.symbolic(
            operator,
            (x.transpose(0, 1), weight, recurrent, torch.cat(biases, dim=1)),
            attributes,
            dtype=x.dtype,
            shape=(x.shape[1], 1, x.shape[0], size),
        )
        return states[:, 0].transpose(0, 1), None


def with_operators(module: nn.Module) -> nn.Module:
    """Replace the recurrent layers in a network, which is a copy."""
    for parent in list(module.modules()):
        for name, part in list(parent.named_children()):
            if type(part) in _OPERATORS and not isinstance(parent, RecurrentOperator):
                setattr(parent, name, RecurrentOperator(part))  # type: ignore[arg-type]
    return module
