"""Targets at the steps of series."""

import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_ann.base import ClassTargets, NumberTargets
from sklearn_ann.base.losses import squared_error
from sklearn_ann.recurrent.targets import StepTargets, error_of_steps

COMMON = {"owner": "RNN", "dtype": torch.float64}


class Lengths:
    """What samples tell of their lengths."""

    def __init__(self, *lengths):
        self.sizes = torch.tensor(lengths)[:, None]


def numbers():
    return StepTargets(steps=NumberTargets(**COMMON), **COMMON)


def classes(**how):
    return StepTargets(steps=ClassTargets(**how, **COMMON), **COMMON)


def test_the_loss_of_a_series_is_the_mean_over_its_known_steps():
    targets = numbers()
    y = [np.array([1.0, np.nan, 3.0]), np.array([5.0])]
    samples = targets.learn(y, None, samples=Lengths(3, 1))
    assert (targets.uniform, targets.letters, targets.n_outputs) == (False, False, 1)
    batch = samples[torch.tensor([1, 0])]
    assert batch.places.tolist() == [0, 1, 3]
    output = torch.tensor([[0.5], [1.0], [100.0], [2.0]], dtype=torch.float64)
    scaled = (np.array([5.0, 1.0, 3.0]) - 3) / np.std([1, 3, 5])
    expected = [(0.5 - scaled[0]) ** 2, np.mean((np.array([1.0, 2.0]) - scaled[1:]) ** 2)]
    np.testing.assert_allclose(targets.error(output, batch), expected)
    members = torch.stack([output, output + 1])
    assert targets.error(members, batch).shape == (2, 2)
    assert error_of_steps(lambda o, t: squared_error(o, t).sum(dim=-1), output, batch).shape == (2,)


def test_predictions_have_the_form_of_y():
    values = np.arange(6.0)
    uniform = numbers()
    uniform.learn(np.zeros((2, 3)) + values[:2, None], None, samples=Lengths(3, 3))
    np.testing.assert_array_equal(uniform.cut(values, [3, 3]), values.reshape(2, 3))
    assert [part.tolist() for part in uniform.cut(values, [2, 4])] == [[0, 1], [2, 3, 4, 5]]
    ragged = numbers()
    ragged.learn([[1.0, 2.0], [3.0, 1.0]], None, samples=Lengths(2, 2))
    assert ragged.cut(values, [3, 3]).dtype == object
    letters = classes()
    letters.learn(["HHE", "E"], None, samples=Lengths(3, 1))
    assert letters.cut(np.array(list("HEEH")), [3, 1]).tolist() == ["HEE", "H"]
    assert letters.decoder.classes.tolist() == ["E", "H"]


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
@pytest.mark.parametrize("labels", [["H", "E"], [0, 1], [False, True]])
def test_missing_labels_do_not_change_the_others(missing, labels):
    targets = classes()
    targets.learn([[missing, labels[0]], [labels[1]]], None, samples=Lengths(2, 1))
    known = ClassTargets(**COMMON)
    known.learn(labels, None)
    np.testing.assert_array_equal(targets.decoder.classes, known.classes)
    assert targets.decoder.classes.dtype.kind == known.classes.dtype.kind


def test_numbers_among_text_do_not_become_text():
    with pytest.raises(TypeError, match="labels of the types int, str: expected text, whole numbers or bools"):
        classes().learn([["H", "E"], [1]], None, samples=Lengths(2, 1))


def test_a_table_of_objects_is_an_array_and_a_column_holds_series():
    table = np.array([["H", "E"], ["E", None]], dtype=object)
    for y in (table, pd.DataFrame(table)):
        targets = classes()
        targets.learn(y, None, samples=Lengths(2, 2))
        assert targets.cut(np.array(list("HEEH")), [2, 2]).tolist() == [["H", "E"], ["E", "H"]]
    column = classes()
    column.learn(pd.DataFrame({"y": ["HE", "E"]}), None, samples=Lengths(2, 1))
    assert column.letters


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_tensors_with_gradients_are_targets(dtype):
    y = torch.ones(2, 3, dtype=dtype, requires_grad=True)
    for same in (y, list(y)):
        assert len(numbers().learn(same, None, samples=Lengths(3, 3))) == 2


def test_errors_name_the_sample_and_not_the_step():
    with pytest.raises(ValueError, match="the value 'a' in sample 1, but"):
        numbers().learn([[1.0, 2.0, 3.0], [1.0, "a"]], None, samples=Lengths(3, 2))
    counts = StepTargets(steps=NumberTargets(loss="poisson", **COMMON), **COMMON)
    with pytest.raises(ValueError, match="the target of sample 1 is -1"):
        counts.learn([[1.0, 2.0, 3.0], [1.0, -1.0]], None, samples=Lengths(3, 2))


def test_class_weights_that_leave_nothing_are_refused():
    with pytest.raises(ValueError, match="no step has a weight above zero"):
        classes(class_weight={"H": 0, "E": 0}).learn(["HE"], None, samples=Lengths(2))
    with pytest.raises(ValueError, match="no step has a weight above zero"):
        classes(class_weight={"H": 0}).learn(["H", "E"], np.array([1.0, 0.0]), samples=Lengths(1, 1))


def test_class_weights_are_those_of_steps():
    targets = classes(class_weight={"H": 3.0, "E": 1.0})
    samples = targets.learn(["HE", "EEEE"], None, samples=Lengths(2, 4))
    assert samples[torch.arange(2)].share.tolist() == [1.5, 0.5, 0.25, 0.25, 0.25, 0.25]


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["HHE"], "inconsistent numbers of samples"),
        (["HHE", "HH"], "sample 1 has 1 steps, but its y has 2 targets"),
        (["HHE", ["H"]], "y of sample 1 is"),
        ([[1, 2, 3], 4], "y of sample 1 is 4: output='sequence' expects a target for each step"),
        ([[[1], [2], [3]], [[1, 2]]], "y of sample 1 has the shape"),
        ([[1.0, 2.0, 3.0], [None]], "y of sample 1 has no known target"),
        (np.ma.masked_equal([[1, 2, 3], [1, 2, 3]], 2), "y is a masked array, whose mask would be lost"),
        ([[1, 2, 3], np.ma.masked_equal([1], 1)], "y of sample 1 is a masked array"),
        (None, "requires y to be passed"),
        (3, "must hold the targets at the steps"),
    ],
)
def test_what_is_refused(y, message):
    with pytest.raises((ValueError, TypeError), match=message):
        numbers().learn(y, None, samples=Lengths(3, 1))


def test_weights_of_single_outputs_are_refused():
    with pytest.raises(ValueError, match=r"sample_weight of shape .*: expected \(n_samples,\)"):
        numbers().learn([[1.0], [2.0]], np.ones((2, 1)), samples=Lengths(1, 1))
