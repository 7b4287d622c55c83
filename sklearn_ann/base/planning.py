"""How a plan begins: with what is set, with what an earlier fit has kept, and with what all its processes share."""

from __future__ import annotations

import copy
from typing import Any

from sklearn.utils import Bunch

from sklearn_ann import training
from sklearn_ann.base.plan import Plan, given_parameters, kept_parameters
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
        rng = ranks.shared_state(rng)
    return Plan(reader, targets, parameters, rng, device, incremental, given, source, taken)


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
    validation = training.of_examples(plan.validation)
    digests = {
        "hyper-parameters": training.digest(parameters),
        **training.of_examples(plan.examples),
        **{f"{name} in validation": value for name, value in validation.items()},
    }
    ranks.compare(digests, owner)
    ranks.broadcast(list(plan.step.module.state_dict().values()))
    return plan
