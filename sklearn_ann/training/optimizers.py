"""Adam without the bookkeeping that torch repeats at each step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class FusedAdam(torch.optim.Adam):
    """Adam by torch's fused kernel (Kingma and Ba 2015), called directly; its state is that of ``torch.optim.Adam``.

    A step of a small network takes less time than torch needs to group its parameters by device and type, to look for
    hooks and to check for options that are not used here. All parameters have one device and one type.

    Parameters
    ----------
    parameters : iterable of Parameter, or of groups of them
    lr, weight_decay : float
    decoupled : bool
        Whether the weight decay is AdamW's (Loshchilov and Hutter 2019, algorithm 2).
    """

    def __init__(self, parameters: Any, lr: float, weight_decay: float, *, decoupled: bool) -> None:
        super().__init__(parameters, lr=lr, weight_decay=weight_decay, fused=True, decoupled_weight_decay=decoupled)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Move the parameters that have a gradient; return what `closure`, which may compute it, returns."""
        result = None
        if closure is not None:
            with torch.enable_grad():
                result = closure()
        for group in self.param_groups:
            moved = [parameter for parameter in group["params"] if parameter.grad is not None]
            if not moved:
                continue
            states = [self.state[parameter] or self._begin(parameter) for parameter in moved]
            steps = [state["step"] for state in states]
            torch._foreach_add_(steps, 1)
            self.move(
                moved,
                [parameter.grad for parameter in moved],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                steps,
                group,
            )
        return result

    @staticmethod
    def move(
        moved: list[Any],
        gradients: list[Any],
        averages: list[Tensor],
        squares: list[Tensor],
        steps: list[Tensor],
        group: dict[str, Any],
    ) -> None:
        """Move tensors one step by their gradients and averages, as a group of parameters says."""
        kernel = torch._fused_adamw_ if group["decoupled_weight_decay"] else torch._fused_adam_
        kernel(
            moved,
            gradients,
            averages,
            squares,
            [],
            steps,
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
        )

    def _begin(self, parameter: Tensor) -> dict[str, Tensor]:
        """Return the state of a parameter before its first step."""
        state: dict[str, Tensor] = self.state[parameter]
        state["step"] = torch.zeros((), dtype=torch.float32, device=parameter.device)
        state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        return state


# torch wraps the step of a class of optimisers at its first use, to record it for a profiler and to call hooks. For a
# small network that takes as long as the step.
FusedAdam.step.hooked = True  # type: ignore[attr-defined]
