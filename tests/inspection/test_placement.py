"""Nodes without edges leave the others their room."""

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp

from sklearn_ann.inspection.placement import placed_nodes


def with_isolated(net, n):
    return sp.csr_array(sp.block_diag([nx.to_scipy_sparse_array(net, dtype=float), sp.csr_array((n, n))]))


def extents(positions):
    return np.ptp(positions, axis=0)


@pytest.mark.parametrize("n_isolated", [0, 1, 5])
def test_isolated_nodes_squeeze_no_component(n_isolated):
    positions = placed_nodes(with_isolated(nx.ladder_graph(12), n_isolated), nx)
    share = extents(positions[:24]) / extents(positions)
    assert (share > 0.6).all()
    gaps = np.linalg.norm(positions[:, None] - positions, axis=-1) + np.eye(24 + n_isolated) * 9
    assert gaps[24:].min(initial=1.0) > 0.5  # of an isolated node to any other


def test_components_do_not_overlap():
    sizes = [3, 30, 1, 8, 8, 1, 2]
    A = sp.csr_array(sp.block_diag([sp.csr_array(np.ones((n, n)) - np.eye(n)) for n in sizes]))
    positions = placed_nodes(A, nx)
    boxes = [(p.min(axis=0), p.max(axis=0)) for p in np.split(positions, np.cumsum(sizes)[:-1])]
    for i, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[:i]:
            assert ((low > other_high) | (other_low > high)).any()


def test_no_nodes_have_no_positions_and_nodes_without_edges_have_their_own():
    assert placed_nodes(sp.csr_array((0, 0)), nx).shape == (0, 2)
    assert len(np.unique(placed_nodes(sp.csr_array((7, 7)), nx).round(6), axis=0)) == 7
