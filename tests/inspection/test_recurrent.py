"""Hidden states over the steps of a sample."""

import matplotlib as mpl
import numpy as np
import pytest

from sklearn_ann import RNNClassifier
from sklearn_ann.inspection import HiddenStateDisplay


@pytest.fixture(autouse=True)
def pyplot():
    mpl.use("Agg")
    from matplotlib import pyplot

    yield pyplot
    pyplot.close("all")


def test_rows_are_units_in_the_order_of_their_course():
    course = np.sin(np.arange(10) / 2)
    states = np.stack([course, -course, course + 0.01, -course + 0.01], axis=1)
    display = HiddenStateDisplay(states, step_names=list("ABCDEFGHIJ")).plot()
    np.testing.assert_array_equal(display.im_.get_array(), states[:, display.units_].T)
    assert {frozenset(display.units_[:2].tolist()), frozenset(display.units_[2:].tolist())} == {
        frozenset({0, 2}),
        frozenset({1, 3}),
    }
    assert [label.get_text() for label in display.ax_.get_xticklabels()] == list("ABCDEFGHIJ")
    low, high = display.im_.get_clim()
    assert low == -high


def test_states_of_an_estimator(pyplot):
    X = ["ACGTACGTAA", "TTTTCC"] * 10
    model = RNNClassifier(conv_layers=(), hidden_size=4, max_epochs=2, random_state=0).fit(X, [0, 1] * 10)
    ax = pyplot.subplots()[1]
    display = HiddenStateDisplay.from_estimator(model, X, sample=1, ax=ax)
    assert display.ax_ is ax
    np.testing.assert_array_equal(display.im_.get_array(), model.hidden_states(X[1:2])[0][:, display.units_].T)
    assert [label.get_text() for label in ax.get_xticklabels()] == list("TTTTCC")
    with pytest.raises(ValueError, match="sample=20"):
        HiddenStateDisplay.from_estimator(model, X, sample=20)


def test_what_is_refused():
    with pytest.raises(ValueError, match=r"states must have the shape \(length, n_units\), got \(3,\)"):
        HiddenStateDisplay([1.0, 2.0, 3.0]).plot()
    with pytest.raises(ValueError, match="states must be finite"):
        HiddenStateDisplay([[1.0, np.nan]]).plot()
    with pytest.raises(ValueError, match="step_names has 1 names, but there are 2 steps"):
        HiddenStateDisplay(np.zeros((2, 3)), step_names=["a"]).plot()
    assert HiddenStateDisplay(np.zeros((2, 1))).plot().units_.tolist() == [0]
