"""A stacked search finds what scikit-learn's searches find."""

import pickle
import threading

import numpy as np
import pandas as pd
import pytest
import torch
from observing import Recorder
from scipy.stats import loguniform
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, RandomizedSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import estimator_checks_generator

from sklearn_ann.autoencoder import AutoEncoderTransformer
from sklearn_ann.convolution import CNNClassifier
from sklearn_ann.model_selection import StackedSearchCV
from sklearn_ann.tabular import TabularClassifier

X, Y = load_digits(return_X_y=True)
X, Y = X[:120], Y[:120]
RNG = np.random.RandomState(0)
STRINGS = ["".join(RNG.choice(list("ACGT"), 20)) for _ in range(60)]
OF_STRINGS = np.array(["with" if "AC" in string else "without" for string in STRINGS])

NETWORK = AutoEncoderTransformer(
    n_components=4, hidden_layer_sizes=16, max_epochs=4, precision="float64", random_state=0
)
PIPE = make_pipeline(StandardScaler(), NETWORK, LogisticRegression(max_iter=300))
GRID = {"autoencodertransformer__learning_rate": [1e-3, 1e-2], "logisticregression__C": [0.1, 1.0]}
TABLE = TabularClassifier(hidden_layer_sizes=8, max_epochs=3, precision="float64", random_state=0)


def assert_same_results(ours, theirs, atol=1e-10):
    assert ours.keys() == theirs.keys()
    for name, column in theirs.items():
        if name == "params":
            assert ours[name] == column
        elif "_time" not in name:
            assert ours[name].dtype == column.dtype, name
            if column.dtype.kind == "f":
                np.testing.assert_allclose(ours[name], column, rtol=0, atol=atol, err_msg=name)
            else:
                np.testing.assert_array_equal(ours[name], column, err_msg=name)


def both(estimator, grid, *data, fit_params=None, **options):
    searches = [kind(estimator, grid, **{"cv": 3} | options) for kind in (StackedSearchCV, GridSearchCV)]
    for search in searches:
        search.fit(*data, **(fit_params or {}))
    ours, theirs = searches
    assert_same_results(ours.cv_results_, theirs.cv_results_)
    for name in ("best_params_", "best_index_", "n_splits_", "multimetric_"):
        assert getattr(ours, name, None) == getattr(theirs, name, None), name
    return ours, theirs


def test_pipelines_are_searched_as_by_scikit_learn():
    ours, theirs = both(PIPE, GRID, X, Y, return_train_score=True)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.score(X, Y) == theirs.score(X, Y)
    assert ours.best_estimator_[0] is not PIPE[0]
    assert ours.best_estimator_.memory is None


def test_a_network_without_targets():
    both(NETWORK, {"learning_rate": [1e-3, 1e-2], "n_components": [2, 3]}, X)


def test_networks_of_other_kinds_and_models_without_networks():
    pipe = make_pipeline(StandardScaler(), TABLE)
    grid = {"tabularclassifier": [TABLE, RandomForestClassifier(5, random_state=0), SVC()]}
    both(pipe, grid, X, Y)


def test_strings_with_labels_of_any_type():
    network = CNNClassifier(max_epochs=2, precision="float64", random_state=0)
    ours, _ = both(network, {"learning_rate": [1e-3, 1e-2]}, STRINGS, OF_STRINGS)
    assert ours.classes_.tolist() == ["with", "without"]


def test_data_frames():
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(X.shape[1])])
    ours, theirs = both(TABLE, {"learning_rate": [1e-3, 1e-2]}, frame, pd.Series(Y))
    np.testing.assert_array_equal(ours.feature_names_in_, theirs.feature_names_in_)


def test_several_metrics_and_weights():
    scoring = {"accuracy": "accuracy", "balanced": "balanced_accuracy"}
    weight = {"sample_weight": RNG.uniform(size=len(Y))}
    both(TABLE, {"learning_rate": [1e-3, 1e-2]}, X, Y, scoring=scoring, refit="accuracy", fit_params=weight)
    both(TABLE, {"learning_rate": [1e-3, 1e-2]}, X, Y, scoring=scoring, refit=False)


def counts(estimator, X, y):
    return {"right": accuracy_score(y, estimator.predict(X)), "samples": len(X)}


def test_a_scorer_that_returns_several_metrics():
    both(TABLE, {"learning_rate": [1e-3, 1e-2]}, X, Y, scoring=counts, refit="right")


def test_groups_go_to_the_splitter():
    groups = np.arange(len(Y)) % 5
    both(TABLE, {"learning_rate": [1e-3]}, X, Y, cv=GroupKFold(5), fit_params={"groups": groups})


def test_refit_may_be_a_function():
    both(TABLE, {"learning_rate": [1e-3, 1e-2]}, X, Y, refit=lambda _: 1)


