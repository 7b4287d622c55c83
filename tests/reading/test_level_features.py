import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_ann.reading.level_features import LevelFeatures, check_side_information

KNOWN = np.array(["a", "b"], dtype=object)


def features(frame, known=KNOWN):
    return LevelFeatures(frame, known, "drug", torch.float64)


def test_features_are_standardised_over_the_levels_of_the_fit():
    frame = pd.DataFrame({"mass": [9.0, 3.0, 1.0], "same": [5.0, 2.0, 2.0], "toxic": [True, False, True]}, list("xab"))
    one = features(frame)
    expected = [[1, 0, -1], [-1, 0, 1], [0, 0, 0], [7, 0, 1]]  # the third is the unknown level
    torch.testing.assert_close(one.matrix, torch.tensor(expected, dtype=torch.float64))
    values = np.array(["a", "x", "nothing"], dtype=object)
    assert one.codes_of(values, np.array([0, 2, 2])).tolist() == [0, 3, 2]


def test_an_index_of_numbers_names_integer_levels():
    for index in ([2, 0, 7], [2.0, 0.0, 7.0], pd.Index([2, 0, 7], dtype="int8"), pd.CategoricalIndex([2, 0, 7])):
        one = features(pd.DataFrame({"size": [1.0, 3.0, 5.0]}, index=index), np.array([0, 2]))
        assert one.matrix[:2, 0].tolist() == [1.0, -1.0]
        assert one.codes_of(np.array([7, 2]), np.array([2, 1])).tolist() == [3, 1]


def test_a_level_of_the_fit_without_a_row_is_refused():
    with pytest.raises(ValueError, match=r"of mode 'drug' has no row for 1 of 2 levels of X, such as 'b'"):
        features(pd.DataFrame({"mass": [1.0, 2.0]}, index=["a", "c"]))
    with pytest.raises(ValueError, match=r"no row for 2 of 2 levels of X, such as 0: its index, such as '0'"):
        features(pd.DataFrame({"mass": [1.0, 2.0]}, index=["0", "1"]), np.array([0, 1]))


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"m": [1.0, np.nan]}, index=["a", "b"]), "has no value for the level 'b' in column 'm'"),
        (pd.DataFrame({"m": [1.0, None]}, index=["a", "b"], dtype=object), "has no value for the level 'b'"),
        (pd.DataFrame({"m": [np.inf, 1.0]}, index=["a", "b"]), "has inf for the level 'a' in column 'm'"),
        (pd.DataFrame({"m": ["red", "blue"]}, index=["a", "b"]), r"the value 'red' for the level 'a'.*get_dummies"),
        (pd.DataFrame({"m": [1.0, 2.0, 3.0]}, index=["a", "b", "a"]), "more than one row for the level 'a'"),
        (pd.DataFrame({"m": [1.0, 2.0, 3.0]}, index=["a", "b", None]), "no level in row 2 of its index"),
        (pd.DataFrame(index=["a", "b"]), r"of shape \(2, 0\): expected a row for each level, and 1 feature"),
        (pd.DataFrame({"m": pd.to_datetime(["2020", "2021"])}, index=["a", "b"]), "features are numbers"),
    ],
)
def test_bad_features_are_refused_with_level_and_column(frame, message):
    with pytest.raises(ValueError, match=message):
        features(frame)


def test_side_information_is_a_dict_of_frames_by_mode():
    frame = pd.DataFrame({"m": [1.0]})
    check_side_information({}, ["drug"])
    check_side_information({"drug": frame}, ["drug", "cell"])
    with pytest.raises(TypeError, match="must be a dict of frames by the name of a mode, got DataFrame"):
        check_side_information(frame, ["drug"])
    with pytest.raises(ValueError, match=r"has the mode 'dose', but the modes of X are \['drug'\]"):
        check_side_information({"dose": frame}, ["drug"])
    for wrong in (frame.to_numpy(), frame["m"], [1.0]):
        with pytest.raises(TypeError, match=r"of mode 'drug' is a .*, but a pandas DataFrame was expected"):
            check_side_information({"drug": wrong}, ["drug"])
