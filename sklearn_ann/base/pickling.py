"""Pickles that open on another machine, and that tell by which version they were written."""

from __future__ import annotations

import copy
from typing import Any

import torch
from sklearn.exceptions import InconsistentVersionWarning

from sklearn_ann._version import __version__
from sklearn_ann._warnings import warn


def portable(state: dict[str, Any]) -> dict[str, Any]:
    """Return the state of an estimator with its version, whose network is on the CPU: a file must open anywhere."""
    state = state | {"_sklearn_ann_version": __version__}
    if state.get("_device") is not None:
        if state["_device"].type != "cpu":
            state["module_"], state["_learner"] = copy.deepcopy((state["module_"], state["_learner"]))
            state["_learner"].move(torch.device("cpu"))
        state["_device"] = None
    return _without_source(state)


def _without_source(state: dict[str, Any]) -> dict[str, Any]:
    """Leave out the source that a fit began from, which may be as large as the model, once `init_from` is another."""
    for name in ("_given", "resolved_parameters_"):
        values = state.get(name, {})
        if values.get("init_from") is not None and values["init_from"] is not state.get("init_from"):
            state = state | {name: copy.copy(values)}
            state[name]["init_from"] = None
    return state


def opened(state: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the state without its version; warn if that is another one. `name` is the estimator's class."""
    version = state.get("_sklearn_ann_version", "unknown")
    if version != __version__:
        warn(
            InconsistentVersionWarning(
                estimator_name=name,
                current_sklearn_version=f"{__version__} of sklearn_ann",
                original_sklearn_version=f"{version} of sklearn_ann",
            )
        )
    return {key: value for key, value in state.items() if key != "_sklearn_ann_version"}
