"""What an exported graph reads: plain arrays, their names and axes, and the samples that the graph makes of them.

A reader checks samples of many kinds and encodes them; a graph has tensors alone. What is arithmetic in reading, such
as scaling, is repeated here in torch and becomes a part of the graph. What is not, such as the codes of letters and of
categories, comes before it, by the tables that the file holds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from sklearn_ann.layers import inside
from sklearn_ann.reading import GridReader, LetterReader, Reader, RowReader, StandardizedRowReader, TableReader
from sklearn_ann.reading.alphabets import Alphabet, Unknown
from sklearn_ann.reading.grids import GridBatch
from sklearn_ann.reading.letters import LetterBatch, LetterSamples
from sklearn_ann.reading.scaling import EDGE, Scale
from sklearn_ann.reading.series import SeriesReader
from sklearn_ann.reading.tables import TableBatch
from sklearn_ann.training import as_array

SAMPLES, LENGTH = "n_samples", "length"
_PADDING = "behind the end of a sample any {what} may stand; it is not read"
_BLOCK = 16  # knots
_MOST_STEPS = 16  # doublings, in a series of any length: gaps of up to 65,535 steps are filled


class Input(NamedTuple):
    """An input of a graph."""

    name: str
    axes: dict[int, str]  # those of any length, by name; the first is that of the samples
    about: dict[str, Any]  # what a file says of it
    greatest: int | None = None  # length of the axis "length"


class Inputs(ABC):
    """The inputs of a graph, for one kind of reader.

    Attributes
    ----------
    fields : list of Input
        In the order of the arguments of `batch`.
    """

    fields: list[Input]

    @abstractmethod
    def arrays(self, X: Any) -> list[np.ndarray]:
        """Check samples as predictions do, and return the array of each input."""

    @abstractmethod
    def batch(self, *tensors: Tensor) -> Any:
        """Make of the inputs what the network takes; this becomes a part of the graph."""

    def varied(self, arrays: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
        """Return other inputs of the same kind, to compare the graph with the network on."""
        return [array * rng.uniform(0.5, 1.5, size=array.shape).astype(array.dtype) for array in arrays]


def _names(reader: Reader[Any], positions: list[int] | None = None) -> dict[str, Any]:
    names = reader.columns.names
    if names is None:
        return {}
    return {"columns": names if positions is None else [names[position] for position in positions]}


class RowInputs(Inputs):
    """Rows of numbers, in the shape of images if they come as images."""

    def __init__(self, reader: RowReader, X: Any) -> None:
        self._reader = reader
        shape = reader.image_shape
        self._shape = tuple(shape) if shape is not None and len(getattr(X, "shape", ())) > 2 else None
        self.fields = [Input("X", {0: SAMPLES}, {"what": "numbers"} | _names(reader))]

    def arrays(self, X: Any) -> list[np.ndarray]:
        samples = self._reader.read(X)
        rows = as_array(samples[torch.arange(len(samples))])
        return [rows if self._shape is None else rows.reshape(-1, *self._shape)]

    def batch(self, *tensors: Tensor) -> Tensor:
        (x,) = tensors
        return x if self._shape is None else x.flatten(1)


class CodeInputs(Inputs):
    """Codes that ``transform`` returned, for graphs that decode them."""

    def __init__(self, check: Callable[[Any], Any]) -> None:
        self._check = check
        self.fields = [Input("X", {0: SAMPLES}, {"what": "codes, as transform returns them"})]

    def arrays(self, X: Any) -> list[np.ndarray]:
        return [as_array(self._check(X).values)]

    def batch(self, *tensors: Tensor) -> Tensor:
        return tensors[0]


class StandardizedInputs(Inputs):
    """Rows of numbers that the graph standardises, and whose normal quantiles it takes."""

    def __init__(self, reader: StandardizedRowReader, _: Any) -> None:
        self._reader = reader
        self._mean, self._scale = (torch.tensor(part) for part in (reader.scaler.mean_, reader.scaler.scale_))
        self._quantiles = Scaling(reader.quantile_scale) if reader.quantiles else None
        self.fields = [Input("X", {0: SAMPLES}, {"what": "numbers"} | _names(reader))]

    def arrays(self, X: Any) -> list[np.ndarray]:
        self._reader.read(X)
        return [self._reader.columns.read(X, dtype=np.float64)]

    def batch(self, *tensors: Tensor) -> Tensor:
        (x,) = tensors
        scaled = (x - self._mean) / self._scale
        parts = [scaled] if self._quantiles is None else [scaled, self._quantiles(x)]
        return torch.cat(parts, dim=1).to(self._reader.dtype)


class TableInputs(Inputs):
    """The numbers of a table, which the graph scales, and the codes of its categories."""

    def __init__(self, reader: TableReader, _: Any) -> None:
        self._reader = reader
        scale: Any = reader._scale
        self._scaling = Scaling(scale)
        self.fields = []
        if reader.numeric:
            about = {"what": "numbers", "positions": reader.numeric, "missing": "nan"}
            self.fields.append(Input("X", {0: SAMPLES}, about | _names(reader, reader.numeric)))
        if reader.categorical:
            categories = [np.asarray(known).tolist() for known in reader.categories]
            about = {
                "what": "categories",
                "positions": reader.categorical,
                "categories": categories,
                "code": "place in the list of categories; for a missing value the length of the list, for an unknown "
                "category one more",
            }
            self.fields.append(Input("codes", {0: SAMPLES}, about | _names(reader, reader.categorical)))

    def arrays(self, X: Any) -> list[np.ndarray]:
        codes, values = self._reader.parts(X)
        return [*([values.astype(np.float64)] if self._reader.numeric else []), *([codes] if codes.shape[1] else [])]

    def parts(self, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        """Return codes and numbers that are not scaled; one of them may have no columns."""
        n = tensors[0].shape[0]
        values = tensors[0] if self._reader.numeric else torch.zeros((n, 0), dtype=torch.float64)
        return (tensors[-1] if self._reader.categorical else torch.zeros((n, 0), dtype=torch.int64)), values

    def batch(self, *tensors: Tensor) -> TableBatch:
        codes, values = self.parts(*tensors)
        scaled = self._scaling(values) if self._reader.numeric else values
        return TableBatch(codes, scaled.to(self._reader.dtype), torch.full((codes.shape[0],), -1))

    def varied(self, arrays: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
        sizes = np.array(self._reader.n_categories) + 2
        return [
            rng.integers(sizes, size=array.shape) if array.dtype == np.int64 else one
            for array, one in zip(arrays, super().varied(arrays, rng), strict=True)
        ]


class EntityInputs(TableInputs):
    """The columns of a table as they are: numbers are not scaled."""

    def batch(self, *tensors: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return self.parts(*tensors)


class GridInputs(Inputs):
    """Images and signals, or the codes of letters, of one size or of several."""

    def __init__(self, reader: GridReader, X: Any) -> None:
        self._reader = reader
        self._uniform = reader.size is not None
        self._letters = reader.kind == "sequence"
        sides = [LENGTH] if reader.kind != "image" else ["height", "width"]
        axes = {0: SAMPLES} | ({} if self._uniform else {1 + i: side for i, side in enumerate(sides)})
        self._n_dimensions = len(sides)
        # Samples of one size come in the shape that they have in X: without an axis of channels, or images as rows.
        shape = None if self._letters or not self._uniform else getattr(X, "shape", None)
        self._shape = (*(reader.size or ()), reader.n_channels)
        self._tail = self._shape if shape is None or len(shape) < 2 else tuple(shape[1:])
        if self._letters:
            alphabet = reader.letters.alphabet
            self._rows = torch.as_tensor(alphabet.rows, dtype=reader.dtype)
            self.fields = [Input("codes", axes, letters_told(alphabet, reader.letters.unknown))]
        else:
            self.fields = [Input("X", axes, {"what": f"{reader.kind}s", "axes": ["samples", *sides, "channels"]})]
            if self._uniform:
                self.fields[0].about.pop("axes")
        if not self._uniform:
            self.fields[0].about["padding"] = _PADDING.format(what="code of the table" if self._letters else "number")
            name, about = ("sizes", "height and width") if reader.kind == "image" else ("lengths", "length")
            self.fields.append(Input(name, {0: SAMPLES}, {"what": f"{about} of each sample"}))

    def arrays(self, X: Any) -> list[np.ndarray]:
        samples = self._samples(X)
        if self._uniform:
            if not samples.uniform or tuple(samples.sizes[0].tolist()) != self._reader.size:
                raise ValueError(
                    f"X has samples of another size than those in fit, {self._reader.size}: a graph of samples of one "
                    "size takes no other"
                )
            values = as_array(samples.values)
            return [values.astype(np.int64) if self._letters else values.reshape(-1, *self._tail)]
        values, sizes = as_array(samples.values), samples.sizes.numpy()
        padded = values if samples.uniform else padded_samples(values, sizes)
        return [padded.astype(np.int64) if self._letters else padded, sizes if self._n_dimensions > 1 else sizes[:, 0]]

    def _samples(self, X: Any) -> Any:
        return self._reader.read(X)

    def batch(self, *tensors: Tensor) -> GridBatch:
        x = tensors[0]
        if self._letters:
            x = self._rows.index_select(0, x.flatten()).view(*x.shape, -1)
        elif self._uniform:
            x = x.unflatten(1, self._shape) if len(self._tail) == 1 else x.reshape(-1, *self._shape)
        if self._uniform:
            return GridBatch(self._scaled(x, None).movedim(-1, 1), None)
        sizes = tensors[1] if self._n_dimensions > 1 else tensors[1][:, None]
        there = inside(sizes[:, 0], x.shape[1])
        if self._n_dimensions > 1:
            there = there[:, :, None] & inside(sizes[:, 1], x.shape[2])[:, None]
        x = torch.where(there[..., None], self._scaled(x, there), 0.0)
        return GridBatch(x.movedim(-1, 1), sizes)

    def _scaled(self, x: Tensor, there: Tensor | None) -> Tensor:
        """Return what the network reads of values of shape (batch, *size, channels)."""
        return x

    def varied(self, arrays: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
        values, *sizes = arrays
        if not self._uniform:  # of another length than what the graph was made with
            size = tuple(length + 3 - place for place, length in enumerate(values.shape[1 : 1 + self._n_dimensions]))
            values = np.resize(values, (len(values), *size, *values.shape[1 + self._n_dimensions :]))
            of = rng.integers(1, np.array(size) + 1, size=(len(values), self._n_dimensions))
            of[0] = size
            sizes = [of if self._n_dimensions > 1 else of[:, 0]]
        if self._letters:
            return [rng.integers(len(self._rows), size=values.shape), *sizes]
        return [values * rng.uniform(0.5, 1.5, size=values.shape).astype(values.dtype), *sizes]


class SeriesInputs(GridInputs):
    """Series, which the graph scales and whose gaps it fills, or the codes of letters."""

    def __init__(self, reader: SeriesReader, X: Any) -> None:
        super().__init__(reader, X)
        self._mean, self._scale = torch.tensor(reader.mean), torch.tensor(reader.scale)
        self._gaps = torch.tensor(reader.gaps)
        if not self._letters:
            self.fields[0].about["missing"] = "nan" if len(reader.gaps) else "none"

    def _samples(self, X: Any) -> Any:
        reader: Any = self._reader
        reader.read(X)
        return GridReader.read(reader, X)  # before they are scaled

    def _scaled(self, x: Tensor, there: Tensor | None) -> Tensor:
        if self._letters:
            return x
        absent = x.isnan()
        if len(self._gaps):
            x = filled_forward(x, absent)
        scaled = ((x - self._mean) / self._scale).to(self._reader.dtype)
        if not len(self._gaps):
            return scaled
        marks = absent.index_select(2, self._gaps).to(scaled.dtype)
        return torch.cat([torch.where(scaled.isnan(), 0.0, scaled), marks], dim=2)

    def varied(self, arrays: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
        values, *sizes = super().varied(arrays, rng)
        if len(self._gaps):
            values = np.where(rng.uniform(size=values.shape) < 0.3, np.nan, values)
        return [values, *sizes]


class LetterInputs(Inputs):
    """The codes of the letters of strings, and the lengths of these."""

    def __init__(self, reader: LetterReader, _: Any, greatest: int | None = None) -> None:
        self._reader = reader
        if reader.longest:
            greatest = min(reader.max_length, greatest or reader.max_length)
        about = letters_told(reader.alphabet, reader.unknown) | {"padding": _PADDING.format(what="code of the table")}
        if greatest is not None:
            about["greatest_length"] = greatest
        self._greatest = greatest
        self.fields = [
            Input("codes", {0: SAMPLES, 1: LENGTH}, about, greatest),
            Input("lengths", {0: SAMPLES}, {"what": "length of each sample"}),
        ]

    def arrays(self, X: Any) -> list[np.ndarray]:
        samples = self._reader.read(X)
        lengths = samples.lengths.numpy()
        if self._greatest is not None and lengths.max() > self._greatest:
            raise ValueError(
                f"sequence {lengths.argmax()} has {lengths.max()} letters, but the graph takes {self._greatest} at most"
            )
        return [_padded_codes(samples), lengths]

    def batch(self, *tensors: Tensor) -> LetterBatch:
        return LetterBatch(*tensors)

    def varied(self, arrays: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
        codes = arrays[0]
        length = codes.shape[1] + 3
        if self._greatest is not None:
            length = min(length, self._greatest)
        lengths = rng.integers(1, length + 1, size=len(codes))
        lengths[0] = length
        return [rng.integers(len(self._reader.alphabet.symbols), size=(len(codes), length)), lengths]


# --- Tables of letters, padding ------------------------------------------------------------------------------------


def letters_told(alphabet: Alphabet, unknown: Unknown) -> dict[str, Any]:
    """Return what one must know to encode strings in any language."""
    return {
        "what": "letters",
        "symbols": alphabet.symbols,
        "code": "place in symbols, from 0 on; lower-case letters as upper-case ones",
        "unknown": alphabet.any_letter if unknown == "ambiguous" else None,
    }


def _padded_codes(samples: LetterSamples) -> np.ndarray:
    return padded_samples(samples.codes.numpy(), samples.lengths.numpy()[:, None]).astype(np.int64)


def padded_samples(values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return samples that are flattened and concatenated as one array, with zeros behind the end of each.

    Parameters
    ----------
    values : array of shape (n_positions, ...)
    sizes : int array of shape (n_samples, n_dimensions)
    """
    rest = values.shape[1:]
    padded = np.zeros((len(sizes), *sizes.max(axis=0), *rest), dtype=values.dtype)
    parts = np.split(values, sizes.prod(axis=1).cumsum()[:-1])
    for sample, part, size in zip(padded, parts, sizes.tolist(), strict=True):
        sample[tuple(slice(length) for length in size)] = part.reshape(*size, *rest)
    return padded


