"""The epochs: run them, watch the loss, keep the best weights, decide when to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from sklearn_ann.layers import WarmUp
from sklearn_ann.training.checkpoints import Checkpoint
from sklearn_ann.training.data import Batch, Examples, Place, Samples, batches
from sklearn_ann.training.device import repeatable, tensor_dtype
from sklearn_ann.training.random import noise_from
from sklearn_ann.training.ranks import Ranks, dividing
from sklearn_ann.training.step import Settings, Step, batch_device


class Observer(Protocol):
    """Someone who is told of every epoch: a progress line, scikit-learn's callbacks."""

    def epoch_begins(self, training: Training) -> None:
        """Take note that an epoch begins."""

    def epoch_ends(self, training: Training) -> bool:
        """Return True to stop the training after this epoch."""


class Conductor(Protocol):
    """Someone who runs the epochs of trainings in their place; see `CONDUCTOR`."""

    def conduct(self, training: Training, observers: Sequence[Observer]) -> None:
        """Run the epochs of a training, as its `Training.advance` would."""


CONDUCTOR: ContextVar[Conductor | None] = ContextVar("CONDUCTOR", default=None)
"""Who runs the epochs of the trainings in this context, such as a search that trains many networks as one."""


class Weights:
    """A copy of a network's weights and running statistics.

    Parameters
    ----------
    live : list of Tensor
        The network's own tensors.
    """

    def __init__(self, live: list[Tensor]) -> None:
        self._live = live
        self._kept = [tensor.clone() for tensor in live]

    @torch.no_grad()
    def save(self) -> None:
        """Copy the network's current weights."""
        torch._foreach_copy_(self._kept, self._live)

    @torch.no_grad()
    def restore(self) -> None:
        """Put the saved weights back into the network."""
        torch._foreach_copy_(self._live, self._kept)

    def follow(self, live: list[Tensor]) -> None:
        """Go on with a network whose tensors have moved to other memory."""
        self._live = live

    def state(self) -> list[Tensor]:
        """Return a copy of the saved weights, on the CPU."""
        return [tensor.to("cpu", copy=True) for tensor in self._kept]

    @torch.no_grad()
    def resume(self, state: list[Tensor]) -> None:
        """Take saved weights from `state`."""
        torch._foreach_copy_(self._kept, state)


STEPS_OF_AN_EPOCH = 20  # an epoch of fewer steps is a part of one where epochs without progress are counted


class Patience:
    """Tells when a loss no longer falls.

    An epoch counts as progress if its loss is lower than the loss of the last progress by more than
    ``tol * max(abs(loss), floor)``. An epoch of two noisy steps says little: it counts as a tenth of an epoch.

    Parameters
    ----------
    epochs : int
        Epochs without progress before `exhausted` turns True.
    tol : float
    floor : float
        The loss below which improvements no longer matter: the loss of a perfect classifier halves for ever.
    """

    def __init__(self, epochs: int, tol: float, floor: float) -> None:
        self.epochs, self.tol, self.floor = epochs, tol, floor
        self.reference = math.inf
        self.waited = 0.0

    @property
    def exhausted(self) -> bool:
        return self.waited >= self.epochs - 1e-9  # a sum of fractions

    def watch(self, loss: float, n_steps: int) -> None:
        """Take note of the loss of an epoch of `n_steps` optimiser steps."""
        if self.reference == math.inf or loss < self.reference - self.tol * max(abs(self.reference), self.floor):
            self.reference = loss
            self.waited = 0.0
        else:
            self.waited += min(1.0, n_steps / STEPS_OF_AN_EPOCH)


