"""NeuralClassifier and NeuralRegressor, held by the thinnest leaves."""

import numpy as np
import pytest
from leaves import BagClassifier, DenseClassifier, DenseRegressor
from sklearn.datasets import load_iris, make_multilabel_classification, make_regression
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import scale

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return scale(X), y


@pytest.mark.parametrize(
    "labels",
    [["setosa", "versicolor", "virginica"], [-1, 7, 3], [0.5, 1.5, 2.5], np.array(["b", "a", "c"], dtype=object)],
)
def test_labels_of_any_type_come_back(iris, labels):
    X, y = iris
    y = np.asarray(labels)[y] if not np.issubdtype(np.asarray(labels).dtype, np.floating) else np.asarray(labels)[y] * 2
    model = DenseClassifier(max_epochs=60, random_state=0).fit(X, y)
    assert list(model.classes_) == sorted(set(y))
    assert model.predict(X).dtype == model.classes_.dtype
    assert model.score(X, y) > 0.9
    proba = model.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(model.classes_[proba.argmax(axis=1)], model.predict(X))


def test_it_learns_as_much_as_a_linear_baseline(iris):
    X, y = iris
    scores = [
        cross_val_score(model, X, y, cv=5).mean() for model in (DenseClassifier(random_state=0), LogisticRegression())
    ]
    assert scores[0] > scores[1] - 0.03


def test_two_classes_have_one_logit(iris):
    X, y = iris[0], iris[1] == 2
    model = DenseClassifier(max_epochs=60, random_state=0).fit(X, y)
    decision, proba = model.decision_function(X), model.predict_proba(X)
    assert decision.shape == (150,)
    np.testing.assert_allclose(proba[:, 1], 1 / (1 + np.exp(-decision)), rtol=1e-5)
    np.testing.assert_array_equal(model.predict(X), decision > 0)
    assert model.predict(X).dtype == bool


def test_one_class_is_always_predicted(iris):
    model = DenseClassifier(max_epochs=2).fit(iris[0], np.full(150, "only"))
    assert set(model.predict(iris[0])) == {"only"}
    np.testing.assert_array_equal(model.predict_proba(iris[0]), np.ones((150, 1)))


def test_multilabel():
    X, Y = make_multilabel_classification(300, n_classes=4, random_state=0)
    model = DenseClassifier(random_state=0).fit(scale(X), Y)
    assert model.predict(scale(X)).shape == Y.shape
    assert (model.predict(scale(X)) == Y).mean() > 0.9
    assert model.predict_proba(scale(X)).shape == Y.shape


def test_class_weights_are_sample_weights(iris):
    X, y = iris
    exact = {"precision": "float64", "batch_size": 1000, "max_epochs": 20, "random_state": 0}
    y = y[:120]  # the third class is rare
    weight = {0: 1.0, 1: 2.0, 2: 3.0}
    one = DenseClassifier(**exact, class_weight=weight).fit(X[:120], y)
    other = DenseClassifier(**exact).fit(X[:120], y, sample_weight=[weight[label] for label in y])
    np.testing.assert_allclose(one.predict_proba(X), other.predict_proba(X), rtol=1e-9)
    balanced = DenseClassifier(**exact, class_weight="balanced").fit(X[:120], y)
    assert (balanced.predict(X) == 2).sum() > (DenseClassifier(**exact).fit(X[:120], y).predict(X) == 2).sum()


def test_weights_that_leave_nothing_are_refused(iris):
    X, y = iris
    for settings, weight in (({0: 0, 1: 0, 2: 0}, None), ({0: 0, 1: 1, 2: 1}, (y == 0) * 1.0)):
        with pytest.raises(ValueError, match="no sample has a weight above zero"):
            DenseClassifier(class_weight=settings).fit(X, y, sample_weight=weight)


@pytest.mark.parametrize("weight", [-1.0, np.nan])
def test_class_weights_below_zero_are_refused(iris, weight):
    with pytest.raises(ValueError, match="class_weight must be finite and not negative"):
        DenseClassifier(class_weight={0: weight, 1: 1, 2: 1}).fit(*iris)


def test_targets_too_large_are_refused(iris):
    with pytest.raises(ValueError, match="y has values too large"):
        DenseRegressor().fit(iris[0], iris[1] * 1e200)


