"""How a plan begins."""

import numpy as np
import pytest
from leaves import DenseClassifier, DenseRegressor
from sklearn.datasets import load_iris

from sklearn_ann.base.planning import agree, new_plan

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def test_a_plan_begins_with_what_is_set(iris):
    X, _ = iris
    model = DenseClassifier(random_state=3, learning_rate=0.1)
    before = dict(vars(model))
    plan = new_plan(model, X, False, False)
    assert plan.parameters.learning_rate == plan.given["learning_rate"] == 0.1
    np.testing.assert_array_equal(plan.rng.randint(9, size=5), np.random.RandomState(3).randint(9, size=5))
    assert vars(model) == before


def test_a_plan_that_goes_on_begins_with_what_was_kept(iris):
    X, y = iris
    model = DenseRegressor(max_epochs=1, tol=1, n_iter_no_change=1, random_state=0).fit(X, y)
    plan = new_plan(model.set_params(learning_rate=0.1, hidden_layer_sizes=3), X, True, True)
    assert plan.parameters.learning_rate == 0.1
    assert plan.parameters.hidden_layer_sizes == (32,)
    assert plan.rng is not model._rng  # a fit that fails leaves it where it was


def test_one_process_agrees_with_itself(iris):
    X, _ = iris
    plan = new_plan(DenseClassifier(), X, False, False)
    assert agree(plan, "DenseClassifier") is plan
