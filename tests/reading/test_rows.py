"""Rows of numbers."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from sklearn_ann.reading import RowReader, StandardizedRowReader
from sklearn_ann.reading.rows import flattened

X = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
EVERY = torch.arange(5)


def reader(kind=RowReader, dtype=torch.float32, **settings):
    return kind(owner="Model", dtype=dtype, **settings)


def test_sparse_rows_and_images_are_the_dense_rows():
    expected = reader().learn(X)[EVERY]
    assert torch.equal(expected, torch.from_numpy(X))
    assert torch.equal(reader().learn(sp.csc_matrix(X))[EVERY], expected)
    images = reader(image_shape=(2, 2))
    assert torch.equal(images.learn(X.reshape(5, 2, 2))[EVERY], expected)
    assert torch.equal(images.read(X)[EVERY], expected)  # rows stay what they are


def test_an_array_of_the_right_type_is_not_copied():
    samples = reader().learn(X)
    assert samples.values.data_ptr() == X.ctypes.data
    assert reader(dtype=torch.float64).learn(X).values.dtype == torch.float64


def test_the_check_sees_samples_of_the_fit_and_later_ones():
    seen = []
    rows = reader(check=lambda samples: seen.append(len(samples)))
    rows.learn(X)
    rows.read(X[:2])
    assert seen == [5, 2]


def test_columns_are_standardised_with_the_moments_of_the_fit():
    rows = reader(StandardizedRowReader, torch.float64)
    rows.learn(X)
    later = X + 1
    expected = (later - X.astype(float).mean(axis=0)) / X.astype(float).std(axis=0)
    np.testing.assert_allclose(rows.read(later)[EVERY], expected)
    assert rows.attributes["scaler_"] is rows.scaler


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (X.reshape(5, 4, 1), ValueError, r"images of shape \(4, 1\), but image_shape=\(2, 2\)"),
        (X[:, :3], ValueError, "X has 3 features, but Model is expecting 4"),
        (np.full((5, 4), np.nan), ValueError, "NaN"),
        (X[:0], ValueError, "0 sample"),
        ([["a"] * 4], ValueError, "could not convert string to float"),
    ],
)
def test_bad_input(bad, error, message):
    rows = reader(image_shape=(2, 2))
    rows.learn(X)
    with pytest.raises(error, match=message):
        rows.read(bad)


def test_without_an_image_shape_nothing_is_flattened():
    images = X.reshape(5, 2, 2)
    assert flattened(images, None) is images
    assert flattened(images, (2, 2)).shape == (5, 4)
    with pytest.raises(ValueError, match="dim 3"):
        reader().learn(images)
