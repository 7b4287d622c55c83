"""Candidates go on as soon as they are among the best so far, and no worker waits for the end of a rung."""

import threading
import time

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import FitFailedWarning

from sklearn_ann.autoencoder import AutoEncoderTransformer
from sklearn_ann.model_selection import StackedSearchCV, evaluation
from sklearn_ann.model_selection.asynchronous import Ladder, Packets
from sklearn_ann.model_selection.evaluation import Fit

X = load_digits().data[:120]
NETWORK = AutoEncoderTransformer(
    n_components=4, hidden_layer_sizes=16, max_epochs=9, precision="float64", random_state=0
)
RATES = np.logspace(-5, -1, 9).tolist()


def climbed(ladder, score_of):
    """Let one worker compute one candidate after the other; return what it was told to compute."""
    told = []
    while (chosen := ladder.next()) is not None:
        told.append(chosen)
        ladder.report(*chosen, score_of(chosen[0]))
    return told


def test_the_best_third_so_far_goes_on_at_once():
    told = climbed(Ladder(9, 3, 3), float)
    assert sorted(candidate for candidate, rung in told if rung == 0) == list(range(9))
    assert [rung for _, rung in told[:4]] == [0, 0, 0, 1]  # after three candidates the best of them
    assert told[3][0] == max(candidate for candidate, _ in told[:3])
    assert told[-1][1] == 2
    assert (8, 1) in told
    assert len(set(told)) == len(told)


def test_higher_rungs_come_first_and_ties_go_to_the_first_candidate():
    ladder = Ladder(4, 3, 2)
    for candidate in range(4):
        ladder.report(candidate, 0, 1.0)
    assert [ladder.next(), ladder.next()] == [(0, 1), (1, 1)]
    ladder.report(0, 1, 0.0)
    ladder.report(1, 1, 5.0)
    assert ladder.next() == (1, 2)


def test_failed_candidates_never_go_on():
    told = climbed(Ladder(6, 2, 3), lambda candidate: np.nan if candidate else -np.inf)
    assert [rung for _, rung in told] == [0] * 6


def packets(n_candidates, *, n_jobs=1, stack_size=6, is_over=lambda: False, n_rungs=2):
    return Packets(
        Ladder(n_candidates, n_rungs, 2),
        lambda candidate, fold, rung, _: Fit(candidate, fold, {}, rung=rung),
        n_folds=2,
        n_jobs=n_jobs,
        stack_size=stack_size,
        is_over=is_over,
    )


def test_packets_hold_whole_candidates_and_come_as_long_as_anything_is_away():
    work = packets(5)
    asking = iter(work)
    first, second = next(asking), next(asking)
    assert [len(first), len(second)] == [6, 4]
    assert next(asking) == next(asking) == []  # who goes on is not known yet
    work.take(first, lambda fits: float(fits[0].candidate))
    promoted = next(asking)
    best = max(fit.candidate for fit in first)
    assert [(fit.candidate, fit.fold, fit.rung) for fit in promoted] == [(best, 0, 1), (best, 1, 1)]
    for packet in (second, promoted):
        work.take(packet, lambda _: -1.0)
    work.take(next(asking), lambda _: 0.0)
    assert next(asking, None) is None
    assert len(work.done) == 5 * 2 + 2 * 2


def test_work_is_divided_among_the_workers():
    with joblib.parallel_config("threading"):
        asking = iter(packets(4, n_jobs=2, stack_size=32))
    assert [len(next(asking)), len(next(asking))] == [4, 4]


def test_when_the_time_is_over_only_candidates_that_have_begun_are_finished():
    work = packets(5, stack_size=1, is_over=lambda: True)
    seen = []
    for packet in work:
        seen.extend(packet)
        work.take(packet, lambda _: 0.0)
    assert [fit.fold for fit in seen] == [0, 1]


def searched(**options):
    how = {"resource": "epochs", "cv": 2, "asynchronous": True} | options
    return StackedSearchCV(clone(NETWORK), how.pop("grid", {"learning_rate": RATES}), **how).fit(X)


def evaluated(search):
    """Return the scores by learning rate and number of epochs."""
    results = search.cv_results_
    rates = [params["learning_rate"] for params in results["params"]]
    return dict(zip(zip(rates, results["n_resources"], strict=True), results["mean_test_score"], strict=True))


def test_every_evaluation_is_that_of_halving_in_rounds():
    ours, rounds = searched(), searched(asynchronous=False)
    assert set(ours.cv_results_["n_resources"]) == {1, 3, 9}
    assert ours.n_candidates_[0] == 9
    assert ours.best_params_ == rounds.best_params_
    assert ours.best_index_ >= sum(ours.n_candidates_[:2])
    scores, others = evaluated(ours), evaluated(rounds)
    for place in scores.keys() & others.keys():
        assert scores[place] == pytest.approx(others[place], abs=1e-10), place
    again = searched()
    assert again.cv_results_["params"] == ours.cv_results_["params"]
    np.testing.assert_array_equal(again.cv_results_["mean_test_score"], ours.cv_results_["mean_test_score"])


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_several_workers(backend):
    with joblib.parallel_config(backend, n_jobs=2):
        search = searched(stack_size=4)
    assert search.n_candidates_[0] == 9
    assert set(search.cv_results_["n_resources"]) == {1, 3, 9}
    assert search.best_params_["learning_rate"] in RATES[-2:]


def test_candidates_that_diverge_are_left_behind():
    grid = {"learning_rate": [1e-3, 1e300, 1e-2, 1e-4]}
    with pytest.warns(FitFailedWarning, match="diverged"), pytest.warns(UserWarning, match="non-finite"):
        search = searched(grid=grid)
    assert search.n_candidates_ == [4, 1]
    assert search.best_params_["learning_rate"] < 1
    before = threading.active_count()
    with pytest.raises(ValueError, match="diverged"):
        searched(grid=grid, error_score="raise")
    assert threading.active_count() == before


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_ctrl_c_ends_the_search(monkeypatch, n_jobs):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("sklearn_ann.training.rendezvous.train_together", interrupted)
    begin = time.perf_counter()
    with joblib.parallel_config("threading"), pytest.raises(KeyboardInterrupt):
        searched(n_jobs=n_jobs, stack_size=4)
    assert time.perf_counter() - begin < 30


def test_it_ends_when_the_time_is_over():
    search = searched(max_time=1e-6, stack_size=4)
    assert search.n_candidates_ == [2]


def test_pauses_hold_what_they_hold_in_rounds(monkeypatch):
    carried = []
    fitted = evaluation.meet
    monkeypatch.setattr(evaluation, "meet", lambda tasks: carried.extend(len(t.states) for t in tasks) or fitted(tasks))
    search = searched()
    assert carried.count(0) == 2 * search.n_candidates_[0]
    assert carried.count(1) == 2 * sum(search.n_candidates_[1:])


def test_it_needs_a_resource_and_a_network():
    with pytest.raises(ValueError, match="asynchronous=True is a kind of halving"):
        searched(resource=None)
    from sklearn.svm import SVC

    with pytest.raises(ValueError, match="SVC trains no network"):
        StackedSearchCV(SVC(), {"C": [1.0, 2.0]}, resource="epochs", asynchronous=True, cv=2).fit(X, np.arange(120) % 2)


def test_a_backend_that_returns_all_results_at_once_is_refused():
    with (
        joblib.parallel_config("multiprocessing", n_jobs=2),
        pytest.raises(ValueError, match="asynchronous=True needs results as they come"),
    ):
        searched()
