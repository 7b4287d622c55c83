"""Searches and predictions on a cluster of dask: two worker processes of this machine, reached over its loopback."""

import logging
import os
from pathlib import Path

import joblib
import numpy as np
import pytest
from observing import Murder
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

from sklearn_ann import AutoEncoderTransformer, TabularClassifier
from sklearn_ann.model_selection import StackedSearchCV

distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
array = pytest.importorskip("dask.array")

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_digits(return_X_y=True)
X, y = (X[:300] / 16).astype(np.float32), y[:300]
GRID = {"learning_rate": [1e-3, 1e-2, 3e-2]}


@pytest.fixture(scope="module")
def client():
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": logging.CRITICAL}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        yield client


def classifier(**settings):
    return TabularClassifier(n_members=1, max_epochs=2, random_state=0, **settings)


def same_results(one, other):
    assert one.keys() == other.keys()
    for name in one:
        if not name.endswith("_time"):
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_a_search_on_the_cluster_has_the_bits_of_a_local_one(client):
    local = GridSearchCV(classifier(), GRID, cv=2).fit(X, y)
    with joblib.parallel_config("dask"):
        remote = GridSearchCV(classifier(), GRID, cv=2).fit(X, y)
    same_results(local.cv_results_, remote.cv_results_)
    np.testing.assert_array_equal(local.predict_proba(X), remote.predict_proba(X))


def test_a_stacked_search_on_the_cluster(client):
    search = StackedSearchCV(classifier(precision="float64"), GRID, cv=2)
    local = search.fit(X, y).cv_results_["mean_test_score"]
    with joblib.parallel_config("dask"):
        np.testing.assert_allclose(search.fit(X, y).cv_results_["mean_test_score"], local, rtol=1e-8)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_halving_on_the_cluster(client, asynchronous):
    model = classifier(precision="float64").set_params(max_epochs=3)
    search = StackedSearchCV(model, GRID, resource="epochs", asynchronous=asynchronous, cv=2, refit=False)
    local = search.fit(X, y).cv_results_
    with joblib.parallel_config("dask"):
        remote = search.fit(X, y).cv_results_
    assert remote["n_resources"].tolist() == local["n_resources"].tolist() == [1, 1, 1, 3]
    np.testing.assert_allclose(remote["mean_test_score"], local["mean_test_score"], rtol=1e-8)


def test_a_worker_has_one_copy_of_the_samples_and_one_thread(client):
    def look(samples):
        import torch

        from sklearn_ann.training.device import limited_threads
        from sklearn_ann.training.workers import in_worker

        with limited_threads():
            return (os.getpid(), id(samples)), torch.get_num_threads(), in_worker()

    with joblib.parallel_config("dask"):
        seen = joblib.Parallel()(joblib.delayed(look)(X) for _ in range(12))
    copies = {where for where, _, _ in seen}
    assert len(copies) == len({process for process, _ in copies})
    assert {(threads, worker) for _, threads, worker in seen} == {(1, True)}


def test_a_worker_that_is_killed_changes_no_result(client, tmp_path):
    local = GridSearchCV(classifier(), GRID, cv=2).fit(X, y)
    file = Path(tmp_path) / "killed"
    with joblib.parallel_config("dask"):
        remote = GridSearchCV(classifier().set_callbacks(Murder(file, 1e-2)), GRID, cv=2).fit(X, y)
    assert file.exists()
    same_results(local.cv_results_, remote.cv_results_)


def test_blocks_of_an_array(client):
    model = classifier().fit(X, y)
    rows = array.from_array(X, chunks=(100, 64))
    found = rows.map_blocks(model.predict_proba, chunks=(rows.chunks[0], (10,)), dtype=np.float32)
    np.testing.assert_array_equal(found.compute(), model.predict_proba(X))
    codes = AutoEncoderTransformer(n_components=3, max_epochs=2, random_state=0).fit(X)
    found = rows.map_blocks(codes.transform, chunks=(rows.chunks[0], (3,)), dtype=np.float32)
    np.testing.assert_array_equal(found.compute(), codes.transform(X))


def test_partitions_of_a_frame():
    frames = pytest.importorskip("dask.dataframe", reason="the extra `cluster` is not installed")
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X).add_prefix("pixel ")
    model = classifier().fit(table, y)

    def labelled(part):
        return pandas.Series(model.predict(part), index=part.index)

    found = frames.from_pandas(table, npartitions=3).map_partitions(labelled, meta=("digit", y.dtype))
    found = found.compute(scheduler="synchronous")  # in workers, pandas would have to be imported first
    assert found.index.equals(table.index)
    np.testing.assert_array_equal(found, model.predict(table))


def test_what_is_not_computed_is_refused_with_the_way_out():
    rows = array.from_array(X, chunks=(100, 64))
    with pytest.raises(TypeError, match=r"X is a dask Array, .* X\.compute\(\), or predict its parts by X\.map_blocks"):
        classifier().fit(rows, y)
    model = classifier().fit(rows.compute(), y)
    with pytest.raises(TypeError, match=r"X\.map_blocks"):
        model.predict(rows)
