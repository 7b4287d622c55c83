"""What the candidates of a search share: the steps of a pipeline before they differ, and the samples that are read."""

from __future__ import annotations

import copy
import pickle
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import joblib
from sklearn.pipeline import Pipeline

from sklearn_ann.base import NeuralEstimator
from sklearn_ann.base.plan import Plan
from sklearn_ann.training import n_trainings, yield_turn

Key = tuple[Any, ...]
"""The fold and the steps that samples went through."""

WORTH = 0.02  # seconds: what takes less is fitted again in another process
TRANSPORT = 4  # how often what travels is read or written: to and from the process of the search, there and back


class StepMemory:
    """What the steps of pipelines that are fitted on the same folds have made: of equal parameters, once.

    Samples are told apart by their fold and by the steps that they went through, so that looking at them takes no time.
    Who gets the result of a step gets one of its own: a later step, or a scorer, may change it. Samples that a network
    has read are frozen, and all networks that read them alike have the same.
    """

    def __init__(self) -> None:
        self._results: dict[Key, Any] = {}
        self._seconds: dict[Key, float] = {}
        self._packed: dict[Key, bytes] = {}
        self._thread = threading.get_ident()

    def __reduce__(self) -> Any:
        return StepMemory, ()  # in another process it begins anew, with what fits carry there

    @property
    def here(self) -> StepMemory:
        """Itself in the thread that made it; in others, which fit at the same time, an empty one."""
        return self if threading.get_ident() == self._thread else StepMemory()

    def shared_by(self, estimator: Any, fold: int, *, in_parts: bool = False, used: list[Key] | None = None) -> Any:
        """Let a pipeline that has no memory of its own share its steps in its next fit; return it.

        Parameters
        ----------
        estimator : estimator
            Other estimators share nothing. Nor do pipelines that choose their samples in a ``fit`` of their own.
        fold : int
            The number of the samples that it will be fitted on.
        in_parts : bool
            Whether its networks are trained in parts, in fits that have to find the states of all of them: then a step
            that trains a network is not shared, and neither are those after it.
        used : list or None
            Gets the keys of what it shares, while it is fitted.
        """
        used = [] if used is None else used
        if _reads_what_it_gets(estimator):
            estimator._reading = _OneReading(self, lambda: (fold,), used)
        plain = isinstance(estimator, Pipeline) and type(estimator).fit is Pipeline.fit
        if plain and estimator.memory is None:
            estimator.memory = _MemoryOfOneFit(self, estimator, fold, in_parts, used)
        return estimator

    def keep(self, keys: Iterable[Key]) -> None:
        """Forget all but some results."""
        kept = set(keys)
        every: list[dict[Key, Any]] = [self._results, self._seconds, self._packed]
        for held in every:
            for key in [key for key, value in held.items() if not (key in kept or value is _UNSHARED)]:
                del held[key]

    def carry(self, keys: Iterable[Key]) -> dict[Key, bytes]:
        """Return those of some results that another process gets sooner from here than from a fit of its own."""
        for key in keys:
            if self._seconds.get(key, 0.0) >= WORTH and key not in self._packed:
                begin = time.perf_counter()
                with suppress(Exception):  # what cannot be pickled stays here
                    content = pickle.dumps(self._results[key], protocol=pickle.HIGHEST_PROTOCOL)
                    if TRANSPORT * (time.perf_counter() - begin) < self._seconds[key]:
                        self._packed[key] = content
                self._seconds[key] = 0.0  # once is enough
        return {key: self._packed[key] for key in keys if key in self._packed}

    def receive(self, carried: Mapping[Key, bytes]) -> None:
        """Take what another process has made."""
        self._packed.update(carried)

    def get(self, key: Key, make: Callable[[], Any], *, frozen: bool = False) -> Any:
        """Return what belongs to the key, made if it is new; only what is not `frozen` has to be copied."""
        results = self._results
        while results.get(key) is _UNDER_WAY:  # another candidate fits it, and waits for its training
            yield_turn()
        if results.get(key) is _UNSHARED:
            return make()
        if key not in results and key in self._packed:
            results[key] = pickle.loads(self._packed[key])
        if key in results:
            return results[key] if frozen else copy.deepcopy(results[key])
        results[key] = _UNDER_WAY
        begin = time.perf_counter()
        try:
            result = make()
            seconds = time.perf_counter() - begin
            try:
                results[key] = result if frozen else copy.deepcopy(result)
                self._seconds[key] = seconds
            except Exception:  # noqa: BLE001 (a step may hold what has no copy, such as a lock: each fits its own)
                self.unshared(key)
        except BaseException:
            del results[key]
            raise
        return result

    def read(self, samples: Key, used: list[Key], plan: Plan, read: Callable[[], Any]) -> Any:
        """Read the samples of a plan, if no other plan has read the same with equal rules."""
        rules = None if plan.source is not None else _hash((plan.reader, plan.targets))
        if rules is None:
            return read()
        key = (*samples, rules)

        def made() -> Any:
            return read(), plan.reader, plan.targets

        examples, plan.reader, plan.targets = self.get(key, made, frozen=True)
        if examples.samples.streamed:
            self.unshared(key)  # two passes at the same time would get into each other's way
        else:
            used.append(key)
        return examples

    def unshared(self, key: Key) -> None:
        """Take note that a result, of which nobody knew it, cannot be shared."""
        self._results[key] = _UNSHARED


