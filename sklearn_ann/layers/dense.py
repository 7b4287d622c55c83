"""Stacks of fully connected layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from numbers import Integral
from typing import ClassVar, Literal

from torch import Tensor, nn
from torch.nn import functional as F

from sklearn_ann.layers.steady import Linear
from sklearn_ann.layers.stochastic import Dropout

Activation = Literal["identity", "logistic", "tanh", "relu", "elu", "gelu", "silu"]
_ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}


def activation_layer(activation: Activation) -> nn.Module:
    """Return the layer of an activation."""
    return _ACTIVATIONS[activation]()


def layer_widths(sizes: int | Iterable[int]) -> tuple[int, ...]:
    """Return the value of a ``hidden_layer_sizes`` parameter, a width or several, as a tuple."""
    return tuple(int(width) for width in ([sizes] if isinstance(sizes, Integral | int) else sizes))


def linear_layers(widths: Sequence[int]) -> list[nn.Linear]:
    """Return the linear maps from ``widths[0]`` to ``widths[1]`` to ... ``widths[-1]``."""
    return [Linear(fan_in, fan_out) for fan_in, fan_out in pairwise(widths)]


def dense_stack(
    linears: Sequence[nn.Module], activation: Activation, dropout: float = 0.0, *, activate_last: bool = False
) -> nn.Sequential:
    """Chain linear maps, with an activation and then dropout between them.

    Parameters
    ----------
    linears : sequence of modules
        The linear maps in order.
    activation : str
        Activation between them.
    dropout : float in [0, 1)
        Probability to drop an output of an activation in training.
    activate_last : bool
        Whether activation and dropout also follow the last map.
    """
    blocks: list[nn.Module] = []
    for position, linear in enumerate(linears, start=1):
        blocks.append(linear)
        if activate_last or position < len(linears):
            blocks.append(activation_layer(activation))
            if dropout > 0.0:
                blocks.append(Dropout(dropout))
    return nn.Sequential(*blocks)


class TiedLinear(nn.Module):
    """The transpose of another linear layer, ``x W + b``, with a bias of its own.

    Parameters
    ----------
    source : nn.Linear
        The layer whose weight ``W``, shape (out, in), is shared. The tied layer maps (batch, out) to (batch, in).
    """

    stacked_numbers: ClassVar[tuple[str, ...]] = ()

    def __init__(self, source: nn.Linear) -> None:
        super().__init__()
        self._source = (source,)  # in a tuple, so that the shared weight is registered once
        self.bias = nn.Parameter(source.weight.new_zeros(source.in_features))

    @property
    def source(self) -> nn.Linear:
        """The layer whose weight is shared."""
        return self._source[0]

    @property
    def weight(self) -> Tensor:
        """Matrix of shape (in, out) of the source."""
        return self.source.weight.t()

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)
