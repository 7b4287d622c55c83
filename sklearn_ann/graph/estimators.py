"""Estimators of whole graphs and of the nodes of one graph."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_ann import training
from sklearn_ann.base import NeuralClassifier, NeuralRegressor
from sklearn_ann.base.estimator import NeuralEstimator
from sklearn_ann.base.parameters import DropProbability, LayerSizes, NonNegativeFloat, PositiveFloat, PositiveInt
from sklearn_ann.graph.conversion import as_graph, as_graph_set
from sklearn_ann.graph.network import GraphBody, GraphConvolutions, NodeBody
from sklearn_ann.graph.reduction import Backend, Reduction, resolve_backend
from sklearn_ann.graph.samples import GraphSamples, NodeSamples, whole_graph
from sklearn_ann.layers import layer_widths


class GraphEstimator(NeuralEstimator):
    """What all graph estimators share: the convolutions.

    Parameters
    ----------
    conv : {"gcn", "sage", "gin", "gat", "gated"}
        The convolution. ``"gcn"``: ``X' = σ(A X Wᵀ)`` (Kipf and Welling 2017); ``"sage"``: the node and the mean of its
        neighbours (Hamilton et al. 2017); ``"gin"``: a small network on the sum (Xu et al. 2019); ``"gat"``: attention
        over the neighbours (Velickovic et al. 2018); ``"gated"``: gates that read edge features (Bresson and
        Laurent 2017), the only one that does.

    conv_layer_sizes : int or tuple of ints
        Width of each convolution.

    normalize : {"sym", "row"} or None
        What the convolution makes of the adjacency matrix: ``D^-1/2 A D^-1/2``, ``D^-1 A`` or A itself.

    self_loops : bool
        Whether an edge from each node to itself is added first. With ``normalize=None, self_loops=False`` a ``"gcn"``
        layer is the lecture's equation exactly.

    n_heads : int
        Heads of ``conv="gat"``, side by side; must divide the widths.

    residual : bool
        Whether a convolution's input is added to its output where their widths are equal.

    normalization : {"batch", "layer"} or None
        Normalisation of the node features after each convolution, and of what is read out of a graph. The statistics
        of ``"batch"`` do not know of sample weights: with it, a weight of 2 is not exactly a graph that is there twice.

    dropout : float
        Probability, in [0, 1), to drop a unit before each further layer while training.

    input_dropout : float
        The same for the features of the nodes.

    reduction : {"auto", "torch", "torch-scatter"}
        What computes maxima and softmaxes over groups of nodes; ``"auto"`` takes what was measured to be the fastest.
        ``"torch-scatter"`` needs the extra ``scatter``.
    """

    conv: Literal["gcn", "sage", "gin", "gat", "gated"] = "gcn"
    conv_layer_sizes: LayerSizes = (64, 64, 64)
    normalize: Literal["sym", "row"] | None = "sym"
    self_loops: bool = True
    n_heads: PositiveInt = 4
    residual: bool = True
    normalization: Literal["batch", "layer"] | None = "batch"
    dropout: DropProbability = 0.0
    input_dropout: DropProbability = 0.0
    reduction: Backend = "auto"

    def _convolutions(self, n_features: int, n_edge_features: int) -> tuple[GraphConvolutions, tuple[int, ...]]:
        widths = layer_widths(self.conv_layer_sizes)
        if not widths:
            raise ValueError("conv_layer_sizes=() has no convolution: give one width at least")
        convolutions = GraphConvolutions(
            (n_features, *widths),
            self.conv,
            normalization=self.normalization,
            residual=self.residual,
            dropout=self.dropout,
            input_dropout=self.input_dropout,
            n_heads=self.n_heads,
            n_edge_features=n_edge_features,
            backend=resolve_backend(self.reduction),
        )
        return convolutions, widths

    @property
    def _adjacency_options(self) -> tuple[str | None, bool, torch.dtype, int]:
        # The mean, the sum and the gates of the others are over the bare neighbours; attention needs the node itself.
        own = self.conv == "gcn"
        return (
            self.normalize if own else None,
            self.self_loops if own else self.conv == "gat",
            self._dtype,
            self.n_heads if self.conv == "gat" else 0,
        )

    def _hold_widths(self, n_features: int, n_edge_features: int, *, reset: bool) -> None:
        if reset:
            self.n_features_in_, self._n_edge_features = n_features, n_edge_features
        for what, now, then in (
            ("node", n_features, self.n_features_in_),
            ("edge", n_edge_features, self._n_edge_features),
        ):
            if now != then:
                raise ValueError(f"X has {now} {what} features, but {type(self).__name__} is expecting {then} as input")

    def _check_attention(self) -> None:
        check_is_fitted(self)
        if self.conv != "gat":
            raise ValueError(f"conv={self.conv!r} has no attention to map: it is conv='gat' that has")

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.sparse = False
        return tags


class _GraphLevel(GraphEstimator):
    """What estimators of whole graphs share.

    Parameters
    ----------
    readout : {"mean", "sum", "max", "min", "std"} or sequence of these
        Statistics over the nodes of a graph that make its features. A mean cannot count; a sum grows with the graph,
        so that without it predictions carry over better to graphs larger than those of the fit.

    every_layer : bool
        Whether the read-out sees the nodes after each convolution or after the last one alone.

    hidden_layer_sizes : int or tuple of ints
        Widths of the dense layers after the read-out.

    Attributes
    ----------
    n_features_in_ : int
        Number of node features seen during ``fit``.
    """

    readout: Reduction | list[Reduction] | tuple[Reduction, ...] = ("sum", "mean", "max")
    every_layer: bool = False
    hidden_layer_sizes: LayerSizes = (64,)
    learning_rate_schedule: training.Schedule = "adaptive"

    def _encode(self, X: Any, *, reset: bool) -> GraphSamples:
        graphs = as_graph_set(X)
        n_edge_features = 0 if graphs.edge_features is None else graphs.edge_features.shape[1]
        self._hold_widths(graphs.node_features.shape[1], n_edge_features, reset=reset)
        return GraphSamples(graphs, *self._adjacency_options)

    def _build_body(self, samples: Any) -> tuple[nn.Module, int]:
        convolutions, widths = self._convolutions(samples.n_features, samples.n_edge_features)
        readout = [self.readout] if isinstance(self.readout, str) else list(self.readout)
        known = Reduction.__args__  # type: ignore[attr-defined]
        unknown = [how for how in readout if how not in known]
        if unknown or not readout:
            raise ValueError(f"readout must be one or more of {', '.join(known)}; got {self.readout!r}")
        body = GraphBody(
            convolutions,
            widths,
            readout=readout,
            every_layer=self.every_layer,
            normalization=self.normalization,
            hidden=layer_widths(self.hidden_layer_sizes),
            dropout=self.dropout,
            backend=resolve_backend(self.reduction),
        )
        return body, body.n_features

    def attention_maps(self, X: Any) -> list[list[list[sp.csr_array]]]:
        """Return the attention weights of ``conv="gat"``.

        Parameters
        ----------
        X : graphs as in ``fit``
            The samples.

        Returns
        -------
        list
            ``maps[graph][layer][head]`` is a CSR array of shape (n_nodes, n_nodes) whose rows sum to one: how much
            node i attends to node j.
        """
        self._check_attention()
        graphs = as_graph_set(X)
        return [self._attention_of(self._encode(graphs[i : i + 1], reset=False)) for i in range(len(graphs))]

    def _attention_of(self, samples: training.Samples) -> list[list[sp.csr_array]]:
        return _as_matrices(self, samples, lambda batch: batch.adjacency)


class _NodeLevel(GraphEstimator):
    """What estimators of nodes share.

    The defaults are the recipe of Kipf and Welling (2017), whose weight decay counts on node features of about unit
    length; `sklearn.preprocessing.normalize` makes such.

    Parameters
    ----------
    graph : GraphSet of one graph, (X, A), networkx graph or PyTorch Geometric Data
        The graph whose nodes X in ``fit`` and ``predict`` names by their number. All its nodes and edges are there in
        training, the labels only of those that ``fit`` gets: ordinary cross-validation is transductive learning.

    propagate_last : bool
        Whether the features of the nodes pass the adjacency matrix once more before the last layer, which makes that
        layer one more ``"gcn"`` convolution; with another `conv` they are averaged over the neighbours.

    Attributes
    ----------
    n_features_in_ : int
        Number of node features seen during ``fit``.
    """

    graph: Any = None
    propagate_last: bool = True
    conv_layer_sizes: LayerSizes = (64,)
    normalization: Literal["batch", "layer"] | None = None
    dropout: DropProbability = 0.5
    optimizer: training.OptimizerName = "adam"
    learning_rate: PositiveFloat = 0.01
    weight_decay: NonNegativeFloat = 5e-4
    batch_size: PositiveInt | None = None

    def _encode(self, X: Any, *, reset: bool) -> NodeSamples:
        if self.graph is None:
            raise ValueError("graph=None: give the graph whose nodes X names, such as graph=(features, adjacency)")
        graph = as_graph(self.graph)
        n = int(graph.n_nodes[0])
        nodes = _node_numbers(X, n)
        n_edge_features = 0 if graph.edge_features is None else graph.edge_features.shape[1]
        self._hold_widths(graph.node_features.shape[1], n_edge_features, reset=reset)
        return NodeSamples(whole_graph(graph, *self._adjacency_options), torch.from_numpy(nodes))

    def _build_body(self, samples: training.Samples) -> tuple[nn.Module, int]:
        convolutions, widths = self._convolutions(self.n_features_in_, self._n_edge_features)
        step = "product" if self.conv == "gcn" else "mean"
        return NodeBody(convolutions, step if self.propagate_last else None), widths[-1]

    def attention_maps(self) -> list[list[sp.csr_array]]:
        """Return the attention weights of ``conv="gat"``.

        Returns
        -------
        list
            ``maps[layer][head]`` is a CSR array of shape (n_nodes, n_nodes) whose rows sum to one: how much node i
            attends to node j.
        """
        self._check_attention()
        return _as_matrices(self, self._encode([0], reset=False), lambda batch: batch[0].adjacency)


class GCNClassifier(_GraphLevel, NeuralClassifier):
    """Classification of graphs with graph convolutions.

    Convolutions mix the features of neighbouring nodes, ``X' = σ(A X Wᵀ)`` for the default; summary statistics over the
    nodes of a graph make a row of numbers of it, whatever its size, which a dense network classifies.

    X is a list of graphs of one kind (``(X, A)`` pairs, networkx graphs, PyTorch Geometric's ``Data``, RDKit molecules)
    or a `GraphSet`. ``transform`` returns the features before the last layer.

    References
    ----------
    Kipf, T. N. and Welling, M. (2017). Semi-supervised classification with graph convolutional networks. ICLR.

    Dwivedi, V. P. et al. (2020). Benchmarking graph neural networks. arXiv:2003.00982.

    Examples
    --------
    >>> import networkx as nx
    >>> from sklearn_ann import GCNClassifier
    >>> graphs = [nx.cycle_graph(n) for n in range(4, 24)] + [nx.star_graph(n) for n in range(4, 24)]
    >>> y = ["ring"] * 20 + ["star"] * 20
    >>> model = GCNClassifier(readout=("mean", "max"), max_epochs=30, learning_rate_schedule="cosine", random_state=0)
    >>> model.fit(graphs, y).predict([nx.cycle_graph(50), nx.star_graph(50)])
    array(['ring', 'star'], dtype='<U4')
    """


class GCNRegressor(_GraphLevel, NeuralRegressor):
    """Regression on graphs with graph convolutions; `GCNClassifier` says how.

    Examples
    --------
    >>> import networkx as nx
    >>> from sklearn_ann import GCNRegressor
    >>> graphs = [nx.gnp_random_graph(12, p / 50, seed=p) for p in range(5, 45)]
    >>> density = [nx.density(graph) for graph in graphs]
    >>> model = GCNRegressor(random_state=0, max_epochs=60, learning_rate_schedule="cosine").fit(graphs, density)
    >>> model.score(graphs, density) > 0.9
    True
    """


class GCNNodeClassifier(_NodeLevel, NeuralClassifier):
    """Classification of the nodes of a graph, of which some have a label.

    References
    ----------
    Kipf, T. N. and Welling, M. (2017). Semi-supervised classification with graph convolutional networks. ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ann import GCNNodeClassifier
    >>> from sklearn_ann.datasets import make_block_graph
    >>> graph, community = make_block_graph([60, 60, 60], random_state=0)
    >>> model = GCNNodeClassifier(graph=graph, random_state=0, max_epochs=50, learning_rate_schedule="cosine")
    >>> labelled = np.arange(0, 180, 6)
    >>> model.fit(labelled, community[labelled]).score(np.arange(180), community) > 0.9
    True
    """


class GCNNodeRegressor(_NodeLevel, NeuralRegressor):
    """Regression on the nodes of a graph, of which some have a value; `GCNNodeClassifier` says how."""


def _node_numbers(X: Any, n: int) -> np.ndarray:
    """Check X of a node-level estimator: numbers of nodes."""
    nodes = np.asarray(X)
    if nodes.dtype == object and all(isinstance(node, Integral) for node in nodes.ravel()):
        nodes = nodes.astype(np.int64)
    if nodes.ndim == 2 and nodes.shape[1] == 1:
        nodes = nodes[:, 0]
    if nodes.ndim != 1:
        raise ValueError(f"X must be numbers of nodes of shape (n_samples,) or (n_samples, 1), got shape {nodes.shape}")
    if len(nodes) == 0:
        raise ValueError("Found array with 0 sample(s) (shape=(0,)) while a minimum of 1 is required.")
    whole = nodes.astype(np.int64) if np.issubdtype(nodes.dtype, np.number) and np.isfinite(nodes).all() else None
    if whole is None or (whole != nodes).any():
        raise ValueError(f"X must be numbers of nodes, which are integers; got {nodes.dtype} such as {nodes[0]!r}")
    outside = np.flatnonzero((whole < 0) | (whole >= n))
    if len(outside):
        raise ValueError(f"sample {outside[0]} is the node {whole[outside[0]]}, but the nodes are 0 to {n - 1}")
    return whole


def _as_matrices(model: GraphEstimator, samples: training.Samples, adjacency: Any) -> list[list[sp.csr_array]]:
    """The attention weights over the edges of one graph as sparse matrices."""
    module: Any = model.module_.eval()
    device = next(module.parameters()).device
    batch = training.on_device(samples[torch.tensor([0])], device)
    edges = adjacency(batch)
    pointers, columns = edges.pointers.cpu().numpy(), edges.columns.cpu().numpy()
    with torch.inference_mode():
        maps = module.body.attention(batch)
    heads, size = model.n_heads, (edges.n_nodes, edges.n_nodes)
    layers = [sp.csr_array((weights.cpu().numpy(), columns, pointers), shape=size) for weights in maps]
    return [[layer[head::heads, head::heads] for head in range(heads)] for layer in layers]
