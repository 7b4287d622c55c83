"""A skorch net around a trained network, for people who know skorch.

The engine itself does not use skorch. skorch imports PyTorch Geometric wherever that is installed, which takes seconds,
so this file imports skorch only when a net is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from sklearn_ann.training.step import Error, Step, batch_device


class ErrorModule(nn.Module):
    """The error of a step as a module, with the mean over the batch that skorch expects."""

    def __init__(self, error: Error) -> None:
        super().__init__()
        self.error = error

    def forward(self, output: Any, target: Any) -> Tensor:
        """Return the mean loss."""
        return self.error(output, target).mean()


class Existing:
    """An optimiser that is there already, for skorch to "make"."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer

    def __call__(self, *_: Any, **__: Any) -> Optimizer:
        """Return the optimiser, whatever it is asked to be made of."""
        return self.optimizer


def as_skorch_net(step: Step, history: Sequence[dict[str, Any]]) -> Any:
    """Return a ``skorch.NeuralNet`` that shares the module and the optimiser of `step`.

    Parameters
    ----------
    step : Step
        With several optimisers, the net has the first one.
    history : sequence of dict
        The records of the epochs.

    Returns
    -------
    skorch.NeuralNet
        Initialised, with ``module_``, ``optimizer_``, ``criterion_`` and ``history``.
    """
    from skorch import NeuralNet
    from skorch.history import History

    settings = step.settings
    net = NeuralNet(
        step.module,
        criterion=ErrorModule(step.error),
        optimizer=Existing(step.optimizers[0]),
        lr=settings.learning_rate,
        max_epochs=settings.max_epochs,
        batch_size=-1 if settings.batch_size is None else settings.batch_size,
        train_split=None,
        callbacks="disable",
        verbose=0,
        device=batch_device(step.module),
    ).initialize()
    net.history_ = History({"batches": []} | record for record in history)
    return net
