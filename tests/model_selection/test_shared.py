"""What candidates share is made once, and nobody changes what others get."""

import copy
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from leaves import DenseClassifier
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_ann.autoencoder import AutoEncoderTransformer
from sklearn_ann.model_selection import shared
from sklearn_ann.model_selection.shared import StepMemory
from sklearn_ann.reading import RowReader
from sklearn_ann.training import Task, meet

X = np.random.RandomState(0).standard_normal((8, 3))
FITS = []


class Counted(TransformerMixin, BaseEstimator):
    """Notes each fit; adds to what it gets, in place."""

    def __init__(self, shift=0.0):
        self.shift = shift

    def fit(self, X, y=None):
        FITS.append(self.shift)
        if np.isnan(self.shift):
            raise ValueError("it fails")
        return self

    def transform(self, X):
        X += self.shift
        return X


@pytest.fixture(autouse=True)
def no_fits():
    FITS.clear()


def fitted(memory, *steps, fold=0):
    pipe = memory.shared_by(make_pipeline(*steps, "passthrough"), fold)
    return pipe.fit(X.copy())


def test_a_step_of_the_same_parameters_is_fitted_once_a_fold():
    memory = StepMemory()
    for shift, fold in [(1.0, 0), (1.0, 0), (2.0, 0), (1.0, 1), (1.0, 1)]:
        fitted(memory, StandardScaler(), Counted(shift), fold=fold)
    assert FITS == [1.0, 2.0, 1.0]


def test_a_step_after_other_steps_is_another_step():
    memory = StepMemory()
    for mean in (True, False):
        fitted(memory, StandardScaler(with_mean=mean), Counted())
    assert len(FITS) == 2


def test_steps_that_write_into_what_they_get_change_nothing_of_others():
    memory = StepMemory()
    for shift in (1.0, 5.0, 1.0):
        pipe = make_pipeline(StandardScaler(), Counted(shift), Counted(0.5))
        shared = memory.shared_by(clone(pipe), 0)
        np.testing.assert_array_equal(shared.fit_transform(X.copy()), pipe.fit_transform(X.copy()))
        shared[0].mean_[:] = np.nan  # nor does who changes a fitted step


class Refusing(StandardScaler):
    """Cannot be pickled, and says so in its own way."""

    def __getstate__(self):
        raise RuntimeError("no pickles")


@pytest.mark.parametrize("odd", [FunctionTransformer(lambda X: X), Refusing()], ids=["lambda", "refusing"])
def test_a_step_that_cannot_be_compared_is_fitted_each_time_and_so_are_those_after_it(odd):
    memory = StepMemory()
    for _ in range(2):
        fitted(memory, odd, Counted())
    assert len(FITS) == 2


def test_a_step_that_fails_fails_for_each():
    memory = StepMemory()
    for _ in range(2):
        with pytest.raises(ValueError, match="it fails"):
            fitted(memory, Counted(np.nan))
    assert len(FITS) == 2


def test_later_fits_and_copies_share_nothing():
    memory = StepMemory()
    fitted(memory, Counted())
    pipe = fitted(memory, Counted())
    assert len(FITS) == 1
    for other in (pipe, clone(pipe), pickle.loads(pickle.dumps(pipe))):
        assert other.memory is None
        other.fit(X[:4].copy())
    assert len(FITS) == 4
    early = memory.shared_by(make_pipeline(Counted()), 0)
    assert pickle.loads(pickle.dumps(early)).memory is None


def test_a_pipeline_keeps_a_memory_and_a_fit_of_its_own(tmp_path):
    class Halving(Pipeline):
        def fit(self, X, y=None):
            return super().fit(X[::2], y)

    memory = StepMemory()
    assert memory.shared_by(make_pipeline(StandardScaler(), memory=str(tmp_path)), 0).memory == str(tmp_path)
    assert memory.shared_by(Halving([("scale", StandardScaler())]), 0).memory is None
    assert isinstance(memory.shared_by(StandardScaler(), 0), StandardScaler)


class Slow(Counted):
    """Takes its time."""

    def fit(self, X, y=None):
        time.sleep(2 * shared.WORTH)
        return super().fit(X, y)


def used_by(memory, *steps, **how):
    keys = []
    memory.shared_by(make_pipeline(*steps, "passthrough"), 0, used=keys, **how).fit(X.copy())
    return keys


def test_what_took_long_is_carried_to_other_processes():
    memory = StepMemory()
    keys = used_by(memory, Counted(1.0), Slow(2.0))
    assert len(keys) == 2
    carried = memory.carry(keys)
    assert list(carried) == keys[1:]
    assert memory.carry(keys) == carried
    other = pickle.loads(pickle.dumps(memory))  # in another process nothing is known
    other.receive(carried)
    assert used_by(other, Counted(1.0), Slow(2.0)) == keys
    assert FITS == [1.0, 2.0, 1.0]


