"""What a plan is made of."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.utils import Bunch
from torch import nn

from sklearn_ann.base.plan import applied, checked_groups, checked_weights, examples_of, hold_out, with_weights_of
from sklearn_ann.training import Rows, as_random_state

SAMPLES = Rows(torch.arange(10.0)[:, None])


def test_a_weight_of_zero_is_an_absent_sample_and_the_mean_of_the_others_is_one():
    weight = np.array([0, 1, 2, 3, 0, 4, 4, 4, 4, 4.0])
    examples = examples_of(SAMPLES, torch.arange(10), weight, torch.float64)
    assert examples.rows.tolist() == [1, 2, 3, 5, 6, 7, 8, 9]
    assert float(examples.weight[examples.rows].mean()) == pytest.approx(1)
    np.testing.assert_allclose(examples.weight * (weight.sum() / 8), weight)
    assert len(examples) == 8
    assert examples.target[torch.tensor([3])].tolist() == [3]


def test_weights_are_checked():
    assert checked_weights(None, 3) is None
    with pytest.raises(ValueError, match="sample_weight"):
        checked_weights([1.0, 2.0], 3)
    with pytest.raises(ValueError, match="all samples have the weight 0"):
        examples_of(SAMPLES, None, np.zeros(10), torch.float64)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        examples_of(SAMPLES, torch.arange(9), None, torch.float64)


def test_a_mask_of_weights_is_not_lost():
    with pytest.raises(ValueError, match="sample_weight is a masked array"):
        checked_weights(np.ma.masked_equal([1.0, 2], 2), 2)


def test_held_out_samples_are_stratified_and_have_a_weight():
    weight = np.array([0, 1, 1, 1, 1, 1, 1, 1, 1, 0.0])
    examples = examples_of(SAMPLES, None, weight, torch.float64)
    strata = np.arange(10) % 2
    train, held_out = hold_out(examples, strata, 0.5, as_random_state(0))
    rows = [set(part.rows.tolist()) for part in (train, held_out)]
    assert rows[0] | rows[1] == set(range(1, 9))
    assert not rows[0] & rows[1]
    assert strata[list(rows[1])].tolist().count(0) == 2
    assert train.samples is SAMPLES  # nothing is copied


def test_what_cannot_be_held_out_is_explained():
    with pytest.raises(ValueError, match="needs at least 2, got 1"):
        hold_out(examples_of(Rows(torch.ones(1, 1)), None, None, torch.float32), None, 0.5, as_random_state(0))
    examples = examples_of(SAMPLES, None, None, torch.float32)
    with pytest.raises(ValueError, match=r"cannot hold out validation_fraction=0\.1 of 10 samples"):
        hold_out(examples, np.arange(10), 0.1, as_random_state(0))
    for strata in (None, np.arange(10) % 2):
        with pytest.raises(ValueError, match="groups has one group only"):
            hold_out(examples, strata, 0.1, as_random_state(0), np.zeros(10))


def test_groups_are_held_out_though_no_class_has_a_sample_for_each_part():
    examples = examples_of(SAMPLES, None, None, torch.float32)
    train, held_out = hold_out(examples, np.arange(10) % 5, 0.2, as_random_state(0), np.arange(10) // 2)
    assert {number // 2 for number in train.rows.tolist()}.isdisjoint(number // 2 for number in held_out.rows.tolist())
    assert len(held_out) == 2


def test_groups_have_one_label_for_each_sample():
    with pytest.raises(ValueError, match=r"groups must have shape \(n_samples,\), got \(2, 2\)"):
        checked_groups([(1, 2), (3, 4)], np.zeros((2, 1)))


@pytest.mark.parametrize(("together", "sizes"), [(False, [2048, 2048, 912]), (True, [5008])])
def test_one_batch_in_training_is_not_one_batch_in_prediction_unless_it_costs_nothing(together, sizes):
    samples, seen = Rows(torch.ones(5000, 1)), []
    samples.together = together

    def function(_module, batch):
        seen.append(len(batch))
        return batch

    parameters = Bunch(batch_size=None, precision="float32")
    assert applied(nn.Identity(), samples, function, parameters, torch.device("cpu")).shape == (5000, 1)
    assert seen == sizes


def test_a_warm_start_takes_weights_of_the_same_shape():
    old, new = nn.Linear(2, 3), nn.Linear(2, 3)
    assert torch.equal(with_weights_of(new, old).weight, old.weight)
    with pytest.raises(ValueError, match="warm_start=True continues the previous fit"):
        with_weights_of(nn.Linear(2, 4), old)


def test_weights_come_in_any_container():
    expected = np.array([1.0, 2.0, 0.5])
    for weight in (
        torch.tensor(expected, requires_grad=True),
        pd.Series(expected, dtype="Float64"),
        pd.DataFrame({"w": expected}),
        [[value] for value in expected],
        [Decimal(value) for value in expected],
    ):
        np.testing.assert_array_equal(checked_weights(weight, 3), expected)
    matrix = [[1.0, 2.0], [3.0, 4.0]]
    np.testing.assert_array_equal(checked_weights(matrix, 2, of_outputs=True), matrix)
    for weight in (["a", "b"], iter([1, 2]), {0: 1.0}):
        with pytest.raises((TypeError, ValueError), match="sample_weight is no list of 2 numbers: "):
            checked_weights(weight, 2)
