"""Series: gaps are filled from before, channels are scaled, and images are refused."""

import numpy as np
import pytest
import torch

from sklearn_ann.reading.series import SeriesReader, filled_forward
from sklearn_ann.training import Examples

NAN = np.nan


def reader():
    return SeriesReader(owner="RNN", dtype=torch.float64, alphabet="auto", unknown="error")


def learned(X, weight=None):
    new = reader()
    weight = None if weight is None else torch.tensor(weight, dtype=torch.float64)
    return new, new.finish(Examples(new.learn(X), None, None, weight)).samples


def test_a_gap_is_filled_by_the_last_value_before_it_in_the_same_series():
    values = np.array([[1.0, NAN], [NAN, 2.0], [NAN, NAN], [NAN, 5.0], [7.0, NAN]])
    expected = [[1.0, NAN], [1.0, 2.0], [1.0, 2.0], [NAN, 5.0], [7.0, 5.0]]
    np.testing.assert_array_equal(filled_forward(values, np.array([0, 3, 5])), expected)


def test_channels_are_scaled_over_all_known_steps_and_say_where_gaps_are():
    X = [np.array([[1.0, 10.0], [NAN, 20.0]]), np.array([[3.0, 30.0], [5.0, 40.0], [NAN, 50.0]])]
    fitted, samples = learned(X)
    np.testing.assert_allclose(fitted.mean, [3.0, 30.0])
    np.testing.assert_allclose(fitted.scale, [np.std([1, 3, 5]), np.std([10, 20, 30, 40, 50])])
    assert fitted.gaps.tolist() == [0]
    assert fitted.n_inputs == 3
    scaled = samples.values.numpy()
    np.testing.assert_allclose(scaled[:, 0] * fitted.scale[0] + 3, [1, 1, 3, 5, 5])
    np.testing.assert_array_equal(scaled[:, 2], [0, 1, 0, 0, 1])
    # What comes before the first known value is the mean, also in a channel without gaps in the fit.
    later = fitted.read([[[NAN, NAN]], [[1.0, 10.0]]]).values.numpy()
    np.testing.assert_array_equal(later.reshape(2, 3)[0], [0, 0, 1])


def test_a_weight_of_two_is_a_series_twice():
    X = [np.array([[1.0], [2.0]]), np.array([[5.0], [9.0], [4.0]])]
    weighted, _ = learned(X, [2 / 1.5, 1 / 1.5])
    repeated, _ = learned([X[0], *X])
    np.testing.assert_allclose(weighted.mean, repeated.mean)
    np.testing.assert_allclose(weighted.scale, repeated.scale)


def test_digits_far_from_zero_are_kept():
    new = SeriesReader(owner="RNN", dtype=torch.float32, alphabet="auto", unknown="error")
    X = 1e9 + np.arange(6.0).reshape(2, 3, 1)
    samples = new.finish(Examples(new.learn(X), None, None, None)).samples
    np.testing.assert_allclose(samples.values.ravel(), (np.arange(6) - 2.5) / np.std(np.arange(6)), rtol=1e-6)


def test_arrays_of_three_dimensions_are_series_and_letters_are_one_hot():
    fitted, samples = learned(np.zeros((4, 5, 9)))
    assert (fitted.kind, samples.values.shape) == ("signal", (4, 5, 9))
    fitted, samples = learned(["ACGT", "AC"])
    assert (fitted.kind, fitted.n_inputs) == ("sequence", 4)
    assert samples[torch.tensor([1])].x.shape == (1, 4, 2)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"strings and series of shape .*sample 0 of X has 3 dimensions"):
        reader().learn(np.zeros((2, 3, 4, 5)))
    with pytest.raises(ValueError, match="sample 1 contains infinity"):
        reader().learn([np.array([1.0, NAN]), np.array([np.inf])])
    with pytest.raises(ValueError, match=r"sample 1 has shape \(0,\): it is empty"):
        reader().learn([np.array([1.0, 2.0]), np.array([])])
    with pytest.raises(TypeError, match="sequence 1 is"):
        reader().learn(["ACGT", np.array([1.0, 2.0])])
    fitted, _ = learned([np.zeros((3, 2)), np.ones((4, 2))])
    with pytest.raises(ValueError, match="X has 3 channels, but RNN expects 2"):
        fitted.read([np.zeros((3, 3))])
    with pytest.raises(ValueError, match="fitted on signals"):
        fitted.read(["ACGT"])


@pytest.mark.parametrize("value", [1e39, 1e200, 1.7e308])
def test_a_value_too_far_to_compute_with_is_named(value):
    new = SeriesReader(owner="RNN", dtype=torch.float32, alphabet="auto", unknown="error")
    new.finish(Examples(new.learn([[[3.0, 2.0], [NAN, 1.0]]]), None, None, None))
    with pytest.raises(ValueError, match=r"sample 1 of X has the value .* in channel 1: that is too many standard"):
        new.read([[[1.0, 2.0]], [[1.0, 2.0], [1.0, value]]])


def test_letters_in_columns_are_noticed():
    letters = np.eye(4)[np.random.default_rng(0).integers(0, 4, (5, 9))]
    reader().learn(letters)
    with pytest.warns(UserWarning, match="RNN: The columns of samples of 4 x 9, and not the rows, sum to 1"):
        reader().learn(letters.transpose(0, 2, 1))
