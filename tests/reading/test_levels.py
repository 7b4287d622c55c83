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
        ValueError, match=f"column 'drug' of X has .*{what.split(' in ')[0]}.* in {what.split(' in ')[1]}"
    ):
        levels_of(array, "column 'drug'")


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
    with pytest.raises(ValueError, match="column 1 of X has the level 5 in sample 1, which fit has not seen among 2"):
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
    assert one.hidden.tolist() == [[False, True]]  # all entries share the level x


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
    assert one.hidden.tolist() == np.eye(6, dtype=bool)[3:].tolist()
    read = one.read(X).parts
    assert read.held_out.tolist() == fibre.tolist()
    torch.testing.assert_close(read.means[~fibre], finished.samples.parts.means)