class InPlace(TransformerMixin, BaseEstimator):
    """Multiplies what it gets, in place."""

    def __init__(self, by=1.0):
        self.by = by

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        X *= self.by
        return X


@pytest.mark.parametrize("before", ["passthrough", PCA(5, random_state=0)])
def test_steps_that_write_into_the_samples(before):
    pipe = Pipeline([("before", before), ("shift", InPlace()), ("network", TABLE)])
    both(pipe, {"shift__by": [2.0, 0.1, 3.0]}, X, Y, return_train_score=True, refit=False)


def test_kernels_of_some_candidates():
    both(SVC(), {"kernel": ["rbf", "precomputed"]}, X @ X.T, Y)


def test_rows_of_any_type():
    test = np.arange(0, 120, 3)
    train = np.stack([test, np.zeros_like(test)], axis=1).ravel().astype(np.int32)  # the same bytes as `test`
    both(TABLE, {"learning_rate": [1e-2]}, X, Y, cv=[(train, test), (train.tolist(), np.arange(120) < 50)])


def test_a_scorer_may_fit_copies():
    def of_copies(pipe, X, y):
        assert pipe.memory is None
        other = pickle.loads(pickle.dumps(clone(pipe))).fit(X, y)
        return other.score(X, y) + pipe.fit(X[:20], y[:20]).score(X, y)

    ours, _ = both(PIPE, GRID, X, Y, scoring=of_copies, cv=2)
    assert (ours.cv_results_["mean_fit_time"] >= 0).all()
    assert (ours.cv_results_["mean_score_time"] >= 0).all()


def test_callbacks_are_told_of_every_step_of_every_fit():
    tasks = []
    for kind in (StackedSearchCV, GridSearchCV):
        recorder = Recorder()
        kind(PIPE, GRID, cv=2).set_callbacks(recorder).fit(X, Y)
        tasks.append(sorted((name.replace("Stacked", "Grid"), task) for name, task in recorder.tasks))
    assert tasks[0] == tasks[1]


def test_it_prints_what_scikit_learns_searches_print(capsys):
    printed = []
    for kind in (StackedSearchCV, GridSearchCV):
        kind(NETWORK, {"learning_rate": [1e-3, 1e-2]}, cv=2, verbose=3).fit(X)
        printed.append(
            sorted(line.split(" total time")[0].rstrip(".") for line in capsys.readouterr().out.splitlines())
        )
    assert printed[0] == printed[1]
    assert len(printed[0]) == 5


def test_a_splitter_that_contradicts_itself():
    class Wrong(KFold):
        def get_n_splits(self, *_, **__):
            return 7

    with pytest.raises(ValueError, match="inconsistent results"):
        StackedSearchCV(NETWORK, {"learning_rate": [1e-3]}, cv=Wrong(3)).fit(X)


def test_two_processes():
    both(PIPE, GRID, X, Y, n_jobs=2)


def test_random_candidates():
    distributions = {"learning_rate": loguniform(1e-4, 1e-1)}
    ours = StackedSearchCV(NETWORK, distributions, n_iter=3, random_state=0, cv=2).fit(X)
    theirs = RandomizedSearchCV(NETWORK, distributions, n_iter=3, random_state=0, cv=2).fit(X)
    assert_same_results(ours.cv_results_, theirs.cv_results_)


FITTED = []


class Counting(StandardScaler):
    """Notes each of its fits."""

    def fit(self, X, y=None, **params):
        FITTED.append(len(X))
        return super().fit(X, y, **params)


def test_steps_before_the_candidates_differ_are_fitted_once_a_fold():
    FITTED.clear()
    grid = {"autoencodertransformer__learning_rate": [1e-4, 1e-3, 1e-2]}
    StackedSearchCV(make_pipeline(Counting(), NETWORK), grid, cv=2, refit=False).fit(X)
    assert FITTED == [60, 60]


def test_a_network_before_the_candidates_differ_is_trained_once_a_fold(monkeypatch):
    trained = []
    together = "sklearn_ann.training.rendezvous.train_together"
    from sklearn_ann.training.together import train_together

    monkeypatch.setattr(together, lambda runs, **how: trained.extend(runs) or train_together(runs, **how))
    grid = {"logisticregression__C": [0.1, 1.0, 10.0]}
    both(PIPE, grid, X, Y, refit=False)
    assert len(trained) == 3


def test_a_candidate_that_fails_has_the_error_score_and_the_others_go_on():
    grid = {"learning_rate": [1e-3, 1e300], "max_grad_norm": [None, -1.0]}
    with pytest.warns(FitFailedWarning, match="diverged|max_grad_norm"), pytest.warns(UserWarning, match="non-finite"):
        ours, _ = both(NETWORK, grid, X)
    assert np.isfinite(ours.cv_results_["mean_test_score"]).tolist() == [True, False, False, False]


