"""Files of earlier releases open, and the models say what they said."""

import json

import numpy as np
import pytest
from files.release_files import FOLDER, MODELS, outputs, samples
from forging import forge, members

import sklearn_ann
from sklearn_ann import load, save

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


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
def test_hyper_parameters_that_a_release_adds_have_their_defaults(tmp_path):
    X = np.random.default_rng(0).normal(size=(40, 3))
    model = sklearn_ann.AutoEncoderTransformer(n_components=2, max_epochs=1, random_state=0).fit(X)
    save(model, tmp_path / "model.sklann")
    manifest, header, data = members(tmp_path / "model.sklann")
    text = json.dumps(manifest).replace('"_sklearn_ann_version": "', '"_sklearn_ann_version": "0.0.')
    manifest = json.loads(text)

    def without(node):
        for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
            without(part)
        if isinstance(node, dict):
            node.pop("max_grad_norm", None)  # as if the release of the file had known no such parameter

    without(manifest)
    again = load(forge(tmp_path / "old.sklann", manifest, header, data))
    assert again.max_grad_norm is None
    np.testing.assert_array_equal(again.transform(X), model.transform(X))
    assert np.isfinite(again.partial_fit(X).transform(X)).all()
