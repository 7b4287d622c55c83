"""Encoded samples and batches."""

import dataclasses

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from sklearn_ann.layers import Groups, ragged_positions
from sklearn_ann.training.data import (
    Examples,
    Place,
    Rows,
    Samples,
    SparseRows,
    as_array,
    as_tensor,
    batches,
    on_device,
)

CPU = torch.device("cpu")


@pytest.mark.parametrize(("n", "batch_size"), [(1, 1), (1, 32), (33, 32), (64, 32), (65, 32), (100, 7), (5, 1000)])
def test_batches_cover_everything_once_and_differ_by_one(n, batch_size):
    examples = Examples(Rows(torch.arange(n).float()[:, None]))
    order = torch.randperm(n)
    sizes, seen = [], []
    for batch in batches(examples, batch_size, CPU, order):
        sizes.append(batch.size)
        seen.append(batch.samples[:, 0])
        assert batch.target is batch.samples
        assert batch.weight is None
    assert len(sizes) == -(-n // batch_size)
    assert max(sizes) - min(sizes) <= 1
    assert torch.equal(torch.cat(seen), order.float())


@pytest.mark.parametrize(("n", "batch_size", "n_ranks"), [(100, 32, 2), (7, 2, 3), (5, None, 8)])
def test_parts_of_batches_cover_them_once(n, batch_size, n_ranks):
    weight = torch.arange(n) + 1.0
    examples = Examples(Rows(torch.arange(n).float()[:, None]), None, None, weight)
    order = torch.randperm(n)
    places = [Place(rank, n_ranks, torch.float64) for rank in range(n_ranks)]
    whole = list(batches(examples, batch_size, CPU, order))
    parts = zip(*(batches(examples, batch_size, CPU, order, place) for place in places), strict=True)
    for batch, of_ranks in zip(whole, parts, strict=True):
        assert all(one.size == batch.size == one.part.size for one in of_ranks)
        assert all(one.part.heft == batch.weight.sum() for one in of_ranks)
        busy = [one for one in of_ranks if not one.part.idle]
        assert torch.equal(torch.cat([one.samples for one in busy]), batch.samples)
        assert torch.equal(torch.cat([one.weight for one in busy]), batch.weight)
        assert max(len(one.samples) for one in busy) - min(len(one.samples) for one in busy) <= 1
        for one in of_ranks:
            if one.part.idle:
                assert torch.equal(one.samples, batch.samples[:1])
                assert one.weight.tolist() == [0.0]


def test_batches_of_some_rows_keep_target_and_weight_together():
    values = torch.arange(10.0)
    examples = Examples(Rows(values[:, None]), torch.tensor([8, 2, 5]), values * 10, values * 100)
    (batch,) = batches(examples, 32, CPU, None)
    assert batch.samples[:, 0].tolist() == [8, 2, 5]
    assert batch.target.tolist() == [80, 20, 50]
    assert batch.weight.tolist() == [800, 200, 500]
    assert len(examples) == 3
    assert len(dataclasses.replace(examples, rows=None)) == 10


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_sparse_rows_are_the_dense_rows(index_dtype):
    matrix = sp.random_array((20, 7), density=0.3, format="csr", random_state=np.random.default_rng(0))
    matrix.indices, matrix.indptr = matrix.indices.astype(index_dtype), matrix.indptr.astype(index_dtype)
    index = torch.tensor([3, 19, 0, 3])
    np.testing.assert_array_equal(SparseRows.from_scipy(matrix)[index], matrix.toarray()[index])


def test_sparse_rows_add_duplicates_up_and_may_be_empty():
    matrix = sp.csr_array((np.array([1.0, 2.0, 5.0]), np.array([1, 1, 0]), np.array([0, 2, 2, 3])), shape=(3, 2))
    np.testing.assert_array_equal(SparseRows.from_scipy(matrix)[torch.arange(3)], [[0, 3], [0, 0], [5, 0]])


def test_ragged_positions():
    starts = torch.tensor([0, 2, 2, 5])
    groups, positions = ragged_positions(starts, torch.tensor([2, 1, 0, 2]))
    assert groups.members.tolist() == [0, 0, 0, 2, 2, 3, 3, 3]
    assert groups.pointers.tolist() == [0, 3, 3, 5, 8]
    assert (groups.n_groups, groups.lengths.tolist()) == (4, [3, 0, 2, 3])
    assert positions.tolist() == [2, 3, 4, 0, 1, 2, 3, 4]


def test_arrays_are_shared_where_that_is_safe():
    array = np.ones(3)
    assert as_tensor(array).data_ptr() == array.ctypes.data
    array.flags.writeable = False  # such as a memory map
    assert as_tensor(array).data_ptr() == array.ctypes.data
    assert as_tensor(np.arange(3.0)[::-1]).tolist() == [2, 1, 0]


def test_on_device_keeps_the_structure():
    from leaves import Bags

    bags = on_device(Bags(torch.ones(2), Groups.of(torch.tensor([2]))), torch.device("meta"))
    assert isinstance(bags, Bags)
    assert bags.points.is_meta
    assert bags.groups.pointers.is_meta
    nested = on_device({"a": (torch.ones(1), None)}, torch.device("meta"))
    assert nested["a"][0].is_meta
    assert nested["a"][1] is None


def test_samples_that_stay_are_moved_batch_by_batch():
    class Stays(Samples):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            assert index.device == CPU
            return index.float()[:, None]

    meta = torch.device("meta")
    examples = Examples(Stays(), target=torch.ones(4)).to(meta)
    for batch in batches(examples, 2, meta, torch.arange(4)):
        assert batch.samples.is_meta
        assert batch.target.is_meta


def test_any_tensor_becomes_an_array():
    values = torch.tensor([1.0, 2.5], dtype=torch.bfloat16, requires_grad=True)
    assert as_array(values).tolist() == as_array(values.double()).tolist() == [1.0, 2.5]
    assert as_array(values).dtype == np.float32
    assert as_array(torch.arange(2)).dtype == np.int64
