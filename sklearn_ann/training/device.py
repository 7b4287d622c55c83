"""Where a network computes, with which precision and on how many threads."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from joblib.parallel import get_active_backend

Precision = Literal["float32", "float64", "bfloat16"]


def resolve_device(device: str, precision: Precision = "float32") -> torch.device:
    """Turn a ``device`` parameter into a torch device.

    Raises
    ------
    ValueError
        If there is no such device on this machine, or if it does not know `precision`.
    """
    if device == "auto":
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
            raise ValueError("precision='float64' is not known to device='mps'; use 'float32' or device='cpu'")
    return torch.device(device)


def available_device(device: str, precision: Precision = "float32") -> torch.device:
    """Like `resolve_device`, but the CPU where that device does not exist: a model outlives the machine of its fit."""
    try:
        return resolve_device(device, precision)
    except ValueError:
        return torch.device("cpu")


def tensor_dtype(precision: Precision) -> torch.dtype:
    """The type of weights and data: ``"bfloat16"`` keeps them in float32 and computes the products in bfloat16."""
    return torch.float64 if precision == "float64" else torch.float32


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """Context in which the network computes with `precision`."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def _thread_share() -> int | None:
    """How many threads torch may use here; None where it may keep what it has.

    A joblib worker shares the cores with its siblings. Its process workers are told by the environment, which torch
    obeys by itself; threads, and processes that were forked with torch's pool in place, must be told.
    """
    backend, _ = get_active_backend()
    if not getattr(backend, "nesting_level", 0):
        return None
    process_is_told = multiprocessing.parent_process() is not None and "OMP_NUM_THREADS" in os.environ
    return None if process_is_told else 1


_limit_lock = threading.Lock()
_limited_fits = 0
_threads_outside = 0


@contextmanager
def limited_threads() -> Iterator[None]:
    """Context that keeps torch to its share of the cores inside a joblib worker and restores its setting at the end.

    torch's setting belongs to the whole process, so the first of several worker threads to enter saves it and the
    last to leave restores it.
    """
    global _limited_fits, _threads_outside
    share = _thread_share()
    if share is None:
        yield
        return
    with _limit_lock:
        if _limited_fits == 0:
            _threads_outside = torch.get_num_threads()
        _limited_fits += 1
        torch.set_num_threads(min(share, _threads_outside))
    try:
        yield
    finally:
        with _limit_lock:
            _limited_fits -= 1
            if _limited_fits == 0:
                torch.set_num_threads(_threads_outside)