class LearningRate:
    """The factor of the learning rate in each epoch: a linear warm-up times the schedule.

    Parameters
    ----------
    settings : Settings
        ``"cosine"`` falls to zero over `max_epochs` along half a cosine. ``"adaptive"`` divides by five whenever the
        watched loss has not fallen for more than half of `n_iter_no_change` epochs; see `Patience` for short epochs.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.n_warm = math.ceil(settings.learning_rate_warmup * settings.max_epochs)
        self.epoch = 0
        self.reduction = 1.0
        self.best = math.inf
        self.waited = 0.0

    @property
    def factor(self) -> float:
        """The factor in the current epoch."""
        factor = self.reduction * min(1.0, (self.epoch + 1) / (self.n_warm + 1))
        if self.settings.learning_rate_schedule == "cosine":
            factor *= 0.5 * (1 + math.cos(math.pi * self.epoch / self.settings.max_epochs))
        return factor

    def end_epoch(self, loss: float | None, n_steps: int) -> None:
        """Go on to the next epoch; `loss` is the watched loss, or None if it says nothing."""
        self.epoch += 1
        if self.settings.learning_rate_schedule != "adaptive" or loss is None:
            return
        if self.best == math.inf or loss < self.best - self.settings.tol * abs(self.best):
            self.best, self.waited = loss, 0.0
            return
        self.waited += min(1.0, n_steps / STEPS_OF_AN_EPOCH)
        if self.waited > self.settings.n_iter_no_change // 2:
            self.reduction, self.waited = self.reduction / 5, 0.0


class Course:
    """The course of one network in a training.

    Attributes
    ----------
    best_epoch : int
        The epoch of the least watched loss in this training.
    last_epoch : int
        The epoch after which it was no longer trained.
    done : bool
        Whether its loss had stopped falling by then.
    """

    def __init__(self, live: list[Tensor], settings: Settings, floor: float, epoch: int) -> None:
        self.weights = Weights(live)
        self.rate = LearningRate(settings)
        self.patience = Patience(settings.n_iter_no_change, settings.tol, floor)
        self.best_epoch = self.last_epoch = epoch
        self.least_loss = math.inf
        self.done = False
        # The end of half a cosine is known: on its way, at a high rate, the loss says nothing of it.
        self.patient = settings.learning_rate_schedule != "cosine"

    def state(self) -> dict[str, Any]:
        """Return a copy of all that changes."""
        return {
            "weights": self.weights.state(),
            **{name: getattr(self, name) for name in ("best_epoch", "last_epoch", "least_loss", "done")},
            "rate": {name: getattr(self.rate, name) for name in ("epoch", "reduction", "best", "waited")},
            "patience": {name: getattr(self.patience, name) for name in ("reference", "waited")},
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Take all that changes from `state`."""
        own = dict(state)
        self.weights.resume(own.pop("weights"))
        vars(self.rate).update(own.pop("rate"))
        vars(self.patience).update(own.pop("patience"))
        vars(self).update(own)

    def end_epoch(
        self, epoch: int, loss: float, n_steps: int, *, warming: bool, keeps_best: bool, concludes: bool
    ) -> None:
        """Take note of an epoch.

        Parameters
        ----------
        epoch : int
        loss : float
            The watched loss.
        n_steps : int
            Optimiser steps in the epoch.
        warming : bool
            Whether a warm-up is under way, in which the loss may rise because a weight rises, or layers that will learn
            are still frozen.
        keeps_best : bool
            Whether to keep the weights of the best epoch, and not those of the last.
        concludes : bool
            Whether the loss says anything.
        """
        if self.done:
            return
        self.last_epoch = epoch
        if loss < self.least_loss or not concludes:
            self.least_loss, self.best_epoch = loss, epoch
        if not keeps_best or self.best_epoch == epoch:
            self.weights.save()
        says = concludes and not warming
        if says and self.patient:
            self.patience.watch(loss, n_steps)
            self.done = self.patience.exhausted
        self.rate.end_epoch(loss if says else None, n_steps)


