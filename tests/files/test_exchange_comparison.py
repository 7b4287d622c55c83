"""What counts as a difference between a graph and its estimator."""

import numpy as np
import pytest

from sklearn_ann.files.exchange_comparison import hold, repeated, sure_of
from sklearn_ann.files.exchange_outputs import Output

NUMBERS, TEXT = Output(lambda run: run.outputs), Output(lambda run: run.outputs, labels=["a", "b"])


def test_numbers_are_held_to_their_unit():
    own = np.array([[1.0, np.nan], [200.0, 0.0]])
    hold("Model", "transform", own + np.array([[9e-6, 0], [1.9e-3, 9e-6]]), own, NUMBERS, None)
    for wrong in ([[2e-5, 0], [0, 0]], [[0, 0], [3e-3, 0]], [[np.nan, 0], [0, 0]]):
        with pytest.raises(RuntimeError, match=r"Model returns transform=.*equal to 1e-05"):
            hold("Model", "transform", own + np.array(wrong), own, NUMBERS, None)
    hold("Model", "predict", np.array([5e4]), np.array([5e4 + 9.0]), NUMBERS._replace(unit=np.array([1e6])), None)


def test_labels_are_equal_where_they_are_sure():
    own, other = np.array(["a", "b"]), np.array(["a", "a"])
    with pytest.raises(RuntimeError, match="predict=a for sample 1 of 2"):
        hold("Model", "predict", other, own, TEXT, None)
    hold("Model", "predict", other, own, TEXT, np.array([True, False]))
    with pytest.raises(RuntimeError, match=r"shape \(1,\) instead of \(2,\)"):
        hold("Model", "predict", own[:1], own, TEXT, None)


def test_what_is_sure():
    class Model:
        def decision_function(self, X):
            return X

    two, several = np.array([0.0, 1.0, -1.0]), np.array([[0.0, 1.0, 2.0], [2.0, 0.0, 2.0]])
    assert sure_of(Model(), two, {"predict": two}).tolist() == [False, True, True]
    assert sure_of(Model(), several, {"predict": two[:2]}).tolist() == [True, False]
    assert sure_of(Model(), several, {"predict": several}).tolist() == [[False, True, True], [True, False, True]]
    assert sure_of(Model(), two, {"transform": two}) is None


def test_samples_are_taken_in_turn():
    assert repeated([np.arange(3)], 5)[0].tolist() == [0, 1, 2, 0, 1]
