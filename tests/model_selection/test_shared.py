"""What candidates share is made once."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import _safe_indexing

from sklearn_ann.model_selection.shared import Folds, StepMemory, sharing

X = np.arange(24.0).reshape(8, 3)


@pytest.mark.parametrize(
    "values",
    [X, X.tolist(), list("abcdefgh"), pd.DataFrame(X, columns=list("abc")), pd.Series(X[:, 0]), sp.csr_array(X)],
)
def test_folds_are_those_of_scikit_learn_and_taken_once(values):
    folds = Folds(values)
    assert len(folds) == 8
    for train, test in KFold(2).split(X):
        for rows in (train, test):
            taken, expected = _safe_indexing(folds, rows), _safe_indexing(values, rows)
            assert type(taken) is type(expected)
            assert str(taken) == str(expected)
            assert _safe_indexing(folds, rows.copy()) is taken


def calls(*transformers):
    made = []

    def function(transformer, X, y, **_):
        made.append(transformer)
        return X * 2, transformer

    cached = StepMemory().cache(function)
    return [cached(transformer, X, None, params={}) for transformer in transformers], made


def test_a_step_of_the_same_parameters_is_fitted_once():
    (one, two, three), made = calls(StandardScaler(), StandardScaler(), StandardScaler(with_mean=False))
    assert one is two
    assert three is not one
    assert len(made) == 2


def test_a_step_that_cannot_be_compared_is_fitted_each_time():
    transformer = FunctionTransformer(lambda X: X)
    assert len(calls(transformer, transformer)[1]) == 2


def test_a_step_that_fails_fails_for_each():
    memory = StepMemory()

    def fail(*_, **__):
        raise ValueError("it fails")

    for _ in range(2):
        with pytest.raises(ValueError, match="it fails"):
            memory.cache(fail)(StandardScaler(), X, None)


def test_a_pipeline_keeps_a_memory_of_its_own(tmp_path):
    memory = StepMemory()
    assert sharing(make_pipeline(StandardScaler(), memory=str(tmp_path)), memory).memory == str(tmp_path)
    assert sharing(make_pipeline(StandardScaler()), memory).memory is memory
    assert isinstance(sharing(StandardScaler(), memory), StandardScaler)
