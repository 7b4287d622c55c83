"""Weights from files that one may not trust."""

import os
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_ann.transfer.states import read_state, with_state


class Planted:
    def __reduce__(self):
        return (os.mkdir, ("planted",))


@pytest.mark.parametrize("suffix", ["pt", "pth", "bin"])
def test_a_pickle_with_code_is_refused_and_not_run(tmp_path, monkeypatch, suffix):
    monkeypatch.chdir(tmp_path)
    torch.save({"weight": Planted()}, f"a.{suffix}")
    (tmp_path / f"b.{suffix}").write_bytes(pickle.dumps(Planted()))
    for name in ("a", "b"):
        with pytest.raises(ValueError, match=rf"{name}\.{suffix}' cannot be read as weights"):
            read_state(f"{name}.{suffix}")
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize("suffix", ["safetensors", "npz", "pt"])
def test_damaged_files_are_named(tmp_path, suffix):
    path = tmp_path / f"weights.{suffix}"
    for content in (b"", b"abc", bytes(1000), b"PK\x03\x04" + bytes(100)):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=f"weights.{suffix}"):
            read_state(path)


def test_objects_in_arrays_are_refused(tmp_path):
    path = tmp_path / "objects.npz"
    np.savez(path, weight=np.array([Planted()], dtype=object))
    with pytest.raises(ValueError, match=r"objects.npz.* cannot be read"):
        read_state(path)


def test_weights_that_are_not_finite_or_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="NaN or infinity in 'weight'"):
        read_state({"weight": np.array([np.inf])})
    linear = nn.Linear(2, 1)
    with pytest.raises(ValueError, match=r"it has the shapes weight \(1, 3\) instead of \(1, 2\)"):
        with_state(linear, {"weight": np.ones((1, 3)), "bias": np.ones(1)}, "Owner")
    with pytest.raises(ValueError, match="it has the unknown extra"):
        with_state(linear, {"weight": np.ones((1, 2)), "bias": np.ones(1), "extra": np.ones(1)}, "Owner")


def test_the_module_given_is_left_alone():
    linear = nn.Linear(2, 1)
    before = linear.weight.detach().clone()
    found = with_state(linear, {"weight": np.ones((1, 2)), "bias": np.ones(1)}, "Owner")
    assert torch.equal(linear.weight, before)
    assert found.weight.tolist() == [[1, 1]]


@pytest.mark.parametrize(
    "tensor",
    [torch.ones(2, dtype=torch.complex64), torch.eye(2).to_sparse(), torch.ones(2, device="meta")],
    ids=["complex", "sparse", "meta"],
)
def test_tensors_that_are_no_weights_are_named(tensor):
    with pytest.raises(
        TypeError, match=r"state\['weight'\] is a tensor of .*: expected a dense tensor of real numbers"
    ):
        read_state({"weight": tensor})


def test_a_whole_module_in_a_file_is_refused_with_the_way_out(tmp_path):
    torch.save(nn.Linear(2, 1), tmp_path / "module.pt")
    with pytest.raises(ValueError, match=r"holds more than arrays, such as a whole module.*state_dict"):
        read_state(tmp_path / "module.pt")
