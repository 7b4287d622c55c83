"""Random numbers from explicit generators; the global ones of Python, NumPy and torch are neither read nor advanced."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import nn
from torch.overrides import TorchFunctionMode

from sklearn_ann.layers import Stochastic

# Names of the functions that draw: methods of tensors, functions of torch and of torch.nn.init.
_DRAWS = {
    *("uniform_", "normal_", "bernoulli_", "exponential_", "random_", "geometric_", "cauchy_", "log_normal_"),
    *("rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial", "poisson"),
    "kaiming_uniform_",
}
_FACTORIES = {"empty", "zeros", "ones", "full", "rand", "randn"}


def as_random_state(random_state: int | np.random.RandomState | None) -> np.random.RandomState:
    """Turn a ``random_state`` parameter into a generator; None takes a seed from the operating system."""
    return np.random.RandomState() if random_state is None else check_random_state(random_state)


def state_text(rng: np.random.RandomState) -> str:
    """Return the state of a generator, of any kind of bits, as a text."""
    state: Any = rng.get_state(legacy=False)
    return json.dumps(state, default=lambda value: value.tolist())


def set_state(rng: np.random.RandomState, text: str) -> None:
    """Give a generator the state that `state_text` has returned of one of the same kind."""
    state = json.loads(text)
    for name, value in state["state"].items():
        if isinstance(value, list):
            state["state"][name] = np.array(
                value, dtype=np.uint64 if state["bit_generator"] != "MT19937" else np.uint32
            )
    rng.set_state(state)


def torch_generator(random_state: np.random.RandomState, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a new torch generator whose seed is drawn from `random_state`."""
    return torch.Generator(device).manual_seed(int(random_state.randint(np.iinfo(np.int32).max)))


def drawing_from(generator: torch.Generator) -> TorchFunctionMode:
    """Return a context in which torch's layers draw their initial weights from `generator`, not from the global one.

    It affects the current thread only. It slows down each call of torch a little, so use it to build networks, not to
    run them.
    """
    return _DrawingFrom(generator)


class _DrawingFrom(TorchFunctionMode):
    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func.__name__ in _DRAWS and kwargs.get("generator") is None:
            kwargs["generator"] = self.generator
        if func.__name__ in _FACTORIES and kwargs.get("dtype") is None:
            kwargs["dtype"] = torch.float32  # independent of torch's global default
        return func(*args, **kwargs)


@contextmanager
def noise_from(module: nn.Module, generator: torch.Generator) -> Iterator[None]:
    """Let the stochastic layers of `module` draw from `generator` while the context lasts."""
    layers = [layer for layer in module.modules() if isinstance(layer, Stochastic)]
    for layer in layers:
        layer.generator = generator
    try:
        yield
    finally:
        for layer in layers:
            layer.generator = None
