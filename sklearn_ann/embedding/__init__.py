"""Vectors in place of names: of the tokens of sequences."""

from sklearn_ann.embedding.sequences import SequenceEmbeddingTransformer

__all__ = ["SequenceEmbeddingTransformer"]
