"""Translation: sequences in, sequences out, with an encoder, a decoder and attention between them."""

from sklearn_ann.translation.estimator import SequenceTranslator

__all__ = ["SequenceTranslator"]
