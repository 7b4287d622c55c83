"""What tests look at in a fit: weights, epochs as a callback sees them, threads."""

import os
import signal

import torch
from discovery import BRIEF

from sklearn_ann.training import effort


def weights_of(model):
    return [tensor.clone() for tensor in model.module_.state_dict().values()]


def same_weights(one, other):
    return all(torch.equal(a, b) for a, b in zip(weights_of(one), weights_of(other), strict=True))


def same_parameters(one, other):
    """Without the running statistics of batch normalisation, which a fit settles at its end."""
    pairs = zip(one.module_.parameters(), other.module_.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


class Recorder:
    """A callback of scikit-learn's that does at the end of each epoch what it is told to."""

    max_propagation_depth = None

    def __init__(self, at_end=lambda _epoch, _fitted: None):
        self.at_end = at_end
        self.tasks = []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator):
        self.tasks.append((context.estimator_name, context.task_name))
        if context.task_name == "epoch":
            return self.at_end(context.task_id + 1, fitted_estimator)
        return False


class Murder:
    """A callback that kills the first worker that trains with a certain learning rate; a file says that it did."""

    def __init__(self, file, learning_rate):
        self.file, self.learning_rate, self.main = file, learning_rate, os.getpid()

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        if os.getpid() != self.main and estimator.learning_rate == self.learning_rate and not self.file.exists():
            self.file.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return False


def threads_during_fit(estimator, X, y):
    seen = []
    recorder = Recorder(lambda _epoch, _fitted: seen.append(torch.get_num_threads()))
    estimator(**BRIEF | {"max_epochs": 1}).set_callbacks(recorder).fit(X, y)
    return max(seen)


def threads_in_worker(estimator, X, y):
    """In a process that joblib started: while fitting, as if the network were large, and afterwards."""
    effort.WORTH = 0.0
    return threads_during_fit(estimator, X, y), torch.get_num_threads()
