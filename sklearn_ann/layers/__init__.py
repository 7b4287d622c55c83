"""torch blocks that two architectures or more share."""

from sklearn_ann.layers.attention import (
    EncoderBlock,
    FeedForward,
    MultiHeadAttention,
    Position,
    PositionalEncoding,
    attention_weights,
)
from sklearn_ann.layers.blocks import block_of, blocks_in, norm_of, norms_in
from sklearn_ann.layers.chain import Chain, chain_of, chains_in, links_of
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
from sklearn_ann.layers.members import is_set, over_members
from sklearn_ann.layers.mutation import Mutation
from sklearn_ann.layers.normalization import NORMALIZATIONS, BatchNorm, LayerNorm, weighing
from sklearn_ann.layers.propagation import Adjacency, SparseMatrix, linear
from sklearn_ann.layers.ragged import Groups, inside, ragged_positions
from sklearn_ann.layers.recurrent import Cell, Recurrent, recurrent_layer
from sklearn_ann.layers.reduction import Backend, Reduction, reduce, resolve_backend, statistics
from sklearn_ann.layers.steady import Linear, filled
from sklearn_ann.layers.stochastic import Dropout, Generators, Stochastic, bernoulli, normal, standard_normal, uniform
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
    "Chain",
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
    "Generators",
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
    "bernoulli",
    "block_of",
    "blocks_in",
    "chain_of",
    "chains_in",
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
    "is_set",
    "layer_widths",
    "layers_of",
    "learning_rates",
    "linear",
    "linear_layers",
    "links_of",
    "norm_of",
    "normal",
    "norms_in",
    "over_members",
    "places",
    "ragged_positions",
    "recurrent_layer",
    "reduce",
    "resolve_backend",
    "seeded",
    "standard_normal",
    "statistics",
    "uniform",
    "weighing",
]
