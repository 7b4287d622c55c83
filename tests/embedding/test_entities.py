"""Vectors of categories: what they mean, that they do not leak, and every kind of column."""

import datetime
import pickle
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from sklearn_ann import EntityEmbeddingTransformer
from sklearn_ann.embedding.entities import aligned

QUICK = {"max_epochs": 2, "random_state": 0}


def additive(n=1500, n_categories=80, seed=0):
    """Two columns of categories and one of numbers, each of which adds to the odds."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, n_categories, (2, n))
    x = rng.normal(size=n)
    effect = rng.normal(size=(2, n_categories))
    y = effect[0, a] + effect[1, b] + x + 0.5 * rng.normal(size=n) > 0
    X = pd.DataFrame({"a": [f"a{i}" for i in a], "x": x, "b": pd.Categorical([f"b{i}" for i in b])})
    return X, np.where(y, "yes", "no"), effect


def mixed():
    """A column of each kind."""
    rng = np.random.default_rng(1)
    n = 60
    X = pd.DataFrame(
        {
            "city": rng.choice(["Rome", "Oslo", "Lima"], n),
            "size": rng.normal(size=n),
            "kind": pd.Categorical(rng.choice([3, 5], n)),
            "count": rng.integers(0, 2**40, n),
            "open": rng.integers(0, 2, n).astype(bool),
            "word": pd.array(rng.choice(["x", "y"], n), dtype="string"),
        }
    )
    return X, rng.normal(size=n)


# --- What is learned -------------------------------------------------------------------------------------------------


def test_categories_that_mean_the_same_are_neighbours():
    rng = np.random.default_rng(0)
    group = {f"c{i}": i % 3 for i in range(12)}
    X = rng.choice(list(group), size=(1200, 1)).astype(object)
    y = np.array([group[value] for value in X[:, 0]]) + 0.1 * rng.normal(size=1200)
    model = EntityEmbeddingTransformer(random_state=0).fit(X, y)
    vectors = model.embeddings_[0][:12]
    groups = np.array([group[category] for category in model.categories_[0]])
    apart = np.linalg.norm(vectors[:, None] - vectors, axis=2)
    same = groups[:, None] == groups
    assert apart[same].max() < apart[~same].min()
    assert model.target_type_ == "continuous"
    assert -model.score(X, y) < 0.1  # of the variance


def test_a_forest_on_vectors_beats_one_on_codes():
    X, y, _ = additive()
    forest = RandomForestClassifier(100, min_samples_leaf=3, random_state=0)
    vectors = make_pipeline(EntityEmbeddingTransformer(random_state=0), forest)
    codes = make_pipeline(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), forest)
    scores = [cross_val_score(pipe, X, y, cv=3, scoring="roc_auc").mean() for pipe in (vectors, codes)]
    assert scores[0] > scores[1] + 0.03
    assert scores[0] > 0.85


def test_vectors_of_noise_teach_a_forest_nothing():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 200, size=(600, 2)).astype(str).astype(object)
    y = rng.integers(0, 2, 600)
    model = EntityEmbeddingTransformer(max_epochs=60, learning_rate=1e-2, random_state=0)
    forest = RandomForestClassifier(100, min_samples_leaf=3, oob_score=True, random_state=0)
    Z = model.fit_transform(X, y)
    fair = forest.fit(Z, y).oob_score_
    leaking = forest.fit(model.transform(X), y).oob_score_
    assert leaking > 0.75  # the vectors have learned the targets of these very samples by heart
    assert fair < 0.58


def test_vectors_of_all_parts_lie_in_the_frame_of_the_whole():
    X, y, _ = additive()
    model = EntityEmbeddingTransformer(random_state=0)
    parts = model.fit_transform(X, y)
    whole = model.transform(X)
    distance = np.linalg.norm(parts - whole) / np.linalg.norm(whole[:, :3] - whole[:, :3].mean(axis=0))
    assert distance < 0.5  # 1.4 as they come
    np.testing.assert_array_equal(parts[:, 3], X["x"])


def test_alignment_finds_a_rigid_motion():
    rng = np.random.default_rng(0)
    onto = rng.normal(size=(10, 3))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    moved = onto @ turn + 5
    weight = np.arange(10.0)
    np.testing.assert_allclose(aligned(moved, onto, weight), onto)
    moved[0] = 100  # which counts for nothing
    np.testing.assert_allclose(aligned(moved, onto, weight)[1:], onto[1:])


def test_the_parts_are_those_of_cv():
    X, y, _ = additive(300, 10)
    settings = {"max_epochs": 2, "random_state": 0}
    by_number = EntityEmbeddingTransformer(**settings, cv=3, shuffle=False, target_type="continuous")
    y = (y == "yes").astype(float)
    expected = by_number.fit_transform(X, y)
    for cv in (KFold(3), list(KFold(3).split(X))):
        np.testing.assert_array_equal(clone(by_number).set_params(cv=cv).fit_transform(X, y), expected)
    with pytest.raises(ValueError, match="must put each sample into exactly one part"):
        clone(by_number).set_params(cv=list(KFold(3).split(X))[:2]).fit_transform(X, y)
    with pytest.raises(ValueError, match="'cv' parameter"):
        clone(by_number).set_params(cv=1).fit_transform(X, y)


def test_a_part_whose_numbers_look_like_classes_is_of_the_type_of_the_whole():
    """Without its first sample, y is integers; a forgotten type would fit their classes."""
    X = np.array([["a"], ["b"], ["c"], ["d"]] * 5, dtype=object)
    y = np.arange(20.0) % 4
    y[0] = 0.5
    settings = QUICK | {"cv": 4, "shuffle": False}
    expected = EntityEmbeddingTransformer(target_type="continuous", **settings).fit_transform(X, y)
    np.testing.assert_array_equal(EntityEmbeddingTransformer(**settings).fit_transform(X, y), expected)


def test_fit_transform_leaves_what_fit_leaves():
    X, y, _ = additive(300, 10)
    one, two = (EntityEmbeddingTransformer(**QUICK) for _ in range(2))
    one.fit(X, y)
    two.fit_transform(X, y, sample_weight=np.ones(300))
    for a, b in zip(one.embeddings_, two.embeddings_, strict=True):
        np.testing.assert_array_equal(a, b)


# --- Unknown and missing ---------------------------------------------------------------------------------------------


def test_an_unknown_category_has_the_mean_of_the_known_ones():
    X, y, _ = additive(300, 10)
    model = EntityEmbeddingTransformer(**QUICK).fit(X, y)
    matrix = model.embeddings_[0]
    assert matrix.shape == (12, 2)
    np.testing.assert_allclose(matrix[10:], np.broadcast_to(matrix[:10].mean(axis=0), (2, 2)), atol=1e-6)
    new = X[:1].assign(a="unheard of")
    np.testing.assert_array_equal(model.transform(new)[0, :2], matrix[11])


@pytest.mark.parametrize("missing", [None, np.nan, float("nan"), pd.NA, pd.NaT])
def test_missing_values_are_a_category_of_their_own(missing):
    rng = np.random.default_rng(0)
    X = rng.choice(["a", "b"], size=(300, 1)).astype(object)
    gone = rng.uniform(size=300) < 0.3
    X[gone, 0] = missing
    model = EntityEmbeddingTransformer(random_state=0).fit(X, gone)
    assert model.categories_[0].tolist() == ["a", "b"]
    a, b, none, unknown = model.embeddings_[0]
    assert np.linalg.norm(none - a) > 3 * np.linalg.norm(a - b)
    np.testing.assert_allclose(unknown, (a + b) / 2, atol=1e-6)
    for kind in (None, np.nan, pd.NA):
        np.testing.assert_array_equal(model.transform(np.array([[kind]], dtype=object))[0], none)


def test_a_category_of_weight_zero_is_unknown():
    X, y, _ = additive(300, 10)
    there = (X["a"] != "a3").to_numpy()
    model = EntityEmbeddingTransformer(**QUICK).fit(X, y, there.astype(float))
    assert "a3" not in model.categories_[0]
    np.testing.assert_array_equal(model.transform(X[~there][:1])[0, :2], model.embeddings_[0][-1])


# --- Columns ---------------------------------------------------------------------------------------------------------


def test_every_kind_of_column():
    X, y = mixed()
    model = EntityEmbeddingTransformer(**QUICK).set_output(transform="pandas")
    for Z in (model.fit_transform(X, y), model.transform(X)):
        names = ["city_0", "city_1", "size", "kind_0", "kind_1", "count", "open_0", "open_1", "word_0", "word_1"]
        assert list(Z.columns) == names
        np.testing.assert_array_equal(Z[["size", "count"]], X[["size", "count"]])
    assert [list(found) for found in model.categories_] == [["Lima", "Oslo", "Rome"], [3, 5], [False, True], ["x", "y"]]


def test_columns_can_be_named():
    X, y = mixed()
    X = X[["kind", "size", "count"]].astype(float)
    expected = EntityEmbeddingTransformer(**QUICK, categorical_features=[0]).fit(X, y)
    for same in (["kind"], [True, False, False], np.array([0]), [-3]):
        model = EntityEmbeddingTransformer(**QUICK, categorical_features=same).fit(X, y)
        np.testing.assert_array_equal(model.transform(X), expected.transform(X))
    assert expected.categories_[0].tolist() == [3.0, 5.0]
    for wrong in (["colour"], [3], [True], "colour", [0.5]):
        with pytest.raises(ValueError, match="categorical_features"):
            EntityEmbeddingTransformer(**QUICK, categorical_features=wrong).fit(X, y)


def test_lists_arrays_and_frames_are_the_same_table():
    X, y = mixed()
    X = X[["city", "size"]]
    expected = EntityEmbeddingTransformer(**QUICK).fit_transform(X, y)
    for same in (X.to_numpy(), X.to_numpy().tolist()):
        np.testing.assert_array_equal(EntityEmbeddingTransformer(**QUICK).fit_transform(same, y), expected)


def test_a_column_of_one_category_and_values_without_an_order():
    X = np.array([["a", 1], ["a", "one"], ["a", (1,)], ["a", b"1"]] * 5, dtype=object)
    model = EntityEmbeddingTransformer(**QUICK).fit(X, np.arange(20.0))
    assert [len(found) for found in model.categories_] == [1, 4]
    assert np.isfinite(model.transform(X)).all()


def test_without_a_categorical_column_the_table_stays_as_it_is():
    X = np.random.default_rng(0).normal(size=(30, 3))
    np.testing.assert_array_equal(EntityEmbeddingTransformer(**QUICK).fit_transform(X, X[:, 0] > 0), X)


# --- Targets and input -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [["no", "yes"], [False, True], [-1, 1], [3, 7, 9], ["x", "y", "z"]])
def test_labels_of_any_kind(labels):
    X, _ = mixed()
    y = np.array([labels[i % len(labels)] for i in range(60)])
    model = EntityEmbeddingTransformer(**QUICK).fit(X, list(y))
    assert model.target_type_ == ("binary" if len(labels) == 2 else "multiclass")
    assert model.classes_.tolist() == sorted(labels)
    assert model.partial_fit(X, y).n_iter_ == 3
    with pytest.raises(ValueError, match=r"y has the labels .* which were not in fit: expected labels among"):
        model.partial_fit(X, np.array(["other"] * 60) if isinstance(labels[0], str) else np.full(60, 5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X, (0 * y).astype(int)), "y has one class only"),
        (lambda X, _y: (X, None), "requires y"),
        (lambda X, y: (X, np.c_[y, y]), "1d array"),
        (lambda X, y: (X, y[:5]), "inconsistent numbers of samples"),
        (lambda X, y: (X.assign(size=np.nan), y), "NaN"),
        (lambda X, y: (X.assign(count=pd.array([None] * 60, dtype="Int64")), y), "NaN"),
        (lambda X, y: (X.assign(size=pd.Timestamp(0)), y), "column 'size' is of datetime64"),
        (lambda X, y: (X[:0], y[:0]), "0 sample"),
        (lambda X, y: (X["city"], y), "2-dimensional"),
    ],
)
def test_what_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        EntityEmbeddingTransformer(**QUICK).fit(*change(*mixed()))


def test_values_that_cannot_be_categories_are_refused():
    X = np.empty((3, 1), dtype=object)
    X[:, 0] = [["a list"], "b", "c"]
    with pytest.raises(TypeError, match="column 0 has a value that cannot be a category"):
        EntityEmbeddingTransformer(**QUICK).fit(X, [0, 1, 0])
    dates = np.array([[datetime.date(2020, 1, 1)], [datetime.date(2021, 1, 1)]] * 2, dtype=object)
    with pytest.raises(ValueError, match="column 0 is of date: expected numbers or categories"):
        EntityEmbeddingTransformer(**QUICK).fit(dates, [0.5, 1, 0, 1])
    chosen = EntityEmbeddingTransformer(categorical_features=[0], **QUICK)
    assert chosen.fit(dates, [0.5, 1, 0, 1]).transform(dates).shape == (4, 2)


def test_pickle_and_random_states():
    X, y, _ = additive(200, 10)
    model = EntityEmbeddingTransformer(**QUICK).fit(X, y)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).transform(X), model.transform(X))
    for state in (0, np.random.RandomState(0), None):
        Z = EntityEmbeddingTransformer(max_epochs=1, random_state=state).fit_transform(X, y)
        assert np.isfinite(Z).all()
    one, two = (EntityEmbeddingTransformer(**QUICK).fit_transform(X, y) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_target_that_contradicts_its_type_is_refused():
    X = [["a"], ["b"], ["a"], ["b"]]
    with pytest.raises(ValueError, match="target_type='continuous' needs numbers"):
        EntityEmbeddingTransformer(target_type="continuous").fit(X, ["u", "v", "u", "v"])
    with pytest.raises(ValueError, match="target_type='binary' needs 2 classes in y, got 3"):
        EntityEmbeddingTransformer(target_type="binary").fit(X, [0, 1, 2, 0])


# --- Never silently wrong --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [float, Decimal, np.float32])
def test_numbers_that_come_as_objects_stay_numbers(wrap):
    rng = np.random.default_rng(0)
    city, size = rng.choice(["Rome", "Oslo"], 40), rng.integers(0, 100, 40) / 4
    X = [[where, wrap(value)] for where, value in zip(city, size, strict=True)]
    model = EntityEmbeddingTransformer(**QUICK).fit(X, size)
    assert model.categorical_features_ == [0]
    np.testing.assert_array_equal(model.transform(X)[:, -1], size)
    by_name = EntityEmbeddingTransformer(**QUICK).fit(pd.DataFrame(X, columns=["city", "size"], dtype=object), size)
    assert by_name.categorical_features_ == ["city"]


def test_a_category_for_each_row_warns_once():
    X = pd.DataFrame({"id": [f"p{i}" for i in range(30)], "kind": ["a", "b"] * 15})
    model = EntityEmbeddingTransformer(**QUICK)
    for call in (model.fit, model.fit_transform):
        with pytest.warns(UserWarning, match="its own category in column 'id'") as told:
            call(X, np.arange(30) % 3 + 0.5)
        assert len(told) == 1


def test_categories_that_are_all_unknown_warn():
    X, y = mixed()
    model = EntityEmbeddingTransformer(**QUICK).fit(X, y)
    with pytest.warns(UserWarning, match=r"column 'kind' has '.' \(str\) where fit had 3 \(int\)") as told:
        model.transform(X.assign(kind=X["kind"].astype(str)))
    assert len(told) == 1


def test_one_text_among_numbers_is_named():
    X, y = mixed()
    model = EntityEmbeddingTransformer(**QUICK).fit(X, y)
    bad = X.astype({"size": object})
    bad.loc[4, "size"] = "n/a"
    for call in (lambda: model.transform(bad), lambda: clone(model).fit(bad, y)):
        with pytest.raises(ValueError, match="column 'size' of X has the value 'n/a' in sample 4"):
            call()
