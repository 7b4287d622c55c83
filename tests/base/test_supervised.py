"""NeuralClassifier and NeuralRegressor, held by the thinnest leaves."""

import numpy as np
import pandas as pd
import pytest
from leaves import BagClassifier, DenseClassifier, DenseRegressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris, make_multilabel_classification, make_regression
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict, cross_val_score
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
        with pytest.raises(ValueError, match="all samples have the weight 0"):
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
    with pytest.raises(ValueError, match=r"labels \[9\], which were not in fit: expected labels among \[0 1 2\]"):
        model.partial_fit(X[:2], [0, 9])
    with pytest.raises(ValueError, match="first call to partial_fit"):
        model.partial_fit(X[:2], [0, 1], classes=[0, 1])


def test_unknown_labels_in_validation_data_are_named(iris):
    X, y = iris
    with pytest.raises(ValueError, match=r"labels \[2\], which were not in fit"):
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


# --- Missing targets -------------------------------------------------------------------------------------------------


def tasks(missing):
    """Six labels of a table, a share of which was never measured."""
    X, Y = make_multilabel_classification(300, n_classes=6, random_state=0)
    Y = np.where(np.random.default_rng(0).uniform(size=Y.shape) < missing, np.nan, Y)
    return scale(X), Y


def test_missing_labels_are_left_out_of_the_loss():
    X, Y = tasks(0.4)
    _, truth = tasks(0.0)
    model = DenseClassifier(random_state=0).fit(X, Y)
    assert (model.predict(X) == truth).mean() > 0.85
    assert model.score(X, Y) > model.score(X, truth)  # fewer labels to be right in
    assert np.isfinite(cross_val_score(DenseClassifier(max_epochs=5), X, Y, cv=KFold(3))).all()
    alone = DenseClassifier(max_epochs=3, random_state=0).fit(X, Y, X_val=X, y_val=Y)
    assert np.isfinite(alone.history_["validation_loss"]).all()
    assert np.isfinite(alone.partial_fit(X, Y).loss_)


def test_missing_numbers_are_left_out_of_unit_and_loss():
    X, y = make_regression(300, 5, n_targets=2, random_state=0)
    y[:, 1] = y[:, 1] * 100 + 1000
    holes = y.copy()
    holes[::3, 0], holes[1::4, 1] = np.nan, np.nan
    settings = {"max_epochs": 100, "learning_rate": 1e-2, "random_state": 0}
    model = DenseRegressor(**settings).fit(X, holes)
    assert model.score(X, y) > 0.98
    assert model.score(X, holes) == pytest.approx(model.score(X, y), abs=0.02)
    weighted = DenseRegressor(**settings).fit(X, np.nan_to_num(holes), sample_weight=~np.isnan(holes) * 1.0)
    assert weighted.score(X, y) > 0.98


def test_weights_of_single_outputs_are_exact():
    X, Y = tasks(0.0)
    exact = {"precision": "float64", "batch_size": None, "max_epochs": 20, "random_state": 0}
    weight = np.ones(Y.shape)
    weight[:, 3] = 0
    one = DenseClassifier(**exact).fit(X, Y, sample_weight=weight)
    changed = Y.copy()
    changed[:, 3] = 1 - changed[:, 3]
    other = DenseClassifier(**exact).fit(X, changed, sample_weight=weight)
    np.testing.assert_array_equal(one.transform(X), other.transform(X))
    with pytest.raises(ValueError, match=r"sample_weight has shape \(300, 6\), but y has shape \(300,\)"):
        DenseClassifier().fit(X, Y[:, 0], sample_weight=weight)
    with pytest.raises(ValueError, match="have negative values"):
        DenseClassifier().fit(X, Y, sample_weight=-weight)


