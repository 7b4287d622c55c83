"""Features of whole graphs, such as descriptors of molecules: their check, their names and their scaling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch

from sklearn_ann._warnings import warn
from sklearn_ann.reading.columns import is_frame
from sklearn_ann.reading.graphs.parts import GraphParts
from sklearn_ann.reading.reader import Learned

_FAR = 3.0  # where a scaled value is bounded
_ROUNDING = 1e-9  # of shares of weights


class GraphFeatures(NamedTuple):
    """Features of the graphs of a set."""

    values: np.ndarray  # float32 (n_graphs, n_graph_features)
    names: tuple[str, ...] | None = None

    def take(self, index: np.ndarray) -> GraphFeatures:
        """Return the features of some graphs."""
        return GraphFeatures(self.values[index], self.names)


def as_graph_features(given: Any, n_graphs: int, names: Sequence[str] | None = None) -> GraphFeatures:
    """Check features of graphs; the columns of a data frame have names.

    Raises
    ------
    TypeError
        If they are no real numbers.
    ValueError
        If the shape does not fit, or a value is not finite in float32; the message names the graph.
    """
    if is_frame(given):
        columns = list(given.columns)
        if columns != list(range(len(columns))):
            names = [str(column) for column in columns]
            twice = [name for place, name in enumerate(names) if name in names[:place]]
            if twice:
                raise ValueError(f"graph_features has more than one column {twice[0]!r}: columns are matched by name")
        given = given.to_numpy()
    if np.ma.is_masked(given):
        raise ValueError("graph_features is a masked array, whose mask would be lost: fill it with numbers")
    values = given.toarray() if sp.issparse(given) else np.asarray(given)
    if values.ndim != 2 or len(values) != n_graphs:
        raise ValueError(
            f"graph_features must have shape (n_graphs, n_graph_features) = ({n_graphs}, ...), got {values.shape}"
        )
    if values.dtype.kind not in "biufO":
        raise TypeError(f"graph_features must have real numbers, got the type {values.dtype}")
    try:
        with np.errstate(over="ignore"):  # checked below
            values = values.astype(np.float32)
    except OverflowError as error:
        raise ValueError(f"graph_features must have numbers that are finite in float32: {error}") from error
    except (TypeError, ValueError) as error:
        raise TypeError(f"graph_features must have real numbers: {error}") from error
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        column = bad[0, 1] if names is None else repr(names[bad[0, 1]])
        raise ValueError(f"graph features of graph {bad[0, 0]} contain NaN or infinity, in float32, in column {column}")
    return GraphFeatures(values, None if names is None else tuple(names))


def joined_features(parts: Sequence[GraphParts], names: Sequence[str] | None) -> GraphFeatures | None:
    """Return the features that the graphs of a list have, with their names; None if no graph has any."""
    rows = [part.U for part in parts]
    if all(row is None for row in rows):
        return None
    sizes = [0 if row is None else len(row) for row in rows]
    for index, size in enumerate(sizes):
        if size != sizes[0]:
            raise ValueError(f"graph {index} has {size or 'no'} graph features, but graph 0 has {sizes[0] or 'none'}")
    return as_graph_features(np.array(rows), len(rows), names)


class LearnedGraphFeatures(Learned):
    """What a fit learns of graph features: how many there are, their names and how to scale them.

    A column is shifted and divided: by its weighted mean and standard deviation over the graphs of the fit, or, if at
    least half of its values are zero, by nothing and its greatest absolute value. Standardised, a substructure of one
    molecule in a thousand would weigh as much as thirty usual deviations. The result z becomes ``z / sqrt(1 + (z /
    3)²)``: about z for usual values and between -3 and 3 for all (Holzmüller et al. 2024), so that a value far from all
    of the fit does not decide alone. A column that was constant in the fit says nothing and becomes zero.

    Parameters
    ----------
    features : GraphFeatures or None
        Those of the fit.
    owner, dtype
        See `Learned`.
    """

    def __init__(self, features: GraphFeatures | None, *, owner: str, dtype: torch.dtype) -> None:
        super().__init__(owner=owner, dtype=dtype)
        self.number = 0 if features is None else features.values.shape[1]
        self.names = None if features is None else features.names
        self.mean, self.factor = np.zeros(self.number), np.ones(self.number)

    def learn(self, values: np.ndarray, weight: np.ndarray | None) -> None:
        """Learn the moments of the columns of `values`."""
        values = values.astype(np.float64)
        mean = np.average(values, axis=0, weights=weight)
        scale = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weight))
        varies = scale > 10 * np.finfo(float).eps * np.abs(mean)
        rare = np.average(values == 0, axis=0, weights=weight) >= 0.5 - _ROUNDING
        self.mean = np.where(rare, 0.0, mean)
        scale = np.where(rare, np.abs(values).max(axis=0), scale)
        self.factor = np.where(varies, 1 / np.where(varies, scale, 1.0), 0.0)

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """Scale features, shape (n_graphs, n_graph_features)."""
        z: np.ndarray = (values.astype(np.float64) - self.mean) * self.factor
        z /= np.hypot(1, z / _FAR)
        return z

    def held(self, features: GraphFeatures | None) -> GraphFeatures | None:
        """Hold features to those of the fit, by name if both have names; warn, as scikit-learn does, if one has none.

        Raises
        ------
        ValueError
            If they are others than in the fit.
        """
        number = 0 if features is None else features.values.shape[1]
        if features is None or features.names == self.names or not number or not self.number:
            pass
        elif features.names is None or self.names is None:
            here, there = ("has no", "with") if features.names is None else ("has", "without")
            warn(f"X {here} graph feature names, but {self.owner} was fitted {there} graph feature names")
        else:
            known = {name: position for position, name in enumerate(features.names)}
            missing = [name for name in self.names if name not in known]
            other = [name for name in known if name not in self.names]
            if missing or other:
                what = f"lacks {missing[0]!r}" if missing else f"has {other[0]!r}, which fit has not seen"
                raise ValueError(f"the graph features of X do not fit those of {self.owner}: X {what}")
            return GraphFeatures(features.values[:, [known[name] for name in self.names]], self.names)
        if number != self.number:
            raise ValueError(f"X has {number} graph features, but {self.owner} is expecting {self.number} as input")
        return features