def test_held_out_data_are_stratified(iris, monkeypatch):
    from sklearn_ann import training

    seen = []
    original = training.Training.__init__

    def spy(self, network, examples, validation, *args, **kwargs):
        seen.append(validation)
        original(self, network, examples, validation, *args, **kwargs)

    monkeypatch.setattr(training.Training, "__init__", spy)
    DenseClassifier(early_stopping=True, validation_fraction=0.2, max_epochs=2, random_state=0).fit(*iris)
    held_out = seen[0].target[seen[0].rows]
    assert np.bincount(held_out.numpy()).tolist() == [10, 10, 10]


def test_a_class_too_rare_to_hold_out_is_explained(iris):
    with pytest.raises(ValueError, match=r"early_stopping=True cannot hold out validation_fraction=0\.1 of 150"):
        DenseClassifier(early_stopping=True).fit(iris[0], np.r_[np.zeros(149), 1])


def test_partial_fit_knows_the_classes_to_come(iris):
    X, y = iris
    model = DenseClassifier(random_state=0).partial_fit(X[:50], y[:50], classes=[0, 1, 2])
    assert list(model.classes_) == [0, 1, 2]
    for _ in range(60):
        model.partial_fit(X, y)
    assert model.score(X, y) > 0.9
    with pytest.raises(ValueError, match=r"unknown labels \[9\]; known are \[0 1 2\]"):
        model.partial_fit(X[:2], [0, 9])
    with pytest.raises(ValueError, match="first call to partial_fit"):
        model.partial_fit(X[:2], [0, 1], classes=[0, 1])


def test_unknown_labels_in_validation_data_are_named(iris):
    X, y = iris
    with pytest.raises(ValueError, match=r"unknown labels \[2\]"):
        DenseClassifier().fit(X[:100], y[:100], X_val=X, y_val=y)


@pytest.mark.parametrize("n_targets", [1, 3])
def test_regression_in_the_unit_of_the_target(n_targets):
    X, y = make_regression(300, 5, n_targets=n_targets, noise=1.0, random_state=0)
    y = y * 1e6 + 1e9
    model = DenseRegressor(random_state=0, max_epochs=300, learning_rate=3e-3).fit(X, y)
    assert model.predict(X).shape == y.shape
    assert model.score(X, y) > 0.95


def test_a_column_comes_back_as_a_column():
    X, y = make_regression(50, 3, random_state=0)
    assert DenseRegressor(max_epochs=2).fit(X, y[:, None]).predict(X).shape == (50, 1)
    assert DenseRegressor(max_epochs=2).fit(X, y).predict(X).shape == (50,)


def test_a_constant_target_is_predicted():
    X, _ = make_regression(50, 3, random_state=0)
    np.testing.assert_allclose(DenseRegressor().fit(X, np.full(50, 1e9)).predict(X), 1e9, rtol=1e-6)


@pytest.mark.parametrize("leaf", [DenseClassifier, DenseRegressor])
def test_transform_is_the_input_of_the_last_layer(leaf, iris):
    X, y = iris
    model = leaf(hidden_layer_sizes=(8, 5), max_epochs=5, random_state=0).fit(X, y)
    features = model.transform(X)
    assert features.shape == (150, 5)
    head = model.module_.head
    output = features @ head.weight.detach().numpy().T + head.bias.detach().numpy()
    if leaf is DenseClassifier:
        np.testing.assert_allclose(model.decision_function(X), output, rtol=1e-4, atol=1e-5)
    else:
        np.testing.assert_allclose(model.predict(X), output[:, 0] * y.std() + y.mean(), rtol=1e-4)


def bags(n, rng):
    """Bags of 0 to 9 points; the label says on which side of zero their mean lies."""
    y = np.arange(n) % 2
    return [rng.normal(2 * label - 1, 1, size=(rng.randint(1, 10), 3)) for label in y], y


def test_samples_of_different_sizes():
    X, y = bags(200, np.random.RandomState(0))
    model = BagClassifier(max_epochs=30, random_state=0, early_stopping=True).fit(X[:150], y[:150])
    assert model.score(X[150:], y[150:]) > 0.85
    one_by_one = np.concatenate([model.predict_proba([bag]) for bag in X[150:]])
    np.testing.assert_allclose(one_by_one, model.predict_proba(X[150:]), rtol=1e-4)
    weight = np.r_[np.ones(75), np.zeros(75)]
    assert np.isfinite(BagClassifier(max_epochs=2).fit(X[:150], y[:150], weight).loss_)


def test_ragged_samples_may_be_empty():
    X, y = bags(20, np.random.RandomState(0))
    X[7] = np.empty((0, 3))
    model = BagClassifier(max_epochs=2, random_state=0).fit(X, y)
    assert np.isfinite(model.predict_proba(X)).all()