@pytest.mark.parametrize("value", [None, np.nan])
def test_a_missing_target_is_named(iris, value):
    X, y = iris
    labels = np.array(list("abc"), dtype=object)[y]
    labels[[7, 9]] = value
    with pytest.raises(ValueError, match="the target of sample 7 is missing, and 1 more"):
        DenseClassifier().fit(X, labels)
    numbers = y.astype(object)
    numbers[3] = value
    with pytest.raises(ValueError, match="the target of sample 3 is missing"):
        DenseRegressor().fit(X, numbers)
    with pytest.raises(ValueError, match="class_weight needs all labels"):
        DenseClassifier(class_weight="balanced").fit(*tasks(0.2))
    with pytest.raises(ValueError, match="y has no target in column 1"):
        DenseRegressor().fit(X, np.c_[y, np.full(150, np.nan)])


def test_frames_and_read_only_arrays_as_targets(iris):
    pd = pytest.importorskip("pandas")
    X, y = iris
    one_hot = np.eye(3)[y]
    expected = DenseClassifier(max_epochs=3, random_state=0).fit(X, one_hot).predict_proba(X)
    frozen = one_hot.astype(np.float32)
    frozen.flags.writeable = False
    for same in (pd.DataFrame(one_hot), frozen):
        model = DenseClassifier(max_epochs=3, random_state=0).fit(X, same)
        np.testing.assert_array_equal(model.predict_proba(X), expected)
    assert DenseRegressor(max_epochs=3).fit(X, pd.DataFrame(one_hot)).predict(X).shape == (150, 3)
    assert DenseRegressor(max_epochs=3).fit(X, pd.Series(y, dtype="Int64")).predict(X).shape == (150,)


# --- What a regressor predicts ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def skewed():
    """Counts whose mean, median and quantiles differ, the same for all samples of a kind."""
    rng = np.random.default_rng(0)
    kind = np.repeat([0, 1], 600)
    return np.eye(2)[kind], rng.exponential(np.where(kind == 0, 2.0, 20.0))


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("squared_error", np.mean),
        ("poisson", np.mean),
        ("absolute_error", np.median),
        ("quantile", lambda values: np.quantile(values, 0.9)),
    ],
)
def test_what_each_loss_predicts(skewed, loss, expected):
    X, y = skewed
    model = DenseRegressor(loss=loss, quantile=0.9, max_epochs=60, learning_rate=1e-2, random_state=0)
    model.set_params(learning_rate_schedule="cosine").fit(X, y)
    for kind in (0, 1):
        assert model.predict(np.eye(2)[[kind]])[0] == pytest.approx(expected(y[X[:, kind] == 1]), rel=0.25)


def test_huber_is_not_moved_by_a_few_outliers(skewed):
    X, y = skewed
    y = np.where(np.arange(1200) % 50 == 0, y + 1e4, y)
    settings = {"max_epochs": 60, "learning_rate": 1e-2, "random_state": 0}
    errors = [
        abs(DenseRegressor(loss=loss, **settings).fit(X, y).predict(X[:1])[0] - 2)
        for loss in ("huber", "squared_error")
    ]
    assert errors[0] < 0.6 * errors[1]


def test_poisson_needs_targets_from_zero(iris):
    with pytest.raises(ValueError, match="loss='poisson' is for targets from 0, but the target of sample 2 is -1"):
        DenseRegressor(loss="poisson").fit(iris[0][:3], [1.0, 0.0, -1.0])
    model = DenseRegressor(loss="poisson", max_epochs=3).fit(iris[0], np.zeros(150))
    assert np.isfinite(model.predict(iris[0])).all()


