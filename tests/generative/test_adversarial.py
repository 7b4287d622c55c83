import math

import pytest
import torch
from sklearn.utils import Bunch

from sklearn_ann.generative.adversarial import AdversarialStep, Rules, minimax, unlikeness, wasserstein
from sklearn_ann.generative.adversaries import adversaries_of
from sklearn_ann.reading import ConditionedBatch, Fields
from sklearn_ann.training import Settings
from sklearn_ann.training.data import Batch

SETTINGS = Settings(
    max_epochs=1,
    batch_size=None,
    learning_rate=1e-2,
    learning_rate_schedule="constant",
    optimizer="adamw",
    weight_decay=0.0,
    max_grad_norm=None,
    n_iter_no_change=1,
    tol=0.0,
    precision="float32",
)
NETWORKS = Bunch(
    hidden_layer_sizes=(16,), n_components=4, architecture="dense", image_shape=None, pack_size=4, activation="relu"
)


def step(x, *, watched=False, weight=None, settings=SETTINGS, **rules):
    module = adversaries_of(NETWORKS, Fields(x.shape[1], ()), x, weight, x[:, :0])
    given = {"loss": "wasserstein", "n_critic_steps": 2, "gradient_penalty": 10.0, "averaging": 0.9} | rules
    return AdversarialStep(module, unlikeness, settings, Rules(**given), watched=watched)


def batch_of(x, weight=None):
    return Batch(ConditionedBatch(x, x[:, :0]), None, weight, len(x))


def test_losses_of_both_games():
    real, fake = torch.tensor([2.0, 4.0]), torch.tensor([1.0, -1.0])
    assert wasserstein(real, fake) == (torch.tensor(-3.0), torch.tensor(0.0), torch.tensor(3.0))
    undecided = minimax(torch.zeros(3), torch.zeros(3))
    assert float(undecided.distance) == pytest.approx(0.0, abs=1e-6)
    assert float(undecided.of_generator) == pytest.approx(math.log(2))
    sure = minimax(torch.full((3,), 50.0), torch.full((3,), -50.0))
    assert float(sure.distance) == pytest.approx(math.log(2))  # the greatest Jensen-Shannon divergence
    assert float(sure.of_generator) == pytest.approx(50.0)  # it does not saturate


@pytest.mark.parametrize("loss", ["wasserstein", "minimax"])
def test_each_side_moves_its_own_weights(loss):
    torch.manual_seed(0)
    x = torch.randn(24, 2)
    learner = step(x, loss=loss)
    learner.switch(training=True)
    assert [group["betas"] for optimizer in learner.optimizers for group in optimizer.param_groups] == [(0.0, 0.9)] * 2
    parts = {"critic": learner.module.critic, "generator": learner.module.generator}
    for call, moved in ((learner._criticise, "critic"), (learner._generate, "generator")):
        before = {name: [p.clone() for p in part.parameters()] for name, part in parts.items()}
        call(x, batch_of(x), torch.ones(()))
        for name, part in parts.items():
            same = all(map(torch.equal, before[name], part.parameters()))
            assert same == (name != moved)


def test_sums_of_losses_are_of_the_size_of_the_batch():
    x = torch.randn(10, 3)  # two packs and a half
    sums = step(x).train(batch_of(x))
    assert set(sums) == {"loss", "distance", "generator_loss"}
    assert all(torch.isfinite(value) and value.ndim == 0 for value in sums.values())


def test_the_penalty_brings_the_slope_to_one():
    steepness = {}
    for penalty in (0.0, 10.0):
        torch.manual_seed(0)
        x = torch.randn(64, 2)
        learner = step(x, gradient_penalty=penalty)
        x = x + 3  # away from where the generator starts
        learner.switch(training=True)
        for _ in range(200):
            learner._criticise(x, batch_of(x), torch.ones(()))
        packs = x.view(16, 4, 2)
        steepness[penalty] = float(learner._steepness(packs, torch.randn(16, 4, 2), packs[..., :0]).detach())
    assert steepness[10.0] < 0.3
    assert steepness[0.0] > 1


def test_a_row_of_weight_zero_is_never_seen():
    x = torch.randn(16, 2)
    x[0] = torch.nan
    weight = torch.ones(16)
    weight[0] = 0
    learner = step(torch.nan_to_num(x), weight=weight)
    sums = learner.train(batch_of(x, weight))
    assert all(torch.isfinite(value) for value in sums.values())


def test_what_is_concluded_and_what_is_watched():
    x = torch.randn(16, 2)
    assert not step(x).concludes
    assert step(x, watched=True).concludes
    adaptive = Settings(**{**vars(SETTINGS), "learning_rate_schedule": "adaptive"})
    assert step(x, settings=adaptive).concludes
    near = step(x, watched=True)
    near.switch(training=False)
    with torch.no_grad():
        assert near.validate(batch_of(x))["loss"] < near.validate(batch_of(x + 100))["loss"] / 10
