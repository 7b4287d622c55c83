"""What the displays share: axes, samples, colours and markers."""

import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from sklearn_ann.inspection.figures import axes_for, grid_of, sample_of, styles


@pytest.fixture(autouse=True)
def pyplot():
    mpl.use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


@pytest.fixture
def ax(pyplot):
    return pyplot.subplots()[1]


def test_axes_are_those_given_or_those_of_a_new_figure(pyplot, ax):
    assert axes_for("A display", ax) is ax
    assert len(pyplot.get_fignums()) == 1
    assert axes_for("A display", None, figsize=(3, 2)).figure.get_size_inches().tolist() == [3, 2]
    assert len(pyplot.get_fignums()) == 2


def test_a_grid_has_as_many_axes_as_asked_for_and_hides_the_rest():
    figure, axes = grid_of("A display", 5, 3, 2.0, 1.0)
    assert len(axes) == 5
    assert figure.get_size_inches().tolist() == [6, 2]
    assert [ax.axison for ax in figure.axes] == [True] * 5 + [False]
    assert grid_of("A display", 2, 3, 2.0, 1.0)[0].get_size_inches().tolist() == [4, 1]


@pytest.mark.parametrize("n", [1, 8, 9, 10, 20])
def test_no_colour_is_there_twice(n):
    assert len({style["color"] for style in styles(n)}) == n
    assert len({style["marker"] for style in styles(n)}) == min(n, 10)


def test_two_hundred_styles_are_distinct():
    pairs = [(style["color"], style["marker"]) for style in styles(200)]
    assert len(set(pairs)) == 200


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"MotifDisplay needs matplotlib.*sklearn-ann-architectures\[plot\]"):
        axes_for("MotifDisplay", None)


@pytest.mark.parametrize("sample", [1, -2])
def test_one_sample_keeps_its_kind(sample):
    np.testing.assert_array_equal(sample_of(np.arange(6).reshape(3, 2), sample), [[2, 3]])
    assert sample_of(["A", "C", "G"], sample) == ["C"]
    frame = sample_of(pd.DataFrame({"x": [1, 2, 3]}, index=[7, 8, 9]), sample)
    assert frame.to_dict("index") == {8: {"x": 2}}


@pytest.mark.parametrize("sample", [3, -4])
def test_a_sample_that_does_not_exist_is_named(sample):
    with pytest.raises(ValueError, match=f"sample={sample}: expected an integer from -3 to 2"):
        sample_of(["A", "C", "G"], sample)
