"""How networks learn from a batch: the part of the engine that an architecture may exchange."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd
from torch.optim import Optimizer

from sklearn_ann.layers import FROZEN, BatchNorm, SupervisedNetwork, freeze_layers, weighing
from sklearn_ann.training.data import Batch, Examples
from sklearn_ann.training.device import Precision, autocast
from sklearn_ann.training.effort import Effort
from sklearn_ann.training.optimizers import FusedAdam
from sklearn_ann.training.ranks import Ranks

Error = Callable[[Any, Any], Tensor]
"""The error of a network: ``(output, target) -> one loss per sample, shape (batch,)``."""

OptimizerName = Literal["adamw", "adam"]
Schedule = Literal["constant", "cosine", "adaptive"]


@dataclass(frozen=True)
class Settings:
    """How to train; most values are the hyper-parameter of the same name.

    Attributes
    ----------
    rates : mapping
        Multiples of the learning rate by the names of the module's parameters; 1 for those that it lacks.
    frozen : tuple of str
        The layers that are frozen at first, in order from the input.
    unfreeze_every : int or None
        Number of epochs after which one more of them learns, the last first; None if all stay frozen.
    """

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
    rates: Mapping[str, float] = field(default_factory=dict)
    frozen: tuple[str, ...] = ()
    unfreeze_every: int | None = None


class Step:
    """One module, one optimiser, and a step down the mean loss of a batch.

    A subclass may change each of these: `make_optimizers` for several optimisers, `output` for a network that reads the
    target, `train` for several networks that take turns, `member_states` for networks that are trained side by side.
    Schedules, gradient clipping, patience, best weights and history follow from what the step has.

    Parameters
    ----------
    module : nn.Module
        Trained in place; already of the type and on the device of the training.
    error : callable
        ``(output, target) -> Tensor of shape (batch,)``, or (n_members, batch).
    settings : Settings

    Attributes
    ----------
    optimizers : list of Optimizer
        With several members, one for each.
    effort : Effort
        What its steps compute, and how many threads they are worth.
    trained : list of list of Parameter
        What each optimiser moves. Parameters with ``requires_grad=False`` are not among them.
    """

    concludes: ClassVar[bool] = True
    """Whether a loss that no longer falls ends the training and picks the best epoch."""
    ranks: Ranks | None = None
    """The processes that share each batch, for the duration of a training."""
    n_members: int = 1
    """Number of networks that are trained side by side; each has a loss, a patience and best weights of its own."""

    def __init__(self, module: nn.Module, error: Error, settings: Settings) -> None:
        self.module, self.error, self.settings = module, error, settings
        self.effort = Effort(batch_device(module))
        self.optimizers = self.make_optimizers()
        self.trained = [
            [parameter for group in optimizer.param_groups for parameter in group["params"]]
            for optimizer in self.optimizers
        ]
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["initial_lr"] = group["lr"]  # what schedules are multiples of

    # --- What a subclass may change --------------------------------------------------------------------------------

    def make_optimizers(self) -> list[Optimizer]:
        """Return the optimisers of the module's parameters."""
        return [self.optimizer_of(self.module.parameters())]

    def output(self, batch: Batch) -> Any:
        """Run the network; its output and the batch's target go to the error."""
        return self.module(batch.samples)

    def train(self, batch: Batch) -> dict[str, Tensor]:
        """Learn from a batch and return the sums of its losses before the step, by their names in the history.

        There is always a ``"loss"``: a scalar, or one value per member.
        """
        return {"loss": self.descend(self.losses(batch), batch)}

    def validate(self, batch: Batch) -> dict[str, Tensor]:
        """Return the sums of the batch's losses."""
        return {"loss": _sum(self.losses(batch), batch)}

    def member_states(self) -> list[list[Tensor]]:
        """Return the weights and running statistics of each member, as live tensors."""
        return [list(self.module.state_dict().values())]

    # --- What subclasses build on ----------------------------------------------------------------------------------

    def optimizer_of(self, parameters: Iterable[nn.Parameter]) -> Optimizer:
        """Make the optimiser that `settings` name, for the parameters that require a gradient, now or later."""
        settings = self.settings
        decoupled = settings.optimizer == "adamw"
        return FusedAdam(self.groups(parameters), settings.learning_rate, settings.weight_decay, decoupled=decoupled)

    def groups(self, parameters: Iterable[nn.Parameter]) -> list[dict[str, Any]]:
        """Return groups of parameters with one learning rate each, without those that never learn."""
        settings = self.settings
        names = {id(parameter): name for name, parameter in self.module.named_parameters()} if settings.rates else {}
        groups: dict[float, list[nn.Parameter]] = {}
        for parameter in parameters:
            if parameter.requires_grad or settings.unfreeze_every:
                multiple = settings.rates.get(names.get(id(parameter), ""), 1.0)
                groups.setdefault(multiple, []).append(parameter)
        rate = settings.learning_rate
        return [
            {"params": members, "lr": rate * multiple, "multiple": multiple} for multiple, members in groups.items()
        ]

    def losses(self, batch: Batch) -> Tensor:
        """Return the loss of each sample, shape (batch,), or (n_members, batch)."""
        with weighing(self.module, batch.weight):
            if self.settings.precision == "bfloat16":
                with autocast(batch_device(self.module), "bfloat16"):
                    output = self.output(batch)
                output = _in_float32(output)  # the error is computed in full precision
            else:
                output = self.output(batch)
        losses: Tensor = self.error(output, batch.target)
        return losses

    def descend(self, losses: Tensor, batch: Batch, which: Sequence[int] | None = None) -> Tensor:
        """Move the optimisers in `which`, by default all, one step down the mean of `losses`; return their sum."""
        chosen = range(len(self.optimizers)) if which is None else which
        for number in chosen:
            for parameter in self.trained[number]:  # like optimizer.zero_grad(), in a tenth of its time
                parameter.grad = None
        # This is the gradient of the mean, without a mean in the graph.
        share = torch.full_like(losses, 1.0 / batch.size) if batch.weight is None else batch.weight / batch.size
        losses.backward(share.expand_as(losses))
        if self.ranks is not None:
            for number in chosen:
                self.ranks.reduce_gradients(self.trained[number])
        if self.settings.max_grad_norm is not None:
            self.clip(chosen, self.settings.max_grad_norm)
        for number in chosen:
            self.optimizers[number].step()
        return _sum(losses.detach(), batch)

    def clip(self, which: Sequence[int], most: float) -> None:
        """Scale the gradients of each optimiser in `which` down to the Euclidean norm `most`."""
        for number in which:
            nn.utils.clip_grad_norm_(self.trained[number], most)

    def undivided(self, examples: Examples[Any]) -> str | None:
        """Return why several processes cannot have a part of each batch; None if they can."""
        if examples.samples.together:
            return "all its samples belong to one graph"
        if self.n_members > 1:
            return "several networks are trained as one"
        parts = trained_parts(self.module) if self.settings.unfreeze_every is None else self.module.modules()
        for part in parts:
            if isinstance(part, _DropoutNd | _BatchNorm) and not isinstance(part, BatchNorm):
                return f"its network has a layer {type(part).__name__} that knows of one process only"
        return next((why for part in self.module.modules() if (why := getattr(part, "undivided", None))), None)

    # --- What the engine asks --------------------------------------------------------------------------------------

    def prepared(self, examples: Examples[Any]) -> Examples[Any]:
        """Return what batches are cut from, once for a training."""
        return examples

    @property
    def learning_rate(self) -> float:
        """Today's learning rate of a parameter whose multiple is one."""
        group = self.optimizers[0].param_groups[0]
        return float(group["lr"] / group.get("multiple", 1.0))

    def begin_epoch(self, epoch: int) -> bool:
        """Let the layers learn whose time has come, and return whether some still wait; epochs count from 0."""
        every, frozen = self.settings.unfreeze_every, self.settings.frozen
        if every is None:
            return False
        n_frozen = max(0, len(frozen) - epoch // every)
        if n_frozen < len(frozen):
            assert isinstance(self.module, SupervisedNetwork)
            for network in self.module.parts:
                freeze_layers(network.body, frozen[:n_frozen])
        return n_frozen > 0

    def scale_rates(self, factors: Sequence[float]) -> None:
        """Set the learning rates to multiples of their initial values, one factor per member."""
        for number, optimizer in enumerate(self.optimizers):
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * factors[number if self.n_members > 1 else 0]

    def switch(self, training: bool) -> None:
        """Put the module into training mode, without its frozen parts, or into evaluation mode."""
        self.module.train(training)
        if training:
            for part in frozen_parts(self.module):
                part.eval()

    def settle(self, batches: Iterable[Batch]) -> None:
        """Average the statistics of batch normalisation over `batches`, with the current weights.

        The running averages remember the weights of earlier steps: after a few large steps, prediction sees another
        network than training did (Wu and Johnson 2021, section 3, "precise batch normalisation").
        """
        layers = [part for part in self.module.modules() if isinstance(part, _BatchNorm) and part.track_running_stats]
        if layers:
            self.switch(training=True)
            layers = [layer for layer in layers if layer.training]
        if not layers:
            return
        momenta = [layer.momentum for layer in layers]
        for layer in layers:
            layer.reset_running_stats()
        total = 0.0
        with torch.no_grad(), autocast(batch_device(self.module), self.settings.precision):
            for batch in batches:
                share = batch.size if batch.weight is None else float(batch.weight.sum())
                if batch.part is not None:
                    share = float(batch.part.heft)
                total += share
                for layer in layers:
                    layer.momentum = share / total  # makes an average over the samples
                with weighing(self.module, batch.weight):
                    self.output(batch)
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum

    def adopt(self, settings: Settings) -> None:
        """Go on with other settings; the optimisers keep their state."""
        self.settings = settings
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] = settings.learning_rate * group.get("multiple", 1.0)
                group["weight_decay"] = settings.weight_decay

    def state(self) -> dict[str, Any]:
        """Return a copy of the module's weights and statistics and of the optimisers' averages, on the CPU."""
        return {
            "module": _copied(self.module.state_dict()),
            "optimizers": [_copied(optimizer.state_dict()["state"]) for optimizer in self.optimizers],
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Take weights, statistics and averages from `state`."""
        self.module.load_state_dict(state["module"])
        for optimizer, averages in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict({"state": averages, "param_groups": optimizer.state_dict()["param_groups"]})

    def forget(self) -> None:
        """Clear the state of the optimisers, whose averages may have gone wrong with the weights."""
        for optimizer in self.optimizers:
            optimizer.state.clear()

    def move(self, device: torch.device) -> None:
        """Move the module's parameters, in place, and the state of the optimisers to `device`."""
        self.module.to(device)
        for optimizer in self.optimizers:
            for state in optimizer.state.values():
                for name, value in state.items():
                    if isinstance(value, Tensor):
                        state[name] = value.to(device)


def frozen_parts(module: nn.Module) -> list[nn.Module]:
    """Return the largest submodules that are marked as frozen, or whose parameters require no gradient.

    They stay in evaluation mode: a frozen batch normalisation keeps its statistics, also one that has no parameters.
    """
    if getattr(module, FROZEN, False):
        return [module]
    trained = [parameter.requires_grad for parameter in module.parameters()]
    if all(trained):  # also without parameters
        return []
    if not any(trained):
        return [module]
    return [part for child in module.children() for part in frozen_parts(child)]


def trained_parts(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the submodules that are in training mode in a training."""
    frozen = {id(part) for whole in frozen_parts(module) for part in whole.modules()}
    return (part for part in module.modules() if id(part) not in frozen)


def batch_device(module: nn.Module) -> torch.device:
    """Return the device of the module's parameters."""
    first = next(module.parameters(), None)
    return torch.device("cpu") if first is None else first.device


def _copied(state: Any) -> Any:
    if isinstance(state, Tensor):
        return state.detach().to("cpu", copy=True)
    return {name: _copied(value) for name, value in state.items()} if isinstance(state, Mapping) else state


def _sum(losses: Tensor, batch: Batch) -> Tensor:
    return losses.sum(dim=-1) if batch.weight is None else losses @ batch.weight


def _in_float32(output: Any) -> Any:
    if isinstance(output, Tensor):
        return output.float() if output.is_floating_point() else output
    return type(output)(*map(_in_float32, output)) if hasattr(output, "_fields") else tuple(map(_in_float32, output))
