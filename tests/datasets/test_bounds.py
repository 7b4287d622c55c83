"""Makers of data name the parameter that they cannot use."""

import numpy as np
import pytest

from sklearn_ann import datasets
from sklearn_ann.datasets.bounds import bounds, items_of, letters_of, pair_of_integers, probabilities_between


def test_bounds_are_a_pair_or_one_number_for_both():
    assert bounds(5, 1, "size") == bounds(np.int64(5), 1, "size") == (5, 5)
    assert bounds([2, 3], 1, "size") == pair_of_integers(np.array([2, 3]), 1, "size") == (2, 3)
    assert probabilities_between((0.5, 1), "share") == (0.5, 1.0)
    assert letters_of("ab", 2) == "ab"
    assert items_of((1, 2), "sizes") == [1, 2]


MAKERS = {
    "make_gliders": {"n_others": [3, None, (1,), (2.0, 3), (3, 2), "ab"], "n_steps": [0, (1, 2, 3), (-1, 4)]},
    "make_motif_sequences": {
        "length": [1.5, None, "x", (40,), (40, 30), True],
        "motifs": [1.5, None, "x", 0, [["a"]]],
        "width": [1.5, 0, None],
        "conservation": [0, None, (0, 1), (0.5,), ("a", "b"), (0.5, np.nan)],
        "letters": [4, None, "A", "AAC", ["A", "C"]],
        "background": ["x", [np.nan] * 4],
    },
    "make_reversal": {"length": [1.5, (0, 3), True], "letters": [3, None, ""]},
    "make_transcription": {"n_codons": [0, None, "x", True]},
    "make_motif_graphs": {"n_nodes": [3, (25, 12), (0, 2), (1.0, 2)]},
    "make_block_graph": {"sizes": [5, None, "ab", {3, 4}]},
    "make_marker_recall": {"noise": [np.nan, np.inf, -1.0, "x"]},
    "gosper_gun": {"phase": [1.5, None, "x"], "orientation": [-1, 8, 1.5, None, "x"]},
    "game_of_life": {"boundary": [None, 3, ["torus"], "x"]},
}
CASES = [(maker, name, value) for maker, odd in MAKERS.items() for name, values in odd.items() for value in values]
NEEDED = {"game_of_life": {"frames": np.eye(4, dtype=int)}}


@pytest.mark.parametrize(("maker", "name", "value"), CASES)
def test_makers_name_the_parameter(maker, name, value):
    said = {"motifs": "motif", "sizes": "sizes"}.get(name, name)
    with pytest.raises((TypeError, ValueError), match=said):
        getattr(datasets, maker)(**NEEDED.get(maker, {}), **{name: value})
