"""Threads: steps of little work take one, whatever the machine has, and fits leave torch's setting as it was."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sklearn_ann import AutoEncoderTransformer, RNNClassifier
from sklearn_ann.model_selection import StackedSearchCV
from sklearn_ann.training import effort
from sklearn_ann.training.effort import Effort, _Counter

CPU = torch.device("cpu")


def _spent(n_rows, width):
    """Return the number of threads after a step of a dense layer, and the work of the step."""
    layer, x = nn.Linear(width, width), torch.zeros(n_rows, width)
    taken = Effort(CPU)
    with taken.threads():
        assert torch.get_num_threads() == 1
        taken.spend(lambda: layer(x).sum().backward())
        return torch.get_num_threads(), taken.work


@pytest.mark.usefixtures("four_threads")
def test_a_step_of_much_work_takes_all_threads_and_a_small_one_takes_one():
    assert _spent(8, 4)[0] == 1
    assert _spent(512, 512)[0] == 4
    assert torch.get_num_threads() == 4


@pytest.mark.usefixtures("four_threads")
def test_the_work_is_that_of_products_per_kernel():
    small, large = _spent(64, 32)[1], _spent(128, 32)[1]
    assert large == pytest.approx(2 * small)
    assert small < 2 * 2 * 64 * 32 * 32  # the products of forward and backward, shared among more kernels


def _counted(function):
    with _Counter() as counter:
        function()
    return counter.n_operations


def test_kernels_of_the_cpu_count_as_the_products_in_them_do():
    """Torch computes attention, recurrent layers and sums of neighbours in kernels that its own counter leaves out."""
    query, key = torch.rand(2, 3, 5, 4), torch.rand(2, 3, 7, 4)
    products = _counted(lambda: (query @ key.mT) @ key)
    assert _counted(lambda: F.scaled_dot_product_attention(query, key, key)) == products > 0
    x, layer = torch.rand(6, 2, 8), nn.LSTM(8, 4)
    products = _counted(lambda: (x @ layer.weight_ih_l0.T, x[..., :4] @ layer.weight_hh_l0.T))
    assert _counted(lambda: layer(x)) == products > 0
    assert _counted(lambda: layer(x)[0].sum().backward()) == 3 * products
    table, nodes = torch.rand(9, 4, requires_grad=True), torch.tensor([0, 3, 8, 8, 1])
    sums = F.embedding_bag
    assert _counted(lambda: sums(nodes, table, torch.tensor([0, 2, 5]), mode="sum", include_last_offset=True)) == 40


@pytest.mark.usefixtures("four_threads")
def test_recurrent_layers_of_much_work_take_all_threads():
    rng = np.random.default_rng(0)
    series, y = rng.normal(size=(128, 20, 3)).astype(np.float32), np.arange(128) % 2
    for width, n_threads in ((128, 4), (4, 1)):
        seen = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Effort, "_adapt", _watched(Effort._adapt, seen))
            RNNClassifier(hidden_size=width, max_epochs=1, batch_size=128, random_state=0).fit(series, y)
        assert seen[-1] == n_threads


def _watched(adapt, seen):
    def watched(self):
        adapt(self)
        if self.work is not None:
            seen.append(torch.get_num_threads())

    return watched


@pytest.mark.usefixtures("four_threads")
@pytest.mark.parametrize("work", [1e-9, 1e18])
def test_fits_count_their_first_step_and_restore_the_threads(monkeypatch, work):
    monkeypatch.setattr(effort, "WORTH", work)
    seen = []
    spend = Effort.spend
    monkeypatch.setattr(
        Effort, "spend", lambda self, *a, **k: (spend(self, *a, **k), seen.append(torch.get_num_threads()))[0]
    )
    X = np.random.default_rng(0).normal(size=(70, 6)).astype(np.float32)
    AutoEncoderTransformer(max_epochs=2, random_state=0).fit(X)
    assert set(seen) == {4 if work < 1 else 1}
    assert torch.get_num_threads() == 4


@pytest.mark.usefixtures("four_threads")
def test_stacks_count_theirs(monkeypatch):
    seen = []
    spend = Effort.spend
    monkeypatch.setattr(Effort, "spend", lambda self, *a, **k: (spend(self, *a, **k), seen.append(self.work))[0])
    X = np.random.default_rng(0).normal(size=(90, 6)).astype(np.float32)
    grid = {"learning_rate": [0.001, 0.002, 0.003, 0.004]}
    StackedSearchCV(AutoEncoderTransformer(max_epochs=2, random_state=0), grid, cv=2).fit(X)
    assert all(work > 0 for work in seen)
    assert torch.get_num_threads() == 4


@pytest.mark.usefixtures("four_threads")
def test_counting_changes_no_bit():
    X = np.random.default_rng(0).normal(size=(70, 6)).astype(np.float32)
    own = AutoEncoderTransformer(max_epochs=1, batch_size=None, random_state=0)  # one step, which is counted
    counted = own.fit(X).transform(X)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Effort, "spend", lambda _self, step, *a, **k: step(*a, **k))
        plain = own.fit(X).transform(X)
    assert np.array_equal(counted, plain)


def test_partial_fit_counts_again_if_batches_are_much_larger():
    X = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
    model, work = AutoEncoderTransformer(batch_size=None, random_state=0), []
    for n_samples in (2, 4, 64, 30, 64):
        model.partial_fit(X[:n_samples])
        work.append(model._learner.effort.work)
    assert work[0] == work[1] < work[2] == work[3] == work[4]


def test_other_devices_count_nothing():
    taken = Effort(torch.device("meta"))
    with taken.threads():
        assert taken.spend(lambda: 3) == 3
