"""Which GPU a fit computes on where several workers share a machine: one fit a GPU, the others wait."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import torch

from sklearn_ann.training.workers import in_worker

try:
    import fcntl
except ImportError:  # Windows has no locks that end with their process: its workers share the first device
    fcntl = None  # type: ignore[assignment]

_PAUSE = 0.02  # seconds between two looks for a device that has become free


@lru_cache
def device_names() -> tuple[str, ...]:
    """Return the names of the CUDA devices that torch sees, which are the same in all processes of the machine.

    The number of a device is not: ``CUDA_VISIBLE_DEVICES`` may differ from process to process.
    """
    if not torch.cuda.is_available():
        return ()
    return tuple(str(torch.cuda.get_device_properties(n).uuid) for n in range(torch.cuda.device_count()))


def _folder() -> Path:
    """Return where this user's leases are; a folder of another user, whoever made it, is refused."""
    user = os.getuid()
    folder = Path(tempfile.gettempdir()) / f"sklearn_ann-{user}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid != user:
        raise PermissionError(f"{folder} belongs to another user")
    return folder


class _Held(threading.local):
    """The device that this thread has a lease of."""

    number: int | None = None


_held = _Held()
_files: set[int] = set()  # descriptors of the locks that this process holds
_last: list[int] = []  # the device of the last lease, which has a context and warm caches here


def _after_fork() -> None:
    """Leave the leases to the parent: a child that keeps their files open would keep them after the parent's fit."""
    for file in _files:
        os.close(file)
    _files.clear()
    _held.number = None


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(after_in_child=_after_fork)


def _lock(path: Path) -> int | None:
    """Return the descriptor of a file that is locked now; None if another fit has locked it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    except BaseException:
        os.close(file)
        raise
    return file


def _first_free(paths: list[Path]) -> tuple[int, int]:
    """Wait for a device; return its number and the descriptor of its locked file."""
    order = sorted(range(len(paths)), key=lambda number: number not in _last)
    while True:
        for number in order:
            file = _lock(paths[number])
            if file is not None:
                return number, file
        time.sleep(_PAUSE)


@contextmanager
def leased(device: str) -> Iterator[None]:
    """Lease a GPU while the context lasts, if `device` is ``"auto"`` and this is a worker; else do nothing.

    The first GPU that no other fit has leased, of this process or of another one of the same user, is what ``"auto"``
    then means in this thread. If all are leased, wait. The operating system ends the lease of a process that dies. A
    process that is no worker never waits, and neither does a fit inside a fit, which computes where the outer one does.
    """
    names = device_names() if device == "auto" and _held.number is None and fcntl is not None and in_worker() else ()
    try:
        paths = [_folder() / f"{name}.lock" for name in names]
    except OSError:  # without a folder to write to there is nothing to agree by
        paths = []
    if not paths:
        yield
        return
    _held.number, file = _first_free(paths)
    _files.add(file)
    _last[:] = [_held.number]
    try:
        yield
    finally:
        _held.number = None
        torch.cuda.empty_cache()  # for the fit of another process; without effect where CUDA was not used
        if file in _files:  # not in a child that was forked meanwhile
            _files.discard(file)
            os.close(file)


def leased_number() -> int | None:
    """Return the number of the GPU that this thread has a lease of; None without one."""
    return _held.number
