"""Fitted models answer in other processes and threads, whichever way these begin, under any settings of torch."""

import subprocess
import sys
import textwrap
from pathlib import Path

import joblib
import numpy as np
import pytest
import torch
from discovery import BRIEF, data_for, every_estimator, every_estimator_with
from observing import threads_during_fit
from sklearn.model_selection import cross_val_score

from sklearn_ann.training import effort

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:.* outputs were cut:UserWarning"),  # by networks that are hardly trained
]

SCRIPT = """
    import multiprocessing, pickle, sys, warnings
    from concurrent.futures import ThreadPoolExecutor
    warnings.simplefilter("ignore")
    sys.path.insert(0, {tests!r})
    import numpy as np
    import torch
    torch.set_num_threads(1)  # while small networks are trained
    from discovery import BRIEF, NEURAL, data_for
    from sklearn_ann import AutoEncoderTransformer

    def answer(number):
        return MODELS[number].transform(DATA[number])

    def answer_loaded(pair):
        model, X = pickle.loads(pair)
        return model.transform(X)

    if __name__ == "__main__":
        MODELS, DATA = [], []
        for estimator in NEURAL:
            X, y = data_for(estimator)
            X, y = X[:40], y[:40]
            model = estimator(**BRIEF).fit(X, y)
            loaded = pickle.loads(pickle.dumps(model))
            for one in (model, loaded):  # one that was fitted, one that was loaded and used once
                MODELS.append(one)
                DATA.append(X)
        torch.set_num_threads(2)
        wide = np.random.default_rng(0).normal(size=(500, 300)).astype(np.float32)
        AutoEncoderTransformer(hidden_layer_sizes=(512,), **BRIEF).fit(wide).transform(wide)  # starts torch's threads
        EXPECTED = [model.transform(X) for model, X in zip(MODELS, DATA)]
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
        output = model.module_(model.module_input(X))
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


# --- Workers of joblib ------------------------------------------------------------------------------------------------


@every_estimator
def test_threads_are_capped_in_worker_threads_and_restored(estimator, monkeypatch):
    monkeypatch.setattr(effort, "WORTH", 0.0)  # so that the smallest network takes all threads
    X, y = (part[:40] for part in data_for(estimator))
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert threads_during_fit(estimator, X, y) == 2  # no worker, no cap
        with joblib.parallel_backend("threading"):
            inside = joblib.Parallel(n_jobs=2)(joblib.delayed(threads_during_fit)(estimator, X, y) for _ in range(4))
        assert inside == [1] * 4
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_threads_are_capped_in_worker_processes():
    n_jobs = 2
    code = f"""
        import joblib, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from sklearn.datasets import load_digits
        from observing import threads_in_worker
        from sklearn_ann import AutoEncoderTransformer
        X, y = load_digits(return_X_y=True)
        fit = joblib.delayed(threads_in_worker)
        workers = joblib.Parallel(n_jobs={n_jobs})(fit(AutoEncoderTransformer, X[:99], y[:99]) for _ in range(2))
        share = max(1, joblib.cpu_count() // {n_jobs})
        assert all(max(worker) <= share for worker in workers), workers
    """
    subprocess.run([sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)], check=True)


def test_import_and_fit_start_nothing():
    code = """
        import sys, threading
        started = []
        sys.addaudithook(lambda event, args: started.append(event) if event in {
            "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "subprocess.Popen"} else None)
        import torch
        import sklearn_ann
        started.clear()
        assert threading.active_count() == 1, threading.enumerate()
        assert not torch.cuda.is_initialized()
        sklearn_ann.AutoEncoderTransformer(max_epochs=1, device="cpu").fit([[0.0, 1.0], [1.0, 0.0]])
        assert not torch.cuda.is_initialized()
        assert not started, started
    """
    subprocess.run([sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)], check=True)


@every_estimator_with("score")
def test_two_jobs_score_like_one(estimator, data):
    X, y = data
    settings = {**BRIEF, "precision": "float64"}  # workers of many cores have other numbers of threads
    one, two = (cross_val_score(estimator(**settings), X, y, cv=2, n_jobs=n_jobs) for n_jobs in (1, 2))
    np.testing.assert_allclose(one, two, rtol=1e-4)