# --- Reading that becomes a part of the graph ----------------------------------------------------------------------


def filled_forward(x: Tensor, absent: Tensor) -> Tensor:
    """Replace missing values of (batch, length, channels) by the last one before them; NaN where none came before."""
    length = x.shape[1]
    place = torch.where(absent, -1, torch.arange(length)[:, None])  # of the last known value, so far of each step's own
    for doubling in range(_MOST_STEPS):
        if isinstance(length, int) and 2**doubling >= length:
            break
        earlier = F.pad(place, (0, 0, 2**doubling, 0), value=-1)[:, :length]
        place = torch.maximum(place, earlier)
    return torch.where(place < 0, torch.nan, x.gather(1, place.clamp(min=0)))


class Scaling:
    """`reading.scaling.Scale` in torch, in operations that other formats have."""

    def __init__(self, scale: Scale) -> None:
        self._mean, self._scale = torch.tensor(scale.mean), torch.tensor(scale.scale)
        self._ranked = torch.tensor(scale.ranked)
        columns = np.cumsum(scale.ranked) - 1  # of the knots; those that are not ranked borrow some
        knots = scale.knots[columns.clip(min=0)] if len(scale.knots) else None
        self._knots = None if knots is None else torch.tensor(knots / 2)  # (n_columns, n_knots)

    def __call__(self, x: Tensor) -> Tensor:
        """Scale float64 numbers of shape (batch, n_columns); missing numbers stay NaN."""
        scaled = (x - self._mean) / self._scale
        if self._knots is None:
            return scaled
        shares = _shares((x / 2).T, self._knots).T
        ranked = normal_quantiles(shares.clamp(EDGE, 1 - EDGE))
        return torch.where(x.isnan(), torch.nan, torch.where(self._ranked, ranked, scaled))


