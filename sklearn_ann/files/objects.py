"""Estimators and what they have learned: objects of listed classes as the attributes that they hold."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import sklearn
import torch
from sklearn.base import BaseEstimator
from torch import nn

from sklearn_ann import training
from sklearn_ann._version import __version__
from sklearn_ann.base import NeuralEstimator
from sklearn_ann.files.compiled import check as check_arrays
from sklearn_ann.files.errors import ModelFileError
from sklearn_ann.files.graph import Decoder, Encoder, Kind, Node, a_dict
from sklearn_ann.files.modules import check_attributes, check_type
from sklearn_ann.files.tensors import is_finite
from sklearn_ann.reading.graphs import GraphSet

_LEFT_OUT = ("_learner", "_skl_callbacks", "_optimizer")
_ONLY = {"memory": None, "input": "content"}
"""Attributes of scikit-learn's estimators that would make them read files, with the one value that files keep."""
_OF_PARAMETERS = ("_given", "resolved_parameters_")
_OF_STEP = ("module", "error", "settings", "effort", "optimizers", "trained")


# --- Steps, whose optimisers are made anew -------------------------------------------------------------------------


def _encoded_step(step: training.Step, encoder: Encoder, where: str) -> Node:
    # An observer of a fit may hold a step for a copy of the network; what was learned is in the estimator.
    own = {name: value for name, value in vars(step).items() if name not in _OF_STEP}
    parts = {"error": step.error, "settings": step.settings, "own": own}
    node: Node = {name: encoder.encode(value, f"{where}.{name}") for name, value in parts.items()}
    node["class"] = encoder.names.of(type(step), where)
    if encoder.optimizer:
        states = [
            [optimizer.state.get(parameter, {}) for parameter in trained]
            for optimizer, trained in zip(step.optimizers, step.trained, strict=True)
        ]
        node["optimizers"] = encoder.encode([[dict(state) for state in states_] for states_ in states], where)
    return node


def _step_of(node: Any, module: nn.Module, decoder: Decoder, where: str) -> training.Step:
    node = a_dict(node, where)
    error, settings, own = (decoder.decode(node.get(name), f"{where}.{name}") for name in ("error", "settings", "own"))
    cls = decoder.names.find(node.get("class"), where, "step")
    if not isinstance(cls, type) or not issubclass(cls, training.Step) or not isinstance(settings, training.Settings):
        raise ModelFileError(f"{where} must be a step with settings")
    own = a_dict(own, where)
    check_attributes(cls, own, where)
    step: training.Step = object.__new__(cls)
    vars(step).update(own)
    training.Step.__init__(step, module, error, settings)
    if "optimizers" in node:
        _restore(step, decoder.decode(node["optimizers"], where), where)
    return step


def is_like(value: torch.Tensor, parameter: torch.Tensor) -> bool:
    """Return whether two tensors have the same numbers in the same places of memory."""
    same = value.shape == parameter.shape and value.stride() == parameter.stride()
    return same and value.dtype == parameter.dtype and is_finite(value)


def _restore(step: training.Step, states: Any, where: str) -> None:
    for optimizer, trained, of_each in zip(step.optimizers, step.trained, states, strict=True):
        for parameter, state in zip(trained, of_each, strict=True):
            for name, value in a_dict(state, where).items():
                if name == "step":
                    fits = type(value) is int or (isinstance(value, torch.Tensor) and value.shape == ())
                else:  # a kernel goes through both side by side and looks at no shape
                    fits = isinstance(value, torch.Tensor) and is_like(value, parameter)
                if name not in ("step", "exp_avg", "exp_avg_sq") or not fits:
                    raise ModelFileError(f"{where} has a state {name[:50]!r} that does not fit its weights")
            if state:
                optimizer.state[parameter] = dict(state)


_ADDED = {"checkpoint", "distributed"}
"""Hyper-parameters that a file of this version may lack, because they came after the first of these files."""

# --- Objects -------------------------------------------------------------------------------------------------------


def _encoded(value: Any, encoder: Encoder, where: str) -> Node:
    cls = type(value)
    node: Node = {"object": encoder.names.of(cls, where)}
    neural = isinstance(value, NeuralEstimator)
    state = dict(value.__getstate__() if neural else vars(value))
    if neural and "module_" in state:
        node["step"] = {}  # its place is before the state's, its contents come after the module that they share
    kept = {name: item for name, item in state.items() if name not in _LEFT_OUT}
    if _is_of_sklearn(cls) and "memory" in kept:
        kept["memory"] = None
    if neural:  # the path of a checkpoint is that of one machine, and must not be written to by a model of a stranger
        kept = _without_checkpoint(kept)
    node["state"] = {name: encoder.encode(item, f"{where}.{name}") for name, item in kept.items()}
    if "step" in node:
        node["step"] = _encoded_step(value._learner, encoder, f"{where}._learner")
    return node


