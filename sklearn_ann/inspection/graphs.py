"""Plots of graphs with values at nodes and edges."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import scipy.sparse as sp

from sklearn_ann.inspection.figures import axes_for
from sklearn_ann.reading.graphs import as_graph


def _matrix(A: Any) -> sp.csr_array:
    """Return the adjacency matrix of what is a matrix or a graph."""
    if not (sp.issparse(A) or isinstance(A, list | np.ndarray)):
        return as_graph(A)[0].A
    matrix = A if sp.issparse(A) else np.asarray(A)
    if matrix.dtype.kind not in "biuf":
        raise TypeError(f"A must be a matrix of numbers or a graph, got values of the type {matrix.dtype}")
    if matrix.ndim != 2:
        raise ValueError(f"A has shape {matrix.shape}: expected a square matrix")
    return sp.csr_array(matrix)


class GraphDisplay:
    """A graph with nodes coloured by a value, such as their importance, and edge widths by weight.

    Create it with `from_graph`, or from any adjacency matrix.

    Parameters
    ----------
    A : array-like or sparse matrix of shape (n_nodes, n_nodes), or graph as in `from_graph`
        Weights of the edges, drawn as widths. An edge is drawn once, with the greater weight of both directions.

    values : array-like of shape (n_nodes,) or None
        Value of each node, drawn as its colour.

    names : sequence of str or None
        Text to write into each node.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The plot.

    figure_ : matplotlib Figure
        The figure of the plot.

    positions_ : array of shape (n_nodes, 2)
        Positions of the nodes, by the spring layout of Fruchterman and Reingold (1991).

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn_ann.inspection import GraphDisplay
    >>> GraphDisplay([[0, 1, 0], [1, 0, 1], [0, 1, 0]], values=[0.1, 0.9, 0.2]).plot().positions_.shape
    (3, 2)
    """

    def __init__(self, A: Any, *, values: Any = None, names: Any = None) -> None:
        self.A, self.values, self.names = A, values, names

    @classmethod
    def from_graph(cls, graph: Any, *, values: Any = None, names: Any = None, ax: Any = None) -> Self:
        """Plot a graph.

        Parameters
        ----------
        graph : (X, A), adjacency matrix, networkx graph, PyTorch Geometric Data, RDKit molecule or GraphSet of one
            For instance ``graphs[0]`` of a ``GraphSet``.
        values : array-like of shape (n_nodes,) or None
            Value of each node; None shows the weighted degree.
        names : sequence of str or None
            Text to write into each node.
        ax : matplotlib Axes or None
            Where to draw; None makes a new figure.

        Returns
        -------
        GraphDisplay
        """
        A = as_graph(graph)[0].A
        return cls(A, values=A.sum(axis=1) if values is None else values, names=names).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the plot.

        Parameters
        ----------
        ax : matplotlib Axes or None
            Where to draw; None makes a new figure.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            If networkx, which computes the positions of the nodes, is missing.
        TypeError
            If `A` is neither a matrix of numbers nor a graph.
        ValueError
            If the adjacency matrix is not square, or if values or names do not match the number of nodes.
        """
        A = _matrix(self.A)
        n = A.shape[0]
        if A.shape != (n, n):
            raise ValueError(f"A has shape {A.shape}: expected a square matrix")
        for parameter in ("values", "names"):
            given = getattr(self, parameter)
            if given is not None and len(given) != n:
                raise ValueError(f"{parameter} has {len(given)} entries, but there are {n} nodes")
        try:
            import networkx as nx
        except ImportError as error:
            raise ImportError("GraphDisplay needs networkx: pip install 'sklearn-ann-architectures[plot]'") from error
        self.ax_ = axes_for(type(self).__name__, ax, figsize=(4.5, 4))
        self.figure_ = self.ax_.figure
        edges = sp.triu(A.maximum(A.T), k=1).tocoo()
        net = nx.from_scipy_sparse_array(sp.csr_array(abs(edges) + abs(edges).T))
        layout = nx.spring_layout(net, seed=0, iterations=200)
        self.positions_ = np.array([layout[node] for node in range(n)]).reshape(n, 2)
        widest = max(abs(edges.data).max(initial=0.0), np.finfo(float).tiny)
        for i, j, weight in zip(*edges.coords, edges.data, strict=True):
            self.ax_.plot(*self.positions_[[i, j]].T, color="0.6", linewidth=3 * abs(weight) / widest, zorder=1)
        colours = {"color": "#56b4e9"} if self.values is None else {"c": np.asarray(self.values), "cmap": "viridis"}
        drawn = self.ax_.scatter(*self.positions_.T, s=140, edgecolors="0.2", zorder=2, **colours)
        if self.values is not None:
            self.figure_.colorbar(drawn, ax=self.ax_)
        for name, position in zip(self.names if self.names is not None else [], self.positions_, strict=False):
            self.ax_.annotate(str(name), position, ha="center", va="center", fontsize="small", zorder=3)
        self.ax_.set_axis_off()
        return self
