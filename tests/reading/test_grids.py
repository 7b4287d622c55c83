"""Sequences, signals and images of any size."""

import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_ann.reading import GridReader
from sklearn_ann.reading.grids import arrays, is_ragged, kind_of

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


def reader(dtype=torch.float32, fixed=(), image_shape=None):
    settings = {"alphabet": "dna", "unknown": "error", "image_shape": image_shape, "fixed": frozenset(fixed)}
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


class PolarsLike:
    """A frame whose rows are frames."""

    def __init__(self, values):
        self.values, self.shape = values, values.shape

    def __len__(self):
        return len(self.values)

    def __getitem__(self, index):
        return PolarsLike(self.values[[index]])

    def __array__(self, dtype=None, copy=None):
        return self.values

    def to_numpy(self):
        return self.values


@pytest.mark.parametrize(
    ("X", "kind", "ragged"),
    [
        (["AC", "G"], "sequence", False),
        (np.array([["AC"], ["G"]]), "sequence", False),
        (pd.DataFrame({"s": ["AC", "G"]}), "sequence", False),
        ([3, "AC"], "sequence", False),  # the first sequence is bad
        (np.ones((2, 3)), "signal", False),
        ([[1, 2], [1]], "signal", True),
        (pd.DataFrame(np.ones((2, 3))), "signal", False),
        (PolarsLike(np.ones((2, 3))), "signal", False),
        (np.ones((2, 3, 4)), "image", False),
        ([np.ones((3, 4)), np.ones((2, 2))], "image", True),
        (np.array([np.ones(2), np.ones(3)], dtype=object), "signal", True),
    ],
)
def test_the_kind_of_samples(X, kind, ragged):
    assert (kind_of(X, None), is_ragged(X)) == (kind, ragged)


def test_kind_channels_and_size_are_those_of_the_fit():
    made = reader(fixed={2})
    made.learn([np.ones((3, 3))] * 2)
    assert (made.kind, made.n_channels, made.size) == ("image", 1, (3, 3))
    with pytest.raises(ValueError, match="X are signals, but this Model was fitted on images"):
        made.read(np.ones((2, 3)))
    with pytest.raises(ValueError, match="X has 2 channels, but Model expects 1"):
        made.read([np.ones((3, 3, 2))])
    with pytest.raises(ValueError, match="sample 1 has the size 3x4, but the samples of the fit had 3x3"):
        made.read([np.ones((3, 3)), np.ones((3, 4))])
    free = reader(fixed={1})  # images may have any size
    free.learn([np.ones((3, 3))] * 2)
    assert free.size is None
    assert len(free.read([np.ones((5, 4))])) == 1


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (np.ones((2, 3, 1)), ValueError, r"sample 1 has shape \(2, 3, 1\): expected 1 dimensions, or one more"),
        (np.ones((0, 3)), ValueError, r"sample 1 has shape \(0, 3\): it is empty"),
        (np.ones((2, 3)) * 1j, ValueError, "Complex data not supported: sample 1"),
        (np.array([["a"] * 3]), TypeError, "sample 1 is an array of <U1: expected numbers"),
        ([[1, None, 2]], TypeError, "sample 1 is an array of object"),
        (np.array([[1, np.inf, 2]]), ValueError, "sample 1 contains NaN or infinity"),
        (np.ones((2, 4)), ValueError, "sample 1 has 4 channels, the first one has 3"),
    ],
)
def test_bad_samples_are_named(bad, error, message):
    with pytest.raises(error, match=message):
        arrays([np.ones((2, 3)), bad], 1, np.float32)
