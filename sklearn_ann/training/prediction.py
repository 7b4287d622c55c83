"""Running a trained network over samples, in chunks that fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_ann.training.data import Samples, as_array, on_device
from sklearn_ann.training.device import Precision, autocast, limited_threads


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
    places: list[Tensor] = []
    results: list[Any] = []
    mode = torch.enable_grad() if gradients else torch.inference_mode()
    with limited_threads(), mode, autocast(device, precision):
        for index in chunks:
            batch = on_device(samples[_padded(index, multiple)], device)
            results.append(_on_cpu(function(module, batch), len(index)))
            places.append(index.cpu())
    place = np.argsort(np.concatenate([index.numpy() for index in places]))
    first = results[0]
    if isinstance(first, tuple):
        return tuple(np.concatenate(parts)[place] for parts in zip(*results, strict=True))
    if isinstance(first, list):
        flat = [entry for result in results for entry in result]
        return [flat[number] for number in place]
    return np.concatenate(results)[place] if len(results) > 1 else first[place]


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
