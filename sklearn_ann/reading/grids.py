"""Sequences, signals and images: values on a grid of one or two dimensions."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from sklearn_ann.layers import image_grid, ragged_positions
from sklearn_ann.reading.alphabets import Alphabet, Unknown
from sklearn_ann.reading.letters import LetterReader, LetterSamples
from sklearn_ann.reading.reader import Reader
from sklearn_ann.training import Rows, Samples, as_tensor

Kind = Literal["sequence", "signal", "image"]


class GridBatch(NamedTuple):
    """Samples in one tensor; zeros pad smaller samples at the end of each dimension."""

    x: Tensor  # (batch, channels, *size)
    sizes: Tensor | None  # (batch, n_dimensions); None if all samples fill the tensor


class GridSamples(Samples):
    """Values on grids of equal or different sizes.

    Parameters
    ----------
    values : Tensor of shape (n_samples, *size, ...) or (n_positions, ...)
        Codes, without further dimensions, or numbers, with a last dimension for the channels. Samples of different
        sizes are flattened and concatenated.
    sizes : int64 Tensor of shape (n_samples, n_dimensions)
    uniform : bool
        Whether all sizes are equal and `values` has them as dimensions.
    rows : Tensor of shape (n_codes, n_channels) or None
        Channels of each code; None if `values` are numbers.
    """

    least_batch = Rows.least_batch

    def __init__(self, values: Tensor, sizes: Tensor, uniform: bool, rows: Tensor | None) -> None:
        self.values, self.sizes, self.uniform, self.rows = values, sizes, uniform, rows
        self.n_channels = values.shape[-1] if rows is None else rows.shape[1]
        self.n_dimensions = sizes.shape[1]
        self.starts = torch.cat([sizes.new_zeros(1), sizes.prod(dim=1).cumsum(0)])
        self.extents = None if uniform else self.starts.diff()
        self.device = values.device
        self.nbytes = values.nbytes + sizes.nbytes

    @classmethod
    def of_letters(cls, letters: LetterSamples, alphabet: Alphabet, dtype: torch.dtype) -> GridSamples:
        """Read sequences of codes as signals with one channel per letter of the alphabet."""
        values = letters.codes.view(len(letters), -1) if letters.uniform else letters.codes
        return cls(values, letters.lengths[:, None], letters.uniform, torch.as_tensor(alphabet.rows, dtype=dtype))

    def __len__(self) -> int:
        return len(self.sizes)

    def to(self, device: torch.device) -> GridSamples:
        """Return the same samples on `device`."""
        rows = None if self.rows is None else self.rows.to(device)
        return GridSamples(self.values.to(device), self.sizes.to(device), self.uniform, rows)

    def __getitem__(self, index: Tensor) -> GridBatch:
        if self.uniform:
            return GridBatch(self._numbers(self.values.index_select(0, index)).movedim(-1, 1), None)
        sizes = self.sizes.index_select(0, index)  # (batch, n_dimensions)
        groups, positions = ragged_positions(self.starts, index)
        size = [_rounded(length) for length in sizes.amax(dim=0).tolist()]
        # The index within a flattened sample becomes the index in the padded tensor.
        place = torch.arange(len(positions), device=self.device) - groups.pointers.index_select(0, groups.members)
        target = groups.members
        if self.n_dimensions == 2:
            width = sizes[:, 1].index_select(0, groups.members)
            target = target * size[0] + place // width
            place = place % width
        target = target * size[-1] + place
        numbers = self._numbers(self.values.index_select(0, positions))  # (n_positions, channels)
        x = numbers.new_zeros(len(index) * math.prod(size), self.n_channels)
        x = x.index_copy(0, target, numbers).view(len(index), *size, self.n_channels)
        return GridBatch(x.movedim(-1, 1), sizes)

    def _numbers(self, values: Tensor) -> Tensor:
        if self.rows is None:
            return values
        return self.rows.index_select(0, values.flatten().long()).view(*values.shape, self.n_channels)


def _rounded(length: int) -> int:
    """Round a length up to one of sixteen values per octave: libraries prepare new kernels for each new shape."""
    step = 1 << max(0, length.bit_length() - 5)
    return -(-length // step) * step


# --- Input of many kinds ---------------------------------------------------------------------------------------------


def unwrapped(X: Any) -> Any:
    """Return the values of a pandas Series, anything else unchanged."""
    return X.to_numpy() if hasattr(X, "iloc") and X.ndim == 1 else X


def is_ragged(X: Any) -> bool:
    """Return whether samples must be read one by one: their shapes differ, or an array holds them as objects."""
    if not isinstance(X, list | tuple | np.ndarray):
        return False
    try:
        shape = np.shape(X)
    except ValueError:
        return True
    return len(shape) == 1 and shape[0] > 0 and np.ndim(X[0]) > 0


def kind_of(X: Any, image_shape: tuple[int, ...] | None) -> Kind:
    """Return the kind of the samples; rows of numbers are signals unless `image_shape` is given."""
    if image_shape is not None:
        return "image"
    if sp.issparse(X) or not hasattr(X, "__getitem__") or not hasattr(X, "__len__") or len(X) == 0:
        return "signal"  # reading it raises the error
    first = (X.to_numpy() if hasattr(X, "to_numpy") else X)[0]  # a polars frame indexes columns and rows otherwise
    if isinstance(first, np.ndarray | list | tuple) and len(first) == 1 and isinstance(first[0], str):
        first = first[0]
    if isinstance(first, str | bytes):
        return "sequence"
    if np.ndim(first) == 0 and isinstance(X, list) and any(isinstance(sample, str | bytes) for sample in X):
        return "sequence"  # reading the first sample raises the error
    return "image" if np.ndim(first) >= 2 else "signal"


def rows(X: np.ndarray, image_shape: tuple[int, ...] | None) -> GridSamples:
    """Read rows of numbers: signals of one channel, or flattened images."""
    values = X[:, :, None] if image_shape is None else X.reshape(len(X), *image_grid(image_shape, X.shape[1]))
    size = torch.tensor(values.shape[1:-1])
    return GridSamples(as_tensor(values), size.expand(len(X), -1), True, None)


def arrays(X: Any, n_dimensions: int, dtype: type[np.floating]) -> GridSamples:
    """Read signals, (length,) or (length, channels), or images, (height, width) or (height, width, channels).

    Raises
    ------
    ValueError
        If a sample is empty, is not finite, or differs from the first in its number of dimensions or channels.
    """
    channels = 0
    samples = []
    for index, sample in enumerate(X):
        array = _checked(sample, index, n_dimensions)
        channels = channels or array.shape[-1]
        if array.shape[-1] != channels:
            raise ValueError(f"sample {index} has {array.shape[-1]} channels, the first one has {channels}")
        samples.append(array)
    sizes = np.array([array.shape[:-1] for array in samples])
    uniform = bool((sizes == sizes[0]).all())
    values = (
        np.stack(samples).astype(dtype)
        if uniform
        else np.concatenate([array.reshape(-1, channels) for array in samples]).astype(dtype)
    )
    finite = np.isfinite(values.reshape(-1, values.shape[-1])).all(axis=1)
    if not finite.all():
        starts = np.cumsum([0, *sizes.prod(axis=1)])
        index = int(np.searchsorted(starts, np.argmin(finite), side="right")) - 1
        raise ValueError(f"sample {index} contains NaN or infinity")
    return GridSamples(torch.from_numpy(values), torch.from_numpy(sizes), uniform, None)


def _checked(sample: Any, index: int, n_dimensions: int) -> np.ndarray:
    """Check one sample and return it as an array whose last dimension is the channels."""
    array = np.asarray(sample)
    if array.dtype == object or (not np.issubdtype(array.dtype, np.number) and array.dtype != bool):
        raise TypeError(f"sample {index} is an array of {array.dtype}: expected numbers")
    if np.iscomplexobj(array):
        raise ValueError(f"Complex data not supported: sample {index} is of {array.dtype}")
    if array.ndim == n_dimensions:
        array = array[..., None]
    if array.ndim != n_dimensions + 1:
        raise ValueError(
            f"sample {index} has shape {np.shape(sample)}: expected {n_dimensions} dimensions, or one more for the "
            "channels, as the first sample has"
        )
    if array.size == 0:
        raise ValueError(f"sample {index} has shape {np.shape(sample)}: it is empty")
    return array


class GridReader(Reader[GridSamples]):
    """Reads strings, signals and images.

    Parameters
    ----------
    alphabet, unknown
        See `LetterReader`.
    image_shape : tuple of int or None
        Shape of images that are given as rows.
    fixed : set of int
        Numbers of dimensions for which the size is fixed: if all samples of the fit have one size, later samples must
        have it too.

    Attributes
    ----------
    kind : {"sequence", "signal", "image"}
    n_channels : int
    size : tuple of int or None
        The size that later samples must have.
    letters : LetterReader
        Reads strings.
    """

    kind: Kind
    n_channels: int
    size: tuple[int, ...] | None
    _flat: bool

    def __init__(
        self,
        *,
        owner: str,
        dtype: torch.dtype,
        alphabet: str,
        unknown: Unknown,
        image_shape: tuple[int, ...] | None,
        fixed: frozenset[int],
    ) -> None:
        super().__init__(owner=owner, dtype=dtype)
        self.letters = LetterReader(owner=owner, dtype=dtype, alphabet=alphabet, unknown=unknown)
        self.image_shape, self.fixed = image_shape, fixed

    def learn(self, X: Any, y: Any = None) -> GridSamples:
        """Learn the kind, the number of channels, the alphabet and the size."""
        X = unwrapped(X)
        self.kind = kind_of(X, self.image_shape)
        # After a fit on signals of different lengths, signals of one length are read one by one too.
        self._flat = self.image_shape is not None or (self.kind == "signal" and not is_ragged(X))
        if self.kind == "sequence":
            samples = self._from_letters(self.letters.learn(X))
        elif self._flat:
            samples = rows(self.columns.learn(X, dtype=self.numpy_dtype, order="C"), self.image_shape)
        else:
            samples = self._from_arrays(X)
        if not self._flat:
            self.columns.count(samples.n_channels)
        self.n_channels = samples.n_channels
        one_size = samples.uniform and samples.n_dimensions in self.fixed
        self.size = tuple(samples.sizes[0].tolist()) if one_size else None
        return samples

    def read(self, X: Any, y: Any = None) -> GridSamples:
        """Return samples of the kind, the number of channels and, if it is fixed, the size of the fit."""
        X = unwrapped(X)
        kind = kind_of(X, self.image_shape)
        if kind != self.kind:
            raise ValueError(f"X are {kind}s, but this {self.owner} was fitted on {self.kind}s")
        if kind == "sequence":
            samples = self._from_letters(self.letters.read(X))
        elif self._flat and (self.image_shape is not None or not is_ragged(X)):
            samples = rows(self.columns.read(X, dtype=self.numpy_dtype, order="C"), self.image_shape)
        else:
            samples = self._from_arrays(X)
        if samples.n_channels != self.n_channels:
            raise ValueError(f"X has {samples.n_channels} channels, but {self.owner} expects {self.n_channels}")
        if self.size is not None:
            other = (samples.sizes != torch.tensor(self.size)).any(dim=1).nonzero().ravel()
            if len(other):
                found, known = ("x".join(map(str, size)) for size in (samples.sizes[other[0]].tolist(), self.size))
                raise ValueError(
                    f"sample {int(other[0])} has the size {found}, but the samples of the fit had {known}: with "
                    "global_pooling=('max', 'avg') and position_bias=False samples may have any size"
                )
        return samples

    def _from_letters(self, letters: LetterSamples) -> GridSamples:
        return GridSamples.of_letters(letters, self.letters.alphabet, self.dtype)

    def _from_arrays(self, X: Any) -> GridSamples:
        return arrays(X, 1 if self.kind == "signal" else 2, self.numpy_dtype)

    @property
    def attributes(self) -> dict[str, Any]:
        """Columns, and the letters of the alphabet."""
        letters = self.letters.alphabet.letters if self.kind == "sequence" else None
        return super().attributes | {"letters_": letters}