def _shares(x: Tensor, knots: Tensor) -> Tensor:
    """Interpolate empirical probabilities, (n_columns, batch); see `reading.scaling._shares`."""
    most = knots.shape[1] - 1
    total = torch.zeros_like(x)
    for right in (False, True):
        above = _n_below(x, knots, right).clamp(1, most)
        low, high = knots.gather(1, above - 1), knots.gather(1, above)
        beyond = x >= low if right else x > low
        part = torch.where(high > low, ((x - low) / (high - low)).clamp(0, 1), beyond.to(x.dtype))
        total = total + (above - 1).to(x.dtype) + part
    return total / (2 * most)


def _n_below(x: Tensor, knots: Tensor, right: bool) -> Tensor:
    """Count the knots below each value, or up to it if `right`: first the blocks of 16, then in the next block."""

    def below(block: Tensor) -> Tensor:
        found = block <= x[:, :, None] if right else block < x[:, :, None]
        return found.sum(dim=2)

    blocks = knots.unflatten(1, (-1, _BLOCK))  # (n_columns, n_blocks, 16)
    n_columns, n_blocks = blocks.shape[:2]
    number = below(blocks[:, None, :, -1]).clamp(max=n_blocks - 1)  # (n_columns, batch)
    place = number + n_blocks * torch.arange(n_columns)[:, None]
    chosen = blocks.flatten(0, 1).index_select(0, place.flatten()).unflatten(0, x.shape)
    return _BLOCK * number + below(chosen)


