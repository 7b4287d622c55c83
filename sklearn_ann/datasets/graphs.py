"""Graphs as ``(X, A)`` pairs: generated with known truth, or read from the files of known collections."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.utils import check_random_state, check_scalar

from sklearn_ann.datasets.bounds import items_of, pair_of_integers


def make_block_graph(
    sizes: Sequence[int],
    *,
    p_in: float = 0.15,
    p_out: float = 0.01,
    n_features: int = 8,
    signal: float = 0.3,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[tuple[np.ndarray, sp.csr_array], np.ndarray]:
    """Make a graph of communities: a stochastic block model with weakly informative features.

    Parameters
    ----------
    sizes : sequence of int
        Number of nodes of each community.
    p_in, p_out : float in [0, 1]
        Probability of an edge within a community and between two communities.
    n_features : int
        Number of features of a node: standard normal noise around the mean of its community.
    signal : float
        Standard deviation of the means of communities. With 0, only the edges are informative.
    random_state : int, RandomState instance or None
        Seed or generator.

    Returns
    -------
    (X, A) : array of shape (n_nodes, n_features), CSR array of shape (n_nodes, n_nodes)
        The graph; A is symmetric, with weights 1.
    y : array of shape (n_nodes,)
        The community of each node.

    Raises
    ------
    ValueError
        If a parameter is out of bounds.

    Examples
    --------
    >>> from sklearn_ann.datasets import make_block_graph
    >>> (X, A), y = make_block_graph([30, 40], random_state=0)
    >>> X.shape, A.shape, y.shape
    ((70, 8), (70, 70), (70,))
    """
    sizes = items_of(sizes, "sizes")
    for size in sizes:
        check_scalar(size, "each of sizes", Integral, min_val=1)
    for name, value in {"p_in": p_in, "p_out": p_out}.items():
        check_scalar(value, name, Real, min_val=0, max_val=1)
    check_scalar(n_features, "n_features", Integral, min_val=1)
    check_scalar(signal, "signal", Real)
    if not sizes or not np.isfinite([p_in, p_out, signal]).all():
        raise ValueError(f"sizes={sizes}, p_in={p_in}, p_out={p_out}, signal={signal}: expected sizes, and no NaN")
    rng = check_random_state(random_state)
    y = np.repeat(np.arange(len(sizes)), sizes)
    n = len(y)
    probability = np.where(y[:, None] == y, p_in, p_out)
    upper = np.triu(rng.uniform(size=(n, n)) < probability, k=1)
    A = sp.csr_array(upper | upper.T, dtype=np.float64)
    X = rng.normal(size=(len(sizes), n_features))[y] * signal + rng.normal(size=(n, n_features))
    return (X, A), y


def make_motif_graphs(
    n_graphs: int = 200,
    *,
    n_nodes: tuple[int, int] = (12, 25),
    random_state: int | np.random.RandomState | None = None,
) -> tuple[list[tuple[np.ndarray, sp.csr_array]], np.ndarray]:
    """Make random trees with a motif: a ring of six nodes whose chord joins opposite nodes or cuts off a triangle.

    Both classes have the same numbers of nodes, edges and nodes of each degree. They differ only in how these are
    connected, which shows after two rounds of message passing. The features of a node are a constant and its degree.

    Parameters
    ----------
    n_graphs : int
        Number of graphs to make.
    n_nodes : (int, int)
        Least and greatest number of nodes in a tree.
    random_state : int, RandomState instance or None
        Seed or generator.

    Returns
    -------
    graphs : list of (X, A)
        Features of shape (n, 2) and symmetric CSR adjacency of shape (n, n).
    y : array of shape (n_graphs,)
        0 for the opposite nodes, 1 for the triangle, alternating.

    Raises
    ------
    ValueError
        If `n_graphs` is below 1, or if `n_nodes` is no range of positive integers.

    Examples
    --------
    >>> from sklearn_ann.datasets import make_motif_graphs
    >>> graphs, y = make_motif_graphs(10, random_state=0)
    >>> len(graphs), y[:4]
    (10, array([0, 1, 0, 1]))
    """
    check_scalar(n_graphs, "n_graphs", Integral, min_val=1)
    n_nodes = pair_of_integers(n_nodes, 1, "n_nodes")
    rng = check_random_state(random_state)
    y = np.arange(n_graphs) % 2
    ring = [(i, (i + 1) % 6) for i in range(6)]
    graphs = []
    for label in y:
        tree = int(rng.randint(n_nodes[0], n_nodes[1] + 1))
        edges = [(child, int(rng.randint(child))) for child in range(1, tree)]
        edges += [(tree + i, tree + j) for i, j in [*ring, (0, 2) if label else (0, 3)]]
        edges.append((tree + 4, int(rng.randint(tree))))
        rows, columns = np.array(edges).T
        n = tree + 6
        A = sp.csr_array((np.ones(len(edges)), (rows, columns)), shape=(n, n))
        A = A + A.T
        graphs.append((np.c_[np.ones(n), A.sum(axis=1)], sp.csr_array(A)))
    return graphs, y


def read_tu_graphs(path: str | Path) -> tuple[list[tuple[Any, ...]], np.ndarray]:
    """Read a data set of the TU collection (Morris et al. 2020) in its text format.

    Parameters
    ----------
    path : path
        A folder in the format of the collection: ``NAME_A.txt``, ``NAME_graph_indicator.txt``,
        ``NAME_graph_labels.txt`` (or ``NAME_graph_attributes.txt``), and optionally ``NAME_node_labels.txt``,
        ``NAME_node_attributes.txt``, ``NAME_edge_labels.txt`` and ``NAME_edge_attributes.txt``. Or one file,
        ``NAME.txt`` or ``NAME.txt.gz``, in the format of Xu et al. (2019): the number of graphs, then for each graph a
        line with its number of nodes and its label, and for each node a line with its tag, its number of neighbours and
        the neighbours.

    Returns
    -------
    graphs : list of (X, A) or (X, A, E)
        X holds one-hot node labels and node attributes side by side. A folder without both, or a file with a single
        tag, gives the degrees instead. E holds edge labels and attributes in the same way.
    y : array of shape (n_graphs,)
        Integer labels, or attributes, of the graphs.

    Raises
    ------
    FileNotFoundError
        If the folder has no ``*_A.txt``, or neither labels nor attributes of the graphs.
    """
    folder = Path(path)
    if folder.is_file():
        return _read_tagged_graphs(folder)
    found = sorted(folder.glob("*_A.txt"))
    if not found:
        raise FileNotFoundError(f"{folder} has no file *_A.txt: is it a data set of the TU collection?")
    name = found[0].name.removesuffix("_A.txt")
    edges = np.loadtxt(found[0], delimiter=",", dtype=np.int64, ndmin=2) - 1
    owner = np.loadtxt(folder / f"{name}_graph_indicator.txt", dtype=np.int64) - 1
    y = _numbers(folder / f"{name}_graph_labels.txt", int)
    y = _numbers(folder / f"{name}_graph_attributes.txt") if y is None else y
    if y is None:
        raise FileNotFoundError(f"{folder} has neither {name}_graph_labels.txt nor {name}_graph_attributes.txt")
    X, E = _labels_and_attributes(folder, f"{name}_node"), _labels_and_attributes(folder, f"{name}_edge")
    if X is None:
        X = np.bincount(edges[:, 0], minlength=len(owner))[:, None].astype(float)
    sizes = np.bincount(owner, minlength=len(y))
    return _split_graphs(X, edges, E, sizes), y.ravel() if y.shape[1] == 1 else y


def _numbers(path: Path, dtype: type = float) -> np.ndarray | None:
    """Return the numbers of a file as a matrix; None without the file."""
    return np.loadtxt(path, delimiter=",", dtype=dtype, ndmin=2) if path.exists() else None


def _labels_and_attributes(folder: Path, name: str) -> np.ndarray | None:
    """Return one-hot labels and attributes side by side; None without both."""
    labels, attributes = _numbers(folder / f"{name}_labels.txt", int), _numbers(folder / f"{name}_attributes.txt")
    parts = [] if labels is None else [(column[:, None] == np.unique(column)).astype(float) for column in labels.T]
    if attributes is not None:
        parts.append(attributes)
    return np.hstack(parts) if parts else None


def _split_graphs(X: np.ndarray, edges: np.ndarray, E: np.ndarray | None, sizes: np.ndarray) -> list[tuple[Any, ...]]:
    """Split nodes and edges of all graphs, numbered through, into the graphs of `sizes` nodes."""
    order = np.lexsort((edges[:, 1], edges[:, 0]))
    edges = edges[order]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    edge_starts = np.searchsorted(edges[:, 0], starts)
    graphs: list[tuple[Any, ...]] = []
    for g, n in enumerate(sizes):
        own = slice(edge_starts[g], edge_starts[g + 1])
        rows, columns = (edges[own] - starts[g]).T
        A = sp.csr_array((np.ones(len(rows)), (rows, columns)), shape=(n, n))
        features = X[starts[g] : starts[g + 1]]
        graphs.append((features, A) if E is None else (features, A, E[order[own]]))
    return graphs


def _read_tagged_graphs(path: Path) -> tuple[list[tuple[np.ndarray, sp.csr_array]], np.ndarray]:
    """Read the single-file format of `read_tu_graphs`."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
        lines = iter([[int(number) for number in line.split()] for line in file if line.strip()])
    [n_graphs] = next(lines)
    y, tags, matrices = [], [], []
    for _ in range(n_graphs):
        n, label = next(lines)
        nodes = [next(lines) for _ in range(n)]
        y.append(label)
        tags.append(np.array([tag for tag, *_ in nodes]))
        columns = np.array([neighbour for _, _, *neighbours in nodes for neighbour in neighbours], dtype=np.int64)
        pointers = np.cumsum([0, *(count for _, count, *_ in nodes)])
        matrices.append(sp.csr_array((np.ones(len(columns)), columns, pointers), shape=(n, n)))
    known = np.unique(np.concatenate(tags))
    graphs = [
        ((tag[:, None] == known).astype(float) if len(known) > 1 else np.diff(A.indptr)[:, None].astype(float), A)
        for tag, A in zip(tags, matrices, strict=True)
    ]
    return graphs, np.array(y)


