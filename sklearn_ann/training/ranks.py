"""One fit on several processes: who takes part, and what they tell each other.

Each process has all samples and the same network. All draw the same order and the same noise; of each batch a process
computes its part, and the sum of the gradients is the gradient of the batch.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, distributed, nn

from sklearn_ann.layers import BatchNorm, Stochastic
from sklearn_ann.training.data import Part
from sklearn_ann.training.workers import shares_cores

TIMEOUT = timedelta(minutes=30)
"""How long a process waits for the others."""
_LAUNCHER = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


class Ranks:
    """The processes of one fit, as one of them sees them.

    Parameters
    ----------
    group : ProcessGroup
    device : torch.device
        Where small messages are sent from.
    store : Store or None
        Where a process that fails leaves a note.

    Attributes
    ----------
    rank, size : int
        The number of this process, and of all.
    part : Part
        Of the batch at hand.
    one_shape : bool
        Whether the samples at hand have one shape.
    weighted : bool
        Whether they have weights.
    interrupted : bool
        Whether somebody asked this process to stop. It stops with all others.
    """

    def __init__(self, group: Any, device: torch.device, store: Any) -> None:
        self.group, self.device, self.store = group, device, store
        self.rank, self.size = distributed.get_rank(group), distributed.get_world_size(group)
        self.part = Part(0, 0, 0, 0)
        self.one_shape = self.weighted = False
        self.interrupted = False
        self._buffers: dict[int, tuple[Tensor, list[Tensor]]] = {}

    # --- Messages --------------------------------------------------------------------------------------------------

    def sum(self, values: Tensor) -> Tensor:
        """Add up tensors of all processes, in place; all of them get the same bits."""
        self._call(distributed.all_reduce, values)
        return values

    def gather(self, values: Tensor) -> Tensor:
        """Return the values of each process, shape (n_processes, *values.shape)."""
        everyone = values.new_zeros(self.size, *values.shape)
        everyone[self.rank] = values
        return self.sum(everyone)

    def broadcast(self, tensors: Sequence[Tensor]) -> None:
        """Give all processes the values of the first."""
        for tensor in tensors:
            self._call(distributed.broadcast, tensor, group_src=0)

    def broadcast_bytes(self, data: bytes | None) -> bytes | None:
        """Return what the first process has; None if that is nothing."""
        size = torch.tensor([-1 if data is None else len(data)], device=self.device)
        self.broadcast([size])
        if int(size) < 0:
            return None
        values = torch.zeros(int(size), dtype=torch.uint8, device=self.device)
        if data and self.rank == 0:
            values.copy_(torch.frombuffer(bytearray(data), dtype=torch.uint8))
        if len(values):
            self.broadcast([values])
        return values.numpy(force=True).tobytes()

    def any(self, flag: bool) -> bool:
        """Whether a flag is set in one of the processes.

        Raises
        ------
        KeyboardInterrupt
            In all of them, if one was interrupted.
        """
        flags = self.sum(torch.tensor([float(flag), float(self.interrupted)], device=self.device)).tolist()
        self._stop_together(flags[1])
        return bool(flags[0])

    def compare(self, digests: Mapping[str, bytes], owner: str) -> None:
        """Hold equal what the processes are to train on.

        Raises
        ------
        ValueError
            In all of them, naming what differs.
        """
        numbers = np.array([np.frombuffer(digest[:8], dtype=np.int64) for digest in digests.values()])
        everyone = self.gather(torch.from_numpy(numbers).to(self.device)).numpy(force=True)
        self.any(False)
        for number, name in enumerate(digests):
            if (everyone[:, number] != everyone[0, number]).any():
                other = int((everyone[:, number] != everyone[0, number]).any(axis=1).argmax())
                raise ValueError(
                    f"process {other} has other {name} than process 0: {owner} is trained by {self.size} processes, "
                    "each of which needs the same data and hyper-parameters. With distributed=False each trains alone."
                )

    def _call(self, collective: Callable[..., Any], *args: Any, **options: Any) -> None:
        try:
            collective(*args, group=self.group, **options)
        except RuntimeError as error:
            raise RuntimeError(self._reason(error)) from error

    def _reason(self, error: Exception) -> str:
        notes = []
        for rank in range(self.size if self.store is not None else 0):
            try:
                if rank != self.rank and self.store.check([f"failed/{rank}"]):
                    notes.append(f"process {rank} of this fit failed: {self.store.get(f'failed/{rank}').decode()}")
            except RuntimeError:  # the store is gone with its process
                break
        return "; ".join(notes) or (
            f"another process of this fit is gone, or has not answered for {TIMEOUT.total_seconds():g} seconds: each "
            f"must make the same fits in the same order ({error})"
        )

    def note(self, error: BaseException) -> None:
        """Leave a note of a failure for the others, who will find that this process no longer answers."""
        if self.store is not None:
            with suppress(RuntimeError):
                self.store.set(f"failed/{self.rank}", f"{type(error).__name__}: {error}"[:2000])

    def _stop_together(self, flag: float) -> None:
        if flag:
            self.interrupted = False
            raise KeyboardInterrupt

    # --- A step ----------------------------------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether this process has no sample of its own in the batch."""
        return self.part.idle

    def begin(self, part: Part | None, *, one_shape: bool, weighted: bool) -> None:
        """Take note of the batch at hand, and of whether its samples have one shape, and weights."""
        assert part is not None
        self.part, self.one_shape, self.weighted = part, one_shape, weighted

    def whole(self, part: Tensor, axis: int) -> tuple[Tensor, tuple[slice, ...]]:
        """Return an empty tensor for the batch, laid out as `part`, and the place of the part in it."""
        shape, now = list(part.shape), self.part
        if self.one_shape:
            per_sample = shape[axis] // max(1, now.stop - now.start)
            shape[axis], start = per_sample * now.size, 0 if now.idle else per_sample * now.start
        else:  # padded to the longest sample of the batch, which another process may have
            counted = torch.tensor(shape, device=self.device)
            counted[axis] *= not now.idle
            everyone = self.gather(counted).tolist()
            shape = [max(sizes) for sizes in zip(*everyone, strict=True)]
            shape[axis] = sum(sizes[axis] for sizes in everyone)
            start = 0 if now.idle else sum(sizes[axis] for sizes in everyone[: self.rank])
        # Random numbers come in the order of memory.
        order = sorted(range(part.ndim), key=part.stride, reverse=True)
        whole = part.new_empty([shape[dimension] for dimension in order])
        whole = whole.permute([order.index(dimension) for dimension in range(part.ndim)])
        place = [slice(0, size) for size in part.shape]
        place[axis] = slice(start, start + part.shape[axis])
        return whole, tuple(place)

    def reduce_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Add up the gradients of all processes, in one message.

        Raises
        ------
        KeyboardInterrupt
            In all of them, if one was interrupted.
        """
        if id(parameters) not in self._buffers:
            sizes = [parameter.numel() for parameter in parameters]
            flat = parameters[0].new_zeros(sum(sizes) + 2)
            parts = [part.view_as(own) for part, own in zip(flat[:-2].split(sizes), parameters, strict=True)]
            self._buffers[id(parameters)] = flat, parts
        flat, parts = self._buffers[id(parameters)]
        gradients: list[Any] = [parameter.grad for parameter in parameters]
        complete = all(gradient is not None for gradient in gradients)
        if complete:
            torch._foreach_copy_(parts, gradients)
        else:
            for part, gradient in zip(parts, gradients, strict=True):
                part.zero_() if gradient is None else part.copy_(gradient)
        flat[-2:] = torch.tensor([float(complete), float(self.interrupted)])
        n_complete, interrupted = self.sum(flat)[-2:].tolist()
        self._stop_together(interrupted)
        moved = [True] * len(parts)
        if n_complete < self.size:
            given = torch.tensor([float(gradient is not None) for gradient in gradients], device=self.device)
            moved = [number > 0 for number in self.sum(given).tolist()]
        for parameter, part, is_moved in zip(parameters, parts, moved, strict=True):
            parameter.grad = part if is_moved else None

    def totals(self, totals: dict[str, Tensor]) -> dict[str, Tensor]:
        """Add up the sums of losses, by name."""
        values = list(totals.values())
        flat = self.sum(torch.cat([value.detach().double().flatten() for value in values]).to(self.device))
        parts = flat.split([value.numel() for value in values])
        return {name: part.view_as(value) for (name, value), part in zip(totals.items(), parts, strict=True)}


_active: ContextVar[Ranks | None] = ContextVar("ranks", default=None)
_rendezvous: list[Any] = []
_n_fits = 0


def active() -> Ranks | None:
    """Return the processes of the fit that is under way; None if it is that of one process."""
    return _active.get()


def of_whole_batch(values: Tensor) -> Tensor:
    """Return values of all samples of the batch at hand, (..., n), for those of the samples of this process."""
    ranks = _active.get()
    if ranks is None:
        return values
    size, own = ranks.part.size, values[..., : ranks.part.stop - ranks.part.start]
    most = -(-size // ranks.size)
    padded = values.new_zeros(*values.shape[:-1], most)
    padded[..., : own.shape[-1]] = own
    places = [Part.of(rank, ranks.size, size, size) for rank in range(ranks.size)]
    everyone = ranks.gather(padded)
    return torch.cat([all_[..., : one.stop - one.start] for all_, one in zip(everyone, places, strict=True)], dim=-1)


@contextmanager
def among_ranks(wanted: bool | Literal["auto"], device: str, owner: str) -> Iterator[Ranks | None]:
    """Join the processes that train one network while the context lasts; yield None if there is one only.

    Parameters
    ----------
    wanted : bool or "auto"
        The hyper-parameter `distributed`.
    device : str
        The hyper-parameter of the same name.
    owner : str
        Class of the estimator, for messages.

    Raises
    ------
    ValueError
        If processes are wanted and there are none.
    RuntimeError
        If another process fails.
    """
    outer = _active.get()
    together = _are_several(wanted, owner)
    if not together or outer is not None:  # a fit within a fit has the processes of the outer one
        token = _active.set(outer if together else None)
        try:
            yield _active.get()
        finally:
            _active.reset(token)
        return
    ours = not distributed.is_initialized()
    on_cuda = torch.cuda.is_available() and (device == "auto" or device.startswith("cuda"))
    ranks = _connected(on_cuda, ours)
    token = _active.set(ranks)
    try:
        with _deferred_interrupts(ranks):
            yield ranks
            ranks.any(False)  # all have come to the end
    except BaseException as error:
        ranks.note(error)
        raise
    finally:
        _active.reset(token)
        group, ranks.group = ranks.group, None
        distributed.destroy_process_group(None if ours else group)


def _are_several(wanted: bool | Literal["auto"], owner: str) -> bool:
    if wanted is False or shares_cores():  # the workers of joblib and dask have a fit each
        return False
    if threading.current_thread() is not threading.main_thread():  # threads come in no order that processes share
        return False
    if distributed.is_available() and distributed.is_initialized():
        several = distributed.get_world_size() > 1
    else:  # a process that was started by one of the processes is none of them
        several = (
            int(os.environ.get("WORLD_SIZE") or 1) > 1
            and all(name in os.environ for name in _LAUNCHER)
            and multiprocessing.parent_process() is None
        )
    if wanted is True and not several:
        raise ValueError(
            f"distributed=True, but {owner} is fitted in a single process: start the script by torchrun "
            "--nproc-per-node 2, or set distributed='auto'"
        )
    return several


def _connected(on_cuda: bool, ours: bool) -> Ranks:
    global _n_fits
    c10d: Any = distributed  # whose types leave out what follows
    alone = on_cuda and int(os.environ.get("LOCAL_WORLD_SIZE", 1)) <= torch.cuda.device_count()
    # nccl refuses two processes on one device; gloo takes a way through the memory of the CPU.
    backend = "cpu:gloo,cuda:nccl" if alone and distributed.is_nccl_available() else "gloo"
    if not ours:
        return Ranks(distributed.new_group(backend=backend, timeout=TIMEOUT), torch.device("cpu"), None)
    if not _rendezvous:
        _rendezvous.append(next(c10d.rendezvous("env://", timeout=TIMEOUT)))
    store, rank, size = _rendezvous[0]
    _n_fits += 1  # what an earlier group has left in the store must not be found by this one
    store = c10d.PrefixStore(f"sklearn_ann/{_n_fits}", store)
    distributed.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=TIMEOUT)
    return Ranks(distributed.group.WORLD, torch.device("cpu"), store)


@contextmanager
def _deferred_interrupts(ranks: Ranks) -> Iterator[None]:
    """Let Ctrl-C wait for the next message to the other processes, so that all stop after the same step."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def note(*_: Any) -> None:
        if ranks.interrupted:  # for the second time
            raise KeyboardInterrupt
        ranks.interrupted = True

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def dividing(step: Any, ranks: Ranks | None) -> Iterator[None]:
    """Let a step and its layers know of the parts of the batches while the context lasts."""
    if ranks is None:
        yield
        return
    layers = [part for part in step.module.modules() if isinstance(part, BatchNorm | Stochastic)]
    step.ranks = ranks
    for layer in layers:
        layer.division = ranks
    try:
        yield
    finally:
        del step.ranks
        for layer in layers:
            del layer.division
