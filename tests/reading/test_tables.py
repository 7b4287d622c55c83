"""Tables of categories and numbers."""

import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_ann.reading import TableReader
from sklearn_ann.training import Examples

X = pd.DataFrame({"size": [1.0, 3.0, 5.0, 7.0], "kind": ["b", "a", None, "b"], "count": [0, 0, 2, 2]})
EVERY = torch.arange(4)


def reader(dtype=torch.float64, **settings):
    return TableReader(owner="Model", dtype=dtype, **{"categorical_features": "auto"} | settings)


def fitted(table=X, rows=None, weight=None, **settings):
    made = reader(**settings)
    samples = made.finish(Examples(made.learn(table), rows, weight=weight)).samples
    made.freeze()
    return made, samples


def test_a_batch_holds_codes_scaled_numbers_and_the_index_in_the_fit():
    made, samples = fitted()
    batch = samples[torch.tensor([3, 0])]
    assert batch.codes.tolist() == [[1], [1]]
    np.testing.assert_allclose(batch.numbers, [[3 / 5**0.5, 1], [-3 / 5**0.5, -1]])
    assert batch.own.tolist() == [3, 0]
    assert made.read(X)[EVERY].own.tolist() == [-1] * 4
    assert (made.categorical, made.numeric, made.n_categories, made.n_samples) == ([1], [0, 2], [2], 4)
    assert made.names == ["size", "count", "kind"]


def test_missing_and_unknown_categories_have_codes_of_their_own():
    made, samples = fitted()
    assert samples.codes.ravel().tolist() == [1, 0, 2, 1]
    assert made.read(X.assign(kind=["c", "a", np.nan, "b"]))[EVERY].codes.ravel().tolist() == [3, 0, 2, 1]


@pytest.mark.parametrize("scaling", ["standard", "quantile"])
def test_samples_without_weight_do_not_move_the_scale(scaling):
    wild = pd.concat([X, X.assign(size=1e6)[:2]], ignore_index=True)
    _, some = fitted(wild, rows=EVERY, weight=torch.tensor([1.0, 1, 1, 1, 0, 0]), scaling=scaling)
    _, expected = fitted(scaling=scaling)
    np.testing.assert_allclose(some[EVERY].numbers, expected[EVERY].numbers)


def test_known_categories_are_not_learned_anew():
    known = [np.array(["z", "b"], dtype=object)]
    made, samples = fitted(categories=known)
    assert samples.codes.ravel().tolist() == [1, 3, 2, 1]
    assert made.categories is known


def test_missing_numbers_are_refused_or_stay_nan():
    holes = X.assign(size=[np.nan, 1, 2, 3])
    with pytest.raises(ValueError, match="NaN"):
        reader().learn(holes)
    _, samples = fitted(holes, missing=True)
    assert samples[EVERY].numbers[:, 0].isnan().tolist() == [True, False, False, False]


def test_other_columns_and_values_are_refused():
    made, _ = fitted()
    with pytest.raises(ValueError, match="feature names"):
        made.read(X[["kind", "size", "count"]])
    with pytest.raises(ValueError, match="'heavy'"):
        made.read(X.assign(size="heavy"))
    with pytest.raises(TypeError, match="column 'kind' has a value that cannot be a category"):
        made.read(X.assign(kind=[["a"]] * 4))


def test_a_category_without_weight_is_unknown():
    made, samples = fitted(rows=torch.tensor([0, 2, 3]), weight=torch.tensor([1.0, 0, 1, 1]))
    assert made.categories[0].tolist() == ["b"]
    assert samples.codes.ravel().tolist() == [0, 2, 1, 0]
    assert made.read(X)[EVERY].codes.ravel().tolist() == [0, 2, 1, 0]


def test_the_decision_is_told():
    assert fitted()[0].attributes["categorical_features_"] == ["kind"]
    assert fitted(X.to_numpy(dtype=object))[0].attributes["categorical_features_"] == [1]


def test_a_category_for_each_row_warns_once_for_all_columns():
    many = pd.DataFrame(
        {"id": [f"p{i}" for i in range(20)], "price": [f"{i}.5" for i in range(20)], "kind": ["a", "b"] * 10}
    )
    with pytest.warns(UserWarning, match="its own category in column 'id', column 'price', so .*to_numeric") as told:
        fitted(many)
    assert len(told) == 1
    fitted(many, categories=[many[name].to_numpy(dtype=object) for name in many])  # they are given, not learned


def test_columns_of_which_no_value_is_known_warn():
    codes = pd.DataFrame({"city": [1, 2, 1, 2], "kind": ["a", "b", "a", "b"]})
    made, _ = fitted(codes, categorical_features=[0, 1])
    again = codes.assign(city=["1", "2", "1", "2"])
    with pytest.warns(
        UserWarning, match=r"of this Model: column 'city' has '1' \(str\) where fit had 1 \(int\)$"
    ) as told:
        made.read(again)
    assert len(told) == 1
    made.read(codes.assign(kind=["a", "c", None, "c"]))


def test_numbers_too_large_to_scale_name_their_column():
    with pytest.raises(ValueError, match="column 'size' of X has values too large to standardise"):
        fitted(X.assign(size=[1e300, -1e300, 0, 0]))
