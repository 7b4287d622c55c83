"""Embeddings: vectors of the categories of a table and of the tokens of sequences."""

from sklearn_ann.embedding.entities import EntityEmbeddingTransformer
from sklearn_ann.embedding.sequences import SequenceEmbeddingTransformer

__all__ = ["EntityEmbeddingTransformer", "SequenceEmbeddingTransformer"]
