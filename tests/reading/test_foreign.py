"""Samples of foreign networks: of one shape or of several, never padded."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from sklearn_ann.reading import ForeignReader


def reader(preprocess=None):
    return ForeignReader(owner="Model", dtype=torch.float32, preprocess=preprocess)


def test_samples_of_one_shape_share_a_tensor():
    samples = reader().learn([np.full(n, n) for n in (3, 2, 3, 1)])
    batch = samples[torch.tensor([3, 2, 0])]
    pairs = zip(batch.groups, batch.places, strict=True)
    found = {int(place): group[row].tolist() for group, places in pairs for row, place in enumerate(places)}
    assert found == {0: [1], 1: [3, 3, 3], 2: [3, 3, 3]}
    assert samples.extents.tolist() == [3, 2, 3, 1]


def test_types_of_numbers():
    assert reader().learn(np.ones((2, 3), dtype=np.int8)).shapes[0].dtype == torch.int64
    assert reader().learn(np.ones((2, 3))).shapes[0].dtype == torch.float32
    assert reader().learn(sp.csr_array(np.eye(3))).shapes[0].tolist() == np.eye(3).tolist()
    assert reader(lambda _: torch.ones(2, dtype=torch.float16)).learn(["a"]).shapes[0].dtype == torch.float32


@pytest.mark.parametrize(
    ("preprocess", "X", "message"),
    [
        (lambda s: 1 / s, [1, 0], "preprocess raises ZeroDivisionError for sample 1"),
        (None, [np.ones(2), np.ones((2, 2))], "sample 1 is of 2 dimensions"),
        (None, [np.ones(2), np.zeros(2, dtype=int)], "sample 1 is of 1 dimensions and torch.int64"),
        (None, [np.ones(2), np.array([np.nan])], "NaN or infinity, in sample 1"),
        (None, np.array([[[1.0]], [[np.inf]]]), "NaN or infinity, in sample 1"),
        (lambda _: [], ["a"], "sample 0 is empty"),
        (lambda _: [[1], [2, 3]], ["a"], "sample 0 is no array"),
    ],
)
def test_bad_samples_are_named(preprocess, X, message):
    with pytest.raises(ValueError, match=message):
        reader(preprocess).learn(X)