# --- Groups ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("leaf", [DenseClassifier, DenseRegressor])
def test_early_stopping_holds_out_whole_groups(leaf):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 5)
    X = rng.normal(size=(40, 20))[groups] + 0.01 * rng.normal(size=(200, 20))
    y = rng.integers(0, 2, 40)[groups]  # nothing but the family tells it
    settings = {"max_epochs": 60, "learning_rate": 1e-2, "early_stopping": True, "validation_fraction": 0.2}
    plan = leaf(**settings, random_state=0)._prepare(X, y, groups=groups.astype(str))
    parts = [set(groups[part.rows.numpy()]) for part in (plan.examples, plan.validation)]
    assert not parts[0] & parts[1]
    assert len(plan.validation) == pytest.approx(40, abs=5)
    watched = [
        min(leaf(**settings, random_state=0).fit(X, y, groups=g).history_["validation_loss"]) for g in (None, groups)
    ]
    assert watched[0] < 0.1 < 0.5 < watched[1]
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        leaf(**settings).fit(X, y, groups=groups[:-1])
    with pytest.raises(ValueError, match="early_stopping=True cannot hold out"):
        leaf(**settings).fit(X, y, groups=np.zeros(200))


def test_groups_are_routed_through_a_search():
    from sklearn import config_context
    from sklearn.model_selection import GridSearchCV, GroupKFold

    rng = np.random.default_rng(0)
    X, y, groups = rng.normal(size=(60, 3)), np.arange(60) % 2, np.repeat(np.arange(12), 5)
    with config_context(enable_metadata_routing=True):
        model = DenseClassifier(max_epochs=2, early_stopping=True).set_fit_request(groups=True)
        search = GridSearchCV(model, {"learning_rate": [1e-3]}, cv=GroupKFold(3)).fit(X, y, groups=groups)
    assert np.isfinite(search.best_score_)


# --- In scikit-learn's own tools -------------------------------------------------------------------------------------


def test_calibration_and_stacking_take_it_as_any_classifier(iris):
    X, y = iris
    model = DenseClassifier(max_epochs=20, learning_rate=1e-2, random_state=0)
    calibrated = CalibratedClassifierCV(model, cv=2).fit(X, y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)
    stacked = StackingClassifier([("network", model)], LogisticRegression(), cv=2).fit(X, y)
    assert min(calibrated.score(X, y), stacked.score(X, y)) > 0.85


def test_a_class_that_a_fold_lacks_has_no_probability_there(iris):
    X, y = iris
    labels = np.where(np.arange(150) == 0, 3, y)  # one sample of a class of its own, held out in the first fold
    model = DenseClassifier(max_epochs=3, random_state=0)
    with pytest.warns(RuntimeWarning, match="Number of classes in training fold"):
        probability = cross_val_predict(model, X, labels, cv=KFold(3), method="predict_proba")
    assert probability.shape == (150, 4)
    assert (probability[:50, 3] == 0).all()
    assert (probability[50:, 3] > 0).all()


@pytest.mark.parametrize("missing", [None, np.nan])
def test_missing_labels_among_texts_of_a_list_are_seen(missing):
    X = np.arange(8.0).reshape(4, 2)
    with pytest.raises(ValueError, match="the target of sample 1 is missing"):
        DenseClassifier().fit(X, ["a", missing, "b", "a"])
    with pytest.raises(ValueError, match="in sample 2: labels may be missing only in an indicator matrix"):
        DenseClassifier().fit(X, [["a", "b"], ["b", "b"], ["a", missing], ["a", "a"]])


def test_labels_of_groups_are_of_any_type_and_none_is_missing():
    X, y = np.arange(24.0).reshape(12, 2), [0, 1] * 6
    model = DenseClassifier(max_epochs=2, early_stopping=True, validation_fraction=0.5)
    model.fit(X, y, groups=["a", 1, ("b", 2)] * 4)
    with pytest.raises(ValueError, match="groups has no value for sample 1"):
        model.fit(X, y, groups=["a", None, "b"] * 4)


def test_balanced_classes_are_balanced_by_the_weights(iris):
    X, y = iris
    weight = np.arange(len(y)) % 4
    settings = {"class_weight": "balanced", "precision": "float64", "batch_size": None, "max_epochs": 9}
    weighted = DenseClassifier(**settings, random_state=0).fit(X, y, sample_weight=weight)
    repeated = DenseClassifier(**settings, random_state=0).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), rtol=1e-9)


