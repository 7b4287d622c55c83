"""What people have as what a network reads: strings as numbers, molecules as graphs."""

from sklearn_ann.preprocessing.fasta import read_fasta
from sklearn_ann.preprocessing.molecules import MoleculeEncoder
from sklearn_ann.preprocessing.sequences import SequenceEncoder

__all__ = ["MoleculeEncoder", "SequenceEncoder", "read_fasta"]
