"""Plain graphs are joined to one block-diagonal graph."""

import numpy as np
import pytest
import scipy.sparse as sp

from sklearn_ann.reading.graphs.parts import GraphParts, gather


def parts(n, rows=(), columns=(), X=None, E=None, weights=None):
    return GraphParts(X, np.array(rows, dtype=int), np.array(columns, dtype=int), weights, E, n)


def test_the_blocks_are_the_graphs():
    one = parts(2, [1, 0], [0, 1], np.array([[1.0], [2]]), np.array([[7.0], [8]]), np.array([3.0, 4]))
    other = parts(1, [0], [0], np.array([[5.0]]), np.array([[9.0]]))
    X, A, offsets, E = gather([one, other])
    np.testing.assert_array_equal(A.toarray(), [[0, 4, 0], [3, 0, 0], [0, 0, 1]])
    np.testing.assert_array_equal(X, [[1], [2], [5]])
    np.testing.assert_array_equal(E, [[8], [7], [9]])
    assert offsets.tolist() == [0, 2, 3]


def test_repeated_edges_add_up_with_their_features():
    _, A, _, E = gather([parts(2, [0, 1, 0], [1, 0, 1], np.ones((2, 1)), np.array([[1.0, 2], [3, 4], [5, 6]]))])
    assert A.data.tolist() == [2, 1]
    np.testing.assert_array_equal(E, [[6, 8], [3, 4]])


def test_the_degree_replaces_missing_node_features():
    X, *_ = gather([parts(3, [0, 0, 2], [1, 2, 0]), parts(0), parts(1)])
    assert X.tolist() == [[2], [0], [1], [0]]


@pytest.mark.parametrize("empty", [parts(0), parts(0, X=np.zeros((0, 0))), parts(0, X=np.zeros((0, 5)))])
@pytest.mark.parametrize("sparse", [False, True])
def test_an_empty_graph_fits_graphs_of_any_width(empty, sparse):
    X = sp.csr_array(np.eye(2)) if sparse else np.eye(2)
    lonely = parts(2, X=X, E=np.zeros((0, 3)))  # has no edges
    full = parts(2, [0], [1], X, np.ones((1, 4)))
    nodes, A, offsets, E = gather([empty, lonely, full])
    assert (nodes.shape, A.nnz, E.shape, offsets.tolist()) == ((4, 2), 1, (1, 4), [0, 0, 2, 4])
    nodes, *_ = gather([empty, parts(2, [0], [1])])
    assert nodes.tolist() == [[1], [0]]


def test_a_width_that_differs_is_named():
    graphs = [parts(0), parts(1, [0], [0], np.ones((1, 2)), np.ones((1, 1)))]
    with pytest.raises(ValueError, match="graph 2 has 3 node features, but graph 1 has 2"):
        gather([*graphs, parts(1, X=np.ones((1, 3)))])
    with pytest.raises(ValueError, match="graph 2 has no node features, but graph 1 has 2"):
        gather([*graphs, parts(1)])
    with pytest.raises(ValueError, match="graph 2 has no edge features, but graph 1 has 1"):
        gather([*graphs, parts(1, [0], [0], np.ones((1, 2)))])
