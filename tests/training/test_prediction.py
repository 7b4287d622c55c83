"""Running a network over samples in chunks."""

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_ann.training.data import Rows, Samples
from sklearn_ann.training.prediction import apply

CPU = torch.device("cpu")
VALUES = torch.arange(50.0).reshape(25, 2)


class Ragged(Samples):
    """Sample i is the number i, repeated as often as its length says."""

    multiple = 4

    def __init__(self, lengths):
        self.extents = torch.tensor(lengths)
        self.seen = []

    def __len__(self):
        return len(self.extents)

    def __getitem__(self, index):
        self.seen.append(index.tolist())
        return index.float(), self.extents[index]


def run(function, samples=None, module=None, chunks=7, **how):
    samples = Rows(VALUES) if samples is None else samples
    return apply(module or nn.Identity(), samples, function, device=CPU, chunks=chunks, **how)


@pytest.mark.parametrize("chunks", [1, 7, 25, 100])
def test_chunks_do_not_show(chunks):
    double, total = run(lambda module, x: (2 * module(x), x.sum(dim=1)), chunks=chunks)
    np.testing.assert_array_equal(double, 2 * VALUES)
    np.testing.assert_array_equal(total, VALUES.sum(dim=1))
    np.testing.assert_array_equal(run(lambda module, x: module(x), chunks=chunks), VALUES)


def test_chunks_of_ones_own_choice_are_put_back_in_order():
    order = torch.randperm(25, generator=torch.Generator().manual_seed(0))
    seen = []

    def function(module, x):
        seen.extend(x[:, 0].tolist())
        return x

    sizes = (20, 5)
    np.testing.assert_array_equal(run(function, chunks=order.split(sizes)), VALUES)
    assert seen[:20] == VALUES[order[:20], 0].tolist()


def test_ragged_samples_run_by_extent_and_come_back_in_their_own_order():
    samples = Ragged([3, 1, 2, 5, 1])

    def repeated(module, batch):
        numbers, lengths = batch
        return [number.expand(length) for number, length in zip(numbers, lengths.tolist(), strict=True)]

    found = run(repeated, samples, chunks=3)
    assert [part.tolist() for part in found] == [[0, 0, 0], [1], [2, 2], [3] * 5, [4]]
    assert all(isinstance(part, np.ndarray) for part in found)
    assert samples.seen == [[1, 4, 2, 2], [0, 3, 3, 3]]  # small batches are filled up with their last sample


def test_entries_of_lists_that_are_no_tensors_stay():
    names = run(lambda _, batch: [f"sample {int(i)}" for i in batch[0]], Ragged([2, 1, 1]), chunks=2)
    assert names == ["sample 0", "sample 1", "sample 2"]


@pytest.mark.parametrize("n", [1, 2, 15, 17])
def test_batches_are_padded_to_a_multiple_and_the_padding_is_cut_off(n):
    sizes = []

    def function(module, x):
        sizes.append(len(x))
        return x

    np.testing.assert_array_equal(run(function, Rows(VALUES[:n]), chunks=20), VALUES[:n])
    assert sizes == [16 if n < 17 else 32]
    steady = nn.Identity()
    steady.steady = True  # such a network sees to its rows by itself
    np.testing.assert_array_equal(run(function, Rows(VALUES[:n]), steady, chunks=20), VALUES[:n])
    assert sizes[1:] == [n]


def test_the_module_predicts_and_its_statistics_stay():
    module = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.5)).train()
    before = module[0].running_mean.clone()
    np.testing.assert_allclose(run(lambda module, x: module(x), module=module), VALUES, rtol=1e-4)
    assert not module.training
    assert torch.equal(module[0].running_mean, before)


def test_gradients_are_there_on_demand():
    def gradient(module, x):
        x = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad((x**2).sum(), x)
        return slope

    np.testing.assert_array_equal(run(gradient, gradients=True), 2 * VALUES)
    with pytest.raises(RuntimeError, match="grad"):
        run(gradient)


def test_bfloat16_comes_back_as_float32():
    module = nn.Linear(2, 3)
    found = run(lambda module, x: module(x), module=module, precision="bfloat16")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, module(VALUES).detach(), rtol=0.02, atol=0.5)


def test_functions_must_return_tensors():
    with pytest.raises(TypeError, match="a function of a batch returns tensors or a list, got ndarray"):
        run(lambda _, x: x.numpy())
