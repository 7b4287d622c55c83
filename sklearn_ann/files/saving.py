"""Save a model to one file and open it again, also one of a stranger."""

from __future__ import annotations

import json
import mmap
import os
import platform
import warnings
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
import torch
from sklearn.base import BaseEstimator
from sklearn.exceptions import InconsistentVersionWarning

from sklearn_ann import training
from sklearn_ann._version import __version__
from sklearn_ann._warnings import warn
from sklearn_ann.files.archive import opened, read, write
from sklearn_ann.files.compiled import KINDS as COMPILED
from sklearn_ann.files.containers import KINDS as CONTAINERS
from sklearn_ann.files.distributions import KINDS as DISTRIBUTIONS
from sklearn_ann.files.errors import ModelFileError
from sklearn_ann.files.graph import Decoder, Encoder
from sklearn_ann.files.modules import KINDS as MODULES
from sklearn_ann.files.names import Names
from sklearn_ann.files.numerics import KINDS as NUMERICS
from sklearn_ann.files.objects import KINDS as OBJECTS
from sklearn_ann.files.tensors import Arrays, StoredArrays

FORMAT = 1
KINDS = (*CONTAINERS, *NUMERICS, *COMPILED, *MODULES, *DISTRIBUTIONS, *OBJECTS)
_MOST_VALUES = 4_000_000


def versions() -> dict[str, str]:
    """Return the versions that a model depends on."""
    return {
        "sklearn_ann": __version__,
        "scikit-learn": sklearn.__version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def save(
    model: BaseEstimator, path: str | os.PathLike, *, optimizer: bool = False, trusted: Iterable[Any] = ()
) -> None:
    """Save a model to a file without code, which others can open safely.

    The file is a zip of a manifest in JSON (classes, hyper-parameters and fitted values by name) and of all arrays in
    the format of safetensors. The file contains no pickle and no code.

    Parameters
    ----------
    model : estimator
        An estimator of this package, fitted or not, or a pipeline, search or other estimator of scikit-learn around
        ones of this package or of scikit-learn.
    path : str or path-like
        Path of the file, usually with the ending ``.sklann``. An existing file is replaced when the new one is
        complete.
    optimizer : bool, default=False
        Whether to save the state of the optimiser, which is twice as large as the weights. With the state,
        ``partial_fit`` continues after `load` as without interruption; otherwise, its optimiser starts anew.
    trusted : iterable of class or function, default=()
        Your own classes and functions in the model, such as a tokeniser. The file stores their names, and `load` needs
        them too.

    Raises
    ------
    ModelFileError
        If the model contains an object that cannot be saved. The message states the object and its place in the model.
        An existing file is left unchanged.
    FileNotFoundError, IsADirectoryError, ValueError
        If there is no such folder, or if `path` is a folder or a device.

    Notes
    -----
    Callbacks and the cache of a pipeline (``memory``) are not saved. Before an existing file is replaced, the new file
    is opened once. If anything fails, the existing file is left unchanged.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_ann import TabularClassifier, load, save
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), TabularClassifier(random_state=0)).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, pathlib.Path(folder) / "iris.sklann")
    ...     again = load(pathlib.Path(folder) / "iris.sklann")
    >>> float(abs(again.predict_proba(X) - model.predict_proba(X)).max())
    0.0
    """
    if not isinstance(model, BaseEstimator):
        raise TypeError(f"model must be an estimator, got {type(model).__name__}")
    path, names = Path(path), Names(trusted)
    encoder = Encoder(KINDS, names, optimizer=optimizer)
    with training.isolated():
        encoded = encoder.encode(model, type(model).__name__)
        arrays = Arrays(encoder.tensors)
    manifest = {
        "format": FORMAT,
        "versions": versions(),
        "header": zlib.crc32(arrays.header),
        "sums": arrays.sums,
        "model": encoded,
    }
    text = json.dumps(manifest, separators=(",", ":"), allow_nan=False).encode()

    def check(written: Path) -> None:
        """Open the new file: what cannot be opened must not take the place of what can."""
        try:
            _opened(written, names, memory_map=os.name == "posix")  # elsewhere a map would hinder the renaming
        except ModelFileError as error:
            raise ModelFileError(f"{type(model).__name__} cannot be saved: {error.__cause__}") from error

    write(path, text, arrays, check)


def load(path: str | os.PathLike, *, memory_map: bool = False, trusted: Iterable[Any] = ()) -> Any:
    """Open a model that was saved by `save`; a file from an unknown author cannot run code.

    Only listed classes and functions are imported. The sizes that the file states are compared with the size of the
    file before memory is allocated, and the shapes of weights with the sizes of their layers. All weights must be
    finite.

    Parameters
    ----------
    path : str or path-like
        The file.
    memory_map : bool, default=False
        Whether to leave the arrays in the file, from which the operating system reads them. Several processes that open
        the same file share memory. Changes of the model do not change the file. While the model is in use, the file
        must not be changed in place; `save` is safe, because it creates a new file.
    trusted : iterable of class or function, default=()
        Your own classes and functions that the file may name. They are taken from this argument and not imported.

    Returns
    -------
    estimator
        The model, on the device of its fit if this machine has the device, and otherwise on the CPU.

    Raises
    ------
    ModelFileError
        If the file is not a model file, is truncated or damaged, has an unknown format, names a class that is not
        listed, or has weights that do not fit. The error is a ``ValueError`` and states the file and the reason.
    """
    model, told, written_by = _opened(Path(path), Names(trusted), memory_map)
    _tell(told, type(model).__name__, written_by)
    return model


def _opened(path: Path, names: Names, memory_map: bool) -> tuple[Any, list[warnings.WarningMessage], dict[str, Any]]:
    """Return the model in a file, warnings about it, and the versions that it was written by."""
    with opened(path) as file, training.isolated():
        stored = read(file)
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) if memory_map else None
        manifest = _manifest(stored.manifest)
        arrays = StoredArrays(file, stored.start, stored.size, mapped)
        if manifest["header"] != arrays.header_sum:
            raise ModelFileError("the header of its tensors is damaged: the checksum differs from the manifest's")
        arrays.expect(manifest["sums"])
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            most = 2**17 + 16 * _n_values(stored.manifest)
            model = Decoder(KINDS, names, arrays, most).decode(manifest["model"], "the model")
        if not isinstance(model, BaseEstimator):
            raise ModelFileError(f"it holds a {type(model).__name__} instead of an estimator")
        if arrays.unused:
            raise ModelFileError(f"its tensor {arrays.unused[0]} belongs to nothing")
    return model, told, manifest["versions"]


