"""What the candidates of a search share: the samples of a fold, and the steps of a pipeline before they differ."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
from sklearn.pipeline import Pipeline

from sklearn_ann._sklearn import num_samples, safe_indexing
from sklearn_ann.training import yield_turn


class Folds:
    """Samples or targets of which a set of rows is taken once, however often it is asked for.

    Parameters
    ----------
    values : array-like, sparse matrix, data frame or list
    """

    def __init__(self, values: Any) -> None:
        self.values = values
        self.shape = getattr(values, "shape", (num_samples(values),))
        self._taken: dict[bytes, Any] = {}

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, index: Any) -> Any:
        rows = np.asarray(index[0] if isinstance(index, tuple) else index)  # scikit-learn asks for [rows, ...]
        key = rows.tobytes()
        if key not in self._taken:
            self._taken[key] = safe_indexing(self.values, rows)
        return self._taken[key]


class StepMemory:
    """The ``memory`` of pipelines that are fitted on the same folds: a step of the same parameters is fitted once.

    Samples are told apart as objects, not by their content, so that looking at them takes no time: they are those of
    `Folds`, or what an earlier step made of them.
    """

    def __init__(self) -> None:
        self._results: dict[tuple[Any, ...], Any] = {}
        self._held: list[Any] = []  # what has an identity in a key must live as long as the key

    def cache(self, function: Callable[..., Any], **_: Any) -> Callable[..., Any]:
        """Return a function ``(transformer, X, y, ...)`` that remembers its results."""

        def cached(transformer: Any, X: Any, y: Any, **options: Any) -> Any:
            try:
                content = joblib.hash((transformer, options.get("params")))
            except (pickle.PicklingError, AttributeError, TypeError):  # such as a step with a lambda
                return function(transformer, X, y, **options)
            key = (id(X), id(y), content)
            while self._results.get(key) is _UNDER_WAY:  # another candidate fits it, and waits for its training
                yield_turn()
            if key not in self._results:
                self._results[key] = _UNDER_WAY
                try:
                    self._results[key] = function(transformer, X, y, **options)
                except BaseException:
                    del self._results[key]
                    raise
                self._held.append((X, y))
            return self._results[key]

        return cached


_UNDER_WAY = object()


def sharing(estimator: Any, memory: StepMemory) -> Any:
    """Let a pipeline that has no memory of its own share its steps through `memory`; return it."""
    if isinstance(estimator, Pipeline) and estimator.memory is None:
        estimator.memory = memory
    return estimator
