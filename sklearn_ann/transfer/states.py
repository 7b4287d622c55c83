"""Weights from a file or a dictionary, and a module that takes them."""

from __future__ import annotations

import copy
import os
import pickle
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sklearn_ann.layers import seeded
from sklearn_ann.training import as_tensor

_OF_TORCH = (".pt", ".pth", ".th", ".bin", ".ckpt")
_NESTED = ("state_dict", "model_state_dict", "model")
_FEW = 5  # names in a message


def read_state(state: Any) -> dict[str, Tensor]:
    """Return the weights in a dictionary or a file, by name.

    Parameters
    ----------
    state : mapping of arrays or tensors, or path
        A file ends in .safetensors, in .npz, or, for files of torch, in .pt, .pth, .th, .bin or .ckpt. Files of torch
        are read with ``weights_only=True``: what holds anything but tensors and plain containers is refused.

    Raises
    ------
    TypeError
        If `state` is neither, or if an entry is no array.
    ValueError
        If the file is damaged or of another kind, or if an entry is not finite.
    FileNotFoundError
        If there is no such file.
    ImportError
        If a file in .safetensors needs the package of this name.
    """
    found = _from_file(Path(state)) if isinstance(state, str | os.PathLike) else state
    if not isinstance(found, Mapping):
        raise TypeError(f"state is a {type(found).__name__}: expected a dictionary of arrays, or a path")
    for name in _NESTED:  # what trainers wrap the weights in
        if isinstance(found.get(name), Mapping):
            found = found[name]
    tensors = {str(name): _tensor(name, value) for name, value in found.items()}
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise ValueError(f"state has NaN or infinity in {name!r}")
    return tensors


def _tensor(name: Any, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        if value.layout != torch.strided or value.is_meta or value.is_complex() or value.is_quantized:
            where = f"{value.dtype} of layout {value.layout} on {value.device}"
            raise TypeError(f"state[{name!r}] is a tensor of {where}: expected a dense tensor of real numbers")
        return value.detach()
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return as_tensor(value)
    raise TypeError(f"state[{name!r}] is a {type(value).__name__}: expected an array of numbers or a tensor")


def _from_file(path: Path) -> Any:
    if not path.exists():
        raise FileNotFoundError(f"state={str(path)!r}: there is no such file")
    if path.suffix not in (".safetensors", ".npz", *_OF_TORCH):
        raise ValueError(
            f"state={str(path)!r} ends in {path.suffix!r}: expected .safetensors, .npz or {', '.join(_OF_TORCH)}"
        )
    if path.suffix == ".safetensors":
        try:
            from safetensors.torch import load_file
        except ImportError as error:
            raise ImportError(
                "files in .safetensors need safetensors: pip install 'sklearn-ann-architectures[transfer]'"
            ) from error
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        if path.suffix == ".npz":
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return dict(arrays)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"state={str(path)!r} cannot be read as weights: it is damaged, or holds more than arrays, such as a whole "
            "module, whose code is never run here; torch.save(module.state_dict(), path) saves the arrays alone"
        ) from error
    except Exception as error:  # a damaged file may raise anything; none of these readers runs what a file holds
        raise ValueError(f"state={str(path)!r} cannot be read as weights: {error}") from error


def with_state(module: nn.Module | Callable[[], nn.Module], state: Any, owner: str) -> nn.Module:
    """Return a copy of a module, or the module that an architecture makes, with the weights in `state`, if any.

    Raises
    ------
    TypeError
        If `module` is no module and makes none.
    ValueError
        If names or shapes of the weights are not those of the module.
    """
    made: Any = module
    if isinstance(module, nn.Module):
        made = copy.deepcopy(module)
    elif callable(module):
        with seeded(0):  # weights that are drawn and not in the state are the same ones each time
            made = module()
    if not isinstance(made, nn.Module):
        what = f"a callable that returns a {type(made).__name__}" if callable(module) else type(made).__name__
        raise TypeError(f"module of {owner} is {what}: expected a torch.nn.Module, or a callable that returns one")
    if state is not None:
        _load(made, read_state(state))
    return made


def _load(module: nn.Module, state: dict[str, Tensor]) -> None:
    own = module.state_dict()
    if not set(state) & set(own) and all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}  # of DataParallel
    missing = [name for name in own if name not in state and not name.endswith("num_batches_tracked")]
    foreign = [name for name in state if name not in own]
    shapes = [
        f"{name} {tuple(state[name].shape)} instead of {tuple(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    wrong = [
        f"{what} {', '.join(names[:_FEW])}{f' and {len(names) - _FEW} more' if len(names) > _FEW else ''}"
        for what, names in (("lacks", missing), ("has the unknown", foreign), ("has the shapes", shapes))
        if names
    ]
    if wrong:
        raise ValueError(f"state does not fit module, a {type(module).__name__}: it {'; it '.join(wrong)}")
    module.load_state_dict(state, strict=False)