def test_weights_of_outputs_that_are_equal_are_weights_of_samples():
    X, y = make_regression(60, 5, n_targets=2, random_state=0)
    weight = np.arange(60) % 3.0
    settings = {"precision": "float64", "batch_size": None, "max_epochs": 9, "random_state": 0}
    one = DenseRegressor(**settings).fit(X, y, sample_weight=weight)
    two = DenseRegressor(**settings).fit(X, y, sample_weight=np.c_[weight, weight])
    np.testing.assert_allclose(one.predict(X), two.predict(X), rtol=1e-9)
    assert one.loss_ == pytest.approx(two.loss_)


def test_weights_too_small_to_count(iris):
    X, y = iris
    model = DenseClassifier(max_epochs=3, random_state=0).fit(X, y, sample_weight=np.exp(-np.arange(len(y))))
    assert np.isfinite(model.loss_)
    assert DenseClassifier(max_epochs=3).fit(X, y, sample_weight=np.full(len(y), 1e-320)).loss_ > 0


@pytest.mark.parametrize("leaf", [DenseClassifier, DenseRegressor])
def test_a_column_of_weights_is_one_weight_for_each_sample(leaf, iris):
    X, y = iris
    weight = np.arange(len(X)) % 3
    column, flat = (leaf(max_epochs=2, random_state=0).fit(X, y, form) for form in (weight[:, None], weight))
    np.testing.assert_array_equal(column.predict(X), flat.predict(X))
    assert column.score(X, y, weight) == flat.score(X, y, weight)


@pytest.mark.parametrize(("y", "what"), [("species", "the text 'species'"), ({0: 1.0}, "a dict")])
def test_a_name_is_no_target(y, what):
    with pytest.raises(TypeError, match=f"y is {what}: expected the targets in the order of X"):
        DenseRegressor().fit(np.ones((3, 2)), y)


def test_numbers_in_an_array_of_objects_are_classes(iris):
    X, y = iris
    numbers, objects = np.asarray(y == y[0], dtype=int), np.asarray(y == y[0], dtype=object).astype(int).astype(object)
    model = DenseClassifier(random_state=0).fit(X, objects)
    np.testing.assert_array_equal(model.predict(X), DenseClassifier(random_state=0).fit(X, numbers).predict(X))
    assert model.score(X, objects) == model.score(X, numbers)


@pytest.mark.parametrize("leaf", [DenseClassifier, DenseRegressor])
def test_a_score_leaves_out_what_is_missing_in_every_form(leaf):
    X = np.random.default_rng(0).normal(size=(20, 2))
    Y = pd.DataFrame((X > 0).astype(int), columns=["a", "b"]).astype("Int64")
    Y.iloc[3, 1] = pd.NA
    model = leaf(random_state=0).fit(X, Y)
    numbers = Y.to_numpy(dtype=float, na_value=np.nan)
    assert model.score(X, Y) == model.score(X, numbers) == model.score(X, Y.to_numpy(dtype=object, na_value=None))


def test_a_score_takes_weights_of_single_outputs():
    X, Y = tasks(0.0)
    weight = np.random.default_rng(0).integers(0, 3, size=Y.shape)
    model = DenseRegressor(max_epochs=2, random_state=0).fit(X, Y, sample_weight=weight)
    expected = r2_score(Y, model.predict(X), sample_weight=np.ones(len(Y)), multioutput="raw_values")
    assert model.score(X, Y, np.ones(Y.shape)) == pytest.approx(expected.mean())
    of_first = r2_score(Y[:, 0], model.predict(X)[:, 0], sample_weight=weight[:, 0])
    only_first = np.where(np.arange(Y.shape[1]) == 0, weight, 1)
    others = expected[1:].sum()
    assert model.score(X, Y, only_first) == pytest.approx((of_first + others) / Y.shape[1])
    with pytest.raises(ValueError, match=r"sample_weight has shape \(300, 6\): expected one weight for each of 300"):
        DenseClassifier(max_epochs=1).fit(X, Y).score(X, Y, weight)
