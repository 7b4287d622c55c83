"""Several networks in one estimator: `n_estimators`, and what their disagreement tells."""

import pickle

import numpy as np
import pytest
from leaves import DenseClassifier, DenseRegressor
from scipy.stats import entropy
from sklearn.base import clone
from sklearn.datasets import load_iris, make_multilabel_classification, make_regression

from sklearn_ann import CNNClassifier, TabularRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
THREE = {"n_estimators": 3, "max_epochs": 30, "learning_rate": 1e-2, "random_state": 0}


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def test_probabilities_are_averaged_and_features_stand_side_by_side(iris):
    X, y = iris
    model = DenseClassifier(**THREE).fit(X, y)
    one = DenseClassifier(**THREE | {"n_estimators": 1}).fit(X, y)
    logits = np.stack([network(model.module_input(X)).numpy(force=True) for network in model.module_.networks])
    assert np.ptp(logits, axis=0).mean() > 0.1
    shares = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(X), shares.mean(axis=0), rtol=1e-4)
    assert model.transform(X).shape[1] == len(model.get_feature_names_out()) == 3 * one.transform(X).shape[1]
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), model.predict_proba(X))
    assert clone(model).n_estimators == 3


def test_entropy_has_two_parts(iris):
    X, y = iris
    model = DenseClassifier(**THREE).fit(X[::3], y[::3])
    parts = model.uncertainty(X)
    np.testing.assert_allclose(parts.total, entropy(model.predict_proba(X), axis=1), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(parts.aleatoric + parts.epistemic, parts.total, atol=1e-6)
    far = model.uncertainty(np.add(X, [0, 0, 8, -4]))  # petals as no iris has them
    assert far.epistemic.mean() > 2 * parts.epistemic.mean()
    wrong = model.predict(X) != y
    assert parts.total[wrong].mean() > 1.3 * parts.total[~wrong].mean()


def test_entropy_of_two_classes_and_of_several_labels(iris):
    X, y = iris
    two = DenseClassifier(**THREE).fit(X, y == 1)
    np.testing.assert_allclose(two.uncertainty(X).total, entropy(two.predict_proba(X), axis=1), rtol=1e-3, atol=1e-6)
    X, y = make_multilabel_classification(60, random_state=0)
    several = DenseClassifier(**THREE).fit(X, y)
    proba = several.predict_proba(X)
    expected = entropy(np.stack([proba, 1 - proba]), axis=0)
    np.testing.assert_allclose(several.uncertainty(X).total, expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("n_targets", [1, 2])
def test_standard_deviation_over_the_networks_in_the_unit_of_y(n_targets):
    X, y = make_regression(90, 5, n_targets=n_targets, random_state=0)
    model = DenseRegressor(**THREE).fit(X, y)
    mean, deviation = model.predict(X, return_std=True)
    np.testing.assert_allclose(mean, model.predict(X), rtol=1e-5, atol=1e-3)
    assert mean.shape == deviation.shape == y.shape
    far = model.predict(X * 10, return_std=True)[1]
    assert far.mean() > 3 * deviation.mean()
    scaled = DenseRegressor(**THREE).fit(X, 1000 * y).predict(X, return_std=True)[1]
    np.testing.assert_allclose(scaled, 1000 * deviation, rtol=1e-2, atol=1)


def test_more_networks_of_members_and_maps_of_the_first():
    X, y = make_regression(60, 3, random_state=0)
    model = TabularRegressor(n_members=2, n_estimators=2, max_epochs=2, random_state=0).fit(X, y)
    assert model.predict(X, return_std=True)[1].shape == (60,)
    strings = ["ACGT" * 3, "TTGA" * 3] * 8
    motifs = CNNClassifier(n_estimators=2, max_epochs=1, learning_rate_schedule="cosine").fit(strings, [0, 1] * 8)
    assert motifs.motifs().shape[0] == 64


def test_one_network_has_no_one_to_disagree_with(iris):
    X, y = iris
    with pytest.raises(ValueError, match="n_estimators must be 2 or more"):
        DenseClassifier(max_epochs=1).fit(X, y).uncertainty(X)
    with pytest.raises(ValueError, match="n_estimators must be 2 or more"):
        DenseRegressor(max_epochs=1).fit(X, y).predict(X, return_std=True)
    alone = TabularRegressor(n_members=1, max_epochs=1).fit(X, y)
    with pytest.raises(ValueError, match="n_estimators must be 2 or more"):
        alone.predict(X, return_std=True)


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_the_mean_beside_the_standard_deviation_is_the_prediction(loss, iris):
    X, y = iris
    model = DenseRegressor(**THREE, loss=loss).fit(X, y)
    np.testing.assert_array_equal(model.predict(X, return_std=True)[0], model.predict(X))


def test_a_warm_start_goes_on_with_all_networks(iris):
    X, y = iris
    model = DenseClassifier(**THREE, warm_start=True).fit(X, y)
    before = model.score(X, y)
    assert model.fit(X, y).n_iter_ > 30
    assert model.score(X, y) >= before - 0.02
    with pytest.raises(ValueError, match="another shape"):
        model.set_params(n_estimators=2).fit(X, y)