def _tell(told: list[warnings.WarningMessage], name: str, written_by: dict[str, Any]) -> None:
    """Warn once of each version that differs."""
    seen = {str(warning.message): warning.message for warning in told}
    for message in seen.values():
        warn(message)
    if written_by.get("scikit-learn") != sklearn.__version__:
        warn(
            InconsistentVersionWarning(
                estimator_name=name,
                current_sklearn_version=sklearn.__version__,
                original_sklearn_version=str(written_by.get("scikit-learn"))[:50],
            )
        )


def _n_values(text: bytes) -> int:
    """Return a bound of the number of values in JSON."""
    return sum(text.count(mark) for mark in (b",", b"[", b"{"))


def _manifest(text: bytes) -> dict[str, Any]:
    """Read a manifest within limits."""
    if _n_values(text) > _MOST_VALUES:
        raise ModelFileError(f"its manifest has more than {_MOST_VALUES} values")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ModelFileError("its manifest has a key twice")
        return found

    def refused(name: str) -> None:
        raise ModelFileError(f"its manifest holds {name}, which is not JSON")

    try:
        manifest = json.loads(text, object_pairs_hook=unique, parse_constant=refused)
    except RecursionError as error:
        raise ModelFileError("its manifest is nested too deeply") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelFileError(f"its manifest is no JSON: {error}") from error
    if not isinstance(manifest, dict) or "format" not in manifest:
        raise ModelFileError("its manifest has no format")
    if manifest["format"] != FORMAT or type(manifest["format"]) is not int:
        raise ModelFileError(
            f"it has the format {str(manifest['format'])[:50]}, but this version of sklearn_ann ({__version__}) reads "
            f"format {FORMAT}; a newer version may open it"
        )
    if set(manifest) != {"format", "versions", "header", "sums", "model"} or not isinstance(manifest["versions"], dict):
        raise ModelFileError("its manifest must hold format, versions, header, sums and model")
    return manifest
