"""Sequences, signals and images: values on a grid of one or two dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor

from sklearn_ann._warnings import warn
from sklearn_ann.layers import image_grid, ragged_positions
from sklearn_ann.reading.alphabets import Alphabet, Unknown
from sklearn_ann.reading.chunks import first_of
from sklearn_ann.reading.columns import refuse_mask
from sklearn_ann.reading.kinds import (
    Kind,
    SampleType,
    channels_first,
    holds_strings,
    is_table,
    kind_of,
    possible_kinds,
    shape_of,
    unpacked,
)
from sklearn_ann.reading.letters import LetterReader, LetterSamples
from sklearn_ann.reading.reader import Reader
from sklearn_ann.training import Rows, Samples, Stream, StreamedSamples, as_array, as_tensor


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

    multiple = Rows.multiple

    def __init__(self, values: Tensor, sizes: Tensor, uniform: bool, rows: Tensor | None) -> None:
        self.values, self.sizes, self.uniform, self.rows = values, sizes, uniform, rows
        self.n_channels = values.shape[-1] if rows is None else rows.shape[1]
        self.n_dimensions = sizes.shape[1]
        self.starts = torch.cat([sizes.new_zeros(1), sizes.prod(dim=1).cumsum(0)])
        self.extents = None if uniform else self.starts.diff()
        self.one_shape = uniform
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


class StreamedGrids(StreamedSamples, GridSamples):
    """Signals or images of one size that are read piece by piece.

    Parameters
    ----------
    stream, encode
        See `StreamedSamples`.
    """

    def __init__(self, stream: Stream, encode: Callable[[Any], GridSamples]) -> None:
        super().__init__(stream, encode)
        first = encode(first_of(stream))
        self.sizes = first.sizes[:1].expand(len(stream), -1)
        self.n_channels, self.n_dimensions, self.uniform, self.rows = first.n_channels, first.n_dimensions, True, None


def _rounded(length: int) -> int:
    """Round a length up to one of sixteen values per octave: libraries prepare new kernels for each new shape."""
    step = 1 << max(0, length.bit_length() - 5)
    return -(-length // step) * step


# --- Input of many kinds ---------------------------------------------------------------------------------------------


def rows(X: np.ndarray, image_shape: tuple[int, ...] | None) -> GridSamples:
    """Read rows of numbers: signals of one channel, or flattened images."""
    values = X[:, :, None] if image_shape is None else X.reshape(len(X), *image_grid(image_shape, X.shape[1]))
    size = torch.tensor(values.shape[1:-1])
    return GridSamples(as_tensor(values), size.expand(len(X), -1), True, None)


def arrays(X: Any, n_dimensions: int, dtype: type[np.floating], missing: bool = False) -> GridSamples:
    """Read signals, (length,) or (length, channels), or images, (height, width) or (height, width, channels).

    With `missing`, values may be NaN.

    Raises
    ------
    ValueError
        If a sample is empty, is not finite, or differs from the first in its number of dimensions or channels.
    """
    if sp.issparse(X):
        raise TypeError("Sparse data was passed for X, but dense data is required. Use '.toarray()'.")
    if len(X) == 0:
        raise ValueError(f"Found array with 0 sample(s) (shape={np.shape(X)}) while a minimum of 1 is required.")
    channels = 0
    samples: list[np.ndarray] = []
    for index, sample in enumerate(X):
        array = _checked(sample, index, n_dimensions)
        channels = channels or array.shape[-1]
        if array.shape[-1] != channels:
            advice = (
                "" if n_dimensions > 1 or len(array) != len(samples[0]) else "; expected the shape (length, channels)"
            )
            raise ValueError(f"sample {index} has {array.shape[-1]} channels, the first one has {channels}{advice}")
        samples.append(array)
    sizes = np.array([array.shape[:-1] for array in samples])
    uniform = bool((sizes == sizes[0]).all())
    values = (
        np.stack(samples).astype(dtype)
        if uniform
        else np.concatenate([array.reshape(-1, channels) for array in samples]).astype(dtype)
    )
    flat = values.reshape(-1, values.shape[-1])
    finite = (~np.isinf(flat) if missing else np.isfinite(flat)).all(axis=1)
    if not finite.all():
        starts = np.cumsum([0, *sizes.prod(axis=1)])
        index = int(np.searchsorted(starts, np.argmin(finite), side="right")) - 1
        raise ValueError(f"sample {index} contains {'' if missing else 'NaN or '}infinity")
    return GridSamples(torch.from_numpy(values), torch.from_numpy(sizes), uniform, None)


def _checked(sample: Any, index: int, n_dimensions: int) -> np.ndarray:
    """Check one sample and return it as an array whose last dimension is the channels."""
    shape = shape_of(sample, index)
    refuse_mask(sample, f"sample {index}")
    array = as_array(sample) if isinstance(sample, Tensor) else np.asarray(sample)
    if array.dtype == object and not any(isinstance(value, str | bytes) for value in array.flat):
        try:
            array = array.astype(np.float64)  # of None, NaN
        except (TypeError, ValueError) as error:
            raise TypeError(f"sample {index} is an array of objects: expected numbers, but {error}") from error
    if array.dtype.kind not in "biufc":
        raise TypeError(f"sample {index} is an array of {array.dtype}: expected numbers")
    if np.iscomplexobj(array):
        raise ValueError(f"Complex data not supported: sample {index} is of {array.dtype}")
    if array.ndim == n_dimensions:
        array = array[..., None]
    if array.ndim != n_dimensions + 1:
        raise ValueError(
            f"sample {index} has shape {shape}: expected {n_dimensions} dimensions, or one more for the "
            "channels, as the first sample has"
        )
    if array.size == 0:
        raise ValueError(f"sample {index} has shape {shape}: it is empty")
    return array


class GridReader(Reader[GridSamples]):
    """Reads strings, signals and images.

    Parameters
    ----------
    alphabet, unknown
        See `LetterReader`.
    image_shape : tuple of int or None
        Shape of images that are given as rows.
    fixed : bool
        Whether later samples must have the size of the fit, if all samples of the fit have one.
    sample_type : {"auto", "sequence", "signal", "image"}
        See `kinds.kind_of`.

    Attributes
    ----------
    kind : {"sequence", "signal", "image"}
    n_channels : int
    size : tuple of int or None
        The size of all samples of the fit; None if they differ.
    letters : LetterReader
        Reads strings.
    """

    kind: Kind
    n_channels: int
    size: tuple[int, ...] | None
    missing: ClassVar[bool] = False
    """Whether numbers may be missing, NaN."""
    _flat: bool

    def __init__(
        self,
        *,
        owner: str,
        dtype: torch.dtype,
        alphabet: str,
        unknown: Unknown,
        image_shape: tuple[int, ...] | None,
        fixed: bool,
        sample_type: SampleType = "auto",
    ) -> None:
        super().__init__(owner=owner, dtype=dtype)
        self.letters = LetterReader(owner=owner, dtype=dtype, alphabet=alphabet, unknown=unknown)
        self.image_shape, self.fixed, self.sample_type = image_shape, fixed, sample_type

    def learn(self, X: Any, y: Any = None) -> GridSamples:
        """Learn the kind, the number of channels, the alphabet and the size."""
        if isinstance(X := self.opened(X), Stream):
            learned: GridSamples = self.learn_pieces(X)
            return learned
        numbers, named = (X, None) if holds_strings(X) else unpacked(X)
        self.kind, doubt = self._kind_of(numbers)
        # After a fit on signals of different lengths, signals of one length are read one by one too.
        self._flat = self.image_shape is not None or (self.kind == "signal" and self._is_flat(numbers))
        if self.kind == "sequence":
            samples = self._from_letters(self.letters.learn(X))
            self.columns = self.letters.columns
        elif self._flat:
            samples = rows(self.columns.learn(numbers, **self._table), self.image_shape)
        else:
            samples = self._from_arrays(numbers)
            if named is not None and named.shape[1] == samples.n_channels:
                self.columns.learn(named, skip_check_array=True)
            self.columns.count(samples.n_channels)
            if self.kind == "signal" and samples.uniform:
                doubt = doubt or channels_first(samples.values.numpy())
        self.n_channels = samples.n_channels
        self.size = tuple(samples.sizes[0].tolist()) if samples.uniform else None
        if doubt:  # errors come first
            warn(f"{self.owner}: {doubt}")
        return samples

    def read(self, X: Any, y: Any = None) -> GridSamples:
        """Return samples of the kind, the number of channels and, if it is fixed, the size of the fit."""
        if isinstance(X := self.opened(X), Stream):
            return self.streamed(X)
        numbers, named = (X, None) if holds_strings(X) else unpacked(X)
        possible = possible_kinds(numbers, self.image_shape)
        if self.kind not in possible:
            if len(numbers) == 0:
                raise ValueError(f"Found array with 0 sample(s) while a minimum of 1 is required by {self.owner}.")
            found = " or ".join(f"{kind}s" for kind in possible)
            raise ValueError(f"X are {found}, but this {self.owner} was fitted on {self.kind}s")
        if self.kind == "sequence":
            samples = self._from_letters(self.letters.read(X))
        elif self._flat and self._is_flat(numbers):
            samples = rows(self.columns.read(numbers, **self._table), self.image_shape)
        else:
            samples = self._from_arrays(numbers)
            if named is not None and self.columns.names is not None:
                self.columns.read(named, skip_check_array=True)
        if samples.n_channels != self.n_channels:
            raise ValueError(f"X has {samples.n_channels} channels, but {self.owner} expects {self.n_channels}")
        if self.fixed and self.size is not None:
            self._check_sizes(samples, self.size)
        return samples

    @property
    def in_pieces(self) -> bool:
        """Arrays are read so, whose samples have one size."""
        return True

    def streamed(self, stream: Stream) -> StreamedGrids:
        """Return samples that are read piece by piece."""
        return StreamedGrids(stream, self.read)

    def _kind_of(self, X: Any) -> tuple[Kind, str | None]:
        """Return the kind of unpacked samples, and why it is in doubt."""
        return kind_of(X, self.sample_type, self.image_shape)

    @property
    def _table(self) -> dict[str, Any]:
        """How scikit-learn checks rows of numbers."""
        finite = "allow-nan" if self.missing else True
        return {"dtype": self._number, "order": "C", "ensure_all_finite": finite}

    @property
    def _number(self) -> type[np.floating]:
        """Type in which numbers are read."""
        return self.numpy_dtype

    def _is_flat(self, X: Any) -> bool:
        """Return whether scikit-learn checks `X` as a table; signals in a list may have another length than in fit."""
        if self.image_shape is not None:
            return True
        if not isinstance(X, list | tuple):
            return not (isinstance(X, np.ndarray) and X.ndim == 1 and X.dtype == object) and getattr(X, "ndim", 2) < 3
        return is_table(X) and (not self.columns.attributes or len(X[0]) == self.columns.number)

    def _check_sizes(self, samples: GridSamples, size: tuple[int, ...]) -> None:
        other = (samples.sizes != torch.tensor(size)).any(dim=1).nonzero().ravel()
        if len(other):
            found, known = ("x".join(map(str, of)) for of in (samples.sizes[other[0]].tolist(), size))
            raise ValueError(
                f"sample {int(other[0])} has the size {found}, but the samples of the fit had {known}: with "
                "position_bias='auto' or False, and global_pooling='auto' or ('max', 'mean'), any size is read"
            )

    def _from_letters(self, letters: LetterSamples) -> GridSamples:
        return GridSamples.of_letters(letters, self.letters.alphabet, self.dtype)

    def _from_arrays(self, X: Any) -> GridSamples:
        return arrays(X, 1 if self.kind == "signal" else 2, self._number, self.missing)

    @property
    def attributes(self) -> dict[str, Any]:
        """Columns, the kind of the samples, and their alphabet with its letters; None if they are no sequences."""
        none = {"alphabet_": None, "letters_": None}
        letters = self.letters.attributes if self.kind == "sequence" else none
        return {**super().attributes, **letters, "sample_type_": self.kind}
