"""The same promises on a GPU; skipped where torch sees none."""

import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from discovery import BRIEF, drawing, every_estimator

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device on this machine"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@every_estimator
@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
def test_cuda_learns_what_the_cpu_learns(estimator, precision, data):
    X, y = data
    settings = {**BRIEF, "tol": 0, "precision": precision, **dict.fromkeys(drawing(estimator), 0.0)}
    losses = [estimator(**settings, device=device).fit(X, y).loss_ for device in ("cpu", "cuda")]
    assert losses[1] == pytest.approx(losses[0], rel=0.05 if precision == "bfloat16" else 1e-3)


@every_estimator
def test_cuda_is_reproducible_and_leaves_the_generators_alone(estimator, data):
    X, y = data
    torch.cuda.init()
    before = torch.cuda.get_rng_state()
    one, two = (estimator(**BRIEF, **drawing(estimator), device="cuda").fit(X, y).transform(X) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert torch.equal(torch.cuda.get_rng_state(), before)


@every_estimator
def test_auto_is_cuda(estimator, data):
    X, y = data
    model = estimator(**BRIEF).fit(X, y)
    assert next(model.module_.parameters()).is_cuda


@every_estimator
def test_a_cuda_pickle_loads_without_cuda(estimator, data, tmp_path):
    X, y = data
    model = estimator(**BRIEF, device="cuda").fit(X, y)
    expected = model.transform(X)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    assert next(model.module_.parameters()).is_cuda  # pickling left the model itself where it was
    np.save(tmp_path / "X.npy", X)
    code = f"""
        import pickle, sys, numpy as np, torch
        sys.path[:0] = {sys.path!r}
        assert not torch.cuda.is_available()
        model = pickle.load(open({str(tmp_path / "model.pkl")!r}, "rb"))
        X = np.load({str(tmp_path / "X.npy")!r})
        np.save({str(tmp_path / "out.npy")!r}, model.transform(X))
        model.set_params(device="cpu").partial_fit(X, np.arange(len(X)) % 10)
    """
    environment = {"CUDA_VISIBLE_DEVICES": "", "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, env=environment)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, rtol=1e-3, atol=1e-3)
    model.partial_fit(X, y)
    loaded = pickle.loads(pickle.dumps(model))
    assert np.isfinite(loaded.partial_fit(X, y).transform(X)).all()
