import numpy as np
import pandas as pd
import pytest

from sklearn_ann.metrics.tables import read_together, standardisation


def read(synthetic, real, categorical_features="auto"):
    layout, rows = read_together({"X_synthetic": synthetic, "X_real": real}, "X_real", categorical_features)
    return layout, rows["X_synthetic"], rows["X_real"]


def test_columns_of_frames_are_matched_by_name():
    real = pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"], "c": [5, 6]})
    layout, synthetic, other = read(real[["c", "b", "a"]], real)
    assert layout.names == ["a", "b", "c"]
    assert (layout.categorical, layout.numeric, layout.n_codes) == ([1], [0, 2], [3])
    np.testing.assert_array_equal(synthetic.numbers, other.numbers)
    np.testing.assert_array_equal(synthetic.codes, other.codes)
    with pytest.raises(ValueError, match=r"X_synthetic lacks \['b'\] and has \['d'\]"):
        read(real.rename(columns={"b": "d"}), real)


def test_categories_of_all_tables_have_codes_and_missing_has_the_last():
    _, synthetic, real = read([["z"], [None], ["a"]], [["a"], ["b"], [np.nan]])
    assert synthetic.codes.ravel().tolist() == [2, 3, 0]
    assert real.codes.ravel().tolist() == [0, 1, 3]


def test_the_reference_says_what_is_a_category():
    real = pd.DataFrame({"kind": pd.Categorical([1, 2, 1])})
    layout, synthetic, _ = read(pd.DataFrame({"kind": [2, 2, 1]}), real)
    assert layout.categorical == [0]
    assert synthetic.codes.ravel().tolist() == [1, 1, 0]
    layout, _, _ = read([[1.0, 2.0]], [[1.0, 3.0]], categorical_features=[1])
    assert (layout.categorical, layout.numeric) == ([1], [0])


def test_numbers_have_the_coarsest_precision():
    values = np.random.default_rng(0).normal(size=(5, 2))
    _, synthetic, real = read(values.astype(np.float32), values)
    np.testing.assert_array_equal(synthetic.numbers, real.numbers)
    _, synthetic, real = read(values, values)
    np.testing.assert_array_equal(real.numbers, values)
    _, _, real = read(np.ones((1, 1), dtype=np.float32), np.array([[1e300]]))
    assert real.numbers == 1e300


def test_images_are_rows():
    images = np.arange(24.0).reshape(2, 3, 4)
    _, synthetic, _ = read(images, images.reshape(2, 12))
    np.testing.assert_array_equal(synthetic.numbers, images.reshape(2, 12))


def test_no_value_in_common_is_a_surprise():
    with pytest.warns(
        UserWarning, match=r"No value of column 'a' of X_synthetic is in X_real: '1' \(str\) .* 1 \(int\)"
    ):
        read(pd.DataFrame({"a": ["1", "2"] * 10}), pd.DataFrame({"a": pd.Categorical([1, 2, 3] * 10)}))


@pytest.mark.parametrize(
    ("synthetic", "real", "error", "message"),
    [
        ([[1.0, 2.0]], [[1.0]], ValueError, "X_synthetic has 2 columns, but X_real has 1"),
        (np.empty((0, 1)), [[1.0]], ValueError, "X_synthetic is no table"),
        ([[1.0]], [], ValueError, "X_real is no table"),
        ([[np.inf]], [[1.0]], ValueError, "X_synthetic cannot be read: column 0 of X has infinity, in sample 0"),
        ([["a"]], [[1.0]], ValueError, "X_synthetic cannot be read: column 0 of X has the value 'a'"),
        ([1.0, 2.0], [[1.0]], ValueError, "X_synthetic is no table"),
        (None, [[1.0]], TypeError, "X_synthetic is no table"),
    ],
)
def test_what_cannot_be_read(synthetic, real, error, message):
    with pytest.raises(error, match=message):
        read(synthetic, real)


def test_one_outlier_does_not_set_the_scale():
    rng = np.random.default_rng(0)
    values = np.c_[rng.normal(3, 2, 1000), np.full(1000, 7.0), np.zeros(1000), np.full(1000, np.nan)]
    values[0, 0], values[:5, 2] = 1e9, 1.0
    mean, scale = standardisation(values, ["a", "b", "c", "d"])
    np.testing.assert_allclose(mean[:2], [3, 7], atol=0.2)
    np.testing.assert_allclose(scale[[0, 1, 3]], [2, 1, 1], rtol=0.1)
    assert scale[2] == pytest.approx(np.std(values[:, 2]))  # all that differs is in the tail
