"""Where the nodes of a graph are drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse import csgraph

_GAP = 0.8  # between two components; the side of a component of n nodes is the root of n
_MANY = 300


def placed_nodes(A: sp.csr_array, networkx: Any) -> np.ndarray:
    """Return positions of nodes, (n_nodes, 2), by the spring layout of each connected component.

    Springs push apart what no edge holds together: in one layout, a single node without edges would squeeze all others
    into a corner. Components stand in rows instead, the largest first, each with an area for its number of nodes.

    Parameters
    ----------
    A : CSR array of shape (n_nodes, n_nodes)
        Symmetric weights of the edges, not negative.
    networkx : module
        The package of this name, which the caller has imported.
    """
    n_components, owner = csgraph.connected_components(A, directed=False)
    sizes = np.bincount(owner, minlength=n_components)
    sides = np.sqrt(sizes)
    width = max((sides + _GAP).max(initial=0.0), np.sqrt(((sides + _GAP) ** 2).sum()))
    net, positions = networkx.from_scipy_sparse_array(A), np.zeros((A.shape[0], 2))
    left = top = lowest = 0.0
    for component in np.argsort(-sizes, kind="stable"):
        side = sides[component]
        if left > 0 and left + side > width:  # the next row
            left, top = 0.0, lowest
        nodes = np.flatnonzero(owner == component)
        iterations = 200 if len(nodes) <= _MANY else 50  # of many nodes each one takes long
        layout = networkx.spring_layout(net.subgraph(nodes.tolist()), seed=0, iterations=iterations)
        own = np.array([layout[node] for node in nodes])  # within [-1, 1]
        half = side / 2 if len(nodes) > 1 else 0.5
        positions[nodes] = own * half + (left + half, top - half)
        left, lowest = left + side + _GAP, min(lowest, top - side - _GAP)
    return positions
