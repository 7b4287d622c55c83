"""Targets: encoded, held to what was learned, and turned back into predictions."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from scipy.special import softmax

from sklearn_ann.base import ClassTargets, NumberTargets
from sklearn_ann.layers.head import mean_classes, mean_number, mean_odds, mean_rate

COMMON = {"owner": "Model", "dtype": torch.float64}


def test_classes_of_any_type_are_codes_and_come_back():
    for y in (["b", "a", "c"], [3, -1, 7], [True, False, True]):
        targets = ClassTargets(**COMMON)
        target = targets.learn(y, None)
        outputs = np.eye(len(targets.classes))[np.searchsorted(targets.classes, y)]
        if targets.binary:
            assert target.tolist() == outputs[:, 1:].tolist()
            outputs = outputs[:, 1:] - 0.5
        else:
            assert target.tolist() == outputs.argmax(axis=1).tolist()
        assert targets.predictions(outputs).tolist() == list(y)


def test_probabilities_are_the_softmax_in_float64_and_sum_to_one():
    targets = ClassTargets(**COMMON)
    targets.learn(["a", "b", "c"], None)
    logits = np.array([[1e3, 0, -1e3], [0.1, 0.2, 0.3]], dtype=np.float32)
    probabilities = targets.probabilities(logits)
    np.testing.assert_allclose(probabilities, softmax(logits.astype(float), axis=1))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-15)
    two = ClassTargets(**COMMON)
    two.learn([0, 1], None)
    np.testing.assert_allclose(two.probabilities(np.array([[2.0]])), [[1 / (1 + np.e**2), 1 / (1 + np.e**-2)]])


def test_several_labels_dense_and_sparse():
    Y = np.array([[1, 0, 1], [0, 1, 0]])
    targets = ClassTargets(**COMMON)
    np.testing.assert_array_equal(targets.learn(sp.csr_array(Y), None), Y)
    np.testing.assert_array_equal(targets.predictions(np.where(Y == 1, 2.0, -2.0)), Y)
    assert targets.strata(torch.tensor(Y)) is None
    with pytest.raises(ValueError, match="but this Model was fitted to any number of the classes"):
        targets.read([0, 1])


def test_what_later_targets_are_held_to():
    targets = ClassTargets(**COMMON)
    targets.learn(["a", "b"], None)
    with pytest.raises(ValueError, match=r"labels \['c'\], which were not in fit"):
        targets.read(["a", "c"])
    with pytest.raises(ValueError, match="is not what the first call to partial_fit was given"):
        targets.read(["a"], classes=["a", "c"])
    with pytest.raises(ValueError, match="This Model requires y"):
        targets.read(None)
    numbers = NumberTargets(**COMMON)
    numbers.learn([[1.0, 2.0], [3.0, 4.0]], None)
    with pytest.raises(ValueError, match="y has 1 columns, but Model was fitted to 2"):
        numbers.read([1.0, 2.0])
    with pytest.raises(TypeError, match=r"y\.toarray"):
        numbers.read(sp.csr_array(np.eye(2)))


def test_class_weights():
    targets = ClassTargets(class_weight={"a": 2.0, "b": 0.5}, **COMMON)
    targets.learn(["a", "b", "b"], None)
    assert targets.weights(["a", "b", "b"]).tolist() == [2.0, 0.5, 0.5]
    with pytest.raises(ValueError, match="class_weight must be finite and not negative"):
        ClassTargets(class_weight={"a": -1.0}, **COMMON).weights(["a", "b"])


@pytest.mark.parametrize("shape", [(6,), (6, 1), (6, 2)])
def test_numbers_are_standardised_with_weights_and_come_back_in_their_shape_and_unit(shape):
    y = np.random.default_rng(0).normal(100, 7, size=shape)
    weight = np.array([1.0, 2, 0, 3, 1, 1])
    targets = NumberTargets(**COMMON)
    target = targets.learn(y, weight).numpy()
    np.testing.assert_allclose(np.average(target, axis=0, weights=weight), 0, atol=1e-12)
    np.testing.assert_allclose(np.average(target**2, axis=0, weights=weight), 1)
    predictions = targets.predictions(target)
    assert predictions.shape == shape
    np.testing.assert_allclose(predictions, y)


def test_a_frozen_target_does_not_change():
    targets = NumberTargets(**COMMON)
    targets.learn([1.0, 2.0], None)
    targets.freeze()
    with pytest.raises(AttributeError, match="is frozen"):
        targets.learn([5.0, 6.0], None)


@pytest.mark.parametrize("y", [[1.0, "a"], np.array(["1", "a"]), np.array([[1.0, None], [3.0, "a"]], dtype=object)])
def test_a_target_that_is_no_number_is_named(y):
    with pytest.raises(ValueError, match="y has the value 'a' in sample 1, but targets are numbers"):
        NumberTargets(**COMMON).learn(y, None)


def test_outputs_of_several_networks_are_averaged_as_predictions():
    several, two = (ClassTargets(**COMMON) for _ in range(2))
    several.learn(["a", "b", "c"], None)
    two.learn([0, 1], None)
    numbers, counts = (NumberTargets(**COMMON, loss=loss) for loss in ("squared_error", "poisson"))
    averages = [targets.average for targets in (several, two, numbers, counts)]
    assert averages == [mean_classes, mean_odds, mean_number, mean_rate]


def test_labels_without_an_order_are_named():
    with pytest.raises(TypeError, match="y has labels of the types int, str"):
        ClassTargets(**COMMON).learn(np.array(["a", 1, "a"], dtype=object), None)
    with pytest.raises(TypeError, match="y has labels of the types int, str"):
        ClassTargets(**COMMON).learn([0, 1, ""], None)  # of which NumPy makes text


def test_numbers_in_an_array_of_objects_are_numbers():
    targets = ClassTargets(**COMMON)
    targets.learn(np.array([0, 1, 0], dtype=object), None)
    assert targets.classes.tolist() == [0, 1]
    assert targets.classes.dtype == np.int64


def test_empty_labels_are_noticed():
    for y in (["a", "", "a"], np.array(["a", " ", "a"], dtype=object)):
        with pytest.warns(UserWarning, match="y has an empty text in sample 1, which counts as a class"):
            ClassTargets(**COMMON).learn(y, None)
    Y = np.array([[1, np.nan], [0, np.nan]])
    with pytest.warns(UserWarning, match="y has no label in column 1: all are missing"):
        ClassTargets(**COMMON).learn(Y, None)


@pytest.mark.parametrize("wrong", [-1, 2, "a"])
def test_several_labels_are_zeros_and_ones(wrong):
    Y = np.array([[1, 0, 1], [0, wrong, 0]], dtype=object if wrong == "a" else None)
    with pytest.raises((ValueError, TypeError), match=r"the value (-1|2) in sample 1, column 1|types int, str"):
        ClassTargets(**COMMON).learn(Y, None)
    if wrong != "a":
        with pytest.raises(ValueError, match=r"the value (-1|2) in sample 1, column 1"):
            ClassTargets(**COMMON).learn(sp.csr_array(Y), None)
    with pytest.raises(ValueError, match="the value 'a' in sample 0, column 0"):
        ClassTargets(**COMMON).learn(np.array([["a", "b"], ["b", "a"]], dtype=object), None)
    signs = np.array([[1, -1], [-1, 1]])
    with pytest.raises(ValueError, match="the value -1 in sample 0, column 1"):
        ClassTargets(**COMMON).learn(signs, None)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array(["2020-01-01", "2020-01-02"], dtype="M8[D]"), "y is of datetime64"),
        ([10**400, 1], "y has numbers that are too large"),
    ],
)
def test_targets_that_are_no_numbers_of_float64_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        NumberTargets(**COMMON).learn(y, None)


def test_infinite_predictions_are_refused():
    targets = NumberTargets(**COMMON, loss="poisson")
    targets.learn([1.0, 3.0], None)
    with pytest.raises(ValueError, match="the prediction for sample 1 is infinite"):
        targets.predictions(np.array([[0.0], [1e3], [np.nan]]))


def test_masks_are_not_lost():
    for targets in (NumberTargets(**COMMON), ClassTargets(**COMMON)):
        with pytest.raises(ValueError, match=r"y is a masked array.*\.filled\(np\.nan\)"):
            targets.learn(np.ma.masked_equal([1, 2, 3], 2), None)


def test_tensors_with_a_gradient_are_targets():
    target = NumberTargets(**COMMON).learn(torch.tensor([1.0, 3.0], requires_grad=True), None)
    assert target.tolist() == [[-1], [1]]


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ([1, 2], r"class_weight=\[1, 2\] is a list, .* expected a dict, such as {'a': 2.0}"),
        ({"a": "x", "b": 1}, r"class_weight={'a': 'x', 'b': 1} does not fit y: could not convert"),
        ({0: 1}, r"class_weight={0: 1} does not fit y: The classes, \['a', 'b'\], are not in class_weight"),
    ],
)
def test_class_weights_that_do_not_fit_are_named(class_weight, message):
    with pytest.raises(ValueError, match=message):
        ClassTargets(class_weight=class_weight, **COMMON).weights(["a", "b", "a"])
    with pytest.raises(ValueError, match=r"class_weight=\[1, 2\] does not fit y"):
        ClassTargets(class_weight=[1, 2], **COMMON).weights(np.eye(3, dtype=int))