def read_planetoid(
    folder: str | Path, name: str
) -> tuple[tuple[sp.csr_array, sp.csr_array], np.ndarray, dict[str, np.ndarray]]:
    """Read Cora, Citeseer or PubMed with the fixed split of Yang et al. (2016).

    The files are pickles; only arrays, sparse matrices, dicts and lists are loaded from them.

    Parameters
    ----------
    folder : path
        Folder with ``ind.NAME.tx``, ``.allx``, ``.y``, ``.ty``, ``.ally``, ``.graph`` and ``.test.index``.
    name : str
        ``"cora"``, ``"citeseer"`` or ``"pubmed"``.

    Returns
    -------
    (X, A) : CSR arrays of shape (n_nodes, n_features) and (n_nodes, n_nodes)
        Node features, each row divided by its sum, and the symmetric adjacency without loops, with weights 1.
    y : array of shape (n_nodes,)
        Classes; -1 for unlabelled nodes.
    split : dict
        Numbers of the nodes in ``"train"``, ``"validation"`` (500) and ``"test"`` (1,000).
    """
    folder = Path(folder)

    def load(part: str) -> Any:
        with (folder / f"ind.{name}.{part}").open("rb") as file:
            return _ArraysOnly(file, encoding="latin1").load()

    tx, allx, y, ty, ally, graph = map(load, ("tx", "allx", "y", "ty", "ally", "graph"))
    test = np.loadtxt(folder / f"ind.{name}.test.index", dtype=np.int64)
    n = max(len(graph), int(test.max()) + 1, allx.shape[0])
    # Citeseer has nodes without features and label among the test nodes.
    features = sp.lil_array((n, allx.shape[1]))
    features[: allx.shape[0]] = allx
    features[test] = tx
    labels = np.full(n, -1)
    labels[: len(ally)] = np.where(ally.any(axis=1), ally.argmax(axis=1), -1)
    labels[test] = np.where(ty.any(axis=1), ty.argmax(axis=1), -1)
    rows = np.repeat(list(graph), [len(neighbours) for neighbours in graph.values()])
    columns = np.concatenate([np.asarray(neighbours, dtype=np.int64) for neighbours in graph.values()])
    keep = rows != columns
    A = sp.csr_array((np.ones(keep.sum()), (rows[keep], columns[keep])), shape=(n, n))
    A = A.maximum(A.T)
    A.data[:] = 1.0
    X = sp.csr_array(features)
    total = np.asarray(X.sum(axis=1)).ravel()
    X = sp.diags_array(1.0 / np.where(total > 0, total, 1.0)) @ X
    split = {"train": np.arange(len(y)), "validation": np.arange(len(y), len(y) + 500), "test": np.sort(test)}
    return (sp.csr_array(X), A), labels, split


class _ArraysOnly(pickle.Unpickler):
    """Loads arrays, sparse matrices, dicts and lists, whatever SciPy wrote them, and refuses all else."""

    def find_class(self, module: str, name: str) -> Any:
        package = module.split(".")[0]
        if package == "scipy" and name in ("csr_matrix", "csc_matrix", "csr_array", "csc_array"):
            return getattr(sp, name)
        if package == "numpy" and name in ("_reconstruct", "ndarray", "dtype", "scalar", "_frombuffer"):
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        if (module, name) in (("collections", "defaultdict"), ("__builtin__", "list"), ("_codecs", "encode")):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"the file asks for {module}.{name}, which no planetoid file has")