class Training:
    """One training.

    Parameters
    ----------
    step : Step
        What learns; its module is trained in place.
    examples : Examples
        What to learn from.
    validation : Examples or None
        Held-out examples. With them, the weights of the epoch with the least loss on them are kept. Without them, the
        loss on `examples` is watched and the last weights are kept.
    history : list of dict
        Records of the epochs so far; new ones are appended.
    generator : torch.Generator
        On the CPU; orders the batches.
    noise : torch.Generator
        On the module's device; feeds its stochastic layers.
    loss_floor : float
        See `Patience`.
    settles : bool
        Whether `examples` are all the examples there are, so that statistics of earlier ones may be forgotten.
    ranks : Ranks or None
        The processes that have a part of each batch; None for one that has all.
    checkpoint : Checkpoint or None
        Where to go on from, and where to keep how far it is.

    Attributes
    ----------
    epoch : int
        Complete epochs, including those of earlier trainings of the same network.
    first, last : int
        The epochs after which it begins, and ends at the latest.
    courses : list of Course
        One per member of the step.
    converged : bool
        Whether the loss stopped falling before the epochs ran out; always true where nothing is concluded from it, and
        never with the schedule ``"cosine"``, which needs all epochs.
    stopped : bool
        Whether an observer ended the training.
    """

    def __init__(
        self,
        step: Step,
        examples: Examples[Samples],
        validation: Examples[Samples] | None,
        *,
        history: list[dict[str, Any]],
        generator: torch.Generator,
        noise: torch.Generator,
        loss_floor: float = 0.0,
        settles: bool = True,
        ranks: Ranks | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self.ranks = ranks
        self.checkpoint = (
            checkpoint if CONDUCTOR.get() is None else None
        )  # which runs the epochs in an order of its own
        self.step, self.settings, self.history = step, step.settings, history
        self.device = batch_device(step.module)
        step.effort.expect(min(self.settings.batch_size or len(examples), len(examples)))
        self.examples = examples.to(self.device)
        self.validation = None if validation is None else validation.to(self.device)
        self._learned = step.prepared(self.examples)
        self._watched = None if self.validation is None else step.prepared(self.validation)
        self.generator, self.noise = generator, noise
        self.settles = settles
        self.epoch = len(history)
        self.courses = [Course(live, self.settings, loss_floor, self.epoch) for live in step.member_states()]
        self.converged = not step.concludes
        self.stopped = False
        self.first, self.last = self.epoch, self.epoch + self.settings.max_epochs
        new = self.settles and self.epoch == 0
        self._warm_ups = [module for module in step.module.modules() if isinstance(module, WarmUp)] if new else []
        self._warming = False
        if self.checkpoint is not None:
            self.checkpoint.restore(self)

    @property
    def best_epoch(self) -> int:
        """The best epoch of the first member."""
        return self.courses[0].best_epoch

    def run(self, observers: Sequence[Observer] = ()) -> None:
        """Train until the loss stops falling, an observer says so or ``max_epochs`` have passed.

        Raises
        ------
        ValueError
            If the loss of an epoch is not finite.
        KeyboardInterrupt
            As it came. In both cases the module has the weights of its last good epoch again.
        """
        try:
            conductor = CONDUCTOR.get()
            if conductor is None:
                self.advance(observers)
            else:
                conductor.conduct(self, observers)
            self.finish()
        except BaseException:
            self.fail()
            raise

    @property
    def over(self) -> bool:
        """Whether there are no further epochs to run."""
        return self.epoch >= self.last or self.stopped or (self.step.concludes and self.converged)

    def advance(self, observers: Sequence[Observer] = (), *, until: int | None = None) -> None:
        """Run the epochs that come next, up to the epoch `until` if it is given; the training can go on from there."""
        with self._computing():
            while not (self.over or (until is not None and self.epoch >= until)):
                for observer in observers:
                    observer.epoch_begins(self)
                self._run_epoch()
                ends = [observer.epoch_ends(self) for observer in observers]
                self.stopped = any(ends) if self.ranks is None else self.ranks.any(any(ends))
                if self.checkpoint is not None:
                    self.checkpoint.note(self)

    @contextmanager
    def _computing(self) -> Iterator[None]:
        step, divided = self.step, dividing(self.step, self.ranks)
        with noise_from(step.module, self.noise), divided, repeatable(self.device), step.effort.threads():
            yield

    def finish(self) -> None:
        """End the training: check the weights, settle what is averaged over the data, and put the kept weights back."""
        with self._computing():
            self._check_weights()
            if self.settles and self.validation is None:  # otherwise the statistics are those that were validated
                self._settle()
        self._put_back()

    def state(self) -> dict[str, Any]:
        """Return a copy of all that `resume` needs to go on from here, on the CPU."""
        return {
            "step": self.step.state(),
            "courses": [course.state() for course in self.courses],
            "history": [dict(record) for record in self.history],
            "draws": [generator.get_state() for generator in (self.generator, self.noise)],
            "converged": self.converged,
            "stopped": self.stopped,
            "work": self.step.effort.work,
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from where another training of the same network, on the same examples, was."""
        self.step.resume(state["step"])
        for course, earlier in zip(self.courses, state["courses"], strict=True):
            course.resume(earlier)
        self.history[:] = [dict(record) for record in state["history"]]
        self.epoch = len(self.history)
        for generator, drawn in zip((self.generator, self.noise), state["draws"], strict=True):
            generator.set_state(drawn)
        self.converged, self.stopped, self.step.effort.work = state["converged"], state["stopped"], state["work"]

    def fail(self) -> None:
        """Put the weights of the last good epoch back, and forget the optimiser's averages."""
        self.step.forget()
        self._put_back()

    def _put_back(self) -> None:
        for course in self.courses:
            course.weights.restore()
        for warm_up in self._warm_ups:
            warm_up.weight = 1.0

    # --- One epoch -------------------------------------------------------------------------------------------------

    def _run_epoch(self) -> None:
        begin = time.perf_counter()
        self.begin_epoch()
        losses = self._pass(self._learned, self._shuffled())
        validation = None if self._watched is None else self._pass(self._watched)
        self.end_epoch(losses, validation, time.perf_counter() - begin)

    def begin_epoch(self) -> None:
        """Set all that depends on the number of the epoch."""
        for warm_up in self._warm_ups:
            warm_up.begin_epoch(self.epoch, self.settings.max_epochs)
        self._warming = self.step.begin_epoch(self.epoch) or any(warm_up.weight < 1.0 for warm_up in self._warm_ups)
        self.step.scale_rates([course.rate.factor for course in self.courses])

    def end_epoch(self, losses: dict[str, Any], validation: dict[str, Any] | None, duration: float) -> None:
        """Record the mean losses of an epoch, keep its weights if they are the best, and decide whether to go on.

        Raises
        ------
        ValueError
            If a loss is not finite.
        """
        rate = self.step.learning_rate
        record = losses | {f"validation_{name}": value for name, value in (validation or {}).items()}
        for name, value in record.items():
            if not np.isfinite(value).all():
                raise ValueError(
                    f"{name} is {value} in epoch {self.epoch + 1} at learning_rate={rate:g}: the training diverged. "
                    "A smaller learning_rate, max_grad_norm=1.0 or scaled data may help."
                )
        self.history.append(record | {"learning_rate": rate, "duration": duration})
        self.epoch += 1
        watched = np.atleast_1d(record["loss" if validation is None else "validation_loss"])
        for course, loss in zip(self.courses, watched, strict=True):
            course.end_epoch(
                self.epoch,
                float(loss),
                self._steps_of_an_epoch,
                warming=self._warming,
                keeps_best=self.validation is not None,
                concludes=self.step.concludes,
            )
        if self.step.concludes:
            self.converged = all(course.done for course in self.courses)

    def _pass(self, examples: Examples[Samples], order: Tensor | None = None) -> dict[str, Any]:
        """Go through `examples` once, to train if they come in a given order; return the mean losses by name."""
        training = order is not None
        self.step.switch(training)
        run = self.step.train if training else self.step.validate
        totals: dict[str, Tensor] = {}
        size = 0
        with torch.set_grad_enabled(training):
            for batch in self._batches(examples, order):
                for name, loss in self.step.effort.spend(run, batch).items():
                    totals[name] = totals[name] + loss if size else loss
                size += batch.size
        if self.ranks is not None:
            totals = self.ranks.totals(totals)
        # This is the one place in an epoch that waits for the device.
        return {name: np.divide(total.tolist(), size).tolist() for name, total in totals.items()}

    @property
    def _steps_of_an_epoch(self) -> int:
        size = self.settings.batch_size
        return 1 if size is None else -(-len(self.examples) // size)

    def _check_weights(self) -> None:
        """Refuse weights that the last step made infinite: the loss of an epoch is taken before its last step."""
        if not all(bool(parameter.isfinite().all()) for parameter in self.step.module.parameters()):
            rate = self.step.learning_rate
            raise ValueError(
                f"weights are not finite after epoch {self.epoch} at learning_rate={rate:g}: the training diverged. "
                "A smaller learning_rate, max_grad_norm=1.0 or scaled data may help."
            )

    def _settle(self) -> None:
        for course in self.courses:
            course.weights.restore()
        self.step.settle(self._batches(self._learned, self._shuffled()))
        for course in self.courses:
            course.weights.save()

    def _shuffled(self) -> Tensor:
        return torch.randperm(len(self.examples), generator=self.generator)

    def _batches(self, examples: Examples[Samples], order: Tensor | None = None) -> Iterator[Batch]:
        ranks = self.ranks
        if ranks is None:
            yield from batches(examples, self.settings.batch_size, self.device, order)
            return
        place = Place(ranks.rank, ranks.size, tensor_dtype(self.settings.precision))
        for batch in batches(examples, self.settings.batch_size, self.device, order, place):
            ranks.begin(batch.part, one_shape=examples.samples.one_shape, weighted=examples.weight is not None)
            yield batch
