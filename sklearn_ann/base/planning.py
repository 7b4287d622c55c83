"""How a plan begins: with what is set, with what an earlier fit has kept, and with what all its processes share."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from sklearn_ann import training
from sklearn_ann._version import __version__
from sklearn_ann.base.plan import Plan, given_parameters, hold_out, kept_parameters
from sklearn_ann.base.sources import begun, with_parameters


def new_plan(estimator: Any, X: Any, going_on: bool, incremental: bool) -> Plan:
    """Return the plan of a fit, in which nothing is read yet.

    Parameters
    ----------
    estimator : NeuralEstimator
        It stays as it is.
    X
        The samples.
    going_on : bool
        Whether the fit goes on from the earlier one.
    incremental : bool
        Whether it is one epoch of ``partial_fit``.
    """
    given = given_parameters(estimator)
    kept = given
    if going_on:
        kept = kept_parameters(given, estimator._given, estimator.resolved_parameters_, incremental)
    source, taken = begun(estimator, X, going_on, incremental)
    like = with_parameters(estimator, taken)
    parameters = Bunch(**kept | (taken or {}))
    find_device = training.available_device if going_on and incremental else training.resolve_device
    device = find_device(parameters.device, parameters.precision)
    common = {"owner": type(estimator).__name__, "dtype": training.tensor_dtype(parameters.precision)}
    if going_on:
        rng = copy.deepcopy(estimator._rng)
        reader, targets = estimator.reader_.retyped(common["dtype"]), like._targets(**common)
        if not incremental and taken is None:
            reader.hold_options(estimator._reader(X, **common))
        if targets is not None:
            if not incremental:
                estimator._coder.hold_options(targets, but="class_weight")
            targets = estimator._coder.renewed(targets)
    else:
        rng = training.as_random_state(estimator.random_state)
        reader = like._reader(X, **common) if source is None else source.reader_for(like, X, **common)
        targets = like._targets(**common)
    ranks = training.active()
    if ranks is not None:
        training.set_state(rng, str((ranks.broadcast_bytes(training.state_text(rng).encode()) or b"").decode()))
    return Plan(reader, targets, parameters, rng, device, incremental, given, source, taken)


def read_samples(
    estimator: Any, plan: Plan, X: Any, y: Any, sample_weight: Any, *, learn: bool, **target_options: Any
) -> training.Examples[Any]:
    """Read the samples of a fit; in a search, others may have read the same ones by the same rules already.

    Parameters
    ----------
    estimator : NeuralEstimator
        A search leaves it a function `_reading`, which is asked once.
    plan : Plan
        Gets the reader and the targets that have learned.
    X, y, sample_weight
        As in `Plan.read`.
    learn : bool
        Whether the reader is new.
    **target_options
        As in `Plan.read`.
    """
    read = partial(plan.read, X, y, sample_weight, learn=learn, **target_options)
    reading = estimator.__dict__.pop("_reading", None)
    if reading is None or not learn or target_options:
        return read()
    examples: training.Examples[Any] = reading(plan, read, weighted=sample_weight is not None)
    return examples


def digests_of(plan: Plan) -> dict[str, bytes]:
    """Return digests of all that a fit has read and learned before it trains."""
    validation = training.of_examples(plan.validation)
    return {
        **training.of_examples(plan.examples),
        **{f"validation {name}": one for name, one in validation.items()},
        "rules to read samples": training.digest(plan.reader),
        "rules to read targets": training.digest(plan.targets),
    }


def digest_of_source(plan: Plan) -> bytes:
    """Return a digest of the weights that a new network begins from."""
    bodies = [] if plan.source is None else plan.source.bodies
    return training.digest([list(body.state_dict().values()) for body in bodies])


def resume(plan: Plan, estimator: Any, going_on: bool) -> None:
    """Find the checkpoint of a fit whose samples are read, before anything is drawn.

    Raises
    ------
    ValueError
        If the file is of another fit, or damaged.
    """
    given = plan.given
    if given["checkpoint"] is None or plan.incremental:  # one epoch, and the next one goes on by itself
        return
    identity = {
        name: _shown(value)
        for name, value in given.items()
        if name not in ("checkpoint", "device", "distributed", "random_state", "verbose")
    }
    if given["random_state"] is not None:
        identity["random_state"] = _shown(training.state_text(plan.rng))
    digests = digests_of(plan)
    digests["earlier fit"] = training.digest(list(estimator.module_.state_dict().values()) if going_on else None)
    digests["source"] = digest_of_source(plan)
    identity |= {name: f"one of digest {value.hex()[:12]}" for name, value in digests.items()}
    identity |= {"kind of device": plan.device.type, "version of sklearn_ann": __version__}
    plan.checkpoint = training.Checkpoint(given["checkpoint"], type(estimator).__name__, identity)
    state = plan.checkpoint.state
    if state is not None and given["random_state"] is None:
        training.set_state(plan.rng, state["rng"])
    plan.checkpoint.rng = training.state_text(plan.rng)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 60 and " at 0x" not in text else f"one of digest {training.digest(value).hex()[:12]}"


def split_off(plan: Plan, groups: np.ndarray | None) -> None:
    """Make a part of the plan's examples its validation data, stratified by class and in whole groups."""
    target: Any = plan.examples.target
    target = target.values if isinstance(target, training.Rows) else target
    strata = None if plan.targets is None else plan.targets.strata(target)
    fraction = plan.parameters.validation_fraction
    plan.examples, plan.validation = hold_out(plan.examples, strata, fraction, plan.rng, groups)


def agree(plan: Plan, owner: str) -> Plan:
    """Return the plan when all processes of the fit have the same one, and the same weights.

    Raises
    ------
    ValueError
        If they have not, or if several processes cannot share a batch.
    """
    ranks = training.active()
    if ranks is None:
        return plan
    why = plan.step.undivided(plan.examples)
    if why is not None:
        raise ValueError(
            f"{owner} cannot be trained by several processes, because {why}. With distributed=False each process "
            "trains it alone"
        )
    parameters = {name: value for name, value in plan.given.items() if name not in ("verbose", "random_state")}
    ranks.compare({"hyper-parameters": training.digest(parameters)} | digests_of(plan), owner)
    ranks.broadcast(list(plan.step.module.state_dict().values()))
    return plan
