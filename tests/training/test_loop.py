"""When training stops, and what it keeps."""

import numpy as np
import torch

from sklearn_ann.training.loop import Patience, Weights


def epochs_until_exhausted(losses, **settings):
    patience = Patience(**{"epochs": 3, "tol": 0.1, "floor": 0.0} | settings)
    for epoch, loss in enumerate(losses, start=1):
        patience.watch(loss)
        if patience.exhausted:
            return epoch
    return None


def test_patience_ends_when_the_loss_is_flat():
    assert epochs_until_exhausted([5, 4, 3, 3, 3, 3, 3]) == 6


def test_patience_counts_slow_progress_as_progress_once_it_adds_up():
    assert epochs_until_exhausted(0.95 ** np.arange(50)) is None
    assert epochs_until_exhausted(0.99 ** np.arange(50)) == 4


def test_patience_does_not_depend_on_the_unit_of_the_loss():
    losses = 1 + 1 / np.arange(1, 100)
    assert (
        epochs_until_exhausted(losses) == epochs_until_exhausted(losses * 1e-9) == epochs_until_exhausted(losses * 1e9)
    )


def test_patience_knows_negative_losses():
    assert epochs_until_exhausted([-5, -6, -6, -6, -6]) == 5
    assert epochs_until_exhausted(-np.arange(1, 20)) is None


def test_patience_has_a_floor():
    losses = 0.5 ** np.arange(60)
    assert epochs_until_exhausted(losses) is None
    # The last progress is from 0.5**9 to 0.5**11: less than 0.1 * 0.01 is left to gain after that.
    assert epochs_until_exhausted(losses, floor=1e-2) == 12 + 3


def test_weights_are_kept_with_running_statistics():
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    weights = Weights(list(module.state_dict().values()))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    module.train()(torch.randn(5, 2))
    with torch.no_grad():
        module[0].weight += 1
    assert module.state_dict()["1.num_batches_tracked"] == 1
    weights.restore()
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
