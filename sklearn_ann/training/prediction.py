"""Running a trained network over samples, in chunks that fit in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_ann.training.data import Samples, on_device
from sklearn_ann.training.device import Precision, autocast


def apply(
    module: nn.Module,
    samples: Samples,
    function: Callable[[Any, Any], Tensor],
    *,
    chunk: int,
    device: torch.device,
    precision: Precision,
) -> np.ndarray:
    """Apply ``function(module, batch)`` to `samples`, `chunk` of them at a time, without gradients.

    Returns
    -------
    array of shape (n_samples, ...)
    """
    n = len(samples)
    order = samples.sorted(torch.arange(n, device=samples.device))
    result: np.ndarray | None = None
    module.eval()
    with torch.inference_mode(), autocast(device, precision):
        for index in torch.split(order, chunk):
            part = function(module, on_device(samples[_padded(index, samples.least_batch)], device))[: len(index)]
            if part.dtype == torch.bfloat16:
                part = part.float()  # NumPy has no such type
            values = part.cpu().numpy()
            if result is None:
                result = np.empty((n, *values.shape[1:]), dtype=values.dtype)
            result[index.cpu().numpy()] = values
    assert result is not None  # there is at least one sample
    return result


def _padded(index: Tensor, least: int) -> Tensor:
    """Repeat the last sample until there are `least` of them."""
    missing = least - len(index)
    return index if missing <= 0 else torch.cat([index, index[-1:].expand(missing)])
