"""Threads: steps of little work take one, whatever the machine has, and fits leave torch's setting as it was."""

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_ann import AutoEncoderTransformer
from sklearn_ann.model_selection import StackedSearchCV
from sklearn_ann.training import effort
from sklearn_ann.training.effort import Effort

CPU = torch.device("cpu")


@pytest.fixture
def several():
    """Two threads outside of the fit."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def _spent(n_rows, width):
    """Return the number of threads after a step of a dense layer, and the work of the step."""
    layer, x = nn.Linear(width, width), torch.zeros(n_rows, width)
    taken = Effort(CPU)
    with taken.threads():
        assert torch.get_num_threads() == 1
        taken.spend(lambda: layer(x).sum().backward())
        return torch.get_num_threads(), taken.work


@pytest.mark.usefixtures("several")
def test_a_step_of_much_work_takes_all_threads_and_a_small_one_takes_one():
    assert _spent(8, 4)[0] == 1
    assert _spent(512, 512)[0] == 2
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("several")
def test_the_work_is_that_of_products_per_kernel():
    small, large = _spent(64, 32)[1], _spent(128, 32)[1]
    assert large == pytest.approx(2 * small)
    assert small < 2 * 2 * 64 * 32 * 32  # the products of forward and backward, shared among more kernels


@pytest.mark.usefixtures("several")
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
    assert set(seen) == {2 if work < 1 else 1}
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("several")
def test_stacks_count_theirs(monkeypatch):
    seen = []
    spend = Effort.spend
    monkeypatch.setattr(Effort, "spend", lambda self, *a, **k: (spend(self, *a, **k), seen.append(self.work))[0])
    X = np.random.default_rng(0).normal(size=(90, 6)).astype(np.float32)
    grid = {"learning_rate": [0.001, 0.002, 0.003, 0.004]}
    StackedSearchCV(AutoEncoderTransformer(max_epochs=2, random_state=0), grid, cv=2).fit(X)
    assert all(work > 0 for work in seen)
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("several")
def test_counting_changes_no_bit():
    X = np.random.default_rng(0).normal(size=(70, 6)).astype(np.float32)
    own = AutoEncoderTransformer(max_epochs=1, batch_size=None, random_state=0)  # one step, which is counted
    counted = own.fit(X).transform(X)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Effort, "spend", lambda _self, step, *a, **k: step(*a, **k))
        plain = own.fit(X).transform(X)
    assert np.array_equal(counted, plain)


def test_other_devices_count_nothing():
    taken = Effort(torch.device("meta"))
    with taken.threads():
        assert taken.spend(lambda: 3) == 3
