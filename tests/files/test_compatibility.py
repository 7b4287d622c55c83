"""Files of earlier releases open, and the models say what they said."""

import json

import numpy as np
import pytest
from files.release_files import FOLDER, MODELS, outputs, samples

from sklearn_ann import load

FILES = sorted(FOLDER.glob("*/*.sklann"))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
@pytest.mark.filterwarnings("ignore:.*outputs were cut:UserWarning")
@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}-{path.stem}" for path in FILES])
def test_a_file_of_an_earlier_release_opens(path):
    expected = json.loads((path.parent / "expected.json").read_text())[path.stem]
    X, _ = samples(MODELS[path.stem][0])
    found = outputs(load(path), X[:4])
    assert set(found) == set(expected)
    for name, values in expected.items():
        if np.asarray(values).dtype.kind == "f":
            np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-5)
        else:
            assert found[name] == values


def test_each_kind_is_kept():
    assert {path.stem for path in FILES if path.parent.name == "format-1"} == set(MODELS)
