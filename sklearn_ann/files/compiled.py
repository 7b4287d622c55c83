"""What is computed in compiled code that trusts its arrays: kept as numbers, made anew and checked.

A tree whose child has number 10**9 reads memory that is not its own. Pickles and skops build it as the file says.
Here the arrays are checked first, and estimators whose arrays cannot be checked are not among `files.names`.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklearn_ann.files.errors import ModelFileError
from sklearn_ann.files.graph import Decoder, Encoder, Kind, Node
from sklearn_ann.layers.propagation import Adjacency
from sklearn_ann.layers.ragged import Groups

_TREE = "sklearn.tree._tree"
_INDICES = {"KDTree": "sklearn.neighbors._kd_tree", "BallTree": "sklearn.neighbors._ball_tree"}
_METRICS = {
    "EuclideanDistance64": "euclidean",
    "ManhattanDistance64": "manhattan",
    "ChebyshevDistance64": "chebyshev",
    "MinkowskiDistance64": "minkowski",
}


# --- Decision trees ------------------------------------------------------------------------------------------------


def _encoded_tree(tree: Any, encoder: Encoder, where: str) -> Node:
    state = tree.__getstate__()
    made_of = [int(tree.n_features), np.asarray(tree.n_classes), int(tree.n_outputs)]
    return {
        "tree": [encoder.encode(part, where) for part in made_of],
        "max_depth": int(state["max_depth"]),
        "nodes": encoder.encode(np.ascontiguousarray(state["nodes"]), where),
        "values": encoder.encode(np.ascontiguousarray(state["values"]), where),
    }


def _tree_of(node: Node, decoder: Decoder, where: str) -> Any:
    module = importlib.import_module(_TREE)
    parts = decoder.decoded(node["tree"], where)
    nodes, values = (decoder.decode(node.get(name), where) for name in ("nodes", "values"))
    if len(parts) != 3 or not all(isinstance(part, np.ndarray) for part in (parts[1], nodes, values)):
        raise ModelFileError(f"{where} must be a tree of scikit-learn: sizes, nodes and values")
    n_features, n_classes, n_outputs = parts
    if not (type(n_features) is type(n_outputs) is int and 0 < n_features < 2**31 and 0 < n_outputs < 2**20):
        raise ModelFileError(f"{where} must have features and outputs")
    if n_classes.shape != (n_outputs,) or n_classes.dtype != np.intp or not (n_classes > 0).all():
        raise ModelFileError(f"{where} must have a number of classes for each output")
    if nodes.dtype != module.NODE_DTYPE or not len(nodes):
        raise ModelFileError(f"{where} has nodes of another release of scikit-learn, or none")
    shape = (len(nodes), n_outputs, n_classes.max())
    if values.shape != shape or values.dtype != np.float64 or not np.isfinite(values).all():
        raise ModelFileError(f"{where} must have finite values of the shape {shape}, got {values.shape}")
    _check_nodes(nodes, n_features, where)
    tree = module.Tree(n_features, n_classes, n_outputs)
    depth = node.get("max_depth")
    if type(depth) is not int or not 0 <= depth < 2**31:
        raise ModelFileError(f"{where} must have a depth")
    tree.__setstate__({"max_depth": depth, "node_count": len(nodes), "nodes": nodes, "values": values})
    return tree


def _check_nodes(nodes: np.ndarray, n_features: int, where: str) -> None:
    number = np.arange(len(nodes))
    left, right, feature = nodes["left_child"], nodes["right_child"], nodes["feature"]
    leaf = left == -1
    # A child has a greater number than its parent, so that each way down ends.
    inner = (left > number) & (right > number) & (left < len(nodes)) & (right < len(nodes))
    inner &= (feature >= 0) & (feature < n_features)
    bad = np.flatnonzero(~(leaf | inner))
    if len(bad):
        raise ModelFileError(f"{where} has a node, {bad[0]}, whose children or feature do not exist")


# --- Indices of neighbours ----------------------------------------------------------------------------------------


def _encoded_index(index: Any, encoder: Encoder, where: str) -> Node:
    state = index.__getstate__()
    leaf_size, metric, weight = int(state[4]), state[-2], state[-1]
    name = _METRICS.get(type(metric).__name__)
    if name is None or weight is not None:
        raise ModelFileError(f"{where} has the metric {type(metric).__name__} or weights, which files do not keep")
    power = float(metric.__getstate__()[0]) if name == "minkowski" else 2.0
    data = encoder.encode(np.asarray(state[0]), where)
    return {"neighbors": type(index).__name__, "data": data, "leaf_size": leaf_size, "metric": name, "p": power}


def _index_of(node: Node, decoder: Decoder, where: str) -> Any:
    name, metric, data = node["neighbors"], node.get("metric"), decoder.decode(node.get("data"), where)
    if name not in _INDICES or metric not in _METRICS.values() or not isinstance(data, np.ndarray):
        raise ModelFileError(f"{where} must be one of {tuple(_INDICES)} of points and a metric")
    cls = getattr(importlib.import_module(_INDICES[name]), name)
    power = {"p": float(node.get("p", 2))} if metric == "minkowski" else {}
    return cls(data, leaf_size=int(node.get("leaf_size", 40)), metric=metric, **power)


# --- Estimators whose predictions trust their arrays ---------------------------------------------------------------


def check(value: Any, where: str) -> None:
    """Refuse a fitted estimator whose arrays contradict the number of its features.

    Raises
    ------
    ModelFileError
        If compiled code would read outside an array.
    """
    state = vars(value)
    n_features = state.get("n_features_in_")
    if "tree_" in state and state["tree_"].n_features != n_features:
        raise ModelFileError(f"{where}.tree_ has {state['tree_'].n_features} features, the estimator {n_features}")
    forest = type(value).__name__.startswith(("RandomForest", "ExtraTrees"))
    trees = state.get("estimators_", ()) if forest else ()
    if any(getattr(tree, "n_features_in_", None) != n_features for tree in trees):
        raise ModelFileError(f"{where} has trees of another number of features than {n_features}")
    coefficients = (
        state.get("coef_") if type(value).__module__.startswith(("sklearn.linear_model", "sklearn.svm")) else None
    )
    if coefficients is not None and coefficients.shape[-1] != n_features:
        raise ModelFileError(f"{where}.coef_ must have one column for each of {n_features} features")
    _check_columns(state, where)
    for name in ("cluster_centers_", "_fit_X"):
        points = state.get(name)
        if points is not None and (getattr(points, "ndim", 0) != 2 or points.shape[1] != n_features):
            raise ModelFileError(f"{where}.{name} must have one column for each of {n_features} features")
    if "_fit_X" in state:
        shape, index = state["_fit_X"].shape, state.get("_tree")
        if state.get("n_samples_fit_") != shape[0]:
            raise ModelFileError(f"{where}._fit_X must have n_samples_fit_ rows")
        if index is not None and index.get_arrays()[0].shape != shape:
            raise ModelFileError(f"{where}._tree must hold the points of _fit_X")


def _check_columns(state: dict[str, Any], where: str) -> None:
    """Check what says into which column of a sparse matrix a word or a category goes."""
    words = state.get("vocabulary_")
    if isinstance(words, dict) and sorted(words.values()) != list(range(len(words))):
        raise ModelFileError(f"{where}.vocabulary_ must number its words from 0")
    if "_n_features_outs" not in state:
        return
    sizes, categories, dropped = state["_n_features_outs"], state["categories_"], state["_drop_idx_after_grouping"]
    frequent = state.get("_default_to_infrequent_mappings", [None] * len(categories))
    dropped = [None] * len(categories) if dropped is None else dropped
    for place, (size, known, drop, mapping) in enumerate(zip(sizes, categories, dropped, frequent, strict=True)):
        if mapping is not None and (mapping.shape != (len(known),) or mapping.min() < 0):
            raise ModelFileError(f"{where} must map each category of the column {place} to one that is frequent")
        n_places = (len(known) if mapping is None else int(mapping.max()) + 1) - (drop is not None)
        if size != n_places or (drop is not None and not 0 <= drop <= n_places):
            raise ModelFileError(f"{where} has {size} columns for the {n_places} categories of the column {place}")


# --- Graphs --------------------------------------------------------------------------------------------------------


def check_named(value: Any, where: str) -> None:
    """Refuse the matrix of a graph whose indices lead out of it: a product on a GPU does not look."""
    if isinstance(value, Adjacency):
        n_rows, n_columns, n_edges = len(value.pointers) - 1, len(value.backward_pointers) - 1, len(value.columns)
        fits = _ascends(value.pointers, n_edges) and _ascends(value.backward_pointers, n_edges)
        fits &= _within(value.rows, n_rows, n_edges) and _within(value.columns, n_columns, n_edges)
        fits &= _within(value.backward_columns, n_rows, n_edges)
        fits &= value.twins is None or _within(value.twins, n_edges, n_edges)
        fits &= value.weights.shape == value.backward_weights.shape == (n_edges,)
    elif isinstance(value, Groups):
        fits = _ascends(value.pointers, len(value.members))
        fits &= _within(value.members, len(value.pointers) - 1, len(value.members))
    else:
        return
    if not fits:
        raise ModelFileError(f"{where} has an edge or a node outside its graph")


def _ascends(pointers: Tensor, end: int) -> bool:
    """Return whether pointers rise from 0 to `end`."""
    whole = pointers.ndim == 1 and pointers.dtype in (torch.int32, torch.int64) and len(pointers) > 0
    return whole and int(pointers[0]) == 0 and int(pointers[-1]) == end and bool((pointers.diff() >= 0).all())


def _within(index: Tensor, n_places: int, length: int) -> bool:
    """Return whether there are `length` numbers from 0 to `n_places` - 1."""
    whole = index.shape == (length,) and index.dtype in (torch.int32, torch.int64)
    return whole and (not length or (int(index.min()) >= 0 and int(index.max()) < n_places))


def _is_tree(value: Any) -> bool:
    return (type(value).__module__, type(value).__name__) == (_TREE, "Tree")


def _is_index(value: Any) -> bool:
    return _INDICES.get(type(value).__name__) == type(value).__module__


KINDS = (
    Kind("tree", _is_tree, _encoded_tree, _tree_of),
    Kind("neighbors", _is_index, _encoded_index, _index_of),
)
