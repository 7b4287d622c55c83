"""A step that costs the batch, not the embedding matrices: Adam on the rows that a batch has met."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from sklearn_ann.factorization.network import LevelEmbedding
from sklearn_ann.training import Error, Step
from sklearn_ann.training.data import Batch, Examples


class RowAdam(Optimizer):
    """Adam (Kingma and Ba 2015) of matrices whose gradients are sparse: rows without a gradient stay as they are.

    Moments and weight decay of a row move when the row has a gradient, and the corrections of the moments count the
    steps of all rows together, as in ``torch.optim.SparseAdam``.

    Parameters
    ----------
    parameters : iterable of Parameter, or of groups of them
        Matrices, (n_rows, width).
    lr, weight_decay : float
    decoupled : bool
        Whether the weight decay is AdamW's (Loshchilov and Hutter 2019, algorithm 2).
    """

    def __init__(self, parameters: Any, lr: float, weight_decay: float, *, decoupled: bool) -> None:
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "decoupled_weight_decay": decoupled,
            "betas": (0.9, 0.999),
            "eps": 1e-8,
        }
        super().__init__(parameters, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move the rows that have a gradient; return what `closure`, which may compute it, returns."""
        result = None
        if closure is not None:
            with torch.enable_grad():
                result = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad.coalesce(), group)
        return result

    def _move(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = 0
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        state["step"] += 1
        rows, values = gradient._indices()[0], gradient._values()
        (first, second), rate, decay = group["betas"], group["lr"], group["weight_decay"]
        weight = parameter.index_select(0, rows)
        if decay and group["decoupled_weight_decay"]:
            weight.mul_(1 - rate * decay)
        elif decay:
            values = values.add(weight, alpha=decay)
        mean = state["exp_avg"].index_select(0, rows).lerp_(values, 1 - first)
        square = state["exp_avg_sq"].index_select(0, rows).mul_(second).addcmul_(values, values, value=1 - second)
        state["exp_avg"].index_copy_(0, rows, mean)
        state["exp_avg_sq"].index_copy_(0, rows, square)
        corrected = square.div_(1 - second ** state["step"]).sqrt_().add_(group["eps"])
        weight.addcdiv_(mean, corrected, value=-rate / (1 - first ** state["step"]))
        parameter.index_copy_(0, rows, weight)


class LevelStep(Step):
    """A step on entries as they are and as if their fibres were held out.

    Its error is `of_both`. Large embedding matrices have sparse gradients and an optimiser of their own.
    """

    def output(self, batch: Batch) -> Any:
        """Run the network; in training it returns the outputs of both, one after the other."""
        output, n_samples = super().output(batch), len(batch.samples.codes)
        return output if output.shape[-2] == n_samples else tuple(output.unflatten(-2, (2, n_samples)).unbind(-3))

    def make_optimizers(self) -> list[Optimizer]:
        """Return the optimiser of all other weights and, if there are any, that of the large matrices."""
        embeddings = [part for part in self.module.modules() if isinstance(part, LevelEmbedding) and part.sparse]
        large = self.groups(part.weight for part in embeddings)
        if not large:
            return super().make_optimizers()
        names = {id(part.weight) for part in embeddings}
        settings = self.settings
        decoupled = settings.optimizer == "adamw"
        return [
            self.optimizer_of(weight for weight in self.module.parameters() if id(weight) not in names),
            RowAdam(large, settings.learning_rate, settings.weight_decay, decoupled=decoupled),
        ]

    def undivided(self, examples: Examples[Any]) -> str:
        """Return why one process trains all levels."""
        return "its steps change only the vectors of the levels in a batch"

    def switch(self, training: bool) -> None:
        """Switch the module; in evaluation, levels that were not trained have the mean vector."""
        super().switch(training)
        if not training:
            conclude(self.module)

    def settle(self, batches: Iterable[Batch]) -> None:
        """Give levels that were not trained the mean vector, when all training is done."""
        super().settle(batches)
        conclude(self.module)

    def clip(self, which: Sequence[int], most: float) -> None:
        """Scale all gradients together: those of both kinds have one norm."""
        if len(self.optimizers) == 1:
            super().clip(which, most)
            return
        for parameter in self.trained[-1]:
            if parameter.grad is not None and parameter.grad.is_sparse:
                parameter.grad = parameter.grad.coalesce()
        clip([parameter for number in which for parameter in self.trained[number]], most)


def of_both(error: Error, share: float, output: Any, target: Any) -> Tensor:
    """Return the losses of one output for each entry, or the mean of two: the second has the weight `share`."""
    if not isinstance(output, tuple):
        return error(output, target)
    first, second = (error(part, target) for part in output)
    return (1 - share) * first + share * second


def conclude(module: nn.Module) -> None:
    """Give levels that were not trained, in all modes, the mean vector of the others."""
    for part in module.modules():
        if isinstance(part, LevelEmbedding) and part.seen.any():
            part.conclude()


@torch.no_grad()
def clip(parameters: Sequence[nn.Parameter], most: float) -> None:
    """Scale gradients, of which some may be sparse and coalesced, down to the Euclidean norm `most` of all together."""
    given = [parameter.grad for parameter in parameters if parameter.grad is not None]
    gradients = [gradient._values() if gradient.is_sparse else gradient for gradient in given]
    norm = torch.stack(torch._foreach_norm(gradients)).norm()
    torch._foreach_mul_(gradients, (most / (norm + 1e-6)).clamp(max=1.0))
