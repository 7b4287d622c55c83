"""Whether a training has got anywhere."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sklearn_ann import training
from sklearn_ann.base.plan import Plan
from sklearn_ann.layers import SupervisedNetwork

_EPOCHS = 10  # fewer are a trial, from which nothing is concluded
_SHARE = 0.99  # of the loss of a constant, above which nothing was learned


def complaint_about(owner: str, plan: Plan, run: training.Training) -> str | None:
    """Return what a user should know of a training that has ended: it was too short, or it has led nowhere."""
    p = plan.parameters
    if plan.incremental:
        return None
    if not (run.converged or run.stopped or p.learning_rate_schedule == "cosine"):
        return (
            f"The loss of {owner} was still falling after max_epochs={p.max_epochs} epochs. "
            "A greater max_epochs, learning_rate or tol lets it converge."
        )
    if run.epoch < _EPOCHS:
        return None
    losses = losses_of_nothing(plan, run.history[-1]["loss"])
    if losses is None:
        return None
    return (
        f"{owner} has learned nothing: its loss on the training data, {losses[0]:.4g}, is that of the best "
        f"constant prediction, {losses[1]:.4g}. Try another dropout, learning_rate or normalization. X may also "
        "contain no information about y."
    )


def losses_of_nothing(plan: Plan, last_loss: float) -> tuple[float, float] | None:
    """Return the loss of the network and of the best constant, on the training data, if they are alike; else None.

    The network is asked without dropout and noise, and only if its last loss in training is about that of the constant.
    """
    module, targets, examples = plan.step.module, plan.targets, plan.examples
    if targets is None or not isinstance(examples.target, training.Rows) or not isinstance(module, SupervisedNetwork):
        return None
    rows = torch.arange(len(examples.samples)) if examples.rows is None else examples.rows
    target = examples.target[rows]
    constant = targets.constant(target)
    if constant is None:
        return None

    def loss(outputs: Tensor) -> float:
        losses = targets.error(outputs, target)
        return float((losses if examples.weight is None else losses * examples.weight[rows]).mean())

    of_constant = loss(constant.expand(len(rows), -1))
    if of_constant == 0 or last_loss < _SHARE * of_constant:
        return None
    outputs: np.ndarray = plan.apply(module, examples.samples, SupervisedNetwork.forward)
    of_network = loss(torch.from_numpy(outputs)[rows].to(targets.dtype))
    return (of_network, of_constant) if of_network > _SHARE * of_constant else None
