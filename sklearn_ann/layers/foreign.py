"""Modules that were not written here: whether their weights are there, and what their layers draw from."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from sklearn_ann.layers.stochastic import Stochastic


class Foreign(Stochastic):
    """A body around modules of others, whose layers, such as ``torch.nn.Dropout``, draw from torch's global generators.

    A subclass runs them in the context `own_numbers`.
    """

    @contextmanager
    def own_numbers(self) -> Iterator[None]:
        """Lend the global generators a state that is drawn from `generator`, in training, and put theirs back."""
        generator = self.generator
        if generator is None or not self.training:
            yield
            return
        seed = int(torch.randint(2**62, (), device=generator.device, generator=generator))
        with seeded(seed, generator.device):
            yield


_lock = threading.RLock()  # there is one global generator for all threads: fits in two of them take turns


def _after_fork() -> None:
    global _lock  # a thread that held the lock is not there in the child
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def seeded(seed: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """Let torch's global generators of the CPU and of `device` begin from a seed, and put back how they were."""
    device = torch.device(device)
    places = []
    if device.type == "cuda":
        places.append(torch.cuda.current_device() if device.index is None else device.index)
    with _lock, torch.random.fork_rng(places):
        # `torch.manual_seed` would reach the generators of all other devices, too.
        torch.default_generator.manual_seed(seed)
        for place in places:
            torch.cuda.default_generators[place].manual_seed(seed)
        yield


def check_weights(module: nn.Module, name: str) -> None:
    """Refuse a module whose weights cannot be computed with.

    Parameters
    ----------
    module : nn.Module
    name : str
        What the message calls it.

    Raises
    ------
    ValueError
        If weights are not made yet, have no numbers or are not finite, naming them.
    """
    for kind, weights in (("weights", module.named_parameters()), ("buffer", module.named_buffers())):
        for own, tensor in weights:
            if is_lazy(tensor):
                raise ValueError(f"{name} has a lazy layer, whose {kind} {own!r} are not made yet: run it once before")
            if tensor.is_meta:
                raise ValueError(f"{name} has no numbers in its {kind} {own!r}, which are on the device 'meta'")
            if kind == "weights" and not bool(tensor.isfinite().all()):  # a buffer may be a mask of infinities
                raise ValueError(f"{name} has NaN or infinity in its {kind} {own!r}")
