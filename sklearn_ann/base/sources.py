"""Where a network may begin: the body and the reader that a fitted estimator hands on."""

from __future__ import annotations

import copy
import importlib
import os
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sklearn_ann.layers import BorrowedBody, check_weights, freeze_layers
from sklearn_ann.reading import Reader


@dataclass(frozen=True)
class Source:
    """What a fitted estimator hands on to a new one.

    An estimator offers itself by a method ``_source()`` that returns this value, and so need not be known to those that
    begin from it. One that learns nothing offers itself by ``_source_for(X)`` and need not be fitted.

    Attributes
    ----------
    owner : str
        What messages call it.
    kind : Any
        What the bodies are. An estimator accepts its own ``_body``, the function, and the names in ``_begins_from``.
    bodies : list of nn.Module
        One or several, of one shape; they map a batch to features. They are copied before they are used.
    n_features : int or None
        Number of features; None to try it out.
    reader : Reader or None
        Reads samples for the bodies; None if the new estimator reads its samples by itself.
    parameters : mapping
        Hyper-parameters of reader and bodies, as resolved in the fit.
    layers : tuple of str or None
        None: the bodies are whole. Else each is the first layers alone, of these names, of a body that the new
        estimator builds; it has parameters of the same names, and decides no more than `parameters`.
    """

    owner: str
    kind: Any
    bodies: list[nn.Module]
    n_features: int | None
    reader: Reader[Any] | None
    parameters: Mapping[str, Any]
    layers: tuple[str, ...] | None = None

    def reader_for(self, estimator: Any, X: Any, **common: Any) -> Reader[Any]:
        """Return what reads the samples of a new fit."""
        reader: Reader[Any] = estimator._reader(X, **common) if self.reader is None else self.reader.handed_on(**common)
        return reader

    def body(self, number: int, samples: Any, dtype: torch.dtype) -> tuple[nn.Module, int]:
        """Return a copy of a body, all of whose layers learn, and the number of its features."""
        body = copy.deepcopy(self.bodies[number % len(self.bodies)])
        freeze_layers(body, ())
        return body, self._tried(body, samples, dtype) if self.n_features is None else self.n_features

    def begin(self, number: int, body: nn.Module) -> None:
        """Put the weights of the first layers into a new body."""
        part = self.bodies[number % len(self.bodies)].state_dict()
        strange = body.load_state_dict(part, strict=False).unexpected_keys
        if strange:
            raise ValueError(f"init_from={self.owner} has the weights {strange}, which the new body does not have")

    def check_frozen(self, names: Sequence[str], freeze: Any) -> None:
        """Refuse to freeze layers that the source has not."""
        if self.layers is not None and not set(names) <= set(self.layers):
            raise ValueError(
                f"freeze={freeze!r} would freeze layers with random weights: the body has only "
                f"{', '.join(self.layers)} from {self.owner}, which freeze={list(self.layers)} freezes"
            )

    def _tried(self, body: nn.Module, samples: Any, dtype: torch.dtype) -> int:
        name = f"init_from={self.owner}"
        body.to("cpu", dtype).eval()
        check_weights(body, name)
        alone, together = (self._features(body, samples, n, dtype) for n in (1, 3))
        if not bool(together.isfinite().all()):
            raise ValueError(f"{name} returns features of sample 0 that are not finite")
        check_steady(alone[:1].numpy(), together[:1].numpy(), name)
        return int(alone.shape[1])

    def _features(self, body: nn.Module, samples: Any, n: int, dtype: torch.dtype) -> torch.Tensor:
        """Return the features of the first `n` samples; of sizes that differ, the first sample is there `n` times."""
        index = torch.arange(n, device=samples.device) % (len(samples) if samples.extents is None else 1)
        batch = samples[index]
        shape = tuple(getattr(batch, "x", batch).shape)
        try:
            with torch.no_grad():
                features = body(batch)
        except Exception as error:  # whatever a module of the user raises
            raise ValueError(f"init_from={self.owner} does not take a batch of shape {shape}: {error}") from error
        tensor = isinstance(features, torch.Tensor)
        if not tensor or features.ndim != 2 or len(features) != n or not features.numel():
            found = tuple(features.shape) if tensor else type(features).__name__
            raise ValueError(
                f"init_from={self.owner} returns {found} for a batch of {n} samples: expected features of shape "
                "(batch, n_features)"
            )
        if features.dtype != dtype:
            raise ValueError(
                f"init_from={self.owner} returns features of {features.dtype} for samples of {dtype}: expected {dtype}"
            )
        found_features: torch.Tensor = features
        return found_features


_ALIKE = 1e-3  # greatest relative difference between features of one sample in two batches


