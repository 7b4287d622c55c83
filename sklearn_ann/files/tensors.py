"""Arrays and tensors in the format of safetensors: eight bytes for a length, a header in JSON, then the raw numbers.

The format is written and read here, because a file within a file cannot be memory-mapped through the package
safetensors, and because the header is held against the size of the file before anything is allocated.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from sklearn_ann.files.errors import ModelFileError

TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U64": torch.uint64,
    "U32": torch.uint32,
    "U16": torch.uint16,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_NAMES = {dtype: name for name, dtype in TYPES.items()}
MOST_HEADER = 2**26
_MOST_DIMENSIONS = 32
_CHUNK = 2**18  # numbers that are looked at together, within the cache
_PART = 2**20  # bytes that are read at once; a multiple of eight


class Arrays:
    """Tensors to be written, each in its place.

    Attributes
    ----------
    header : bytes
        Length and header of the format.
    sums : list of int
        One `checksum` for each tensor, by number.
    """

    def __init__(self, tensors: list[Tensor]) -> None:
        # Wide types first, so that each tensor is aligned to its own type.
        self._order = sorted(range(len(tensors)), key=lambda number: -tensors[number].element_size())
        self._tensors = tensors
        entries, stop = {}, 0
        for number in self._order:
            tensor, start = tensors[number], stop
            stop += tensor.numel() * tensor.element_size()
            entries[str(number)] = {
                "dtype": _NAMES[tensor.dtype],
                "shape": list(tensor.shape),
                "data_offsets": [start, stop],
            }
        text = json.dumps(entries, separators=(",", ":")).encode()
        text += b" " * (-(len(text) + 8) % 64)
        self.header = len(text).to_bytes(8, "little") + text
        self.size = len(self.header) + stop
        self.sums = [checksum(raw(tensor)) for tensor in tensors]

    def parts(self) -> Iterator[Any]:
        """Yield the bytes of the member, tensor by tensor."""
        yield self.header
        yield from (raw(self._tensors[number]).data for number in self._order)


def raw(tensor: Tensor) -> np.ndarray:
    """Return the bytes of a contiguous tensor, without a copy."""
    flat = tensor.reshape(-1)
    if flat.stride(0) != 1:  # a single number counts as contiguous whatever its stride
        flat = flat.clone(memory_format=torch.contiguous_format)
    return flat.view(torch.uint8).numpy() if len(flat) else np.empty(0, dtype=np.uint8)


def checksum(data: np.ndarray) -> int:
    """Return the sum of `data` in words of eight bytes, modulo 2**64: as fast as memory is read, unlike a CRC."""
    whole = len(data) // 8 * 8
    rest = int.from_bytes(data[whole:].tobytes(), "little")
    return (int(data[:whole].view("<u8").sum(dtype=np.uint64)) + rest) % 2**64


class StoredArrays:
    """Tensors of a file, found by number; the header is checked and no tensor is read yet.

    Parameters
    ----------
    file : binary file
    start, size : int
        Where the member lies in the file.
    mapped : memoryview or None
        The whole file in memory, of which the tensors become parts.

    Raises
    ------
    ModelFileError
        If the header promises what the member does not hold.
    """

    def __init__(self, file: BinaryIO, start: int, size: int, mapped: Any = None) -> None:
        self._file, self._mapped = file, mapped
        file.seek(start)
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, MOST_HEADER):
            raise ModelFileError(f"the header of the tensors has {length} bytes, but their member has {size}")
        text = file.read(length)
        self.header_sum = zlib.crc32(length.to_bytes(8, "little") + text)
        self._start = start + 8 + length
        self._entries = _entries(text, size - 8 - length)
        self._used: set[int] = set()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def unused(self) -> list[int]:
        """Numbers of the tensors that nobody has asked for."""
        return sorted(set(range(len(self))) - self._used)

    def expect(self, sums: Any) -> None:
        """Set what `checksum` must return for each tensor."""
        if not isinstance(sums, list) or len(sums) != len(self) or not all(type(value) is int for value in sums):
            raise ModelFileError("the manifest must hold one checksum for each tensor")
        self._sums: list[int] = sums

    def get(self, number: Any, where: str) -> Tensor:
        """Return a tensor of its own memory, or of the map."""
        if type(number) is not int or not 0 <= number < len(self):
            raise ModelFileError(f"{where} names the tensor {str(number)[:50]}, but there are {len(self)}")
        if number in self._used:
            raise ModelFileError(f"{where} names the tensor {number}, which belongs to another value already")
        self._used.add(number)
        dtype, shape, start, stop = self._entries[number]
        if start == stop:
            return torch.empty(shape, dtype=dtype)
        if self._mapped is not None:
            count, offset = math.prod(shape), self._start + start
            tensor = torch.frombuffer(self._mapped, dtype=dtype, count=count, offset=offset).reshape(shape)
            found = checksum(raw(tensor))
        else:
            tensor = torch.empty(shape, dtype=dtype)
            self._file.seek(self._start + start)
            found = self._read(raw(tensor), where)
        if found != self._sums[number]:
            raise ModelFileError(f"{where}: its numbers are damaged, their checksum differs from the manifest's")
        if dtype == torch.bool and raw(tensor).max() > 1:
            raise ModelFileError(f"{where}: its truth values have other bytes than 0 and 1")
        return tensor

    def _read(self, data: np.ndarray, where: str) -> int:
        """Fill `data` from the file; return its checksum, taken of each part while it is in the processor's cache."""
        found = 0
        for start in range(0, len(data), _PART):
            part = data[start : start + _PART]
            if self._file.readinto(part.data) != len(part):  # type: ignore[attr-defined]
                raise ModelFileError(f"{where}: the file ends within its numbers")
            found += checksum(part)
        return found % 2**64


