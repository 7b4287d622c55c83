"""Leases of GPUs, on devices that are only names: the locks between threads and processes are real."""

import itertools
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time

import joblib
import pytest
import torch
from discovery import BRIEF, digits
from observing import Recorder

import sklearn_ann.training.device
from sklearn_ann import AutoEncoderTransformer
from sklearn_ann.training import leases
from sklearn_ann.training.device import resolve_device
from sklearn_ann.training.rendezvous import Task, meet, yield_turn

pytestmark = [
    pytest.mark.skipif(leases.fcntl is None, reason="this system has no locks that end with their process"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]


@pytest.fixture
def devices(monkeypatch, tmp_path):
    """A function that sets how many devices this machine seems to have."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(leases, "_last", [])

    def fake(n):
        monkeypatch.setattr(leases, "device_names", lambda: tuple(f"GPU-{number}" for number in range(n)))

    return fake


def hold(seconds, device="auto"):
    with leases.leased(device):
        begin, where = time.perf_counter(), resolve_device(device)
        time.sleep(seconds)
        return where.index, begin, time.perf_counter()


def in_threads(function, *arguments):
    return joblib.Parallel(n_jobs=len(arguments), backend="threading")(
        joblib.delayed(function)(*several) for several in arguments
    )


def test_without_gpus_there_is_nothing_to_lease():
    assert leases.device_names() == () or torch.cuda.is_available()
    with leases.leased("auto"):
        assert leases.leased_number() is None


def test_a_process_on_its_own_leases_nothing(devices, tmp_path):
    devices(1)
    with leases.leased("auto"):
        assert leases.leased_number() is None
    assert not list(tmp_path.iterdir())


def test_a_device_that_is_named_is_not_leased(devices):
    devices(1)
    assert in_threads(hold, (0, "cpu"), (0, "cpu"))[0][0] is None


@pytest.mark.parametrize("n", [1, 2])
def test_one_fit_a_device_then_wait(devices, n):
    devices(n)
    together = threading.Barrier(4)

    def hold_together():
        together.wait()
        return hold(0.05)

    held = in_threads(hold_together, (), (), (), ())
    assert {number for number, _, _ in held} == set(range(n))
    for number in range(n):
        times = sorted(interval for device, *interval in held if device == number)
        for (_, end), (begin, _) in itertools.pairwise(times):
            assert end <= begin
    assert leases.leased_number() is None


def test_a_worker_takes_the_device_of_its_last_fit_again(devices, monkeypatch):
    devices(3)
    monkeypatch.setattr(leases, "in_worker", lambda: True)
    assert hold(0)[0] == 0
    leases._last[:] = [2]
    assert hold(0)[0] == hold(0)[0] == 2


def test_a_fit_is_leased_and_a_fit_inside_it_does_not_wait(devices, monkeypatch):
    devices(1)
    monkeypatch.setattr(sklearn_ann.training.device, "leased_number", lambda: None)  # it does compute, on the CPU
    X, _ = digits()
    epochs = []

    def note(name):
        def at_end(epoch, _fitted):
            assert leases.leased_number() == 0
            epochs.append(name)
            time.sleep(0.01)
            if name == "first":
                AutoEncoderTransformer(**BRIEF).fit(X)

        return at_end

    def fit(name):
        AutoEncoderTransformer(**BRIEF | {"max_epochs": 3}).set_callbacks(Recorder(note(name))).fit(X)

    in_threads(fit, ("first",), ("second",))
    assert epochs in (["first"] * 3 + ["second"] * 3, ["second"] * 3 + ["first"] * 3)


def test_fits_that_wait_for_each_other_share_a_lease(devices):
    devices(1)

    def meet_there():
        tasks = [Task(resolve_after_turn) for _ in range(3)]
        return meet(tasks)

    def resolve_after_turn():
        with leases.leased("auto"):
            yield_turn()
            return resolve_device("auto").index

    assert in_threads(meet_there, (), ()) == [[0] * 3] * 2
    assert in_threads(hold, (0,), (0,))[0][0] == 0


def test_a_fit_that_fails_ends_its_lease(devices):
    devices(1)

    def fail():
        with pytest.raises(ZeroDivisionError), leases.leased("auto"):
            raise ZeroDivisionError

    in_threads(fail, (), ())
    assert in_threads(hold, (0,), (0,))[0][0] == 0


def test_a_folder_that_cannot_be_written_is_no_reason_to_fail(devices, monkeypatch, tmp_path):
    devices(1)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    monkeypatch.setattr(sklearn_ann.training.device.torch.cuda, "is_available", lambda: False)
    assert in_threads(hold, (0,), (0,))[0][0] is None


def test_a_process_that_is_killed_ends_its_lease_also_if_it_has_a_child(devices, tmp_path):
    code = """
        import os, sys, time
        from sklearn_ann.training import leases
        leases.device_names, leases.in_worker = lambda: ("GPU-0",), lambda: True
        with leases.leased("auto"):
            child = os.fork()
            if not child:
                time.sleep(60)
                os._exit(0)
            print(child, flush=True)
            time.sleep(60)
    """
    devices(1)
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, env=environment
    ) as worker:
        child = int(worker.stdout.readline())
        assert leases._lock(leases._folder() / "GPU-0.lock") is None
        worker.kill()
    begin = time.perf_counter()
    assert in_threads(hold, (0,), (0,))[0][0] == 0
    assert time.perf_counter() - begin < 10
    os.kill(child, signal.SIGKILL)  # which fails if the child has ended before
