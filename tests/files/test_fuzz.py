"""A thousand files that chance has changed: each is refused by name or opens as a model of finite weights."""

import sys
import time

import numpy as np
import pytest
from forging import forge, members, mutated
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ann import AttentionClassifier, CNNClassifier, ModelFileError, TabularRegressor, load, save

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning"),
]
LONGEST = 5.0  # seconds of one file; the usual ones take some thousandths


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A network in a pipeline, one that keeps its training rows, one of strings and one with a forest."""
    folder = tmp_path_factory.mktemp("fuzz")
    X, y = load_iris(return_X_y=True)
    X, y = X[::5], y[::5]
    tiny = {"max_epochs": 1, "random_state": 0}
    dense = {"hidden_layer_sizes": (4,), "n_members": 2, **tiny}
    rows = AttentionClassifier(attend="rows", n_components=8, **tiny)
    strings = np.array(["ACGT" * n for n in range(3, 33)], dtype=object)
    forest = make_pipeline(TabularRegressor(**dense), RandomForestClassifier(2, max_depth=2, random_state=0))
    models = [make_pipeline(StandardScaler(), TabularRegressor(**dense)), rows, forest]
    for number, model in enumerate(models):
        save(model.fit(X, y), folder / str(number))
    save(CNNClassifier(hidden_layer_sizes=(4,), **tiny).fit(strings, y), folder / "3")
    return [folder / str(number) for number in range(4)]


def opened(path):
    """Open a file that may be anything; return the model or the error. Nothing else may leave `load`."""
    start = time.perf_counter()
    try:
        found = load(path)
    except ModelFileError as error:
        found = error
    assert time.perf_counter() - start < LONGEST
    return found


def check(found, path):
    if isinstance(found, ModelFileError):
        assert str(path) in str(found)
        return 1
    for part in getattr(found, "steps", [("", found)]):
        if hasattr(part[1], "module_"):
            assert all(parameter.isfinite().all() for parameter in part[1].module_.parameters())
    return 0


@pytest.mark.filterwarnings("error")
def test_a_thousand_damaged_and_forged_files(files, tmp_path):
    rng, path, imported = np.random.default_rng(0), tmp_path / "bad", set(sys.modules)
    refused = np.zeros(3, dtype=int)
    whole = [file.read_bytes() for file in files]
    for _ in range(300):  # bytes changed or left out, as by a bad disk
        data = bytearray(whole[rng.integers(4)])
        for place in rng.integers(len(data), size=rng.integers(1, 5)):
            data[place] ^= 1 << rng.integers(8)
        path.write_bytes(data)
        refused[0] += check(opened(path), path)
    for _ in range(200):
        data = whole[rng.integers(4)]
        start, stop = sorted(rng.integers(len(data), size=2))
        path.write_bytes(data[:stop] if rng.random() < 0.5 else data[:start] + data[stop:])
        refused[1] += check(opened(path), path)
    parts = [members(file) for file in files]
    for _ in range(500):  # other values in valid JSON with valid checksums, as by somebody who wants it to open
        manifest, header, data = parts[rng.integers(4)]
        if rng.random() < 0.8:
            manifest = manifest | {"model": mutated(manifest["model"], rng)}
        else:
            header = mutated(header, rng)
        forge(path, manifest, header, data)
        refused[2] += check(opened(path), path)
    assert (refused >= [290, 199, 400]).all(), refused
    new = {name.partition(".")[0] for name in set(sys.modules) - imported}
    assert new <= {"sklearn", "sklearn_ann", "torch", "numpy", "scipy", "joblib", *sys.stdlib_module_names}
