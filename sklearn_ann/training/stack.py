"""Trainings of networks of one shape, computed as one."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from sklearn_ann.layers import Generators, Stochastic
from sklearn_ann.training.alike import LEAST
from sklearn_ann.training.effort import Effort
from sklearn_ann.training.joined import Cut, Source
from sklearn_ann.training.loop import Training
from sklearn_ann.training.stacked_adam import StackedAdam
from sklearn_ann.training.stacked_network import Slot, slots_of, stacked_network


class Stack:
    """Several trainings of networks of one shape, computed as one.

    Each member has its own course: order of the samples, noise, learning rate, early stopping. While it is in the stack
    its weights, and the averages of its optimiser, are views of those of the stack, so that all that a training does at
    the end of an epoch is what it does alone. One that is over leaves the stack, and what is left is made smaller.

    Parameters
    ----------
    runs : list of Training
        Trainings that `likeness` finds alike.
    """

    def __init__(self, runs: Sequence[Training]) -> None:
        self.runs: list[Training] = []
        self.effort = Effort(runs[0].device)
        self.template = copy.deepcopy(runs[0].step.module)
        self.slots = slots_of(self.template)
        self.network = stacked_network(self.template, runs[0].step.error, self.slots)
        self._stochastic = [part for part in self.template.modules() if isinstance(part, Stochastic)]
        self.learned = Source([run._learned for run in runs], runs[0].settings.batch_size)
        watched = [run._watched for run in runs if run._watched is not None]
        self.watched = Source(watched, runs[0].settings.batch_size) if watched else None
        self._enter(list(runs))

    # --- Members that come and go ------------------------------------------------------------------------------------

    def _enter(self, runs: list[Training]) -> None:
        """Move the weights of trainings, and the averages of their optimisers, into the stack."""
        self.runs = runs
        learned = [slot for slot in self.slots if not slot.buffer]
        own = [[slot.place(run.step.module)[slot.name] for slot in learned] for run in runs]
        bounds = [run.settings.max_grad_norm for run in runs]
        self.adam = StackedAdam(own, [run.step.optimizers[0] for run in runs], bounds)
        following = iter(self.adam.whole)
        self.network.whole = [self._joined(slot) if slot.buffer else next(following) for slot in self.slots]
        self._follow()
        self.generators = Generators([run.noise for run in runs])
        for layer in self._stochastic:
            layer.generator = self.generators

    def _joined(self, slot: Slot) -> Tensor:
        """Return a buffer of all members, of which their own become views."""
        places = [slot.place(run.step.module) for run in self.runs]
        whole = torch.stack([place[slot.name] for place in places])
        for place, view in zip(places, whole, strict=True):
            place[slot.name] = view
        return whole

    def _follow(self) -> None:
        for run in self.runs:
            for course, live in zip(run.courses, run.step.member_states(), strict=True):
                course.weights.follow(live)

    def leave(self) -> None:
        """Give each training memory of its own again."""
        self.adam.leave()
        for run in self.runs:
            for slot in self.slots:
                if slot.buffer:
                    place = slot.place(run.step.module)
                    place[slot.name] = place[slot.name].clone()
        self._follow()

    # --- Epochs ------------------------------------------------------------------------------------------------------

    def advance(self, until: int | None) -> Iterator[tuple[Training, ValueError]]:
        """Run the epochs that come next, each up to the epoch `until`; yield those that fail.

        It ends when fewer than `LEAST` are left, which are faster by themselves.
        """
        failed: list[Training] = []
        try:
            while True:
                going_on = [run for run in self.runs if not (run in failed or _rests(run, until))]
                if len(going_on) < LEAST:
                    break
                if len(going_on) < len(self.runs):
                    self.leave()
                    places = [place for place, run in enumerate(self.runs) if run in going_on]
                    self.learned = self.learned.only(places)
                    self.watched = None if self.watched is None else self.watched.only(places)
                    self._enter(going_on)
                for run, failure in self._run_epoch():
                    failed.append(run)
                    yield run, failure
        finally:
            self.leave()

    def _run_epoch(self) -> list[tuple[Training, ValueError]]:
        begin = time.perf_counter()
        for run in self.runs:
            run.begin_epoch()
        self.network.set_numbers([run.step.module for run in self.runs])
        self.adam.begin_epoch()
        losses = self._pass(self.learned, [run._shuffled() for run in self.runs])
        watched = None if self.watched is None else self._pass(self.watched, None)
        duration = (time.perf_counter() - begin) / len(self.runs)
        failures = []
        for member, run in enumerate(self.runs):
            try:
                run.end_epoch(
                    {"loss": losses[member]}, None if watched is None else {"loss": watched[member]}, duration
                )
            except ValueError as failure:
                failures.append((run, failure))
        return failures

    def _pass(self, source: Source, orders: Sequence[Tensor] | None) -> list[float]:
        """Go through the examples once, to learn if they come in given orders; return the mean losses."""
        training = orders is not None
        self.template.train(training)
        total: Any = 0.0
        with torch.set_grad_enabled(training):
            for cut in source.cuts(orders):
                total = total + self.effort.spend(self._losses, source, cut, training=training)
        sizes = [len(examples) for examples in source.examples]
        return [value / size for value, size in zip(total.tolist(), sizes, strict=True)]

    def _losses(self, source: Source, cut: Cut, *, training: bool) -> Tensor:
        """Return the sum of the losses of each member in a batch, before the step that is made in training."""
        samples = source.samples[cut.samples]
        target = samples if source.target is None else source.target[cut.samples]
        weight = None if source.weight is None else source.weight[cut.samples]
        self.generators.sizes = cut.sizes
        losses = self.network.losses(samples, target, weight)  # (members, batch)
        share = _share(losses, weight, cut.sizes)
        if training:
            self._descend(losses, share, cut)
            losses = losses.detach()
        return losses.sum(dim=1) if share is None else (losses * share).sum(dim=1)

    def _descend(self, losses: Tensor, share: Tensor | None, cut: Cut) -> None:
        """Move each member one step down the mean of its losses."""
        if share is None:
            gradient = torch.full_like(losses, 1.0 / losses.shape[1])
        elif cut.sizes is None:
            gradient = share / losses.shape[1]
        else:
            gradient = share / share.new_tensor(cut.sizes)[:, None]
        found = self.network.gradients(losses, gradient, self.adam.gradients)
        self.adam.step(found)


def _rests(run: Training, until: int | None) -> bool:
    return run.over or (until is not None and run.epoch >= until)


def _share(losses: Tensor, weight: Tensor | None, sizes: list[int] | None) -> Tensor | None:
    """Return how often each row of a batch counts; None if each counts once."""
    if sizes is None:
        return weight
    columns = torch.arange(losses.shape[1], device=losses.device)
    there = columns < torch.tensor(sizes, device=losses.device)[:, None]
    return there.to(losses) if weight is None else weight * there.to(weight)
