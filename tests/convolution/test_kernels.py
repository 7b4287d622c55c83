"""Kernels: how patterns become kernels, what a response is, and what is refused."""

import numpy as np
import pytest
import torch

from sklearn_ann.convolution import matched_kernel
from sklearn_ann.convolution.kernels import banks_of, check_kernels, correlation, normalized_correlation


def tensor(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def patches(x, height, width):
    """Rows of the lecture's X̃ of each image: (batch, n_patches, channels * height * width)."""
    return torch.nn.functional.unfold(x, (height, width)).movedim(1, 2)


def test_no_other_pattern_has_the_response_of_the_matched_one():
    pattern = np.array([[1, 0, 1], [0, 1, 0]])
    every = np.array([[int(bit) for bit in f"{number:06b}"] for number in range(64)]).reshape(64, 2, 3)
    responses = (every * matched_kernel(pattern)).sum(axis=(1, 2))
    assert (every[responses == responses.max()] == pattern).all()
    assert responses.max() == pattern.sum()


def test_a_kernel_of_several_patterns_is_zero_where_they_differ():
    a, b = np.array([[1, 0], [1, 1]]), np.array([[1, 0], [0, 1]])
    assert matched_kernel(a, b).tolist() == [[1, -1], [0, 1]]
    assert matched_kernel(a > 0).dtype == np.float32


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ((), "got shapes of none"),
        (([[1]], [[1, 0]]), r"\(1, 1\), \(1, 2\)"),
        (([[0, 2]],), "pattern 0 has values other"),
    ],
)
def test_patterns_that_make_no_kernel(patterns, message):
    with pytest.raises(ValueError, match=message):
        matched_kernel(*patterns)


def test_responses_are_products_of_patches_and_kernels():
    x, weight = tensor(2, 3, 5, 6), tensor(4, 3, 2, 3, seed=1)
    expected = patches(x, 2, 3) @ weight.flatten(1).T  # (batch, n_patches, n_kernels)
    torch.testing.assert_close(correlation(x, weight).flatten(2).movedim(1, 2), expected)


def test_normalized_responses_are_pearsons_correlations_and_zero_for_a_constant_patch():
    x, weight = tensor(1, 2, 4, 5), tensor(3, 2, 3, 3, seed=1)
    rows = patches(x, 3, 3)[0].numpy()
    expected = np.corrcoef(rows, weight.flatten(1).numpy())[: len(rows), len(rows) :]
    found = normalized_correlation(x, weight).flatten(2)[0].T
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(normalized_correlation(50 * x + 300, weight).flatten(2)[0].T, expected, atol=1e-9)
    assert not normalized_correlation(torch.full_like(x, 0.1), weight).any()


def test_banks_hold_the_kernels_of_one_size_with_channels_first():
    kernels = check_kernels([np.eye(2), np.ones((3, 1)), [[1, 2], [3, 4]]])
    two, one = banks_of(kernels, torch.float32, torch.device("cpu"))
    assert (two.numbers, one.numbers) == ([0, 2], [1])
    assert two.weight[:, 0].tolist() == [[[1, 0], [0, 1]], [[1, 2], [3, 4]]]
    assert one.weight.shape == (1, 1, 3, 1)
    coloured = np.arange(12.0).reshape(2, 2, 3)
    (bank,) = banks_of(check_kernels(coloured[None]), torch.float64, torch.device("cpu"))
    assert bank.weight[0, 1].tolist() == coloured[:, :, 1].tolist()


def test_checked_kernels_are_copies():
    kernel = np.eye(3)
    (checked,) = check_kernels([kernel])
    kernel[:] = 7
    assert checked[:, :, 0].tolist() == np.eye(3).tolist()


@pytest.mark.parametrize(
    ("kernels", "error", "message"),
    [
        ("box", TypeError, "kernels='box'"),
        ([np.eye(2), [["a"]]], TypeError, "kernel 1 is not an array of real numbers"),
        ([np.eye(2), np.ones(3)], ValueError, r"kernel 1 has shape \(3,\)"),
        ([[[1.0, np.nan]]], ValueError, "kernel 0 contains NaN"),
    ],
)
def test_bad_kernels_are_named(kernels, error, message):
    with pytest.raises(error, match=message):
        check_kernels(kernels)