def _without_checkpoint(state: dict[str, Any]) -> dict[str, Any]:
    parameters = {
        name: type(state[name])(**state[name] | {"checkpoint": None}) for name in _OF_PARAMETERS if name in state
    }
    return state | parameters | {"checkpoint": None}


def _decoded(node: Node, decoder: Decoder, where: str) -> Any:
    name = node["object"]
    cls = decoder.names.find(name, where, "class")
    if not isinstance(cls, type) or issubclass(cls, nn.Module | tuple | dict | str | int | float | training.Step):
        raise ModelFileError(f"{where}: {name} is no class of objects")
    where = f"{where}" if where != "the model" else cls.__name__
    state = decoder.by_name(node.get("state"), where)
    check_attributes(cls, state, where)
    if _is_of_sklearn(cls):
        for attribute, only in _ONLY.items():
            if state.get(attribute, only) != only:
                raise ModelFileError(
                    f"{where}.{attribute} is {str(state[attribute])[:50]!r}; files keep {only!r} alone"
                )
    value: Any = object.__new__(cls)
    if isinstance(value, NeuralEstimator) and state.get("checkpoint") is not None:
        raise ModelFileError(f"{where}.checkpoint is {str(state['checkpoint'])[:50]!r}; files keep None alone")
    if isinstance(value, BaseEstimator):
        missing = set(type(value)._get_param_names()) - set(state)
        if isinstance(value, NeuralEstimator):
            new = missing if state.get("_sklearn_ann_version") != __version__ else missing & _ADDED
            _add_defaults(cls, state, new)
            missing -= new
        if missing:
            raise ModelFileError(f"{where} lacks its parameters {sorted(missing)}")
    if isinstance(value, NeuralEstimator):
        _finish_neural(value, state, node, decoder, where)
    else:
        if dataclasses.is_dataclass(cls):  # a field that an earlier release did not have
            state = {f.name: f.default for f in dataclasses.fields(cls) if f.default is not dataclasses.MISSING} | state
        vars(value).update(state)
        if isinstance(value, GraphSet):
            _check_graphs(value, where)
        check_arrays(value, where)
    return value


def _add_defaults(cls: Any, state: dict[str, Any], missing: set[str]) -> None:
    """Give a model of another release the hyper-parameters that it did not have, at their defaults."""
    new = {name: getattr(cls, name) for name in missing if hasattr(cls, name)}
    state.update(new)
    for name in _OF_PARAMETERS:
        if isinstance(state.get(name), dict):
            state[name].update({key: item for key, item in new.items() if key not in state[name]})


def _check_graphs(graphs: GraphSet, where: str) -> None:
    offsets, n_nodes = graphs._offsets, graphs._nodes.shape[0]
    rising = offsets.ndim == 1 and offsets.dtype == np.int64 and len(offsets) and (np.diff(offsets) >= 0).all()
    if not rising or offsets[0] != 0 or offsets[-1] != n_nodes or graphs._adjacency.shape != (n_nodes, n_nodes):
        raise ModelFileError(f"{where} must have offsets from 0 to its {n_nodes} nodes, and as many rows of edges")
    graphs._check()


def _finish_neural(value: NeuralEstimator, state: dict[str, Any], node: Node, decoder: Decoder, where: str) -> None:
    value.__setstate__(state)  # which tells of another version
    value._validate_params()
    if "module_" not in state:
        return
    module, kept = state["module_"], state.get("resolved_parameters_")
    if not isinstance(module, nn.Module) or not isinstance(kept, sklearn.utils.Bunch):
        raise ModelFileError(f"{where} must have a module_ and resolved_parameters_")
    check_type(module, training.tensor_dtype(kept["precision"]), f"{where}.module_")
    value._learner = _step_of(node.get("step"), module, decoder, f"{where}._learner")


def _is_of_sklearn(cls: type) -> bool:
    return cls.__module__.startswith("sklearn.")


def _is_plain(value: Any) -> bool:
    """Return whether all of a value is in its `__dict__`."""
    slots = any(getattr(cls, "__slots__", ()) for cls in type(value).__mro__)
    return hasattr(value, "__dict__") and not slots and not isinstance(value, type)


KINDS = (Kind("object", _is_plain, _encoded, _decoded),)
