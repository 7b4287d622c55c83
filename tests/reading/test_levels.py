import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_ann.reading.levels import LevelReader, levels_of
from sklearn_ann.training import Examples, Rows


def reader(**options):
    return LevelReader(owner="Model", dtype=torch.float32, **options)


def test_integers_text_categories_and_tuples_are_levels():
    for X in (
        [("b", 2), ("a", 7), ("b", 7)],
        pd.DataFrame({"letter": ["b", "a", "b"], "number": [2, 7, 7]}),
        pd.DataFrame({"letter": pd.Categorical(["b", "a", "b"]), "number": [2.0, 7.0, 7.0]}),
        np.array([["b", 2], ["a", 7], ["b", 7]], dtype=object),
    ):
        one = reader()
        assert one.learn(X).parts.codes.tolist() == [[1, 0], [0, 1], [1, 1]]
        assert [known.tolist() for known in one.levels] == [["a", "b"], [2, 7]]
        assert one.levels[1].dtype == np.int64


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.uint8])
def test_levels_in_narrow_types(dtype):
    assert levels_of(np.array([2, 0, 7], dtype=dtype), "column 0 of X").tolist() == [2, 0, 7]


def test_a_categorical_column_may_hold_any_value():
    X = pd.DataFrame({"dose": pd.Categorical([0.1, 0.01, 0.1]), "cell": ["a", "b", "c"]})
    one = reader()
    one.learn(X)
    assert one.levels[0].tolist() == [0.01, 0.1]


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ([0, -1], "the value -1 in sample 1"),
        ([0.5, 1.0], "the value 0.5 in sample 0"),
        ([0.0, np.nan], "no level in sample 1"),
        ([0.0, np.inf], "the value inf in sample 1"),
        (["a", None], "no level in sample 1"),
        (["a", -3], "the value -3 in sample 1"),
        (["a", 2.5], "the value 2.5 in sample 1"),
    ],
)
def test_what_is_no_level_is_refused_with_sample_and_mode(values, what):
    array = np.array(values, dtype=object if isinstance(values[0], str) else None)
    with pytest.raises(
        ValueError, match=f"column 'drug' of X has {what.split(' in ')[0]}.* in {what.split(' in ')[1]}"
    ):
        levels_of(array, "column 'drug' of X")


def test_numbers_beyond_int64_are_refused():
    for values in (np.array([1, 2**63], dtype=np.uint64), np.array([1, 2**70], dtype=object)):
        with pytest.raises(ValueError, match=r"has the value [0-9]{19,} in sample 1"):
            levels_of(values, "column 0 of X")


def test_a_mode_that_fit_read_as_categorical_stays_one():
    one = reader()
    frame = pd.DataFrame({"dose": pd.Categorical([-0.5, 0.01, -0.5]), "cell": ["a", "b", "c"]})
    one.finish(Examples(one.learn(frame), None, None, None))
    assert one.codes_of_mode(0, [0.01, -0.5]).tolist() == [1, 0]
    assert one.read(frame.astype({"dose": float})).parts.codes[:, 0].tolist() == [0, 1, 0]
    with pytest.raises(ValueError, match="column 'dose' of X has no level in sample 1"):
        one.read(pd.DataFrame({"dose": [0.01, np.nan], "cell": ["a", "b"]}))


def test_ordered_categories_keep_their_order():
    dose = pd.Categorical(["low", "high", "mid"], categories=["low", "mid", "high", "huge"], ordered=True)
    one = reader()
    assert one.learn(pd.DataFrame({"dose": dose, "cell": [0, 1, 2]})).parts.codes[:, 0].tolist() == [0, 2, 1]
    assert one.levels[0].tolist() == ["low", "mid", "high"]


def side(rows=("a", "b", "c", "new"), columns=2):
    return pd.DataFrame(np.arange(len(rows) * columns, dtype=float).reshape(-1, columns), index=list(rows))


def with_side_information(**options):
    one = reader(side_information={"drug": side()}, **options)
    X = pd.DataFrame({"drug": list("abc") * 4, "cell": np.repeat(np.arange(4), 3)})
    samples = one.learn(X)
    one.finish(Examples(samples, None, Rows(torch.arange(12.0)[:, None]), None))
    return one