# Wichura (1988), algorithm AS 241, PPND16: numerators and denominators of two ratios of polynomials of degree 7.
_CENTRE = (
    (3.3871328727963666080e0, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
     4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3),
    (1.0, 4.2313330701600911252e1, 6.8718700749205790830e2, 5.3941960214247511077e3,
     2.1213794301586595867e4, 3.9307895800092710610e4, 2.8729085735721942674e4, 5.2264952788528545610e3),
)  # fmt: skip
_TAILS = (
    (1.42343711074968357734e0, 4.63033784615654529590e0, 5.76949722146069140550e0, 3.64784832476320460504e0,
     1.27045825245236838258e0, 2.41780725177450611770e-1, 2.27238449892691845833e-2, 7.74545014278341407640e-4),
    (1.0, 2.05319162663775882187e0, 1.67638483018380384940e0, 6.89767334985100004550e-1,
     1.48103976427480074590e-1, 1.51986665636164571966e-2, 5.47593808499534494600e-4, 1.05075007164441684324e-9),
)  # fmt: skip


def normal_quantiles(p: Tensor) -> Tensor:
    """Return the quantiles of the normal distribution, for float64 probabilities from 1e-10 to 1 - 1e-10."""
    q = p - 0.5
    central = q.abs() <= 0.425
    r = torch.where(central, 0.180625 - q.square(), (-torch.minimum(p, 1 - p).log()).sqrt() - 1.6)
    square = r.square()
    few = torch.stack([torch.ones_like(r), r, square, square * r], dim=-1)
    powers = torch.cat([few, few * square.square()[..., None]], dim=-1)  # (..., 8)
    above, below, above_tail, below_tail = (powers @ torch.tensor((*_CENTRE, *_TAILS), dtype=p.dtype).T).unbind(-1)
    return torch.where(central, q * above / below, q.sign() * above_tail / below_tail)
