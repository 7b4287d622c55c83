"""The epochs: run, watch, keep the best, decide to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer, lr_scheduler

from sklearn_ann.layers import WarmUp
from sklearn_ann.training.data import Batch, Examples, batches
from sklearn_ann.training.network import Network, Settings
from sklearn_ann.training.random import noise_from


class Observer(Protocol):
    """Someone who is told of every epoch: a progress line, scikit-learn's callbacks."""

    def epoch_begins(self, training: Training) -> None: ...

    def epoch_ends(self, training: Training) -> bool:
        """Return True to stop the training here."""
        ...


class Weights:
    """A copy of a module's weights and running statistics."""

    def __init__(self, module: nn.Module) -> None:
        self._live = list(module.state_dict().values())
        self._kept = [tensor.clone() for tensor in self._live]

    @torch.no_grad()
    def save(self) -> None:
        """Take the module's weights as they are now."""
        for kept, live in zip(self._kept, self._live, strict=True):
            kept.copy_(live)

    @torch.no_grad()
    def restore(self) -> None:
        """Put the saved weights back into the module."""
        for kept, live in zip(self._kept, self._live, strict=True):
            live.copy_(kept)


class Patience:
    """Tells when a loss has stopped to fall.

    An epoch counts as progress if its loss is below that of the last progress by more than
    ``tol * max(abs(loss), floor)``.

    Parameters
    ----------
    epochs : int
        Epochs without progress before `exhausted` turns True.
    tol : float
    floor : float
        The loss under which improvements do not matter in themselves: a classification that is already perfect has
        a loss that halves for ever.
    """

    def __init__(self, epochs: int, tol: float, floor: float) -> None:
        self.epochs, self.tol, self.floor = epochs, tol, floor
        self.reference = math.inf
        self.waited = 0

    @property
    def exhausted(self) -> bool:
        return self.waited >= self.epochs

    def watch(self, loss: float) -> None:
        """Take note of an epoch's loss."""
        if self.reference == math.inf or loss < self.reference - self.tol * max(abs(self.reference), self.floor):
            self.reference = loss
            self.waited = 0
        else:
            self.waited += 1


