"""What the candidates of a search share: the steps of a pipeline before they differ."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import joblib
from sklearn.pipeline import Pipeline

from sklearn_ann.training import yield_turn


class StepMemory:
    """What the steps of pipelines that are fitted on the same folds have made: of equal parameters, once.

    Samples are told apart by their fold and by the steps that they went through, so that looking at them takes no time.
    Who gets a result gets one of its own: a later step, or a scorer, may change it.
    """

    def __init__(self) -> None:
        self._results: dict[tuple[Any, ...], Any] = {}

    def shared_by(self, estimator: Any, fold: int) -> Any:
        """Let a pipeline that has no memory of its own share its steps in its next fit; return it.

        Parameters
        ----------
        estimator : estimator
            Other estimators share nothing. Nor do pipelines that choose their samples in a ``fit`` of their own.
        fold : int
            The number of the samples that it will be fitted on.
        """
        plain = isinstance(estimator, Pipeline) and type(estimator).fit is Pipeline.fit
        if plain and estimator.memory is None:
            estimator.memory = _MemoryOfOneFit(self._results, estimator, fold)
        return estimator


class _MemoryOfOneFit:
    """The ``memory`` of a pipeline up to its next fit; later fits, such as those of a scorer, have other samples."""

    def __init__(self, results: dict[tuple[Any, ...], Any], pipeline: Pipeline, fold: int) -> None:
        self._results, self._pipeline, self._fold = results, pipeline, fold

    def __reduce__(self) -> Any:
        return type(None), ()  # copies of the pipeline have no memory, as the user's has none

    def cache(self, function: Callable[..., Any], **_: Any) -> Callable[..., Any]:
        """Return a function ``(transformer, X, y, ...)`` that remembers its results."""
        if self._pipeline.memory is self:
            self._pipeline.memory = None
        results = self._results
        key: tuple[Any, ...] | None = (self._fold,)  # None once the samples are like no others

        def cached(transformer: Any, X: Any, y: Any, **options: Any) -> Any:
            nonlocal key
            content = _content(transformer, options)
            key = None if key is None or content is None else (*key, content)
            if key is None:
                return function(transformer, X, y, **options)
            while results.get(key) is _UNDER_WAY:  # another candidate fits it, and waits for its training
                yield_turn()
            if key in results:
                return copy.deepcopy(results[key])
            results[key] = _UNDER_WAY
            try:
                result = function(transformer, X, y, **options)
                results[key] = copy.deepcopy(result)
            except BaseException:
                del results[key]
                raise
            return result

        return cached


_UNDER_WAY = object()


def _content(transformer: Any, options: dict[str, Any]) -> str | None:
    """Return what tells a step from others; None if nothing does, or if somebody is to be told of each of its fits."""
    if any(getattr(told, "_skl_callbacks", None) for told in (transformer, options.get("caller"))):
        return None
    try:
        content: str = joblib.hash((transformer, options.get("params")))
    except Exception:  # noqa: BLE001 (parameters raise whatever they like when they are pickled)
        return None
    return content
