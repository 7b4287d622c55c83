"""Fitted models answer in other processes and threads, whichever way these begin, under any settings of torch."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from discovery import BRIEF, NEURAL, data_for, name_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SCRIPT = """
    import multiprocessing, pickle, sys, warnings
    from concurrent.futures import ThreadPoolExecutor
    warnings.simplefilter("ignore")
    sys.path.insert(0, {tests!r})
    import numpy as np
    import torch
    torch.set_num_threads(2)
    from discovery import BRIEF, NEURAL, data_for
    from sklearn_ann import AutoEncoderTransformer

    def answer(number):
        return MODELS[number].transform(DATA[number])

    def answer_loaded(pair):
        model, X = pickle.loads(pair)
        return model.transform(X)

    if __name__ == "__main__":
        wide = np.random.default_rng(0).normal(size=(500, 300)).astype(np.float32)
        AutoEncoderTransformer(hidden_layer_sizes=(512,), **BRIEF).fit(wide).transform(wide)  # starts torch's threads
        MODELS, DATA, EXPECTED = [], [], []
        for estimator in NEURAL:
            X, y = data_for(estimator)
            X, y = X[:40], y[:40]
            model = estimator(**BRIEF).fit(X, y)
            loaded = pickle.loads(pickle.dumps(model))
            for one in (model, loaded):  # one that was fitted, one that was loaded and used once
                MODELS.append(one)
                DATA.append(X)
                EXPECTED.append(one.transform(X))
        if {kind!r} == "threads":
            with ThreadPoolExecutor(4) as pool:
                answers = list(pool.map(answer, range(len(MODELS)), timeout=120))
        else:
            with multiprocessing.get_context({kind!r}).Pool(2) as pool:
                if {kind!r} == "fork":
                    waiting = pool.map_async(answer, range(len(MODELS)))
                else:
                    pairs = [pickle.dumps(pair) for pair in zip(MODELS, DATA)]
                    waiting = pool.map_async(answer_loaded, pairs)
                answers = waiting.get(timeout=120)
        for expected, found, model in zip(EXPECTED, answers, MODELS):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6, err_msg=type(model).__name__)
"""


@pytest.mark.parametrize("kind", ["fork", "forkserver", "spawn", "threads"])
def test_every_fitted_and_loaded_model_answers_in_other_processes_and_threads(kind, tmp_path):
    script = tmp_path / "service.py"
    script.write_text(textwrap.dedent(SCRIPT.format(tests=str(Path(__file__).parent), kind=kind)))
    subprocess.run([sys.executable, "-W", "ignore", str(script)], check=True, timeout=300)


every_estimator = pytest.mark.parametrize("estimator", NEURAL, ids=name_of)


@every_estimator
def test_ambient_settings_of_torch_do_not_matter(estimator):
    X, y = (part[:40] for part in data_for(estimator))
    expected = estimator(**BRIEF).fit(X, y).transform(X)
    torch.set_default_device("meta")  # on which nothing can be computed
    try:
        with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
            found = estimator(**BRIEF).fit(X, y).transform(X)
    finally:
        torch.set_default_device(None)
    np.testing.assert_array_equal(found, expected)


@every_estimator
def test_the_module_takes_module_input(estimator):
    X, y = (part[:40] for part in data_for(estimator))
    model = estimator(**BRIEF, precision="float64").fit(X, y)
    with torch.no_grad():
        output = model.module_.eval()(model.module_input(X))
    if hasattr(model, "decision_function") and hasattr(model, "classes_"):
        found = model.decision_function(X)
        np.testing.assert_allclose(output.numpy().reshape(found.shape), found, rtol=1e-6)
    else:
        assert output is not None


@every_estimator
def test_tools_that_hide_the_feature_names_meanwhile(estimator):
    """shap's KernelExplainer sets them to None."""
    X, y = (part[:40] for part in data_for(estimator))
    model = estimator(**BRIEF).fit(X, y)
    expected = model.transform(X)
    model.feature_names_in_ = None
    np.testing.assert_array_equal(model.transform(X), expected)
