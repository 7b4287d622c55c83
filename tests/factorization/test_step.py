import copy

import numpy as np
import pytest
import torch

from sklearn_ann.base.losses import mean_squared_error
from sklearn_ann.factorization import network
from sklearn_ann.factorization.network import FactorizationBody
from sklearn_ann.factorization.step import LevelStep, RowAdam, clip, of_both
from sklearn_ann.layers import WithHead
from sklearn_ann.reading import LevelBatch
from sklearn_ann.training import Settings
from sklearn_ann.training.data import Batch

COMMON = {"learning_rate": 1e-2, "optimizer": "adamw", "weight_decay": 0.1, "max_grad_norm": 0.1}


def settings(**changes):
    how = {"max_epochs": 1, "batch_size": None, "learning_rate_schedule": "constant", "n_iter_no_change": 5, "tol": 0.0}
    return Settings(**how, precision="float32", **COMMON | changes)


def make_step(sparse, monkeypatch, **changes):
    monkeypatch.setattr(network, "SPARSE_FROM", 1 if sparse else 100)
    torch.manual_seed(0)
    sizes = {"n_outputs": 1, "hidden": (4,), "n_features": 4}
    body = FactorizationBody(
        [3, 4],
        [2, 2],
        2,
        **sizes,
        activation="tanh",
        dropout=0.0,
        lacking=np.zeros((0, 0), dtype=np.int64),
        fibre_dropout=0.0,
        features=[None, None],
    )
    return LevelStep(WithHead(body, 4, 1), mean_squared_error, settings(**changes))


def batch(codes):
    empty = torch.empty(len(codes), 0)
    target = torch.arange(len(codes), dtype=torch.float32)[:, None]
    return Batch(LevelBatch(codes, empty, empty, codes[:, 0] < 0), target, None, len(codes))


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
@pytest.mark.parametrize("max_grad_norm", [None, 0.1])
def test_where_a_batch_meets_all_levels_sparse_and_dense_steps_are_the_same(optimizer, max_grad_norm, monkeypatch):
    codes = torch.cartesian_prod(torch.arange(4), torch.arange(5))  # the unknown levels too
    how = {"optimizer": optimizer, "max_grad_norm": max_grad_norm}
    sparse, dense = (make_step(kind, monkeypatch, **how) for kind in (True, False))
    assert len(sparse.optimizers) == 2
    assert len(dense.optimizers) == 1
    for _ in range(5):
        losses = [step.train(batch(codes))["loss"] for step in (sparse, dense)]
        torch.testing.assert_close(*losses)
    for one, other in zip(sparse.module.parameters(), dense.module.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_rows_that_a_batch_has_not_met_stay_as_they_are(monkeypatch):
    step = make_step(True, monkeypatch)
    before = [embedding.weight.detach().clone() for embedding in step.module.body.embeddings]
    step.train(batch(torch.tensor([[0, 1], [2, 1]])))
    changed = [
        (embedding.weight != old).any(dim=1).tolist()
        for embedding, old in zip(step.module.body.embeddings, before, strict=True)
    ]
    assert changed == [[True, False, True, False], [False, True, False, False, False]]


def test_a_weight_of_two_is_a_sample_twice(monkeypatch):
    codes, twice = torch.tensor([[0, 1], [2, 1]]), torch.tensor([[0, 1], [2, 1], [2, 1]])
    weighted, repeated = make_step(True, monkeypatch), make_step(True, monkeypatch)
    one = batch(codes)._replace(weight=torch.tensor([2 / 3, 4 / 3]))
    weighted.train(one)
    repeated.train(batch(twice)._replace(target=torch.tensor([[0.0], [1.0], [1.0]])))
    for a, b in zip(weighted.module.parameters(), repeated.module.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_the_norm_is_that_of_both_kinds_of_gradients_together():
    dense, large = torch.nn.Parameter(torch.zeros(2)), torch.nn.Parameter(torch.zeros(5, 1))
    dense.grad = torch.tensor([3.0, 0.0])
    large.grad = torch.sparse_coo_tensor([[1, 1]], [[2.0], [2.0]], (5, 1)).coalesce()
    clip([dense, large], 1.0)
    torch.testing.assert_close(dense.grad, torch.tensor([0.6, 0.0]))
    torch.testing.assert_close(large.grad.to_dense()[1], torch.tensor([0.8]))


def test_an_optimiser_goes_on_from_a_copy():
    weight = torch.nn.Parameter(torch.ones(3, 2))
    optimizer = RowAdam([weight], 0.1, 0.0, decoupled=True)

    def step(parameter, optimizer):
        parameter.grad = torch.sparse_coo_tensor([[1]], [[1.0, 2.0]], (3, 2))
        optimizer.step()

    step(weight, optimizer)
    other, other_optimizer = copy.deepcopy((weight, optimizer))
    step(weight, optimizer)
    step(other, other_optimizer)
    torch.testing.assert_close(weight, other)


def test_the_loss_of_an_entry_as_if_its_fibre_were_held_out_has_a_share():
    target = torch.tensor([[1.0], [2.0]])
    outputs = torch.tensor([[1.0], [4.0]]), torch.tensor([[0.0], [2.0]])
    assert of_both(mean_squared_error, 0.25, outputs, target).tolist() == [0.25 * 1, 0.75 * 4]
    assert of_both(mean_squared_error, 0.25, outputs[0], target).tolist() == [0, 4]
