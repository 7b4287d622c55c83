"""torch blocks that two architectures or more share."""

from sklearn_ann.layers.dense import Activation, TiedLinear, dense_stack, layer_widths, linear_layers
from sklearn_ann.layers.normalization import BatchNorm
from sklearn_ann.layers.stochastic import Dropout, Stochastic

__all__ = [
    "Activation",
    "BatchNorm",
    "Dropout",
    "Stochastic",
    "TiedLinear",
    "dense_stack",
    "layer_widths",
    "linear_layers",
]
