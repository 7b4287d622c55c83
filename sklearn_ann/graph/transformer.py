"""The graph convolution with given weights, without training."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Bunch, Tags, check_array
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_ann import training
from sklearn_ann.base.links import DocumentedMixin
from sklearn_ann.base.parameters import declared, fitted
from sklearn_ann.layers import Activation, Groups, activation_layer, reduce
from sklearn_ann.reading import GraphReader
from sklearn_ann.reading.columns import is_frame
from sklearn_ann.reading.graphs import GraphSet
from sklearn_ann.reading.graphs.samples import normalized


def convolved(A: Any, X: Any, weights: np.ndarray | None) -> np.ndarray:
    """Return ``A X Wᵀ``, by the cheaper order of the two products.

    Parameters
    ----------
    A : CSR array of shape (n_nodes, n_nodes)
    X : array or CSR array of shape (n_nodes, n_features)
    weights : array of shape (n_outputs, n_features) or None
        W; None for the identity matrix.

    Returns
    -------
    array of shape (n_nodes, n_outputs)
    """
    if weights is None:
        product = A @ X
    elif len(weights) < X.shape[1]:
        product = A @ (X @ weights.T)
    else:
        product = (A @ X) @ weights.T
    return product.toarray() if sp.issparse(product) else np.asarray(product)


def is_one_graph(X: Any) -> bool:
    """Return whether X is a single graph, and not a sequence of graphs."""
    if isinstance(X, tuple):
        return len(X) in (2, 3) and (X[0] is None or _is_matrix(X[0])) and _is_matrix(X[1])
    if is_frame(X):
        return bool(X.shape[1] != 1)  # a column may hold graphs
    return any(hasattr(X, name) for name in ("nodes", "edge_index", "GetAtoms")) or (
        _is_matrix(X) and not isinstance(X, list)
    )


def _is_matrix(part: Any) -> bool:
    if sp.issparse(part) or is_frame(part):
        return True
    if isinstance(part, np.ndarray):
        return part.ndim == 2 and part.dtype != object
    row = part[0] if isinstance(part, list) and part else None
    return isinstance(row, list | tuple | np.ndarray) and len(row) > 0 and np.isscalar(row[0])


@declared
class GraphConvolutionTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DocumentedMixin, BaseEstimator):
    r"""A graph convolution with given weights: ``X' = σ(A X Wᵀ)``. Nothing is learned.

    The new features of node i are the sum over its neighbours, ``x'_i = σ(sum_j a_ij W x_j)`` [1]_, with the adjacency
    matrix A, the node features X and the weights W. The sum includes the node itself only if ``a_ii`` is not zero. W
    does not depend on the number of nodes or on the edges, so that the same W can be applied to graphs of any size. A
    permutation of the nodes permutes the new features in the same way.

    For a set of graphs, ``transform`` returns the graphs with their new node features, so that convolutions can follow
    each other in a pipeline. With `pooling`, ``transform`` returns one row of statistics for each graph. For a single
    graph without `pooling`, ``transform`` returns one row for each node.

    Parameters
    ----------
    weights : array-like of shape (n_outputs, n_features) or None
        The matrix W. None is the identity matrix.

    activation : {"identity", "logistic", "tanh", "relu", "elu", "gelu", "silu"}
        The function σ.

    normalize : {"sym", "row"} or None
        Normalisation of the adjacency matrix: ``D^-1/2 A D^-1/2`` [1]_ or ``D^-1 A``, where D has the row sums of A on
        its diagonal; None for A itself.

    self_loops : bool
        Whether to add an edge from each node to itself first, ``A + I`` in place of A, as Kipf and Welling do.

    pooling : {"mean", "sum", "max"} or None
        Statistic over the nodes of each graph. The mean does not depend on the number of nodes. None returns graphs.

    Attributes
    ----------
    resolved_parameters_ : dict
        The hyper-parameters of the fit, with `weights` as an array. ``transform`` uses them.

    node_features_ : str
        Source of the node features: ``"given"``, ``"attributes"`` (of networkx nodes), ``"molecule"``, or, for nodes
        without features, ``"degree"``.

    n_features_in_ : int
        Number of node features seen during ``fit``.

    feature_names_in_ : array of str of shape (`n_features_in_`,)
        Names of the node features, where they have names.

    See Also
    --------
    GCNClassifier : Learns the weights of several convolutions.
    AttentionTransformer : The bare formula of attention.

    Notes
    -----
    All results are float32, the type of a `GraphSet`. Features of edges and of whole graphs are not used; if
    ``transform`` returns graphs, the graphs keep these features. The features of networkx nodes are the attribute
    ``"x"`` or otherwise all attributes. If one of the attributes is the target, select the others with
    ``GraphSet.from_list(graphs, node_attributes=[...])``.

    References
    ----------
    .. [1] Kipf, T. N. and Welling, M. (2017). Semi-supervised classification with graph convolutional networks. ICLR.

    Examples
    --------
    The middle node of a path has two neighbours:

    >>> import numpy as np
    >>> from sklearn_ann import GraphConvolutionTransformer
    >>> A = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    >>> X = np.array([[1.0, 0.0], [2.0, 0.0], [4.0, 1.0]])
    >>> W = np.array([[1.0, 0.0], [1.0, -10.0]])
    >>> GraphConvolutionTransformer(weights=W).fit_transform((X, A))
    array([[2., 2.],
           [5., 0.],
           [2., 2.]], dtype=float32)

    Two convolutions, then a row for each graph:

    >>> from sklearn.pipeline import make_pipeline
    >>> two = make_pipeline(
    ...     GraphConvolutionTransformer(weights=W), GraphConvolutionTransformer(pooling="sum")
    ... )
    >>> two.fit_transform([(X, A), (X[:2], A[:2, :2])])
    array([[14.,  4.],
           [ 3.,  3.]], dtype=float32)
    """

    weights: Any = None
    activation: Activation = "relu"
    normalize: Literal["sym", "row"] | None = None
    self_loops: bool = False
    pooling: Literal["mean", "sum", "max"] | None = None

    resolved_parameters_: Bunch = fitted()
    node_features_: str = fitted()
    n_features_in_: int = fitted()
    feature_names_in_: np.ndarray = fitted()

    def fit(self, X: Any, y: Any = None) -> Self:
        """Check and keep the hyper-parameters, and the number and names of the node features.

        Parameters
        ----------
        X : GraphSet, list of graphs or one graph
            The samples: graphs of any kind that `GraphSet.from_list` takes, or the nodes of one such graph.
        y : ignored
            Not used; part of scikit-learn's interface.

        Returns
        -------
        self

        Raises
        ------
        TypeError
            If X does not consist of graphs of one kind.
        ValueError
            If a parameter is out of bounds, if `weights` is not a finite matrix with a column for each node feature, or
            if a graph is malformed; the message names it.
        """
        self._validate_params()
        owner, dtype = type(self).__name__, torch.float32
        reader = GraphReader(owner=owner, dtype=dtype, normalize=self.normalize, self_loops=self.self_loops, n_heads=0)
        of_nodes = is_one_graph(X)
        reader.learn_graphs([X] if of_nodes else X)
        n_features = reader.columns.number
        weights = self.weights
        if weights is not None:
            weights = check_array(weights, dtype=np.float32, input_name="weights", copy=True)
            if weights.shape[1] != n_features:
                raise ValueError(
                    f"weights has {weights.shape[1]} columns, but the nodes of X have {n_features} features"
                )
        reader.freeze()
        self.__dict__.pop("feature_names_in_", None)
        self.__dict__.update(reader.attributes, _reader=reader, _of_nodes=of_nodes)
        self.resolved_parameters_ = Bunch(**self.get_params(deep=False) | {"weights": weights})
        self._n_features_out = n_features if weights is None else len(weights)
        return self

    def transform(self, X: Any) -> Any:
        """Convolve graphs.

        Parameters
        ----------
        X : GraphSet, list of graphs or one graph
            The samples, as in ``fit``.

        Returns
        -------
        GraphSet
            The graphs with their new node features, without `pooling`.
        float32 array of shape (n_graphs, n_outputs)
            With `pooling`. The row of a graph without nodes is NaN.
        float32 array of shape (n_nodes, n_outputs)
            For one graph without `pooling`.

        Raises
        ------
        TypeError
            If X does not consist of graphs of one kind.
        ValueError
            If the graphs do not have the features of ``fit``, if X is one graph and was several in ``fit`` or the other
            way round, if weights of edges sum to zero or less and `normalize` is not None, or if a product is too large
            to be finite.
        """
        check_is_fitted(self)
        p, one = self.resolved_parameters_, is_one_graph(X)
        if p.pooling is None and one != self._of_nodes:
            now, then = (
                ("one graph", "a set of graphs") if one else ("a set of graphs", "one graph, whose nodes are rows")
            )
            raise ValueError(f"X is {now}, but fit got {then}")
        graphs = self._reader.read_graphs([X] if one else X)
        A, _ = normalized(graphs, p.normalize, p.self_loops)
        with np.errstate(over="ignore", invalid="ignore"):
            product = convolved(A.astype(np.float32, copy=False), graphs.node_features, p.weights)
        bad = np.flatnonzero(~np.isfinite(product).all(axis=1))
        if len(bad):
            graph = int(np.searchsorted(graphs.offsets, bad[0], side="right")) - 1
            raise ValueError(
                f"products of graph {graph} are too large to be finite: scale the node features or weights"
            )
        with training.isolated(), torch.inference_mode(), training.limited_threads():
            h = activation_layer(p.activation)(torch.from_numpy(product))  # (n_nodes, n_outputs)
            if p.pooling is None:
                return h.numpy() if one else _with_nodes(graphs, h.numpy())
            groups = Groups.of(torch.from_numpy(graphs.n_nodes))
            pooled: np.ndarray = reduce(h, groups, p.pooling).numpy()
        pooled[graphs.n_nodes == 0] = np.nan
        return pooled

    @available_if(lambda self: self._makes_rows)
    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name the columns after the class and their number; not available where ``transform`` returns graphs.

        Parameters
        ----------
        input_features : ignored
            Not used; part of scikit-learn's interface.

        Returns
        -------
        array of str of shape (n_outputs,)
        """
        names: np.ndarray = super().get_feature_names_out()
        return names

    def set_output(self, *, transform: Any = None) -> Self:
        """Choose the container of rows as in scikit-learn; it does nothing where ``transform`` returns graphs.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None
            The container; None changes nothing.

        Returns
        -------
        self
        """
        if self._makes_rows:
            super().set_output(transform=transform)
        return self

    @property
    def _makes_rows(self) -> bool:
        """Whether ``transform`` returns rows; before a fit on graphs without pooling it may."""
        kept: Bunch | None = vars(self).get("resolved_parameters_")
        return kept is None or kept.pooling is not None or self._of_nodes

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.transformer_tags.preserves_dtype = []
        return tags


def _with_nodes(graphs: GraphSet, features: np.ndarray) -> GraphSet:
    """Return the same graphs with other node features, which have no names."""
    of_edges = graphs.origin.edge_attributes
    return graphs.with_features(features, graphs.edge_features, of_nodes=None, of_edges=of_edges, source="given")
