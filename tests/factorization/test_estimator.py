import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.preprocessing import OneHotEncoder

from sklearn_ann import TensorFactorizationRegressor
from sklearn_ann.factorization import estimator as module
from sklearn_ann.factorization import network
from sklearn_ann.factorization.estimator import widths_of

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
BRIEF = {"max_epochs": 3, "random_state": 0}


def tensor(shape=(12, 10, 8), rank=2, seed=0):
    factors = [np.random.default_rng([seed, mode]).normal(size=(n, rank)) for mode, n in enumerate(shape)]
    return np.einsum("ir,jr,kr->ijk", *factors)


def entries(values, share=0.7, seed=0):
    """Indices and values of a random part of the entries, and of the others."""
    known = np.random.default_rng(seed).uniform(size=values.shape) < share
    there, other = np.argwhere(known), np.argwhere(~known)
    return there, values[tuple(there.T)], other, values[tuple(other.T)]


@pytest.mark.parametrize("interaction", ["both", "mlp", "cp"])
def test_finds_products_of_factors_that_a_sum_of_effects_cannot(interaction):
    X, y, X_test, y_test = entries(tensor())
    model = TensorFactorizationRegressor(
        interaction=interaction, hidden_layer_sizes=32, random_state=0, max_epochs=120
    ).fit(X, y)
    one_hot = OneHotEncoder().fit(X)
    additive = LinearRegression().fit(one_hot.transform(X), y)
    assert additive.score(one_hot.transform(X_test), y_test) < 0.2
    assert model.score(X_test, y_test) > 0.8


def test_a_held_out_fibre_is_predicted_from_its_neighbours():
    rng = np.random.default_rng(0)
    position, cell, assay = rng.normal(size=500), rng.normal(size=6), rng.normal(size=6)
    values = cell[:, None, None] + (1 + 0.2 * assay[:, None]) * position + 0.1 * rng.normal(size=(6, 6, 500))
    indices = np.indices(values.shape).reshape(3, -1).T
    held_out = (indices[:, 0] == 2) & (indices[:, 1] == 3)
    X, y = indices[~held_out], values.ravel()[~held_out]
    model = TensorFactorizationRegressor(hidden_layer_sizes=32, random_state=0, max_epochs=2).fit(X, y)
    assert model.reader_.read(indices).parts.held_out.tolist() == held_out.tolist()
    assert model.score(indices[held_out], values.ravel()[held_out]) > 0.9
    without = clone(model).set_params(marginal_means=False).fit(X, y)
    assert not without.reader_.read(indices).parts.held_out.any()


def test_names_of_levels_and_their_order_in_the_samples_do_not_matter():
    X, y, X_test, _ = entries(tensor())
    rng = np.random.default_rng(1)
    model = TensorFactorizationRegressor(**BRIEF).fit(X, y)
    names = [np.array([f"{mode}{level:02}" for level in range(n)]) for mode, n in zip("abc", (12, 10, 8), strict=True)]
    named = [
        pd.DataFrame({mode: names[i][column] for i, (mode, column) in enumerate(zip("abc", rows.T, strict=True))})
        for rows in (X, X_test)
    ]
    of_text = TensorFactorizationRegressor(**BRIEF).fit(named[0], y)
    np.testing.assert_array_equal(of_text.predict(named[1]), model.predict(X_test))
    np.testing.assert_array_equal(of_text.embeddings_["b"], model.embeddings_[1])
    assert of_text.levels_["c"].tolist() == names[2].tolist()
    permutation = rng.permutation(12)
    moved = TensorFactorizationRegressor(hidden_layer_sizes=32, random_state=0, max_epochs=60).fit(
        np.c_[permutation[X[:, 0]], X[:, 1:]], y
    )
    still = TensorFactorizationRegressor(hidden_layer_sizes=32, random_state=0, max_epochs=60).fit(X, y)
    ours, theirs = still.predict(X_test), moved.predict(np.c_[permutation[X_test[:, 0]], X_test[:, 1:]])
    assert np.corrcoef(ours, theirs)[0, 1] > 0.9  # levels begin with other vectors


def test_tuples_frames_and_arrays_are_the_same_entries():
    X, y, *_ = entries(tensor())
    expected = TensorFactorizationRegressor(**BRIEF).fit(X, y).predict(X)
    for same in (list(map(tuple, X.tolist())), X.astype(float), pd.DataFrame(X), X.astype(np.int8)):
        np.testing.assert_array_equal(TensorFactorizationRegressor(**BRIEF).fit(same, y).predict(same), expected)


