"""A warning names a line of the user's program, whatever stands between that line and the warning."""

import copy
import functools
import inspect
import pickle
import re
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning, InconsistentVersionWarning
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import sklearn_ann
from sklearn_ann import AutoEncoderTransformer, SequenceEncoder, load, save
from sklearn_ann._warnings import warn
from sklearn_ann.model_selection import StackedSearchCV

X = np.random.default_rng(0).normal(size=(40, 3))
SHORT = AutoEncoderTransformer(hidden_layer_sizes=(4,), max_epochs=2, learning_rate_schedule="constant", random_state=0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: SHORT.fit(X),
        lambda: SHORT.fit_transform(X),
        lambda: make_pipeline(StandardScaler(), SHORT).fit(X),
        lambda: cross_val_score(SHORT, X, cv=2),
        lambda: GridSearchCV(SHORT, {"n_components": [1, 2]}, cv=2).fit(X),
        lambda: StackedSearchCV(SHORT, {"learning_rate": [1e-3, 1e-2]}, cv=2).fit(X),  # fits in threads of its own
    ],
)
def test_the_line_is_the_callers(call):
    with pytest.warns(ConvergenceWarning) as record:
        call()
    mine = {(one.filename, one.lineno) for one in record if one.category is ConvergenceWarning}
    assert mine == {(__file__, inspect.getsourcelines(call)[1])}


def test_the_line_is_known_in_a_thread_of_the_user_too():
    def work():
        SHORT.fit(X)

    with ThreadPoolExecutor(1) as pool, pytest.warns(ConvergenceWarning) as record:
        pool.submit(work).result()
    assert [(one.filename, one.lineno) for one in record] == [(__file__, inspect.getsourcelines(work)[1] + 1)]


def test_steps_of_a_pipeline_and_readers_warn_at_the_callers_line():
    encoder = SequenceEncoder().fit(["ACGT", "ACGA"])
    pipeline = make_pipeline(FunctionTransformer(list), encoder).fit(["ACGT", "ACGA"])
    with pytest.warns(UserWarning, match="are cut at the end") as record:
        pipeline.transform(["ACGTACGT"])
    assert [one.filename for one in record] == [__file__]


def test_files_of_other_versions_warn_at_the_line_that_opens_them(tmp_path, monkeypatch):
    with pytest.warns(ConvergenceWarning):
        fitted = copy.copy(SHORT).fit(X)
    monkeypatch.setattr("sklearn_ann.base.pickling.__version__", "0.0.1")
    save(fitted, tmp_path / "model.ann")
    content = pickle.dumps(fitted)
    monkeypatch.undo()
    for opened in (lambda: pickle.loads(content), lambda: load(tmp_path / "model.ann")):
        with pytest.warns(InconsistentVersionWarning) as record:
            opened()
        assert {one.filename for one in record} == {__file__}


def test_filters_by_module_and_once_per_line_work():
    encoder = SequenceEncoder().fit(["ACGT", "ACGA"])

    def cut():
        encoder.transform(["ACGTACGT"])

    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("default")
        for _ in range(3):
            cut()
        encoder.transform(["ACGTACGT"])
    assert len(record) == 2  # one for each line
    with warnings.catch_warnings(record=True) as record:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", module=re.escape(__name__))
        cut()
    assert not record
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", module=re.escape(__name__))
        with pytest.raises(UserWarning):
            cut()


def test_a_warning_without_a_line_of_a_user_names_that_of_the_package():
    run = {"__name__": "sklearn_ann.some", "warn": warn}  # a function of the package that a pool calls
    exec(compile("def call():\n    warn('text')", "some.py", "exec"), run)
    with ThreadPoolExecutor(1) as pool, pytest.warns(UserWarning, match="text") as record:
        pool.submit(functools.partial(run["call"])).result()
    assert [(one.filename, one.lineno) for one in record] == [("some.py", 2)]


def test_the_package_warns_by_this_function_alone():
    for path in Path(sklearn_ann.__file__).parent.rglob("*.py"):
        assert "warnings.warn(" not in path.read_text(), f"{path} names a line of its own: use _warnings.warn"
