"""Readers and makers of graphs."""

import gzip
import pickle
from pathlib import Path

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp

from sklearn_ann.datasets import make_block_graph, make_motif_graphs, read_planetoid, read_tu_graphs

SHARED = Path(__file__).parents[3] / "shared" / "data"


def test_motifs_differ_in_nothing_but_the_motif():
    graphs, y = make_motif_graphs(60, random_state=0)
    for (X, A), label in zip(graphs, y, strict=True):
        graph = nx.from_scipy_sparse_array(A)
        assert nx.is_connected(graph)
        assert graph.number_of_edges() == len(X) + 1
        triangles = sum(nx.triangles(graph).values()) // 3
        assert triangles == label
        np.testing.assert_array_equal(X[:, 1], A.sum(axis=1))
    again, _ = make_motif_graphs(60, random_state=0)
    assert all((one[1] != other[1]).nnz == 0 for one, other in zip(graphs, again, strict=True))


def test_blocks_have_their_densities():
    (_, A), y = make_block_graph([200, 300], p_in=0.2, p_out=0.02, random_state=0)
    same = y[:, None] == y
    dense = A.toarray()
    assert dense[same].mean() == pytest.approx(0.2, abs=0.01)
    assert dense[~same].mean() == pytest.approx(0.02, abs=0.005)
    assert (dense == dense.T).all()


def write_tu(folder, extra=True):
    folder.mkdir()
    files = {
        "A": "1, 2\n2, 1\n4, 3\n3, 4\n4, 5\n5, 4",
        "graph_indicator": "1\n1\n2\n2\n2",
        "graph_labels": "-1\n1",
    }
    if extra:
        files |= {
            "node_labels": "7\n8\n7\n7\n9",
            "edge_labels": "0\n0\n1\n1\n0\n0",
            "node_attributes": "\n".join("12345"),
        }
    for part, text in files.items():
        (folder / f"TOY_{part}.txt").write_text(text)


def test_tu_format(tmp_path):
    write_tu(tmp_path / "toy")
    graphs, y = read_tu_graphs(tmp_path / "toy")
    assert y.tolist() == [-1, 1]
    X, A, E = graphs[1]
    np.testing.assert_array_equal(X, [[1, 0, 0, 3], [1, 0, 0, 4], [0, 0, 1, 5]])
    np.testing.assert_array_equal(A.toarray(), [[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    np.testing.assert_array_equal(E, [[0, 1], [0, 1], [1, 0], [1, 0]])


def test_tu_format_without_labels_of_nodes_gives_degrees(tmp_path):
    write_tu(tmp_path / "toy", extra=False)
    X, _ = read_tu_graphs(tmp_path / "toy")[0][1]
    np.testing.assert_array_equal(X, [[1], [2], [1]])
    with pytest.raises(FileNotFoundError, match=r"no file \*_A.txt"):
        read_tu_graphs(tmp_path)


def test_planetoid_with_a_gap_among_the_test_nodes(tmp_path):
    parts = {
        "tx": sp.csr_array([[0.0, 4], [2, 0]]),
        "allx": sp.csr_array([[1.0, 1], [0, 1], [3, 0]]),
        "y": np.array([[1, 0]]),
        "ty": np.array([[0, 1], [1, 0]]),
        "ally": np.array([[1, 0], [0, 1], [1, 0]]),
        "graph": {0: [1, 0], 1: [0, 5], 2: [], 3: [], 4: [], 5: [1]},
    }
    for part, value in parts.items():
        (tmp_path / f"ind.toy.{part}").write_bytes(pickle.dumps(value))
    (tmp_path / "ind.toy.test.index").write_text("5\n3")
    (X, A), y, split = read_planetoid(tmp_path, "toy")
    assert y.tolist() == [0, 1, 0, 0, -1, 1]
    np.testing.assert_array_equal(X.toarray(), [[0.5, 0.5], [0, 1], [1, 0], [1, 0], [0, 0], [0, 1]])
    assert A.toarray().sum() == 4  # two edges, no loop
    assert split["train"].tolist() == [0]
    assert split["test"].tolist() == [3, 5]


@pytest.mark.skipif(not SHARED.exists(), reason=f"{SHARED} is absent")
def test_real_files():
    graphs, y = read_tu_graphs(SHARED / "tu_graphs" / "MUTAG_original_TU")
    assert len(graphs) == len(y) == 188
    assert graphs[0][0].shape[1] == 7
    (X, A), y, split = read_planetoid(SHARED / "planetoid_citeseer", "citeseer")
    assert X.shape == (3327, 3703)
    assert A.nnz == 2 * 4552
    assert (y < 0).sum() == 15
    assert {part: len(nodes) for part, nodes in split.items()} == {"train": 120, "validation": 500, "test": 1000}


def test_tagged_graphs(tmp_path):
    text = "2\n3 7\n0 2 1 2\n5 1 0\n0 1 0\n1 8\n5 0\n"
    (tmp_path / "toy.txt").write_text(text)
    (tmp_path / "toy.txt.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("toy.txt", "toy.txt.gz"):
        ((X, A), (lone, empty)), y = read_tu_graphs(tmp_path / name)
        assert y.tolist() == [7, 8]
        np.testing.assert_array_equal(X, [[1, 0], [0, 1], [1, 0]])
        np.testing.assert_array_equal(A.toarray(), [[0, 1, 1], [1, 0, 0], [1, 0, 0]])
        assert (lone.tolist(), empty.nnz) == ([[0, 1]], 0)
    (tmp_path / "alike.txt").write_text(text.replace("5 ", "0 "))
    assert read_tu_graphs(tmp_path / "alike.txt")[0][0][0].tolist() == [[2], [1], [1]]


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (make_block_graph, {"sizes": [3], "p_in": 2}, "p_in == 2, must be <= 1"),
        (make_block_graph, {"sizes": [3], "p_out": -0.1}, "p_out == -0.1, must be >= 0"),
        (make_block_graph, {"sizes": [3, -1]}, "each of sizes == -1, must be >= 1"),
        (make_block_graph, {"sizes": [3], "n_features": 0}, "n_features == 0, must be >= 1"),
        (make_block_graph, {"sizes": []}, r"sizes=\[\]"),
        (make_block_graph, {"sizes": [3], "p_in": np.nan}, "p_in=nan"),
        (make_motif_graphs, {"n_nodes": -1}, "n_nodes=-1: expected"),
        (make_motif_graphs, {"n_graphs": -1}, "n_graphs == -1, must be >= 1"),
        (make_motif_graphs, {"n_nodes": (25, 12)}, r"n_nodes=\(25, 12\): expected the least and the greatest"),
        (make_motif_graphs, {"n_nodes": (0, 3)}, r"n_nodes=\(0, 3\): expected"),
        (make_motif_graphs, {"n_nodes": (3,)}, r"n_nodes=\(3,\): expected"),
    ],
)
def test_settings_out_of_bounds_are_named(make, settings, message):
    with pytest.raises(ValueError, match=message):
        make(**settings)
