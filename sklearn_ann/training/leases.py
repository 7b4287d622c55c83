"""Which GPU a fit computes on where several workers share a machine: one fit a GPU, the others wait."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
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


class _Scope:
    """What shares a lease, and the device and the locked file of the lease once there is one."""

    number: int | None = None
    file: int | None = None


_SCOPE: ContextVar[_Scope | None] = ContextVar("scope of a lease", default=None)
_files: set[int] = set()  # descriptors of the locks that this process holds
_last: list[int] = []  # the device of the last lease, which has a context and warm caches here


def _after_fork() -> None:
    """Leave the leases to the parent: a child that keeps their files open would keep them after the parent's fit."""
    for file in _files:
        os.close(file)
    _files.clear()
    _SCOPE.set(None)


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
def one_lease() -> Iterator[None]:
    """Context in which all fits share one lease: the first fit that needs one takes it, and it ends with the context.

    Fits that wait for each other must be in one context, or in copies of one.
    """
    if _SCOPE.get() is not None:
        yield
        return
    scope = _Scope()
    before = _SCOPE.set(scope)
    try:
        yield
    finally:
        _SCOPE.reset(before)
        if scope.file in _files:  # it is not in a child that was forked meanwhile
            torch.cuda.empty_cache()  # for the fit of another process; without effect where CUDA was not used
            _files.discard(scope.file)
            os.close(scope.file)


@contextmanager
def leased(device: str) -> Iterator[None]:
    """Lease a GPU while the context lasts, if `device` is ``"auto"`` and this is a worker; else do nothing.

    The first GPU that no other fit has leased, of this process or of another one of the same user, is what ``"auto"``
    then means. If all are leased, wait. The operating system ends the lease of a process that dies. A process that is
    no worker never waits, and neither does a fit inside a fit, which computes where the outer one does.
    """
    with one_lease():
        scope = _SCOPE.get()
        assert scope is not None
        if device == "auto" and scope.number is None and fcntl is not None and in_worker():
            _take(scope)
        yield


def _take(scope: _Scope) -> None:
    try:
        paths = [_folder() / f"{name}.lock" for name in device_names()]
    except OSError:  # without a folder to write to there is nothing to agree by
        return
    if paths:
        scope.number, scope.file = _first_free(paths)
        _files.add(scope.file)
        _last[:] = [scope.number]


def leased_number() -> int | None:
    """Return the number of the GPU that is leased in this context; None without one."""
    scope = _SCOPE.get()
    return None if scope is None else scope.number