def test_errors_are_raised_if_asked_for():
    before = threading.active_count()
    with pytest.raises(ValueError, match="diverged"):
        StackedSearchCV(NETWORK, {"learning_rate": [1e-3, 1e300]}, error_score="raise", cv=2).fit(X)
    assert threading.active_count() == before
    with pytest.raises(ValueError, match="All the 2 fits failed"):
        StackedSearchCV(NETWORK, {"learning_rate": [1e300]}, cv=2).fit(X)


def broken(estimator, X, y):
    raise RuntimeError("no score today")


def test_a_scorer_that_fails():
    with pytest.warns(UserWarning, match="no score today|non-finite"):
        both(TABLE, {"learning_rate": [1e-3]}, X, Y, scoring=broken, cv=2)


def test_ctrl_c_ends_the_search(monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("sklearn_ann.training.rendezvous.train_together", interrupted)
    with pytest.raises(KeyboardInterrupt):
        StackedSearchCV(NETWORK, {"learning_rate": [1e-3, 1e-2]}, cv=2).fit(X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"param_grid": {"nothing": [1]}}, "Invalid parameter 'nothing'"),
        ({"param_grid": {"learning_rate": []}}, "learning_rate"),
        ({"param_grid": 3}, "param_grid"),
        ({"factor": 1}, "factor"),
        ({"resource": "samples"}, "resource"),
        ({"stack_size": 0}, "stack_size"),
        ({"n_iter": 0}, "n_iter"),
        ({"max_time": -1.0}, "max_time"),
    ],
)
def test_bad_parameters_are_named(options, message):
    search = StackedSearchCV(NETWORK, {"learning_rate": [1e-3]}, cv=2).set_params(**options)
    with pytest.raises((ValueError, TypeError), match=message):
        search.fit(X)


@pytest.mark.filterwarnings("ignore")  # a search warns of fits that fail, where the checks expect an error of all
@pytest.mark.parametrize(
    ("estimator", "check"),
    list(estimator_checks_generator(StackedSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2))),
)
def test_scikit_learn_checks(estimator, check):
    if "array_api" in getattr(check, "func", check).__name__ and torch.version.cuda and not torch.cuda.is_available():
        pytest.skip("scikit-learn's check asks torch with CUDA for a device, and there is none")
    check(estimator)


def test_it_is_cloned_and_printed_like_others():
    search = clone(StackedSearchCV(PIPE, GRID, resource="epochs"))
    assert search.get_params()["resource"] == "epochs"
    assert "StackedSearchCV" in search._repr_html_()


# --- Halving ----------------------------------------------------------------------------------------------------------

RATES = np.logspace(-5, -1, 9).tolist()


def halved(estimator=None, grid=None, data=(X,), **options):
    network = clone(NETWORK).set_params(max_epochs=9) if estimator is None else estimator
    search = StackedSearchCV(
        network, {"learning_rate": RATES} if grid is None else grid, resource="epochs", **{"cv": 2} | options
    )
    return search.fit(*data)


def test_halving_goes_on_where_it_stopped():
    search = halved()
    results = search.cv_results_
    assert search.n_candidates_ == [9, 3, 1]
    assert results["iter"].tolist() == [0] * 9 + [1] * 3 + [2]
    assert results["n_resources"].tolist() == [1] * 9 + [3] * 3 + [9]
    full = GridSearchCV(clone(NETWORK).set_params(max_epochs=9), {"learning_rate": RATES}, cv=2).fit(X)
    winner = RATES.index(results["params"][-1]["learning_rate"])
    assert results["mean_test_score"][-1] == full.cv_results_["mean_test_score"][winner]
    assert search.best_index_ == 12
    assert search.best_score_ == results["mean_test_score"][-1]
    best_three = {RATES[row] for row in np.argsort(-results["mean_test_score"][:9])[:3]}
    assert {params["learning_rate"] for params in results["params"][9:12]} == best_three


def test_a_search_without_rounds_has_none_of_an_earlier_one():
    search = StackedSearchCV(NETWORK, {"learning_rate": [1e-3, 1e-2]}, cv=2, factor=2, resource="epochs").fit(X)
    assert search.n_candidates_ == [2, 1]
    assert not hasattr(search.set_params(resource=None).fit(X), "n_candidates_")


def test_halving_in_two_processes_and_in_small_stacks_is_the_same():
    one, other = halved(), halved(n_jobs=2, stack_size=2)
    assert_same_results(other.cv_results_, one.cv_results_)


