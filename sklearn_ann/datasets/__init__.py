"""Data: ``make_*`` with known truth, ``read_*`` from files of known formats."""

from sklearn_ann.datasets.graphs import make_block_graph, make_motif_graphs, read_planetoid, read_tu_graphs

__all__ = ["make_block_graph", "make_motif_graphs", "read_planetoid", "read_tu_graphs"]