def test_an_unknown_level_is_refused_or_has_the_mean_vector():
    X, y, *_ = entries(tensor())
    strict = TensorFactorizationRegressor(**BRIEF).fit(X, y)
    with pytest.raises(ValueError, match="column 1 of X has the level 99 in sample 2"):
        strict.predict([[0, 0, 0], [1, 1, 1], [0, 99, 0]])
    with pytest.raises(ValueError, match="levels of mode 2 have the level 50"):
        strict.impute({2: [1, 50]})
    lenient = TensorFactorizationRegressor(unknown="mean", **BRIEF).fit(X, y)
    body = lenient.module_.body
    np.testing.assert_allclose(
        body.embeddings[1].weight[-1].detach(), body.embeddings[1].weight[:-1].detach().mean(0), atol=1e-6
    )
    predicted = lenient.predict([[0, 99, 0], [0, 77, 0], [0, 1, 0]])
    assert predicted[0] == predicted[1] != predicted[2]


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_impute_returns_the_predictions_of_all_entries(n_outputs, monkeypatch):
    monkeypatch.setattr(module, "_CHUNK", 100)
    X, y, *_ = entries(tensor())
    y = y if n_outputs == 1 else np.c_[y, -y]
    model = TensorFactorizationRegressor(**BRIEF).fit(X, y)
    whole = model.impute()
    indices = np.indices((12, 10, 8)).reshape(3, -1).T
    np.testing.assert_array_equal(whole.reshape(-1, *y.shape[1:]), model.predict(indices))
    assert whole.shape == (12, 10, 8, *y.shape[1:])
    np.testing.assert_array_equal(model.impute({1: [3, 0]}), whole[:, [3, 0]])
    np.testing.assert_array_equal(model.impute([[1], [3, 0], [7]]), whole[[1]][:, [3, 0]][:, :, [7]])


def test_impute_refuses_what_it_cannot_return(monkeypatch):
    X, y, *_ = entries(tensor())
    model = TensorFactorizationRegressor(**BRIEF).fit(X, y)
    monkeypatch.setattr(module, "MOST_ENTRIES", 900)
    with pytest.raises(ValueError, match=r"shape \(12, 10, 8\) has 960 entries, more than 900"):
        model.impute()
    with pytest.raises(ValueError, match="levels has the mode 'cell'"):
        model.impute({"cell": [1]})
    with pytest.raises(ValueError, match="levels has 2 modes, but fit has seen 3"):
        model.impute([[1], [2]])
    with pytest.raises(ValueError, match="levels of mode 0 must be a sequence"):
        model.impute({0: 3})


def test_a_weight_of_two_is_a_sample_repeated_twice():
    X, y, *_ = entries(tensor())
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    exact = {"precision": "float64", "batch_size": None, "fibre_dropout": 0.0, "max_epochs": 5, "random_state": 0}
    weighted = TensorFactorizationRegressor(**exact, unknown="mean").fit(X, y, sample_weight=weight)
    repeated = TensorFactorizationRegressor(**exact, unknown="mean").fit(np.repeat(X, weight, axis=0), y.repeat(weight))
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-7, atol=1e-9)


def test_samples_of_one_entry_are_predicted_by_their_mean():
    X = np.indices((4, 4)).reshape(2, -1).T
    y = np.add.outer(np.arange(4.0), np.arange(4.0)).ravel()
    twice, noise = np.r_[X, X], np.r_[y + 1, y - 1]
    model = TensorFactorizationRegressor(random_state=0, max_epochs=300).fit(twice, noise)
    assert np.abs(model.predict(X) - y).max() < 0.3


def test_one_level_and_equal_values_are_learned():
    X = np.c_[np.arange(10), np.zeros(10, dtype=int)]
    model = TensorFactorizationRegressor(random_state=0).fit(X, np.full(10, 3.0))
    np.testing.assert_allclose(model.predict(X), 3.0, atol=0.05)
    assert model.levels_[1].tolist() == [0]


def test_networks_agree_more_where_there_are_samples():
    X, y, X_test, _ = entries(tensor())
    model = TensorFactorizationRegressor(n_estimators=3, hidden_layer_sizes=32, random_state=0, max_epochs=60).fit(X, y)
    mean, seen = model.predict(X, return_std=True)
    _, unseen = model.predict(X_test, return_std=True)
    assert seen.mean() < unseen.mean()
    np.testing.assert_allclose(mean, model.predict(X))
    assert model.embeddings_[0].shape == (12, 24)
    assert model.transform(X[:5]).shape == (5, 3 * 32)


