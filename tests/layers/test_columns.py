"""Vectors of columns follow their formulas."""

import numpy as np
import pytest
import torch
from scipy.stats import norm

from sklearn_ann.layers import ColumnVectors


def batch(codes, numbers):
    return torch.tensor(codes, dtype=torch.int64), torch.tensor(numbers, dtype=torch.float64)


def seeded(*arguments):
    torch.manual_seed(0)
    vectors = ColumnVectors(*arguments).double()
    torch.nn.init.normal_(vectors.missing)
    return vectors


def test_a_number_is_a_multiple_of_a_vector():
    vectors = seeded([], 2, 4, "linear")
    numbers = [[1.5, -2.0], [0.0, 3.0]]
    with torch.no_grad():
        found = vectors(*batch(np.empty((2, 0)), numbers)).numpy()
    weight, bias = vectors.weight.detach().numpy()[:, 0], vectors.bias.detach().numpy()
    np.testing.assert_allclose(found, np.array(numbers)[:, :, None] * weight + bias, rtol=1e-12)


def test_a_number_is_read_by_waves():
    vectors = seeded([], 2, 4, "periodic")
    numbers = np.array([[1.5, -2.0], [0.0, 3.0]])
    with torch.no_grad():
        found = vectors(*batch(np.empty((2, 0)), numbers)).numpy()
    frequency, weight, bias = (p.detach().numpy() for p in (vectors.frequency, vectors.weight, vectors.bias))
    for row in range(2):
        for column in range(2):
            x = numbers[row, column]
            angle = 2 * np.pi * frequency[column] * x
            expected = np.r_[x, np.cos(angle), np.sin(angle)] @ weight[column] + bias[column]
            np.testing.assert_allclose(found[row, column], np.maximum(expected, 0), rtol=1e-9)


@pytest.mark.parametrize("numeric", ["piecewise", "periodic", "linear"])
def test_a_missing_number_has_a_vector_and_does_not_leak(numeric):
    vectors = seeded([], 2, 4, numeric)
    found = vectors(*batch(np.empty((2, 0)), [[np.nan, 0.5], [np.nan, -1.0]]))
    torch.testing.assert_close(found[:, 0], vectors.missing[0].expand(2, -1))
    found.sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in (vectors.weight, vectors.bias, vectors.missing))


def test_columns_share_no_category_and_unknown_ones_are_zero():
    vectors = seeded([2, 3], 0, 4, "linear")  # codes 0 to 3, and 0 to 4; the last two are missing and unknown
    everything = batch([[i % 4, i % 5] for i in range(20)], np.empty((20, 0)))
    found = vectors(*everything).detach()
    assert len(torch.unique(found[:, 0], dim=0)) == 4
    assert len(torch.unique(found[:, 1], dim=0)) == 5
    assert len(torch.unique(found.flatten(0, 1), dim=0)) == 4 + 5 - 1  # zeros of both columns
    assert not found[3, 0].any()
    assert not found[4, 1].any()


def test_numbers_come_before_categories():
    vectors = seeded([2], 1, 4, "periodic")
    torch.nn.init.ones_(vectors.missing)
    found = vectors(*batch([[3], [0]], [[np.nan], [0.5]]))
    assert found.shape == (2, 2, 4)
    assert (found[0, 0] == 1).all()
    assert not found[0, 1].any()


def test_a_piecewise_vector_bends_only_at_quantiles_of_the_normal_distribution():
    vectors = seeded([], 1, 3, "piecewise")
    knots = norm.ppf(np.linspace(0.001, 0.999, 33))
    x = np.linspace(-4, 4, 201)
    with torch.no_grad():
        straight = vectors(*batch(np.empty((201, 0)), x[:, None]))[:, 0].numpy()
        torch.nn.init.normal_(vectors.weight)
        at_knots = vectors(*batch(np.empty((33, 0)), knots[:, None]))[:, 0].numpy()
        bent = vectors(*batch(np.empty((201, 0)), x[:, None]))[:, 0].numpy()
    np.testing.assert_allclose(np.diff(straight, 2, axis=0), 0, atol=1e-12)  # as it begins
    inside = np.abs(x) < knots[-1]
    expected = np.column_stack([np.interp(x[inside], knots, values) for values in at_knots.T])
    np.testing.assert_allclose(bent[inside], expected, atol=1e-9)
