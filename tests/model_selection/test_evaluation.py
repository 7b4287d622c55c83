"""Fits of a search are divided among stacks and come back in order."""

from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import check_scoring
from sklearn.model_selection import KFold
from sklearn.utils.parallel import Parallel

from sklearn_ann.model_selection import evaluation
from sklearn_ann.model_selection.evaluation import Fit, evaluate

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
    one, many = evaluated(3, 100), evaluated(3, 4)
    assert sizes == [6, 3, 3]
    assert [(fit.candidate, fit.fold) for fit in many] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    assert [fit.result["test_scores"] for fit in many] == [fit.result["test_scores"] for fit in one]


def test_a_fit_time_is_that_of_the_fit_itself():
    assert all(0 <= fit.result["fit_time"] < 1 for fit in evaluated(4, 100))


def test_nothing_to_fit():
    assert evaluated(0, 4) == []
