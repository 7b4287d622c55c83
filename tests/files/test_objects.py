"""Estimators and what they have learned."""

import numpy as np
import pytest
from forging import tripped
from sklearn.base import BaseEstimator

from sklearn_ann import GraphSet, ModelFileError, TabularClassifier
from sklearn_ann.training import Settings

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


class Slotted:
    """Keeps what no `__dict__` has."""

    __slots__ = ("a",)


def test_graphs_come_back_immutable_and_checked(tmp_path):
    graphs = GraphSet.from_list([(np.eye(2), np.eye(2)), (np.ones((1, 2)), np.zeros((1, 1)))])
    found = tripped(graphs, tmp_path)
    assert repr(found) == repr(graphs)
    assert not found._offsets.flags.writeable
    for offsets in ([0, 10**12], [0, 3, 2, 3], [1, 3], []):
        vars(graphs)["_offsets"] = np.array(offsets, dtype=np.int64)
        with pytest.raises(ModelFileError, match="must have offsets from 0"):
            tripped(graphs, tmp_path)


def test_dataclasses_and_objects_with_slots(tmp_path):
    settings = Settings(1, None, 0.1, "constant", "adam", 0.0, None, 3, 0.1, "float32")
    assert tripped(settings, tmp_path) == settings
    with pytest.raises(ModelFileError, match="Slotted, which files do not keep"):
        tripped(Slotted(), tmp_path)


def test_the_optimiser_is_made_anew_with_the_settings_of_the_fit(tmp_path):
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    model = TabularClassifier(max_epochs=1, weight_decay=0.3, learning_rate=0.02).fit(X, y)
    found = tripped(model, tmp_path)
    before, after = (one._learner.optimizers[0] for one in (model, found))
    assert type(before) is type(after)
    assert after.param_groups[0]["weight_decay"] == 0.3
    assert after.param_groups[0]["initial_lr"] == 0.02
    assert not after.state
    assert {id(one) for one in found._learner.trained[0]} == {id(one) for one in found.module_.parameters()}


def test_setstate_of_others_is_not_called(tmp_path):
    class Loud(BaseEstimator):
        def __setstate__(self, state):
            raise AssertionError

        def __reduce__(self):
            raise AssertionError

    assert type(tripped(Loud(), tmp_path, trusted=[Loud])) is Loud
