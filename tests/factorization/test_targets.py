import pickle

import numpy as np
import pytest
import torch

from sklearn_ann.factorization.targets import NonNegativeTargets, Softplus


def targets(y, **options):
    one = NonNegativeTargets(owner="Model", dtype=torch.float64, **options)
    return one, one.learn(np.asarray(y, dtype=float), None)


@pytest.mark.parametrize("mean", [0.0, 1e-4, 0.3, 5.0, 1e6])
def test_an_output_of_zero_stands_for_the_mean_and_none_for_less_than_zero(mean):
    link = Softplus(np.array([mean]))
    outputs = torch.linspace(-20, 20, 81, dtype=torch.float64)[:, None]
    numbers = link(outputs)
    assert (numbers.diff(dim=0) >= 0).all()
    assert (numbers >= -mean - 1e-9).all()
    torch.testing.assert_close(link(torch.zeros(1)), torch.tensor([max(mean, 1e-3) - mean]), atol=1e-6, rtol=0)
    middle = outputs[abs(outputs[:, 0]) < 5]
    torch.testing.assert_close(link.inverse(link(middle)), middle, atol=1e-6, rtol=1e-6)


def test_a_large_mean_takes_no_digits():
    outputs = torch.linspace(-2, 2, 9)[:, None]  # float32
    torch.testing.assert_close(Softplus(np.array([1e6]))(outputs), outputs)


def test_predictions_are_in_the_unit_of_the_targets_and_not_negative():
    one, _ = targets([[0.0, 10.0], [2.0, 30.0]])
    found = one.predictions(np.array([[0.0, 0.0], [-50.0, -50.0], [30.0, 30.0]]))
    np.testing.assert_allclose(found[0], [1.0, 20.0])
    assert (found[1] >= 0).all()
    assert found[1].max() < 1e-6
    assert found[2].min() > 30


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile", "poisson"])
def test_the_error_is_least_at_the_outputs_that_stand_for_the_targets(loss):
    one, encoded = targets([1.0, 2.0, 0.5, 7.0], loss=loss)
    at_target = encoded.log() if loss == "poisson" else one._link.inverse(encoded)
    least = one.error(at_target, encoded)
    for moved in (at_target + 0.1, at_target - 0.1):
        assert (one.error(moved, encoded) > least).all()
    assert np.isfinite(one.constant(encoded).numpy()).all()
    assert pickle.loads(pickle.dumps(one)).n_outputs == 1


def test_several_networks_are_averaged_as_predictions():
    one, _ = targets([0.0, 1.0, 2.0, 9.0])
    outputs = torch.tensor([[[-3.0], [0.5]], [[2.0], [0.1]]], dtype=torch.float64)
    mean = one.average(outputs)
    each = np.stack([one.predictions(member.numpy()) for member in outputs])
    np.testing.assert_allclose(one.predictions(mean.numpy()), each.mean(axis=0))
    gone = one.average(torch.full((2, 1, 1), -500.0))
    assert torch.isfinite(gone).all()


def test_missing_targets_are_left_out_of_the_error():
    one, encoded = targets([[1.0, np.nan], [2.0, 3.0]])
    assert torch.isfinite(one.error(torch.zeros(2, 2, dtype=torch.float64), encoded)).all()


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_negative_targets_are_refused_with_the_sample(loss):
    with pytest.raises(ValueError, match=r"for targets from 0, but the target of sample 1 is \[?-3"):
        targets([1.0, -3.0], loss=loss)
    one, _ = targets([1.0, 3.0], loss=loss)
    with pytest.raises(ValueError, match="the target of sample 0 is"):
        one.read(np.array([-1.0]))
