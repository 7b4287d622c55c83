"""Threads of the CPU: as many as the steps of a training are worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from sklearn_ann.training.device import allowed_threads

P = ParamSpec("P")
R = TypeVar("R")

WORTH = 1e6
"""Floating-point operations per kernel, from which several threads are used.

Threads wait for each other after each kernel. Below this bound, a second thread saves up to a fifth of the time of a
fit on an idle machine, and doubles its processor time. If other programs keep the cores busy, each wait lasts until the
other thread has its turn: such a fit took five to twenty times as long as on one thread.
"""


class _Counter(TorchDispatchMode):
    """Counts kernels, and the floating-point operations of matrix products, convolutions and attention."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.n_kernels = self.n_operations = 0

    def __torch_dispatch__(
        self, kernel: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = kernel(*args, **(kwargs or {}))
        self.n_kernels += 1
        operations = flop_registry.get(kernel._overloadpacket)
        if operations is not None:
            self.n_operations += operations(*args, **(kwargs or {}), out_val=result)
        return result


class Effort:
    """The work of the steps of a network, by that of the first one.

    The number of threads depends on the network and on the batch, never on how busy the machine is: sums in another
    order have other bits.

    Parameters
    ----------
    device : torch.device
        On others than the CPU, nothing is counted or changed.
    """

    def __init__(self, device: torch.device) -> None:
        self.work: float | None = None if device.type == "cpu" else WORTH  # operations per kernel

    @contextmanager
    def threads(self) -> Iterator[None]:
        """Context with the number of threads that the steps are worth: one, until it is known."""
        with allowed_threads() as self._allowed:
            self._adapt()
            yield

    def spend(self, step: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function that takes a step, and count what the first one computes."""
        if self.work is not None:
            return step(*args, **kwargs)
        with _Counter() as counter:
            result = step(*args, **kwargs)
        self.work = counter.n_operations / max(1, counter.n_kernels)
        self._adapt()
        return result

    def _adapt(self) -> None:
        torch.set_num_threads(self._allowed if self.work is not None and self.work >= WORTH else 1)
