"""Where a task runs: on its own, or beside others."""

import sys
import types

import joblib
import pytest

from sklearn_ann.training.workers import in_worker, shares_cores


def test_a_process_on_its_own_shares_nothing():
    assert not shares_cores()
    assert not in_worker()


@pytest.mark.parametrize("backend", ["multiprocessing", "threading"])
def test_workers_of_joblib(backend):
    tasks = [joblib.delayed(function)() for function in (shares_cores, in_worker)]
    assert joblib.Parallel(n_jobs=2, backend=backend)(tasks) == [True, True]
    assert not in_worker()


def test_one_job_is_no_worker():
    assert joblib.Parallel(n_jobs=1)([joblib.delayed(in_worker)()]) == [False]


def test_a_task_of_dask_is_known_by_its_worker(monkeypatch):
    def nobody():
        raise ValueError("No worker found")

    for get_worker, expected in ((nobody, False), (object, True)):
        monkeypatch.setitem(sys.modules, "distributed", types.SimpleNamespace(get_worker=get_worker))
        assert shares_cores() is in_worker() is expected
