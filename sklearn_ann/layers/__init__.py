"""torch blocks that two architectures or more share."""

from sklearn_ann.layers.attention import (
    EncoderBlock,
    FeedForward,
    MultiHeadAttention,
    Position,
    PositionalEncoding,
    attention_weights,
)
from sklearn_ann.layers.columns import ColumnVectors, Numeric
from sklearn_ann.layers.convolution import (
    ConvolutionBlock,
    ConvolutionLayer,
    Pooling,
    convolution_layers,
    convolve,
    image_grid,
    image_layers,
    places,
)
from sklearn_ann.layers.dense import Activation, TiedLinear, activation_layer, dense_stack, layer_widths, linear_layers
from sklearn_ann.layers.depth import FROZEN, BorrowedBody, chosen_layers, freeze_layers, layers_of, learning_rates
from sklearn_ann.layers.foreign import Foreign, check_weights, seeded
from sklearn_ann.layers.head import Average, Ensemble, MemberLinear, SupervisedNetwork, WithHead
from sklearn_ann.layers.images import ConvolutionalDecoder, ConvolutionalEncoder
from sklearn_ann.layers.mutation import Mutation
from sklearn_ann.layers.normalization import NORMALIZATIONS, BatchNorm, LayerNorm, weighing
from sklearn_ann.layers.propagation import Adjacency, SparseMatrix, linear
from sklearn_ann.layers.ragged import Groups, inside, ragged_positions
from sklearn_ann.layers.recurrent import Cell, Recurrent, recurrent_layer
from sklearn_ann.layers.reduction import Backend, Reduction, reduce, resolve_backend, statistics
from sklearn_ann.layers.steady import Linear, filled
from sklearn_ann.layers.stochastic import Dropout, Stochastic
from sklearn_ann.layers.warmup import WarmUp

__all__ = [
    "FROZEN",
    "NORMALIZATIONS",
    "Activation",
    "Adjacency",
    "Average",
    "Backend",
    "BatchNorm",
    "BorrowedBody",
    "Cell",
    "ColumnVectors",
    "ConvolutionBlock",
    "ConvolutionLayer",
    "ConvolutionalDecoder",
    "ConvolutionalEncoder",
    "Dropout",
    "EncoderBlock",
    "Ensemble",
    "FeedForward",
    "Foreign",
    "Groups",
    "LayerNorm",
    "Linear",
    "MemberLinear",
    "MultiHeadAttention",
    "Mutation",
    "Numeric",
    "Pooling",
    "Position",
    "PositionalEncoding",
    "Recurrent",
    "Reduction",
    "SparseMatrix",
    "Stochastic",
    "SupervisedNetwork",
    "TiedLinear",
    "WarmUp",
    "WithHead",
    "activation_layer",
    "attention_weights",
    "check_weights",
    "chosen_layers",
    "convolution_layers",
    "convolve",
    "dense_stack",
    "filled",
    "freeze_layers",
    "image_grid",
    "image_layers",
    "inside",
    "layer_widths",
    "layers_of",
    "learning_rates",
    "linear",
    "linear_layers",
    "places",
    "ragged_positions",
    "recurrent_layer",
    "reduce",
    "resolve_backend",
    "seeded",
    "statistics",
    "weighing",
]
