"""Estimators for whole graphs and for the nodes of one graph."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_ann import training
from sklearn_ann._warnings import warn
from sklearn_ann.base import NeuralClassifier, NeuralEstimator, NeuralRegressor, Plan
from sklearn_ann.base.budget import Budget
from sklearn_ann.base.names import names_of_a_column
from sklearn_ann.base.parameters import (
    DropProbability,
    LayerSizes,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    fitted,
)
from sklearn_ann.graph.network import GraphBody, GraphConvolutions, NodeBody
from sklearn_ann.layers import Backend, Reduction, layer_widths, resolve_backend
from sklearn_ann.reading import GraphReader, NodeReader, Reader
from sklearn_ann.reading.graphs import GraphBatch
from sklearn_ann.reading.graphs.parts import counted

_MANY = 100  # features of whole graphs, above which each of them says little


class GraphEstimator(NeuralEstimator):
    """Base of all graph estimators, with the parameters of the convolutions.

    Parameters
    ----------
    conv : {"auto", "gcn", "sage", "gin", "gat", "gated"}
        The convolution. ``"auto"`` is ``"gin"`` in estimators for graphs and ``"gcn"`` in estimators for nodes.

        - ``"gcn"``: ``X' = σ(A X Wᵀ)`` (Kipf and Welling 2017);
        - ``"sage"``: the node and the mean of its neighbours (Hamilton et al. 2017);
        - ``"gin"``: a small network on the sum over the neighbours (Xu et al. 2019), with edge features as in Hu et al.
          (2020);
        - ``"gat"``: attention to the neighbours (Velickovic et al. 2018);
        - ``"gated"``: gates on the edges (Bresson and Laurent 2017).

        Only ``"gin"`` and ``"gated"`` use edge features, and all but ``"gat"`` use edge weights. A warning is issued if
        features or weights are ignored.

    conv_layer_sizes : int or tuple of ints
        Width of each convolution.

    normalize : {"sym", "row"} or None
        Normalisation of the adjacency matrix for ``conv="gcn"``: ``D^-1/2 A D^-1/2``, ``D^-1 A`` or A itself.

    self_loops : bool
        Whether ``conv="gcn"`` first adds an edge from each node to itself. With ``normalize=None, self_loops=False,
        residual=False, normalization=None`` each convolution computes exactly ``σ(A X Wᵀ)``; in estimators for nodes
        also set ``propagate_last=False`` and ``normalize_features=None``.

    n_heads : int
        Number of attention heads of ``conv="gat"``, a divisor of the widths.

    residual : bool
        Whether to add the input of a convolution to its output, if the widths are equal.

    normalization : {"batch", "layer"} or None
        Normalisation of the node features after each convolution, and of the statistics over the nodes (read-out).

    dropout : float
        Probability, in [0, 1), to drop a unit before each layer after the first while training.

    input_dropout : float
        Probability, in [0, 1), to drop a node feature while training.

    reduction : {"auto", "torch", "torch-scatter"}
        Back end for maxima and softmaxes over groups of nodes. ``"auto"`` selects the back end that was fastest in
        benchmarks. ``"torch-scatter"`` needs the extra ``scatter``.

    node_attributes : list of str or None
        Attributes of networkx nodes, or columns of data frames of node features, that are features. A text attribute
        becomes one feature of zeros and ones for each of its categories. An empty list selects no attribute. None
        selects the attribute ``"x"`` if there is one. Otherwise None selects all attributes in estimators for graphs.
        In estimators for nodes None then selects no attribute, with a warning, because an attribute may be the target.

    edge_attributes : list of str or None
        Attributes of edges that are features; None selects all. The attribute ``"weight"`` is the weight of an edge
        and not a feature.

    Attributes
    ----------
    node_features_ : str
        Source of the node features: ``"given"``, ``"attributes"`` (of networkx nodes) or ``"molecule"``. For nodes
        without features the source is ``"degree"`` in estimators for graphs, and ``"identity"`` in estimators for
        nodes, which then learn a vector for each node.
    """

    conv: Literal["auto", "gcn", "sage", "gin", "gat", "gated"] = "auto"
    conv_layer_sizes: LayerSizes = (64, 64, 64)
    normalize: Literal["sym", "row"] | None = "sym"
    self_loops: bool = True
    n_heads: PositiveInt = 4
    residual: bool = True
    normalization: Literal["batch", "layer"] | None = "batch"
    dropout: DropProbability = 0.0
    input_dropout: DropProbability = 0.0
    reduction: Backend = "auto"
    node_attributes: Any = None
    edge_attributes: Any = None

    node_features_: str = fitted()

    get_feature_names_out = names_of_a_column

    _automatic_conv: ClassVar[str]
    """What ``conv="auto"`` stands for."""

    @property
    def _adjacency(self) -> dict[str, Any]:
        """Return the reader's options for the adjacency matrix."""
        conv = self._automatic_conv if self.conv == "auto" else self.conv
        # The other convolutions aggregate over the neighbours as they are, but attention includes the node itself.
        gcn = conv == "gcn"
        return {
            "averages": conv == "sage" or (not gcn and getattr(self, "propagate_last", False)),
            "node_attributes": self.node_attributes,
            "edge_attributes": self.edge_attributes,
            "normalize": self.normalize if gcn else None,
            "self_loops": self.self_loops if gcn else conv == "gat",
            "n_heads": self.n_heads if conv == "gat" else 0,
        }

    def _auto(self, plan: Plan) -> dict[str, Any]:
        return {"conv": self._automatic_conv}

    def _maps(self, samples: training.Samples) -> list[list[list[sp.csr_array]]]:
        """Return the attention weights over the edges of each graph as sparse matrices, by layer and head."""
        p = self.resolved_parameters_
        if p.conv != "gat":
            raise ValueError(f"conv={p.conv!r} has no attention maps; use conv='gat'")
        maps = partial(attention_matrices, p.n_heads)
        one_by_one = torch.split(torch.arange(len(samples), device=samples.device), 1)
        found: list[list[list[sp.csr_array]]] = self._apply_to(samples, maps, chunks=one_by_one, in_full=True)
        return found

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.sparse = False
        return tags