def test_levels_with_features_alone_have_codes_after_the_unknown_one():
    strict, lenient = with_side_information(), with_side_information(unknown="mean")
    X = pd.DataFrame({"drug": ["c", "new", "a"], "cell": [0, 1, 2]})
    assert strict.read(X).parts.codes[:, 0].tolist() == [2, 4, 0]
    assert strict.features[0].matrix.shape == (5, 2)
    assert strict.features[1] is None
    other = X.assign(drug=["other", "new", "a"])
    with pytest.raises(ValueError, match="column 'drug' of X has the level 'other' in sample 0"):
        strict.read(other)
    read = lenient.read(other).parts
    assert read.codes[:, 0].tolist() == [3, 4, 0]
    assert read.held_out.tolist() == [True, False, False]  # features say more than means


def test_levels_without_a_weight_are_levels_with_features_alone():
    one = reader(side_information={0: side()})
    samples = one.learn([["a", "x"], ["b", "y"], ["c", "x"]])
    one.finish(Examples(samples, torch.tensor([0, 2]), None, torch.tensor([1.0, 0.0, 1.0])))
    assert one.levels[0].tolist() == ["a", "c"]
    assert one.read([["b", "x"], ["new", "x"]]).parts.codes.tolist() == [[3, 0], [4, 0]]


def test_times_and_complex_numbers_are_refused():
    for values in (np.array(["2020-01-01"], dtype="M8[D]"), np.array([1j])):
        with pytest.raises(ValueError, match="expected integers from 0, text or categories"):
            levels_of(values, "column 0")


def test_one_column_is_no_tensor():
    with pytest.raises(ValueError, match="2 levels or more"):
        reader().learn([[1], [2]])


def test_unknown_levels_are_refused_or_get_the_code_after_the_last():
    X = np.array([[0, 0], [1, 1]])
    strict, lenient = reader(), reader(unknown="mean")
    for one in (strict, lenient):
        one.learn(X)
    with pytest.raises(ValueError, match="column 1 of X has the level 5 in sample 1, which was not among the 2"):
        strict.read([[0, 1], [1, 5]])
    assert lenient.read([[0, 1], [1, 5]]).parts.codes.tolist() == [[0, 1], [1, 2]]


def test_levels_of_samples_without_a_weight_are_forgotten():
    one = reader(unknown="mean")
    samples = one.learn([["a", "x"], ["b", "y"], ["c", "x"]])
    examples = Examples(samples, torch.tensor([0, 2]), Rows(torch.ones(3, 1)), torch.tensor([1.0, 0.0, 1.0]))
    finished = one.finish(examples)
    assert [known.tolist() for known in one.levels] == [["a", "c"], ["x"]]
    assert finished.samples.parts.codes.tolist() == [[0, 0], [2, 1], [1, 0]]
    assert finished.samples.parts.means.shape == (3, 2)
    assert one.lacking.tolist() == [[2, 1]]  # all entries share the level x


def test_columns_of_a_frame_are_matched_by_name():
    frame = pd.DataFrame({"drug": ["a", "b"], "cell": ["x", "y"]})
    one = reader()
    one.learn(frame)
    assert list(one.attributes["levels_"]) == ["drug", "cell"]
    with pytest.raises(ValueError, match="feature names"):
        one.read(frame[["cell", "drug"]])


def test_an_entry_of_a_fibre_without_entries_is_held_out():
    X = np.indices((3, 3, 4)).reshape(3, -1).T
    fibre = (X[:, 0] == 1) & (X[:, 1] == 2)
    one = reader()
    samples = one.learn(X[~fibre])
    finished = one.finish(Examples(samples, None, Rows(torch.arange(32.0)[:, None]), None))
    assert not finished.samples.parts.held_out.any()
    assert one.lacking.shape == (3, 6)
    read = one.read(X).parts
    assert read.held_out.tolist() == fibre.tolist()
    torch.testing.assert_close(read.means[~fibre], finished.samples.parts.means)