@pytest.mark.parametrize("interaction", ["both", "cp"])
def test_sparse_gradients_learn_as_well_as_dense_ones(interaction, monkeypatch):
    X, y, X_test, y_test = entries(tensor())
    scores = []
    for threshold in (1, 10**6):
        monkeypatch.setattr(network, "SPARSE_FROM", threshold)
        model = TensorFactorizationRegressor(
            interaction=interaction, hidden_layer_sizes=32, random_state=0, max_epochs=120
        ).fit(X, y)
        assert len(model._learner.optimizers) == (2 if threshold == 1 else 1)
        scores.append(model.score(X_test, y_test))
    assert scores[0] > scores[1] - 0.1


def test_training_goes_on_with_sparse_gradients(monkeypatch):
    monkeypatch.setattr(network, "SPARSE_FROM", 1)
    X, y, *_ = entries(tensor())
    model = TensorFactorizationRegressor(**BRIEF).fit(X, y)
    before = model.loss_
    for _ in range(3):
        model.partial_fit(X, y)
    assert model.loss_ < before
    assert np.isfinite(clone(model).set_params(early_stopping=True, n_estimators=2).fit(X, y).predict(X)).all()


def test_widths_by_number_by_name_and_in_turn():
    assert widths_of("auto", ["a", "b"], [10, 5000]) == [8, 16]
    assert widths_of(3, ["a", "b"], [10, 5000]) == [3, 3]
    assert widths_of({"b": 2}, ["a", "b"], [10, 5000]) == [8, 2]
    assert widths_of((4, 5), ["a", "b"], [10, 5000]) == [4, 5]
    for wrong, message in (({"c": 1}, "the mode 'c'"), ([1], "has 1 widths"), ([1, 0], "the width 0 for mode 'b'")):
        with pytest.raises(ValueError, match=message):
            widths_of(wrong, ["a", "b"], [10, 5000])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[0, 0.5], [1, 1]], "column 1 of X has the value 0.5 in sample 0"),
        ([[0, 0], [1, -1]], "column 1 of X has the value -1 in sample 1"),
        ([[0, 0], [np.nan, 1]], "column 0 of X has no level in sample 1"),
        ([["a", None], ["b", "c"]], "column 1 of X has no level in sample 0"),
        ([[0], [1]], "2 levels or more"),
    ],
)
def test_bad_indices_are_refused(X, message):
    with pytest.raises(ValueError, match=message):
        TensorFactorizationRegressor(**BRIEF).fit(X, [0.0, 1.0])


def test_targets_that_are_missing_are_refused_with_the_sample():
    with pytest.raises(ValueError, match="the target of sample 1 is missing"):
        TensorFactorizationRegressor(**BRIEF).fit([[0, 0], [1, 1]], [0.0, np.nan])


def test_levels_that_only_validation_data_have_get_the_mean_vector():
    X = np.c_[np.arange(20), np.arange(20) % 2]
    model = TensorFactorizationRegressor(early_stopping=True, **BRIEF).fit(X, np.arange(20.0))
    embedding = model.module_.body.embeddings[0]
    assert (~embedding.seen[:-1]).sum() == 2
    torch.testing.assert_close(embedding.weight[:-1][~embedding.seen[:-1]][0], embedding.weight[-1])


def test_a_categorical_mode_of_numbers_can_be_imputed():
    X, y, *_ = entries(tensor())
    frame = pd.DataFrame(X, columns=["drug", "cell", "dose"]).assign(dose=(X[:, 2] - 2.5).astype(float))
    model = TensorFactorizationRegressor(**BRIEF).fit(frame.astype({"dose": "category"}), y)
    assert model.levels_["dose"].tolist() == [level - 2.5 for level in range(8)]
    whole = model.impute()
    np.testing.assert_array_equal(model.impute({"dose": [-0.5, -2.5]}), whole[:, :, [2, 0]])
    np.testing.assert_array_equal(model.predict(frame), whole[tuple(X.T)])  # a plain column of numbers
    with pytest.raises(TypeError, match="levels must be a dict, or a sequence"):
        model.impute(3)


def new_drugs(seed=0):
    """A tensor of drugs whose two hidden properties are linear in their features; a quarter of the drugs is new."""
    rng = np.random.default_rng(seed)
    features = pd.DataFrame(rng.normal(size=(40, 4)), index=[f"drug {i:02}" for i in range(40)], columns=list("abcd"))
    hidden = features.to_numpy() @ rng.normal(size=(4, 2)) / 2
    values = np.einsum("ir,jr,kr->ijk", hidden, rng.normal(size=(8, 2)), rng.normal(size=(5, 2)))
    X = np.indices(values.shape).reshape(3, -1).T
    frame = pd.DataFrame({"drug": features.index[X[:, 0]], "cell": X[:, 1], "dose": X[:, 2]})
    return frame, values.ravel(), X[:, 0] >= 30, features


