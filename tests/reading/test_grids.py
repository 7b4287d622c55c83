"""Sequences, signals and images of any size."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch

from sklearn_ann.reading import GridReader
from sklearn_ann.reading.grids import arrays

RNG = np.random.default_rng(0)
SIGNALS = [RNG.normal(size=(n, 2)).astype(np.float32) for n in (3, 1, 70, 5)]
IMAGES = [RNG.normal(size=(h, w, 2)).astype(np.float32) for h, w in ((3, 5), (1, 1), (4, 40), (66, 2))]
STRINGS = ["ACGT", "G", "CCARN"]
ONE_HOT = {letter: np.eye(4)[i] for i, letter in enumerate("ACGT")} | {
    "R": np.array([0.5, 0, 0.5, 0]),
    "N": np.full(4, 0.25),
}
RAGGED = {
    "signals": (SIGNALS, SIGNALS),
    "images": (IMAGES, IMAGES),
    "strings": (STRINGS, [np.array([ONE_HOT[letter] for letter in string]) for string in STRINGS]),
}


def reader(dtype=torch.float32, fixed=False, image_shape=None, sample_type="auto"):
    settings = {"alphabet": "dna", "unknown": "error", "image_shape": image_shape, "fixed": fixed}
    settings["sample_type"] = sample_type
    return GridReader(owner="Model", dtype=dtype, **settings)


def samples_of(kind, X):
    return arrays(X, 1, np.float32) if kind == "signals" else reader().learn(X)


@pytest.mark.parametrize("kind", RAGGED)
def test_each_sample_stands_in_a_corner_and_the_rest_is_zero(kind):
    X, expected = RAGGED[kind]
    samples = samples_of(kind, X)
    for index in (list(range(len(X))), [1], [2, 0, 2]):
        x, sizes = samples[torch.tensor(index)]
        for found, size, i in zip(x, sizes.tolist(), index, strict=True):
            assert tuple(size) == expected[i].shape[:-1]
            corner = (slice(None), *map(slice, size))
            np.testing.assert_array_equal(found[corner].movedim(0, -1), expected[i])
            found[corner] = 0
        assert not x.any()


def test_few_shapes_come_out_of_many_sizes():
    shapes = {tuple(reader().learn([np.ones(n), np.ones(1)])[torch.arange(2)].x.shape) for n in range(100, 200)}
    assert len(shapes) < 20
    assert all(100 <= length <= 208 for *_, length in shapes)


@pytest.mark.parametrize("kind", RAGGED)
def test_samples_of_one_size_fill_the_tensor(kind):
    X, expected = RAGGED[kind]
    for i, sample in enumerate(X):
        x, sizes = samples_of(kind, [sample] * 2)[torch.arange(2)]
        assert sizes is None
        np.testing.assert_array_equal(x[1].movedim(0, -1), expected[i])


def test_rows_are_signals_or_flattened_images():
    X = RNG.normal(size=(3, 12)).astype(np.float32)
    assert torch.equal(reader().learn(X)[torch.arange(3)].x, torch.from_numpy(X)[:, None])
    images = reader(image_shape=(2, 3, 2))
    expected = torch.from_numpy(X.reshape(3, 2, 3, 2)).movedim(-1, 1)
    assert torch.equal(images.learn(X)[torch.arange(3)].x, expected)
    assert images.n_channels == 2


def test_kind_channels_and_size_are_those_of_the_fit():
    made = reader(fixed=True)
    made.learn([np.ones((3, 3))] * 2)
    assert (made.kind, made.n_channels, made.size) == ("image", 1, (3, 3))
    with pytest.raises(ValueError, match="X are signals, but this Model was fitted on images"):
        made.read(np.ones((2, 3)))
    with pytest.raises(ValueError, match="X has 2 channels, but Model expects 1"):
        made.read([np.ones((3, 3, 2))])
    with pytest.raises(ValueError, match="sample 1 has the size 3x4, but the samples of the fit had 3x3"):
        made.read([np.ones((3, 3)), np.ones((3, 4))])
    free = reader()
    free.learn([np.ones((3, 3))] * 2)
    assert free.size == (3, 3)
    assert len(free.read([np.ones((5, 4))])) == 1


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (np.ones((2, 3, 1)), ValueError, r"sample 1 has shape \(2, 3, 1\): expected 1 dimensions, or one more"),
        (np.ones((0, 3)), ValueError, r"sample 1 has shape \(0, 3\): it is empty"),
        (np.ones((2, 3)) * 1j, ValueError, "Complex data not supported: sample 1"),
        (np.zeros((2, 3), dtype="m8[s]"), TypeError, r"sample 1 is an array of timedelta64\[s\]: expected numbers"),
        (np.ma.masked_equal(np.eye(3), 1), ValueError, "sample 1 is a masked array, whose mask would be lost"),
        (np.array([["a"] * 3]), TypeError, "sample 1 is an array of <U1: expected numbers"),
        ([[1, None, 2]], ValueError, "sample 1 contains NaN"),
        ([[1, {}, 2]], TypeError, "sample 1 is an array of objects: expected numbers"),
        ([[1, None, "a"]], TypeError, "sample 1 is an array of object: expected numbers"),
        ([[1, 2, 3], [1]], ValueError, "sample 1 is a list of parts of different lengths"),
        (np.array([[1, np.inf, 2]]), ValueError, "sample 1 contains NaN or infinity"),
        (np.ones((2, 4)), ValueError, "sample 1 has 4 channels, the first one has 3"),
    ],
)
def test_bad_samples_are_named(bad, error, message):
    with pytest.raises(error, match=message):
        arrays([np.ones((2, 3)), bad], 1, np.float32)


def test_a_list_of_times_and_sparse_rows_are_refused():
    times = [np.array(["2020-01-01", "2020-01-02"], dtype="M8[D]")] * 3
    with pytest.raises(ValueError, match="sample 0 of X is of datetime64"):
        reader().learn(times)
    with pytest.raises(TypeError, match="Sparse data was passed for X"):
        arrays(sp.csr_array(np.eye(3)), 1, np.float32)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_tensors_with_gradients_are_samples(dtype):
    samples = arrays([torch.ones(2, 3, dtype=dtype, requires_grad=True)] * 2, 1, np.float32)
    np.testing.assert_array_equal(samples.values, np.ones((2, 2, 3)))


def channels(X, **settings):
    made = reader(**settings)
    samples = made.learn(X)
    return made, samples[torch.arange(len(samples))].x


def test_signals_with_channels_in_any_container_are_the_same():
    X = RNG.normal(size=(3, 9, 2)).astype(np.float32)
    expected = torch.from_numpy(X).movedim(-1, 1)
    nested = pd.DataFrame({"a": [pd.Series(x[:, 0]) for x in X], "b": [x[:, 1] for x in X]})
    frames = [pd.DataFrame(x, columns=["a", "b"]) for x in X]
    column = pd.Series(list(X))
    made = None
    for same in (X, list(X), tuple(X.tolist()), column, column.to_numpy(), column.to_frame("s"), nested, frames):
        made, found = channels(same, sample_type="signal")
        assert torch.equal(found, expected)
        assert (made.kind, made.n_channels, made.columns.number) == ("signal", 2, 2)
    assert made.columns.names == ["a", "b"]
    for turned in (nested[["b", "a"]], [frame[["b", "a"]] for frame in frames]):
        with pytest.raises(ValueError, match="same order"):
            made.read(turned)
    with pytest.raises(ValueError, match=r"sample 1 has the channels \['b', 'a'\], but sample 0 has \['a', 'b'\]"):
        made.read([frames[0], frames[1][["b", "a"]]])
    with pytest.raises(ValueError, match=r"sample 1 has cells of the shapes \[\(9,\), \(8,\)\]"):
        made.read(pd.DataFrame({"a": [np.ones(9)] * 2, "b": [np.ones(9), np.ones(8)]}))


def test_a_doubtful_kind_warns_once_and_later_samples_follow_the_fit():
    X = RNG.normal(size=(3, 9, 2))
    made = reader()
    with pytest.warns(UserWarning, match="9 x 2 are read as signals with 2 channels.*sample_type='signal' confirms"):
        made.learn(X)
    assert made.attributes["sample_type_"] == "signal"
    assert made.read(X[:, :2])[torch.arange(1)].x.shape == (1, 2, 2)
    image = reader(sample_type="image")
    image.learn(X)
    assert image.read(RNG.normal(size=(1, 30, 4))).n_dimensions == 2


def test_a_single_longer_signal_is_read_as_in_a_list():
    made = reader()
    made.learn([np.ones(5), np.ones(5)])
    assert len(made.read([np.ones(7)])) == len(made.read([np.ones(7), np.ones(5)])[torch.arange(1)].x) == 1
    with pytest.raises(ValueError, match="X has 7 features"):
        made.read(np.ones((1, 7)))


@pytest.mark.parametrize("X", [[], np.ones((0, 9)), np.ones((0, 9, 2))])
def test_no_sample_is_refused(X):
    with pytest.raises(ValueError, match="0 sample"):
        reader().learn(X)


def test_text_in_a_table_of_numbers_is_named():
    with pytest.raises(ValueError, match=r"(?s)could not convert string to float.*'dna'"):
        reader().learn(pd.DataFrame({"n": [1, 2], "dna": ["AC", "G"]}))


def test_signals_that_have_their_channels_first_are_told():
    series = np.cumsum(np.random.default_rng(0).normal(size=(20, 60, 3)), axis=1)
    first = np.swapaxes(series, 1, 2)
    with pytest.warns(UserWarning, match=r"^Model: Samples of 3 x 60 are read as images.*np\.swapaxes\(X, 1, 2\)"):
        reader().learn(first)
    for X in (first, list(first)):
        learned = reader(sample_type="signal")
        with pytest.warns(
            UserWarning, match=r"^Model: Samples of 3 x 60 are read as 3 steps .*np\.swapaxes\(X, 1, 2\)"
        ):
            samples = learned.learn(X)
        assert samples.n_channels == 60
        learned.read(X)  # later samples are those of the fit
    reader(sample_type="signal").learn(series)
    reader().learn(np.random.default_rng(0).random((20, 28, 28)))  # usual images
    reader().learn(np.random.default_rng(0).random((20, 3, 60, 3)))
    ragged = [one[:, : 60 - index] for index, one in enumerate(first)]
    with pytest.raises(
        ValueError, match=r"sample 1 has 59 channels, the first one has 60; expected the shape \(length"
    ):
        reader(sample_type="signal").learn(ragged)