def test_halving_of_a_pipeline_with_a_least_number_of_epochs():
    grid = {"autoencodertransformer__learning_rate": RATES[3:], "autoencodertransformer__max_epochs": [6]}
    search = halved(PIPE, grid, (X, Y), min_epochs=2, factor=2)
    assert search.cv_results_["n_resources"].tolist() == [2] * 6 + [3] * 3 + [6] * 2


def test_halving_fits_steps_before_the_network_once_for_all_rounds():
    FITTED.clear()
    grid = {"autoencodertransformer__learning_rate": RATES}
    pipe = make_pipeline(Counting(), clone(NETWORK).set_params(max_epochs=9))
    search = halved(pipe, grid)
    assert search.n_candidates_ == [9, 3, 1]
    assert FITTED == [60, 60, 120]  # on each fold, and for the best
    alone = clone(pipe).set_params(**search.best_params_).fit(X[60:])
    assert search.cv_results_["split0_test_score"][-1] == pytest.approx(alone.score(X[:60]), abs=1e-10)


def test_halving_of_two_networks_of_which_candidates_have_one_alike():
    pipe = make_pipeline(NETWORK, clone(TABLE).set_params(max_epochs=4))
    grid = {"autoencodertransformer__learning_rate": [1e-3, 1e-2], "tabularclassifier__learning_rate": [1e-3, 1e-2]}
    search = halved(pipe, grid, (X, Y), factor=2, error_score="raise")
    assert search.cv_results_["n_resources"].tolist() == [1] * 4 + [2] * 2 + [4]


def test_halving_leaves_failed_candidates_behind():
    with pytest.warns(FitFailedWarning), pytest.warns(UserWarning, match="non-finite"):
        search = halved(grid={"learning_rate": [1e300, 1e-3, 1e-2]})
    assert search.best_params_["learning_rate"] < 1


def test_halving_by_one_of_several_metrics():
    search = halved(
        TABLE, {"learning_rate": [1e-4, 1e-3, 1e-2]}, (X, Y), scoring=["accuracy", "neg_log_loss"],
        refit="neg_log_loss", cv=2,
    )  # fmt: skip
    assert search.best_index_ == 3
    with pytest.raises(ValueError, match="refit must name the metric"):
        halved(TABLE, {"learning_rate": [1e-3]}, (X, Y), scoring=["accuracy", "neg_log_loss"], refit=False)


def test_halving_needs_a_network():
    with pytest.raises(ValueError, match="SVC trains no network"):
        halved(SVC(), {"C": [1.0, 2.0]}, (X, Y))


def test_time_that_is_over_ends_the_search():
    assert halved(max_time=1e-6).n_candidates_ == [9]
    search = StackedSearchCV(NETWORK, {"learning_rate": RATES}, max_time=1e-6, stack_size=4, cv=2).fit(X)
    assert len(search.cv_results_["params"]) == 2


class Diverging(AutoEncoderTransformer):
    """Fails where a training goes on, as a network that diverges late does."""

    def _train(self, plan, run, X, y, sample_weight):
        super()._train(plan, run, X, y, sample_weight)
        if run.epoch > 3:
            raise ValueError("the loss diverged")


@pytest.mark.parametrize("error_score", [np.nan, 0.0])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_earlier_rounds_are_kept_if_all_candidates_of_a_round_fail(asynchronous, error_score):
    network = Diverging(**NETWORK.get_params() | {"max_epochs": 9})
    with pytest.warns(
        FitFailedWarning, match="All 2 fits of round 2 failed.*best candidate is that of round 1"
    ) as told:
        search = halved(network, asynchronous=asynchronous, error_score=error_score, refit=False)
    assert "the loss diverged" in "".join(str(one.message) for one in told)
    expected = halved(asynchronous=asynchronous).cv_results_
    n_rows = int((expected["iter"] < 2).sum())
    np.testing.assert_array_equal(search.cv_results_["iter"], expected["iter"][:n_rows])
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], expected["mean_test_score"][:n_rows], atol=1e-12)
    assert search.cv_results_["iter"][search.best_index_] == 1
    assert np.isfinite(search.best_score_)


def test_what_was_found_is_kept_if_the_last_fit_fails():
    class Failing(AutoEncoderTransformer):
        def _prepare(self, X, *given, **options):
            if len(X) == len(globals()["X"]):
                raise ValueError("all samples are too many")
            return super()._prepare(X, *given, **options)

    search = StackedSearchCV(Failing(**NETWORK.get_params()), {"learning_rate": [1e-3, 1e-2]}, cv=2)
    with pytest.raises(ValueError, match="all samples are too many"):
        search.fit(X)
    assert len(search.cv_results_["params"]) == 2
    assert search.best_params_ == search.cv_results_["params"][search.best_index_]
    assert not hasattr(search, "best_estimator_")
