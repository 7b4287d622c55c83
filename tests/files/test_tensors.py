"""Tensors in the format of safetensors."""

import math

import numpy as np
import pytest
import torch

from sklearn_ann import ModelFileError
from sklearn_ann.files.tensors import TYPES, Arrays, StoredArrays, checksum, is_finite, raw


def written(tensors, path):
    arrays = Arrays(tensors)
    path.write_bytes(b"".join(bytes(part) for part in arrays.parts()))
    assert path.stat().st_size == arrays.size
    return arrays


def test_all_types_and_shapes_come_back(tmp_path):
    tensors = [torch.arange(6).reshape(2, 3).to(dtype) for dtype in TYPES.values()]
    tensors += [torch.arange(300_000), torch.tensor(3.5), torch.empty(0, 4), torch.zeros(2, 0, dtype=torch.int8)]
    arrays = written(tensors, tmp_path / "a")
    with (tmp_path / "a").open("rb") as file:
        stored = StoredArrays(file, 0, arrays.size)
        stored.expect(arrays.sums)
        for number, tensor in enumerate(tensors):
            found = stored.get(number, "it")
            assert found.dtype == tensor.dtype
            assert found.shape == tensor.shape
            assert raw(found).tobytes() == raw(tensor).tobytes()
        assert stored.unused == []


def test_safetensors_reads_it(tmp_path):
    load_file = pytest.importorskip("safetensors.torch").load_file
    tensors = [torch.randn(3, 2), torch.arange(5, dtype=torch.int8), torch.randn(2, dtype=torch.float64)]
    written(tensors, tmp_path / "a")
    found = load_file(tmp_path / "a")
    assert all(torch.equal(found[str(number)], tensor) for number, tensor in enumerate(tensors))


def test_each_changed_byte_changes_the_checksum():
    rng = np.random.default_rng(0)
    data = rng.integers(256, size=53).astype(np.uint8)
    expected = checksum(data)
    for place in range(len(data)):
        other = data.copy()
        other[place] ^= 1 << rng.integers(8)
        assert checksum(other) != expected
    assert checksum(np.empty(0, dtype=np.uint8)) == 0


def test_sums_that_overflow_are_finite():
    assert is_finite(torch.full((10,), 3e38))
    assert is_finite(torch.full((3,), 6e4, dtype=torch.float16))
    assert is_finite(torch.arange(3))
    for value in (math.inf, -math.inf, math.nan):
        assert not is_finite(torch.tensor([1.0, value, 2.0]))
    assert not is_finite(torch.tensor([math.inf, -math.inf]))


def test_truth_values_have_no_other_bytes(tmp_path):
    written([torch.tensor([2, 0, 1], dtype=torch.uint8)], tmp_path / "a")
    data = (tmp_path / "a").read_bytes().replace(b'"U8"', b'"BOOL"', 1)
    length = int.from_bytes(data[:8], "little") + 2
    (tmp_path / "a").write_bytes(length.to_bytes(8, "little") + data[8:])
    with (tmp_path / "a").open("rb") as file:
        stored = StoredArrays(file, 0, len(data))
        stored.expect([2 + 1 * 2**16])
        with pytest.raises(ModelFileError, match="other bytes than 0 and 1"):
            stored.get(0, "it")


def test_checksums_are_integers_one_for_each(tmp_path):
    arrays = written([torch.zeros(3)], tmp_path / "a")
    with (tmp_path / "a").open("rb") as file:
        stored = StoredArrays(file, 0, arrays.size)
        for sums in ([], [True], ["0"], None, [0, 0]):
            with pytest.raises(ModelFileError, match="one checksum for each"):
                stored.expect(sums)
