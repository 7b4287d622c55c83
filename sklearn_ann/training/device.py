"""Device, precision and number of threads of a computation."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Generic, Literal, TypeVar

import torch

from sklearn_ann.training.leases import leased_number
from sklearn_ann.training.ranks import active
from sklearn_ann.training.workers import shares_cores

T = TypeVar("T")

Precision = Literal["float32", "float64", "bfloat16"]

_AUTOCAST = ("cpu", "cuda", "mps")


def resolve_device(device: str, precision: Precision = "float32") -> torch.device:
    """Turn a ``device`` parameter into a torch device.

    Raises
    ------
    ValueError
        If this machine has no such device, or if the device does not support `precision`.
    """
    if active() is not None and device in ("auto", "cuda") and torch.cuda.is_available():
        device = f"cuda:{int(os.environ.get('LOCAL_RANK', 0)) % torch.cuda.device_count()}"  # a process has its own
    if device == "auto":
        if (leased := leased_number()) is not None:
            return torch.device("cuda", leased)
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, number = device.partition(":") if isinstance(device, str) else ("", "", "")
    if kind not in ("cpu", "cuda", "mps") or (":" in device and not (kind == "cuda" and number.isdigit())):
        raise ValueError(f"device must be 'auto', 'cpu', 'cuda', 'cuda:<number>' or 'mps', got {device!r}")
    if kind == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(number or 0) >= count:
            raise ValueError(f"device={device!r} was asked for, but torch sees {count} CUDA devices on this machine")
    if kind == "mps":
        if not torch.backends.mps.is_available():
            raise ValueError("device='mps' was asked for, but torch sees no Apple GPU on this machine")
        if precision == "float64":
            raise ValueError("precision='float64' is not supported by device='mps'; use 'float32' or device='cpu'")
    return torch.device(device)


def available_device(device: str, precision: Precision = "float32") -> torch.device:
    """Like `resolve_device`, but return the CPU if the device does not exist: a model may move to another machine."""
    try:
        return resolve_device(device, precision)
    except ValueError:
        return torch.device("cpu")


def tensor_dtype(precision: Precision) -> torch.dtype:
    """Return the type of weights and data; ``"bfloat16"`` keeps them in float32 and computes products in bfloat16."""
    return torch.float64 if precision == "float64" else torch.float32


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """Return a context in which a network computes with `precision`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


@contextmanager
def isolated() -> Iterator[None]:
    """Context in which torch's ambient settings do not matter: default device, autocast, inference mode, gradients."""
    contexts: list[AbstractContextManager[Any]] = []
    if torch.is_inference_mode_enabled():
        contexts.append(torch.inference_mode(False))
    if not torch.is_grad_enabled() or contexts:
        contexts.append(torch.enable_grad())
    contexts += [torch.autocast(kind, enabled=False) for kind in _AUTOCAST if torch.is_autocast_enabled(kind)]
    if torch.get_default_device().type != "cpu":  # entering it costs something at each call of torch
        contexts.append(torch.device("cpu"))
    if not contexts:  # the usual case, in which a stack would take a part of the time of predicting one sample
        yield
        return
    with ExitStack() as stack:
        for context in contexts:
            stack.enter_context(context)
        yield


def _thread_share() -> int | None:
    """Return how many threads torch may use here; None for no limit.

    The workers of joblib and dask share the cores. Worker processes that joblib or dask's nanny starts anew get their
    share through OMP_NUM_THREADS, which torch obeys. Worker threads and forked processes do not and get one thread.
    """
    if not shares_cores():
        return None
    process_is_told = multiprocessing.parent_process() is not None and "OMP_NUM_THREADS" in os.environ
    return None if process_is_told else 1


def _process_threads() -> int:
    """Return torch's setting for new threads."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.get_num_threads).result()


class _Held(Generic[T]):
    """A setting of the whole process that several threads change: the first saves it, the last to leave restores it.

    Parameters
    ----------
    save : callable
        Returns the setting.
    restore : callable
        Takes what `save` returned.
    """

    def __init__(self, save: Callable[[], T], restore: Callable[[T], None]) -> None:
        self._save, self._restore = save, restore
        self.forget()

    def forget(self) -> None:
        """Begin anew, in a process that does not have the threads that changed the setting."""
        self._lock, self._n_threads = threading.Lock(), 0

    @contextmanager
    def held(self) -> Iterator[T]:
        """Context in which the setting may be changed; its value is that from before all changes."""
        with self._lock:
            if self._n_threads == 0:
                self._saved = self._save()
            self._n_threads += 1
        try:
            yield self._saved
        finally:
            with self._lock:
                self._n_threads -= 1
                if self._n_threads == 0:
                    self._restore(self._saved)


_CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
_filling: Any = torch.utils.deterministic  # a module with a property, which type checkers do not know


def _kernels_outside() -> tuple[int, bool, str | None]:
    return torch.get_deterministic_debug_mode(), _filling.fill_uninitialized_memory, os.environ.get(_CUBLAS)


def _restore_kernels(outside: tuple[int, bool, str | None]) -> None:
    mode, _filling.fill_uninitialized_memory, workspace = outside
    torch.set_deterministic_debug_mode(mode)
    if workspace is None:
        os.environ.pop(_CUBLAS, None)


_threads = _Held(_process_threads, torch.set_num_threads)
_kernels = _Held(_kernels_outside, _restore_kernels)
_own = threading.local()  # whether a thread of Python has changed its number of torch's threads


def _after_fork() -> None:
    """Compute on one thread in a forked child, because torch waits for ever for threads that a fork has not copied."""
    _threads.forget()
    _kernels.forget()
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def allowed_threads() -> Iterator[int]:
    """Context in which the number of torch's threads may be changed; yields how many may be used here.

    The number of threads is a setting of each thread of Python, and of those that begin later. The first to enter saves
    the latter and the last to leave restores it; each restores its own, to which a context within another one returns.
    """
    share, nested = _thread_share(), getattr(_own, "changed", False)
    with _threads.held() as outside:
        own = torch.get_num_threads()  # the first call in a thread would undo what was set before
        before = own if nested else outside  # a thread that began during a fit has its number
        _own.changed = True
        try:
            yield outside if share is None else min(share, outside)
        finally:
            _own.changed = nested
            torch.set_num_threads(before)


@contextmanager
def settled_threads() -> Iterator[None]:
    """Context in which torch uses all threads that it may use here, whatever a fit beside this one has set."""
    with allowed_threads() as allowed:
        torch.set_num_threads(allowed)
        yield


@contextmanager
def limited_threads() -> Iterator[None]:
    """Limit torch to its share of the cores while the context lasts, inside a worker of joblib or dask."""
    if _thread_share() is None:
        yield
        return
    with settled_threads():
        yield


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Context in which computations on CUDA give the same bits each time; the CPU's do so anyway.

    Many of CUDA's sums have no fixed order by default: gradients of an index, of a convolution and of pooling.
    """
    if device.type != "cuda":
        yield
        return
    with _kernels.held():
        os.environ.setdefault(_CUBLAS, ":4096:8")  # torch warns of matrix products without it
        torch.set_deterministic_debug_mode("error")  # with "warn", attention has no fixed order
        _filling.fill_uninitialized_memory = False  # no memory is read before it is written
        yield