def test_a_new_level_is_predicted_from_its_features():
    frame, y, new, features = new_drugs()
    common = {"hidden_layer_sizes": 64, "random_state": 0, "max_epochs": 40}
    model = TensorFactorizationRegressor(side_information={"drug": features}, **common).fit(frame[~new], y[~new])
    mean = TensorFactorizationRegressor(unknown="mean", **common).fit(frame[~new], y[~new])
    assert model.score(frame[new], y[new]) > 0.8
    assert mean.score(frame[new], y[new]) < 0.3
    assert model.score(frame[~new], y[~new]) > 0.9
    assert len(model.levels_["drug"]) == len(model.embeddings_["drug"]) == 30
    imputed = model.impute({"drug": ["drug 35", "drug 00"]})
    np.testing.assert_array_equal(imputed[0].ravel(), model.predict(frame[frame["drug"] == "drug 35"]))
    with pytest.raises(ValueError, match="has the level 'drug 99'"):
        model.predict(frame[:1].assign(drug="drug 99"))


def test_side_information_is_a_hyper_parameter_like_others():
    frame, y, new, features = new_drugs()
    X, y, later = frame[~new][::4], y[~new][::4], frame[new]
    model = TensorFactorizationRegressor(side_information={"drug": features}, warm_start=True, **BRIEF).fit(X, y)
    predicted = model.predict(later)
    np.testing.assert_array_equal(clone(model).fit(X, y).predict(later), predicted)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(later), predicted)
    model.set_params(side_information=None)
    np.testing.assert_array_equal(model.predict(later), predicted)
    with pytest.raises(ValueError, match="side_information"):
        model.fit(X, y)  # a warm start
    grid = {"side_information": [{"drug": features}, {"drug": features[["a"]]}, None]}
    search = GridSearchCV(TensorFactorizationRegressor(unknown="mean", **BRIEF), grid, cv=GroupKFold(2))
    assert np.isfinite(search.fit(X, y, groups=X["drug"]).predict(later)).all()
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("threshold", [1, 10**6])
def test_training_goes_on_with_levels_that_have_features_alone(threshold, monkeypatch):
    monkeypatch.setattr(network, "SPARSE_FROM", threshold)
    frame, y, new, features = new_drugs()
    model = TensorFactorizationRegressor(side_information={"drug": features}, n_estimators=2, **BRIEF)
    model.fit(frame[~new], y[~new], X_val=frame[new], y_val=y[new])
    before = model.predict(frame[new])
    for _ in range(3):
        model.partial_fit(frame[new], y[new])
    assert np.square(model.predict(frame[new]) - y[new]).sum() < np.square(before - y[new]).sum()


def test_side_information_that_does_not_fit_is_refused():
    frame, y, _, features = new_drugs()
    for side, error, message in (
        ({"drugs": features}, ValueError, "has the mode 'drugs', but the modes of X are"),
        ({"drug": features.to_numpy()}, TypeError, "is a ndarray, but a pandas DataFrame was expected"),
        ({"drug": features[:10]}, ValueError, "has no row for 30 of 40 levels of X, such as 'drug 10'"),
        ({"drug": features.mask(features > 2)}, ValueError, "has no value for the level"),
        (features, ValueError, "The 'side_information' parameter"),
    ):
        with pytest.raises(error, match=message):
            TensorFactorizationRegressor(side_information=side, **BRIEF).fit(frame, y)


def test_predictions_are_not_negative_where_that_is_asked_for():
    effects = [np.random.default_rng(mode).normal(size=n) for mode, n in enumerate((12, 10, 8))]
    X, y, X_test, y_test = entries(np.maximum(sum(np.meshgrid(*effects, indexing="ij")), 0.0))  # about half are zero
    common = {"hidden_layer_sizes": 32, "random_state": 0, "max_epochs": 60, "n_estimators": 2}
    free = TensorFactorizationRegressor(**common).fit(X, y)
    model = TensorFactorizationRegressor(non_negative=True, **common).fit(X, y)
    assert free.impute().min() < 0
    np.testing.assert_allclose(model.impute(), np.maximum(free.impute(), 0))
    assert model.score(X_test, y_test) > free.score(X_test, y_test)
    mean, std = model.predict(X_test, return_std=True)
    assert (mean >= 0).all()
    assert (std >= 0).all()
    with pytest.raises(ValueError, match="non_negative=True is for targets from 0, but the target of sample 4 is -1"):
        clone(model).fit(X, np.where(np.arange(len(y)) == 4, -1.0, y))


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_equal_values_are_learned_without_negative_predictions(value):
    X = np.argwhere(np.ones((4, 3)))
    model = TensorFactorizationRegressor(non_negative=True, random_state=0).fit(X, np.full(12, value))
    np.testing.assert_allclose(model.predict(X), value, atol=0.05)
    assert (model.predict(X) >= 0).all()
