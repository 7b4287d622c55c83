"""The one place that composes skorch: a net that is fed batches of indices and reads its loss once an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal

import torch
from skorch import NeuralNet
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from sklearn_ann.training.data import Batch
from sklearn_ann.training.device import Precision, autocast

Error = Callable[[Any, Any], Tensor]
"""The error of a network: ``(output, target) -> one loss a sample, shape (batch,)``."""

OptimizerName = Literal["adamw", "adam"]
_OPTIMIZERS = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam}
Schedule = Literal["constant", "cosine", "adaptive"]


@dataclass(frozen=True)
class Settings:
    """How to train; each value is the hyper-parameter of the same name."""

    max_epochs: int
    batch_size: int | None
    learning_rate: float
    learning_rate_schedule: Schedule
    optimizer: OptimizerName
    weight_decay: float
    max_grad_norm: float | None
    n_iter_no_change: int
    tol: float
    precision: Precision
    learning_rate_warmup: float = 0.0


class Network(NeuralNet):
    """A module with its error and its optimiser.

    What skorch gives: the life of module, optimiser and history. What is replaced: the epoch. skorch collates a batch
    sample by sample, notifies callbacks three times a batch and waits for the device at each; here a batch is an
    index into tensors and the loss is summed on the device.

    Parameters
    ----------
    module : nn.Module
        Trained in place; of the type and on the device that it shall be trained with.
    error : callable
        ``(output, target) -> Tensor of shape (batch,)``.
    settings : Settings
    """

    def __init__(self, module: nn.Module, error: Error, settings: Settings) -> None:
        device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
        super().__init__(
            module,
            criterion=error,
            optimizer=_OPTIMIZERS[settings.optimizer],
            optimizer__weight_decay=settings.weight_decay,
            optimizer__fused=True,
            lr=settings.learning_rate,
            train_split=None,
            callbacks="disable",
            verbose=0,
            device=device,
        )
        self.settings = settings
        self.initialize()
        self._trained = [parameter for group in self.optimizer_.param_groups for parameter in group["params"]]

    def initialize_criterion(self) -> Network:
        """Take the error as it is: it is a function, with nothing to initialise."""
        self.criterion_ = self.criterion
        return self

    def run_single_epoch(
        self, iterator: Iterable[Batch], training: bool, prefix: str, step_fn: Any = None, **fit_params: Any
    ) -> None:
        """Run one epoch over `iterator` and record its mean loss under ``<prefix>loss``."""
        step = step_fn or (self.train_step if training else self.validation_step)
        self.module_.train(training)
        total: Tensor | float = 0.0
        size = 0
        with torch.set_grad_enabled(training):
            for batch in iterator:
                total = total + step(batch)
                size += batch.size
        self.history.record(f"{prefix}loss", float(total) / size)

    def train_step(self, batch: Batch, **fit_params: Any) -> Tensor:
        """Take one step of the optimiser down the batch's mean loss and return the sum of its losses before it."""
        for parameter in self._trained:  # as optimizer.zero_grad() does, in a tenth of its time
            parameter.grad = None
        losses = self.losses(batch)
        # The gradient of the mean, without a mean in the graph.
        share = torch.full_like(losses, 1.0 / batch.size) if batch.weight is None else batch.weight / batch.size
        losses.backward(share)  # type: ignore[no-untyped-call]
        if self.settings.max_grad_norm is not None:
            nn.utils.clip_grad_norm_(self._trained, self.settings.max_grad_norm)
        self.optimizer_.step()
        return self._sum(losses.detach(), batch)

    def validation_step(self, batch: Batch, **fit_params: Any) -> Tensor:
        """Return the sum of the batch's losses."""
        return self._sum(self.losses(batch), batch)

    @staticmethod
    def _sum(losses: Tensor, batch: Batch) -> Tensor:
        return losses.sum() if batch.weight is None else losses @ batch.weight

    def losses(self, batch: Batch) -> Tensor:
        """Return the loss of each sample, shape (batch,)."""
        if self.settings.precision == "bfloat16":
            with autocast(torch.device(self.device), "bfloat16"):
                output = self.module_(batch.samples)
            output = _in_float32(output)  # the error is computed in full
        else:
            output = self.module_(batch.samples)
        losses: Tensor = self.criterion_(output, batch.target)
        return losses

    def settle(self, batches: Iterable[Batch]) -> None:
        """Average the statistics of batch normalisation over `batches`, with the weights as they are now.

        The running averages remember the weights of earlier steps: after a few large ones, prediction sees another
        network than training did (Wu and Johnson 2021, section 3, "precise batch normalisation").
        """
        if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in self.module_.modules()):
            bfloat16 = self.settings.precision == "bfloat16"
            with autocast(torch.device(self.device), "bfloat16") if bfloat16 else nullcontext():
                update_bn(([batch.samples] for batch in batches), self.module_)

    def adopt(self, settings: Settings) -> None:
        """Go on with other settings and the optimiser's state as it is."""
        self.settings = settings
        for group in self.optimizer_.param_groups:
            group["lr"], group["weight_decay"] = settings.learning_rate, settings.weight_decay

    def move(self, device: torch.device) -> None:
        """Move the module's parameters, in place, and the optimiser's state to `device`."""
        self.module_.to(device)
        for state in self.optimizer_.state.values():
            for name, value in state.items():
                if isinstance(value, Tensor):
                    state[name] = value.to(device)
        self.device = device

    # skorch's own state is a pickle inside the pickle, in which the module would be a second copy of the estimator's.
    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__.copy()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)


def _in_float32(output: Any) -> Any:
    if isinstance(output, Tensor):
        return output.float() if output.is_floating_point() else output
    return type(output)(*map(_in_float32, output)) if hasattr(output, "_fields") else tuple(map(_in_float32, output))
