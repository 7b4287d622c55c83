"""What is shared stays shared, and no circle and no depth is without end."""

import numpy as np
import pytest
from forging import tripped

from sklearn_ann import ModelFileError
from sklearn_ann.files.graph import Decoder
from sklearn_ann.files.names import Names
from sklearn_ann.files.saving import KINDS


def decode(node):
    return Decoder(KINDS, Names(), arrays=None).decode(node, "value")


def test_shared_values_are_kept_once(tmp_path):
    array, inner = np.arange(3.0), [1]
    first, second, (third, fourth) = tripped([array, inner, (array, inner)], tmp_path)
    assert first is third
    assert second is fourth
    assert len((tmp_path / "tensors").read_bytes()) < 128 + 24 + 1


def test_equal_values_that_are_not_shared_stay_apart(tmp_path):
    one, other = tripped([[1], [1]], tmp_path)
    assert one is not other


def test_a_value_in_itself(tmp_path):
    circle = []
    circle.append(circle)
    with pytest.raises(ModelFileError, match=r"value\[0\] is a part of itself"):
        tripped(circle, tmp_path)


def test_depth_has_an_end_on_both_ways(tmp_path):
    value, node = [], {"list": []}
    for _ in range(130):
        value, node = [value], {"list": [node]}
    with pytest.raises(ModelFileError, match="nested too deeply"):
        tripped(value, tmp_path)
    with pytest.raises(ModelFileError, match="nested too deeply"):
        decode(node)


@pytest.mark.parametrize(
    ("node", "match"),
    [
        ([1], "a list without a tag"),
        ({}, "expected one tag"),
        ({"list": [], "tuple": []}, "expected one tag"),
        ({"ref": 0}, "does not come before"),
        ({"list": [{"ref": 0}], "id": 0}, "does not come before"),
        ({"list": [{"list": [], "id": 0}, {"list": [], "id": 0}]}, "given already"),
        ({"list": {"a": 1}}, "must be a list"),
        ({"float": "1e5"}, "must be one of"),
        ({"range": [1, "2", 3]}, "three integers"),
        ({"named": "sklearn_ann.reading.mixed.Block", "values": [1]}, "no named tuple of 1 values"),
        ({"named": "sklearn_ann.reading.mixed.MixedReader", "values": []}, "no named tuple"),
        ({"dict": [[1]]}, "must hold pairs"),
        ({"dict": {}, "class": "builtins.int"}, "is no dictionary"),
        ({"partial": [{"name": "builtins.int"}], "keywords": {}}, "must be a function"),
        (
            {"method": "__init__", "of": {"name": "sklearn_ann.generative.likelihoods.Bernoulli"}},
            "the method '__init__'",
        ),
        ({"object": "torch.nn.Linear", "state": {}}, "no class of objects"),
        ({"object": "numpy.log", "state": {}}, "no class of objects"),
        ({"module": "sklearn.preprocessing.StandardScaler"}, "is no module"),
    ],
    ids=str,
)
def test_nodes_that_no_value_makes(node, match):
    with pytest.raises(ModelFileError, match=match):
        decode(node)
