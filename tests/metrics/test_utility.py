import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_ann.metrics import train_on_synthetic_score


@pytest.fixture(scope="module")
def wine():
    return train_test_split(*load_wine(return_X_y=True), random_state=0, stratify=load_wine().target)


def table(n, seed):
    rng = np.random.default_rng(seed)
    age, job = rng.normal(40, 10, n), rng.choice(["clerk", "smith", "cook"], size=n)
    price = age + 20 * (job == "cook") + rng.normal(0, 3, n)
    age[rng.uniform(size=n) < 0.1] = np.nan
    return pd.DataFrame({"age": age, "job": job, "price": price, "rich": np.where(price > 50, "yes", "no")})


def test_real_rows_as_samples_have_a_ratio_of_one(wine):
    X, X_test, y, y_test = wine
    score, real, ratio = train_on_synthetic_score(X, y, X_test, y_test, X, y)
    assert score == real > 0.9
    assert ratio == 1


def test_labels_that_say_nothing_have_a_low_ratio(wine):
    X, X_test, y, y_test = wine
    shuffled = np.random.default_rng(0).permutation(y)
    assert train_on_synthetic_score(X, shuffled, X_test, y_test, X, y).ratio < 0.7
    collapsed = train_on_synthetic_score(X, np.ones_like(y), X_test, y_test, X, y)  # one label only
    assert collapsed.score == np.mean(y_test == 1)


def test_without_training_rows_there_is_no_ratio(wine):
    X, X_test, y, y_test = wine
    score, real, ratio = train_on_synthetic_score(X, y, X_test, y_test)
    assert score > 0.9
    assert np.isnan([real, ratio]).all()


@pytest.mark.parametrize(("target", "least"), [("price", 0.5), ("rich", 0.8)])
def test_frames_with_categories_missing_values_and_a_named_target(target, least):
    samples, test, train = table(300, 0), table(300, 1), table(300, 2)
    other = "rich" if target == "price" else "price"
    samples, test, train = (frame.drop(columns=other) for frame in (samples, test, train))
    named = train_on_synthetic_score(samples[reversed(samples.columns)], target, test, target, train)
    apart = train_on_synthetic_score(
        samples.drop(columns=target), samples[target], test.drop(columns=target), test[target],
        train.drop(columns=target), train[target],
    )  # fmt: skip
    assert named == apart
    assert named.score > least
    assert named.ratio == pytest.approx(1, abs=0.15)


def test_a_target_by_position(wine):
    X, X_test, y, y_test = wine
    by_position = train_on_synthetic_score(np.c_[X, y], -1, np.c_[X_test, y_test], -1, np.c_[X, y])
    assert by_position == train_on_synthetic_score(X, y, X_test, y_test, X, y)


def test_other_estimators_are_given_the_frames():
    samples, test = (table(200, seed).drop(columns="price").dropna() for seed in (0, 1))
    encode = make_column_transformer((OneHotEncoder(), ["job"]), remainder="passthrough")
    model = make_pipeline(encode, StandardScaler(), LogisticRegression())
    result = train_on_synthetic_score(
        samples[["rich", "job", "age"]], "rich", test, "rich", estimator=model, scoring="roc_auc"
    )
    assert result.score > 0.9
    assert not hasattr(model, "classes_")


def test_whole_numbers_are_labels_if_they_are_few():
    X, y = load_diabetes(return_X_y=True)  # 214 whole numbers
    assert train_on_synthetic_score(X[:300], y[:300], X[300:], y[300:]).score < 0.5  # R² of boosted trees
    high = (y > 150).astype(float)
    assert train_on_synthetic_score(X[:300], high[:300], X[300:], high[300:]).score > 0.6  # accuracy
    ratio = train_on_synthetic_score(X, y, X, y, X, y, scoring="neg_mean_squared_error").ratio
    assert np.isnan(ratio)
    assert train_on_synthetic_score(X, y, X, y, estimator=LinearRegression()).score > 0.5


def test_it_is_the_same_each_time_and_leaves_the_global_generator(wine):
    X, X_test, y, y_test = wine
    before = np.random.get_state()[1].copy()
    forest = RandomForestClassifier(3)
    one, two = (
        train_on_synthetic_score(X, y, X_test, y_test, estimator=forest, random_state=5).score for _ in range(2)
    )
    assert one == two
    train_on_synthetic_score(X, y, X_test, y_test, random_state=None)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y_synthetic": [0.4] * 4}, "y_synthetic has numbers with fractions, such as 0.4, but y_test has labels"),
        ({"y_synthetic": ["0"] * 4}, r"No label of y_synthetic is in y_test: '0' \(str\) against 0 \(int\)"),
        ({"y_synthetic": [0, np.nan, 1, 1]}, "y_synthetic has a missing value in sample 1"),
        ({"y_test": None}, "y_test is None"),
        ({"y_synthetic": [0, 1]}, "inconsistent numbers of samples"),
        ({"y_synthetic": "price"}, "y_synthetic='price': 'price' is not a column"),
        ({"y_train": [0, 1]}, "y_train was given without X_train: expected both"),
        ({"X_test": [[1.0, 2.0]] * 4}, "X_synthetic has 1 columns, but X_test has 2"),
        ({"y_test": 0}, "X_test has no column but the target 0"),
        ({"X_train": [[1.0]]}, "y_train is None"),
    ],
)
def test_what_cannot_be_scored(change, message):
    X = [[1.0], [2.0], [3.0], [4.0]]
    given = {"X_synthetic": X, "y_synthetic": [0, 1, 0, 1], "X_test": X, "y_test": [0, 1, 0, 1]}
    with pytest.raises(ValueError, match=message):
        train_on_synthetic_score(**(given | change))


def test_numbers_are_asked_for_where_the_target_is_a_number():
    X = np.arange(4.0)[:, None]
    with pytest.raises(ValueError, match="a target that is no number"):
        train_on_synthetic_score(X, ["a"] * 4, X, [0.5, 1.5, 2.5, 3.5])


def test_frames_of_polars():
    polars = pytest.importorskip("polars")
    samples, test = table(200, 0).drop(columns="price"), table(200, 1).drop(columns="price")
    frames = [
        polars.DataFrame({name: [None if pd.isna(v) else v for v in frame[name].tolist()] for name in frame})
        for frame in (samples, test)
    ]
    expected = train_on_synthetic_score(samples, "rich", test, "rich", test)
    assert train_on_synthetic_score(frames[0], "rich", frames[1], "rich", frames[1]) == expected


def test_decimal_targets_are_numbers_and_dates_are_none():
    X, y = np.arange(40.0)[:, None], np.array([Decimal(n) / 3 for n in range(40)], dtype=object)
    assert train_on_synthetic_score(X, y, X, y).score > 0.9
    for odd in (datetime.date(2020, 1, 1), (1, 2)):
        targets = pd.DataFrame({"x": range(4), "y": [odd] * 4})
        with pytest.raises(ValueError, match=rf"y_synthetic has the value .*{type(odd).__name__}.* in sample 0"):
            train_on_synthetic_score(targets, "y", targets, "y")


def test_samples_may_miss_a_number_throughout():
    rng = np.random.RandomState(0)
    real = pd.DataFrame({"x": rng.normal(size=60), "z": rng.normal(size=60), "y": rng.randint(2, size=60)})
    assert train_on_synthetic_score(real.assign(z=np.nan), "y", real, "y").score > 0.5
