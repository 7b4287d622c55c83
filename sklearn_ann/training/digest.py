"""Digests of what a fit is made on: equal for equal samples and settings, without looking at all of them."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sklearn_ann.training.data import Examples

_MOST, _CHUNK = 10_000, 1_000  # samples that are looked at, and at a time


def digest(*parts: Any) -> bytes:
    """Return a short digest of tensors, of the tensors in batches, and of whatever ``repr`` tells apart."""
    hashed = hashlib.blake2b(digest_size=16)
    for part in parts:
        _feed(hashed, part)
    return hashed.digest()


def _feed(hashed: Any, part: Any) -> None:
    if isinstance(part, Tensor | np.ndarray):
        array = part.numpy(force=True) if isinstance(part, Tensor) else part
        hashed.update(f"{array.dtype} {array.shape}".encode())
        hashed.update(repr(array.tolist()).encode() if array.dtype == object else np.ascontiguousarray(array).data)
    elif isinstance(part, tuple | list):
        for item in part:
            _feed(hashed, item)
    elif isinstance(part, dict):
        for name, item in part.items():
            hashed.update(str(name).encode())
            _feed(hashed, item)
    elif isinstance(part, set | frozenset):
        _feed(hashed, sorted(map(repr, part)))
    elif hasattr(part, "__dict__") and type(part).__module__.startswith("sklearn_ann.") and not callable(part):
        hashed.update(type(part).__name__.encode())
        _feed(hashed, vars(part))
    else:
        hashed.update(re.sub(r" at 0x[0-9a-f]+", "", repr(part)).encode())


def of_examples(examples: Examples[Any] | None) -> dict[str, bytes]:
    """Return digests of number, samples, targets and weights; of many samples, ten thousand are looked at."""
    if examples is None:
        return {}
    n, target = len(examples.samples), examples.target
    some = torch.linspace(0, n - 1, min(n, _MOST), dtype=torch.float64).long().split(_CHUNK)
    return {
        "numbers of samples": digest(n, len(examples)),
        "samples": digest(*(examples.samples[part.to(examples.samples.device)] for part in some)),
        "targets": digest(*(None if target is None else target[part.to(target.device)] for part in some)),
        "weights": digest(examples.weight),
        "rows to train on": digest(examples.rows),
    }
