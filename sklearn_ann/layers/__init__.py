"""torch blocks that two architectures or more share."""

from sklearn_ann.layers.attention import (
    EncoderBlock,
    FeedForward,
    MultiHeadAttention,
    Position,
    PositionalEncoding,
    attention_weights,
)
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
from sklearn_ann.layers.dense import Activation, TiedLinear, dense_stack, layer_widths, linear_layers
from sklearn_ann.layers.images import ConvolutionalDecoder, ConvolutionalEncoder
from sklearn_ann.layers.normalization import NORMALIZATIONS, BatchNorm, LayerNorm
from sklearn_ann.layers.stochastic import Dropout, Stochastic
from sklearn_ann.layers.warmup import WarmUp

__all__ = [
    "NORMALIZATIONS",
    "Activation",
    "BatchNorm",
    "ConvolutionBlock",
    "ConvolutionLayer",
    "ConvolutionalDecoder",
    "ConvolutionalEncoder",
    "Dropout",
    "EncoderBlock",
    "FeedForward",
    "LayerNorm",
    "MultiHeadAttention",
    "Pooling",
    "Position",
    "PositionalEncoding",
    "Stochastic",
    "TiedLinear",
    "WarmUp",
    "attention_weights",
    "convolution_layers",
    "convolve",
    "dense_stack",
    "image_grid",
    "image_layers",
    "layer_widths",
    "linear_layers",
    "places",
]
