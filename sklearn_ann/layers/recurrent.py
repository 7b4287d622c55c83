"""Recurrent layers over padded batches of sequences."""

from __future__ import annotations

from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from sklearn_ann.layers.ragged import inside
from sklearn_ann.layers.stochastic import Dropout

Cell = Literal["lstm", "gru", "plain"]

_CELLS: dict[str, Any] = {"lstm": nn.LSTM, "gru": nn.GRU, "plain": nn.RNN}
_GATES = {"lstm": 4, "gru": 3, "plain": 1}


def reversed_steps(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Reverse the steps of each sequence of (batch, length, width); padding stays at the end."""
    if lengths is None:
        return x.flip(1)
    place = torch.arange(x.shape[1], device=x.device)
    source = torch.where(inside(lengths, x.shape[1]), lengths[:, None] - 1 - place, place)  # (batch, length)
    first = torch.arange(x.shape[0], device=x.device)[:, None] * x.shape[1]
    return x.flatten(0, 1).index_select(0, (first + source).flatten()).view_as(x)


def recurrent_layer(cell: Cell, in_features: int, hidden_size: int) -> nn.RNNBase:
    """Return one recurrent layer in one direction.

    The weights between steps are orthogonal, so that a state neither fades nor explodes at first (Saxe et al. 2014),
    those of the input have the scale of Glorot and Bengio (2010), and biases are zero. Only the bias of the gate that
    keeps the state is one, the forget gate of an LSTM and the update gate of a GRU, so that they begin by remembering
    (Gers et al. 2000; Jozefowicz et al. 2015).
    """
    layer: nn.RNNBase = _CELLS[cell](in_features, hidden_size, batch_first=True)
    for name, parameter in layer.named_parameters():
        if name.startswith("bias"):
            nn.init.zeros_(parameter)
            if cell != "plain" and name.startswith("bias_ih"):  # torch adds two biases; this gate is the second of both
                nn.init.ones_(parameter.data[hidden_size : 2 * hidden_size])
            continue
        initialize = nn.init.orthogonal_ if name.startswith("weight_hh") else nn.init.xavier_uniform_
        for block in parameter.data.chunk(_GATES[cell]):
            initialize(block)
    return layer


class Recurrent(nn.Module):
    r"""Recurrent layers: the same weights at each step, which reads an input and the state of the step before.

    With the input :math:`x_t` and the state :math:`h_t`, a ``"plain"`` cell (Elman 1990) computes

    .. math:: h_t = \tanh(W x_t + U h_{t-1} + b).

    ``"lstm"`` (Hochreiter and Schmidhuber 1997) and ``"gru"`` (Cho et al. 2014) have gates that decide what of the
    state is kept. A backward direction reads each sequence from its own end. Padding is computed and never seen: the
    packed sequences of torch would skip it, at many times the time on a CPU.

    Parameters
    ----------
    cell : {"lstm", "gru", "plain"}
    in_features, hidden_size : int
        Widths of the input and of the state in each direction.
    n_layers : int, default=1
        Each further layer reads the states of the layer before.
    bidirectional : bool, default=False
    dropout : float, default=0.0
        Probability to drop, in training, a state that a further layer reads.
    """

    def __init__(
        self,
        cell: Cell,
        in_features: int,
        hidden_size: int,
        n_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        n_directions = 2 if bidirectional else 1
        self.n_features = n_directions * hidden_size
        widths = [in_features] + [self.n_features] * (n_layers - 1)
        self.layers: Any = nn.ModuleList(
            nn.ModuleList(recurrent_layer(cell, width, hidden_size) for _ in range(n_directions)) for width in widths
        )
        self.dropout = Dropout(dropout)

    def depths(self) -> dict[str, list[nn.Module | nn.Parameter]]:
        """Return the layers by name, from the input on; both directions are one layer."""
        return {str(number): [directions] for number, directions in enumerate(self.layers)}

    def train(self, mode: bool = True) -> Self:
        """Switch the dropout; the layers draw nothing, and cuDNN computes their gradients in training mode only."""
        super().train(mode)
        self.layers.train()
        return self

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the states at all steps.

        Parameters
        ----------
        x : Tensor of shape (batch, length, in_features)
        lengths : int64 Tensor of shape (batch,), or None
            Numbers of steps, at least one each; None if all sequences fill the tensor.

        Returns
        -------
        Tensor of shape (batch, length, n_directions * hidden_size)
            States of the last layer, first those of the forward direction; zero where there is padding.
        """
        for number, directions in enumerate(self.layers):
            x = self.dropout(x) if number else x
            states = [directions[0](x)[0]]
            if len(directions) == 2:
                states.append(reversed_steps(directions[1](reversed_steps(x, lengths))[0], lengths))
            x = torch.cat(states, dim=2) if len(states) > 1 else states[0]
        return x if lengths is None else x * inside(lengths, x.shape[1])[:, :, None]

    def last(self, states: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return the state after the last step of each direction, (batch, n_directions * hidden_size)."""
        if lengths is None:
            forward = states[:, -1, : self.hidden_size]
        else:
            ends = torch.arange(states.shape[0], device=states.device) * states.shape[1] + lengths - 1
            forward = states.flatten(0, 1).index_select(0, ends)[:, : self.hidden_size]
        if self.n_features == self.hidden_size:
            return forward
        return torch.cat([forward, states[:, 0, self.hidden_size :]], dim=1)