def check_steady(alone: np.ndarray, together: np.ndarray, name: str) -> None:
    """Refuse a foreign network whose features of a sample are not alike in two batches.

    Raises
    ------
    ValueError
        If a part of the network draws random numbers, or looks at the other samples, in evaluation mode.
    """
    if not np.allclose(together, alone, rtol=_ALIKE, atol=_ALIKE * max(1e-6, np.abs(alone).max())):
        raise ValueError(
            f"{name}: features of sample 0 depend on what else is in the batch, or differ from run to run: a hook or a "
            "layer draws random numbers, changes its input or normalises over the batch when it predicts"
        )


def of_encoder(estimator: Any, encoder: nn.Module, reader: Reader[Any]) -> Source:
    """Return what an auto-encoder hands on: its encoder, of rows or of images that are rows."""
    name, kept = type(estimator).__name__, estimator.resolved_parameters_
    kind = "rows" if kept.architecture == "dense" else "images"
    return Source(name, kind, [BorrowedBody(encoder, name)], kept.n_components, reader, kept)


def found_source(estimator: Any, X: Any) -> Source | None:
    """Return what `init_from` of an estimator hands on; None without it.

    Raises
    ------
    TypeError
        If it is nothing to begin from, naming what it is and what the estimator takes.
    ValueError
        If it is not fitted, or a file that cannot be read.
    FileNotFoundError
        If there is no such file.
    """
    given, owner = getattr(estimator, "init_from", None), type(estimator).__name__
    if given is None:
        return None
    source = _of_module(given) if isinstance(given, nn.Module) else _offered(given, owner, X)
    if source.kind is type(estimator)._body or source.kind in estimator._begins_from:
        return source
    others = "".join(f" or {what}" for what in estimator._begins_from.values())
    raise TypeError(
        f"init_from holds {source.owner}, whose network {owner} cannot begin from: expected {owner}, its classifier or "
        f"regressor{others}"
    )


def _of_module(module: nn.Module) -> Source:
    name = type(module).__name__
    check_weights(module, f"init_from={name}")  # before anything copies them
    return Source(name, "module", [BorrowedBody(module, name)], None, None, {})


def _offered(given: Any, owner: str, X: Any) -> Source:
    if hasattr(given, "_source_for"):  # its parameters are all it needs
        own: Source = given._source_for(X)
        return own
    fitted = _read(given) if isinstance(given, str | os.PathLike) else given
    name = type(fitted).__name__
    if fitted is given and isinstance(given, BaseEstimator) and not isinstance(given, FrozenEstimator):
        raise TypeError(
            f"init_from is a {name}, which loses its weights wherever {owner} is cloned, as in a search: give "
            f"sklearn.frozen.FrozenEstimator({name.lower()})"
        )
    if isinstance(fitted, FrozenEstimator):
        fitted = fitted.estimator
        name = type(fitted).__name__
    if not hasattr(fitted, "_source") or isinstance(fitted, type):
        advice = "; of a pipeline, give the fitted network alone" if hasattr(fitted, "steps") else ""
        held = f"the class {fitted.__name__}" if isinstance(fitted, type) else f"a {name}"
        raise TypeError(
            f"init_from holds {held}: {owner} begins from a FrozenEstimator of a fitted network, the path of a model "
            f"file or a torch module{advice}"
        )
    try:
        check_is_fitted(fitted)
    except NotFittedError as error:
        raise NotFittedError(f"init_from holds a {name} that is not fitted and has no weights") from error
    source: Source = fitted._source()
    return source


def _read(path: Any) -> Any:
    if not Path(path).is_file():
        what = "is a folder" if Path(path).is_dir() else "there is no such file"
        raise FileNotFoundError(f"init_from={os.fspath(path)!r}: {what}")
    return importlib.import_module("sklearn_ann").load(path)  # of a floor above this one


# --- Hyper-parameters of a body --------------------------------------------------------------------------------------

# What a fit decides anew: targets and losses. All else that is no parameter of the training is one of reader and body.
_OF_TARGETS = ("n_estimators", "class_weight", "loss", "quantile", "learning_rate_warmup")


def body_parameters(estimator: Any, training: Mapping[str, Any]) -> list[str]:
    """Return the names of the hyper-parameters that reader and body are made of.

    Parameters
    ----------
    estimator : NeuralEstimator
    training : mapping
        Names of those that every estimator has.
    """
    return [name for name in estimator._parameter_constraints if name not in training and name not in _OF_TARGETS]


