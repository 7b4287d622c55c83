"""Devices, precisions and threads."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import joblib
import pytest
import torch

from sklearn_ann.training.device import (
    allowed_threads,
    autocast,
    available_device,
    limited_threads,
    repeatable,
    resolve_device,
    tensor_dtype,
)

CPU = torch.device("cpu")


def test_auto_takes_cuda_where_it_is(monkeypatch):
    for available, kind in ((False, "cpu"), (True, "cuda")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda available=available: available)
        assert resolve_device("auto").type == kind
    assert resolve_device("cpu") == CPU


def test_cuda_devices_are_counted(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(ValueError, match="device='cuda:2' was asked for, but torch sees 2 CUDA devices"):
        resolve_device("cuda:2")


@pytest.mark.parametrize("device", ["tpu", "", "cuda:", "cuda:-1", "cpu:0", "mps:0", 3, None])
def test_what_is_no_device_is_named(device):
    with pytest.raises(ValueError, match=f"device must be 'auto', .* got {device!r}"):
        resolve_device(device)


def test_apple_gpus_know_no_float64(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ValueError, match="torch sees no Apple GPU"):
        resolve_device("mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("mps").type == "mps"
    with pytest.raises(ValueError, match="precision='float64' is not supported by device='mps'"):
        resolve_device("mps", "float64")
    assert available_device("mps", "float64") == CPU


def test_a_model_from_another_machine_falls_back_to_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert available_device("cuda:7") == CPU


@pytest.mark.parametrize(
    ("precision", "stored", "product"),
    [
        ("float32", torch.float32, torch.float32),
        ("float64", torch.float64, torch.float64),
        ("bfloat16", torch.float32, torch.bfloat16),
    ],
)
def test_precisions(precision, stored, product):
    weights = torch.ones(2, 2, dtype=tensor_dtype(precision))
    assert weights.dtype == stored
    with autocast(CPU, precision):
        assert (weights @ weights).dtype == product


@pytest.mark.usefixtures("four_threads")
def test_threads_are_left_alone_outside_of_workers():
    with limited_threads():
        assert torch.get_num_threads() == 4


def threads_inside(fails=False):
    with limited_threads():
        with limited_threads():  # such as a fit that predicts
            if fails:
                raise ZeroDivisionError
        return torch.get_num_threads()


def process_threads():
    """Return the setting of the process, which a new thread takes over."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.get_num_threads).result()


@pytest.mark.usefixtures("four_threads")
def test_workers_share_the_cores_and_the_setting_comes_back():
    in_threads = joblib.Parallel(n_jobs=2, backend="threading")
    assert in_threads(joblib.delayed(threads_inside)() for _ in range(6)) == [1] * 6
    assert torch.get_num_threads() == process_threads() == 4
    with pytest.raises(ZeroDivisionError):
        in_threads(joblib.delayed(threads_inside)(fails=True) for _ in range(2))
    assert torch.get_num_threads() == process_threads() == 4


@pytest.mark.usefixtures("four_threads")
def test_forked_workers_have_one_thread_each():
    forked = joblib.Parallel(n_jobs=2, backend="multiprocessing")
    assert forked(joblib.delayed(threads_inside)() for _ in range(2)) == [1] * 2
    assert torch.get_num_threads() == 4


def stay(seconds):
    with limited_threads():
        time.sleep(seconds)


@pytest.mark.usefixtures("four_threads")
def test_workers_may_be_used_again():
    with joblib.Parallel(n_jobs=2, backend="threading") as workers:
        for _ in range(3):
            workers(joblib.delayed(stay)(seconds) for seconds in (0.01, 0.03, 0.02))
            assert process_threads() == 4


@pytest.mark.usefixtures("four_threads")
def test_a_thread_that_leaves_first_has_its_own_number_again():
    inside, leave = threading.Event(), threading.Event()

    def stay_until_told():
        with allowed_threads() as allowed:
            torch.set_num_threads(1)
            inside.set()
            leave.wait(30)
            return allowed, torch.get_num_threads()

    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(stay_until_told)
        inside.wait(30)
        with allowed_threads() as allowed:
            torch.set_num_threads(2)
        assert allowed == torch.get_num_threads() == 4
        leave.set()
        assert other.result() == (4, 1)
        assert pool.submit(torch.get_num_threads).result() == process_threads() == 4


@pytest.mark.usefixtures("four_threads")
def test_a_context_within_another_returns_to_its_number():
    with allowed_threads():
        torch.set_num_threads(2)
        with allowed_threads() as allowed:
            torch.set_num_threads(1)
        assert (allowed, torch.get_num_threads()) == (4, 2)
    assert torch.get_num_threads() == 4


def kernels():
    return (
        torch.get_deterministic_debug_mode(),
        torch.utils.deterministic.fill_uninitialized_memory,
        os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
    )


@pytest.mark.parametrize("mode", [0, 1])
def test_cuda_sums_in_a_fixed_order_while_it_computes_and_the_setting_comes_back(mode, monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    own = torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode(mode)
    before = kernels()
    try:
        with repeatable(torch.device("cpu")):
            assert kernels() == before
        with repeatable(torch.device("cuda")), repeatable(torch.device("cuda")):
            assert kernels() == (2, False, ":4096:8")
        assert kernels() == before
        with pytest.raises(ZeroDivisionError), repeatable(torch.device("cuda")):
            raise ZeroDivisionError
        assert kernels() == before
    finally:
        torch.set_deterministic_debug_mode(own)
