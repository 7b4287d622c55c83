"""Data sets: ``make_*`` generates data with known truth, ``read_*`` reads files of known formats."""

from sklearn_ann.datasets.graphs import make_block_graph, make_motif_graphs, read_planetoid, read_tu_graphs
from sklearn_ann.datasets.images import LIFE_PATTERNS, game_of_life, gosper_gun, make_gliders
from sklearn_ann.datasets.sequences import make_motif_sequences
from sklearn_ann.datasets.series import make_marker_recall
from sklearn_ann.datasets.translation import GENETIC_CODE, make_reversal, make_transcription, read_pronunciations

__all__ = [
    "GENETIC_CODE",
    "LIFE_PATTERNS",
    "game_of_life",
    "gosper_gun",
    "make_block_graph",
    "make_gliders",
    "make_marker_recall",
    "make_motif_graphs",
    "make_motif_sequences",
    "make_reversal",
    "make_transcription",
    "read_planetoid",
    "read_pronunciations",
    "read_tu_graphs",
]
