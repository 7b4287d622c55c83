"""When training stops, and what it keeps."""

import numpy as np
import torch

from sklearn_ann.training.data import Examples, Rows
from sklearn_ann.training.loop import LearningRate, Patience, Training, Weights
from sklearn_ann.training.step import Settings, Step


def epochs_until_exhausted(losses, n_steps=20, **settings):
    patience = Patience(**{"epochs": 3, "tol": 0.1, "floor": 0.0} | settings)
    for epoch, loss in enumerate(losses, start=1):
        patience.watch(loss, n_steps)
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


def test_patience_counts_steps_where_epochs_are_short():
    assert epochs_until_exhausted([5, 4, *[4] * 99], n_steps=2) == 2 + 30
    assert epochs_until_exhausted([5, 4, *[4] * 99], n_steps=500) == 2 + 3


def losses_of(n_epochs, schedule, n=400, batch_size=20, **settings):
    """The learning rates of a training whose loss cannot fall."""
    X = torch.zeros(n, 2)
    step = Step(
        torch.nn.Linear(2, 1),
        lambda output, target: output[:, 0] * 0 + target[:, 0],
        Settings(
            max_epochs=n_epochs, batch_size=batch_size, learning_rate=1.0, learning_rate_schedule=schedule,
            optimizer="adam", weight_decay=0.0, max_grad_norm=None, n_iter_no_change=4, tol=0.01, precision="float32",
        ),
    )  # fmt: skip
    training = Training(
        step, Examples(Rows(X), target=Rows(X[:, :1] + 1)), None, history=[], generator=torch.Generator(),
        noise=torch.Generator(),
    )  # fmt: skip
    training.run()
    return training


def test_half_a_cosine_runs_to_its_end():
    training = losses_of(30, "cosine")
    assert (training.epoch, training.converged) == (30, False)
    assert training.history[-1]["learning_rate"] < 0.01


def test_other_schedules_end_with_their_patience_also_with_few_steps_an_epoch():
    assert losses_of(30, "constant").epoch == losses_of(30, "adaptive").epoch == 5
    few = losses_of(60, "adaptive", batch_size=100)  # four steps an epoch
    rates = [record["learning_rate"] for record in few.history]
    assert (few.epoch, rates.index(0.2)) == (1 + 20, 1 + 11)


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


def test_the_adaptive_rate_falls_whatever_the_sign_of_the_loss():
    def reductions(losses):
        settings = Settings(20, 32, 0.1, "adaptive", "adam", 0.0, None, 4, 0.01, "float32")
        rate = LearningRate(settings)
        for loss in losses:
            rate.end_epoch(loss, 20)
        return rate.reduction

    flat = [2, 1, 1, 1, 1, 1, 1]
    assert reductions(flat) < 1
    assert reductions([loss - 10 for loss in flat]) == reductions(flat)
    assert reductions([-loss for loss in range(7)]) == 1
