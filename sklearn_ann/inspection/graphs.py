"""Graphs with numbers at their nodes and edges."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import scipy.sparse as sp

from sklearn_ann.inspection.figures import axes_for


class GraphDisplay:
    """A graph whose nodes are coloured by a number, such as their importance, and whose edges are as wide as another.

    It is made by `from_graph`, or of any adjacency by hand.

    Parameters
    ----------
    A : array-like or sparse matrix of shape (n_nodes, n_nodes)
        Weights of the edges, drawn as widths; an edge is drawn once, with the greater of both directions.

    values : array-like of shape (n_nodes,) or None
        A number for each node, drawn as its colour.

    names : sequence of str or None
        What is written into the nodes.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The picture.

    figure_ : matplotlib Figure
        What it is in.

    positions_ : array of shape (n_nodes, 2)
        Where the nodes are, by the springs of Fruchterman and Reingold (1991).

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
        """Show a graph of a ``GraphSet``, or a pair (X, A).

        Parameters
        ----------
        graph : tuple whose second member is the adjacency
            Such as ``graphs[0]`` of a ``GraphSet``.
        values : array-like of shape (n_nodes,) or None
            A number for each node; None for its degree.
        names : sequence of str or None
            What is written into the nodes.
        ax : matplotlib Axes or None
            Where to draw; None for a new figure.

        Returns
        -------
        GraphDisplay
        """
        A = sp.csr_array(graph[1])
        return cls(A, values=A.sum(axis=1) if values is None else values, names=names).plot(ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or None
            Where to draw; None for a new figure.

        Returns
        -------
        self

        Raises
        ------
        ImportError
            If networkx, which finds the places of the nodes, is missing.
        ValueError
            If the adjacency is not square, or if there are other numbers of nodes and of values or names.
        """
        A = sp.csr_array(np.asarray(self.A) if not sp.issparse(self.A) else self.A)
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
        places = nx.spring_layout(net, seed=0, iterations=200)
        self.positions_ = np.array([places[node] for node in range(n)]).reshape(n, 2)
        widest = max(abs(edges.data).max(initial=0.0), np.finfo(float).tiny)
        for i, j, weight in zip(*edges.coords, edges.data, strict=True):
            self.ax_.plot(*self.positions_[[i, j]].T, color="0.6", linewidth=3 * abs(weight) / widest, zorder=1)
        colours = {"color": "#56b4e9"} if self.values is None else {"c": np.asarray(self.values), "cmap": "viridis"}
        drawn = self.ax_.scatter(*self.positions_.T, s=140, edgecolors="0.2", zorder=2, **colours)
        if self.values is not None:
            self.figure_.colorbar(drawn, ax=self.ax_)
        for name, place in zip(self.names if self.names is not None else [], self.positions_, strict=False):
            self.ax_.annotate(str(name), place, ha="center", va="center", fontsize="small", zorder=3)
        self.ax_.set_axis_off()
        return self
