"""Observers of a training."""

from types import SimpleNamespace

import numpy as np
import pytest

from sklearn_ann.training.callbacks import EpochTasks, progress


def training_of(*records):
    return SimpleNamespace(history=list(records))


def test_a_progress_line_counts_epochs_and_shows_the_latest_losses(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")  # tqdm cuts a longer line
    with progress("Model", 2, 1) as (line,):
        for record in ({"loss": 0.5}, {"loss": 0.25, "validation_loss": 0.75, "learning_rate": 0.1}):
            training = training_of({"loss": 9.0}, record)
            line.epoch_begins(training)
            assert line.epoch_ends(training) is False
    captured = capsys.readouterr()
    last = captured.err.split("\r")[-1]
    assert captured.out == ""
    assert all(part in last for part in ("Model", "2/2", "loss=0.25", "validation_loss=0.75"))
    assert "learning_rate" not in last


def test_members_of_one_training_show_their_mean_loss(capsys):
    with progress("Model", 1, 1) as (line,):
        line.epoch_ends(training_of({"loss": [1.0, 3.0]}))
    assert "loss=2" in capsys.readouterr().err


def test_nothing_is_shown_without_verbose(capsys):
    with progress("Model", 2, 0) as lines:
        assert lines == []
    assert capsys.readouterr() == ("", "")


class Context:
    """A context of scikit-learn that writes down what it is told."""

    def __init__(self, answers=()):
        self.answers, self.told = iter(answers), []

    def subcontext(self, task_name):
        self.told.append(task_name)
        return self

    def call_on_fit_task_begin(self, **told):
        self.told.append(("begin", told))

    def call_on_fit_task_end(self, **told):
        self.told.append(("end", told))
        return next(self.answers)


def test_each_epoch_is_a_task_that_hears_of_the_data():
    context, X, y = Context([None, True]), np.ones(2), np.zeros(2)
    tasks = EpochTasks("the estimator", context, lambda training: training.history[-1], X=X, y=y, metadata=None)
    stops = []
    for epoch in (1, 2):
        training = training_of({"epoch": epoch})
        tasks.epoch_begins(training)
        stops.append(tasks.epoch_ends(training))
        assert context.record == {"epoch": epoch}
    assert stops == [False, True]
    assert context.told[0] == context.told[3] == "epoch"
    assert [what[0] for what in context.told if what != "epoch"] == ["begin", "end"] * 2
    for what, epoch in zip(context.told[1:3] + context.told[4:], (1, 1, 2, 2), strict=True):
        told = what[1]
        assert told["estimator"] == "the estimator"
        assert told["X"] is X
        assert told["y"] is y
        assert told["metadata"] is None
        assert told["reconstruction_attributes"]() == {"epoch": epoch}


def test_attributes_are_made_only_when_a_callback_asks():
    def attributes(training):
        pytest.fail("nobody asked")

    tasks = EpochTasks("the estimator", Context([False]), attributes)
    tasks.epoch_begins(training_of({"loss": 1.0}))
    tasks.epoch_ends(training_of({"loss": 1.0}))
