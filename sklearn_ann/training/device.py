"""Device, precision and number of threads of a computation."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Literal

import torch

from sklearn_ann.training.leases import leased_number
from sklearn_ann.training.ranks import active
from sklearn_ann.training.workers import shares_cores

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
    """Return torch's setting for new threads; a worker thread that left early still has the limit itself."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.get_num_threads).result()


_limit_lock = threading.Lock()
_limited_fits = 0
_threads_outside = 0


def _after_fork() -> None:
    """Compute on one thread in a forked child, because torch waits for ever for threads that a fork has not copied."""
    global _limit_lock, _limited_fits
    _limit_lock, _limited_fits = threading.Lock(), 0
    torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def limited_threads() -> Iterator[None]:
    """Limit torch to its share of the cores while the context lasts, inside a worker of joblib or dask.

    The number of threads is a setting of the whole process. Of several worker threads, the first to enter saves it and
    the last to leave restores it.
    """
    global _limited_fits, _threads_outside
    share = _thread_share()
    if share is None:
        yield
        return
    with _limit_lock:
        if _limited_fits == 0:
            _threads_outside = _process_threads()
        _limited_fits += 1
        torch.set_num_threads(min(share, _threads_outside))
    try:
        yield
    finally:
        with _limit_lock:
            _limited_fits -= 1
            if _limited_fits == 0:
                torch.set_num_threads(_threads_outside)
