"""Plots of graphs with values at nodes and edges."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from sklearn_ann.inspection.figures import axes_for, sample_of, styles
from sklearn_ann.inspection.occlusion import contributions
from sklearn_ann.inspection.placement import placed_nodes
from sklearn_ann.reading.graphs import GraphReader, GraphSet, NodeReader, as_graph


def _matrix(A: Any) -> sp.csr_array:
    """Return the adjacency matrix of what is a matrix or a graph."""
    _check_is_one(A, "A")
    if not (sp.issparse(A) or isinstance(A, list | np.ndarray)):
        return as_graph(A)[0].A
    matrix = A if sp.issparse(A) else np.asarray(A)
    if matrix.dtype.kind not in "biuf":
        raise TypeError(f"A must be a matrix of numbers or a graph, got values of the type {matrix.dtype}")
    if matrix.ndim != 2:
        raise ValueError(f"A has shape {matrix.shape}: expected a square matrix")
    return sp.csr_array(matrix)


def _check_is_one(graph: Any, parameter: str) -> None:
    """Refuse a set of several graphs, and a list of graphs other than the rows of a matrix."""
    is_list = isinstance(graph, list) and len(graph) > 0 and (isinstance(graph[0], tuple) or hasattr(graph[0], "nodes"))
    if is_list or (isinstance(graph, GraphSet) and len(graph) != 1):
        what = f"a list of {len(graph)}" if is_list else repr(graph)
        raise ValueError(f"{parameter} must be one graph, got {what}: choose one, such as {parameter}[0]")


class GraphDisplay:
    """A graph with nodes coloured by a value, such as their importance, and edge widths by weight.

    Create it with `from_estimator`, with `from_graph`, or from any adjacency matrix.

    Parameters
    ----------
    A : array-like or sparse matrix of shape (n_nodes, n_nodes), or graph as in `from_graph`
        Weights of the edges, drawn as widths. An edge is drawn once, with the greater weight of both directions.

    values : array-like of shape (n_nodes,) or None
        Value of each node, drawn as its colour: a number or a label.

    names : sequence of str or None
        Text to write into each node.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The plot.

    figure_ : matplotlib Figure
        The figure of the plot.

    positions_ : array of shape (n_nodes, 2)
        Positions of the nodes, by the spring layout of Fruchterman and Reingold (1991). Components that no edge joins
        stand side by side, the largest first.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn_ann.inspection import GraphDisplay
    >>> display = GraphDisplay([[0, 1, 0], [1, 0, 1], [0, 1, 0]], values=[0.1, 0.9, 0.2])
    >>> display.plot().positions_.shape
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
        _check_is_one(graph, "graph")
        A = as_graph(graph)[0].A
        return cls(A, values=A.sum(axis=1) if values is None else values, names=names).plot(ax)

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any = None,
        *,
        sample: int = 0,
        output: int | None = None,
        names: Any = None,
        ax: Any = None,
    ) -> Self:
        """Plot the importance of the nodes of a graph, or the predictions for its nodes.

        For an estimator of whole graphs, the colour of a node tells by how much the probability of the predicted class,
        or the predicted value, falls when the node is left out. For an estimator of nodes, it is the node's prediction.
        With ``conv="gat"``, edge widths are the attention of the last convolution, as mean over its heads.

        Parameters
        ----------
        estimator : GCNClassifier, GCNRegressor, GCNNodeClassifier or GCNNodeRegressor
            A fitted estimator.
        X : graphs or nodes, as in ``fit``
            The samples. For an estimator of nodes, the nodes to plot, with the edges among them; None plots all.
        sample : int
            Index of the graph to plot, for an estimator of whole graphs.
        output : int or None
            Column of the probabilities of whole graphs, or of predicted values. None is the most probable class, or the
            first value.
        names : sequence of str or None
            Text to write into each node; None writes the names that nodes have.
        ax : matplotlib Axes or None
            Where to draw; None makes a new figure.

        Returns
        -------
        GraphDisplay

        Raises
        ------
        TypeError
            If the estimator does not read graphs.
        ValueError
            If the sample or the output does not exist, or if a graph has fewer than two nodes.
        """
        check_is_fitted(estimator)
        reader = getattr(estimator, "reader_", None)
        if isinstance(reader, NodeReader):
            return cls._of_nodes(estimator, reader, X, output, names).plot(ax)
        if not isinstance(reader, GraphReader):
            kind = type(estimator).__name__
            raise TypeError(f"estimator must be an estimator of graphs, such as GCNClassifier, got {kind}")
        if X is None:
            raise ValueError(f"X=None: give the graphs of which a {type(estimator).__name__} predicts one")
        graph = reader.read_graphs(sample_of(X, sample))
        A = graph.adjacency
        if estimator.resolved_parameters_.conv == "gat":
            A = _mean_over_heads(estimator.attention_maps(graph)[0][-1])
        names = graph.node_names if names is None else names
        display = cls(A, values=contributions(estimator, graph, output), names=names)
        return display.plot(ax, cmap="coolwarm", centre=0.0, label="contribution to the prediction")

    @classmethod
    def _of_nodes(cls, estimator: Any, reader: NodeReader, X: Any, output: int | None, names: Any) -> Self:
        """Return a display of some nodes of the graph of an estimator, or of all."""
        X = estimator.node_names_ if X is None else X
        A, nodes = reader.graph_set.adjacency, reader.read(X).nodes.numpy()
        if estimator.resolved_parameters_.conv == "gat":
            A = _mean_over_heads(estimator.attention_maps()[-1])
        values = np.asarray(estimator.predict(X))
        if values.ndim == 2:
            values = values[:, output or 0]
        if is_classifier(estimator):
            values = values.astype(str)  # classes that are numbers are labels too
        if names is None and reader.graph_set.node_names is not None:
            names = reader.graph_set.node_names[nodes]
        return cls(A[nodes][:, nodes], values=values, names=names)

    def plot(
        self, ax: Any = None, *, cmap: str = "viridis", centre: float | None = None, label: str | None = None
    ) -> Self:
        """Draw the plot.

        Parameters
        ----------
        ax : matplotlib Axes or None
            Where to draw; None makes a new figure.
        cmap : str
            Colour map of values that are numbers.
        centre : float or None
            Value of the middle of the colour map; None gives the map the range of the values.
        label : str or None
            What the values are.

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
        self.positions_ = placed_nodes(sp.csr_array(abs(edges) + abs(edges).T), nx)
        widest = max(abs(edges.data).max(initial=0.0), np.finfo(float).tiny)
        for i, j, weight in zip(*edges.coords, edges.data, strict=True):
            self.ax_.plot(*self.positions_[[i, j]].T, color="0.6", linewidth=3 * abs(weight) / widest, zorder=1)
        self._draw_nodes(cmap, centre, label)
        for name, position in zip(self.names if self.names is not None else [], self.positions_, strict=False):
            self.ax_.annotate(
                str(name), position, ha="center", va="center", fontsize="small", zorder=3, path_effects=_halo()
            )
        self.ax_.margins(0.08)
        self.ax_.set_axis_off()
        return self

    def _draw_nodes(self, cmap: str, centre: float | None, label: str | None) -> None:
        style = {"s": 140, "edgecolors": "0.2", "linewidths": 0.8, "zorder": 2}
        if self.values is None:
            self.ax_.scatter(*self.positions_.T, color="#56b4e9", **style)
            return
        values = np.asarray(self.values)
        if values.dtype.kind in "biuf":
            middle = 0.0 if centre is None else centre
            reach = max(abs(values - middle).max(initial=0.0), np.finfo(np.float32).tiny)
            limits = {} if centre is None else {"vmin": centre - reach, "vmax": centre + reach}
            drawn = self.ax_.scatter(*self.positions_.T, c=values, cmap=cmap, **limits, **style)
            self.figure_.colorbar(drawn, ax=self.ax_, label=label)
            return
        labels = np.unique(values)
        for one, look in zip(labels, styles(len(labels)), strict=True):
            self.ax_.scatter(*self.positions_[values == one].T, label=str(one), **look, **style)
        self.ax_.legend(title=label, frameon=False, bbox_to_anchor=(1, 0.5), loc="center left")


def _mean_over_heads(heads: list[sp.csr_array]) -> sp.csr_array:
    total = heads[0]
    for head in heads[1:]:
        total = total + head
    return sp.csr_array(total / len(heads))


def _halo() -> list[Any]:
    """Return a white border for text, which is then legible on nodes of any colour."""
    from matplotlib import patheffects

    return [patheffects.withStroke(linewidth=2, foreground="white")]
