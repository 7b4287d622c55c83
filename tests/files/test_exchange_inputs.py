"""What a graph reads is what a reader reads: scales, quantiles, gaps and padding."""

import numpy as np
import pytest
import torch
from discovery import IMAGES, SERIES, STRINGS
from scipy.special import ndtri

from sklearn_ann import AttentionClassifier, CNNRegressor, RNNRegressor
from sklearn_ann.files.exchange_inputs import (
    GridInputs,
    LetterInputs,
    Scaling,
    SeriesInputs,
    filled_forward,
    normal_quantiles,
    padded_samples,
)
from sklearn_ann.reading.scaling import Scale
from sklearn_ann.reading.series import filled_forward as as_read

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
BRIEF = {"max_epochs": 1, "random_state": 0}


def test_normal_quantiles():
    p = np.concatenate([np.linspace(1e-10, 1 - 1e-10, 10_001), 0.5 + np.array([-0.425, 0.425])])
    np.testing.assert_allclose(normal_quantiles(torch.tensor(p)).numpy(), ndtri(p), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", ["quantile", "standard"])
def test_numbers_are_scaled_as_by_the_reader(kind):
    rng = np.random.default_rng(0)
    columns = [
        rng.normal(size=500),
        rng.integers(0, 5, 500),  # ties
        np.where(rng.uniform(size=500) < 0.9, 0.0, rng.normal(size=500)),
        np.ones(500),
        np.full(500, np.nan),
    ]
    X = np.column_stack(columns)
    X[::7, 0] = np.nan
    scale = Scale(kind, X, None)
    later = np.concatenate([X, 1.01 * X, 3 * rng.normal(size=X.shape), rng.normal(size=X.shape).round()])
    np.testing.assert_allclose(Scaling(scale)(torch.tensor(later)).numpy(), scale(later), rtol=1e-12, atol=1e-12)


def test_gaps_are_filled_as_by_the_reader():
    rng = np.random.default_rng(0)
    x = np.where(rng.uniform(size=(5, 37, 2)) < 0.7, np.nan, rng.normal(size=(5, 37, 2)))
    found = filled_forward(torch.tensor(x), torch.tensor(x).isnan()).numpy()
    expected = as_read(x.reshape(-1, 2), np.arange(6) * 37).reshape(x.shape)
    np.testing.assert_array_equal(found, expected)


def test_samples_are_padded():
    values = np.arange(7)
    assert padded_samples(values, np.array([[3], [4]])).tolist() == [[0, 1, 2, 0], [3, 4, 5, 6]]
    squares = padded_samples(np.arange(5)[:, None], np.array([[2, 2], [1, 1]]))
    assert squares.shape == (2, 2, 2, 1)
    assert squares[..., 0].tolist() == [[[0, 1], [2, 3]], [[4, 0], [0, 0]]]


@pytest.mark.parametrize(
    ("estimator", "data", "kind"),
    [
        (CNNRegressor, IMAGES, GridInputs),
        (RNNRegressor, SERIES, SeriesInputs),
        (AttentionClassifier, STRINGS, LetterInputs),
    ],
)
def test_a_network_gets_what_its_reader_gives(estimator, data, kind):
    """Padding may hold anything."""
    X, y = data[0][:40], data[1][:40]
    model = estimator(**BRIEF).fit(X, y)
    inputs = kind(model.reader_, X)
    arrays = inputs.arrays(X[:9])
    sizes = arrays[1].reshape(9, -1)
    for sample, size in zip(arrays[0], sizes, strict=True):
        for axis, length in enumerate(size):
            beyond = np.arange(sample.shape[axis]) >= length
            sample[(slice(None),) * axis + (beyond,)] = 1
    batch = inputs.batch(*map(torch.tensor, arrays))
    with torch.no_grad():
        found = model.module_.eval().features(batch).numpy()
    np.testing.assert_allclose(found, model.transform(X[:9]), atol=1e-5)


def test_one_short_sample():
    series = [np.ones((length, 2)) for length in (1, 3, 2, 4)] * 5
    model = CNNRegressor(sample_type="signal", **BRIEF).fit(series, [0.0, 1.0, 2.0, 3.0] * 5)
    x, lengths = GridInputs(model.reader_, series).arrays(series[:1])
    assert (x.shape, lengths.tolist()) == ((1, 1, 2), [1])


def test_what_a_string_must_be_encoded_by_is_told():
    strings = ["ACGT", "GGCA", "ACN"] * 7
    model = AttentionClassifier(unknown="ambiguous", position="learned", **BRIEF).fit(strings, [0, 1, 1] * 7)
    (codes, lengths) = LetterInputs(model.reader_, strings).fields
    assert codes.about["symbols"] == "ACGTRYSWKMBDHVN"
    assert codes.about["unknown"] == 14
    assert codes.about["greatest_length"] == codes.greatest == 4
    assert (codes.name, lengths.name) == ("codes", "lengths")
