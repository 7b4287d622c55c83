"""Threads of the CPU: as many as the steps of a training are worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from sklearn_ann.training.device import allowed_threads

P = ParamSpec("P")
R = TypeVar("R")

WORTH = 1e6
"""Floating-point operations per kernel, from which several threads are used.

Threads wait for each other after each kernel. Below this bound, a second thread saves nothing on an idle machine. If
other programs keep the cores busy, each wait lasts until the other thread has its turn: such fits took three to six
times as long as on one thread (tests/benchmarks/benchmark_threads.py).
"""


def _of_attention(query: Tensor, key: Tensor, value: Tensor) -> int:
    return 2 * query[..., 0].numel() * key.shape[-2] * (key.shape[-1] + value.shape[-1])


def _of_bag(x: Tensor, indices: Tensor) -> int:
    return 2 * indices.numel() * x.shape[1]


def _of_series(x: Tensor, of_x: Tensor, of_state: Tensor) -> int:
    return 2 * x[..., 0].numel() * (of_x.numel() + of_state.numel())  # x is of shape (length, batch, n_channels)


_aten: Any = torch.ops.aten
_OF_CPU: dict[Any, Callable[..., float]] = {
    _aten._scaled_dot_product_flash_attention_for_cpu: lambda *a, **_: _of_attention(*a[:3]),
    _aten._scaled_dot_product_flash_attention_for_cpu_backward: lambda *a, **_: 2.5 * _of_attention(*a[1:4]),
    _aten._embedding_bag: lambda *a, **_: _of_bag(*a[:2]),
    _aten._embedding_bag_forward_only: lambda *a, **_: _of_bag(*a[:2]),
    _aten.mkldnn_rnn_layer: lambda *a, **_: _of_series(*a[:3]),
    _aten.mkldnn_rnn_layer_backward: lambda *a, **_: 2 * _of_series(*a[:3]),
}
"""Kernels of the CPU that torch's own counter does not know. The backward pass of attention repeats the scores."""
_OF_STEPS = (_aten.mkldnn_rnn_layer, _aten.mkldnn_rnn_layer_backward)
_WAITS = 8
"""Waits of the threads in one step of such a kernel, by its gain: a second thread saves a quarter of the time of an
LSTM of 256 units, a tenth at 128 units and nothing at 64."""


class _Counter(TorchDispatchMode):
    """Counts kernels, and the floating-point operations of products, convolutions, attention and recurrent layers."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.n_kernels, self.n_operations = 0, 0.0

    def __torch_dispatch__(
        self, kernel: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = kernel(*args, **(kwargs or {}))
        packet = kernel._overloadpacket
        self.n_kernels += _WAITS * len(args[0]) if packet in _OF_STEPS else 1
        operations = _OF_CPU.get(packet) or flop_registry.get(packet)
        if operations is not None:
            self.n_operations += operations(*args, **(kwargs or {}), out_val=result)
        return result


class Effort:
    """The work of the steps of a network, by that of the first one, or of the first one of larger batches.

    The number of threads depends on the network and on the batch, never on how busy the machine is: sums in another
    order have other bits.

    Parameters
    ----------
    device : torch.device
        On others than the CPU, nothing is counted or changed.
    """

    def __init__(self, device: torch.device) -> None:
        self._counts, self._n_samples = device.type == "cpu", 0
        self.work: float | None = None if self._counts else WORTH  # operations per kernel

    def expect(self, n_samples: int) -> None:
        """Count anew if batches are much greater than before: ``partial_fit`` may begin with a handful of samples."""
        if n_samples > 2 * self._n_samples and self._counts:
            self.work, self._n_samples = None, n_samples

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
