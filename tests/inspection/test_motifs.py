"""Sequence logos have the information of their matrices."""

import matplotlib as mpl
import numpy as np
import pytest

from sklearn_ann import CNNClassifier
from sklearn_ann.inspection import MotifDisplay
from sklearn_ann.inspection.motifs import information

QUICK = {"max_epochs": 2, "learning_rate_schedule": "cosine", "random_state": 0}


@pytest.fixture(autouse=True)
def pyplot():
    mpl.use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


@pytest.fixture
def ax(pyplot):
    return pyplot.subplots()[1]


def test_motifs_are_as_high_as_their_information(ax):
    display = MotifDisplay([[[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25] * 4]]).plot(ax)
    heights = [patch.get_path().get_extents().y1 for patch in display.axes_[0].patches]
    np.testing.assert_allclose([max(heights[:4]), max(heights[4:8]), max(heights[8:])], [2, 1, 0], atol=1e-6)
    with pytest.raises(ValueError, match="not probabilities: expected numbers from 0 with a sum of 1"):
        MotifDisplay([[[1, 1, 0, 0]]]).plot()
    with pytest.raises(ValueError, match=r"expected \(width, 4\)"):
        MotifDisplay([np.full((3, 20), 0.05)]).plot()
    with pytest.raises(ValueError, match="matrices is empty"):
        MotifDisplay([]).plot()
    with pytest.raises(ValueError, match="names has 1 titles: expected one for each of 2 motifs"):
        MotifDisplay(np.full((2, 3, 4), 0.25), names=["x"]).plot()
    with pytest.raises(ValueError, match="expected one for each of"):
        MotifDisplay(np.full((2, 3, 4), 0.25)).plot(ax)


def test_motifs_of_an_estimator_have_its_letters():
    strings, y = ["MKVLAW" * 3, "GGHHEE" * 3] * 10, [0, 1] * 10
    model = CNNClassifier(alphabet="protein", conv_layers=[(10, 3)], **QUICK).fit(strings, y)
    display = MotifDisplay.from_estimator(model)
    assert len(display.letters) == 20
    assert len(display.axes_) == 8
    with pytest.raises(ValueError, match=r"filters=\[10\]"):
        MotifDisplay.from_estimator(model, filters=[10])


def test_information_by_hand():
    matrix = np.array([[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0.25] * 4, [0.5, 0.25, 0.125, 0.125]])
    np.testing.assert_allclose(information(matrix), [2, 1, 0, 0.25], atol=1e-9)
    np.testing.assert_allclose(information(np.full((1, 20), 0.05)), 0, atol=1e-9)


def test_the_most_probable_letter_is_on_top_and_letters_have_their_shares():
    matrix = [[0.1, 0.6, 0.1, 0.2]]
    [ax] = MotifDisplay([matrix]).plot().axes_
    boxes = [patch.get_path().get_extents() for patch in ax.patches]
    bits = information(np.array(matrix))[0]
    np.testing.assert_allclose([box.height for box in boxes], bits * np.array([0.1, 0.1, 0.2, 0.6]), rtol=1e-5)
    np.testing.assert_allclose([box.y0 for box in boxes], bits * np.array([0, 0.1, 0.2, 0.4]), atol=1e-6)


def test_titles_are_names_or_numbers_and_a_single_logo_has_none():
    two = np.full((2, 3, 4), 0.25)
    assert [ax.get_title() for ax in MotifDisplay(two).plot().axes_] == ["0", "1"]
    assert [ax.get_title() for ax in MotifDisplay(two, names=["x", "y"]).plot().axes_] == ["x", "y"]
    assert MotifDisplay(two[:1]).plot().axes_[0].get_title() == ""


@pytest.mark.parametrize(("n", "labels"), [(1, [1]), (2, [1, 1]), (3, [0, 1, 1]), (5, [0, 0, 0, 1, 1])])
def test_the_lowest_logos_name_their_positions(n, labels, pyplot):
    display = MotifDisplay(np.full((n, 3, 4), 0.25)).plot()
    assert [one.get_xlabel() for one in display.axes_] == ["position" * shown for shown in labels]
    assert {one.get_ylabel() for one in display.axes_} == {"bits"}
    own = MotifDisplay(np.full((n, 3, 4), 0.25)).plot(pyplot.subplots(n, squeeze=False)[1].ravel())
    assert {one.get_xlabel() for one in own.axes_} == {"position"}
