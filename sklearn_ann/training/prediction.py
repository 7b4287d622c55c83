"""Running a trained network over samples, in chunks that fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_ann.training.data import Samples, as_array, on_device
from sklearn_ann.training.device import Precision, autocast, limited_threads, repeatable


def apply(
    module: nn.Module,
    samples: Samples,
    function: Callable[[Any, Any], Any],
    *,
    device: torch.device,
    precision: Precision = "float32",
    chunks: int | Sequence[Tensor],
    gradients: bool = False,
) -> Any:
    """Apply ``function(module, batch)`` to `samples`, some of them at a time.

    Parameters
    ----------
    module : nn.Module
        Put into evaluation mode. If its attribute ``steady`` is true, the number of samples in a batch changes no digit
        of its outputs, and small batches are not padded.
    samples : Samples
    function : callable
        Returns a Tensor whose first axis is the batch; a tuple of such Tensors; or a list with one entry per sample,
        for results of different sizes.
    device : torch.device
        Where the module is.
    precision : {"float32", "float64", "bfloat16"}
    chunks : int or sequence of int64 Tensor
        How many samples to take at a time, or which; together all of them once.
    gradients : bool
        Whether `function` computes gradients.

    Returns
    -------
    array of shape (n_samples, ...), tuple of such arrays, or list of length n_samples
        Tensors become arrays; other entries of a list stay as they are.
    """
    if isinstance(chunks, int):
        order = samples.sorted(torch.arange(len(samples), device=samples.device))
        chunks = [order] if len(order) <= chunks else torch.split(order, chunks)
    if module.training:  # this walks through all its parts
        module.eval()
    multiple = 1 if getattr(module, "steady", False) else samples.multiple
    padded = [_padded(index, multiple) for index in chunks]
    mode = torch.enable_grad() if gradients else torch.inference_mode()
    kernels = nullcontext() if gradients else repeatable(device)  # an adaptive mean has no repeatable gradient
    collected = _Collected(chunks) if len(chunks) > 1 else None
    with limited_threads(), kernels, mode, autocast(device, precision):
        # No name for the batches: an error would keep them alive, and with them the thread that reads ahead.
        for index, batch in zip(chunks, _batches(samples, padded), strict=True):
            result = _on_cpu(function(module, on_device(batch, device)), len(index))
            if collected is not None:
                collected.add(result)
    return _in_order(result, chunks[0]) if collected is None else collected.result()


def _batches(samples: Samples, indices: Sequence[Tensor]) -> Iterator[Any]:
    return samples.cut(indices) if samples.streamed else map(samples.__getitem__, indices)


def _in_order(result: Any, index: Tensor) -> Any:
    """Put the result of one chunk in the order of the samples."""
    order = np.argsort(index.numpy(force=True))
    if isinstance(result, tuple):
        return tuple(part[order] for part in result)
    return [result[number] for number in order] if isinstance(result, list) else result[order]


class _Collected:
    """The results of chunks, put in the order of the samples.

    Each chunk is written to its place at once. Small arrays that are kept between large ones that are freed would make
    the memory of the process grow with each chunk.

    Parameters
    ----------
    chunks : sequence of int64 Tensor
        The samples of each result to come.
    """

    def __init__(self, chunks: Sequence[Tensor]) -> None:
        numbers = np.concatenate([index.numpy(force=True) for index in chunks])
        self.order = np.argsort(numbers)
        self.places = np.empty_like(self.order)
        self.places[self.order] = np.arange(len(numbers))
        self.n_results = 0
        self.entries: list[Any] = []
        self.arrays: list[np.ndarray] = []
        self.kind: type = np.ndarray

    def add(self, result: Any) -> None:
        """Take the result of the next chunk."""
        if isinstance(result, list):
            self.kind = list
            self.entries.extend(result)
            return
        parts = result if isinstance(result, tuple) else (result,)
        if not self.arrays:
            self.kind = type(result)
            self.arrays = [np.empty((len(self.places), *part.shape[1:]), part.dtype) for part in parts]
        for array, part in zip(self.arrays, parts, strict=True):
            array[self.places[self.n_results : self.n_results + len(part)]] = part
        self.n_results += len(parts[0])

    def result(self) -> Any:
        """Return all results in the form of each."""
        if self.kind is list:
            return [self.entries[number] for number in self.order]
        return self.arrays[0] if self.kind is np.ndarray else tuple(self.arrays)


def _padded(index: Tensor, multiple: int) -> Tensor:
    """Repeat the last sample until the number of samples is a multiple."""
    missing = -len(index) % multiple
    return torch.cat([index, index[-1:].expand(missing)]) if missing else index


def _on_cpu(result: Any, n: int) -> Any:
    """Convert tensors to arrays, without the results of repeated samples."""
    if isinstance(result, tuple):
        return tuple(_on_cpu(part, n) for part in result)
    if isinstance(result, list):
        return [_on_cpu(entry, len(entry)) if isinstance(entry, Tensor) else entry for entry in result[:n]]
    if not isinstance(result, Tensor):
        raise TypeError(f"a function of a batch returns tensors or a list, got {type(result).__name__}")
    return as_array(result[:n])
