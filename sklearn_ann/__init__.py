"""Neural architectures as scikit-learn estimators."""

from sklearn_ann._version import __version__
from sklearn_ann.attention import AttentionClassifier, AttentionRegressor, AttentionTransformer, MaskedSequenceModel
from sklearn_ann.autoencoder import AutoEncoderOutlierDetector, AutoEncoderTransformer
from sklearn_ann.convolution import CNNClassifier, CNNRegressor, PatternDetector
from sklearn_ann.embedding import EntityEmbeddingTransformer, SequenceEmbeddingTransformer
from sklearn_ann.factorization import TensorFactorizationRegressor
from sklearn_ann.files import ModelFileError, load, model_card, save, to_onnx
from sklearn_ann.generative import GANSampler, VAESampler
from sklearn_ann.graph import (
    GCNClassifier,
    GCNNodeClassifier,
    GCNNodeRegressor,
    GCNRegressor,
    GraphConvolutionTransformer,
    GraphSet,
    MoleculeEncoder,
)
from sklearn_ann.preprocessing import SequenceEncoder
from sklearn_ann.reading import Chunks
from sklearn_ann.recurrent import RNNClassifier, RNNRegressor
from sklearn_ann.tabular import TabularClassifier, TabularRegressor
from sklearn_ann.transfer import PretrainedTransformer
from sklearn_ann.translation import SequenceTranslator

__all__ = [
    "AttentionClassifier",
    "AttentionRegressor",
    "AttentionTransformer",
    "AutoEncoderOutlierDetector",
    "AutoEncoderTransformer",
    "CNNClassifier",
    "CNNRegressor",
    "Chunks",
    "EntityEmbeddingTransformer",
    "GANSampler",
    "GCNClassifier",
    "GCNNodeClassifier",
    "GCNNodeRegressor",
    "GCNRegressor",
    "GraphConvolutionTransformer",
    "GraphSet",
    "MaskedSequenceModel",
    "ModelFileError",
    "MoleculeEncoder",
    "PatternDetector",
    "PretrainedTransformer",
    "RNNClassifier",
    "RNNRegressor",
    "SequenceEmbeddingTransformer",
    "SequenceEncoder",
    "SequenceTranslator",
    "TabularClassifier",
    "TabularRegressor",
    "TensorFactorizationRegressor",
    "VAESampler",
    "__version__",
    "load",
    "model_card",
    "save",
    "to_onnx",
]
