"""Fits of a search are divided among stacks and come back in order."""

import pickle

import numpy as np
import torch
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import check_scoring
from sklearn.model_selection import KFold
from sklearn.utils.parallel import Parallel

from sklearn_ann.model_selection import evaluation
from sklearn_ann.model_selection.evaluation import Fit, evaluate, mean_scores, packed

X, Y = load_iris(return_X_y=True)
FOLDS = list(KFold(2, shuffle=True, random_state=0).split(X))


def evaluated(n_candidates, stack_size):
    model = LogisticRegression(max_iter=500)
    fits = [
        Fit(candidate, fold, {"train": train, "test": test, "parameters": {"C": 10.0**candidate}})
        for candidate in range(n_candidates)
        for fold, (train, test) in enumerate(FOLDS)
    ]
    common = {"scorer": check_scoring(model), "verbose": 0, "fit_params": {}, "score_params": {}, "return_times": True}
    return evaluate(fits, model, X, Y, stack_size=stack_size, parallel=Parallel(n_jobs=1), **common)


def test_results_do_not_depend_on_the_stacks(monkeypatch):
    sizes = []
    meet = evaluation.meet
    monkeypatch.setattr(evaluation, "meet", lambda tasks: sizes.append(len(tasks)) or meet(tasks))
    one, many = evaluated(5, 100), evaluated(5, 4)
    assert sizes == [10, 4]  # two stacks of three have too few to wait for each other
    assert [(fit.candidate, fit.fold) for fit in many] == [
        (candidate, fold) for candidate in range(5) for fold in (0, 1)
    ]
    assert [fit.result["test_scores"] for fit in many] == [fit.result["test_scores"] for fit in one]


def test_a_fit_time_is_that_of_the_fit_itself():
    assert all(0 <= fit.result["fit_time"] < 1 for fit in evaluated(4, 100))


def test_nothing_to_fit():
    assert evaluated(0, 4) == []


def test_states_travel_as_bytes():
    tensors = [torch.arange(6.0).reshape(2, 3)[:, 1:], torch.tensor(3), torch.ones(2, dtype=torch.bfloat16)]
    states = [{"step": tensors, "draws": [torch.Generator().get_state()], "loss": 0.5}]
    (again,) = pickle.loads(packed(states))
    for tensor, other in zip([*tensors, *states[0]["draws"]], [*again["step"], *again["draws"]], strict=True):
        assert tensor.dtype == other.dtype
        torch.testing.assert_close(other, tensor, rtol=0, atol=0)
    again["step"][0] += 1  # it is memory that may be written to


def test_a_fit_that_has_gone_on_lets_go_of_its_pause():
    fit = Fit(0, 0, {}, states=b"state", steps=[(0,)], carried={(0,): b"step"})
    fit.forget()
    assert [len(held) for held in (fit.states, fit.steps, fit.carried)] == [0, 0, 0]


def test_scores_are_means_over_folds():
    fits = [Fit(0, fold, {}, result={"test_scores": {"a": score, "b": 7}}) for fold, score in enumerate([1, 2])]
    assert mean_scores(fits, "a", 2).tolist() == [1.5]
    assert np.isnan(mean_scores(fits, None, 2)).all()