def graph_convolutions(plan: Plan) -> tuple[GraphConvolutions, tuple[int, ...]]:
    """Build the convolutions for a plan with its graphs already read, and return them with their widths."""
    p, reader = plan.parameters, plan.reader
    widths = layer_widths(p.conv_layer_sizes)
    if not widths:
        raise ValueError("conv_layer_sizes=() has no convolution: give at least one width")
    ignored = []
    if reader.n_edge_features and p.conv not in ("gin", "gated"):
        ignored.append(f"the {counted(reader.n_edge_features, 'edge feature')}, which conv='gin' and conv='gated' use")
    if reader.weighted and p.conv == "gat":
        ignored.append("the edge weights, which the other convolutions use")
    if ignored:
        warn(f"conv={p.conv!r} ignores {' and '.join(ignored)}")
    convolutions = GraphConvolutions(
        (reader.columns.number, *widths),
        p.conv,
        normalization=p.normalization,
        residual=p.residual,
        dropout=p.dropout,
        input_dropout=p.input_dropout,
        n_heads=p.n_heads,
        n_edge_features=reader.n_edge_features,
        backend=resolve_backend(p.reduction),
    )
    return convolutions, widths


def attention_matrices(n_heads: int, module: Any, batch: Any) -> list[list[list[sp.csr_array]]]:
    """Return the attention weights of a batch that holds one graph, ``maps[graph][layer][head]``."""
    edges = (batch if isinstance(batch, GraphBatch) else batch[0]).adjacency
    pointers, columns = edges.pointers.numpy(force=True), edges.columns.numpy(force=True)
    size = (edges.n_nodes, edges.n_nodes)
    layers = [
        sp.csr_array((weights.numpy(force=True), columns, pointers), shape=size)
        for weights in module.body.attention(batch)
    ]
    return [[[layer[head::n_heads, head::n_heads] for head in range(n_heads)] for layer in layers]]


