"""Vectors of columns follow their formulas, and batch sizes stay in bounds."""

import numpy as np
import pytest
import torch

from sklearn_ann.attention.vectors import ColumnVectors, table_batch_size
from sklearn_ann.reading import TableBatch


def batch(codes, numbers):
    numbers = torch.tensor(numbers, dtype=torch.float64)
    return TableBatch(torch.tensor(codes, dtype=torch.int64), numbers, torch.full((len(numbers),), -1))


def seeded(*arguments):
    torch.manual_seed(0)
    vectors = ColumnVectors(*arguments).double()
    torch.nn.init.normal_(vectors.missing)
    return vectors


def test_a_number_is_a_multiple_of_a_vector():
    vectors = seeded([], 2, 4, "linear")
    numbers = [[1.5, -2.0], [0.0, 3.0]]
    with torch.no_grad():
        found = vectors(batch(np.empty((2, 0)), numbers)).numpy()
    weight, bias = vectors.weight.detach().numpy()[:, 0], vectors.bias.detach().numpy()
    np.testing.assert_allclose(found, np.array(numbers)[:, :, None] * weight + bias, rtol=1e-12)


def test_a_number_is_read_by_waves():
    vectors = seeded([], 2, 4, "periodic")
    numbers = np.array([[1.5, -2.0], [0.0, 3.0]])
    with torch.no_grad():
        found = vectors(batch(np.empty((2, 0)), numbers)).numpy()
    frequency, weight, bias = (p.detach().numpy() for p in (vectors.frequency, vectors.weight, vectors.bias))
    for row in range(2):
        for column in range(2):
            x = numbers[row, column]
            angle = 2 * np.pi * frequency[column] * x
            expected = np.r_[x, np.cos(angle), np.sin(angle)] @ weight[column] + bias[column]
            np.testing.assert_allclose(found[row, column], np.maximum(expected, 0), rtol=1e-9)


@pytest.mark.parametrize("numeric", ["periodic", "linear"])
def test_a_missing_number_has_a_vector_and_does_not_leak(numeric):
    vectors = seeded([], 2, 4, numeric)
    found = vectors(batch(np.empty((2, 0)), [[np.nan, 0.5], [np.nan, -1.0]]))
    torch.testing.assert_close(found[:, 0], vectors.missing[0].expand(2, -1))
    found.sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in (vectors.weight, vectors.bias, vectors.missing))


def test_columns_share_no_category_and_unknown_ones_are_zero():
    vectors = seeded([2, 3], 0, 4, "linear")  # codes 0 to 3, and 0 to 4; the last two are missing and unknown
    everything = batch([[i % 4, i % 5] for i in range(20)], np.empty((20, 0)))
    found = vectors(everything).detach()
    assert len(torch.unique(found[:, 0], dim=0)) == 4
    assert len(torch.unique(found[:, 1], dim=0)) == 5
    assert len(torch.unique(found.flatten(0, 1), dim=0)) == 4 + 5 - 1  # zeros of both columns
    assert not found[3, 0].any()
    assert not found[4, 1].any()


def test_numbers_come_before_categories():
    vectors = seeded([2], 1, 4, "periodic")
    torch.nn.init.ones_(vectors.missing)
    found = vectors(batch([[3], [0]], [[np.nan], [0.5]]))
    assert found.shape == (2, 2, 4)
    assert (found[0, 0] == 1).all()
    assert not found[0, 1].any()


@pytest.mark.parametrize(("n_samples", "expected"), [(1, 32), (1600, 32), (5000, 100), (10**6, 256)])
def test_an_epoch_has_fifty_batches_within_bounds(n_samples, expected):
    assert table_batch_size(n_samples) == expected