class Training:
    """One training of a network.

    Parameters
    ----------
    network : Network
        Trained in place.
    examples : Examples
        What to learn from.
    validation : Examples or None
        Held-out examples. With them the best epoch is that of the least loss on them, and its weights are the result;
        without them the loss on `examples` is watched and the last weights are the result.
    settings : Settings
    generator : torch.Generator
        On the CPU; orders the batches.
    noise : torch.Generator
        On the module's device; feeds its stochastic layers.
    loss_floor : float
        See `Patience`.
    settles : bool
        Whether `examples` are all that there are, so that the network may forget the statistics of any others.

    Attributes
    ----------
    epoch : int
        Complete epochs, earlier trainings of the same network counted in.
    best_epoch : int
        The epoch of the least watched loss in this training.
    converged : bool
        Whether the loss stopped to fall before the epochs ran out.
    stopped : bool
        Whether an observer ended the training.
    """

    def __init__(
        self,
        network: Network,
        examples: Examples,
        validation: Examples | None,
        settings: Settings,
        *,
        generator: torch.Generator,
        noise: torch.Generator,
        loss_floor: float = 0.0,
        settles: bool = True,
    ) -> None:
        self.network, self.settings = network, settings
        self.device = torch.device(network.device)
        self.examples = examples.to(self.device)
        self.validation = None if validation is None else validation.to(self.device)
        self.generator, self.noise = generator, noise
        self.settles = settles
        self.patience = Patience(settings.n_iter_no_change, settings.tol, loss_floor)
        self.epoch = len(network.history)
        self.best_epoch = self.epoch
        self.least_loss = math.inf
        self.converged = False
        self.stopped = False

    def run(self, observers: Sequence[Observer] = ()) -> None:
        """Train until the loss stops to fall, an observer says so or ``max_epochs`` have passed.

        Raises
        ------
        ValueError
            If the loss of an epoch is not finite.
        KeyboardInterrupt
            As it came. In both cases the module has the weights of its last good epoch again.
        """
        network, settings = self.network, self.settings
        schedules = _schedules(network.optimizer_, settings)
        weights = Weights(network.module_)
        last = self.epoch + settings.max_epochs
        new = self.settles and self.epoch == 0
        warm_ups = [module for module in network.module_.modules() if isinstance(module, WarmUp)] if new else []
        try:
            with noise_from(network.module_, self.noise):
                while self.epoch < last and not (self.converged or self.stopped):
                    for observer in observers:
                        observer.epoch_begins(self)
                    for warm_up in warm_ups:
                        warm_up.begin_epoch(self.epoch, settings.max_epochs)
                    warming = any(warm_up.weight < 1.0 for warm_up in warm_ups)
                    watched = self._run_epoch()
                    if watched < self.least_loss:
                        self.least_loss, self.best_epoch = watched, self.epoch
                    if self.validation is None or self.best_epoch == self.epoch:
                        weights.save()
                    if not warming:  # else the loss may rise because the weight does
                        self.patience.watch(watched)
                    self.converged = self.patience.exhausted
                    for schedule in schedules:
                        if not isinstance(schedule, lr_scheduler.ReduceLROnPlateau):
                            schedule.step()
                        elif not warming:
                            schedule.step(watched)
                    ends = [observer.epoch_ends(self) for observer in observers]
                    self.stopped = any(ends)
                if self.settles and self.validation is None:  # else the statistics are those that were validated
                    network.settle(self._batches(self.examples, self._shuffled()))
                    weights.save()
        except BaseException:
            network.optimizer_.state.clear()  # its averages may have gone wrong with the weights
            raise
        finally:
            weights.restore()
            for warm_up in warm_ups:
                warm_up.weight = 1.0

    def _run_epoch(self) -> float:
        """Run one epoch, record it in the network's history and return the loss that decides."""
        network, history = self.network, self.network.history
        begin = time.perf_counter()
        rate = network.optimizer_.param_groups[0]["lr"]
        history.new_epoch()
        try:
            network.run_single_epoch(self._batches(self.examples, self._shuffled()), training=True, prefix="")
            loss = history[-1]["loss"]
            if self.validation is not None:
                network.run_single_epoch(self._batches(self.validation), training=False, prefix="validation_")
                loss = history[-1]["validation_loss"]
            for name in ("loss", "validation_loss"):
                if not math.isfinite(history[-1].get(name, 0.0)):
                    raise ValueError(
                        f"{name} is {history[-1][name]} in epoch {self.epoch + 1} at learning_rate={rate:g}: the "
                        "training diverged. A smaller learning_rate, max_grad_norm=1.0 or scaled data may help."
                    )
        except BaseException:
            history.pop()  # only whole epochs are kept
            raise
        history.record("learning_rate", rate)
        history.record("duration", time.perf_counter() - begin)
        self.epoch += 1
        return float(loss)

    def _shuffled(self) -> Tensor:
        return torch.randperm(len(self.examples), generator=self.generator)

    def _batches(self, examples: Examples, order: Tensor | None = None) -> Sequence[Batch]:
        return batches(examples, self.settings.batch_size, self.device, order)  # type: ignore[return-value]


def _schedules(optimizer: Optimizer, settings: Settings) -> list[lr_scheduler.LRScheduler]:
    """What the learning rate is multiplied with in the course of the epochs."""
    schedules: list[lr_scheduler.LRScheduler] = []
    if settings.learning_rate_schedule == "cosine":
        schedules.append(lr_scheduler.CosineAnnealingLR(optimizer, settings.max_epochs))
    if settings.learning_rate_schedule == "adaptive":
        patience = settings.n_iter_no_change // 2
        schedules.append(
            lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.2, patience=patience, threshold=settings.tol)
        )
    n_warm = math.ceil(settings.learning_rate_warmup * settings.max_epochs)
    if n_warm:
        schedules.append(lr_scheduler.LinearLR(optimizer, start_factor=1 / (n_warm + 1), total_iters=n_warm))
    return schedules
