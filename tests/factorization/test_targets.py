import pickle

import numpy as np
import pytest
import torch

from sklearn_ann.factorization.targets import NonNegativeTargets


def targets(y, **options):
    one = NonNegativeTargets(owner="Model", dtype=torch.float64, **options)
    return one, one.learn(np.asarray(y, dtype=float), None)


def test_predictions_are_in_the_unit_of_the_targets_and_not_negative():
    one, _ = targets([[0.0, 10.0], [2.0, 30.0]])
    found = one.predictions(np.array([[0.0, 0.0], [-50.0, -50.0], [30.0, 30.0]]))
    np.testing.assert_allclose(found, [[1.0, 20.0], [0.0, 0.0], [31.0, 320.0]])


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber", "quantile", "poisson"])
def test_a_prediction_of_any_loss_is_from_zero(loss):
    one, _ = targets([1.0, 2.0, 0.5, 7.0], loss=loss)
    assert (one.predictions(np.array([[-9.0], [0.0]])) >= 0).all()
    assert pickle.loads(pickle.dumps(one)).n_outputs == 1


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_negative_targets_are_refused_with_the_sample(loss):
    with pytest.raises(ValueError, match=r"for targets from 0, but the target of sample 1 is \[?-3"):
        targets([1.0, -3.0], loss=loss)
    one, _ = targets([1.0, 3.0], loss=loss)
    with pytest.raises(ValueError, match="the target of sample 0 is"):
        one.read(np.array([-1.0]))