def begun(estimator: Any, X: Any, going_on: bool, incremental: bool) -> tuple[Source | None, dict[str, Any] | None]:
    """Return where a fit begins and the hyper-parameters that this decides; None and None for weights that are drawn.

    Parameters
    ----------
    estimator : NeuralEstimator
    X : array-like
        The samples of the fit.
    going_on : bool
        Whether this fit goes on from an earlier one of the same estimator, and from what that one took over.
    incremental : bool
        Whether it is a ``partial_fit``, for which most hyper-parameters stay what they were.

    Raises
    ------
    TypeError, ValueError
        If there is nothing to begin from, or if hyper-parameters contradict it.
    """
    if going_on:
        if not incremental:
            _check_warm_start(estimator)
        return None, estimator._taken
    source = found_source(estimator, X)
    if source is not None:
        return source, inherited(estimator, source, estimator._body_parameters())
    freeze = getattr(estimator, "freeze", "none")
    if len(freeze) if isinstance(freeze, list | tuple) else freeze not in ("none", 0):
        raise ValueError(f"freeze={freeze!r} without init_from would freeze layers with random weights: give init_from")
    return None, None


def _check_warm_start(estimator: Any) -> None:
    new, taken = getattr(estimator, "init_from", None), estimator._taken
    if new is not None and not _same(new, estimator._given["init_from"]):
        raise ValueError("init_from has changed, but warm_start=True continues the previous fit: use warm_start=False")
    if taken is not None:
        kept = estimator.resolved_parameters_.n_estimators
        check_agreement(estimator, taken, "the first fit")
        if estimator.n_estimators != kept:
            raise ValueError(
                f"warm_start=True continues the {kept} networks of the previous fit, but "
                f"n_estimators={estimator.n_estimators}"
            )


def _same(one: Any, other: Any) -> bool:
    """Return whether two values of `init_from` are one network; a frozen estimator may be wrapped anew."""
    one, other = (part.estimator if isinstance(part, FrozenEstimator) else part for part in (one, other))
    paths = isinstance(one, str | os.PathLike) and isinstance(other, str | os.PathLike)
    return one is other or (paths and Path(one) == Path(other))


def inherited(estimator: Any, source: Source, names: list[str]) -> dict[str, Any]:
    """Return the values of the hyper-parameters `names`, which the source decides; None for those it has not.

    Raises
    ------
    ValueError
        If one is set to another value than that of the source.
    """
    learned: Mapping[str, Any] = {}
    if source.kind is type(estimator)._body:
        own = [
            name for name in estimator._of_noise if not _alike(getattr(estimator, name), getattr(type(estimator), name))
        ]
        names = [name for name in names if name not in own]
    if source.layers is not None:
        names = [name for name in names if name in source.parameters]
    elif source.reader is None:  # the new estimator's own reader goes by its own parameters
        names = [name for name in names if name not in estimator._of_reader]
    else:
        learned = source.reader.attributes  # what "auto" stood for, such as `alphabet_`
    values = {name: source.parameters.get(name) for name in names}
    values |= {name: learned[f"{name}_"] for name in names if _alike(values[name], "auto") and f"{name}_" in learned}
    check_agreement(estimator, values, source.owner)
    return values


def check_agreement(estimator: Any, values: Mapping[str, Any], owner: str) -> None:
    """Refuse hyper-parameters that are set and differ from `values`; one at its default is not set."""
    for name, value in values.items():
        given, default = getattr(estimator, name), getattr(type(estimator), name)
        if not (_alike(given, default) or _alike(given, value)):
            has = f"has {name}={_short(value)}" if value is not None else f"has no {name}"
            raise ValueError(
                f"{name}={_short(given)}, but the body of init_from, {owner}, {has}: leave {name} at its default, "
                f"{_short(default)}"
            )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _alike(one: Any, other: Any) -> bool:
    """Return whether two values of a hyper-parameter are equal; arrays and graphs by what they hold."""
    if one is other:
        return True
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_alike, one, other))
    plain = (bool, int, float, str, np.generic, type(None))
    if isinstance(one, plain) or isinstance(other, plain):
        truths = isinstance(one, bool | np.bool_) == isinstance(other, bool | np.bool_)  # 1 is no truth
        return truths and isinstance(one, plain) and isinstance(other, plain) and bool(one == other)
    try:
        return bool(joblib.hash(one) == joblib.hash(other))  # clones hold copies
    except (pickle.PicklingError, AttributeError, TypeError):  # such as a function without a name
        return False


def with_parameters(estimator: Any, values: Mapping[str, Any] | None) -> Any:
    """Return a shallow copy of an estimator with other hyper-parameters, to ask what it reads and predicts."""
    if not values:
        return estimator
    other = copy.copy(estimator)
    vars(other).update({name: value for name, value in values.items() if value is not None})
    return other