class _OneReading:
    """Shares what a network reads in its next fit; later ones have other samples."""

    def __init__(self, memory: StepMemory, samples: Callable[[], Key | None], used: list[Key]) -> None:
        self._memory, self._samples, self._used = memory, samples, used
        self._new = True

    def __reduce__(self) -> Any:
        return type(None), ()  # copies of the network share nothing

    def __call__(self, plan: Plan, anew: Callable[[], Any], *, weighted: bool) -> Any:
        key, self._new = self._samples() if self._new else None, False
        return anew() if key is None else self._memory.read((*key, weighted), self._used, plan, anew)


class _MemoryOfOneFit:
    """The ``memory`` of a pipeline up to its next fit; later fits, such as those of a scorer, have other samples."""

    def __init__(self, memory: StepMemory, pipeline: Pipeline, fold: int, in_parts: bool, used: list[Key]) -> None:
        self._memory, self._pipeline, self._fold, self._in_parts, self._used = memory, pipeline, fold, in_parts, used

    def __reduce__(self) -> Any:
        return type(None), ()  # copies of the pipeline have no memory, as the user's has none

    def cache(self, function: Callable[..., Any], **_: Any) -> Callable[..., Any]:
        """Return a function ``(transformer, X, y, ...)`` that remembers its results."""
        if self._pipeline.memory is self:
            self._pipeline.memory = None
        key: Key | None = (self._fold,)  # None once the samples are like no others
        last = self._pipeline.steps[-1][1]

        def cached(transformer: Any, X: Any, y: Any, **options: Any) -> Any:
            nonlocal key
            content = None if self._in_parts and _has_network(transformer) else _content(transformer, options)
            key = None if key is None or content is None else (*key, content)
            if key is None:
                return function(transformer, X, y, **options)
            before = n_trainings()
            result = self._memory.get(key, lambda: function(transformer, X, y, **options))
            if self._in_parts and n_trainings() != before:
                self._memory.unshared(key)  # a step that trains networks cannot be shared in parts
                key = None
            else:
                self._used.append(key)
            return result

        if _reads_what_it_gets(last):
            last._reading = _OneReading(self._memory, lambda: key, self._used)
        return cached


_UNDER_WAY, _UNSHARED = object(), object()
_PACKAGE = __name__.partition(".")[0]


def _reads_what_it_gets(estimator: Any) -> bool:
    """Whether an estimator is a network that reads the samples as they are; a ``fit`` of a user may change them."""
    methods = (getattr(type(estimator), name, None) for name in ("fit", "_fit", "_prepare"))
    return isinstance(estimator, NeuralEstimator) and all(
        getattr(method, "__module__", "").partition(".")[0] == _PACKAGE for method in methods
    )


def _has_network(estimator: Any) -> bool:
    """Whether an estimator of this package is the step or a part of it."""
    parts = estimator.get_params().values() if hasattr(estimator, "get_params") else ()
    return any(isinstance(part, NeuralEstimator) for part in (estimator, *parts))


def _content(transformer: Any, options: dict[str, Any]) -> str | None:
    """Return what tells a step from others; None if nothing does, or if somebody is to be told of each of its fits."""
    if any(getattr(told, "_skl_callbacks", None) for told in (transformer, options.get("caller"))):
        return None
    return _hash((transformer, options.get("params")))


def _hash(value: Any) -> str | None:
    try:
        content: str = joblib.hash(value)
    except Exception:  # noqa: BLE001 (parameters raise whatever they like when they are pickled)
        return None
    return content
