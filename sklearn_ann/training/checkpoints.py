"""Checkpoints: what a training needs to go on where it was, in a file that is always whole."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from sklearn_ann.training.ranks import active

_MAGIC = b"sklearn_ann checkpoint 1\n"
_DIGEST = 32  # bytes
_PATIENCE = 49  # writing takes a fiftieth of the time at most, but for the first and the last checkpoint


class Checkpoint:
    """The file of one fit.

    Parameters
    ----------
    path : str or path
        A file, or a folder, which ends in a separator or exists; in a folder the fit has a file of its own.
    owner : str
        Class of the estimator.
    identity : mapping of str to str
        What the fit is, by the names of its parts; equal for equal fits.

    Attributes
    ----------
    state : dict or None
        What an earlier run of this fit has left.
    rng : str
        State of the generator that ``random_state=None`` stands for, before anything was drawn.

    Raises
    ------
    ValueError
        If the path is empty, or if the file is of another fit, is damaged, or is no checkpoint.
    """

    def __init__(self, path: str | os.PathLike[str], owner: str, identity: Mapping[str, str]) -> None:
        path = os.fspath(path)
        if not path:  # pathlib reads it as the current folder
            raise ValueError("checkpoint='': expected None, a file, or a folder, './' for the current one")
        self.name, self.identity = path, {"estimator": owner, **identity}
        self.path = Path(path)
        if path.endswith(("/", os.sep)) or self.path.is_dir():
            hashed = hashlib.blake2b(repr(sorted(self.identity.items())).encode(), digest_size=8).hexdigest()
            self.path /= f"{owner}-{hashed}.checkpoint"
        self.rng = ""
        self._written: float | None = None
        self._cost = 0.0
        ranks = active()
        data = self._read() if ranks is None or ranks.rank == 0 else None
        data = data if ranks is None else ranks.broadcast_bytes(data)
        self.state = None if data is None else self._checked(data)

    @property
    def _called(self) -> str:
        return f"checkpoint={self.name!r}" + ("" if str(self.path) == self.name else f", file {str(self.path)!r},")

    def _read(self) -> bytes | None:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None

    def _checked(self, data: bytes) -> dict[str, Any]:
        if not data.startswith(_MAGIC):
            raise ValueError(f"{self._called} is not a checkpoint of this package; the file was left unchanged")
        begin = len(_MAGIC) + _DIGEST
        content = memoryview(data)[begin:]
        whole = hashlib.blake2b(content, digest_size=_DIGEST).digest() == data[len(_MAGIC) : begin]
        try:
            state: Any = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu") if whole else None
        except (RuntimeError, ValueError, pickle.UnpicklingError):
            state = None
        if not isinstance(state, dict):
            raise ValueError(
                f"{self._called} is truncated or damaged: its {len(data)} bytes differ from those that were "
                "written. Remove the file to start the fit from the beginning"
            )
        there = state["identity"]
        differences = [
            f"{name} is {there.get(name, 'absent')} there and {self.identity.get(name, 'absent')} here"
            for name in dict.fromkeys([*self.identity, *there])
            if there.get(name) != self.identity.get(name)
        ]
        if differences:
            raise ValueError(
                f"{self._called} is of another fit: {'; '.join(differences)}. Remove the file to "
                "start the fit from the beginning, or set checkpoint to a folder, in which each fit has its own file"
            )
        return state

    # --- A training ------------------------------------------------------------------------------------------------

    def restore(self, run: Any) -> None:
        """Bring a new training where the earlier run was, if there was one."""
        if self.state is not None:
            run.resume(self.state["run"])
            run.stopped = self.state["stopped"]

    def note(self, run: Any) -> None:
        """Write a checkpoint after an epoch, if it is the last or if the time that it takes is small beside the rest.

        Raises
        ------
        OSError
            If it cannot be written; the one before stays.
        """
        now, ranks = time.perf_counter(), active()
        due = self._written is None or now - self._written >= _PATIENCE * self._cost
        if (due or run.over) and (ranks is None or ranks.rank == 0):
            self._write(run)
            self._written = time.perf_counter()
            self._cost = self._written - now

    def _write(self, run: Any) -> None:
        buffer = io.BytesIO()
        torch.save({"identity": self.identity, "rng": self.rng, "run": run.state(), "stopped": run.stopped}, buffer)
        content = buffer.getbuffer()
        digest = hashlib.blake2b(content, digest_size=_DIGEST).digest()
        temporary = None
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            number, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
            temporary = Path(name)
            with os.fdopen(number, "wb") as file:
                for part in (_MAGIC, digest, content):
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)  # one file or the other, whenever the machine stops
        except BaseException as error:
            if temporary is not None:
                with suppress(OSError):
                    temporary.unlink()
            if isinstance(error, OSError):
                before = "the one before is still there" if self.path.exists() else "there is none before it"
                raise OSError(
                    error.errno, f"{self._called} could not be written after epoch {run.epoch} ({error}); {before}"
                ) from error
            raise