def test_what_takes_longer_to_travel_stays(monkeypatch):
    monkeypatch.setattr(shared, "TRANSPORT", 1e9)
    memory = StepMemory()
    assert memory.carry(used_by(memory, Slow(2.0))) == {}


def test_what_nobody_needs_is_forgotten():
    memory = StepMemory()
    first, second = used_by(memory, Counted(1.0)), used_by(memory, Counted(2.0))
    memory.keep(second)
    used_by(memory, Counted(1.0))
    used_by(memory, Counted(2.0))
    assert FITS == [1.0, 2.0, 1.0]
    assert first != second


def test_threads_that_fit_at_the_same_time_have_memories_of_their_own():
    memory = StepMemory()
    assert memory.here is memory
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: memory.here).result() is not memory


class Hidden(Counted):
    """Trains a network of which its parameters say nothing."""

    def fit(self, X, y=None):
        super().fit(X, y)
        AutoEncoderTransformer(n_components=1, max_epochs=2, random_state=0).fit(X)
        return self


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("known", [True, False])
def test_trainings_in_parts_are_not_shared(known):
    network = AutoEncoderTransformer(n_components=2, max_epochs=2, random_state=0)
    steps = [Counted(1.0), network if known else Hidden(2.0), Counted(3.0)]
    memory, keys = StepMemory(), []

    def fit():
        keys.append(used_by(memory, *map(clone, steps), in_parts=True))

    tasks = [Task(fit) for _ in range(3)]
    meet(tasks)
    assert [len(used) for used in keys] == [1, 1, 1]
    assert [len(task.epochs) for task in tasks] == [1, 1, 1]
    assert FITS.count(1.0) == 1
    assert FITS.count(3.0) == 3


class Read(RowReader):
    """Notes when it reads."""

    def learn(self, X, y=None):
        READ.append(len(X))
        return super().learn(X, y)


class Reading(DenseClassifier):
    """A classifier whose reader takes notes."""

    def _reader(self, X, **common):
        return Read(**common)


READ = []


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("steps", [(), (StandardScaler(),)], ids=["alone", "after a step"])
def test_samples_are_read_once_a_fold_by_networks_that_read_alike(steps):
    READ.clear()
    y = np.arange(8) % 2
    memory, fitted = StepMemory(), []
    for fold, settings in [(0, {}), (0, {"learning_rate": 0.1}), (1, {}), (0, {"precision": "float64"})]:
        network = Reading(max_epochs=1, random_state=0, **settings)
        model = make_pipeline(*map(clone, steps), network) if steps else network
        memory.shared_by(model, fold).fit(X.copy(), y)
        fitted.append(network)
        assert "_reading" not in vars(network)
    assert len(READ) == 3
    assert fitted[0].reader_ is fitted[1].reader_
    assert fitted[0].reader_ is not fitted[2].reader_
    alone = (make_pipeline(*map(clone, steps), clone(fitted[1])) if steps else clone(fitted[1])).fit(X, y)
    network = alone[-1] if steps else alone
    np.testing.assert_array_equal(
        fitted[1].module_.parts[0].head.weight.detach(), network.module_.parts[0].head.weight.detach()
    )


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_later_fit_and_a_copy_read_for_themselves():
    READ.clear()
    y = np.arange(8) % 2
    memory = StepMemory()
    network = memory.shared_by(Reading(max_epochs=1), 0)
    copied = copy.deepcopy(network)
    network.fit(X, y).fit(X[:6], y[:6])
    copied.fit(X[:4], y[:4])
    assert READ == [8, 6, 4]


class FirstColumns(Reading):
    """A classifier whose ``fit`` chooses the samples' columns, by a parameter that its reader does not know."""

    n_columns: int = 1

    def fit(self, X, y):
        return super().fit(X[:, : self.n_columns], y)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("steps", [(), (StandardScaler(),)], ids=["alone", "after a step"])
def test_a_network_with_a_fit_of_its_own_reads_for_itself(steps):
    memory, y = StepMemory(), np.arange(8) % 2
    for n_columns in (1, 2):
        network = FirstColumns(max_epochs=1, n_columns=n_columns)
        model = make_pipeline(*map(clone, steps), network) if steps else network
        memory.shared_by(model, 0).fit(X.copy(), y)
        assert network.n_features_in_ == n_columns


class Locked(Counted):
    """Has no copy after it is fitted."""

    def fit(self, X, y=None):
        self.lock_ = threading.Lock()
        return super().fit(X, y)


def test_a_step_that_has_no_copy_is_fitted_each_time_and_those_after_it_once():
    memory = StepMemory()
    used = []
    for _ in range(2):
        pipe = memory.shared_by(make_pipeline(Locked(1.0), Counted(2.0), "passthrough"), 0, used=used)
        np.testing.assert_allclose(pipe.fit_transform(X.copy()), X + 3.0)
    assert FITS == [1.0, 2.0, 1.0]
    assert not memory.carry(used)
