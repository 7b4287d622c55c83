"""What a network reads, from what people have: strings as numbers."""

from sklearn_ann.preprocessing.sequences import SequenceEncoder, read_fasta

__all__ = ["SequenceEncoder", "read_fasta"]
