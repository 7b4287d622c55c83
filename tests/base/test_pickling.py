"""Pickles that open on another machine."""

import copy

import pytest
import torch
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils import Bunch
from torch import nn

from sklearn_ann.base.pickling import opened, portable


class Learner:
    """Stands for a step, which moves its module."""

    def __init__(self, module):
        self.module = module

    def move(self, device):
        self.module.to(device)


def test_a_network_on_another_device_is_copied_to_the_cpu_and_stays_where_it_was():
    module = nn.Linear(2, 2)
    state = {"module_": module, "_learner": Learner(module), "_device": torch.device("mps")}  # as if it were there
    before = copy.copy(state)
    moved = portable(state)
    assert state == before
    assert moved["_device"] is None
    assert moved["module_"] is moved["_learner"].module
    assert moved["module_"] is not module
    assert torch.equal(moved["module_"].weight, module.weight)


def test_a_network_on_the_cpu_is_not_copied_and_no_network_is_no_matter():
    module = nn.Linear(2, 2)
    moved = portable({"module_": module, "_learner": Learner(module), "_device": torch.device("cpu")})
    assert moved["module_"] is module
    assert set(portable({"alpha": 1})) == {"alpha", "_sklearn_ann_version"}


def test_a_source_that_is_no_parameter_any_more_stays_behind():
    source, other = object(), object()
    state = {
        "init_from": source,
        "_given": {"init_from": source, "a": 1},
        "resolved_parameters_": Bunch(init_from=source),
    }
    kept = portable(state)
    assert kept["_given"]["init_from"] is kept["resolved_parameters_"].init_from is source
    for new in (None, other):
        left = portable(state | {"init_from": new})
        assert left["init_from"] is new
        assert left["_given"] == {"init_from": None, "a": 1}
        assert left["resolved_parameters_"].init_from is None
    assert state["_given"]["init_from"] is source


def test_the_version_is_told_only_where_it_differs():
    state = {"alpha": 1}
    assert opened(portable(state), "Model") == state
    for other in (state, state | {"_sklearn_ann_version": "0.0.1"}):
        with pytest.warns(InconsistentVersionWarning, match="Model"):
            assert opened(other, "Model") == state