def _entries(text: bytes, size: int) -> list[tuple[torch.dtype, list[int], int, int]]:
    """Check a header against the `size` of the data; return type, shape, start and stop of each tensor."""
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"the header of the tensors is no JSON: {error}") from error
    if not isinstance(header, dict) or set(header) != set(map(str, range(len(header)))):
        raise ModelFileError("the tensors must be numbered from 0, without other entries")
    found = []
    for number in range(len(header)):
        entry = header[str(number)]
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise ModelFileError(f"tensor {number} must have dtype, shape and data_offsets, and nothing else")
        dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
        if not isinstance(dtype, str) or dtype not in TYPES:
            raise ModelFileError(f"tensor {number} has the unknown type {str(dtype)[:50]!r}")
        if not _counts(shape) or len(shape) > _MOST_DIMENSIONS or not _counts(offsets) or len(offsets) != 2:
            raise ModelFileError(f"shape and data_offsets of tensor {number} must be lists of integers, 0 or more")
        start, stop = offsets
        needed = math.prod(shape) * TYPES[dtype].itemsize
        if stop - start != needed or stop > size:
            raise ModelFileError(
                f"tensor {number} of shape {tuple(shape)} takes {needed} bytes, but lies at {start} to {stop} of {size}"
            )
        found.append((TYPES[dtype], shape, start, stop))
    _check_tiling([(start, stop) for _, _, start, stop in found], size)
    return found


def _counts(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) is int and 0 <= value < 2**48 for value in values)


def _check_tiling(bounds: list[tuple[int, int]], size: int) -> None:
    end = 0
    for start, stop in sorted(bounds):
        if start != end:
            raise ModelFileError(f"tensors overlap or leave a gap at byte {min(start, end)}")
        end = stop
    if end != size:
        raise ModelFileError(f"the tensors take {end} bytes, but {size} are there")


def is_finite(tensor: Tensor) -> bool:
    """Return whether all numbers are finite, without a mask of the tensor's size."""
    if not tensor.is_floating_point() or not tensor.numel():
        return True
    # A sum is not finite if one of its terms is not; a sum that overflows is looked at again.
    flat = tensor.detach().reshape(-1)
    return all(bool(part.sum().isfinite()) or bool(part.isfinite().all()) for part in flat.split(_CHUNK))