class _GraphLevel(GraphEstimator):
    """Base of the estimators for whole graphs.

    Parameters
    ----------
    readout : {"mean", "sum", "max", "min", "std"} or sequence of these
        Statistics over the nodes that become the features of a graph. A mean cannot count. A sum grows with the graph:
        predictions carry over better without it to graphs larger than those of the fit.

    every_layer : bool
        Whether to read out the nodes after each convolution, or only after the last one.

    hidden_layer_sizes : int or tuple of ints
        Widths of the dense layers after the read-out.

    graph_dropout : "auto" or float
        Probability, in [0, 1), to drop a feature of the whole graph while training. ``"auto"`` is 0.5 where there are
        100 of them or more, such as fingerprints, of which each says little; else 0.

    max_epochs : "auto" or int
        Number of epochs in one ``fit``. With the schedule ``"cosine"`` all of them are run. With others, training stops
        earlier when the loss no longer falls; if it is still falling in the end, a ``ConvergenceWarning`` says so.
        ``"auto"`` is 60, or as many as make 600 optimiser steps.

    Attributes
    ----------
    n_features_in_ : int
        Number of node features seen during ``fit``.
    """

    readout: Reduction | list[Reduction] | tuple[Reduction, ...] = ("sum", "mean", "max")
    every_layer: bool = False
    hidden_layer_sizes: LayerSizes = (64,)
    graph_dropout: DropProbability | Literal["auto"] = "auto"
    max_epochs: PositiveInt | Literal["auto"] = "auto"
    batch_size: PositiveInt | Literal["auto"] | None = "auto"
    learning_rate_schedule: training.Schedule = "cosine"

    _automatic_conv: ClassVar[str] = "gin"
    _budget: ClassVar[Budget] = Budget(epochs=60, steps=600)

    def _reader(self, X: Any, **common: Any) -> Reader[Any]:
        return GraphReader(**self._adjacency, **common)

    def _auto(self, plan: Plan) -> dict[str, Any]:
        return super()._auto(plan) | {"graph_dropout": 0.5 if plan.reader.whole.number >= _MANY else 0.0}

    def _body(self, plan: Plan) -> tuple[nn.Module, int]:
        p = plan.parameters
        convolutions, widths = graph_convolutions(plan)
        readout: list[Any] = [p.readout] if isinstance(p.readout, str) else list(p.readout)
        known = get_args(Reduction)
        if not readout or any(how not in known for how in readout):
            raise ValueError(f"readout must be one or more of {', '.join(known)}; got {p.readout!r}")
        body = GraphBody(
            convolutions,
            widths,
            readout=readout,
            every_layer=p.every_layer,
            normalization=p.normalization,
            hidden=layer_widths(p.hidden_layer_sizes),
            dropout=p.dropout,
            backend=resolve_backend(p.reduction),
            n_graph_features=plan.reader.whole.number,
            graph_dropout=p.graph_dropout,
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
            ``maps[graph][layer][head]`` is a CSR array of shape (n_nodes, n_nodes): entry ``[i, j]`` tells how much
            node i attends to node j. Each row sums to one.
        """
        return self._maps(self._read(X))


class _NodeLevel(GraphEstimator):
    """Base of the estimators for nodes.

    The defaults follow Kipf and Welling (2017). Their weight decay is appropriate for node features of about unit
    length, such as those from `sklearn.preprocessing.normalize`.

    An epoch is one optimiser step on the whole graph.

    Parameters
    ----------
    graph : GraphSet of one graph, (X, A), networkx graph or PyTorch Geometric Data
        The graph. In ``fit`` and ``predict``, X contains nodes: their names if the nodes have names, and otherwise
        their numbers. The names of a networkx graph are ``list(graph)``, and those of a data frame of node features or
        adjacency are its index. Results are in the order of X, for instance
        ``pandas.Series(model.predict(X), index=X)``. Training reads all nodes and edges, but only the targets of the
        nodes in ``fit``: cross-validation is transductive learning.

    propagate_last : bool
        Whether to propagate the node features along the edges once more before the last layer. With ``conv="gcn"`` the
        features are multiplied by the adjacency matrix, so that the last layer is one more ``"gcn"`` convolution. With
        another `conv` the features are averaged over the neighbours.

    normalize_features : {"auto", "l1", "l2"} or None
        Whether to divide the features of each node by the sum of their absolute values (``"l1"``) or by their Euclidean
        length (``"l2"``). ``"auto"`` is ``"l2"`` if the features are counts or shares, such as bags of words: not
        negative, at least half of the values zero, and no feature more than half of the sum. Otherwise it is None.

    Attributes
    ----------
    node_names_ : array of shape (n_nodes,)
        Names of the nodes of the graph, or their numbers.

    n_features_in_ : int
        Number of node features seen during ``fit``.
    """

    graph: Any = None
    propagate_last: bool = True
    normalize_features: Literal["auto", "l1", "l2"] | None = "auto"
    conv_layer_sizes: LayerSizes = (64,)
    normalization: Literal["batch", "layer"] | None = None
    dropout: DropProbability = 0.5
    optimizer: training.OptimizerName = "adam"
    learning_rate: PositiveFloat = 0.01
    learning_rate_schedule: training.Schedule = "cosine"
    weight_decay: NonNegativeFloat = 5e-3
    max_epochs: PositiveInt | Literal["auto"] = 100
    batch_size: PositiveInt | Literal["auto"] | None = None

    node_names_: np.ndarray = fitted()

    _automatic_conv: ClassVar[str] = "gcn"

    def _reader(self, X: Any, **common: Any) -> Reader[Any]:
        lengths = self.normalize_features
        return NodeReader(graph=self.graph, normalize_features=lengths, **self._adjacency, **common)

    def _auto(self, plan: Plan) -> dict[str, Any]:
        return super()._auto(plan) | {"normalize_features": plan.reader.normalize_features}

    def _body(self, plan: Plan) -> tuple[nn.Module, int]:
        convolutions, widths = graph_convolutions(plan)
        step = "product" if plan.parameters.conv == "gcn" else "mean"
        return NodeBody(convolutions, step if plan.parameters.propagate_last else None), widths[-1]

    def attention_maps(self) -> list[list[sp.csr_array]]:
        """Return the attention weights of ``conv="gat"``.

        Returns
        -------
        list
            ``maps[layer][head]`` is a CSR array of shape (n_nodes, n_nodes): entry ``[i, j]`` tells how much node i
            attends to node j. Each row sums to one.
        """
        check_is_fitted(self)
        return self._maps(self._read(self.node_names_[:1]))[0]


class GCNClassifier(_GraphLevel, NeuralClassifier):
    """Classification of graphs with graph convolutions.

    X is a list of graphs of one kind (``(X, A)`` pairs, networkx graphs, PyTorch Geometric's ``Data``, RDKit molecules)
    or a `GraphSet`.

    Graph convolutions combine the features of neighbouring nodes, in the simplest case as ``X' = σ(A X Wᵀ)``.
    Statistics over the nodes turn a graph of any size into one row of features. Features of the whole graph, if there
    are any, are appended to this row. A dense network predicts the class from the row. ``transform`` returns the
    features before the last layer.

    References
    ----------
    Kipf, T. N. and Welling, M. (2017). Semi-supervised classification with graph convolutional networks. ICLR.

    Xu, K. et al. (2019). How powerful are graph neural networks? ICLR.

    Hu, W. et al. (2020). Strategies for pre-training graph neural networks. ICLR.

    Dwivedi, V. P. et al. (2020). Benchmarking graph neural networks. arXiv:2003.00982.

    Examples
    --------
    >>> import networkx as nx
    >>> from sklearn_ann import GCNClassifier
    >>> graphs = [nx.cycle_graph(n) for n in range(4, 24)] + [
    ...     nx.star_graph(n) for n in range(4, 24)
    ... ]
    >>> y = ["ring"] * 20 + ["star"] * 20
    >>> model = GCNClassifier(
    ...     readout=("mean", "max"), max_epochs=30, learning_rate_schedule="cosine", random_state=0
    ... )
    >>> model.fit(graphs, y).predict([nx.cycle_graph(50), nx.star_graph(50)])
    array(['ring', 'star'], dtype='<U4')
    """


class GCNRegressor(_GraphLevel, NeuralRegressor):
    """Regression on graphs with graph convolutions; `GCNClassifier` describes the network.

    Examples
    --------
    >>> import networkx as nx
    >>> from sklearn_ann import GCNRegressor
    >>> graphs = [nx.gnp_random_graph(12, p / 50, seed=p) for p in range(5, 45)]
    >>> density = [nx.density(graph) for graph in graphs]
    >>> model = GCNRegressor(random_state=0, max_epochs=60, learning_rate_schedule="cosine")
    >>> print(f"R² {model.fit(graphs, density).score(graphs, density):.2f}")
    R² 1.00
    """


class GCNNodeClassifier(_NodeLevel, NeuralClassifier):
    """Classification of the nodes of a graph from the labels of some nodes.

    References
    ----------
    Kipf, T. N. and Welling, M. (2017). Semi-supervised classification with graph convolutional networks. ICLR.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_ann import GCNNodeClassifier
    >>> from sklearn_ann.datasets import make_block_graph
    >>> graph, community = make_block_graph([60, 60, 60], random_state=0)
    >>> model = GCNNodeClassifier(
    ...     graph=graph, random_state=0, max_epochs=50, learning_rate_schedule="cosine"
    ... )
    >>> labelled = np.arange(0, 180, 6)
    >>> accuracy = model.fit(labelled, community[labelled]).score(np.arange(180), community)
    >>> print(f"accuracy {accuracy:.2f}")
    accuracy 0.9...
    """


class GCNNodeRegressor(_NodeLevel, NeuralRegressor):
    """Regression on the nodes of a graph from the values of some nodes; see also `GCNNodeClassifier`."""
